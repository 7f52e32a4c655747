//! User packets that need an ICMP error, and whom it comes from.

use smoltcp::wire::{Icmpv6Packet, IpProtocol};

use super::super::frame::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Envelope, build_ipv6, close, ipv6};
use super::super::ipv4::{build_ipv4, ipv4};
use super::super::tests::{counter, net};
use super::*;

const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
const SOURCES: Sources = Sources {
    ipv6: Some(OWN),
    ipv4: DUMMY_ADDRESS,
};

#[test]
fn each_error_has_its_type_and_code_in_either_family() {
    let mut ipv4 = vec![0x45, 0, 0, 28, 0, 0, 0x40, 0, 1, 17, 0, 0];
    ipv4.extend([10, 0, 0, 1, 192, 0, 2, 1, 0, 9, 0, 7, 0, 8, 0, 0]);
    let mut ipv6 = vec![0x60, 0, 0, 0, 0, 0, 59, 1, 0x20, 1, 0xd, 0xb8];
    ipv6.resize(40, 1);
    let too_big = UserError::TooBig { mtu_bytes: 1460 };
    for (error, wanted, wanted_ipv6) in [
        (too_big, Some([3, 4, 0x05, 0xb4]), [2, 0, 0x05, 0xb4]),
        (UserError::HopLimit, Some([11, 0, 0, 0]), [3, 0, 0, 0]),
        (UserError::Unreachable, Some([3, 1, 0, 0]), [1, 3, 0, 0]),
        (
            UserError::EncapsulationLimit { pointer: 44 },
            None,
            [4, 0, 0, 44],
        ),
    ] {
        let octets = |packet: Vec<u8>, at: usize| {
            [packet[at], packet[at + 1], packet[at + 6], packet[at + 7]]
        };
        let made = answer(error, &ipv4, SOURCES).map(|packet| octets(packet, 20));
        assert_eq!(made, wanted);
        let made = answer(error, &ipv6, SOURCES).map(|packet| octets(packet, 40));
        assert_eq!(made, Some(wanted_ipv6));
        let nobody = Sources {
            ipv6: None,
            ..SOURCES
        };
        assert_eq!(answer(error, &ipv6, nobody), None);
    }
}

/// Everything out of one frame at a gateway, the homes being those of the first link.
fn told(net: &mut Net, error: UserError, packet: &[u8], home: Option<&str>) -> Vec<Vec<u8>> {
    let envelope = Envelope {
        port: TRANSPORT,
        vlan: None,
        source: [2; 6],
        destination: [4; 6],
    };
    let kind = if packet[0] >> 4 == 4 {
        ETHERTYPE_IPV4
    } else {
        ETHERTYPE_IPV6
    };
    let (frame, mut out) = (close(envelope, kind, packet), Vec::new());
    assert!(net.other_user_error(Duration::ZERO, TRANSPORT, &frame, error, &mut out));
    let mut packets = Vec::new();
    let mut then = Vec::new();
    for action in out {
        match action {
            Action::Undelivered(undelivered) => {
                assert_eq!(undelivered.destination, MN);
                let home = home.map(|home| home.parse().unwrap());
                net.undelivered(Duration::ZERO, home, &undelivered, &mut then);
            }
            other => then.push(other),
        }
    }
    for action in then {
        let Action::Transmit { port, frame } = action else {
            panic!("{action:?}");
        };
        assert_eq!(port, dataplane::BY_DESTINATION);
        packets.push(frame[14..].to_vec());
    }
    packets
}

const TRANSPORT: u16 = 1;
const HOME: &str = "2001:db8:100:1::/64";
const MN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 1, 0, 0, 0, 9);
const CN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 5, 0, 0, 0, 0, 5);
const NARROW: UserError = UserError::TooBig { mtu_bytes: 1400 };

/// In a tunnel packet from the anchor.
fn tunnelled(next_header: u8, inner: &[u8]) -> Vec<u8> {
    let (lma, mag) = (
        "2001:db8:f::2".parse().unwrap(),
        "2001:db8:f::1".parse().unwrap(),
    );
    build_ipv6(lma, mag, IpProtocol::from(next_header), 64, inner).unwrap()
}

fn user(protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    build_ipv6(CN, MN, protocol, 64, payload).unwrap()
}

/// RFC 2473 section 8, RFC 4291 section 2.6.1.
#[test]
fn a_gateway_answers_as_the_router_of_the_homes_link() {
    let mut net = net();
    let packet = user(IpProtocol::Udp, &[0x5a; 1420]);
    let told_once = told(&mut net, NARROW, &tunnelled(41, &packet), Some(HOME));
    let [error] = &told_once[..] else {
        panic!("{told_once:?}");
    };
    let (header, whole) = ipv6(error).unwrap();
    let router = "2001:db8:100:1::".parse().unwrap();
    assert_eq!((header.src_addr, header.dst_addr), (router, CN));
    let message = &whole[IPV6_LEN..];
    assert!(Icmpv6Packet::new_unchecked(message).verify_checksum(&router, &CN));
    assert_eq!(
        (message[..2].to_vec(), &message[4..8]),
        (vec![2, 0], &1400_u32.to_be_bytes()[..])
    );
    assert_eq!((error.len(), &message[8..]), (1280, &packet[..1232]));
    let told_once = told(
        &mut net,
        UserError::HopLimit,
        &tunnelled(41, &packet),
        Some(HOME),
    );
    assert_eq!(told_once[0][IPV6_LEN..][..2], [3, 0]);
    assert_eq!(counter(&net, "net.tx.icmp-error"), 2);
}

#[test]
fn a_gateway_answers_whatever_the_tunnel() {
    let (own, peer) = (
        Ipv4Addr::new(198, 51, 100, 1),
        Ipv4Addr::new(198, 51, 100, 2),
    );
    let packet = user(IpProtocol::Udp, &[0x5a; 1400]);
    let behind = |header: &[u8]| [header, &packet].concat();
    let gre = behind(&[0x20, 0, 0x86, 0xdd, 0, 0, 0, 9]);
    let octets = 8 + packet.len() as u16;
    let udp: Vec<u8> = [5437, 5437, octets, 0]
        .into_iter()
        .flat_map(u16::to_be_bytes)
        .collect();
    let over_ipv4 = |protocol: u8, rest: &[u8]| {
        build_ipv4(peer, own, IpProtocol::from(protocol), rest).unwrap()
    };
    for outer in [
        tunnelled(60, &behind(&[41, 0, 4, 1, 4, 1, 1, 0])),
        tunnelled(47, &gre),
        over_ipv4(41, &packet),
        over_ipv4(47, &gre),
        over_ipv4(17, &behind(&udp)),
    ] {
        let mut net = net();
        let port = &mut net.config.ports[usize::from(TRANSPORT)];
        port.addresses4.push("198.51.100.1/24".parse().unwrap());
        let told_once = told(&mut net, NARROW, &outer, Some(HOME));
        let (header, whole) = ipv6(&told_once[0]).unwrap();
        assert_eq!((header.dst_addr, told_once.len()), (CN, 1));
        assert!(packet.starts_with(&whole[IPV6_LEN + 8..]));
    }
}

/// RFC 5844: an IPv4 home is one address.
#[test]
fn a_gateway_answers_for_an_ipv4_home_in_its_name() {
    let (mn, cn) = (Ipv4Addr::new(10, 0, 0, 9), Ipv4Addr::new(203, 0, 113, 5));
    let mut net = net();
    let packet = build_ipv4(cn, mn, IpProtocol::Udp, &[0x5a; 1420]).unwrap();
    for (error, kind) in [(NARROW, [3, 4]), (UserError::HopLimit, [11, 0])] {
        let told_once = told(&mut net, error, &tunnelled(4, &packet), None);
        let (header, message) = ipv4(&told_once[0]).unwrap();
        assert_eq!((header.src_addr, header.dst_addr), (mn, cn));
        assert_eq!((message[..2].to_vec(), told_once.len()), (kind.to_vec(), 1));
        assert!(packet.starts_with(&message[8..]));
    }
}

#[test]
fn a_gateway_tells_nobody_what_is_no_homes_business() {
    let mut net = net();
    let packet = user(IpProtocol::Udp, &[0x5a; 1420]);
    let an_error = user(IpProtocol::Icmpv6, &[1; 1420]);
    for (error, inner, home) in [
        (UserError::Unreachable, &packet, Some(HOME)),
        (
            UserError::EncapsulationLimit { pointer: 44 },
            &packet,
            Some(HOME),
        ),
        (NARROW, &an_error, Some(HOME)),
        // It has left.
        (NARROW, &packet, None),
    ] {
        let before = counter(&net, "net.drop.icmp-error-forbidden");
        assert!(told(&mut net, error, &tunnelled(41, inner), home).is_empty());
        assert_eq!(counter(&net, "net.drop.icmp-error-forbidden") - before, 1);
    }
    // RFC 4443 section 2.4 (f).
    let burst = (0..200)
        .filter(|_| !told(&mut net, NARROW, &tunnelled(41, &packet), Some(HOME)).is_empty());
    assert!(burst.count() < 100);
    assert!(counter(&net, "net.drop.icmp-rate-limit") > 100);
}
