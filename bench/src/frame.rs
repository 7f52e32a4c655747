//! The frames of the forwarding rig.

use std::net::Ipv6Addr;

use crate::domain::{
    ACCESS_MAC, Direction, INTERNET_HOST, PROXY_CARE_OF_ADDRESS, ROUTER_MAC, TRANSPORT_MAC,
    anchor_address, anchor_of, home_address, mobile_node_mac,
};

const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const IPV6_HEADER_BYTES: usize = 40;
/// Next header values (RFC 2473, RFC 768).
const NEXT_HEADER_IPV6: u8 = 41;
const NEXT_HEADER_UDP: u8 = 17;
const HOP_LIMIT: u8 = 64;
/// The discard service, at both ends.
const UDP_PORT: u16 = 9;
/// Octets of UDP header and payload that make the uplink frame 64 octets long, without its check sequence.
const UDP_BYTES: usize = 64 - 14 - IPV6_HEADER_BYTES;

/// A mobile node's frame as the MAG receives it: 64 octets on the access link; from the LMA the same packet
/// with the tunnel's header, 104 octets.
pub fn frame(direction: Direction, node: u32, anchors: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    match direction {
        Direction::Uplink => {
            ethernet(&mut out, ACCESS_MAC, mobile_node_mac(node));
            user_packet(&mut out, home_address(node), INTERNET_HOST);
        }
        Direction::Downlink => {
            ethernet(&mut out, TRANSPORT_MAC, ROUTER_MAC);
            let anchor = anchor_address(anchor_of(node, anchors));
            let inner_bytes = IPV6_HEADER_BYTES + UDP_BYTES;
            let ends = (anchor, PROXY_CARE_OF_ADDRESS);
            ipv6(&mut out, NEXT_HEADER_IPV6, inner_bytes, ends);
            user_packet(&mut out, INTERNET_HOST, home_address(node));
        }
    }
    out
}

fn ethernet(out: &mut Vec<u8>, destination: [u8; 6], source: [u8; 6]) {
    out.extend(destination);
    out.extend(source);
    out.extend(ETHERTYPE_IPV6);
}

fn ipv6(out: &mut Vec<u8>, next_header: u8, bytes: usize, ends: (Ipv6Addr, Ipv6Addr)) {
    out.extend([0x60, 0, 0, 0]);
    out.extend((bytes as u16).to_be_bytes());
    out.extend([next_header, HOP_LIMIT]);
    out.extend(ends.0.octets());
    out.extend(ends.1.octets());
}

fn user_packet(out: &mut Vec<u8>, source: Ipv6Addr, destination: Ipv6Addr) {
    ipv6(out, NEXT_HEADER_UDP, UDP_BYTES, (source, destination));
    let start = out.len();
    out.extend(UDP_PORT.to_be_bytes());
    out.extend(UDP_PORT.to_be_bytes());
    out.extend((UDP_BYTES as u16).to_be_bytes());
    out.extend([0, 0]);
    out.resize(start + UDP_BYTES, 0);
    let checksum = udp_checksum(source, destination, &out[start..]);
    out[start + 6..start + 8].copy_from_slice(&checksum.to_be_bytes());
}

/// RFC 8200 section 8.1.
fn udp_checksum(source: Ipv6Addr, destination: Ipv6Addr, udp: &[u8]) -> u16 {
    let pseudo = [&source.octets()[..], &destination.octets()[..]].concat();
    let words = pseudo.chunks(2).chain(udp.chunks(2));
    let mut sum = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
        .sum::<u32>()
        + udp.len() as u32
        + u32::from(NEXT_HEADER_UDP);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => 0xffff,
        checksum => checksum,
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{NetHeaders, PacketHeaders, TransportHeader};

    use super::*;

    const NODE: u32 = 0x0001_0203;
    const ANCHORS: u32 = 16;

    #[test]
    fn the_uplink_frame_is_a_packet_of_the_node() {
        let frame = frame(Direction::Uplink, NODE, ANCHORS);
        assert_eq!(frame.len(), 64);
        let headers = PacketHeaders::from_ethernet_slice(&frame).expect("a frame");
        let Some(NetHeaders::Ipv6(ip, _)) = headers.net else {
            panic!("IPv6: {:?}", headers.net);
        };
        assert_eq!(ip.source_addr(), home_address(NODE));
        assert_eq!(ip.destination_addr(), INTERNET_HOST);
        let Some(TransportHeader::Udp(udp)) = headers.transport else {
            panic!("UDP: {:?}", headers.transport);
        };
        let checksum = udp.calc_checksum_ipv6(&ip, headers.payload.slice());
        assert_eq!(checksum, Ok(udp.checksum));
    }

    #[test]
    fn the_downlink_frame_carries_the_packet_to_the_node() {
        let frame = frame(Direction::Downlink, NODE, ANCHORS);
        assert_eq!(frame.len(), 104);
        let headers = PacketHeaders::from_ethernet_slice(&frame).expect("a frame");
        let Some(NetHeaders::Ipv6(outer, _)) = headers.net else {
            panic!("IPv6: {:?}", headers.net);
        };
        assert_eq!(outer.source_addr(), anchor_address(NODE % ANCHORS));
        assert_eq!(outer.destination_addr(), PROXY_CARE_OF_ADDRESS);
        let inner = PacketHeaders::from_ip_slice(&frame[54..]).expect("a packet");
        let Some(NetHeaders::Ipv6(inner, _)) = inner.net else {
            panic!("IPv6: {:?}", inner.net);
        };
        assert_eq!(inner.source_addr(), INTERNET_HOST);
        assert_eq!(inner.destination_addr(), home_address(NODE));
    }
}
