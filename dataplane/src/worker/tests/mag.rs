//! A mobile access gateway's verdicts.

use super::*;
use crate::event::IcmpError;
use crate::update::Update;

/// MN1 and MN2 attached, MN2 on VLAN 7; tunnel 0 to the LMA, 1 to another MAG.
fn mag() -> Node {
    let mut config = config(Role::Mag);
    config.detect.enabled = false;
    let mut node = Node::new(&config);
    node.program(&[
        tunnel(0, LMA),
        tunnel(1, PEER),
        link(0, None, 1),
        link(1, Some(7), 2),
        home(MN1_HOME, attached(0, 0)),
        home(MN2_HOME, attached(1, 0)),
    ]);
    node
}

const AWAY_HOME: &str = "2001:db8:3::/64";
const AWAY: &str = "2001:db8:3::3";

fn sent_into_tunnel(fate: &Fate, remote: &str, inner: &V6) {
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("not into a tunnel: {fate:?}");
    };
    let label = outer_label(frame);
    assert_ne!(label, 0, "RFC 6438");
    let outer = inner.inside(OWN, remote).flow_label(label).ecn(inner.ecn);
    assert_eq!(*frame, to_router(TRANSPORT, &outer.bytes()));
    let seen = etherparse::SlicedPacket::from_ethernet(frame).expect("etherparse agrees");
    assert!(matches!(seen.net, Some(etherparse::NetSlice::Ipv6(_))));
}

#[test]
fn l_1_uplink_goes_to_the_anchor() {
    let mut node = mag();
    let packet = V6::udp(MN1, CN).ecn(2);
    let fate = node.pass(ACCESS, &from_mn(1, &packet.bytes()));
    sent_into_tunnel(&fate, LMA, &packet.hop_limit(63));
    assert_eq!(node.counter("mag.via-lma.up"), 1);
    assert_eq!(node.counter("tunnel.encapsulated"), 1);
}

#[test]
fn ethernet_padding_is_not_tunnelled() {
    let mut node = mag();
    let packet = V6::new(MN1, CN, 59, &[]);
    let mut frame = from_mn(1, &packet.bytes());
    frame.resize(60, 0);
    let fate = node.pass(ACCESS, &frame);
    sent_into_tunnel(&fate, LMA, &packet.hop_limit(63));
}

#[test]
fn uplink_of_a_tagged_link_leaves_the_tag_behind() {
    let mut node = mag();
    let packet = V6::udp(MN2, CN);
    let frame = tagged(7, &from_mn(2, &packet.bytes()));
    let fate = node.pass(ACCESS, &frame);
    sent_into_tunnel(&fate, LMA, &packet.hop_limit(63));
}

#[test]
fn the_flow_label_is_of_the_flow() {
    let mut node = mag();
    let mut label = |packet: &V6| match node.pass(ACCESS, &from_mn(1, &packet.bytes())) {
        Fate::Sent(_, frame) => outer_label(&frame),
        other => panic!("{other:?}"),
    };
    let first = V6::udp(MN1, CN);
    let mut other_port = first.clone();
    other_port.payload[3] ^= 1;
    let mut other_data = first.clone();
    other_data.payload[12] ^= 1;
    assert_eq!(label(&first), label(&other_data));
    assert_ne!(label(&first), label(&other_port));
}

#[test]
fn uplink_from_another_link_is_dropped() {
    let packet = V6::udp(MN1, CN).bytes();
    let wrong_mac = from_mn(9, &packet);
    let wrong_vlan = tagged(7, &from_mn(1, &packet));
    let not_a_home = from_mn(1, &V6::udp(CN, MN2).bytes());
    let anothers = from_mn(1, &V6::udp(MN2, CN).bytes());
    for frame in [wrong_mac, wrong_vlan, not_a_home, anothers] {
        let fate = mag().pass(ACCESS, &frame);
        assert_eq!(fate, Fate::Dropped(DropReason::SourceNotOnLink));
    }
}

#[test]
fn a_pair_sends_to_the_other_mag_and_is_counted() {
    let mut node = mag();
    node.program(&[pair(MN1_HOME, AWAY_HOME, send(1), 3)]);
    let packet = V6::udp(MN1, AWAY);
    let frame = from_mn(1, &packet.bytes());
    let fate = node.pass(ACCESS, &frame);
    sent_into_tunnel(&fate, PEER, &packet.clone().hop_limit(63));
    assert_eq!(node.handle.path_counters(PathSlot(3)), (1, 56));
    assert_eq!(node.counter("path.sent"), 1);
    // Another destination still goes by the anchor.
    let other = V6::udp(MN1, CN);
    let fate = node.pass(ACCESS, &from_mn(1, &other.bytes()));
    sent_into_tunnel(&fate, LMA, &other.hop_limit(63));
    // So does the pair, once cleared.
    node.program(&[Update::PairClear {
        source: MN1_HOME.parse().expect("a prefix"),
        destination: AWAY_HOME.parse().expect("a prefix"),
    }]);
    let fate = node.pass(ACCESS, &frame);
    sent_into_tunnel(&fate, LMA, &packet.hop_limit(63));
}

#[test]
fn hl_26_a_local_pair_goes_from_link_to_link() {
    let mut node = mag();
    node.program(&[pair(MN1_HOME, MN2_HOME, PairAction::Local, 4)]);
    let packet = V6::udp(MN1, MN2);
    let fate = node.pass(ACCESS, &from_mn(1, &packet.bytes()));
    let wanted = tagged(7, &to_mn(2, &packet.hop_limit(63).bytes()));
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
    assert_eq!(node.handle.path_counters(PathSlot(4)), (1, 56));
}

#[test]
fn l_1_downlink_from_the_anchor_is_delivered() {
    let mut node = mag();
    let packet = V6::udp(CN, MN1);
    let frame = from_router(TRANSPORT, &packet.inside(LMA, OWN).bytes());
    let fate = node.pass(TRANSPORT, &frame);
    assert_eq!(
        fate,
        Fate::Sent(ACCESS, to_mn(1, &packet.hop_limit(63).bytes()))
    );
    assert_eq!(node.counter("mag.via-lma.down"), 1);
    assert_eq!(node.counter("tunnel.decapsulated"), 1);
}

#[test]
fn a_tunnel_packet_with_an_encapsulation_limit_is_delivered() {
    let mut node = mag();
    let packet = V6::udp(CN, MN2);
    let mut payload = vec![41, 0, 4, 1, 4, 1, 1, 0];
    payload.extend(packet.bytes());
    let outer = V6::new(LMA, OWN, 60, &payload);
    let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &outer.bytes()));
    let wanted = tagged(7, &to_mn(2, &packet.hop_limit(63).bytes()));
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
}

#[test]
fn an_outer_option_that_must_not_be_skipped_is_dropped() {
    let mut payload = vec![41, 0, 0xc2, 4, 0, 0, 0, 0];
    payload.extend(V6::udp(CN, MN2).bytes());
    let outer = V6::new(LMA, OWN, 60, &payload);
    let fate = mag().pass(TRANSPORT, &from_router(TRANSPORT, &outer.bytes()));
    assert_eq!(fate, Fate::Dropped(DropReason::OuterOption));
}

#[test]
fn a_tunnel_may_carry_what_a_pair_allows_and_nothing_else() {
    let mut node = mag();
    let packet = V6::udp(AWAY, MN1);
    let frame = from_router(TRANSPORT, &packet.inside(PEER, OWN).bytes());
    let not_allowed = Fate::Dropped(DropReason::TunnelSourceNotAllowed);
    assert_eq!(node.pass(TRANSPORT, &frame), not_allowed);
    node.program(&[pair(AWAY_HOME, MN1_HOME, receive(1), 5)]);
    assert_eq!(
        node.pass(TRANSPORT, &frame),
        Fate::Sent(ACCESS, to_mn(1, &packet.hop_limit(63).bytes()))
    );
    assert_eq!(node.handle.path_counters(PathSlot(5)), (1, 56));
    assert_eq!(node.counter("path.received"), 1);
    let other_source = V6::udp(CN, MN1).inside(PEER, OWN).bytes();
    let stranger = V6::udp(AWAY, MN1).inside(CN, OWN).bytes();
    for packet in [other_source, stranger] {
        let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &packet));
        assert_eq!(fate, not_allowed);
    }
}

#[test]
fn an_inner_destination_that_is_not_attached_is_refused() {
    let inner = V6::udp(CN, AWAY).inside(LMA, OWN).bytes();
    let fate = mag().pass(TRANSPORT, &from_router(TRANSPORT, &inner));
    let icmp = PuntReason::IcmpError(IcmpError::Unreachable);
    assert_eq!(fate, Fate::Refused(DropReason::NotAttached, icmp));
}

#[test]
fn the_last_hop_is_refused_in_both_directions() {
    let icmp = PuntReason::IcmpError(IcmpError::HopLimit);
    let wanted = Fate::Refused(DropReason::HopLimit, icmp);
    for hop_limit in [0, 1] {
        let up = V6::udp(MN1, CN).hop_limit(hop_limit).bytes();
        assert_eq!(mag().pass(ACCESS, &from_mn(1, &up)), wanted);
        let down = V6::udp(CN, MN1).hop_limit(hop_limit).inside(LMA, OWN);
        let frame = from_router(TRANSPORT, &down.bytes());
        assert_eq!(mag().pass(TRANSPORT, &frame), wanted);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_mtu() {
    let too_big = |mtu_bytes| {
        let icmp = PuntReason::IcmpError(IcmpError::TooBig { mtu_bytes });
        Fate::Refused(DropReason::TooBig, icmp)
    };
    let mut node = mag();
    let up = |octets| from_mn(1, &V6::udp(MN1, CN).octets(octets).bytes());
    assert!(matches!(node.pass(ACCESS, &up(1460)), Fate::Sent(..)));
    assert_eq!(node.pass(ACCESS, &up(1461)), too_big(1460));
    let narrow = TunnelSpec {
        mtu_bytes: 1000,
        ..tunnel_spec(LMA)
    };
    node.program(&[Update::Tunnel {
        slot: TunnelSlot(0),
        tunnel: narrow,
    }]);
    assert_eq!(node.pass(ACCESS, &up(1281)), too_big(1280));
    assert!(matches!(
        node.pass(ACCESS, &up(1280)),
        Fate::Fragmented(TRANSPORT, _)
    ));
    let down = V6::udp(CN, MN1).octets(1501).inside(LMA, OWN);
    let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &down.bytes()));
    assert_eq!(fate, too_big(1500));
}

#[test]
fn congestion_outside_goes_inside_or_drops() {
    let mut node = mag();
    let mut through = |inner: u8, outer: u8| {
        let packet = V6::udp(CN, MN1).ecn(inner).inside(LMA, OWN).ecn(outer);
        node.pass(TRANSPORT, &from_router(TRANSPORT, &packet.bytes()))
    };
    let marked = V6::udp(CN, MN1).ecn(3).hop_limit(63).bytes();
    assert_eq!(through(2, 3), Fate::Sent(ACCESS, to_mn(1, &marked)));
    assert_eq!(through(0, 3), Fate::Dropped(DropReason::Ecn));
    assert_eq!(node.counter("tunnel.ecn-odd"), 1);
}

#[test]
fn a_packet_between_the_tunnels_own_ends_is_not_tunnelled() {
    let mut node = mag();
    node.program(&[home("2001:db8:ffff::/64", attached(0, 0))]);
    let fate = node.pass(ACCESS, &from_mn(1, &V6::udp(OWN, LMA).bytes()));
    assert_eq!(fate, Fate::Dropped(DropReason::TunnelLoop));
}

#[test]
fn entries_that_point_to_nothing_drop() {
    let mut node = mag();
    node.program(&[
        home(MN1_HOME, attached(0, 5)),
        home(AWAY_HOME, attached(6, 0)),
    ]);
    let incomplete = Fate::Dropped(DropReason::IncompleteEntry);
    let up = from_mn(1, &V6::udp(MN1, CN).bytes());
    assert_eq!(node.pass(ACCESS, &up), incomplete);
    let down = V6::udp(CN, AWAY).inside(LMA, OWN).bytes();
    let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &down));
    assert_eq!(fate, incomplete);
}

#[test]
fn a_tunnel_without_next_hop_drops_and_tells_once() {
    let mut node = mag();
    let unresolved = TunnelSpec {
        next_hop: None,
        ..tunnel_spec(LMA)
    };
    node.program(&[Update::Tunnel {
        slot: TunnelSlot(0),
        tunnel: unresolved,
    }]);
    let frame = from_mn(1, &V6::udp(MN1, CN).bytes());
    for _ in 0..3 {
        let fate = node.pass(ACCESS, &frame);
        assert_eq!(fate, Fate::Dropped(DropReason::TunnelUnresolved));
    }
    let remote = LMA.parse().expect("an address");
    assert_eq!(node.events(), [Event::TunnelUnresolved { remote }]);
}

#[test]
fn no_room_in_front_is_a_drop() {
    let mut node = mag();
    let frame = from_mn(1, &V6::udp(MN1, CN).bytes());
    let buffer = VecBuffer::new(&frame).without_headroom();
    let fate = node.pass_buffer(ACCESS, buffer);
    assert_eq!(fate, Fate::Dropped(DropReason::NoHeadroom));
}

#[test]
fn ipv4_homes_are_forwarded_both_ways() {
    let mut node = mag();
    node.program(&[home("10.0.0.1/32", attached(0, 0))]);
    let fate = node.pass(
        ACCESS,
        &from_mn(1, &v4("10.0.0.1", "192.0.2.1", 64, 60, false)),
    );
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("{fate:?}");
    };
    let inner = v4("10.0.0.1", "192.0.2.1", 63, 60, false);
    let outer = V6::new(OWN, LMA, 4, &inner).flow_label(outer_label(&frame));
    assert_eq!(frame, to_router(TRANSPORT, &outer.bytes()));

    let down = V6::new(LMA, OWN, 4, &v4("192.0.2.1", "10.0.0.1", 64, 60, false)).ecn(1);
    let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &down.bytes()));
    let wanted = to_mn(1, &v4("192.0.2.1", "10.0.0.1", 63, 60, false));
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
    let fate = node.pass(
        ACCESS,
        &from_mn(1, &v4("10.0.0.2", "192.0.2.1", 64, 60, false)),
    );
    assert_eq!(fate, Fate::Dropped(DropReason::SourceNotOnLink));
    let big = |df| from_mn(1, &v4("10.0.0.1", "192.0.2.1", 64, 1480, df));
    let icmp = PuntReason::IcmpError(IcmpError::TooBig { mtu_bytes: 1460 });
    assert_eq!(
        node.pass(ACCESS, &big(true)),
        Fate::Refused(DropReason::TooBig, icmp)
    );
    assert!(matches!(
        node.pass(ACCESS, &big(false)),
        Fate::Fragmented(TRANSPORT, _)
    ));
}

#[test]
fn a_correspondent_gateway_sends_natively_what_no_pair_takes() {
    let mut config = config(Role::Cn);
    config.detect.enabled = false;
    let mut node = Node::new(&config);
    node.program(&[
        tunnel(1, PEER),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
        pair(MN1_HOME, AWAY_HOME, send(1), 0),
    ]);
    let native = V6::udp(MN1, CN);
    let frame = from_mn(1, &native.bytes());
    let unresolved = Fate::Dropped(DropReason::NetworkUnresolved);
    assert_eq!(node.pass(ACCESS, &frame), unresolved);
    node.program(&[Update::NetworkNextHop {
        next_hop: Some(hop(NETWORK)),
    }]);
    let wanted = to_router(NETWORK, &native.hop_limit(63).bytes());
    assert_eq!(node.pass(ACCESS, &frame), Fate::Sent(NETWORK, wanted));
    let mobile = V6::udp(MN1, AWAY);
    let fate = node.pass(ACCESS, &from_mn(1, &mobile.bytes()));
    sent_into_tunnel(&fate, PEER, &mobile.hop_limit(63));
    let down = V6::udp(CN, MN1);
    let fate = node.pass(NETWORK, &from_router(NETWORK, &down.bytes()));
    let wanted = to_mn(1, &down.hop_limit(63).bytes());
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
}
