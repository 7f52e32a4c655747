//! What is not user traffic, and what is not traffic at all.

use super::*;

fn mag() -> Node {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        tunnel(0, LMA),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
    ]);
    node
}

fn dropped(port: u16, frame: &[u8], reason: DropReason) {
    assert_eq!(mag().pass(port, frame), Fate::Dropped(reason));
}

fn punted(port: u16, frame: &[u8], reason: PuntReason) {
    assert_eq!(mag().pass(port, frame), Fate::Punted(reason));
}

#[test]
fn neighbours_are_controls() {
    let solicitation = V6::new("fe80::9", "ff02::2", 58, &[133, 0, 0, 0, 0, 0, 0, 0]);
    punted(
        ACCESS,
        &from_mn(1, &solicitation.bytes()),
        PuntReason::Neighbour,
    );
    let tagged_one = tagged(5, &from_mn(1, &solicitation.bytes()));
    punted(ACCESS, &tagged_one, PuntReason::Neighbour);
    let duplicate = V6::new("::", "ff02::1:ff00:1", 58, &[135; 24]);
    punted(
        ACCESS,
        &from_mn(1, &duplicate.bytes()),
        PuntReason::Neighbour,
    );
    let advertisement = V6::new("fe80::9", "fe80::1", 58, &[136; 24]);
    let frame = from_router(TRANSPORT, &advertisement.bytes());
    punted(TRANSPORT, &frame, PuntReason::Neighbour);
    let report = V6::new(
        "fe80::9",
        "ff02::16",
        0,
        &[58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0],
    );
    punted(ACCESS, &from_mn(1, &report.bytes()), PuntReason::Neighbour);
    let arp = ethernet([0xff; 6], mn_mac(1), 0x0806, &[0; 28]);
    punted(ACCESS, &arp, PuntReason::Neighbour);
}

#[test]
fn the_fixed_addresses_of_rfc_6543_are_ours_on_access_links() {
    use crate::config::{FIXED_ACCESS_LINK_LOCAL, FIXED_ACCESS_MAC};
    let ping = V6::new(
        "fe80::9",
        &FIXED_ACCESS_LINK_LOCAL.to_string(),
        58,
        &[128; 8],
    );
    let frame = ethernet(FIXED_ACCESS_MAC, mn_mac(1), 0x86dd, &ping.bytes());
    punted(ACCESS, &frame, PuntReason::Local);
    dropped(TRANSPORT, &frame, DropReason::OtherHost);
    let up = ethernet(
        FIXED_ACCESS_MAC,
        mn_mac(1),
        0x86dd,
        &V6::udp(MN1, CN).bytes(),
    );
    assert!(matches!(mag().pass(ACCESS, &up), Fate::Sent(TRANSPORT, _)));
}

#[test]
fn signalling_is_controls_but_not_from_access_links() {
    for next_header in [135, 50] {
        let packet = V6::new(LMA, OWN, next_header, &[0; 16]).bytes();
        let frame = from_router(TRANSPORT, &packet);
        punted(TRANSPORT, &frame, PuntReason::Signalling);
        let frame = from_mn(1, &packet);
        dropped(ACCESS, &frame, DropReason::SignallingOnAccess);
    }
    let with_home_address = V6::new(LMA, OWN, 60, &[135, 0, 1, 4, 0, 0, 0, 0]);
    let frame = from_router(TRANSPORT, &with_home_address.bytes());
    punted(TRANSPORT, &frame, PuntReason::Signalling);
    let natted = V6::new(LMA, OWN, 17, &[0, 9, 0x15, 0x3c, 0, 8, 0, 0]);
    let frame = from_router(TRANSPORT, &natted.bytes());
    punted(TRANSPORT, &frame, PuntReason::Signalling);
}

#[test]
fn what_else_is_for_us_is_controls() {
    let ping = V6::new(LMA, OWN, 58, &[128; 8]);
    punted(
        TRANSPORT,
        &from_router(TRANSPORT, &ping.bytes()),
        PuntReason::Local,
    );
}

/// RFC 2131 section 4.1: discover and request come from no address to all, a renewal from an address to
/// the server. From an access link only, and never in fragments.
#[test]
fn dhcp_from_access_links_is_controls() {
    let dhcp = |source, destination| {
        let mut packet = v4(source, destination, 64, 300, false);
        packet[20..24].copy_from_slice(&[0, 68, 0, 67]);
        packet
    };
    let discover = dhcp("0.0.0.0", "255.255.255.255");
    let renewal = dhcp("10.0.0.9", "10.0.0.254");
    for packet in [&discover, &renewal] {
        punted(ACCESS, &from_mn(1, packet), PuntReason::Dhcp);
    }
    let everyone = ethernet([0xff; 6], mn_mac(1), 0x0800, &discover);
    punted(ACCESS, &everyone, PuntReason::Dhcp);
    punted(ACCESS, &tagged(7, &everyone), PuntReason::Dhcp);
    let mut wrong = discover.clone();
    wrong[10] ^= 1;
    dropped(ACCESS, &from_mn(1, &wrong), DropReason::BadChecksum);
    let mut to_client = renewal.clone();
    to_client[23] = 68;
    dropped(ACCESS, &from_mn(1, &to_client), DropReason::SourceNotOnLink);
    dropped(
        TRANSPORT,
        &from_router(TRANSPORT, &renewal),
        DropReason::NotOwnAddress,
    );
}

#[test]
fn a_tunnel_from_an_access_link_is_dropped() {
    let packet = V6::udp(CN, MN1).inside(LMA, OWN).bytes();
    dropped(
        ACCESS,
        &from_mn(1, &packet),
        DropReason::TunnelNotOnTransport,
    );
}

#[test]
fn link_local_and_multicast_are_never_forwarded() {
    let up = |source, destination| from_mn(1, &V6::udp(source, destination).bytes());
    dropped(ACCESS, &up("fe80::9", CN), DropReason::LinkLocal);
    dropped(ACCESS, &up(MN1, "fe80::77"), DropReason::LinkLocal);
    dropped(ACCESS, &up(MN1, "ff02::fb"), DropReason::Multicast);
    dropped(ACCESS, &up(MN1, "ff0e::1"), DropReason::Multicast);
    let inside = |source, destination| {
        let outer = V6::udp(source, destination).inside(LMA, OWN);
        from_router(TRANSPORT, &outer.bytes())
    };
    dropped(TRANSPORT, &inside(CN, "ff0e::1"), DropReason::Multicast);
    dropped(TRANSPORT, &inside("fe80::1", MN1), DropReason::LinkLocal);
}

#[test]
fn what_was_sent_to_many_is_not_forwarded() {
    let packet = V6::udp(MN1, CN).bytes();
    let frame = ethernet([0xff; 6], mn_mac(1), 0x86dd, &packet);
    dropped(ACCESS, &frame, DropReason::Multicast);
}

#[test]
fn impossible_addresses_are_dropped() {
    let up = |source, destination| from_mn(1, &V6::udp(source, destination).bytes());
    dropped(ACCESS, &up("ff02::1", CN), DropReason::BadSource);
    dropped(ACCESS, &up("::", CN), DropReason::BadSource);
    dropped(ACCESS, &up("::1", CN), DropReason::BadSource);
    dropped(ACCESS, &up(MN1, "::1"), DropReason::BadDestination);
    let ipv4 = |source, destination| from_mn(1, &v4(source, destination, 9, 40, true));
    dropped(
        ACCESS,
        &ipv4("127.0.0.1", "192.0.2.1"),
        DropReason::BadSource,
    );
    dropped(
        ACCESS,
        &ipv4("10.0.0.1", "0.0.0.0"),
        DropReason::BadDestination,
    );
    dropped(
        ACCESS,
        &ipv4("10.0.0.1", "224.0.0.1"),
        DropReason::Multicast,
    );
    dropped(
        ACCESS,
        &ipv4("169.254.0.1", "192.0.2.1"),
        DropReason::LinkLocal,
    );
}

#[test]
fn a_transport_port_takes_only_what_is_for_us() {
    let packet = V6::udp(CN, MN1).bytes();
    dropped(
        TRANSPORT,
        &from_router(TRANSPORT, &packet),
        DropReason::NotOwnAddress,
    );
    let ipv4 = v4("192.0.2.1", "10.0.0.1", 9, 40, true);
    dropped(
        TRANSPORT,
        &from_router(TRANSPORT, &ipv4),
        DropReason::NotOwnAddress,
    );
}

#[test]
fn frames_that_are_not_right_are_dropped_by_reason() {
    let good = from_mn(1, &V6::udp(MN1, CN).bytes());
    for octets in 0..good.len() {
        dropped(ACCESS, &good[..octets], DropReason::Truncated);
    }
    let changed = |at: usize, to: u8| {
        let mut frame = good.clone();
        frame[at] = to;
        frame
    };
    dropped(ACCESS, &changed(14, 0x40), DropReason::BadVersion);
    dropped(ACCESS, &changed(12, 0x88), DropReason::EtherType);
    dropped(ACCESS, &changed(5, 0x77), DropReason::OtherHost);
    dropped(ACCESS, &tagged(1, &tagged(1, &good)), DropReason::Vlan);
    let on_transport = tagged(1, &from_router(TRANSPORT, &V6::udp(CN, OWN).bytes()));
    dropped(TRANSPORT, &on_transport, DropReason::Vlan);
    let mut segmented = VecBuffer::new(&good);
    (segmented.segmented, segmented.has_more) = (true, false);
    let fate = mag().pass_buffer(ACCESS, segmented);
    assert_eq!(fate, Fate::Dropped(DropReason::Segmented));
    let mut segmented = VecBuffer::new(&good);
    segmented.segmented = true;
    let fate = mag().pass_buffer(ACCESS, segmented);
    assert!(matches!(fate, Fate::Sent(TRANSPORT, _)));
}

#[test]
fn tunnel_packets_cut_anywhere_are_dropped() {
    let mut payload = vec![41, 0, 4, 1, 4, 1, 1, 0];
    payload.extend(V6::udp(CN, MN1).bytes());
    for octets in 0..payload.len() {
        let outer = V6::new(LMA, OWN, 60, &payload[..octets]);
        let frame = from_router(TRANSPORT, &outer.bytes());
        dropped(TRANSPORT, &frame, DropReason::Truncated);
    }
}

#[test]
fn ipv4_headers_are_checked() {
    let good = v4("10.0.0.1", "192.0.2.1", 9, 40, true);
    let changed = |at: usize, to: u8| {
        let mut packet = good.clone();
        packet[at] = to;
        from_mn(1, &packet)
    };
    dropped(ACCESS, &changed(11, good[11] ^ 1), DropReason::BadChecksum);
    dropped(ACCESS, &changed(0, 0x44), DropReason::BadHeader);
    dropped(ACCESS, &changed(3, 19), DropReason::BadHeader);
    dropped(ACCESS, &changed(3, 41), DropReason::Truncated);
    let six = ethernet(
        our_mac(ACCESS),
        mn_mac(1),
        0x0800,
        &V6::udp(MN1, CN).bytes(),
    );
    dropped(ACCESS, &six, DropReason::BadVersion);
}

#[test]
fn a_full_punt_ring_drops_and_keeps_room_for_signalling() {
    let mut node = mag();
    let ping = from_router(TRANSPORT, &V6::new(LMA, OWN, 58, &[128; 8]).bytes());
    let update = from_router(TRANSPORT, &V6::new(LMA, OWN, 135, &[0; 16]).bytes());
    let many = 200;
    for _ in 0..many {
        node.wires[&TRANSPORT].arrive(VecBuffer::new(&ping));
    }
    for _ in 0..many {
        node.wires[&TRANSPORT].arrive(VecBuffer::new(&update));
    }
    for _ in 0..many {
        node.step();
    }
    let (local, signalling) = (node.counter("punt.local"), node.counter("punt.signalling"));
    assert_eq!(
        (local, signalling),
        (32, 32),
        "half of the ring is kept for signalling"
    );
    assert_eq!(node.counter("drop.punt-full"), 2 * many - 64);
}

/// RFC 5844 section 3.3.3: the gateway is the default router of an MN with an IPv4 home address, and of no other
/// link's.
#[test]
fn rfc_5844_packets_to_the_ipv4_default_router_are_controls() {
    let with_router = |slot: u32, mn: u8, router: Option<&str>| match link(slot, None, mn) {
        Update::Link { slot, link } => Update::Link {
            slot,
            link: LinkSpec {
                router: router.map(|router| router.parse().expect("an address")),
                ..link
            },
        },
        other => other,
    };
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        tunnel(0, LMA),
        link(0, None, 1),
        link(1, None, 2),
        home("10.0.0.5/32", attached(0, 0)),
        home("10.0.0.6/32", attached(1, 0)),
    ]);
    let ping = |source: &str| V4::new(source, "10.0.0.1", 1, &[8, 0, 0, 0, 0, 0, 0, 0]).bytes();
    let mut fate = |update: Option<Update>, mn, source: &str| {
        if let Some(update) = update {
            node.program(&[update]);
        }
        node.pass(ACCESS, &from_mn(mn, &ping(source)))
    };
    let tunnelled = |fate: Fate| matches!(fate, Fate::Sent(TRANSPORT, _));
    let controls = Fate::Punted(PuntReason::Local);
    assert!(tunnelled(fate(None, 1, "10.0.0.5")));
    let first = Some(with_router(0, 1, Some("10.0.0.1")));
    assert_eq!(fate(first, 1, "10.0.0.5"), controls);
    assert!(tunnelled(fate(None, 2, "10.0.0.6")), "another link");
    assert_eq!(
        fate(None, 1, "10.0.0.6"),
        Fate::Dropped(DropReason::SourceNotOnLink)
    );
    let second = Some(with_router(1, 2, Some("10.0.0.254")));
    assert!(tunnelled(fate(second, 2, "10.0.0.6")), "another router");
    assert!(tunnelled(fate(
        Some(with_router(0, 1, None)),
        1,
        "10.0.0.5"
    )));
}
