//! Packets of control's that go where their destination is.

use super::*;
use crate::event::{BY_DESTINATION, Inject};

/// What became of a packet of control's.
fn routed(node: &mut Node, packet: &[u8]) -> Fate {
    let frame = ethernet([0; 6], [0; 6], 0, packet);
    let before = node.counters();
    let mbuf = VecBuffer::new(&frame);
    let port = BY_DESTINATION;
    node.handle.inject(Inject { mbuf, port }).expect("room");
    node.step();
    assert!(node.handle.poll_punt().is_none(), "an answer asks for none");
    for (port, wire) in &node.wires {
        if let Some(sent) = wire.sent() {
            return Fate::Sent(*port, sent.data().to_vec());
        }
    }
    let dropped = DropReason::ALL
        .iter()
        .find(|reason| node.handle.stats().dropped(**reason) > before[reason.name()]);
    Fate::Dropped(*dropped.expect("sent or dropped"))
}

fn error(to: &str) -> V6 {
    V6::new(OWN, to, 58, &[2, 0, 0, 0, 0, 0, 5, 0])
}

#[test]
fn a_mags_answer_goes_to_the_link_of_the_home() {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        tunnel(0, LMA),
        link(0, Some(7), 1),
        home(MN1_HOME, attached(0, 0)),
        home("10.0.0.1/32", attached(0, 0)),
    ]);
    let fate = routed(&mut node, &error(MN1).bytes());
    let wanted = tagged(7, &to_mn(1, &error(MN1).hop_limit(63).bytes()));
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
    let answer = |ttl| v4("192.0.0.8", "10.0.0.1", ttl, 56, true);
    let fate = routed(&mut node, &answer(64));
    let wanted = tagged(7, &to_mn(1, &answer(63)));
    assert_eq!(fate, Fate::Sent(ACCESS, wanted));
    assert_eq!(node.counter("inject.routed"), 2);
    let unresolved = Fate::Dropped(DropReason::NetworkUnresolved);
    assert_eq!(routed(&mut node, &error(CN).bytes()), unresolved);
}

/// RFC 4291 section 2.6.1: the router of a home's link, by an address within the home.
const MN1_ROUTER: &str = "2001:db8:1::";
const ROUTER_AND_HOMES: [(&str, &str); 2] = [("2001:db8:1::", MN2), ("10.0.0.1", "10.0.0.2")];

/// An ICMP error of either family.
fn error_from(source: &str, to: &str) -> Vec<u8> {
    match source.contains(':') {
        true => V6::new(source, to, 58, &[2, 0, 0, 0, 0, 0, 5, 0]).bytes(),
        false => V4::new(source, to, 1, &[3, 4, 0, 0, 0, 0, 5, 0]).bytes(),
    }
}

/// A MAG with MN1, both of whose homes have a path to MN2's.
fn with_path(role: Role) -> Node {
    let mut config = config(role);
    config.detect.enabled = false;
    let mut node = Node::new(&config);
    node.program(&[
        tunnel(0, LMA),
        tunnel(1, PEER),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
        home("10.0.0.1/32", attached(0, 0)),
        pair(MN1_HOME, MN2_HOME, send(1), 0),
        pair("10.0.0.1/32", "10.0.0.2/32", send(1), 0),
    ]);
    node
}

/// Where a tunnel packet goes, and what is in it.
fn tunnelled(fate: Fate) -> (String, Vec<u8>) {
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("not into a tunnel: {fate:?}");
    };
    let remote: [u8; 16] = frame[38..54].try_into().expect("an address");
    let remote = std::net::Ipv6Addr::from(remote).to_string();
    (remote, frame[54..].to_vec())
}

#[test]
fn rfc_2473_8_an_answer_in_a_homes_name_goes_the_way_of_its_packets() {
    let mut node = with_path(Role::Mag);
    for (router, peer) in ROUTER_AND_HOMES {
        let elsewhere = if router.contains(':') {
            CN
        } else {
            "192.0.2.9"
        };
        for (to, through) in [(peer, PEER), (elsewhere, LMA)] {
            let (remote, inner) = tunnelled(routed(&mut node, &error_from(router, to)));
            assert_eq!(remote, through, "from {router} to {to}");
            assert_eq!(inner.len(), error_from(router, to).len());
        }
    }
    assert_eq!(node.counter("inject.routed"), 4);
    assert_eq!(
        node.counter("path.sent") + node.counter("mag.via-lma.up"),
        0
    );
    let stranger = error_from(OWN, CN);
    let unresolved = Fate::Dropped(DropReason::NetworkUnresolved);
    assert_eq!(routed(&mut node, &stranger), unresolved);
    // The home has left.
    node.program(&[Update::HomeClear {
        home: MN1_HOME.parse().expect("a prefix"),
    }]);
    let late = error_from(MN1_ROUTER, CN);
    let unresolved = Fate::Dropped(DropReason::NetworkUnresolved);
    assert_eq!(routed(&mut node, &late), unresolved);
}

#[test]
fn a_correspondent_gateways_answer_goes_by_its_path_or_to_the_network() {
    let mut node = with_path(Role::Cn);
    node.program(&[Update::NetworkNextHop {
        next_hop: Some(hop(NETWORK)),
    }]);
    let (remote, _) = tunnelled(routed(&mut node, &error_from(MN1_ROUTER, MN2)));
    assert_eq!(remote, PEER);
    let fate = routed(&mut node, &error_from(MN1_ROUTER, CN));
    assert!(matches!(fate, Fate::Sent(NETWORK, _)), "{fate:?}");
}

/// L-75: the source checks of an anchor and of another gateway take it, from that tunnel alone.
#[test]
fn l_75_an_answer_in_a_homes_name_is_taken_where_its_packets_are() {
    for (router, peer) in ROUTER_AND_HOMES {
        let next = if router.contains(':') { 41 } else { 4 };
        let error = error_from(router, peer);
        let from = |gateway: &str| {
            let outer = V6::new(gateway, OWN, next, &error);
            from_router(TRANSPORT, &outer.bytes())
        };
        let refused = Fate::Dropped(DropReason::TunnelSourceNotAllowed);

        let mut anchor = Node::new(&config(Role::Lma));
        anchor.program(&[
            tunnel(0, LMA),
            tunnel(1, PEER),
            home(MN1_HOME, anchored(0)),
            home("10.0.0.1/32", anchored(0)),
            home(MN2_HOME, anchored(1)),
            home("10.0.0.2/32", anchored(1)),
        ]);
        let (remote, _) = tunnelled(anchor.pass(TRANSPORT, &from(LMA)));
        assert_eq!(remote, PEER, "to MN2's gateway");
        assert_eq!(anchor.pass(TRANSPORT, &from(PEER)), refused);

        let mut gateway = Node::new(&config(Role::Mag));
        gateway.program(&[
            tunnel(0, LMA),
            tunnel(1, PEER),
            tunnel(2, CN),
            link(0, None, 2),
            home(MN2_HOME, attached(0, 0)),
            home("10.0.0.2/32", attached(0, 0)),
            pair(MN1_HOME, MN2_HOME, receive(1), 0),
            pair("10.0.0.1/32", "10.0.0.2/32", receive(1), 0),
        ]);
        let fate = gateway.pass(TRANSPORT, &from(PEER));
        assert!(matches!(fate, Fate::Sent(ACCESS, _)), "{fate:?}");
        assert_eq!(gateway.pass(TRANSPORT, &from(CN)), refused);
    }
}

#[test]
fn an_lmas_answer_goes_into_the_homes_tunnel_or_to_the_network() {
    let mut node = Node::new(&config(Role::Lma));
    let in_udp = TunnelSpec {
        local: OWN_IPV4.parse().expect("an address"),
        remote: LMA_IPV4.parse().expect("an address"),
        encapsulation: Encapsulation::Udp {
            local_port: 4191,
            remote_port: 40_000,
        },
        ..tunnel_spec(LMA)
    };
    node.program(&[
        Update::Tunnel {
            slot: TunnelSlot(0),
            tunnel: in_udp,
        },
        home(MN1_HOME, anchored(0)),
        home(MN2_HOME, HomeAction::Suspended),
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
    ]);
    let fate = routed(&mut node, &error(MN1).bytes());
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("{fate:?}");
    };
    let datagram = udp(4191, 40_000, &error(MN1).hop_limit(63).bytes());
    assert_eq!(frame[34..], datagram);
    let fate = routed(&mut node, &error(CN).bytes());
    let wanted = to_router(NETWORK, &error(CN).hop_limit(63).bytes());
    assert_eq!(fate, Fate::Sent(NETWORK, wanted));
    let suspended = Fate::Dropped(DropReason::BindingSuspended);
    assert_eq!(routed(&mut node, &error(MN2).bytes()), suspended);
}

/// Nothing that control makes comes back to it, and nothing wrong leaves.
#[test]
fn answers_that_cannot_go_are_counted_drops() {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[link(0, None, 1), home(MN1_HOME, attached(0, 0))]);
    for (packet, reason) in [
        (error(MN1).hop_limit(1).bytes(), DropReason::HopLimit),
        (error(MN1).octets(1501).bytes(), DropReason::TooBig),
        (error("ff02::1").bytes(), DropReason::Multicast),
        (error("fe80::7").bytes(), DropReason::LinkLocal),
        (error(MN1).bytes()[..47].to_vec(), DropReason::Truncated),
        (vec![0x45; 9], DropReason::Truncated),
        (Vec::new(), DropReason::Truncated),
    ] {
        assert_eq!(routed(&mut node, &packet), Fate::Dropped(reason));
    }
}
