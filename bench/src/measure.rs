//! One measurement: a worker on its lcore, filled through its ring, counted from outside.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use dataplane::{
    Counter, DetectConfig, Encapsulation, HomeAction, LinkSlot, LinkSpec, NextHop, Numbered,
    OwnAddress, PortRole, RoleSet, TunnelSlot, TunnelSpec, Update, WorkerConfig, WorkerHandle,
    wire_up,
};
use dpdk::{Eal, Mempool, Port, PortConfig};
use serde_json::{Value, json};

use crate::domain::{
    ACCESS_MAC, Direction, PROXY_CARE_OF_ADDRESS, ROUTER_MAC, TRANSPORT_MAC, anchor_address,
    anchor_of, home_network_prefix, mobile_node_mac,
};

/// The only port: mobile nodes and LMAs are both behind it, so that every packet leaves where it came in, as
/// with testpmd.
const PORT: u16 = 0;
const DESCRIPTORS: u16 = 1024;
const MTU_BYTES: u16 = 1500;
const HOP_LIMIT: u8 = 64;
/// Packets beyond those that the port replays: queues, bursts and the cache.
const SPARE_MBUFS: u32 = 16_384;
const MBUF_CACHE: u32 = 512;
/// Longest time for the worker to apply what it was given.
const FILL_TIMEOUT: Duration = Duration::from_secs(60);

/// How EAL names the threads of its worker lcores; newer versions say `dpdk-worker`.
const WORKER_THREAD: &str = "rte-worker-";

/// What is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which way the replayed frames go.
    pub direction: Direction,
    /// Attached mobile nodes, an HNP and a link each.
    pub homes: u32,
    /// LMAs that they are spread over.
    pub anchors: u32,
    /// Packets asked of the port at once.
    pub burst_packets: usize,
    /// Octets of a packet buffer, its headroom included.
    pub mbuf_bytes: u16,
    /// Whether the MAG looks for pairs that talk (a MAG that requests localized routing itself does).
    pub detect: bool,
    /// Time before counting begins.
    pub warm_up: Duration,
    /// Time of counting.
    pub measure: Duration,
}

/// Runs it on the first worker lcore.
///
/// # Errors
/// No such port or lcore, not enough memory, or packets that were not forwarded: then the figure would mean
/// nothing.
pub fn run(eal: &Eal, plan: &Plan) -> Result<Value> {
    let lcore = *eal
        .worker_lcores()
        .first()
        .context("no worker lcore: -l 0,1")?;
    let mbufs = plan.homes + SPARE_MBUFS;
    let pool = Mempool::new("bench", mbufs, MBUF_CACHE, plan.mbuf_bytes, None)?;
    let (port, mut rx, mut tx) = Port::configure(PORT, &port_config(), &pool)?;
    let (mut worker, mut control) = wire_up(&worker_config(plan))?;
    let queues = rx.pop().zip(tx.pop()).context("the port has no queues")?;
    worker.add_queue(PORT, queues.0, queues.1)?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let running = eal.launch(lcore, Box::new(move || worker.run(&told)))?;
    let outcome = fill(&mut control, plan).and_then(|fill_s| {
        port.start()?;
        let mut result = count(&mut control, plan)?;
        result["fill_s"] = json!(fill_s);
        Ok(result)
    });
    stop.store(true, Ordering::Relaxed);
    if running.wait().is_err() {
        bail!("the worker panicked");
    }
    outcome
}

fn port_config() -> PortConfig {
    PortConfig {
        rx_queues: 1,
        tx_queues: 1,
        rx_descriptors: DESCRIPTORS,
        tx_descriptors: DESCRIPTORS,
        mtu: None,
        promiscuous: false,
    }
}

fn worker_config(plan: &Plan) -> WorkerConfig {
    WorkerConfig {
        burst_packets: plan.burst_packets,
        homes: plan.homes,
        links: plan.homes,
        tunnels: plan.anchors,
        ports: vec![PortRole {
            port: PORT,
            roles: RoleSet::ACCESS.and(RoleSet::TRANSPORT),
            mac: TRANSPORT_MAC,
            mtu_bytes: MTU_BYTES,
            realm: None,
        }],
        own: vec![OwnAddress {
            port: PORT,
            address: PROXY_CARE_OF_ADDRESS.into(),
        }],
        detect: DetectConfig {
            enabled: plan.detect,
            ..DetectConfig::default()
        },
        ..WorkerConfig::default()
    }
}

/// Gives the worker its tunnels, links and homes, as control does, and waits until all are applied. Returns
/// how long it took, seconds.
fn fill(control: &mut WorkerHandle, plan: &Plan) -> Result<f64> {
    let start = Instant::now();
    let mut number = 0;
    for update in updates(plan) {
        number += 1;
        let mut waiting = Numbered { number, update };
        while let Err(back) = control.push(waiting) {
            ensure!(
                start.elapsed() < FILL_TIMEOUT,
                "the worker takes no updates"
            );
            waiting = back;
            std::hint::spin_loop();
        }
    }
    while control.applied() < number {
        ensure!(
            start.elapsed() < FILL_TIMEOUT,
            "the worker applies no updates"
        );
        std::thread::sleep(Duration::from_micros(100));
    }
    let seconds = start.elapsed().as_secs_f64();
    let refused = control.stats().get(Counter::UpdatesRefused);
    ensure!(
        refused == 0,
        "the worker refused {refused} of {number} updates"
    );
    Ok(seconds)
}

/// Tunnels and links first: a home points to both.
fn updates(plan: &Plan) -> impl Iterator<Item = Update> + '_ {
    let tunnels = (0..plan.anchors).map(|anchor| Update::Tunnel {
        slot: TunnelSlot(anchor),
        tunnel: TunnelSpec {
            local: PROXY_CARE_OF_ADDRESS.into(),
            remote: anchor_address(anchor).into(),
            encapsulation: Encapsulation::Ip,
            gre: None,
            encapsulation_limit: None,
            hop_limit: HOP_LIMIT,
            mtu_bytes: MTU_BYTES - 40,
            next_hop: Some(NextHop {
                port: PORT,
                source_mac: TRANSPORT_MAC,
                destination_mac: ROUTER_MAC,
            }),
        },
    });
    let links = (0..plan.homes).map(|node| Update::Link {
        slot: LinkSlot(node),
        link: LinkSpec {
            port: PORT,
            vlan: None,
            source_mac: ACCESS_MAC,
            mn_mac: mobile_node_mac(node),
            mtu_bytes: MTU_BYTES,
            router: None,
        },
    });
    let homes = (0..plan.homes).map(|node| Update::Home {
        home: home_network_prefix(node).into(),
        action: HomeAction::Attached {
            link: LinkSlot(node),
            lma: TunnelSlot(anchor_of(node, plan.anchors)),
        },
    });
    tunnels.chain(links).chain(homes)
}

/// Lets the packets run and counts those forwarded.
fn count(control: &mut WorkerHandle, plan: &Plan) -> Result<Value> {
    idle(control, plan.warm_up);
    let (before, start) = (snapshot(control)?, Instant::now());
    idle(control, plan.measure);
    let (after, seconds) = (snapshot(control)?, start.elapsed().as_secs_f64());
    let [received, forwarded, dropped, busy, on_cpu_ns] =
        std::array::from_fn(|figure| after[figure] - before[figure]);
    ensure!(received > 0, "the port delivered nothing");
    let lost = control
        .stats()
        .counters()
        .filter(|(name, value)| name.starts_with("drop.") && *value > 0)
        .collect::<Vec<_>>();
    ensure!(dropped == 0, "{dropped} packets were dropped: {lost:?}");
    let rate = forwarded as f64 / seconds;
    Ok(json!({
        "mpps": rate / 1e6,
        "ns_per_packet": 1e9 / rate,
        "worker_clocks_per_packet": busy as f64 / forwarded.max(1) as f64,
        "forwarded": forwarded,
        "dropped": dropped,
        "cpu_share": on_cpu_ns as f64 / 1e9 / seconds,
        "seconds": seconds,
        "tsc_hz": dpdk::tsc_hz(),
    }))
}

/// Packets received, forwarded and dropped, clocks of polls that found packets, and nanoseconds that the
/// worker's thread had a processor.
fn snapshot(control: &WorkerHandle) -> Result<[u64; 5]> {
    let stats = control.stats();
    Ok([
        stats.get(Counter::RxPackets),
        stats.get(Counter::Forwarded),
        stats.dropped_total(),
        stats.cycles().0,
        worker_cpu_ns()?,
    ])
}

/// The kernel's account of the worker lcore's thread.
fn worker_cpu_ns() -> Result<u64> {
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))?.starts_with(WORKER_THREAD) {
            let account = fs::read_to_string(thread.join("schedstat"))?;
            let ns = account.split_whitespace().next().unwrap_or_default();
            return ns.parse().context("/proc/self/task/N/schedstat");
        }
    }
    bail!("EAL has no thread named {WORKER_THREAD}")
}

/// What control does meanwhile: it takes what the worker tells it.
fn idle(control: &mut WorkerHandle, time: Duration) {
    const NAP: Duration = Duration::from_millis(10);
    let end = Instant::now() + time;
    while Instant::now() < end {
        while control.poll_punt().is_some() {}
        while control.poll_event().is_some() {}
        std::thread::sleep(NAP.min(end.saturating_duration_since(Instant::now())));
    }
}
