//! IPv4 packets of the box itself: header, UDP datagrams, ICMPv4 echo (RFC 791, RFC 768, RFC 792).

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

/// Octets of an IPv4 header without options.
pub(super) const IPV4_LEN: usize = 20;
/// Octets of a UDP header.
const UDP_LEN: usize = 8;
/// TTL of what the box itself sends.
const TTL: u8 = 64;

/// The IPv4 packet of a frame's payload, without the padding behind it: its header and its payload. None
/// where it is malformed, its checksum is wrong, or it is a fragment: nothing that the box speaks needs one.
pub(super) fn ipv4(payload: &[u8]) -> Option<(Ipv4Repr, &[u8])> {
    let packet = Ipv4Packet::new_checked(payload).ok()?;
    let repr = Ipv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()?;
    if packet.more_frags() || packet.frag_offset() != 0 {
        return None;
    }
    let header = usize::from(packet.header_len());
    let whole = payload.get(header..usize::from(packet.total_len()))?;
    Some((repr, whole))
}

/// An IPv4 packet; none when the payload does not fit one.
pub(super) fn build_ipv4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: IpProtocol,
    payload: &[u8],
) -> Option<Vec<u8>> {
    u16::try_from(IPV4_LEN + payload.len()).ok()?;
    let repr = Ipv4Repr {
        src_addr: source,
        dst_addr: destination,
        next_header: protocol,
        payload_len: payload.len(),
        hop_limit: TTL,
    };
    let mut packet = vec![0; IPV4_LEN + payload.len()];
    repr.emit(
        &mut Ipv4Packet::new_unchecked(&mut packet[..]),
        &ChecksumCapabilities::default(),
    );
    packet[IPV4_LEN..].copy_from_slice(payload);
    Some(packet)
}

/// A UDP datagram: its ports and its payload. None where it is malformed or its checksum is wrong or absent:
/// signalling over IPv4 has no other (RFC 5844 section 4.1.3.2).
pub(super) fn udp(source: Ipv4Addr, destination: Ipv4Addr, octets: &[u8]) -> Option<Datagram<'_>> {
    let packet = UdpPacket::new_checked(octets).ok()?;
    let (from, to) = (IpAddress::Ipv4(source), IpAddress::Ipv4(destination));
    if packet.checksum() == 0 || !packet.verify_checksum(&from, &to) {
        return None;
    }
    let payload = octets.get(UDP_LEN..usize::from(packet.len()))?;
    Some(Datagram {
        source_port: packet.src_port(),
        destination_port: packet.dst_port(),
        payload,
    })
}

/// What a UDP datagram carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) payload: &'a [u8],
}

/// A UDP datagram with its checksum; none when the payload does not fit one.
pub(super) fn build_udp(
    source: SocketAddrV4,
    destination: SocketAddrV4,
    payload: &[u8],
) -> Option<Vec<u8>> {
    u16::try_from(UDP_LEN + payload.len()).ok()?;
    let repr = UdpRepr {
        src_port: source.port(),
        dst_port: destination.port(),
    };
    let mut octets = vec![0; UDP_LEN + payload.len()];
    repr.emit(
        &mut UdpPacket::new_unchecked(&mut octets[..]),
        &IpAddress::Ipv4(*source.ip()),
        &IpAddress::Ipv4(*destination.ip()),
        payload.len(),
        |room| room.copy_from_slice(payload),
        &ChecksumCapabilities::default(),
    );
    Some(octets)
}

/// The answer to an ICMPv4 Echo Request; none where the message is anything else.
pub(super) fn echo_reply(message: &[u8]) -> Option<Vec<u8>> {
    let checksums = ChecksumCapabilities::default();
    let packet = Icmpv4Packet::new_checked(message).ok()?;
    let Icmpv4Repr::EchoRequest {
        ident,
        seq_no,
        data,
    } = Icmpv4Repr::parse(&packet, &checksums).ok()?
    else {
        return None;
    };
    let reply = Icmpv4Repr::EchoReply {
        ident,
        seq_no,
        data,
    };
    let mut octets = vec![0; reply.buffer_len()];
    reply.emit(
        &mut Icmpv4Packet::new_unchecked(&mut octets[..]),
        &checksums,
    );
    Some(octets)
}
