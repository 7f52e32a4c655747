//! How a peer is reached (L-63 to L-66): its tunnel changes in one step and keeps its slot.

use std::net::{Ipv4Addr, SocketAddrV4};

use dataplane::{Encapsulation, TunnelSpec};
use pmipv6::io::Via;

use super::*;

const OWN: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const NAT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

/// A worker's ring, read for tunnels.
fn tunnels(worker: &FakeWorker) -> Vec<(u32, TunnelSpec)> {
    let ring = &worker.0.borrow().ring;
    let tunnels = ring.iter().filter_map(|numbered| match numbered.update {
        Update::Tunnel { slot, tunnel } => Some((slot.0, tunnel)),
        _ => None,
    });
    tunnels.collect()
}

fn plain(last: u8, udp_data: bool) -> Via {
    Via::Ipv4 {
        local: OWN,
        remote: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, last), 5436),
        udp_data,
    }
}

fn behind_nat(port: u16) -> Via {
    Via::Nat {
        local: OWN,
        remote: SocketAddrV4::new(NAT, port),
    }
}

fn bind(n: u8) -> Entry {
    Entry::Bind {
        home: home(n),
        proxy_coa: peer(n),
    }
}

fn reach(n: u8, via: Via) -> Entry {
    Entry::Reach { peer: peer(n), via }
}

fn programmed(entries: &[Entry]) -> (FakeWorker, FakeHops, Program<FakeWorker>) {
    let worker = FakeWorker::with_ring(64);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    for (entry, number) in entries.iter().zip(1..) {
        program
            .carry_out(AT_START, number, entry, &mut hops)
            .unwrap();
    }
    (worker, hops, program)
}

#[test]
fn l_63_l_65_the_outer_header_is_that_of_the_way() {
    let udp = |local_port, remote_port| Encapsulation::Udp {
        local_port,
        remote_port,
    };
    let ways = [
        (plain(11, false), Encapsulation::Ip, 1480),
        (plain(11, true), udp(5437, 5437), 1472),
        (behind_nat(40_001), udp(4191, 40_001), 1472),
    ];
    for (via, encapsulation, mtu_bytes) in ways {
        let (worker, hops, _) = programmed(&[reach(1, via), bind(1)]);
        let [(_, tunnel)] = tunnels(&worker)[..] else {
            panic!("{via:?}: one tunnel");
        };
        assert_eq!(tunnel.local, IpAddr::V4(OWN));
        assert_eq!(
            (tunnel.encapsulation, tunnel.mtu_bytes),
            (encapsulation, mtu_bytes)
        );
        assert_eq!(tunnel.next_hop, Some(NEXT_HOP), "by the IPv4 address");
        assert!(hops.0.contains(&tunnel.remote));
    }
}

#[test]
fn a_tunnel_that_stands_changes_in_one_step_and_keeps_its_slot() {
    let (worker, hops, _) = programmed(&[
        bind(1),
        reach(1, plain(11, false)),
        reach(1, behind_nat(40_001)),
        reach(1, behind_nat(40_002)),
        reach(1, Via::Ipv6),
    ]);
    let all = tunnels(&worker);
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|(slot, _)| *slot == 0));
    let remotes: Vec<IpAddr> = all.iter().map(|(_, tunnel)| tunnel.remote).collect();
    let ipv4 = |address: Ipv4Addr| IpAddr::V4(address);
    assert_eq!(
        remotes,
        [
            peer(1),
            ipv4(Ipv4Addr::new(198, 51, 100, 11)),
            ipv4(NAT),
            ipv4(NAT),
            peer(1)
        ]
    );
    assert_eq!(hops.0, [peer(1)].into(), "nothing else is tracked any more");
}

#[test]
fn peers_behind_one_nat_share_a_next_hop_and_nothing_else() {
    let (worker, mut hops, mut program) = programmed(&[
        reach(1, behind_nat(40_001)),
        reach(2, behind_nat(40_002)),
        bind(1),
        bind(2),
    ]);
    program.set_next_hop(NAT.into(), None);
    let last: HashMap<u32, TunnelSpec> = tunnels(&worker).into_iter().collect();
    assert!(last.values().all(|tunnel| tunnel.next_hop.is_none()));
    assert_ne!(last[&0].encapsulation, last[&1].encapsulation);
    let unbind = |n| Entry::Unbind { home: home(n) };
    program
        .carry_out(AT_START, 5, &unbind(1), &mut hops)
        .unwrap();
    assert!(hops.0.contains(&IpAddr::V4(NAT)), "one is left");
    program
        .carry_out(AT_START, 6, &unbind(2), &mut hops)
        .unwrap();
    assert!(hops.0.is_empty());
}

#[test]
fn a_way_without_a_tunnel_waits_for_one() {
    let (worker, hops, _) = programmed(&[reach(1, plain(11, false))]);
    assert!(tunnels(&worker).is_empty() && hops.0.is_empty());
}

/// RFC 2473 section 4.1.1: eight octets of every packet over IPv6; over IPv4 there is no place for it.
#[test]
fn rfc_2473_an_encapsulation_limit_takes_its_room() {
    for (way, mtu_bytes) in [(None, 1452), (Some(reach(1, plain(11, false))), 1480)] {
        let worker = FakeWorker::with_ring(64);
        let limited = ProgramConfig {
            encapsulation_limit: Some(4),
            ..config(8)
        };
        let mut program = Program::new(limited, vec![worker.clone()]);
        let mut hops = FakeHops::default();
        for (entry, number) in way.iter().chain([&bind(1)]).zip(1..) {
            program
                .carry_out(AT_START, number, entry, &mut hops)
                .unwrap();
        }
        let [(_, tunnel)] = tunnels(&worker)[..] else {
            panic!("{way:?}: one tunnel");
        };
        assert_eq!(
            (tunnel.encapsulation_limit, tunnel.mtu_bytes),
            (Some(4), mtu_bytes)
        );
    }
}
