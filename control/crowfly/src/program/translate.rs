//! Entries in the protocol's nouns become updates of tables, slots and counters.

mod link;
mod pair;
mod path_mtu;
pub(super) mod realm;
mod tunnel;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use dataplane::{HomeAction, NextHop, Update};
use ipnet::IpNet;
use pmipv6::io::{Entry, GreKeys, Link, UpdateNumber, Via};

use link::Router;
use pair::{Pair, PairKind, PairWish};
use realm::RealmHomes;
use tunnel::{Hop, TunnelKey, Use, Way};

use super::fanout::{Fanout, WorkerPort};
use super::slots::{PathSlots, Slots};

/// What the workers were made with, and what every tunnel and link has in common.
#[derive(Debug, Clone, Copy)]
pub struct ProgramConfig {
    /// Outer source of every tunnel over IPv6: our name to the peers.
    pub local: IpAddr,
    /// Outer hop limit.
    pub hop_limit: u8,
    /// Tunnel encapsulation limit of every tunnel over IPv6 (RFC 2473 section 4.1.1).
    pub encapsulation_limit: Option<u8>,
    /// Largest packet on the way to a peer, octets: a tunnel's is less by its outer header (RFC 2473
    /// section 7, RFC 4213 section 3.2.1).
    pub transport_mtu_bytes: u16,
    /// Largest IP packet on an access link, octets.
    pub access_mtu_bytes: u16,
    /// Our link-layer address on every access link (RFC 6543).
    pub access_mac: [u8; 6],
    /// Homes that a worker's table holds.
    pub homes: u32,
    /// Pairs that a worker's table holds.
    pub pairs: u32,
    /// Tunnel slots of a worker.
    pub tunnels: u32,
    /// Link slots of a worker.
    pub links: u32,
    /// Path counters of a worker.
    pub paths: u32,
}

/// Where packets to a tunnel's remote address leave: neighbour discovery's side of the joint.
pub trait NextHops {
    /// A tunnel to `remote` exists now: keep its next hop resolved, and say what it is at present.
    fn track(&mut self, remote: IpAddr) -> Option<NextHop>;
    /// No tunnel to `remote` exists any more.
    fn untrack(&mut self, remote: IpAddr);
}

/// An entry that does not fit; forwarding is as before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Every home of the table is taken.
    #[error("the table of homes is full ({0})")]
    HomesFull(u32),
    /// Every pair of the table is taken.
    #[error("the table of pairs is full ({0})")]
    PairsFull(u32),
    /// Every tunnel slot is taken.
    #[error("all tunnels are in use ({0})")]
    TunnelsFull(u32),
    /// Every link slot is taken.
    #[error("all access links are in use ({0})")]
    LinksFull(u32),
    /// Every path counter is taken, or its last user's removal is not applied yet.
    #[error("all path counters are in use ({0})")]
    PathsFull(u32),
}

/// What a home points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Home {
    link: Option<Link>,
    tunnel: Option<Way>,
    /// The tunnel to the peer before this one, by its name: what is handed back comes from there.
    before: Option<Way>,
}

impl Home {
    /// Points to neither link nor tunnel.
    const PLAIN: Self = Self {
        link: None,
        tunnel: None,
        before: None,
    };

    /// The tunnel to the peer before `peer`, once this has become what was before.
    fn left_behind(&self, peer: Option<IpAddr>) -> Option<Way> {
        let left = self.tunnel.filter(|way| Some(way.peer) != peer);
        left.or(self.before)
    }
}

/// The engine's number `engine` is applied once the workers' number `workers` is.
#[derive(Debug)]
struct Mark {
    engine: UpdateNumber,
    workers: u64,
    since: Duration,
}

/// The joint between an engine and the workers.
#[derive(Debug)]
pub struct Program<W> {
    config: ProgramConfig,
    fanout: Fanout<W>,
    tunnels: Slots<TunnelKey>,
    /// Of the tunnels that are set, those with a key to send.
    send_keys: HashMap<TunnelKey, u32>,
    /// What the engine has said of a home, or of a path between two, for the entries that come: it bounds both.
    keys: HashMap<(IpNet, Option<IpNet>), GreKeys>,
    /// How peers are reached that are not reached by IPv6.
    reach: HashMap<IpAddr, Via>,
    /// By outer remote address: behind one NAT there may be several peers.
    next_hops: HashMap<IpAddr, Hop>,
    /// What is known of ways that take less than their first link, by outer remote address of tunnels that stand.
    path_mtus: HashMap<IpAddr, u16>,
    links: Slots<Link>,
    /// Of links whose MN has an IPv4 home address.
    routers: HashMap<Link, Router>,
    homes: HashMap<IpNet, Home>,
    realm_homes: RealmHomes,
    pairs: HashMap<(IpNet, IpNet), Pair>,
    paths: PathSlots,
    marks: VecDeque<Mark>,
    refused: u64,
}

impl<W: WorkerPort> Program<W> {
    /// A joint to workers whose tables are empty.
    pub fn new(config: ProgramConfig, workers: Vec<W>) -> Self {
        Self {
            fanout: Fanout::new(workers),
            tunnels: Slots::new(config.tunnels),
            send_keys: HashMap::new(),
            keys: HashMap::new(),
            reach: HashMap::new(),
            next_hops: HashMap::new(),
            path_mtus: HashMap::new(),
            links: Slots::new(config.links),
            routers: HashMap::new(),
            homes: HashMap::new(),
            realm_homes: RealmHomes::new(),
            pairs: HashMap::new(),
            paths: PathSlots::new(config.paths),
            marks: VecDeque::new(),
            refused: 0,
            config,
        }
    }

    /// Carries out the engine's update `number`. A refused entry changes nothing, but its number is
    /// applied in its turn: the engine counts without gaps.
    pub fn carry_out(
        &mut self,
        now: Duration,
        number: UpdateNumber,
        entry: &Entry,
        next_hops: &mut dyn NextHops,
    ) -> Result<(), Refused> {
        let result = self.translate(entry, next_hops);
        if result.is_err() {
            self.refused += 1;
        }
        self.marks.push_back(Mark {
            engine: number,
            workers: self.fanout.last(),
            since: now,
        });
        self.fanout.flush();
        result
    }

    /// Pushes what waits, and returns the engine's highest number that has been applied since the last
    /// call; `latency` is told how long each took.
    pub fn poll_applied(
        &mut self,
        now: Duration,
        mut latency: impl FnMut(Duration),
    ) -> Option<UpdateNumber> {
        self.fanout.flush();
        let applied = self.fanout.applied();
        let mut highest = None;
        while let Some(mark) = self.marks.front().filter(|mark| mark.workers <= applied) {
            latency(now.saturating_sub(mark.since));
            highest = Some(mark.engine);
            self.marks.pop_front();
        }
        highest
    }

    /// The log towards the workers.
    pub fn fanout(&self) -> &Fanout<W> {
        &self.fanout
    }

    /// The log towards the workers.
    pub fn fanout_mut(&mut self) -> &mut Fanout<W> {
        &mut self.fanout
    }

    /// Updates of the engine that are not applied yet.
    pub fn outstanding(&self) -> usize {
        self.marks.len()
    }

    /// Counters and gauges by dotted name, ordered by name.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("program.backlog", self.fanout.backlog() as u64),
            ("program.homes", self.homes_known() as u64),
            ("program.links", self.links.len() as u64),
            ("program.outstanding", self.marks.len() as u64),
            ("program.pairs", self.pairs.len() as u64),
            ("program.refused", self.refused),
            ("program.tunnels", self.tunnels.len() as u64),
            ("program.updates", self.fanout.last()),
            ("program.updates-applied", self.fanout.applied()),
        ]
    }

    fn translate(&mut self, entry: &Entry, hops: &mut dyn NextHops) -> Result<(), Refused> {
        match *entry {
            Entry::Attach { home, link, lma } => self.attach(home.trunc(), link, lma, hops),
            Entry::Bind { home, proxy_coa } => self.bind(home.trunc(), proxy_coa, hops),
            Entry::Suspend { home } => self.set_plain(home.trunc(), HomeAction::Suspended, hops),
            Entry::Reach { peer, via } => {
                self.set_reach(peer, via, hops);
                Ok(())
            }
            Entry::GreKeys { home, remote, keys } => {
                self.set_keys(home.trunc(), remote.map(|remote| remote.trunc()), keys);
                Ok(())
            }
            Entry::Realm { home, state } => self.set_realm_state(home, state, hops),
            Entry::PeerAnchor { prefix, lma: _ } => {
                self.set_plain(prefix.trunc(), HomeAction::PeerAnchored, hops)
            }
            Entry::Detach { home } | Entry::Unbind { home } => {
                self.clear_home(home.trunc(), hops);
                Ok(())
            }
            Entry::PathSend {
                local,
                remote,
                peer,
            } => self.set_pair(local, remote, PairWish::Send { peer }, hops),
            Entry::PathReceive {
                local,
                remote,
                peer,
            } => self.set_pair(remote, local, PairWish::Receive { peer }, hops),
            Entry::PathLocal { from, to } => self.set_pair(from, to, PairWish::Local, hops),
            Entry::PathSendRemove { local, remote } => {
                self.clear_pair(local, remote, PairKind::Send, hops);
                Ok(())
            }
            Entry::PathReceiveRemove { local, remote } => {
                self.clear_pair(remote, local, PairKind::Receive, hops);
                Ok(())
            }
            Entry::PathLocalRemove { from, to } => {
                self.clear_pair(from, to, PairKind::Local, hops);
                Ok(())
            }
            Entry::HandBack {
                local,
                remote,
                peer,
                lma,
            } => self.set_pair(remote, local, PairWish::HandBack { peer, lma }, hops),
            Entry::HandBackRemove { local, remote } => {
                self.clear_pair(remote, local, PairKind::HandBack, hops);
                Ok(())
            }
            Entry::HandBackAccept {
                source,
                destination,
                from,
            } => self.set_pair(source, destination, PairWish::HandBackAccept { from }, hops),
            Entry::HandBackAcceptRemove {
                source,
                destination,
            } => {
                self.clear_pair(source, destination, PairKind::HandBackAccept, hops);
                Ok(())
            }
        }
    }

    fn attach(
        &mut self,
        home: IpNet,
        link: Link,
        lma: IpAddr,
        hops: &mut dyn NextHops,
    ) -> Result<(), Refused> {
        self.room_for_home(home)?;
        let link_slot = self.acquire_link(link)?;
        let way = self.way_of_home(home, lma);
        let tunnel_slot = match self.acquire_tunnel(way, Use::Send, hops) {
            Ok(slot) => slot,
            Err(refused) => {
                self.release_link(link);
                return Err(refused);
            }
        };
        let action = HomeAction::Attached {
            link: link_slot,
            lma: tunnel_slot,
        };
        let points_to = Home {
            link: Some(link),
            tunnel: Some(way),
            ..Home::PLAIN
        };
        self.set_home(home, action, points_to, hops);
        Ok(())
    }

    fn bind(&mut self, home: IpNet, mag: IpAddr, hops: &mut dyn NextHops) -> Result<(), Refused> {
        self.room_for_home(home)?;
        let way = self.way_of_home(home, mag);
        let slot = self.acquire_tunnel(way, Use::Send, hops)?;
        let points_to = Home {
            tunnel: Some(way),
            ..Home::PLAIN
        };
        self.set_home(home, HomeAction::Anchored { mag: slot }, points_to, hops);
        Ok(())
    }

    /// A home whose action points to no slot.
    fn set_plain(
        &mut self,
        home: IpNet,
        action: HomeAction,
        hops: &mut dyn NextHops,
    ) -> Result<(), Refused> {
        self.room_for_home(home)?;
        self.set_home(home, action, Home::PLAIN, hops);
        Ok(())
    }

    fn homes_known(&self) -> usize {
        self.homes.len() + self.realm_homes.len()
    }

    fn room_for_home(&self, home: IpNet) -> Result<(), Refused> {
        if self.homes_known() < self.config.homes as usize || self.homes.contains_key(&home) {
            return Ok(());
        }
        Err(Refused::HomesFull(self.config.homes))
    }

    /// Replaces the home in one step; what it pointed to before goes afterwards.
    fn set_home(
        &mut self,
        home: IpNet,
        action: HomeAction,
        mut new: Home,
        hops: &mut dyn NextHops,
    ) {
        self.fanout.send(Update::Home { home, action });
        let old = self.homes.get(&home);
        new.before = old.and_then(|old| old.left_behind(new.tunnel.map(|way| way.peer)));
        if let Some(old) = self.homes.insert(home, new) {
            self.release_home(old, hops);
        }
    }

    fn clear_home(&mut self, home: IpNet, hops: &mut dyn NextHops) {
        self.set_keys(home, None, None);
        if let Some(old) = self.homes.remove(&home) {
            self.fanout.send(Update::HomeClear { home });
            self.release_home(old, hops);
        }
    }

    fn release_home(&mut self, old: Home, hops: &mut dyn NextHops) {
        if let Some(link) = old.link {
            self.release_link(link);
        }
        if let Some(way) = old.tunnel {
            self.release_tunnel(way, hops);
        }
    }
}
