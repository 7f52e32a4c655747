//! IPv4 on transport ports: ARP, echo, signalling in UDP.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use pmipv6::io::Via;

use super::*;
use crate::net::frame::ETHERTYPE_ARP;
use crate::net::ipv4::{build_ipv4, build_udp, ipv4, udp};

const OURS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 11);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x11];
/// A Mobility Header as far as the box's own IP looks: its Payload Proto.
const MH: [u8; 8] = [59, 0, 5, 0, 0, 0, 0, 0];
/// An ESP packet as far as the box's own IP looks: not at all.
const SEALED: [u8; 24] = [7; 24];

fn net4() -> Net {
    let mut config = net().config;
    for port in config.ports.iter_mut().filter(|port| port.transport) {
        port.addresses4 = vec!["198.51.100.1/24".parse().unwrap()];
        port.gateway4 = Some(GATEWAY);
    }
    Net::new(config)
}

fn from_peer() -> Envelope {
    Envelope {
        port: TRANSPORT,
        vlan: None,
        source: PEER_MAC,
        destination: OUR_MAC,
    }
}

/// ARP as RFC 826 draws it.
fn arp(operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut octets = vec![0, 1, 8, 0, 6, 4, 0, operation];
    octets.extend_from_slice(&PEER_MAC);
    octets.extend_from_slice(&sender.octets());
    octets.extend_from_slice(&[0; 6]);
    octets.extend_from_slice(&target.octets());
    octets
}

fn receive(net: &mut Net, ethertype: u16, packet: &[u8]) -> Vec<Action> {
    let mut out = Vec::new();
    let frame = close(from_peer(), ethertype, packet);
    net.receive(AT_START, TRANSPORT, &frame, &mut out);
    out
}

fn in_datagram(to: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let octets = build_udp(
        SocketAddrV4::new(PEER, 40_001),
        SocketAddrV4::new(to, port),
        payload,
    );
    build_ipv4(PEER, to, IpProtocol::Udp, &octets.unwrap()).unwrap()
}

fn in_ipv6() -> Vec<u8> {
    let (source, destination) = (address("2001:db8:f::11"), address("2001:db8:f::1"));
    let protocol = IpProtocol::from(MOBILITY_HEADER);
    build_ipv6(source, destination, protocol, 64, &MH).unwrap()
}

#[test]
fn arp_is_answered_for_our_own_address_alone_and_tells_who_asks() {
    let mut net = net4();
    let out = receive(&mut net, ETHERTYPE_ARP, &arp(1, PEER, OURS));
    let [Action::Transmit { frame, .. }] = &out[..] else {
        panic!("{out:?}");
    };
    assert_eq!(frame[..6], PEER_MAC, "back to the one who asked");
    assert_eq!(frame[20..22], [0, 2], "a reply");
    assert_eq!(frame[22..28], OUR_MAC);
    assert_eq!(frame[28..32], OURS.octets());
    let key = (TRANSPORT, IpAddr::V4(PEER));
    assert_eq!(net.neighbours.mac(key), Some(PEER_MAC));
    assert!(receive(&mut net, ETHERTYPE_ARP, &arp(1, PEER, GATEWAY)).is_empty());
    // Somebody who says to have our address changes nothing.
    receive(&mut net, ETHERTYPE_ARP, &arp(2, OURS, OURS));
    assert_eq!(net.neighbours.mac((TRANSPORT, IpAddr::V4(OURS))), None);
}

#[test]
fn l_63_the_next_hop_of_an_ipv4_tunnel_is_found_by_arp_also_behind_a_gateway() {
    for (remote, asked) in [(PEER, PEER), (FAR, GATEWAY)] {
        let (mut net, mut out) = (net4(), Vec::new());
        assert_eq!(net.track(AT_START, remote.into(), &mut out), None);
        let [Action::Transmit { frame, .. }] = &out[..] else {
            panic!("{out:?}");
        };
        assert_eq!((&frame[..6], &frame[12..14]), (&[0xff; 6][..], &[8, 6][..]));
        assert_eq!(frame[38..42], asked.octets());
        let out = receive(&mut net, ETHERTYPE_ARP, &arp(2, asked, OURS));
        let expected = Action::NextHop {
            remote: remote.into(),
            next_hop: Some(NextHop {
                port: TRANSPORT,
                source_mac: OUR_MAC,
                destination_mac: PEER_MAC,
            }),
        };
        assert_eq!(out, [expected]);
    }
}

#[test]
fn l_63_a_bare_mobility_header_comes_by_port_5436_and_its_udp_checksum_counts() {
    let mut net = net4();
    let packet = in_datagram(OURS, 5436, &MH);
    let came = Action::MobilityHeader {
        source: PEER.into(),
        destination: OURS.into(),
        via: Via::Ipv4 {
            local: OURS,
            remote: SocketAddrV4::new(PEER, 40_001),
            udp_data: false,
        },
        octets: MH.to_vec(),
    };
    assert_eq!(receive(&mut net, ETHERTYPE_IPV4, &packet), [came]);
    let mut absent = packet.clone();
    absent[26..28].fill(0);
    let mut wrong = packet;
    *wrong.last_mut().unwrap() ^= 1;
    for packet in [absent, wrong] {
        assert!(receive(&mut net, ETHERTYPE_IPV4, &packet).is_empty());
    }
    assert_eq!(counter(&net, "net.drop.udp-checksum"), 2);
    assert!(
        receive(
            &mut net,
            ETHERTYPE_IPV4,
            &in_datagram(OURS, 5436, &in_ipv6())
        )
        .is_empty()
    );
    assert_eq!(counter(&net, "net.drop.udp-payload"), 1);
    assert!(receive(&mut net, ETHERTYPE_IPV4, &in_datagram(FAR, 5436, &MH)).is_empty());
    assert_eq!(counter(&net, "net.drop.not-ours"), 1);
}

#[test]
fn l_65_behind_a_nat_an_ipv6_packet_comes_by_port_4191() {
    let mut net = net4();
    let out = receive(
        &mut net,
        ETHERTYPE_IPV4,
        &in_datagram(OURS, 4191, &in_ipv6()),
    );
    let came = Action::MobilityHeader {
        source: address("2001:db8:f::11").into(),
        destination: address("2001:db8:f::1").into(),
        via: Via::Nat {
            local: OURS,
            remote: SocketAddrV4::new(PEER, 40_001),
        },
        octets: MH.to_vec(),
    };
    assert_eq!(out, [came]);
}

#[test]
fn l_63_l_65_what_is_sent_is_what_would_be_received() {
    let names = (
        IpAddr::V6(address("2001:db8:f::1")),
        IpAddr::V6(address("2001:db8:f::11")),
    );
    let remote = SocketAddrV4::new(PEER, 40_001);
    let local = OURS;
    let plain = Via::Ipv4 {
        local,
        remote,
        udp_data: false,
    };
    for (via, port, payload) in [
        (plain, 5436, MH.to_vec()),
        (Via::Nat { local, remote }, 4191, swapped(in_ipv6())),
    ] {
        let mut net = net4();
        receive(&mut net, ETHERTYPE_ARP, &arp(1, PEER, OURS));
        let mut out = Vec::new();
        net.send_over_ipv4(AT_START, via, names, &MH, &mut out);
        let sent = out.iter().find_map(|action| match action {
            Action::Transmit { frame, .. } if frame[12..14] == [8, 0] => Some(frame),
            _ => None,
        });
        let frame = sent.expect("an IPv4 packet");
        let (header, octets) = ipv4(&frame[14..]).expect("a right header");
        assert_eq!((header.src_addr, header.dst_addr), (OURS, PEER));
        let datagram = udp(OURS, PEER, octets).expect("a right checksum");
        assert_eq!(
            (datagram.source_port, datagram.destination_port),
            (port, 40_001)
        );
        assert_eq!(datagram.payload, payload);
    }
}

#[test]
fn l_69_ls_10_esp_comes_in_ipv4_and_what_is_in_it_is_signalling_alone() {
    let mut net = net4();
    let packet = build_ipv4(PEER, OURS, IpProtocol::from(ESP), &SEALED).unwrap();
    let came = Action::Esp {
        source: PEER.into(),
        destination: OURS.into(),
        via: Via::Ipv4 {
            local: OURS,
            remote: SocketAddrV4::new(PEER, 0),
            udp_data: false,
        },
        octets: SEALED.to_vec(),
    };
    assert_eq!(receive(&mut net, ETHERTYPE_IPV4, &packet), [came]);
    assert_eq!(counter(&net, "net.rx.esp"), 1);
    let remote = SocketAddrV4::new(PEER, 5436);
    let opened = |port: u16, payload: &[u8]| {
        build_udp(remote, SocketAddrV4::new(OURS, port), payload).unwrap()
    };
    let right = opened(5436, &MH);
    let via = Via::Ipv4 {
        local: OURS,
        remote,
        udp_data: false,
    };
    assert_eq!(net.open_udp(PEER, OURS, &right), Some((via, &MH[..])));
    let mut wrong = right;
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(net.open_udp(PEER, OURS, &wrong), None);
    assert_eq!(counter(&net, "net.drop.udp-checksum"), 1);
    assert_eq!(net.open_udp(PEER, OURS, &opened(4191, &in_ipv6())), None);
    assert_eq!(net.open_udp(PEER, OURS, &opened(5436, &in_ipv6())), None);
    assert_eq!(counter(&net, "net.drop.udp-payload"), 2);
}

#[test]
fn l_69_ls_10_ls_11_esp_goes_out_in_ipv4_and_past_a_nat_in_port_4191() {
    let names = (
        IpAddr::V6(address("2001:db8:f::1")),
        IpAddr::V6(address("2001:db8:f::11")),
    );
    let (local, remote) = (OURS, SocketAddrV4::new(PEER, 40_001));
    let plain = Via::Ipv4 {
        local,
        remote,
        udp_data: false,
    };
    for via in [plain, Via::Nat { local, remote }] {
        let mut net = net4();
        receive(&mut net, ETHERTYPE_ARP, &arp(1, PEER, OURS));
        let mut out = Vec::new();
        net.send_esp(AT_START, via, names, &SEALED, &mut out);
        let sent = out.iter().find_map(|action| match action {
            Action::Transmit { frame, .. } if frame[12..14] == [8, 0] => Some(frame),
            _ => None,
        });
        let (header, octets) = ipv4(&sent.expect("an IPv4 packet")[14..]).unwrap();
        assert_eq!((header.src_addr, header.dst_addr), (OURS, PEER));
        assert_eq!(counter(&net, "net.tx.esp"), 1);
        if via == plain {
            assert_eq!((u8::from(header.next_header), octets), (50, &SEALED[..]));
            continue;
        }
        let datagram = udp(OURS, PEER, octets).expect("a right checksum");
        let ports = (datagram.source_port, datagram.destination_port);
        assert_eq!(ports, (4191, 40_001));
        let inner = datagram.payload;
        assert_eq!((inner[0] >> 4, inner[6]), (6, 50), "IPv6, and ESP in it");
        assert_eq!(&inner[40..], SEALED);
        // The other side takes it as it is.
        let back = in_datagram(OURS, 4191, &swapped(inner.to_vec()));
        let out = receive(&mut net, ETHERTYPE_IPV4, &back);
        let came = Action::Esp {
            source: names.1,
            destination: names.0,
            via,
            octets: SEALED.to_vec(),
        };
        assert_eq!(out, [came]);
    }
}

/// The IPv6 packet with its addresses exchanged.
fn swapped(mut packet: Vec<u8>) -> Vec<u8> {
    let (source, destination) = packet[8..40].split_at_mut(16);
    source.swap_with_slice(destination);
    packet
}

#[test]
fn an_ipv4_echo_request_is_answered() {
    let mut net = net4();
    let mut message = vec![8, 0, 0, 0, 0, 7, 0, 1, 1, 2];
    let sum: u32 = message
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let sum = !(sum as u16 + (sum >> 16) as u16);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let packet = build_ipv4(PEER, OURS, IpProtocol::Icmp, &message).unwrap();
    let out = receive(&mut net, ETHERTYPE_IPV4, &packet);
    let [Action::Transmit { frame, .. }] = &out[..] else {
        panic!("{out:?}");
    };
    let (header, reply) = ipv4(&frame[14..]).unwrap();
    assert_eq!(
        (header.dst_addr, reply[0], &reply[4..]),
        (PEER, 0, &message[4..])
    );
}
