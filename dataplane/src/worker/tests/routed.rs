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
