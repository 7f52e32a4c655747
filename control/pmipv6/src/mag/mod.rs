//! Mobile Access Gateway (RFC 5213 section 6) with localized routing (draft-loureiro section 4).
//!
//! ```text
//!   operator ── attach ──▶ PBU ──▶ LMA            LMA ── RO Init ──▶ receiving half ──▶ RO Setup ──▶ MAG
//!   LMA ── PBA ──▶ Attach entry ──▶ RA, reply     MAG ── RO Setup Ack ──▶ sending half ──▶ RO Init Ack ──▶ LMA
//!                                                 MAG ── RO Setup ──▶ both halves ──▶ RO Setup Ack ──▶ MAG
//! ```

mod command;
mod config;
mod gre;
mod hand_back;
mod heartbeat;
mod input;
mod keepalive;
mod leaving;
mod local_routing;
mod localized;
mod no_room;
mod order;
mod output;
mod policy;
mod realm;
mod refresh;
mod registration;
mod request;
mod revocation;
mod state;
mod teardown;
mod timer;
mod transport4;
mod view;

pub use config::Config;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::io::{BindingView, Engine, Input, Now, Output, PathView, PeerView, RealmHome};
use crate::path::{Clock, Heartbeats, HoldOff, Homes, KeysInUse, Node, Order, PathTable, Timers};
use crate::wire::message::{BindingRevocation, RoRequest};
use state::{BindingUpdateListEntry, Owner, Path, Timer};

/// The MAG's protocol engine.
///
/// After [`Input::Shutdown`] it is done when [`Engine::bindings`] is empty, at the latest after
/// INITIAL_BINDACK_TIMEOUT.
#[derive(Debug)]
pub struct MobileAccessGateway {
    config: Config,
    node: Node<Owner>,
    timers: Timers<Timer>,
    /// Binding Update List, by MN-ID.
    bindings: BTreeMap<String, BindingUpdateListEntry>,
    /// Homes of registered MNs, with the MN-ID.
    homes: Homes<String>,
    /// IPv4 home addresses that are not the only ones of their kind here, with the MN-ID.
    realm_homes: BTreeMap<RealmHome, String>,
    paths: PathTable<Path>,
    order: Order,
    hold_off: HoldOff,
    /// Timestamps of our PBUs only grow.
    clock: Clock,
    /// Sequence number of the last PBU.
    sequence: u16,
    /// RO requests about MNs that are not registered here, while some registration is under way: the
    /// PBA may have been overtaken.
    parked: Vec<(IpAddr, RoRequest)>,
    /// Pairs that an RO Request is out for.
    requested: BTreeSet<(IpNet, IpNet)>,
    /// Homes that have left, and whose packets to them are handed back (HL-34).
    hand_backs: BTreeMap<IpNet, Vec<IpNet>>,
    shutting_down: bool,
    started: bool,
    /// Paths are to be held against the new policy.
    policy_changed: bool,
    heartbeats: Heartbeats,
    /// The last BRI of each LMA, the status of its BRA, and when that was.
    answered_revocations: BTreeMap<IpAddr, (BindingRevocation, u8, Duration)>,
    gre_keys: KeysInUse,
    /// Pairs of homes here that are switched by EnableMAGLocalRouting.
    switched: BTreeSet<(IpNet, IpNet)>,
}

impl MobileAccessGateway {
    /// A MAG without MNs. The seed feeds everything random; same seed, same run.
    pub fn new(config: Config, seed: u64) -> Self {
        let mut node = Node::new(config.address, seed, view::COUNTERS, &config.ipv4_transport);
        Self {
            sequence: node.rng.next_u16(),
            hold_off: HoldOff::new(&config.localized_routing),
            heartbeats: Heartbeats::new(&config.heartbeat),
            node,
            config,
            timers: Timers::new(),
            bindings: BTreeMap::new(),
            homes: Homes::new(),
            realm_homes: BTreeMap::new(),
            paths: PathTable::new(),
            order: Order::default(),
            clock: Clock::default(),
            parked: Vec::new(),
            requested: BTreeSet::new(),
            hand_backs: BTreeMap::new(),
            shutting_down: false,
            started: false,
            policy_changed: false,
            answered_revocations: BTreeMap::new(),
            gre_keys: KeysInUse::default(),
            switched: BTreeSet::new(),
        }
    }

    /// What runs now.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine for MobileAccessGateway {
    fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        self.node.begin(now);
        self.start();
        self.apply_policy();
        // What is over ends first: a node that stood still is late.
        self.run_timers();
        self.on_input(input);
        self.run_timers();
        self.node.drain(out);
    }

    fn next_deadline(&self) -> Option<Duration> {
        if self.policy_changed {
            return Some(Duration::ZERO);
        }
        let heartbeat = &self.config.heartbeat;
        if !self.started && heartbeat.restart_counter.is_some() && !heartbeat.announce_to.is_empty()
        {
            return Some(Duration::ZERO);
        }
        let deadlines = [
            self.timers.next(),
            self.node.next_deadline(),
            self.heartbeats.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn bindings(&self, now: Now) -> Vec<BindingView> {
        let list = self.bindings.iter();
        list.map(|(mn_id, entry)| view::binding(mn_id, entry, now.mono))
            .collect()
    }

    fn paths(&self, now: Now) -> Vec<PathView> {
        self.path_views(now.mono)
    }

    fn peers(&self, now: Now) -> Vec<PeerView> {
        let mut peers = self.node.peers.list(now.mono);
        for peer in &mut peers {
            peer.heartbeats = self.heartbeats.view(peer.address);
        }
        peers
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.node.counters()
    }

    fn set_localized_routing(&mut self, settings: &crate::path::Config) -> bool {
        // Pairs that were refused under the old settings get another try under the new ones.
        self.hold_off = HoldOff::new(settings);
        self.config.localized_routing = settings.clone();
        self.policy_changed = true;
        true
    }
}
