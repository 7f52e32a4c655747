//! A worker on memory: frames go in at a port, and what comes out is compared octet for octet.

mod arbitrary;
mod forms;
mod fragments;
mod frames;
mod hand_back;
mod lma;
mod local;
mod mag;
mod memory;
mod model;
mod own_ipv4;
mod realm;
mod routed;
mod run;
mod update;

use std::collections::BTreeMap;

use super::outlet::Batches;
use super::{Worker, WorkerHandle, wire_up_on};
use crate::config::{OwnAddress, PortRole, Role, RoleSet, WorkerConfig};
use crate::event::{Event, PuntReason};
use crate::packet::Buffer;
use crate::packet::vec::VecBuffer;
use crate::stats::DropReason;
use crate::update::{
    Encapsulation, HomeAction, LinkSlot, LinkSpec, NextHop, Numbered, PairAction, PathSlot,
    TunnelSlot, TunnelSpec, Update,
};
use frames::*;
use memory::{Memory, Wire};

const ACCESS: u16 = 0;
const TRANSPORT: u16 = 1;
const NETWORK: u16 = 2;
const BURST: usize = 32;

/// A worker with its ports' wires, single-stepped.
struct Node {
    worker: Worker<Memory>,
    handle: WorkerHandle<VecBuffer>,
    batches: Batches<Memory, BURST>,
    wires: BTreeMap<u16, Wire>,
    updates: u64,
}

/// What became of one frame.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Sent(u16, Vec<u8>),
    Fragmented(u16, Vec<Vec<u8>>),
    Punted(PuntReason),
    Dropped(DropReason),
    Refused(DropReason, PuntReason),
}

fn port(port: u16, roles: RoleSet) -> PortRole {
    PortRole {
        port,
        roles,
        mac: our_mac(port),
        mtu_bytes: 1500,
        realm: None,
    }
}

fn config(role: Role) -> WorkerConfig {
    WorkerConfig {
        role,
        homes: 64,
        long_homes: 16,
        pairs: 32,
        long_pairs: 8,
        tunnels: 8,
        links: 16,
        paths: 16,
        updates_ring: 256,
        inject_ring: 64,
        punt_ring: 64,
        events_ring: 16,
        ports: vec![
            port(ACCESS, RoleSet::ACCESS),
            port(TRANSPORT, RoleSet::TRANSPORT),
            port(NETWORK, RoleSet::NETWORK),
        ],
        own: vec![
            OwnAddress {
                port: TRANSPORT,
                address: OWN.parse().expect("an address"),
            },
            OwnAddress {
                port: TRANSPORT,
                address: OWN_IPV4.parse().expect("an address"),
            },
            OwnAddress {
                port: TRANSPORT,
                address: "fe80::1".parse().expect("an address"),
            },
        ],
        ..WorkerConfig::default()
    }
}

impl Node {
    fn new(config: &WorkerConfig) -> Self {
        let (mut worker, handle) = wire_up_on::<Memory>(config).expect("a valid configuration");
        let mut wires = BTreeMap::new();
        for role in &config.ports {
            let wire = Wire::default();
            worker
                .add_queue(role.port, wire.clone(), wire.clone())
                .expect("a port of the configuration");
            wires.insert(role.port, wire);
        }
        let batches = Batches::new(wires.len());
        Self {
            worker,
            handle,
            batches,
            wires,
            updates: 0,
        }
    }

    fn step(&mut self) {
        self.worker.iterate(&mut self.batches);
    }

    /// Applies updates, and checks that they are published as applied.
    fn hand_over(&mut self, updates: &[Update]) {
        for update in updates {
            self.updates += 1;
            let numbered = Numbered {
                number: self.updates,
                update: *update,
            };
            self.handle.push(numbered).expect("room in the ring");
        }
    }

    fn program(&mut self, updates: &[Update]) {
        self.hand_over(updates);
        while self.handle.applied() < self.updates {
            self.step();
        }
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.handle.stats().counters().collect()
    }

    fn counter(&self, name: &str) -> u64 {
        self.counters()[name]
    }

    /// Sends one frame in at a port and says what became of it; it must be one thing only.
    fn pass(&mut self, port: u16, frame: &[u8]) -> Fate {
        self.pass_buffer(port, VecBuffer::new(frame))
    }

    fn pass_buffer(&mut self, port: u16, buffer: VecBuffer) -> Fate {
        let received = buffer.data().to_vec();
        let before = self.counters();
        self.wires[&port].arrive(buffer);
        self.step();
        let mut fates = Vec::new();
        for (port, wire) in &self.wires {
            let mut sent: Vec<_> = std::iter::from_fn(|| wire.sent())
                .map(|sent| sent.data().to_vec())
                .collect();
            match sent.len() {
                0 => {}
                1 => fates.push(Fate::Sent(*port, sent.remove(0))),
                _ => fates.push(Fate::Fragmented(*port, sent)),
            }
        }
        let dropped: Vec<_> = DropReason::ALL
            .iter()
            .filter(|reason| self.handle.stats().dropped(**reason) > before[reason.name()])
            .copied()
            .collect();
        let punt = self.handle.poll_punt();
        if let Some(punt) = &punt {
            assert_eq!(punt.port, port);
            assert!(
                received.starts_with(punt.mbuf.data()),
                "a punted frame is as received"
            );
        }
        match (dropped.as_slice(), punt) {
            ([], Some(punt)) => fates.push(Fate::Punted(punt.reason)),
            ([reason], None) => fates.push(Fate::Dropped(*reason)),
            ([reason], Some(punt)) => fates.push(Fate::Refused(*reason, punt.reason)),
            ([], None) => {}
            (many, _) => panic!("dropped twice: {many:?}"),
        }
        assert_eq!(fates.len(), 1, "{fates:?}");
        fates.remove(0)
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.handle.poll_event()).collect()
    }
}

fn tunnel(slot: u32, remote: &str) -> Update {
    Update::Tunnel {
        slot: TunnelSlot(slot),
        tunnel: tunnel_spec(remote),
    }
}

fn tunnel_spec(remote: &str) -> TunnelSpec {
    TunnelSpec {
        local: OWN.parse().expect("an address"),
        remote: remote.parse().expect("an address"),
        encapsulation: Encapsulation::Ip,
        gre: None,
        encapsulation_limit: None,
        hop_limit: 64,
        mtu_bytes: 1460,
        next_hop: Some(hop(TRANSPORT)),
    }
}

fn hop(port: u16) -> NextHop {
    NextHop {
        port,
        source_mac: our_mac(port),
        destination_mac: router_mac(port),
    }
}

fn link(slot: u32, vlan: Option<u16>, mn: u8) -> Update {
    Update::Link {
        slot: LinkSlot(slot),
        link: LinkSpec {
            port: ACCESS,
            vlan,
            source_mac: our_mac(ACCESS),
            mn_mac: mn_mac(mn),
            mtu_bytes: 1500,
            router: None,
        },
    }
}

fn home(prefix: &str, action: HomeAction) -> Update {
    Update::Home {
        home: prefix.parse().expect("a prefix"),
        action,
    }
}

fn attached(link: u32, lma: u32) -> HomeAction {
    HomeAction::Attached {
        link: LinkSlot(link),
        lma: TunnelSlot(lma),
    }
}

fn anchored(mag: u32) -> HomeAction {
    HomeAction::Anchored {
        mag: TunnelSlot(mag),
    }
}

fn pair(source: &str, destination: &str, action: PairAction, path: u32) -> Update {
    Update::Pair {
        source: source.parse().expect("a prefix"),
        destination: destination.parse().expect("a prefix"),
        action,
        path: PathSlot(path),
    }
}

fn send(tunnel: u32) -> PairAction {
    PairAction::Send {
        tunnel: TunnelSlot(tunnel),
    }
}

fn receive(tunnel: u32) -> PairAction {
    PairAction::Receive {
        tunnel: TunnelSlot(tunnel),
    }
}
