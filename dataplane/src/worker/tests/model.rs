//! Sequences of updates against maps that do the same slowly.

use std::collections::BTreeMap;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::table::{HomeKind, NONE, PairKind};

/// Nested and neighbouring prefixes of both families: longest match decides between them.
const PREFIXES: [&str; 8] = [
    "2001:db8::/32",
    "2001:db8:1::/48",
    "2001:db8:1::/64",
    "2001:db8:1:1::/64",
    "2001:db8:1::1/128",
    "2001:db8:1::2/127",
    "10.0.0.1/32",
    "10.0.0.2/32",
];

const ADDRESSES: [&str; 8] = [
    "2001:db8:9::1",
    "2001:db8:1:9::1",
    "2001:db8:1::9",
    "2001:db8:1:1::9",
    "2001:db8:1::1",
    "2001:db8:1::3",
    "10.0.0.1",
    "10.0.0.3",
];

/// One change, by number of prefix.
#[derive(Debug, Clone, Copy)]
enum Change {
    Home(usize, u32),
    HomeClear(usize),
    Pair(usize, usize, u32),
    PairClear(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let prefix = 0..PREFIXES.len();
    let slot = 0..3_u32;
    prop_oneof![
        (prefix.clone(), slot).prop_map(|(home, slot)| Change::Home(home, slot)),
        prefix.clone().prop_map(Change::HomeClear),
        (prefix.clone(), prefix.clone(), 0..5_u32)
            .prop_map(|(source, destination, slot)| Change::Pair(source, destination, slot)),
        (prefix.clone(), prefix)
            .prop_map(|(source, destination)| Change::PairClear(source, destination)),
    ]
}

fn net(number: usize) -> IpNet {
    PREFIXES[number].parse().expect("a prefix")
}

#[derive(Default)]
struct Model {
    homes: BTreeMap<IpNet, u32>,
    pairs: BTreeMap<(IpNet, IpNet), u32>,
}

impl Model {
    /// The update, done here too.
    fn change(&mut self, change: Change) -> Update {
        match change {
            Change::Home(home, slot) => {
                self.homes.insert(net(home), slot);
                super::home(PREFIXES[home], attached(slot, slot))
            }
            Change::HomeClear(home) => {
                self.homes.remove(&net(home));
                Update::HomeClear { home: net(home) }
            }
            Change::Pair(source, destination, slot) => {
                self.pairs.insert((net(source), net(destination)), slot);
                let action = match slot {
                    0 => PairAction::Local,
                    1 => send(slot),
                    2 => receive(slot),
                    3 => PairAction::HandBack {
                        arrived: TunnelSlot(1),
                        tunnel: TunnelSlot(2),
                    },
                    _ => PairAction::HandBackAccept {
                        tunnel: TunnelSlot(0),
                    },
                };
                super::pair(PREFIXES[source], PREFIXES[destination], action, slot)
            }
            Change::PairClear(source, destination) => {
                self.pairs.remove(&(net(source), net(destination)));
                Update::PairClear {
                    source: net(source),
                    destination: net(destination),
                }
            }
        }
    }

    fn home_of(&self, address: &str) -> Option<u32> {
        let address: std::net::IpAddr = address.parse().expect("an address");
        self.homes
            .iter()
            .filter(|(home, _)| home.contains(&address))
            .max_by_key(|(home, _)| home.prefix_len())
            .map(|(_, slot)| *slot)
    }

    fn pair_of(&self, source: &str, destination: &str) -> Option<u32> {
        let source: std::net::IpAddr = source.parse().expect("an address");
        let destination: std::net::IpAddr = destination.parse().expect("an address");
        self.pairs
            .iter()
            .filter(|((from, to), _)| from.contains(&source) && to.contains(&destination))
            .max_by_key(|((from, to), _)| (from.prefix_len(), to.prefix_len()))
            .map(|(_, slot)| *slot)
    }
}

/// An address in look-up form.
fn bits(address: &str) -> (u128, bool) {
    match address.parse().expect("an address") {
        std::net::IpAddr::V6(address) => (address.into(), false),
        std::net::IpAddr::V4(address) => (crate::packet::header::ipv4_key(address.into()), true),
    }
}

fn check(node: &Node, model: &Model) {
    let state = &node.worker.forwarder.state;
    for address in ADDRESSES {
        let (key, ipv4) = bits(address);
        let hash = state.homes.prefetch(key, ipv4);
        let found = state.homes.find(key, ipv4, hash);
        let entry = state
            .homes
            .entry(found)
            .filter(|entry| entry.kind != HomeKind::Absent);
        let wanted = model.home_of(address);
        assert_eq!(entry.map(|entry| entry.tunnel), wanted, "{address}");
        assert_eq!(entry.map(|entry| entry.link.port), wanted.map(|_| ACCESS));
        for destination in ADDRESSES {
            let (to, _) = bits(destination);
            let found = state.pairs.find(key, to).map(|pair| pair.path);
            let wanted = model.pair_of(address, destination);
            assert_eq!(found, wanted, "{address} to {destination}");
        }
    }
    for (number, prefix) in PREFIXES.iter().enumerate() {
        let counted = state
            .homes
            .index_of(net(number).into())
            .and_then(|index| state.homes.entry(index))
            .map_or(0, |entry| entry.pairs);
        let wanted = model
            .pairs
            .iter()
            .filter(|((source, _), slot)| *source == net(number) && **slot < 2)
            .count();
        assert_eq!(counted as usize, wanted, "{prefix}");
    }
}

/// No tunnel or link has a user left, and no entry: as at the start.
fn check_nothing_is_left(node: &mut Node) {
    for slot in 0..3 {
        node.program(&[
            Update::TunnelClear {
                slot: TunnelSlot(slot),
            },
            Update::LinkClear {
                slot: LinkSlot(slot),
            },
        ]);
    }
    assert_eq!(node.counter("update.tunnel-cleared-in-use"), 0);
    assert_eq!(node.counter("update.link-cleared-in-use"), 0);
    let homes = &mut node.worker.forwarder.state.homes;
    for number in 0..64_u128 {
        let prefix = format!("2001:db8:0:{number:x}::/64");
        let net: IpNet = prefix.parse().expect("a prefix");
        let index = homes.claim(net.into()).expect("room for every home again");
        assert_ne!(index, NONE);
    }
}

proptest! {
    #[test]
    fn updates_do_what_maps_do(changes in prop::collection::vec(change(), 0..60)) {
        let mut node = Node::new(&config(Role::Mag));
        let mut model = Model::default();
        for slot in 0..3 {
            let remote = format!("2001:db8:ffff::a{slot}");
            node.program(&[tunnel(slot, &remote), link(slot, None, slot as u8)]);
        }
        for change in &changes {
            let update = model.change(*change);
            node.program(&[update]);
            // A table that is full says so: the wide pairs are few.
            for event in node.events() {
                prop_assert_eq!(event, Event::TableFull { table: "pair", number: node.updates });
                if let Change::Pair(source, destination, _) = change {
                    model.pairs.remove(&(net(*source), net(*destination)));
                }
            }
            check(&node, &model);
        }
        for (number, _) in PREFIXES.iter().enumerate() {
            node.program(&[model.change(Change::HomeClear(number))]);
            for other in 0..PREFIXES.len() {
                node.program(&[model.change(Change::PairClear(number, other))]);
            }
        }
        check(&node, &model);
        check_nothing_is_left(&mut node);
    }
}

#[test]
fn a_pair_that_only_receives_needs_no_home() {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[tunnel(1, PEER), pair(MN1_HOME, MN2_HOME, receive(1), 0)]);
    let state = &node.worker.forwarder.state;
    let source: IpNet = MN1_HOME.parse().expect("a prefix");
    assert_eq!(state.homes.index_of(source.into()), None);
    let (source, _) = bits(MN1);
    let (destination, _) = bits(MN2);
    let found = state.pairs.find(source, destination).map(|pair| pair.kind);
    assert_eq!(found, Some(PairKind::Receive));
}
