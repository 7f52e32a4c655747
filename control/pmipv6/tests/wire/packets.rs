//! Frames that carry the golden messages, written with another library's headers.

use etherparse::{IpNumber, PacketBuilder, PacketBuilderStep};
use pmipv6::wire::{Checksum, Numbering, encode};

use super::golden::{self, messages};

const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
const ROUTERS: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];

fn ethernet() -> PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2(MACS[0], MACS[1])
}

/// A Mobility Header in IPv6 in Ethernet, between the addresses of the golden checksums.
pub(crate) fn over_ipv6(mobility_header: &[u8]) -> Vec<u8> {
    let Checksum::PseudoHeader {
        source,
        destination,
    } = golden::checksum()
    else {
        panic!("a pseudo-header");
    };
    let builder = ethernet().ipv6(source.octets(), destination.octets(), 64);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, IpNumber(135), mobility_header)
        .expect("room");
    frame
}

/// A payload in UDP in IPv4 in Ethernet.
pub(crate) fn over_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = ethernet().ipv4(ROUTERS[0], ROUTERS[1], 64).udp(port, port);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).expect("room");
    frame
}

/// Every golden message over IPv6, and a few in tunnels and over IPv4.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let goldens = messages::all();
    let mut packets: Vec<_> = goldens
        .iter()
        .map(|golden| (golden.name, over_ipv6(&golden.octets())))
        .collect();
    let update = goldens
        .iter()
        .find(|golden| golden.name == "mh-005-proxy-binding-update")
        .expect("golden");
    let in_ipv6 = over_ipv6(&update.octets());
    let inner = &in_ipv6[14..];
    let bare = encode(&Numbering::default(), Checksum::Ignored, &update.message).expect("fits");
    let tlv = [&[0, 41, 0, inner.len() as u8][..], inner].concat();
    let tagged = [&in_ipv6[..12], &[0x81, 0, 0, 7], &in_ipv6[12..]].concat();
    packets.extend([
        ("pbu-udp-5436", over_udp(5436, &bare)),
        ("pbu-udp-4191-ipv6", over_udp(4191, inner)),
        ("pbu-udp-5437-tlv-ipv6", over_udp(5437, &tlv)),
        ("pbu-vlan", tagged),
        ("pbu-ip", inner.to_vec()),
        ("pbu-bare", update.octets()),
        ("pbu-cut", in_ipv6[..90].to_vec()),
    ]);
    packets
}
