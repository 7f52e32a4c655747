use smoltcp::wire::{Icmpv4Packet, Icmpv6Packet, IpProtocol};

use super::*;
use crate::net::frame::{ETHERTYPE_IPV6, Envelope, build_ipv6, close};
use crate::net::ipv4::build_ipv4;
use crate::net::tests::{TRANSPORT, counter, net};

const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x11);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xeeee, 0, 0, 0, 0, 1);
const MN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const CN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);
const OWN_IPV4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const PEER_IPV4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const NOW: Duration = Duration::from_secs(100);

/// A tunnel packet of so many octets.
fn tunnelled(remote: Ipv6Addr, octets: usize) -> Vec<u8> {
    let payload = vec![0x5a; octets - 2 * IPV6_LEN];
    let inner = build_ipv6(MN, CN, IpProtocol::Udp, 64, &payload).expect("it fits");
    build_ipv6(OWN, remote, IpProtocol::from(41), 64, &inner).expect("it fits")
}

/// Packet Too Big from a router on the way.
fn packet_too_big(mtu: u32, quoted: &[u8]) -> Vec<u8> {
    let mut message = vec![2, 0, 0, 0];
    message.extend(mtu.to_be_bytes());
    message.extend_from_slice(&quoted[..quoted.len().min(1232)]);
    Icmpv6Packet::new_unchecked(&mut message[..]).fill_checksum(&ROUTER, &OWN);
    build_ipv6(ROUTER, OWN, IpProtocol::Icmpv6, 64, &message).expect("it fits")
}

fn fragmentation_needed(mtu: u16, octets: usize) -> Vec<u8> {
    let inner = build_ipv4(
        Ipv4Addr::new(10, 0, 0, 1),
        Ipv4Addr::new(192, 0, 2, 1),
        IpProtocol::Udp,
        &vec![0x5a; octets - 2 * IPV4_LEN],
    );
    let outer = build_ipv4(
        OWN_IPV4,
        PEER_IPV4,
        IpProtocol::from(4),
        &inner.expect("it fits"),
    );
    let mut message = vec![3, 4, 0, 0, 0, 0];
    message.extend(mtu.to_be_bytes());
    message.extend_from_slice(&outer.expect("it fits")[..548]);
    Icmpv4Packet::new_unchecked(&mut message[..]).fill_checksum();
    let router = Ipv4Addr::new(203, 0, 113, 1);
    build_ipv4(router, OWN_IPV4, IpProtocol::Icmp, &message).expect("it fits")
}

/// A node with a tunnel to the peer.
fn tunnelling() -> Net {
    let mut net = net();
    net.track(NOW, PEER.into(), &mut Vec::new());
    net
}

/// What follows from an error, `sends` being what the entries say of what it quotes.
fn hear(net: &mut Net, now: Duration, error: &[u8], sends: bool) -> Vec<Action> {
    let envelope = Envelope {
        port: TRANSPORT,
        vlan: None,
        source: [2; 6],
        destination: [4; 6],
    };
    let (frame, mut out) = (close(envelope, ETHERTYPE_IPV6, error), Vec::new());
    net.tunnel_error(now, TRANSPORT, &frame, &mut out);
    let mut then = Vec::new();
    for action in out {
        match action {
            Action::TooBig(said) => {
                assert_eq!(said.inner, (MN.into(), CN.into()));
                net.path_mtu(now, said, sends, &mut then);
            }
            Action::Transmit { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    then
}

fn now_takes(mtu_bytes: Option<u16>) -> [Action; 1] {
    let remote = PEER.into();
    [Action::PathMtu { remote, mtu_bytes }]
}

#[test]
fn rfc_8201_a_way_takes_less_from_now_on_and_is_tried_again_after_ten_minutes() {
    let mut net = tunnelling();
    let error = |mtu| packet_too_big(mtu, &tunnelled(PEER, 1500));
    assert_eq!(
        hear(&mut net, NOW, &error(1400), true),
        now_takes(Some(1400))
    );
    assert_eq!(hear(&mut net, NOW, &error(1400), true), [], "known");
    assert_eq!(hear(&mut net, NOW, &error(1450), true), [], "never upwards");
    let later = NOW + Duration::from_secs(300);
    assert_eq!(
        hear(&mut net, later, &error(1300), true),
        now_takes(Some(1300))
    );
    assert_eq!(counter(&net, "net.path-mtu.lowered"), 2);
    assert_eq!(counter(&net, "net.path-mtus"), 1);
    let mut out = Vec::new();
    net.timeout(later + LIFETIME - Duration::from_millis(1), &mut out);
    out.retain(|action| matches!(action, Action::PathMtu { .. }));
    assert_eq!(out, [], "too early");
    assert!(net.next_deadline() <= Some(later + LIFETIME));
    net.timeout(later + LIFETIME, &mut out);
    out.retain(|action| matches!(action, Action::PathMtu { .. }));
    assert_eq!(out, now_takes(None));
    assert_eq!(counter(&net, "net.path-mtu.expired"), 1);
    assert_eq!(counter(&net, "net.path-mtus"), 0);
}

#[test]
fn rfc_8201_what_cannot_be_is_not_believed() {
    let mut net = tunnelling();
    let stranger = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x66);
    let errors = [
        (packet_too_big(1279, &tunnelled(PEER, 1500)), true),
        (packet_too_big(1400, &tunnelled(PEER, 1400)), true),
        (packet_too_big(1400, &tunnelled(PEER, 1501)), true),
        (packet_too_big(1400, &tunnelled(stranger, 1500)), true),
        (packet_too_big(1400, &tunnelled(PEER, 1500)), false),
    ];
    for ((error, sends), refused) in errors.into_iter().zip(1..) {
        assert_eq!(hear(&mut net, NOW, &error, sends), []);
        assert_eq!(counter(&net, "net.drop.path-mtu"), refused);
    }
    let cut_off = packet_too_big(1400, &tunnelled(PEER, 1500)[..2 * IPV6_LEN - 1]);
    assert_eq!(hear(&mut net, NOW, &cut_off, true), []);
    assert_eq!(counter(&net, "net.path-mtus"), 0);
}

/// The tunnel fragments what its source may not be told about (RFC 2473 section 7.1): such errors lower, too.
#[test]
fn rfc_2473_a_packet_of_1280_octets_lowers_the_tunnel_though_its_source_is_not_told() {
    let mut net = tunnelling();
    let error = packet_too_big(1300, &tunnelled(PEER, 1320));
    assert_eq!(hear(&mut net, NOW, &error, true), now_takes(Some(1300)));
    assert_eq!(counter(&net, "net.tx.icmp-error"), 0);
    assert_eq!(counter(&net, "net.drop.icmp-error-forbidden"), 0);
}

#[test]
fn what_is_known_of_a_way_goes_with_its_last_tunnel() {
    let mut net = tunnelling();
    let error = packet_too_big(1400, &tunnelled(PEER, 1500));
    assert_eq!(hear(&mut net, NOW, &error, true), now_takes(Some(1400)));
    net.untrack(NOW, PEER.into(), &mut Vec::new());
    assert_eq!(counter(&net, "net.path-mtus"), 0);
    assert_eq!(hear(&mut net, NOW, &error, true), []);
}

#[test]
fn rfc_1191_a_router_that_says_no_mtu_takes_the_next_plateau_below() {
    for (octets, mtu, wanted) in [
        (1500, 1400, Some(1400)),
        (1500, 0, Some(1492)),
        (1492, 0, Some(1006)),
        (1006, 0, Some(576)),
        (1500, 575, None),
        (576, 576, None),
    ] {
        let heard = said(&fragmentation_needed(mtu, octets), 1500);
        let told = heard.expect("about an MTU").map(|said| {
            assert_eq!(said.remote, IpAddr::V4(PEER_IPV4));
            said.mtu_bytes
        });
        assert_eq!(told.ok(), wanted, "{octets} octets, {mtu} said");
    }
}
