//! A local mobility anchor's verdicts.

use super::*;
use crate::event::IcmpError;

const MAG1: &str = LMA;
const MAG2: &str = PEER;
const PEER_HOME: &str = "2001:db8:9::/64";
const PEER_MN: &str = "2001:db8:9::9";

/// MN1 behind MAG1, MN2 behind MAG2, one home at a peer LMA.
fn lma() -> Node {
    let mut node = Node::new(&config(Role::Lma));
    node.program(&[
        tunnel(0, MAG1),
        tunnel(1, MAG2),
        home(MN1_HOME, anchored(0)),
        home(MN2_HOME, anchored(1)),
        home(PEER_HOME, HomeAction::PeerAnchored),
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
    ]);
    node
}

fn from_mag(mag: &str, inner: &V6) -> Vec<u8> {
    from_router(TRANSPORT, &inner.inside(mag, OWN).bytes())
}

fn into_tunnel(fate: &Fate, mag: &str, inner: &V6) {
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("not into a tunnel: {fate:?}");
    };
    let outer = inner.inside(OWN, mag).flow_label(outer_label(frame));
    assert_eq!(*frame, to_router(TRANSPORT, &outer.ecn(inner.ecn).bytes()));
}

#[test]
fn l_1_up_to_the_network() {
    let mut node = lma();
    let packet = V6::udp(MN1, CN);
    let fate = node.pass(TRANSPORT, &from_mag(MAG1, &packet));
    let wanted = to_router(NETWORK, &packet.hop_limit(63).bytes());
    assert_eq!(fate, Fate::Sent(NETWORK, wanted));
    assert_eq!(node.counter("lma.up"), 1);
    assert_eq!(node.events(), [], "L-3: not a mobile destination");
}

#[test]
fn l_1_down_from_the_network() {
    let mut node = lma();
    let packet = V6::udp(CN, MN2).ecn(1);
    let fate = node.pass(NETWORK, &from_router(NETWORK, &packet.bytes()));
    into_tunnel(&fate, MAG2, &packet.hop_limit(63));
    assert_eq!(node.counter("lma.down"), 1);
}

#[test]
fn l_1_l_3_between_own_homes_and_told_once() {
    let mut node = lma();
    let packet = V6::udp(MN1, MN2).ecn(2);
    for _ in 0..3 {
        let fate = node.pass(TRANSPORT, &from_mag(MAG1, &packet));
        into_tunnel(&fate, MAG2, &packet.clone().hop_limit(63));
    }
    assert_eq!(node.counter("lma.hairpin"), 3);
    let talks = Event::PairTalks {
        source: MN1.parse().expect("an address"),
        destination: MN2.parse().expect("an address"),
        realm: None,
        packets: 1,
    };
    assert_eq!(node.events(), [talks]);
}

#[test]
fn l_3_a_pair_with_a_peers_home_is_told() {
    let mut node = lma();
    let packet = V6::udp(MN1, PEER_MN);
    let fate = node.pass(TRANSPORT, &from_mag(MAG1, &packet));
    let wanted = to_router(NETWORK, &packet.hop_limit(63).bytes());
    assert_eq!(fate, Fate::Sent(NETWORK, wanted));
    assert_eq!(node.counter("lma.to-peer"), 1);
    assert_eq!(node.events().len(), 1);
}

#[test]
fn l_32_every_far_end_of_a_peers_prefix_is_told_at_once() {
    let mut node = lma();
    node.program(&[home("2001:db8:a::/48", HomeAction::PeerAnchored)]);
    for far in ["2001:db8:a:1::9", "2001:db8:a:2::9", "2001:db8:a:2::8"] {
        node.pass(TRANSPORT, &from_mag(MAG1, &V6::udp(MN1, far)));
    }
    let told = node.events();
    let far = told.iter().map(|event| match event {
        Event::PairTalks { destination, .. } => destination.to_string(),
        other => panic!("{other:?}"),
    });
    let far: Vec<_> = far.collect();
    assert_eq!(far, ["2001:db8:a:1::9", "2001:db8:a:2::9"]);
}

#[test]
fn l_3_ipv4_far_ends_are_told_one_by_one() {
    let mut node = lma();
    node.program(&[
        home("10.1.0.1/32", anchored(0)),
        home("10.2.0.0/16", HomeAction::PeerAnchored),
    ]);
    for far in ["10.2.0.1", "10.2.0.2", "10.2.0.2"] {
        let inner = v4("10.1.0.1", far, 64, 60, true);
        let outer = V6::new(MAG1, OWN, 4, &inner);
        node.pass(TRANSPORT, &from_router(TRANSPORT, &outer.bytes()));
    }
    assert_eq!(node.events().len(), 2);
}

#[test]
fn hl_26_two_homes_behind_one_mag_go_back_to_it() {
    let mut node = lma();
    node.program(&[home(MN2_HOME, anchored(0))]);
    let packet = V6::udp(MN1, MN2);
    let fate = node.pass(TRANSPORT, &from_mag(MAG1, &packet));
    into_tunnel(&fate, MAG1, &packet.hop_limit(63));
}

#[test]
fn congestion_between_mags_is_passed_on() {
    let mut node = lma();
    let inside = V6::udp(MN1, MN2).ecn(2).inside(MAG1, OWN).ecn(3);
    let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &inside.bytes()));
    into_tunnel(&fate, MAG2, &V6::udp(MN1, MN2).ecn(3).hop_limit(63));
}

#[test]
fn the_tunnel_must_be_that_of_the_inner_source() {
    let wanted = Fate::Dropped(DropReason::TunnelSourceNotAllowed);
    let other_mag = from_mag(MAG2, &V6::udp(MN1, CN));
    let not_a_home = from_mag(MAG1, &V6::udp(CN, MN2));
    let peers_home = from_mag(MAG1, &V6::udp(PEER_MN, MN2));
    let stranger = from_mag(CN, &V6::udp(MN1, CN));
    for frame in [other_mag, not_a_home, peers_home, stranger] {
        assert_eq!(lma().pass(TRANSPORT, &frame), wanted);
    }
}

#[test]
fn a_suspended_home_gets_and_sends_nothing() {
    let mut node = lma();
    node.program(&[home(MN2_HOME, HomeAction::Suspended)]);
    let suspended = Fate::Dropped(DropReason::BindingSuspended);
    let to = from_mag(MAG1, &V6::udp(MN1, MN2));
    let from = from_mag(MAG2, &V6::udp(MN2, MN1));
    let down = from_router(NETWORK, &V6::udp(CN, MN2).bytes());
    assert_eq!(node.pass(TRANSPORT, &to), suspended);
    assert_eq!(node.pass(TRANSPORT, &from), suspended);
    assert_eq!(node.pass(NETWORK, &down), suspended);
    node.program(&[home(MN2_HOME, anchored(0))]);
    assert!(matches!(node.pass(NETWORK, &down), Fate::Sent(..)));
}

#[test]
fn the_network_cannot_speak_for_an_own_home() {
    let frame = from_router(NETWORK, &V6::udp(MN1, MN2).bytes());
    let fate = lma().pass(NETWORK, &frame);
    assert_eq!(fate, Fate::Dropped(DropReason::SpoofedHome));
    let peers = from_router(NETWORK, &V6::udp(PEER_MN, MN2).bytes());
    assert!(matches!(lma().pass(NETWORK, &peers), Fate::Sent(..)));
}

#[test]
fn a_destination_without_binding_is_refused() {
    let icmp = PuntReason::IcmpError(IcmpError::Unreachable);
    for destination in [CN, PEER_MN] {
        let frame = from_router(NETWORK, &V6::udp(CN, destination).bytes());
        let fate = lma().pass(NETWORK, &frame);
        assert_eq!(fate, Fate::Refused(DropReason::NoBinding, icmp));
    }
}

#[test]
fn tunnel_packets_come_by_transport_ports_only() {
    let inner = V6::udp(MN1, CN).inside(MAG1, OWN).bytes();
    let fate = lma().pass(NETWORK, &from_router(NETWORK, &inner));
    assert_eq!(fate, Fate::Dropped(DropReason::TunnelNotOnTransport));
}

#[test]
fn homes_of_different_lengths_match_the_longest() {
    let mut node = lma();
    node.program(&[
        home("2001:db8:2::/48", anchored(0)),
        home("2001:db8:2::2/128", anchored(0)),
    ]);
    let mut to = |destination: &str| {
        let packet = V6::udp(CN, destination);
        let fate = node.pass(NETWORK, &from_router(NETWORK, &packet.bytes()));
        (fate, packet.hop_limit(63))
    };
    let (fate, inner) = to("2001:db8:2::2");
    into_tunnel(&fate, MAG1, &inner);
    let (fate, inner) = to("2001:db8:2::3");
    into_tunnel(&fate, MAG2, &inner);
    let (fate, inner) = to("2001:db8:2:5::3");
    into_tunnel(&fate, MAG1, &inner);
}
