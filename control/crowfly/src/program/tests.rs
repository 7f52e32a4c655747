//! The joint against workers that lag, with rings that fill.

mod gre;
mod hand_back;
mod path_mtu;
mod reach;
mod realm;
mod router;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use dataplane::{
    HomeAction, NextHop, Numbered, PairAction, PathSlot, Realm, TunnelSlot, TunnelSpec, Update,
};
use ipnet::IpNet;
use pmipv6::io::{Entry, GreKeys, Link, MacAddr};
use proptest::prelude::*;

use super::*;

/// A worker's tables as the updates leave them, and a check of rule 3 at every step.
#[derive(Debug, Default)]
struct Tables {
    tunnels: HashMap<u32, TunnelSpec>,
    links: HashMap<u32, (u16, [u8; 6])>,
    homes: HashMap<IpNet, HomeAction>,
    realm_homes: HashMap<(Realm, Ipv4Addr), HomeAction>,
    /// Of tunnels by their slots.
    realms: HashMap<u32, Realm>,
    pairs: HashMap<(IpNet, IpNet), (PairAction, u32)>,
    ring: VecDeque<Numbered>,
    ring_capacity: usize,
    applied: u64,
    path_packets: HashMap<u32, u64>,
}

impl Tables {
    fn apply(&mut self, count: usize) {
        for _ in 0..count {
            let Some(Numbered { number, update }) = self.ring.pop_front() else {
                return;
            };
            assert_eq!(
                number,
                self.applied + 1,
                "updates come in order and without gaps"
            );
            self.apply_one(update);
            self.applied = number;
            self.check_complete();
        }
    }

    fn apply_one(&mut self, update: Update) {
        match update {
            Update::Tunnel { slot, tunnel } => {
                self.tunnels.insert(slot.0, tunnel);
            }
            Update::TunnelClear { slot } => {
                assert!(self.tunnels.remove(&slot.0).is_some());
                self.realms.remove(&slot.0);
            }
            Update::TunnelRealm { slot, realm } => {
                self.realms.remove(&slot.0);
                self.realms.extend(realm.map(|realm| (slot.0, realm)));
            }
            Update::RealmHome {
                realm,
                address,
                action,
            } => {
                self.realm_homes.insert((realm, address), action);
            }
            Update::RealmHomeClear { realm, address } => {
                assert!(self.realm_homes.remove(&(realm, address)).is_some());
            }
            Update::Link { slot, link } => {
                self.links.insert(slot.0, (link.port, link.mn_mac));
            }
            Update::LinkClear { slot } => assert!(self.links.remove(&slot.0).is_some()),
            Update::Home { home, action } => {
                self.homes.insert(home, action);
            }
            Update::HomeClear { home } => assert!(self.homes.remove(&home).is_some()),
            Update::Pair {
                source,
                destination,
                action,
                path,
            } => {
                self.pairs.insert((source, destination), (action, path.0));
            }
            Update::PairClear {
                source,
                destination,
            } => {
                assert!(self.pairs.remove(&(source, destination)).is_some());
            }
            _ => {}
        }
    }

    /// Rule 3: whatever an entry points to is set; and no two pairs count on one slot.
    fn check_complete(&self) {
        for action in self.homes.values().chain(self.realm_homes.values()) {
            match action {
                HomeAction::Attached { link, lma } => {
                    assert!(self.links.contains_key(&link.0) && self.tunnels.contains_key(&lma.0));
                }
                HomeAction::Anchored { mag } => assert!(self.tunnels.contains_key(&mag.0)),
                HomeAction::Suspended | HomeAction::PeerAnchored => {}
            }
        }
        for ((realm, _), action) in &self.realm_homes {
            if let HomeAction::Attached { lma: slot, .. } | HomeAction::Anchored { mag: slot } =
                action
            {
                assert_eq!(self.realms.get(&slot.0), Some(realm));
            }
        }
        let mut paths = HashSet::new();
        for (action, path) in self.pairs.values() {
            assert!(paths.insert(path), "path slot {path} is shared");
            for slot in points_to(*action) {
                assert!(self.tunnels.contains_key(&slot.0));
            }
        }
    }

    fn home_view(&self, home: IpNet) -> Option<HomeView> {
        let remote = |slot: u32| Some(self.tunnels[&slot].remote);
        self.homes.get(&home).map(|action| match action {
            HomeAction::Attached { link, lma } => (remote(lma.0), Some(self.links[&link.0])),
            HomeAction::Anchored { mag } => (remote(mag.0), None),
            HomeAction::Suspended | HomeAction::PeerAnchored => (None, None),
        })
    }

    fn pair_view(&self, key: &(IpNet, IpNet)) -> Option<PairView> {
        self.pairs.get(key).map(|(action, _)| {
            let kind = match action {
                PairAction::Send { .. } => "send",
                PairAction::Receive { .. } => "receive",
                PairAction::Local => "local",
                PairAction::HandBack { .. } => "hand-back",
                PairAction::HandBackAccept { .. } => "accept",
            };
            let remotes = points_to(*action).into_iter();
            let remotes = remotes.map(|slot| self.tunnels[&slot.0].remote);
            (kind, remotes.collect())
        })
    }
}

/// What GRE a tunnel has: the key that we receive with, and the one that we send with.
type Gre = Option<(Option<u32>, Option<u32>)>;

impl Tables {
    fn gre(&self, slot: TunnelSlot) -> Gre {
        let keys = self.tunnels[&slot.0].gre;
        keys.map(|keys| (keys.receive, keys.send))
    }

    fn home_gre(&self, home: IpNet) -> Option<Gre> {
        match self.homes.get(&home)? {
            HomeAction::Attached { lma: slot, .. } | HomeAction::Anchored { mag: slot } => {
                Some(self.gre(*slot))
            }
            HomeAction::Suspended | HomeAction::PeerAnchored => None,
        }
    }

    fn pair_gre(&self, key: &(IpNet, IpNet)) -> Vec<Gre> {
        let slots = self.pairs.get(key).map(|(action, _)| points_to(*action));
        let slots = slots.unwrap_or_default().into_iter();
        slots.map(|slot| self.gre(slot)).collect()
    }
}

/// Tunnels of a pair; of a hand-back, the one that it comes from first.
fn points_to(action: PairAction) -> Vec<TunnelSlot> {
    match action {
        PairAction::Send { tunnel }
        | PairAction::Receive { tunnel }
        | PairAction::HandBackAccept { tunnel } => vec![tunnel],
        PairAction::HandBack { arrived, tunnel } => vec![arrived, tunnel],
        PairAction::Local => vec![],
    }
}

type HomeView = (Option<IpAddr>, Option<(u16, [u8; 6])>);
type PairView = (&'static str, Vec<IpAddr>);

#[derive(Debug, Clone, Default)]
struct FakeWorker(Rc<RefCell<Tables>>);

impl FakeWorker {
    fn with_ring(ring_capacity: usize) -> Self {
        Self(Rc::new(RefCell::new(Tables {
            ring_capacity,
            ..Tables::default()
        })))
    }
}

impl WorkerPort for FakeWorker {
    fn push(&mut self, update: Numbered) -> bool {
        let mut tables = self.0.borrow_mut();
        let room = tables.ring.len() < tables.ring_capacity;
        if room {
            tables.ring.push_back(update);
        }
        room
    }
    fn applied(&self) -> u64 {
        self.0.borrow().applied
    }
    fn path_counters(&self, slot: PathSlot) -> (u64, u64) {
        let packets = self
            .0
            .borrow()
            .path_packets
            .get(&slot.0)
            .copied()
            .unwrap_or(0);
        (packets, packets * 100)
    }
}

/// Next hops that are known at once, and a record of what is tracked.
#[derive(Debug, Default)]
struct FakeHops(HashSet<IpAddr>);

const NEXT_HOP: NextHop = NextHop {
    port: 1,
    source_mac: [2; 6],
    destination_mac: [4; 6],
};

impl NextHops for FakeHops {
    fn track(&mut self, remote: IpAddr) -> Option<NextHop> {
        assert!(self.0.insert(remote), "{remote} tracked twice");
        Some(NEXT_HOP)
    }
    fn untrack(&mut self, remote: IpAddr) {
        assert!(self.0.remove(&remote), "{remote} was not tracked");
    }
}

fn config(capacity: u32) -> ProgramConfig {
    ProgramConfig {
        local: "2001:db8::1".parse().unwrap(),
        hop_limit: 64,
        encapsulation_limit: None,
        transport_mtu_bytes: 1500,
        access_mtu_bytes: 1500,
        access_mac: [0, 0, 0x5e, 0, 0x52, 0x13],
        homes: capacity,
        pairs: capacity,
        tunnels: capacity,
        links: capacity,
        paths: capacity,
    }
}

fn home(n: u8) -> IpNet {
    format!("2001:db8:{n:x}::/64").parse().unwrap()
}

fn peer(n: u8) -> IpAddr {
    format!("2001:db8:ffff::{n:x}").parse().unwrap()
}

fn link(n: u8) -> Link {
    Link {
        port: 0,
        vlan: None,
        mac: MacAddr([2, 0, 0, 0, 0, n]),
    }
}

const AT_START: Duration = Duration::ZERO;

#[test]
fn an_engine_number_is_applied_when_the_slowest_worker_has_applied_it() {
    let workers = [FakeWorker::with_ring(8), FakeWorker::with_ring(8)];
    let mut program = Program::new(config(8), workers.to_vec());
    let mut hops = FakeHops::default();
    let attach = Entry::Attach {
        home: home(1),
        link: link(1),
        lma: peer(1),
    };
    program.carry_out(AT_START, 1, &attach, &mut hops).unwrap();
    workers[0].0.borrow_mut().apply(3);
    workers[1].0.borrow_mut().apply(2);
    assert_eq!(program.poll_applied(AT_START, |_| {}), None);
    workers[1].0.borrow_mut().apply(1);
    let mut took = Vec::new();
    let later = Duration::from_micros(7);
    assert_eq!(
        program.poll_applied(later, |latency| took.push(latency)),
        Some(1)
    );
    assert_eq!(took, [later]);
    assert_eq!(program.poll_applied(later, |_| {}), None, "told once");
}

#[test]
fn an_update_that_changes_nothing_is_applied_in_its_turn() {
    let worker = FakeWorker::with_ring(8);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let bind = Entry::Bind {
        home: home(1),
        proxy_coa: peer(1),
    };
    program.carry_out(AT_START, 1, &bind, &mut hops).unwrap();
    program
        .carry_out(AT_START, 2, &Entry::Unbind { home: home(9) }, &mut hops)
        .unwrap();
    assert_eq!(program.poll_applied(AT_START, |_| {}), None);
    worker.0.borrow_mut().apply(2);
    assert_eq!(program.poll_applied(AT_START, |_| {}), Some(2));
}

#[test]
fn a_full_ring_delays_updates_and_loses_none() {
    let worker = FakeWorker::with_ring(1);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let attach = Entry::Attach {
        home: home(1),
        link: link(1),
        lma: peer(1),
    };
    program.carry_out(AT_START, 1, &attach, &mut hops).unwrap();
    assert_eq!(program.fanout().backlog(), 2);
    for _ in 0..2 {
        worker.0.borrow_mut().apply(1);
        assert_eq!(program.poll_applied(AT_START, |_| {}), None);
    }
    worker.0.borrow_mut().apply(1);
    assert_eq!(program.poll_applied(AT_START, |_| {}), Some(1));
    assert_eq!(program.fanout().backlog(), 0);
    assert!(worker.0.borrow().homes.contains_key(&home(1)));
}

#[test]
fn a_changed_next_hop_sets_the_tunnel_again() {
    let worker = FakeWorker::with_ring(8);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let bind = Entry::Bind {
        home: home(1),
        proxy_coa: peer(1),
    };
    program.carry_out(AT_START, 1, &bind, &mut hops).unwrap();
    program.set_next_hop(peer(1), Some(NEXT_HOP));
    assert_eq!(
        program.fanout().last(),
        2,
        "the same next hop again is no update"
    );
    program.set_next_hop(peer(1), None);
    program.set_next_hop(peer(2), Some(NEXT_HOP));
    worker.0.borrow_mut().apply(8);
    let tunnel = worker.0.borrow().tunnels[&0];
    assert_eq!((tunnel.remote, tunnel.next_hop), (peer(1), None));
    assert_eq!(program.fanout().last(), 3, "no tunnel, no update");
}

#[test]
fn a_removal_of_one_kind_leaves_a_pair_of_another_kind() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let receive = Entry::PathReceive {
        local: home(1),
        remote: home(2),
        peer: peer(1),
    };
    program.carry_out(AT_START, 1, &receive, &mut hops).unwrap();
    let local = Entry::PathLocal {
        from: home(2),
        to: home(1),
    };
    program.carry_out(AT_START, 2, &local, &mut hops).unwrap();
    let remove = Entry::PathReceiveRemove {
        local: home(1),
        remote: home(2),
    };
    program.carry_out(AT_START, 3, &remove, &mut hops).unwrap();
    worker.0.borrow_mut().apply(32);
    assert_eq!(
        worker.0.borrow().pair_view(&(home(2), home(1))),
        Some(("local", vec![]))
    );
    assert!(hops.0.is_empty());
}

#[test]
fn activity_counts_from_the_installation_of_the_path() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(1), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let send = Entry::PathSend {
        local: home(1),
        remote: home(2),
        peer: peer(1),
    };
    let remove = Entry::PathSendRemove {
        local: home(1),
        remote: home(2),
    };
    program.carry_out(AT_START, 1, &send, &mut hops).unwrap();
    worker.0.borrow_mut().apply(8);
    worker.0.borrow_mut().path_packets.insert(0, 5);
    assert_eq!(program.activity(home(1), home(2)), Some((5, 500)));
    assert_eq!(
        program.activity(home(2), home(1)),
        Some((5, 500)),
        "the path is the same"
    );
    program.carry_out(AT_START, 2, &remove, &mut hops).unwrap();
    assert_eq!(program.activity(home(1), home(2)), None);
    assert_eq!(
        program.carry_out(AT_START, 3, &send, &mut hops),
        Err(Refused::PathsFull(1)),
        "the worker may still count on the slot"
    );
    worker.0.borrow_mut().apply(8);
    worker.0.borrow_mut().path_packets.insert(0, 6);
    program.carry_out(AT_START, 4, &send, &mut hops).unwrap();
    assert_eq!(program.activity(home(1), home(2)), Some((0, 0)));
}

#[test]
fn a_paths_count_does_not_fall_when_one_half_of_it_ends() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let (local, remote) = (home(1), home(2));
    let entries = [
        Entry::PathReceive {
            local,
            remote,
            peer: peer(1),
        },
        Entry::PathSend {
            local,
            remote,
            peer: peer(1),
        },
    ];
    for (entry, number) in entries.iter().zip(1..) {
        program
            .carry_out(AT_START, number, entry, &mut hops)
            .unwrap();
    }
    worker.0.borrow_mut().apply(8);
    worker.0.borrow_mut().path_packets.extend([(0, 20), (1, 7)]);
    assert_eq!(program.activity(local, remote), Some((27, 2700)));
    let remove = Entry::PathSendRemove { local, remote };
    program.carry_out(AT_START, 3, &remove, &mut hops).unwrap();
    assert_eq!(program.activity(local, remote), Some((27, 2700)));
    worker.0.borrow_mut().path_packets.insert(0, 21);
    assert_eq!(program.activity(remote, local), Some((28, 2800)));
}

/// What the tables must hold in the end, in the protocol's nouns.
#[derive(Debug, Default)]
struct Model {
    homes: HashMap<IpNet, HomeView>,
    pairs: HashMap<(IpNet, IpNet), PairView>,
    gre: gre::Model,
}

impl Model {
    fn apply(&mut self, entry: &Entry) {
        self.apply_forwarding(entry);
        let stands = |source, destination| self.pairs.get(&(source, destination)).map(|p| p.0);
        self.gre.apply(entry, &stands);
    }

    fn apply_forwarding(&mut self, entry: &Entry) {
        match *entry {
            Entry::Attach { home, link, lma } => {
                self.homes
                    .insert(home, (Some(lma), Some((link.port, link.mac.0))));
            }
            Entry::Bind { home, proxy_coa } => {
                self.homes.insert(home, (Some(proxy_coa), None));
            }
            Entry::Suspend { home } | Entry::PeerAnchor { prefix: home, .. } => {
                self.homes.insert(home, (None, None));
            }
            Entry::Detach { home } | Entry::Unbind { home } => {
                self.homes.remove(&home);
            }
            Entry::PathReceive {
                local,
                remote,
                peer,
            } => {
                self.pairs.insert((remote, local), ("receive", vec![peer]));
            }
            Entry::PathSend {
                local,
                remote,
                peer,
            } => {
                self.pairs.insert((local, remote), ("send", vec![peer]));
            }
            Entry::PathLocal { from, to } => {
                self.pairs.insert((from, to), ("local", vec![]));
            }
            Entry::PathReceiveRemove { local, remote } => self.remove((remote, local), "receive"),
            Entry::PathSendRemove { local, remote } => self.remove((local, remote), "send"),
            Entry::HandBack {
                local,
                remote,
                peer,
                lma,
            } => {
                self.pairs
                    .insert((remote, local), ("hand-back", vec![peer, lma]));
            }
            Entry::HandBackAccept {
                source,
                destination,
                from,
            } => {
                self.pairs
                    .insert((source, destination), ("accept", vec![from]));
            }
            Entry::HandBackRemove { local, remote } => self.remove((remote, local), "hand-back"),
            Entry::HandBackAcceptRemove {
                source,
                destination,
            } => self.remove((source, destination), "accept"),
            Entry::PathLocalRemove { from, to } => self.remove((from, to), "local"),
            Entry::Reach { .. } | Entry::GreKeys { .. } | Entry::Realm { .. } => {}
        }
    }

    fn remove(&mut self, key: (IpNet, IpNet), kind: &str) {
        if self.pairs.get(&key).is_some_and(|pair| pair.0 == kind) {
            self.pairs.remove(&key);
        }
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    (0..19u8, 1..5u8, 1..5u8, 1..5u8).prop_map(|(kind, a, b, p)| match kind {
        0 => Entry::Attach {
            home: home(a),
            link: link(b),
            lma: peer(p),
        },
        1 => Entry::Detach { home: home(a) },
        2 => Entry::Bind {
            home: home(a),
            proxy_coa: peer(p),
        },
        3 => Entry::Suspend { home: home(a) },
        4 => Entry::Unbind { home: home(a) },
        5 => Entry::PathReceive {
            local: home(a),
            remote: home(b),
            peer: peer(p),
        },
        6 => Entry::PathReceiveRemove {
            local: home(a),
            remote: home(b),
        },
        7 => Entry::PathSend {
            local: home(a),
            remote: home(b),
            peer: peer(p),
        },
        8 => Entry::PathSendRemove {
            local: home(a),
            remote: home(b),
        },
        9 => Entry::PathLocal {
            from: home(a),
            to: home(b),
        },
        10 => Entry::PathLocalRemove {
            from: home(a),
            to: home(b),
        },
        11 => Entry::HandBack {
            local: home(a),
            remote: home(b),
            peer: peer(p),
            lma: peer(a),
        },
        12 => Entry::HandBackRemove {
            local: home(a),
            remote: home(b),
        },
        13 => Entry::HandBackAccept {
            source: home(a),
            destination: home(b),
            from: peer(p),
        },
        14 => Entry::HandBackAcceptRemove {
            source: home(a),
            destination: home(b),
        },
        15 | 16 => gre::any_keys(a, None, p),
        _ => gre::any_keys(a, Some(b), p),
    })
}

/// An entry, then how many updates each of two workers applies.
fn any_history() -> impl Strategy<Value = Vec<(Entry, usize, usize)>> {
    proptest::collection::vec((any_entry(), 0..4usize, 0..6usize), 1..120)
}

proptest! {
    #[test]
    fn rules_1_2_3_hold_for_any_history(
        history in any_history(),
        capacity in 2..20u32,
        rings in (1..6usize, 1..40usize),
    ) {
        let workers = [FakeWorker::with_ring(rings.0), FakeWorker::with_ring(rings.1)];
        let mut program = Program::new(config(capacity), workers.to_vec());
        let (mut hops, mut model, mut number) = (FakeHops::default(), Model::default(), 0);
        for (entry, first, second) in &history {
            number += 1;
            if program.carry_out(AT_START, number, entry, &mut hops).is_ok() {
                model.apply(entry);
            }
            workers[0].0.borrow_mut().apply(*first);
            workers[1].0.borrow_mut().apply(*second);
            program.poll_applied(AT_START, |_| {});
        }
        let mut told = None;
        for _ in 0..10_000 {
            told = program.poll_applied(AT_START, |_| {}).or(told);
            for worker in &workers {
                worker.0.borrow_mut().apply(usize::MAX >> 1);
            }
            if program.fanout().applied() == program.fanout().last() {
                break;
            }
        }
        program.poll_applied(AT_START, |_| {});
        prop_assert_eq!(program.outstanding(), 0, "told up to {:?} of {}", told, number);
        for worker in &workers {
            let tables = worker.0.borrow();
            prop_assert_eq!(tables.homes.len(), model.homes.len());
            prop_assert_eq!(tables.pairs.len(), model.pairs.len());
            for (home, view) in &model.homes {
                prop_assert_eq!(tables.home_view(*home), Some(*view));
            }
            for (key, view) in &model.pairs {
                prop_assert_eq!(tables.pair_view(key), Some(view.clone()));
            }
            model.gre.check(&tables)?;
            let remotes: HashSet<IpAddr> = tables.tunnels.values().map(|tunnel| tunnel.remote).collect();
            prop_assert_eq!(&remotes, &hops.0, "tunnels that nothing points to are cleared");
        }
    }
}
