//! IPv4 packets to one of our own addresses: tunnel packets (RFC 4213, RFC 2003, RFC 2784), over UDP too
//! (RFC 5844 section 4, RFC 5555 section 4.1), signalling, and the rest.

use super::classify::{Ground, Packet};
use super::gre::{TLV, tlv};
use super::header::{
    IPV4, NH_ESP, NH_GRE, NH_ICMPV4, NH_IPV4, NH_IPV6, NH_UDP, UDP, internet_sum, ipv4_key, u16_at,
};
use super::ipv4::Ipv4;
use super::own::{
    ICMP_ERROR, UDP_PMIPV6_CONTROL, fragment, is_signalling, signalling, take_gre, take_inner,
};
use super::wrap::{UDP_DSMIPV6, UDP_PMIPV6_DATA, Wrap};
use crate::config::PortRole;
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;

/// To one of our own addresses: a tunnel packet, or control's.
#[inline]
pub(super) fn to_own_ipv4(
    ground: &Ground,
    role: &PortRole,
    outer: &Ipv4<'_>,
    packet: &mut Packet,
) -> Result<(), Verdict> {
    if outer.is_fragment() {
        return Err(fragment(role.roles));
    }
    let (whole, at) = (outer.whole, outer.header_octets);
    packet.wrap = Wrap::NONE;
    match outer.fixed[9] {
        NH_IPV6 | NH_IPV4 | NH_GRE if !role.roles.transport => {
            return Err(DropReason::TunnelNotOnTransport.into());
        }
        protocol @ (NH_IPV6 | NH_IPV4) => take_inner(protocol, whole, at, packet)?,
        NH_GRE => take_gre(whole, at, packet)?,
        NH_UDP => udp(ground, role, outer, packet)?,
        NH_ESP => return Err(signalling(role.roles)),
        NH_ICMPV4 if role.roles.transport && is_tunnel_error(ground, role, outer.payload()) => {
            return Err(Verdict::Punt(PuntReason::TunnelError));
        }
        _ => return Err(Verdict::Punt(PuntReason::Local)),
    }
    packet.outer_source = ipv4_key(outer.source);
    packet.outer_destination = ipv4_key(outer.destination);
    packet.outer_ecn = outer.fixed[1] & 3;
    Ok(())
}

/// UDP to ourselves. What comes to the tunnels' ports is told apart by its first four bits: 6 and 4 are IP
/// versions, 0 is the type of a TLV header, and 3 begins a bare Mobility Header, whose first octet is 59.
fn udp(
    ground: &Ground,
    role: &PortRole,
    outer: &Ipv4<'_>,
    packet: &mut Packet,
) -> Result<(), Verdict> {
    let datagram = outer.payload();
    let [peer_port, own_port, octets] = [0, 2, 4].map(|at| u16_at(datagram, at));
    match own_port {
        UDP_PMIPV6_CONTROL => return Err(signalling(role.roles)),
        UDP_PMIPV6_DATA | UDP_DSMIPV6 => {}
        _ => return Err(Verdict::Punt(PuntReason::Local)),
    }
    check_udp(outer, datagram, octets)?;
    let payload = &datagram[UDP..];
    match payload.first().map(|first| first >> 4) {
        Some(3) => return Err(signalling(role.roles)),
        Some(6) if is_signalling(ground, role, payload) => return Err(signalling(role.roles)),
        Some(0 | 4 | 6) if !role.roles.transport => {
            return Err(DropReason::TunnelNotOnTransport.into());
        }
        _ => {}
    }
    packet.wrap = Wrap::NONE
        .in_udp(own_port, peer_port)
        .ok_or(DropReason::UdpHeader)?;
    let (whole, at) = (outer.whole, outer.header_octets + UDP);
    match payload.first().map(|first| first >> 4) {
        Some(6) => take_inner(NH_IPV6, whole, at, packet)?,
        Some(4) => take_inner(NH_IPV4, whole, at, packet)?,
        Some(0) => match tlv(payload)? {
            NH_GRE => take_gre(whole, at + TLV, packet)?,
            protocol @ (NH_IPV6 | NH_IPV4) => take_inner(protocol, whole, at + TLV, packet)?,
            _ => return Err(DropReason::TlvHeader.into()),
        },
        _ => return Err(DropReason::UdpHeader.into()),
    }
    Ok(())
}

/// The length is the packet's, and the checksum, if there is one, is right: over IPv4 it may be zero, and
/// in what we send it is (RFC 768, RFC 5844 section 4).
fn check_udp(outer: &Ipv4<'_>, datagram: &[u8], octets: u16) -> Result<(), DropReason> {
    if datagram.len() < UDP {
        return Err(DropReason::Truncated);
    }
    if usize::from(octets) != datagram.len() {
        return Err(DropReason::UdpHeader);
    }
    if u16_at(datagram, 6) == 0 {
        return Ok(());
    }
    let pseudo_header = internet_sum(&outer.fixed[12..20]);
    let words = [
        pseudo_header,
        u16::from(NH_UDP),
        octets,
        internet_sum(datagram),
    ];
    match super::header::fold(words.into_iter().map(u32::from).sum()) {
        0xffff => Ok(()),
        _ => Err(DropReason::BadChecksum),
    }
}

/// An ICMPv4 error about a packet that we put into a tunnel, by what it quotes of it: the header and eight
/// octets at least (RFC 792).
fn is_tunnel_error(ground: &Ground, role: &PortRole, icmp: &[u8]) -> bool {
    let quoted = icmp.get(ICMP_ERROR..).unwrap_or_default();
    let Some(outer) = quoted.first_chunk::<IPV4>() else {
        return false;
    };
    let source = u32::from_be_bytes([outer[12], outer[13], outer[14], outer[15]]);
    let header_octets = usize::from(outer[0] & 0x0f) * 4;
    let is_tunnelled = match outer[9] {
        NH_IPV6 | NH_IPV4 | NH_GRE => true,
        NH_UDP => matches!(u16_at(quoted, header_octets), UDP_PMIPV6_DATA | UDP_DSMIPV6),
        _ => false,
    };
    matches!(icmp[0], 3 | 11 | 12)
        && outer[0] >> 4 == 4
        && is_tunnelled
        && ground.is_own(role.port, ipv4_key(source))
}
