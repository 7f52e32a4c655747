//! Hand-back (HL-34): what a localized path still brings to an MN's previous gateway returns to the anchor
//! and from there to the present one, and nothing else may use that way (L-75).

use super::*;
use crate::event::IcmpError;

/// The MN that has moved: of the anchor's homes, not attached at its previous gateway.
const MOVED_HOME: &str = MN1_HOME;
const MOVED: &str = MN1;
/// The other side's MN and home, known to the previous gateway by the pair only.
const SENDER_HOME: &str = "2001:db8:3::/64";
const SENDER: &str = "2001:db8:3::3";
/// Another home, on no path.
const THIRD: &str = "2001:db8:4::4";
/// The gateways as the anchor sees them.
const PREVIOUS: &str = LMA;
const PRESENT: &str = PEER;
const SENDERS: &str = "2001:db8:ffff::c";

fn hand_back(arrived: u32, tunnel: u32) -> PairAction {
    PairAction::HandBack {
        arrived: TunnelSlot(arrived),
        tunnel: TunnelSlot(tunnel),
    }
}

fn accept(tunnel: u32) -> PairAction {
    PairAction::HandBackAccept {
        tunnel: TunnelSlot(tunnel),
    }
}

fn pair_clear(source: &str, destination: &str) -> Update {
    Update::PairClear {
        source: source.parse().expect("a prefix"),
        destination: destination.parse().expect("a prefix"),
    }
}

fn home_clear(prefix: &str) -> Update {
    Update::HomeClear {
        home: prefix.parse().expect("a prefix"),
    }
}

/// A tunnel packet to us from `remote`.
fn out_of(remote: &str, inner: &V6) -> Vec<u8> {
    from_router(TRANSPORT, &inner.inside(remote, OWN).bytes())
}

/// The fate is one more tunnel hop, with `inner` as it is now.
fn goes_into(fate: &Fate, remote: &str, inner: &V6) {
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("not into a tunnel: {fate:?}");
    };
    let outer = inner.inside(OWN, remote).flow_label(outer_label(frame));
    assert_eq!(*frame, to_router(TRANSPORT, &outer.ecn(inner.ecn).bytes()));
}

fn not_attached() -> Fate {
    let icmp = PuntReason::IcmpError(IcmpError::Unreachable);
    Fate::Refused(DropReason::NotAttached, icmp)
}

const NOT_ALLOWED: Fate = Fate::Dropped(DropReason::TunnelSourceNotAllowed);

/// The previous gateway: tunnel 0 to the anchor, 1 to the sender's gateway; MN2 is still there.
fn previous_mag() -> Node {
    let mut config = config(Role::Mag);
    config.detect.enabled = false;
    let mut node = Node::new(&config);
    node.program(&[
        tunnel(0, LMA),
        tunnel(1, PEER),
        link(0, None, 1),
        link(1, Some(7), 2),
        home(MN2_HOME, attached(1, 0)),
    ]);
    node
}

#[test]
fn hl_34_l_51_a_departed_mns_packets_go_back_to_the_anchor() {
    let mut node = previous_mag();
    let packet = V6::udp(SENDER, MOVED).ecn(2);
    let marked = from_router(TRANSPORT, &packet.inside(PEER, OWN).ecn(3).bytes());
    assert_eq!(node.pass(TRANSPORT, &marked), not_attached());
    node.program(&[pair(SENDER_HOME, MOVED_HOME, hand_back(1, 0), 6)]);
    let fate = node.pass(TRANSPORT, &marked);
    goes_into(&fate, LMA, &packet.clone().ecn(3).hop_limit(63));
    assert_eq!(node.counter("path.handed-back"), 1);
    assert_eq!(node.counter("tunnel.decapsulated"), 1);
    assert_eq!(node.counter("tunnel.encapsulated"), 1);
    assert_eq!(node.handle.path_counters(PathSlot(6)), (1, 56));
    node.program(&[pair_clear(SENDER_HOME, MOVED_HOME)]);
    assert_eq!(node.pass(TRANSPORT, &marked), not_attached());
    assert_eq!(node.counter("path.handed-back"), 1);
}

#[test]
fn hl_34_l_75_a_mag_hands_back_the_pair_from_its_tunnel_and_nothing_else() {
    let mut node = previous_mag();
    node.program(&[
        tunnel(2, SENDERS),
        pair(SENDER_HOME, MOVED_HOME, hand_back(1, 0), 6),
    ]);
    let packet = V6::udp(SENDER, MOVED);
    for elsewhere in [LMA, SENDERS] {
        let fate = node.pass(TRANSPORT, &out_of(elsewhere, &packet));
        assert_eq!(fate, not_attached(), "from {elsewhere}");
    }
    let stranger = node.pass(TRANSPORT, &out_of(CN, &packet));
    assert_eq!(stranger, NOT_ALLOWED, "no tunnel of ours");
    for other in [V6::udp(THIRD, MOVED), V6::udp(SENDER, THIRD)] {
        let fate = node.pass(TRANSPORT, &out_of(PEER, &other));
        assert_eq!(fate, not_attached(), "{other:?}");
    }
    let to_attached = node.pass(TRANSPORT, &out_of(PEER, &V6::udp(SENDER, MN2)));
    assert_eq!(to_attached, NOT_ALLOWED);
    assert_eq!(node.counter("path.handed-back"), 0);
    assert_eq!(node.counter("tunnel.encapsulated"), 0);
}

#[test]
fn hl_34_a_mag_hands_nothing_back_into_the_tunnel_that_it_came_from() {
    let mut node = previous_mag();
    node.program(&[pair(SENDER_HOME, MOVED_HOME, hand_back(1, 1), 6)]);
    let fate = node.pass(TRANSPORT, &out_of(PEER, &V6::udp(SENDER, MOVED)));
    assert_eq!(fate, not_attached());
}

/// The receiving half becomes the hand-back in one step, before the home goes: at no moment is there
/// neither.
#[test]
fn hl_34_a_receiving_half_becomes_a_hand_back_before_its_home_goes() {
    let mut node = previous_mag();
    let packet = V6::udp(SENDER, MOVED);
    let frame = out_of(PEER, &packet);
    let after = packet.clone().hop_limit(63);
    node.program(&[
        home(MOVED_HOME, attached(0, 0)),
        pair(SENDER_HOME, MOVED_HOME, receive(1), 6),
    ]);
    let delivered = Fate::Sent(ACCESS, to_mn(1, &after.bytes()));
    assert_eq!(node.pass(TRANSPORT, &frame), delivered);
    node.program(&[pair(SENDER_HOME, MOVED_HOME, hand_back(1, 0), 6)]);
    goes_into(&node.pass(TRANSPORT, &frame), LMA, &after);
    node.program(&[home_clear(MOVED_HOME)]);
    goes_into(&node.pass(TRANSPORT, &frame), LMA, &after);
    // Back again: what the anchor sends is delivered, and so is the path's as soon as there is one.
    node.program(&[home(MOVED_HOME, attached(0, 0))]);
    let from_anchor = node.pass(TRANSPORT, &out_of(LMA, &packet));
    assert_eq!(from_anchor, delivered);
    node.program(&[pair_clear(SENDER_HOME, MOVED_HOME)]);
    assert_eq!(node.pass(TRANSPORT, &frame), NOT_ALLOWED);
    node.program(&[pair(SENDER_HOME, MOVED_HOME, receive(1), 6)]);
    assert_eq!(node.pass(TRANSPORT, &frame), delivered);
}

#[test]
fn hl_34_a_hand_back_sends_nothing_from_the_access_link() {
    let mut node = previous_mag();
    node.program(&[
        home(SENDER_HOME, attached(0, 0)),
        pair(SENDER_HOME, MOVED_HOME, hand_back(0, 1), 6),
    ]);
    let packet = V6::udp(SENDER, MOVED);
    let fate = node.pass(ACCESS, &from_mn(1, &packet.bytes()));
    goes_into(&fate, LMA, &packet.hop_limit(63));
    assert_eq!(node.counter("mag.via-lma.up"), 1);
}

#[test]
fn hl_34_ipv4_is_handed_back_with_its_family() {
    let mut node = previous_mag();
    node.program(&[pair("10.0.0.3/32", "10.0.0.1/32", hand_back(1, 0), 6)]);
    let arrives = V6::new(PEER, OWN, 4, &v4("10.0.0.3", "10.0.0.1", 64, 60, false));
    let fate = node.pass(TRANSPORT, &from_router(TRANSPORT, &arrives.bytes()));
    let Fate::Sent(TRANSPORT, frame) = fate else {
        panic!("{fate:?}");
    };
    let inner = v4("10.0.0.3", "10.0.0.1", 63, 60, false);
    let outer = V6::new(OWN, LMA, 4, &inner).flow_label(outer_label(&frame));
    assert_eq!(frame, to_router(TRANSPORT, &outer.bytes()));
}

#[test]
fn hl_34_l_51_a_hand_back_costs_a_hop_and_the_last_one_is_refused() {
    let mut node = previous_mag();
    node.program(&[pair(SENDER_HOME, MOVED_HOME, hand_back(1, 0), 6)]);
    let icmp = PuntReason::IcmpError(IcmpError::HopLimit);
    let last = V6::udp(SENDER, MOVED).hop_limit(1);
    let fate = node.pass(TRANSPORT, &out_of(PEER, &last));
    assert_eq!(fate, Fate::Refused(DropReason::HopLimit, icmp));
    assert_eq!(node.handle.path_counters(PathSlot(6)), (0, 0));
}

#[test]
fn hl_34_a_hand_back_refers_to_both_of_its_tunnels() {
    let mut node = previous_mag();
    let pointed_to = |node: &mut Node, slot: u32, remote: &str| {
        let before = node.counter("update.tunnel-cleared-in-use");
        let clear = Update::TunnelClear {
            slot: TunnelSlot(slot),
        };
        node.program(&[clear, tunnel(slot, remote)]);
        node.counter("update.tunnel-cleared-in-use") > before
    };
    node.program(&[
        home_clear(MN2_HOME),
        pair(SENDER_HOME, MOVED_HOME, hand_back(1, 0), 6),
    ]);
    assert!(pointed_to(&mut node, 0, LMA) && pointed_to(&mut node, 1, PEER));
    node.program(&[pair(SENDER_HOME, MOVED_HOME, receive(1), 6)]);
    assert!(!pointed_to(&mut node, 0, LMA) && pointed_to(&mut node, 1, PEER));
    node.program(&[pair_clear(SENDER_HOME, MOVED_HOME)]);
    assert!(!pointed_to(&mut node, 1, PEER));
    for (arrived, into) in [(8, 0), (0, 8)] {
        node.program(&[pair(SENDER_HOME, MOVED_HOME, hand_back(arrived, into), 6)]);
        let number = node.updates;
        let full = Event::TableFull {
            table: "tunnel",
            number,
        };
        assert_eq!(node.events(), [full]);
    }
    assert!(!pointed_to(&mut node, 0, LMA));
}

/// The anchor: the moved MN behind its present gateway (1), its previous one (0), the sender's (2).
fn anchor() -> Node {
    let mut node = Node::new(&config(Role::Lma));
    node.program(&[
        tunnel(0, PREVIOUS),
        tunnel(1, PRESENT),
        tunnel(2, SENDERS),
        home(MOVED_HOME, anchored(1)),
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
    ]);
    node
}

/// What the anchor may know about the sender's home: of a peer it never heard of, of a peer, its own.
const SENDER_IS: [Option<HomeAction>; 3] = [
    None,
    Some(HomeAction::PeerAnchored),
    Some(HomeAction::Anchored { mag: TunnelSlot(2) }),
];

#[test]
fn hl_34_l_51_the_anchor_forwards_what_is_handed_back_to_the_present_mag() {
    for sender in SENDER_IS {
        let mut node = anchor();
        if let Some(action) = sender {
            node.program(&[home(SENDER_HOME, action)]);
        }
        let packet = V6::udp(SENDER, MOVED).ecn(2);
        let marked = from_router(TRANSPORT, &packet.inside(PREVIOUS, OWN).ecn(3).bytes());
        assert_eq!(node.pass(TRANSPORT, &marked), NOT_ALLOWED);
        node.program(&[pair(SENDER_HOME, MOVED_HOME, accept(0), 6)]);
        let fate = node.pass(TRANSPORT, &marked);
        goes_into(&fate, PRESENT, &packet.ecn(3).hop_limit(63));
        assert_eq!(node.counter("lma.hand-back"), 1);
        assert_eq!(node.counter("lma.hairpin"), 0);
        assert_eq!(node.handle.path_counters(PathSlot(6)), (1, 56));
        assert_eq!(node.events(), [], "a pair with a path is not told");
        node.program(&[pair_clear(SENDER_HOME, MOVED_HOME)]);
        assert_eq!(node.pass(TRANSPORT, &marked), NOT_ALLOWED);
    }
}

#[test]
fn hl_34_l_75_the_anchor_accepts_the_pair_from_the_previous_mag_and_nothing_else() {
    for sender in SENDER_IS {
        let mut node = anchor();
        if let Some(action) = sender {
            node.program(&[home(SENDER_HOME, action)]);
        }
        node.program(&[
            home(MN2_HOME, anchored(1)),
            pair(SENDER_HOME, MOVED_HOME, accept(0), 6),
        ]);
        let packet = V6::udp(SENDER, MOVED);
        for elsewhere in [PRESENT, CN] {
            let fate = node.pass(TRANSPORT, &out_of(elsewhere, &packet));
            assert_eq!(fate, NOT_ALLOWED, "from {elsewhere}");
        }
        let other_source = V6::udp(THIRD, MOVED);
        let other_home = V6::udp(SENDER, MN2);
        let to_network = V6::udp(SENDER, CN);
        let other_way = V6::udp(MOVED, SENDER);
        for other in [other_source, other_home, to_network, other_way] {
            let fate = node.pass(TRANSPORT, &out_of(PREVIOUS, &other));
            assert_eq!(fate, NOT_ALLOWED, "{other:?}");
        }
        assert_eq!(node.counter("lma.hand-back"), 0);
        assert_eq!(node.counter("tunnel.encapsulated"), 0);
    }
}

#[test]
fn hl_34_l_51_the_anchor_sends_nothing_back_to_the_mag_that_handed_it_back() {
    let mut node = anchor();
    node.program(&[
        home(MOVED_HOME, anchored(0)),
        pair(SENDER_HOME, MOVED_HOME, accept(0), 6),
    ]);
    let frame = out_of(PREVIOUS, &V6::udp(SENDER, MOVED));
    assert_eq!(node.pass(TRANSPORT, &frame), NOT_ALLOWED);
    assert_eq!(node.counter("tunnel.encapsulated"), 0);
}

#[test]
fn hl_34_the_anchor_forwards_to_where_the_mn_is_now() {
    let mut node = anchor();
    node.program(&[pair(SENDER_HOME, MOVED_HOME, accept(0), 6)]);
    let packet = V6::udp(SENDER, MOVED);
    let frame = out_of(PREVIOUS, &packet);
    let after = packet.clone().hop_limit(63);
    goes_into(&node.pass(TRANSPORT, &frame), PRESENT, &after);
    node.program(&[home(MOVED_HOME, anchored(2))]);
    goes_into(&node.pass(TRANSPORT, &frame), SENDERS, &after);
    node.program(&[home(MOVED_HOME, HomeAction::Suspended)]);
    let suspended = Fate::Dropped(DropReason::BindingSuspended);
    assert_eq!(node.pass(TRANSPORT, &frame), suspended);
    node.program(&[home(MOVED_HOME, HomeAction::PeerAnchored)]);
    assert_eq!(node.pass(TRANSPORT, &frame), NOT_ALLOWED);
    node.program(&[home_clear(MOVED_HOME)]);
    assert_eq!(node.pass(TRANSPORT, &frame), NOT_ALLOWED);
}

/// RFC 5213 section 5.3.5: a suspended home's own traffic is dropped, whoever brings it.
#[test]
fn hl_34_a_suspended_senders_packets_are_not_accepted() {
    let mut node = anchor();
    node.program(&[
        home(SENDER_HOME, HomeAction::Suspended),
        pair(SENDER_HOME, MOVED_HOME, accept(0), 6),
    ]);
    let fate = node.pass(TRANSPORT, &out_of(PREVIOUS, &V6::udp(SENDER, MOVED)));
    assert_eq!(fate, Fate::Dropped(DropReason::BindingSuspended));
}

/// The sender's own gateway still brings its packets as ever, and they are still talk.
#[test]
fn hl_34_an_accepted_hand_back_changes_nothing_on_the_senders_own_way() {
    let mut node = anchor();
    node.program(&[
        home(SENDER_HOME, anchored(2)),
        pair(SENDER_HOME, MOVED_HOME, accept(0), 6),
    ]);
    let packet = V6::udp(SENDER, MOVED);
    let fate = node.pass(TRANSPORT, &out_of(SENDERS, &packet));
    goes_into(&fate, PRESENT, &packet.hop_limit(63));
    assert_eq!(node.counter("lma.hairpin"), 1);
    assert_eq!(node.counter("lma.hand-back"), 0);
    assert_eq!(node.events().len(), 1);
    assert_eq!(node.handle.path_counters(PathSlot(6)), (0, 0));
}
