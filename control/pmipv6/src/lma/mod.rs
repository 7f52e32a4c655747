//! Local Mobility Anchor (RFC 5213 section 5) with localized routing (draft-loureiro section 4).
//!
//! ```text
//!   MAG ── PBU ──▶ checks ──▶ Binding Cache ──▶ Bind entry ──▶ PBA ──▶ MAG
//!   pair talks, both ours ──▶ RO Init ──▶ destination's MAG ── RO Init Ack ──▶
//!   pair talks, one ours  ──▶ RO Trigger ──▶ peer LMA (controller) ── RO Trigger Ack ──▶
//!   MN moved ──▶ PBA, then RO Init or RO Trigger again for each of its paths
//! ```

mod allocate;
mod awaited;
mod config;
mod confirm;
mod detection;
mod gre;
mod hand_back;
mod heartbeat;
mod input;
mod localized;
mod lookup;
mod nat;
mod no_room;
mod output;
mod policy;
mod realm;
mod refresh;
mod registration;
mod request;
mod resolver;
mod revocation;
mod state;
mod teardown;
mod timer;
mod trigger;
mod update;
mod view;

pub use config::{Config, PeerLma, Profile, Realm};
pub use resolver::{PeerLmaResolver, StaticPeerLmas};

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::io::{BindingView, Engine, Input, Now, Output, PathView, PeerView, RealmHome};
use crate::path::{Clock, Heartbeats, HoldOff, Homes, KeysInUse, Node, PathTable, Timers};
use revocation::Revocations;
use state::{BindingCacheEntry, BindingId, Owner, Path, Timer};
use update::Update;

/// The LMA's protocol engine.
///
/// Hand in [`Input::Timeout`] once at start: the prefixes of peer LMAs are programmed with the first
/// input.
#[derive(Debug)]
pub struct LocalMobilityAnchor {
    config: Config,
    resolver: Box<dyn PeerLmaResolver>,
    node: Node<Owner>,
    timers: Timers<Timer>,
    /// Binding Cache.
    bindings: BTreeMap<BindingId, BindingCacheEntry>,
    last_binding: BindingId,
    /// Sessions of each MN.
    by_mn: BTreeMap<String, BTreeSet<BindingId>>,
    /// Homes that are bound, those that wait for deletion included.
    homes: Homes<BindingId>,
    /// Homes that profiles keep for their MNs.
    reserved: Homes<()>,
    /// The same of realms.
    realm_homes: BTreeMap<RealmHome, BindingId>,
    realm_reserved: BTreeSet<RealmHome>,
    paths: PathTable<Path>,
    hold_off: HoldOff,
    /// Timestamps of our decisions only grow (HL-17).
    clock: Clock,
    /// Homes that have moved, and the far ends whose packets are accepted from the previous MAG (HL-34).
    hand_backs: BTreeMap<IpNet, Vec<IpNet>>,
    started: bool,
    /// Paths are to be held against the new policy.
    policy_changed: bool,
    /// Sessions by their MAG.
    by_mag: BTreeMap<IpAddr, BTreeSet<BindingId>>,
    /// PBUs that wait for the de-registration of this session.
    awaited: BTreeMap<BindingId, Update>,
    heartbeats: Heartbeats,
    gre_keys: KeysInUse,
    revocations: Revocations,
}

impl LocalMobilityAnchor {
    /// An LMA without bindings that finds peer LMAs in its configuration. The seed feeds everything
    /// random; same seed, same run.
    pub fn new(config: Config, seed: u64) -> Self {
        let resolver = StaticPeerLmas::new(&config.peer_lmas);
        Self::with_resolver(config, seed, Box::new(resolver))
    }

    /// An LMA that finds peer LMAs in another way (HL-18).
    pub fn with_resolver(config: Config, seed: u64, resolver: Box<dyn PeerLmaResolver>) -> Self {
        let mut reserved = Homes::new();
        for profile in config.profiles.values() {
            for hnp in &profile.hnps {
                reserved.insert(IpNet::V6(hnp.trunc()), ());
            }
            if let (Some(hoa), None) = (profile.ipv4_hoa, &profile.realm) {
                reserved.insert(IpNet::from(IpAddr::V4(hoa)), ());
            }
        }
        let mut node = Node::new(config.address, seed, view::COUNTERS, &config.ipv4_transport);
        Self {
            reserved,
            realm_homes: BTreeMap::new(),
            realm_reserved: realm::reserved(&config),
            hold_off: HoldOff::new(&config.localized_routing),
            heartbeats: Heartbeats::new(&config.heartbeat),
            revocations: Revocations::new(node.rng.next_u16()),
            node,
            config,
            resolver,
            timers: Timers::new(),
            bindings: BTreeMap::new(),
            last_binding: 0,
            by_mn: BTreeMap::new(),
            homes: Homes::new(),
            paths: PathTable::new(),
            clock: Clock::default(),
            hand_backs: BTreeMap::new(),
            started: false,
            policy_changed: false,
            by_mag: BTreeMap::new(),
            awaited: BTreeMap::new(),
            gre_keys: KeysInUse::default(),
        }
    }

    /// What runs now.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine for LocalMobilityAnchor {
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
        let announces = heartbeat.restart_counter.is_some() && !heartbeat.announce_to.is_empty();
        if !self.started && (announces || !self.config.peer_lmas.is_empty()) {
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
        self.binding_views(now.mono)
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
