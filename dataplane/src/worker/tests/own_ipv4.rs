//! IPv4 packets to ourselves that are not tunnel packets (RFC 5844 section 4, RFC 5555 section 4.1), and
//! ICMP errors from inside tunnels.

use super::*;

fn node() -> Node {
    Node::new(&config(Role::Mag))
}

fn fate(port: u16, packet: &[u8]) -> Fate {
    node().pass(port, &from_router(port, packet))
}

fn to_us(protocol: u8, payload: &[u8]) -> Vec<u8> {
    V4::new(LMA_IPV4, OWN_IPV4, protocol, payload).bytes()
}

/// L-63: the bare Mobility Header of RFC 5844, that of DSMIPv6 behind an IPv6 header, and ESP.
#[test]
fn l_63_signalling_over_ipv4_is_controls() {
    let mobility = [59, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let with_ipv6 = |next_header| V6::new(LMA, OWN, next_header, &mobility).bytes();
    let mut behind_options = vec![135, 0, 1, 4, 0, 0, 0, 0];
    behind_options.extend(mobility);
    let behind_options = V6::new(LMA, OWN, 60, &behind_options).bytes();
    for packet in [
        to_us(17, &udp(40_000, 5436, &mobility)),
        to_us(17, &udp(5436, 5436, &mobility)),
        to_us(17, &udp(4191, 4191, &mobility)),
        to_us(17, &udp(5437, 5437, &mobility)),
        to_us(17, &udp(40_000, 4191, &with_ipv6(135))),
        to_us(17, &udp(40_000, 4191, &with_ipv6(50))),
        to_us(17, &udp(40_000, 4191, &behind_options)),
        to_us(50, &[0; 32]),
    ] {
        assert_eq!(
            fate(TRANSPORT, &packet),
            Fate::Punted(PuntReason::Signalling)
        );
        let from_mn = node().pass(ACCESS, &from_mn(1, &packet));
        assert_eq!(from_mn, Fate::Dropped(DropReason::SignallingOnAccess));
    }
}

#[test]
fn what_else_is_for_us_over_ipv4_is_controls() {
    for (protocol, payload) in [
        (1, vec![8, 0, 0, 0, 0, 0, 0, 0]),
        (17, udp(67, 68, &[0; 8])),
        (6, vec![0; 20]),
    ] {
        let packet = to_us(protocol, &payload);
        assert_eq!(fate(TRANSPORT, &packet), Fate::Punted(PuntReason::Local));
    }
}

#[test]
fn a_tunnel_over_ipv4_from_an_access_link_is_dropped() {
    let inner = V6::udp(CN, MN1).bytes();
    for packet in [
        to_us(41, &inner),
        to_us(47, &gre(Some(1), &inner)),
        to_us(17, &udp(5437, 5437, &inner)),
        to_us(17, &udp(4191, 4191, &inner)),
    ] {
        let fate = node().pass(ACCESS, &from_mn(1, &packet));
        assert_eq!(fate, Fate::Dropped(DropReason::TunnelNotOnTransport));
    }
}

/// RFC 2473 section 8: an error about our own tunnel packet goes to control under its own name; one about
/// anything else, or from an access link, is as any other packet to us.
#[test]
fn errors_about_our_tunnel_packets_are_controls() {
    let inner = V6::udp(MN1, CN).bytes();
    let quoting = |kind, code, quoted: &[u8]| {
        let mut icmp = vec![kind, code, 0, 0, 0, 0, 0, 0];
        icmp.extend(quoted);
        icmp
    };
    let tunnelled = Fate::Punted(PuntReason::TunnelError);
    let local = Fate::Punted(PuntReason::Local);
    let ours = V6::new(OWN, LMA, 41, &inner).bytes();
    let others = V6::new(LMA, OWN, 41, &inner).bytes();
    let signalling = V6::new(OWN, LMA, 135, &inner).bytes();
    for (kind, quoted, wanted) in [
        (1, &ours, &tunnelled),
        (2, &ours, &tunnelled),
        (3, &ours, &tunnelled),
        (4, &ours, &tunnelled),
        (128, &ours, &local),
        (2, &others, &local),
        (1, &signalling, &local),
    ] {
        let packet = V6::new("2001:db8:ffff::99", OWN, 58, &quoting(kind, 0, quoted));
        assert_eq!(fate(TRANSPORT, &packet.bytes()), *wanted);
    }
    let over = |protocol, payload: &[u8]| V4::new(OWN_IPV4, LMA_IPV4, protocol, payload).bytes();
    for (kind, quoted, wanted) in [
        (3, over(41, &inner), &tunnelled),
        (11, over(4, &inner), &tunnelled),
        (12, over(47, &gre(None, &inner)), &tunnelled),
        (
            3,
            over(17, &udp(5437, 5437, &inner))[..28].to_vec(),
            &tunnelled,
        ),
        (3, over(17, &udp(4191, 9, &inner)), &tunnelled),
        (3, over(17, &udp(5436, 5436, &inner)), &local),
        (0, over(41, &inner), &local),
        (3, V4::new(LMA_IPV4, OWN_IPV4, 41, &inner).bytes(), &local),
        (3, over(41, &inner)[..19].to_vec(), &local),
    ] {
        let packet = V4::new("203.0.113.1", OWN_IPV4, 1, &quoting(kind, 4, &quoted));
        assert_eq!(
            fate(TRANSPORT, &packet.bytes()),
            *wanted,
            "{kind} {quoted:?}"
        );
        let from_mn = node().pass(ACCESS, &from_mn(1, &packet.bytes()));
        assert_eq!(from_mn, local);
    }
}
