//! The domain: nodes, mobiles and network under one virtual clock, driven event by event.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::io::{Input, Now, Output, Token};

use super::check::{Violation, ViolationKind};
use super::event::{Event, Scheduled};
use super::grants::Grants;
use super::layout::{Build, Layout, MobileIndex, Role, mono};
use super::mobile::{Mobile, Operation, Talk};
use super::network::{Faults, Micros, Network, NodeIndex, SECOND};
use super::node::{Dataplane, Node};
use super::rng::Rng;
use super::trace::Trace;

/// Wall clock at the start of a run: 2025-01-01 UTC.
const WALL_EPOCH: Duration = Duration::from_secs(1_735_689_600);

/// What a run amounted to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages sent, by the draft's name.
    pub messages: BTreeMap<&'static str, u64>,
    /// Messages that the network lost.
    pub messages_lost: u64,
    /// Messages to addresses that no node has.
    pub messages_astray: u64,
    /// Events handled.
    pub events: u64,
    /// Registrations that an MN obtained at another MAG than before.
    pub handovers: u64,
    /// Attachments answered, accepted.
    pub attached: u64,
    /// Attachments answered, refused.
    pub refused: u64,
    /// Packets that the attacker made or sent again.
    pub attacks: u64,
    /// Packets that boundaries dropped, by the counter's name.
    pub discards: BTreeMap<&'static str, u64>,
    /// Packets that a restarted node took though it had taken them just before its crash.
    pub taken_after_crash: u64,
}

impl Stats {
    /// Messages of all kinds.
    #[must_use]
    pub fn total_messages(&self) -> u64 {
        self.messages.values().sum()
    }
}

/// A domain in virtual time.
pub struct Domain<'a> {
    pub(super) layout: Layout,
    pub(super) build: &'a Build<'a>,
    pub(super) now: Micros,
    queue: BinaryHeap<Reverse<Scheduled>>,
    order: u64,
    /// LMAs first, then MAGs.
    pub nodes: Vec<Node>,
    /// The MNs.
    pub mobiles: Vec<Mobile>,
    pub(super) network: Network,
    pub(super) addresses: BTreeMap<IpAddr, NodeIndex>,
    /// Conversations, one an ordered pair.
    pub talks: BTreeMap<(MobileIndex, MobileIndex), Talk>,
    pub(super) commands: BTreeMap<Token, super::access::Command>,
    pub(super) next_token: Token,
    pub(super) seeds: Rng,
    pub(super) rng_dataplane: Rng,
    pub(super) rng_mobile: Rng,
    pub(super) rng_attacker: Rng,
    pub(super) attacker: super::attacker::Attacker,
    pub(super) numbers: super::gate::Numbers,
    pub(super) nats: super::nat::Nats,
    pub(super) nodes_down: usize,
    /// Nodes that stand still.
    pub(super) nodes_frozen: usize,
    pub(super) rng_freeze: Rng,
    pub(super) rng_keys: Rng,
    /// An LMA has lost its bindings in this run.
    pub(super) anchor_crashed: bool,
    /// Nodes that lie, or have lied.
    pub(super) liars: BTreeMap<NodeIndex, super::liar::Liar>,
    /// Since when no node is down or lies and no partition stands.
    pub(super) calm_since: Micros,
    /// Since when packets follow each other closely, because something has just happened.
    pub(super) stirred_at: Micros,
    pub(super) grants: Grants,
    pub(super) answered: std::collections::BTreeSet<(NodeIndex, u32, NodeIndex, &'static str, u16)>,
    pub(super) violation: Option<Violation>,
    /// No packet of two settled MNs may be lost for longer.
    pub blackhole_bound_us: Micros,
    /// Figures of the run.
    pub stats: Stats,
    /// The run in the draft's words.
    pub trace: Trace,
    pub(super) outputs: Vec<Output>,
}

impl std::fmt::Debug for Domain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Domain")
            .field("now", &self.now)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

impl<'a> Domain<'a> {
    /// A domain at time 0: every node is up, no MN is on a link.
    #[must_use]
    pub fn new(layout: Layout, faults: Faults, seed: u64, build: &'a Build<'a>) -> Self {
        let rng = Rng::new(seed);
        let count = layout.lmas + layout.mags;
        let addresses = (0..count).map(|n| (layout.address(n), n)).collect();
        let mut domain = Self {
            now: 0,
            queue: BinaryHeap::new(),
            order: 0,
            nodes: Vec::new(),
            mobiles: vec![Mobile::default(); layout.mobiles],
            network: Network::new(faults, rng.fork(1)),
            addresses,
            talks: BTreeMap::new(),
            commands: BTreeMap::new(),
            next_token: 1,
            seeds: rng.fork(2),
            rng_dataplane: rng.fork(3),
            rng_mobile: rng.fork(4),
            rng_attacker: super::attacker::randomness(&rng),
            attacker: super::attacker::Attacker::default(),
            numbers: super::gate::Numbers::default(),
            nats: super::nat::Nats::default(),
            nodes_down: 0,
            nodes_frozen: 0,
            rng_freeze: rng.fork(7),
            rng_keys: rng.fork(8),
            anchor_crashed: false,
            liars: BTreeMap::new(),
            calm_since: 0,
            stirred_at: 0,
            grants: Grants::default(),
            answered: std::collections::BTreeSet::new(),
            violation: None,
            blackhole_bound_us: layout.timers.path_bound() + layout.timers.binding_bound(),
            stats: Stats::default(),
            trace: Trace::default(),
            outputs: Vec::new(),
            layout,
            build,
        };
        let mut clocks = rng.fork(5);
        for index in 0..count {
            let mut node = domain.fresh_node(index);
            node.clock_ahead_us = clocks.range(0, domain.layout.skew_max_us);
            domain.nodes.push(node);
        }
        for index in 0..count {
            domain.start(index);
        }
        domain.after(SECOND, Event::Check);
        domain
    }

    /// Keeps a trace from now on.
    pub fn trace_on(&mut self) {
        let names = self
            .nodes
            .iter()
            .map(|n| (n.address, n.name.clone()))
            .collect();
        self.trace = Trace::new(true, names);
    }

    /// The domain's plan.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Virtual time as the engines see it.
    #[must_use]
    pub fn io_now(&self) -> Now {
        Now {
            mono: mono(self.now),
            wall: WALL_EPOCH + mono(self.now),
        }
    }

    /// Virtual time as one engine sees it: wall clocks differ.
    #[must_use]
    pub fn node_now(&self, node: NodeIndex) -> Now {
        let now = self.io_now();
        let ahead = Duration::from_micros(self.nodes[node].clock_ahead_us);
        Now {
            wall: now.wall + ahead,
            ..now
        }
    }

    /// What the run has broken, if anything.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Takes what the run has broken.
    pub fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    fn fresh_node(&mut self, index: NodeIndex) -> Node {
        Node {
            name: self.layout.name(index),
            role: self.layout.role(index).0,
            address: self.layout.address(index),
            engine: None,
            incarnation: 0,
            last_notes: BTreeMap::new(),
            dataplane: Dataplane::new(self.layout.workers),
            clock_ahead_us: 0,
            gate: None,
            stored: crate::esp::Saved::default(),
            stage: 0,
            wake_at: None,
            wakes: (0, 0),
            frozen: None,
            woke: None,
        }
    }

    /// Starts a node that is down.
    pub(super) fn start(&mut self, index: NodeIndex) {
        let seed = self.seeds.next_u64();
        let engine = (self.build)(&self.layout, index, seed);
        let workers = self.layout.workers;
        let node = &mut self.nodes[index];
        node.engine = Some(engine);
        node.incarnation += 1;
        node.dataplane = Dataplane::new(workers);
        node.wake_at = None;
        self.raise_gate(index);
        // The first timeout lets the engine program what it programs at its start.
        self.input(index, Input::Timeout);
    }

    /// Hands an operation in at a time.
    pub fn schedule(&mut self, at: Micros, operation: Operation) {
        self.at(at, Event::Operation(Box::new(operation)));
    }

    pub(super) fn at(&mut self, at: Micros, event: Event) {
        self.order += 1;
        let order = self.order;
        let at = at.max(self.now);
        self.queue.push(Reverse(Scheduled { at, order, event }));
    }

    pub(super) fn after(&mut self, delay: Micros, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Runs until this time, or until something breaks.
    pub fn run_until(&mut self, until: Micros) {
        while self.violation.is_none() {
            match self.queue.peek() {
                Some(Reverse(next)) if next.at <= until => {}
                _ => break,
            }
            let Some(Reverse(next)) = self.queue.pop() else {
                break;
            };
            self.now = next.at;
            self.stats.events += 1;
            self.event(next.event);
        }
        if self.violation.is_none() {
            self.now = self.now.max(until);
        }
    }

    /// The LMA that anchors a home.
    #[must_use]
    pub fn anchor_of_home(&self, home: IpNet) -> Option<NodeIndex> {
        (0..self.layout.lmas)
            .find(|lma| {
                let prefixes = self.layout.anchored_prefixes(*lma);
                prefixes.iter().any(|prefix| prefix.contains(&home))
            })
            .map(|lma| self.layout.lma(lma))
    }

    /// Nodes of a role.
    pub fn nodes_of(&self, role: Role) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| node.role == role)
    }

    pub(super) fn violate(&mut self, kind: ViolationKind, text: String) {
        let at = self.now;
        self.trace
            .line(at, |_| format!("VIOLATION {kind:?}: {text}"));
        if self.violation.is_none() {
            self.violation = Some(Violation { at, kind, text });
        }
    }
}
