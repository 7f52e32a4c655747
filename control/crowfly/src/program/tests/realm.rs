//! Homes of realms: told by the tunnel that is theirs (RFC 5845 section 3).

use std::net::Ipv4Addr;

use pmipv6::io::{self, KeyPair, RealmHome, RealmState};

use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn home_in(realm: u16) -> RealmHome {
    RealmHome {
        realm: io::Realm::new(realm).unwrap(),
        address: ADDRESS,
    }
}

fn keys(receive: u32) -> KeyPair {
    KeyPair {
        send: receive + 1_000,
        receive,
    }
}

fn bound(realm: u16, mag: u8, receive: u32) -> Entry {
    let (proxy_coa, keys) = (peer(mag), keys(receive));
    Entry::Realm {
        home: home_in(realm),
        state: RealmState::Bound { proxy_coa, keys },
    }
}

fn attached(realm: u16, mn: u8, receive: u32) -> Entry {
    let (link, lma, keys) = (link(mn), peer(1), keys(receive));
    Entry::Realm {
        home: home_in(realm),
        state: RealmState::Attached { link, lma, keys },
    }
}

fn becomes(realm: u16, state: RealmState) -> Entry {
    let home = home_in(realm);
    Entry::Realm { home, state }
}

struct Bench {
    worker: FakeWorker,
    program: Program<FakeWorker>,
    hops: FakeHops,
    number: u64,
}

impl Bench {
    fn new(capacity: u32) -> Self {
        let worker = FakeWorker::with_ring(1_000);
        Self {
            program: Program::new(config(capacity), vec![worker.clone()]),
            worker,
            hops: FakeHops::default(),
            number: 0,
        }
    }

    fn carry_out(&mut self, entry: &Entry) -> Result<(), Refused> {
        self.number += 1;
        let result = self
            .program
            .carry_out(AT_START, self.number, entry, &mut self.hops);
        self.worker.0.borrow_mut().apply(1_000);
        result
    }

    /// The keys of the tunnel that a home is behind: to receive with, to send with.
    fn keys_of(&self, realm: u16) -> Option<(Option<u32>, Option<u32>)> {
        let tables = self.worker.0.borrow();
        let realm = Realm::new(realm).unwrap();
        match tables.realm_homes.get(&(realm, ADDRESS))? {
            HomeAction::Attached { lma: slot, .. } | HomeAction::Anchored { mag: slot } => {
                tables.gre(*slot)
            }
            HomeAction::Suspended | HomeAction::PeerAnchored => None,
        }
    }

    fn is_empty(&self) -> bool {
        let tables = self.worker.0.borrow();
        let homes = tables.homes.is_empty() && tables.realm_homes.is_empty();
        let slots = tables.tunnels.is_empty() && tables.links.is_empty();
        homes && slots && tables.realms.is_empty() && self.hops.0.is_empty()
    }
}

#[test]
fn rfc_5845_one_address_of_two_realms_is_behind_two_tunnels() {
    let mut bench = Bench::new(8);
    bench.carry_out(&bound(1, 1, 10)).unwrap();
    bench.carry_out(&bound(2, 1, 20)).unwrap();
    assert_eq!(bench.keys_of(1), Some((Some(10), Some(1_010))));
    assert_eq!(bench.keys_of(2), Some((Some(20), Some(1_020))));
    assert!(bench.program.is_in_a_realm(ADDRESS));
    assert!(!bench.program.is_in_a_realm(Ipv4Addr::new(10, 0, 0, 0)));
    assert!(!bench.program.is_in_a_realm(Ipv4Addr::new(10, 0, 0, 2)));
    bench.carry_out(&becomes(1, RealmState::Suspended)).unwrap();
    assert_eq!(bench.keys_of(1), None);
    bench.carry_out(&bound(1, 2, 10)).unwrap();
    assert_eq!(bench.keys_of(1), Some((Some(10), Some(1_010))));
    for realm in [1, 2] {
        bench.carry_out(&becomes(realm, RealmState::Gone)).unwrap();
    }
    assert!(bench.is_empty() && !bench.program.is_in_a_realm(ADDRESS));
}

/// An MN's prefixes share its tunnel: they are of no realm, and stay when the IPv4 home goes.
#[test]
fn rfc_5845_a_tunnel_is_of_a_realm_while_a_home_of_it_is_behind_it() {
    let mut bench = Bench::new(8);
    let said = Entry::GreKeys {
        home: home(1),
        remote: None,
        keys: Some(keys(10).into()),
    };
    let prefix = Entry::Attach {
        home: home(1),
        link: link(1),
        lma: peer(1),
    };
    bench.carry_out(&said).unwrap();
    bench.carry_out(&prefix).unwrap();
    assert!(bench.worker.0.borrow().realms.is_empty());
    bench.carry_out(&attached(7, 1, 10)).unwrap();
    assert_eq!(bench.worker.0.borrow().tunnels.len(), 1);
    assert_eq!(bench.worker.0.borrow().realms.len(), 1);
    // Another key: the home leaves the tunnel, the prefix is not told yet.
    bench.carry_out(&attached(7, 1, 11)).unwrap();
    assert_eq!(bench.worker.0.borrow().tunnels.len(), 2);
    assert_eq!(bench.worker.0.borrow().realms.len(), 1);
    bench.carry_out(&becomes(7, RealmState::Gone)).unwrap();
    assert_eq!(bench.worker.0.borrow().tunnels.len(), 1);
    assert!(bench.worker.0.borrow().realms.is_empty());
    bench.carry_out(&Entry::Detach { home: home(1) }).unwrap();
    assert!(bench.is_empty());
}

/// A router on the way quotes the packet in the tunnel, and no realm: its word is good for the way all the same.
#[test]
fn rfc_2473_7_1_homes_of_realms_count_among_what_is_sent_a_way() {
    let far: IpAddr = "192.0.2.1".parse().unwrap();
    let sends = |bench: &Bench, way, source, destination| {
        bench.program.sends(peer(way), source, destination)
    };
    let mut bench = Bench::new(8);
    bench.carry_out(&attached(7, 1, 10)).unwrap();
    assert!(sends(&bench, 1, ADDRESS.into(), far));
    assert!(!sends(&bench, 2, ADDRESS.into(), far));
    assert!(!sends(&bench, 1, far, ADDRESS.into()));
    let mut bench = Bench::new(8);
    bench.carry_out(&bound(1, 1, 10)).unwrap();
    bench.carry_out(&bound(2, 2, 20)).unwrap();
    assert!(sends(&bench, 1, far, ADDRESS.into()) && sends(&bench, 2, far, ADDRESS.into()));
    assert!(!sends(&bench, 1, ADDRESS.into(), far));
}

#[test]
fn a_home_of_a_realm_that_does_not_fit_changes_nothing() {
    let mut bench = Bench::new(1);
    bench.carry_out(&attached(1, 1, 10)).unwrap();
    let refused = bench.carry_out(&attached(2, 2, 20));
    assert_eq!(refused, Err(Refused::HomesFull(1)));
    // There is no second tunnel for the other key, and the first stays in its place.
    assert_eq!(
        bench.carry_out(&attached(1, 1, 11)),
        Err(Refused::TunnelsFull(1))
    );
    assert_eq!(bench.keys_of(1), Some((Some(10), Some(1_010))));
    bench.carry_out(&becomes(1, RealmState::Gone)).unwrap();
    assert!(bench.is_empty());
}

#[test]
fn each_realm_has_its_next_hop() {
    let worker = FakeWorker::with_ring(8);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let realm = Realm::new(3);
    program.set_network_next_hop(realm, Some(NEXT_HOP));
    program.set_network_next_hop(None, None);
    let updates: Vec<_> = worker.0.borrow().ring.iter().map(|n| n.update).collect();
    assert!(matches!(
        updates[..],
        [
            Update::RealmNetwork { realm: of, next_hop: Some(NEXT_HOP) },
            Update::NetworkNextHop { next_hop: None }
        ] if Some(of) == realm
    ));
}

proptest! {
    #[test]
    fn whatever_becomes_of_homes_of_realms_nothing_is_left_behind(
        steps in prop::collection::vec((1_u16..4, 0_u8..4, 0_u32..2), 0..60),
    ) {
        let mut bench = Bench::new(4);
        for (realm, what, key) in steps {
            let receive = u32::from(realm) * 10 + key;
            let entry = match what {
                0 => becomes(realm, RealmState::Gone),
                1 => becomes(realm, RealmState::Suspended),
                2 => bound(realm, (receive % 3) as u8, receive),
                _ => attached(realm, realm as u8, receive),
            };
            // Room may be short; what is there is complete after every update.
            let _ = bench.carry_out(&entry);
        }
        for realm in 1..4 {
            bench.carry_out(&becomes(realm, RealmState::Gone)).unwrap();
        }
        prop_assert!(bench.is_empty());
    }
}
