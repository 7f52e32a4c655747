//! A worker on real mbufs, queues and an lcore: two ports of net_ring, which give back what they are sent.
//!
//! EAL starts once in a process: one test a file, or one process a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dataplane::{
    Counter, DropReason, Encapsulation, HomeAction, IcmpError, Inject, LinkSlot, LinkSpec, NextHop,
    Numbered, OwnAddress, PortRole, Punt, PuntReason, RoleSet, TunnelSlot, TunnelSpec, Update,
    WorkerConfig, WorkerHandle, wire_up,
};
use dpdk::{Eal, Mempool, Port, PortConfig};

const ACCESS: u16 = 0;
const TRANSPORT: u16 = 1;
const ENDS: [&str; 2] = ["2001:db8:ffff::1", "2001:db8:ffff::2"];
const MBUFS: u32 = 511;
const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PATIENCE: Duration = Duration::from_secs(20);

fn mn_mac(mn: u8) -> [u8; 6] {
    [2, 0, 0, 0, 2, mn]
}

fn start_eal() -> Eal {
    let prefix = format!("--file-prefix=cf-dataplane-{}", std::process::id());
    let arguments: Vec<String> = [
        "test",
        "--no-huge",
        "-m",
        "64",
        "--no-shconf",
        "--no-telemetry",
        "--no-pci",
        "--lcores",
        "0@0,1@(0-1)",
        "--vdev",
        "net_ring0",
        "--vdev",
        "net_ring1",
        &prefix,
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    Eal::init(&arguments).expect("EAL starts").0
}

fn config() -> WorkerConfig {
    let port = |port, roles| PortRole {
        port,
        roles,
        mac: OUR_MAC,
        mtu_bytes: 1500,
        realm: None,
    };
    let own = |address: &str| OwnAddress {
        port: TRANSPORT,
        address: address.parse().expect("an address"),
    };
    WorkerConfig {
        homes: 64,
        pairs: 64,
        paths: 64,
        ports: vec![
            port(ACCESS, RoleSet::ACCESS),
            port(TRANSPORT, RoleSet::TRANSPORT),
        ],
        own: ENDS.map(own).to_vec(),
        detect: dataplane::DetectConfig {
            enabled: false,
            ..Default::default()
        },
        ..WorkerConfig::default()
    }
}

/// Slot 0 from the first end to the second, slot 1 the other way: the node is its own anchor.
fn tunnel(slot: usize) -> Update {
    let address = |at: usize| ENDS[at % 2].parse().expect("an address");
    Update::Tunnel {
        slot: TunnelSlot(slot as u32),
        tunnel: TunnelSpec {
            local: address(slot),
            remote: address(slot + 1),
            encapsulation: Encapsulation::Ip,
            gre: None,
            encapsulation_limit: None,
            hop_limit: 64,
            mtu_bytes: 1460,
            next_hop: Some(NextHop {
                port: TRANSPORT,
                source_mac: OUR_MAC,
                destination_mac: OUR_MAC,
            }),
        },
    }
}

fn program() -> Vec<Update> {
    let link = |mn: u8| Update::Link {
        slot: LinkSlot(mn.into()),
        link: LinkSpec {
            port: ACCESS,
            vlan: None,
            source_mac: OUR_MAC,
            mn_mac: mn_mac(mn),
            mtu_bytes: 1500,
            router: None,
        },
    };
    let home = |mn: u8, lma| Update::Home {
        home: format!("2001:db8:{mn}::/64").parse().expect("a prefix"),
        action: HomeAction::Attached {
            link: LinkSlot(mn.into()),
            lma: TunnelSlot(lma),
        },
    };
    // MN1 goes up through tunnel 0; what arrives for MN2 must have come through tunnel 1.
    vec![
        tunnel(0),
        tunnel(1),
        link(1),
        link(2),
        home(1, 0),
        home(2, 1),
    ]
}

/// From MN1 to MN2, IPv6 with no payload.
fn frame(hop_limit: u8) -> Vec<u8> {
    frame_with(hop_limit, &[])
}

fn frame_with(hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = OUR_MAC.to_vec();
    frame.extend(mn_mac(1));
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend((payload.len() as u16).to_be_bytes());
    frame.extend([59, hop_limit]);
    for mn in 1..=2 {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, mn, 0, 0, 0, 0, mn);
        frame.extend(address.octets());
    }
    frame.extend(payload);
    frame
}

/// Says yes in the end, or fails.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

fn inject(handle: &mut WorkerHandle, pool: &Mempool, octets: &[u8]) {
    let mbuf = pool.alloc_copy(octets).expect("an mbuf");
    let port = ACCESS;
    assert!(handle.inject(Inject { mbuf, port }).is_ok());
}

#[test]
fn a_worker_on_an_lcore_encapsulates_decapsulates_punts_and_stops() {
    let eal = start_eal();
    let pool = Mempool::new("test", MBUFS, 0, 2176, None).expect("a pool");
    let (mut worker, mut handle) = wire_up(&config()).expect("a valid configuration");
    let port_config = PortConfig {
        rx_queues: 1,
        tx_queues: 1,
        rx_descriptors: 64,
        tx_descriptors: 64,
        mtu: None,
        promiscuous: false,
    };
    let mut ports = Vec::new();
    for id in [ACCESS, TRANSPORT] {
        let (port, mut rx, mut tx) = Port::configure(id, &port_config, &pool).expect("a port");
        port.start().expect("it starts");
        worker
            .add_queue(id, rx.remove(0), tx.remove(0))
            .expect("a configured port");
        ports.push(port);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let lcore = eal.worker_lcores()[0];
    let running = eal
        .launch(lcore, Box::new(move || worker.run(&seen)))
        .expect("it starts");

    let updates = program();
    for (at, update) in updates.iter().enumerate() {
        let numbered = Numbered {
            number: at as u64 + 1,
            update: *update,
        };
        handle.push(numbered).expect("room");
    }
    wait_for("the updates", || handle.applied() == updates.len() as u64);

    // Up, over the transport port, and down again: seen there as a frame to another station.
    inject(&mut handle, &pool, &frame(64));
    let stats = Arc::clone(handle.stats());
    wait_for("the delivery", || stats.dropped(DropReason::OtherHost) == 1);
    assert_eq!(stats.get(Counter::MagUp), 1);
    assert_eq!(stats.get(Counter::MagDown), 1);

    // Too large for the way: up in fragments, which come back, are put together and delivered.
    let Update::Tunnel { slot, tunnel } = tunnel(0) else {
        panic!("a tunnel");
    };
    let tunnel = TunnelSpec {
        mtu_bytes: 600,
        ..tunnel
    };
    let number = updates.len() as u64 + 1;
    let update = Update::Tunnel { slot, tunnel };
    handle.push(Numbered { number, update }).expect("room");
    wait_for("the update", || handle.applied() == number);
    inject(&mut handle, &pool, &frame_with(64, &[0x5a; 1200]));
    wait_for("the delivery", || stats.dropped(DropReason::OtherHost) == 2);
    assert_eq!(stats.get(Counter::TunnelFragmented), 1);
    assert_eq!(stats.get(Counter::TunnelFragments), 3);
    assert_eq!(stats.get(Counter::ReassemblyFragments), 3);
    assert_eq!(stats.get(Counter::ReassemblyPackets), 1);
    assert_eq!(stats.get(Counter::MagDown), 2);

    // Its last hop is the way up: the tunnel packet comes back as it was received.
    inject(&mut handle, &pool, &frame(2));
    let mut punt: Option<Punt> = None;
    wait_for("the punt", || {
        punt = handle.poll_punt();
        punt.is_some()
    });
    let punt = punt.expect("waited for");
    assert_eq!(punt.reason, PuntReason::IcmpError(IcmpError::HopLimit));
    assert_eq!(punt.port, TRANSPORT);
    let outer = punt.mbuf.data();
    assert_eq!(outer[18..22], [0, 40, 41, 64]);
    assert_eq!(outer[54..], frame(1)[14..]);
    drop(punt);

    stop.store(true, Relaxed);
    running.wait().expect("it did not panic");
    drop(ports);
    drop(handle);
    assert_eq!(pool.in_use(), 0, "every mbuf is back");
    drop(pool);
    eal.cleanup().expect("nothing is left");
}
