//! Two homes with one IPv4 address, of different realms (RFC 5845 section 3): told apart by link, by GRE key, by
//! network port, and nothing of one comes to the other.

use super::*;
use crate::event::{IcmpError, Inject, by_destination};
use crate::update::{GreKeys, Realm};

const HOME: &str = "10.0.0.1";
const OTHER: &str = "10.0.0.2";
const FAR: &str = "192.0.2.9";
/// Ports of the realms' networks.
const BLUE_NET: u16 = 3;
const RED_NET: u16 = 4;
const VLAN: u16 = 7;

fn realm(number: u16) -> Realm {
    Realm::new(number).expect("a realm's number")
}

fn blue() -> Realm {
    realm(1)
}

fn red() -> Realm {
    realm(Realm::MAX)
}

/// A tunnel to `remote` that sends with one key and receives with the next.
fn keyed(slot: u32, remote: &str, send: u32) -> Update {
    let gre = Some(GreKeys {
        send: Some(send),
        receive: Some(send + 1),
    });
    Update::Tunnel {
        slot: TunnelSlot(slot),
        tunnel: TunnelSpec {
            gre,
            mtu_bytes: 1452,
            ..tunnel_spec(remote)
        },
    }
}

fn of_realm(slot: u32, realm: Realm) -> Update {
    Update::TunnelRealm {
        slot: TunnelSlot(slot),
        realm: Some(realm),
    }
}

fn realm_home(realm: Realm, address: &str, action: HomeAction) -> Update {
    Update::RealmHome {
        realm,
        address: address.parse().expect("an address"),
        action,
    }
}

fn packet(source: &str, destination: &str, ttl: u8) -> Vec<u8> {
    v4(source, destination, ttl, 60, true)
}

/// A packet as `remote` puts it into a tunnel with a key.
fn keyed_from(remote: &str, key: u32, packet: &[u8]) -> Vec<u8> {
    let outer = V6::new(remote, OWN, 47, &gre(Some(key), packet));
    from_router(TRANSPORT, &outer.bytes())
}

/// It went into the tunnel with this key, and was this packet.
fn into_keyed(fate: &Fate, remote: &str, key: u32, packet: &[u8]) {
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("not into a tunnel: {fate:?}");
    };
    let outer = V6::new(OWN, remote, 47, &gre(Some(key), packet));
    let outer = outer.flow_label(outer_label(frame)).bytes();
    assert_eq!(*frame, to_router(TRANSPORT, &outer));
}

/// A MAG with two MNs, who have one link-layer address too, on two VLANs.
fn mag() -> Node {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        keyed(0, LMA, 10),
        keyed(1, LMA, 20),
        link(0, None, 1),
        link(1, Some(VLAN), 1),
        home("10.0.0.1/32", attached(0, 0)),
        of_realm(1, red()),
        realm_home(red(), HOME, attached(1, 1)),
    ]);
    node
}

#[test]
fn rfc_5845_a_mag_tells_two_mns_of_one_address_apart() {
    let mut node = mag();
    let (up, down) = (packet(HOME, FAR, 64), packet(FAR, HOME, 64));
    let fate = node.pass(ACCESS, &from_mn(1, &up));
    into_keyed(&fate, LMA, 10, &packet(HOME, FAR, 63));
    let fate = node.pass(ACCESS, &tagged(VLAN, &from_mn(1, &up)));
    into_keyed(&fate, LMA, 20, &packet(HOME, FAR, 63));
    let delivered = to_mn(1, &packet(FAR, HOME, 63));
    let fate = node.pass(TRANSPORT, &keyed_from(LMA, 11, &down));
    assert_eq!(fate, Fate::Sent(ACCESS, delivered.clone()));
    let fate = node.pass(TRANSPORT, &keyed_from(LMA, 21, &down));
    assert_eq!(fate, Fate::Sent(ACCESS, tagged(VLAN, &delivered)));
    assert_eq!(node.counter("mag.via-lma.up"), 2);
    assert_eq!(node.counter("mag.via-lma.down"), 2);
}

#[test]
fn rfc_5845_at_a_mag_nothing_of_one_realm_gets_into_another() {
    let mut node = mag();
    let dropped = |reason| Fate::Dropped(reason);
    let not_on_link = dropped(DropReason::SourceNotOnLink);
    for frame in [
        from_mn(2, &packet(HOME, FAR, 64)),
        tagged(VLAN + 1, &from_mn(1, &packet(HOME, FAR, 64))),
        tagged(VLAN, &from_mn(1, &packet(OTHER, FAR, 64))),
        tagged(VLAN, &from_mn(1, &V6::udp(MN1, CN).bytes())),
    ] {
        assert_eq!(node.pass(ACCESS, &frame), not_on_link);
    }
    let not_allowed = dropped(DropReason::TunnelSourceNotAllowed);
    let unknown_key = keyed_from(LMA, 31, &packet(FAR, HOME, 64));
    assert_eq!(node.pass(TRANSPORT, &unknown_key), not_allowed);
    // A home without a realm has no business in the tunnel of one that has.
    node.program(&[
        home("10.0.0.2/32", attached(0, 0)),
        home(MN1_HOME, attached(1, 1)),
    ]);
    let refused = node.pass(TRANSPORT, &keyed_from(LMA, 21, &packet(FAR, OTHER, 64)));
    assert!(matches!(refused, Fate::Refused(DropReason::NotAttached, _)));
    // Its IPv6 home is no realm's.
    let fate = node.pass(TRANSPORT, &keyed_from(LMA, 21, &V6::udp(CN, MN1).bytes()));
    let wanted = tagged(VLAN, &to_mn(1, &V6::udp(CN, MN1).hop_limit(63).bytes()));
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
}

#[test]
fn rfc_5844_the_default_router_is_the_gateway_in_a_realm_too() {
    let mut node = mag();
    let Update::Link { slot, link } = link(1, Some(VLAN), 1) else {
        panic!("a link");
    };
    let router = OTHER.parse().ok();
    let link = LinkSpec { router, ..link };
    node.program(&[Update::Link { slot, link }]);
    let ping = tagged(VLAN, &from_mn(1, &packet(HOME, OTHER, 64)));
    assert_eq!(node.pass(ACCESS, &ping), Fate::Punted(PuntReason::Local));
    let fate = node.pass(ACCESS, &from_mn(1, &packet(HOME, OTHER, 64)));
    into_keyed(&fate, LMA, 10, &packet(HOME, OTHER, 63));
}

#[test]
fn rfc_5845_who_stays_is_served_when_the_other_goes() {
    let up = packet(HOME, FAR, 64);
    let mut node = mag();
    let home: Update = Update::HomeClear {
        home: "10.0.0.1/32".parse().expect("a prefix"),
    };
    node.program(&[home]);
    let fate = node.pass(ACCESS, &tagged(VLAN, &from_mn(1, &up)));
    into_keyed(&fate, LMA, 20, &packet(HOME, FAR, 63));
    let not_on_link = Fate::Dropped(DropReason::SourceNotOnLink);
    assert_eq!(node.pass(ACCESS, &from_mn(1, &up)), not_on_link);
    // The link is another one now.
    node.program(&[link(1, Some(VLAN), 2)]);
    assert_eq!(
        node.pass(ACCESS, &tagged(VLAN, &from_mn(1, &up))),
        not_on_link
    );
    let fate = node.pass(ACCESS, &tagged(VLAN, &from_mn(2, &up)));
    into_keyed(&fate, LMA, 20, &packet(HOME, FAR, 63));
    let gone = Update::RealmHomeClear {
        realm: red(),
        address: HOME.parse().expect("an address"),
    };
    node.program(&[gone]);
    assert_eq!(
        node.pass(ACCESS, &tagged(VLAN, &from_mn(2, &up))),
        not_on_link
    );
    let fate = node.pass(TRANSPORT, &keyed_from(LMA, 21, &packet(FAR, HOME, 64)));
    assert!(matches!(fate, Fate::Refused(DropReason::NotAttached, _)));
    node.program(&[gone]);
    assert_eq!(node.counter("update.nothing-to-clear"), 1);
}

/// An LMA with one address in two realms, behind two MAGs, and one MN more in each.
fn lma() -> Node {
    let mut config = config(Role::Lma);
    for (number, realm) in [(BLUE_NET, blue()), (RED_NET, red())] {
        let network = port(number, RoleSet::NETWORK);
        config.ports.push(PortRole {
            realm: Some(realm),
            ..network
        });
    }
    let mut node = Node::new(&config);
    node.program(&[
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
        keyed(0, LMA, 10),
        of_realm(0, blue()),
        realm_home(blue(), HOME, anchored(0)),
        keyed(1, PEER, 20),
        of_realm(1, red()),
        realm_home(red(), HOME, anchored(1)),
        keyed(2, PEER, 30),
        of_realm(2, red()),
        realm_home(red(), OTHER, anchored(2)),
    ]);
    node
}

fn network(realm: Realm, port: u16) -> Update {
    Update::RealmNetwork {
        realm,
        next_hop: Some(hop(port)),
    }
}

#[test]
fn rfc_5845_an_lma_forwards_within_a_realm_and_says_so() {
    let mut node = lma();
    let fate = node.pass(TRANSPORT, &keyed_from(PEER, 21, &packet(HOME, OTHER, 64)));
    into_keyed(&fate, PEER, 30, &packet(HOME, OTHER, 63));
    let talks = Event::PairTalks {
        source: HOME.parse().expect("an address"),
        destination: OTHER.parse().expect("an address"),
        realm: Some(red()),
        packets: 1,
    };
    assert_eq!(node.events(), [talks]);
    let fate = node.pass(TRANSPORT, &keyed_from(PEER, 31, &packet(OTHER, HOME, 64)));
    into_keyed(&fate, PEER, 20, &packet(OTHER, HOME, 63));
    assert_eq!(node.counter("lma.hairpin"), 2);
}

#[test]
fn rfc_5845_each_realm_has_its_network() {
    let mut node = lma();
    node.program(&[network(blue(), BLUE_NET), network(red(), RED_NET)]);
    for (mag, up, down, port) in [(LMA, 11, 10, BLUE_NET), (PEER, 21, 20, RED_NET)] {
        let fate = node.pass(TRANSPORT, &keyed_from(mag, up, &packet(HOME, FAR, 64)));
        let wanted = to_router(port, &packet(HOME, FAR, 63));
        assert_eq!(fate, Fate::Sent(port, wanted));
        let fate = node.pass(port, &from_router(port, &packet(FAR, HOME, 64)));
        into_keyed(&fate, mag, down, &packet(FAR, HOME, 63));
    }
    assert_eq!(node.counter("lma.up"), 2);
    assert_eq!(node.counter("lma.down"), 2);
    // The next hop of one changes, and is lost.
    let lost = Update::RealmNetwork {
        realm: red(),
        next_hop: None,
    };
    node.program(&[lost]);
    let fate = node.pass(TRANSPORT, &keyed_from(PEER, 21, &packet(HOME, FAR, 64)));
    assert_eq!(fate, Fate::Dropped(DropReason::RealmUnreachable));
}

#[test]
fn rfc_5845_at_an_lma_nothing_of_one_realm_gets_into_another() {
    let mut node = lma();
    node.program(&[network(red(), RED_NET)]);
    let unreachable = Fate::Dropped(DropReason::RealmUnreachable);
    // No MN of blue has that address, and blue has no network.
    let up = keyed_from(LMA, 11, &packet(HOME, OTHER, 64));
    assert_eq!(node.pass(TRANSPORT, &up), unreachable);
    // The key is the MN: its neighbour's address does not pass with it, nor its own with another MAG.
    let not_allowed = Fate::Dropped(DropReason::TunnelSourceNotAllowed);
    for (mag, key, source) in [(PEER, 21, OTHER), (LMA, 21, HOME), (LMA, 12, HOME)] {
        let up = keyed_from(mag, key, &packet(source, FAR, 64));
        assert_eq!(node.pass(TRANSPORT, &up), not_allowed);
    }
    // From the network without a realm, and from blue's: there is no such home.
    for (port, to) in [(NETWORK, HOME), (BLUE_NET, OTHER)] {
        let fate = node.pass(port, &from_router(port, &packet(FAR, to, 64)));
        assert!(matches!(fate, Fate::Refused(DropReason::NoBinding, _)));
    }
    let spoofed = from_router(RED_NET, &packet(OTHER, HOME, 64));
    let dropped = Fate::Dropped(DropReason::SpoofedHome);
    assert_eq!(node.pass(RED_NET, &spoofed), dropped);
    let ipv6 = from_router(RED_NET, &V6::udp(CN, MN1).bytes());
    let dropped = Fate::Dropped(DropReason::RealmIpv6);
    assert_eq!(node.pass(RED_NET, &ipv6), dropped);
}

#[test]
fn rfc_5845_a_suspended_home_of_a_realm_is_suspended_there_alone() {
    let mut node = lma();
    node.program(&[
        network(blue(), BLUE_NET),
        network(red(), RED_NET),
        realm_home(red(), HOME, HomeAction::Suspended),
    ]);
    let suspended = Fate::Dropped(DropReason::BindingSuspended);
    let up = keyed_from(PEER, 21, &packet(HOME, FAR, 64));
    assert_eq!(node.pass(TRANSPORT, &up), suspended);
    let fate = node.pass(TRANSPORT, &keyed_from(LMA, 11, &packet(HOME, FAR, 64)));
    assert!(matches!(fate, Fate::Sent(BLUE_NET, _)));
}

/// Sends a packet of control's the way of a realm.
fn routed(node: &mut Node, realm: impl Into<Option<Realm>>, packet: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mbuf = VecBuffer::new(&ethernet([0; 6], [0; 6], 0, packet));
    let port = by_destination(realm.into());
    node.handle.inject(Inject { mbuf, port }).expect("room");
    node.step();
    let mut sent = Vec::new();
    for (port, wire) in &node.wires {
        sent.extend(wire.sent().map(|frame| (*port, frame.data().to_vec())));
    }
    sent
}

/// What a frame is punted for, and the realm of it.
fn told(node: &mut Node, port: u16, frame: &[u8]) -> (PuntReason, Option<Realm>) {
    node.wires[&port].arrive(VecBuffer::new(frame));
    node.step();
    let punt = node.handle.poll_punt().expect("a packet for control");
    (punt.reason, punt.realm)
}

#[test]
fn rfc_5845_icmp_errors_stay_in_their_realm() {
    let error = |to: &str| V4::new("192.0.0.8", to, 1, &[3, 4, 0, 0, 0, 0, 5, 0]);
    let large = |source: &str, destination: &str| v4(source, destination, 64, 1453, true);
    let too_big = PuntReason::IcmpError(IcmpError::TooBig { mtu_bytes: 1452 });
    let mut node = mag();
    let up = from_mn(1, &large(HOME, FAR));
    assert_eq!(told(&mut node, ACCESS, &up), (too_big, None));
    let up = tagged(VLAN, &up);
    assert_eq!(told(&mut node, ACCESS, &up), (too_big, Some(red())));
    let mut answer = error(HOME);
    let sent = routed(&mut node, red(), &answer.bytes());
    answer.ttl = 63;
    let wanted = tagged(VLAN, &to_mn(1, &answer.bytes()));
    assert_eq!(sent, [(ACCESS, wanted)]);

    let mut node = lma();
    node.program(&[network(red(), RED_NET)]);
    let down = from_router(RED_NET, &large(FAR, HOME));
    assert_eq!(told(&mut node, RED_NET, &down), (too_big, Some(red())));
    let mut answer = error(FAR);
    let sent = routed(&mut node, red(), &answer.bytes());
    answer.ttl = 63;
    assert_eq!(sent, [(RED_NET, to_router(RED_NET, &answer.bytes()))]);
    let sent = routed(&mut node, red(), &error(HOME).bytes());
    let [(TRANSPORT, frame)] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    let mut inside = error(HOME);
    inside.ttl = 63;
    into_keyed(
        &Fate::Sent(TRANSPORT, frame.clone()),
        PEER,
        20,
        &inside.bytes(),
    );
    assert_eq!(routed(&mut node, blue(), &error(FAR).bytes()), []);
}

#[test]
fn rfc_5845_what_a_mag_says_in_a_homes_name_stays_in_its_realm() {
    let mut node = mag();
    let spent = packet(FAR, HOME, 1);
    let hop_limit = PuntReason::IcmpError(IcmpError::HopLimit);
    for (key, realm) in [(10, None), (20, Some(red()))] {
        let down = keyed_from(LMA, key + 1, &spent);
        assert_eq!(told(&mut node, TRANSPORT, &down), (hop_limit, realm));
        let mut answer = V4::new(HOME, FAR, 1, &[11, 0, 0, 0, 0, 0, 0, 0]);
        let sent = routed(&mut node, realm, &answer.bytes());
        let [(port, frame)] = sent.as_slice() else {
            panic!("{sent:?}");
        };
        answer.ttl = 63;
        let fate = Fate::Sent(*port, frame.clone());
        into_keyed(&fate, LMA, key, &answer.bytes());
    }
}

#[test]
fn a_table_without_room_for_a_home_of_a_realm_refuses_it_whole() {
    let mut config = config(Role::Mag);
    config.realm_homes = 1;
    let mut node = Node::new(&config);
    node.program(&[
        keyed(0, LMA, 10),
        link(0, None, 1),
        link(1, Some(VLAN), 1),
        realm_home(blue(), HOME, attached(0, 0)),
        realm_home(red(), HOME, attached(1, 0)),
    ]);
    assert_eq!(node.counter("update.refused"), 1);
    let up = from_mn(1, &packet(HOME, FAR, 64));
    assert!(matches!(node.pass(ACCESS, &up), Fate::Sent(TRANSPORT, _)));
    let not_on_link = Fate::Dropped(DropReason::SourceNotOnLink);
    assert_eq!(node.pass(ACCESS, &tagged(VLAN, &up)), not_on_link);
    let gone = Update::RealmHomeClear {
        realm: blue(),
        address: HOME.parse().expect("an address"),
    };
    node.program(&[gone, realm_home(red(), HOME, attached(1, 0))]);
    assert!(matches!(
        node.pass(ACCESS, &tagged(VLAN, &up)),
        Fate::Sent(TRANSPORT, _)
    ));
}

#[test]
fn a_slot_that_is_used_again_is_of_no_realm() {
    let mut node = mag();
    node.program(&[
        Update::RealmHomeClear {
            realm: red(),
            address: HOME.parse().expect("an address"),
        },
        Update::TunnelClear {
            slot: TunnelSlot(1),
        },
        keyed(1, LMA, 40),
        home("10.0.0.2/32", attached(1, 1)),
    ]);
    let fate = node.pass(TRANSPORT, &keyed_from(LMA, 41, &packet(FAR, OTHER, 64)));
    assert!(matches!(fate, Fate::Sent(ACCESS, _)));
}
