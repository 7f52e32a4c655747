//! Moving a packet: every check first, then the frame is rewritten in place. A packet that is refused is
//! as it was received, so that control can quote it in an ICMP error.

use super::fragment::Whole;
use super::{OUTER, Tunnel, ecn};
use crate::event::IcmpError;
use crate::packet::Buffer;
use crate::packet::classify::{NO_VLAN, Origin, Packet};
use crate::packet::header::{
    ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, IPV6, NH_IPV4, NH_IPV6, NH_TCP,
    NH_UDP, VLAN_TAG, ipv4_adjust,
};
use crate::role::Verdict;
use crate::stats::{Counter, DropReason, Tally};
use crate::table::{LinkCopy, mix};
use crate::update::NextHop;

/// Whether a packet goes the plain way into a tunnel of the plain form: it fits, and has no encapsulation
/// limit.
#[inline(always)]
pub(crate) fn is_plain(packet: &Packet, tunnel: &Tunnel) -> bool {
    packet.ip_octets <= u32::from(tunnel.mtu_bytes) && !packet.has_options
}

/// Puts a plain packet into a tunnel of the plain form (from another one, or from a link).
#[inline]
pub(crate) fn encapsulate<B: Buffer>(
    packet: &Packet,
    tunnel: &Tunnel,
    buffer: &mut B,
    tally: &mut Tally,
) -> Result<Verdict, Verdict> {
    if (packet.source, packet.destination) == tunnel.plain_ends() {
        return Err(DropReason::TunnelLoop.into());
    }
    let ecn = leaving_ecn(packet, tally)?;
    check_hop_limit(packet)?;
    let frame = reframe(packet, OUTER, buffer)?;
    let Some((outer, inner)) = frame.split_first_chunk_mut::<OUTER>() else {
        return Err(DropReason::Truncated.into());
    };
    forward_inner(packet, ecn, inner);
    *outer = tunnel.header;
    let label = flow_label(packet, inner);
    let word = 6 << 28 | u32::from(ecn) << 20 | label;
    outer[14..18].copy_from_slice(&word.to_be_bytes());
    // At most the length of a frame that was received: control sets no MTU above 65,535.
    outer[18..20].copy_from_slice(&(packet.ip_octets as u16).to_be_bytes());
    outer[20] = if packet.ipv4 { NH_IPV4 } else { NH_IPV6 };
    count_tunnels(packet, tally);
    tally.add(Counter::Encapsulated, 1);
    Ok(Verdict::Transmit(u16::from(tunnel.port)))
}

/// Gives a packet to a mobile node.
#[inline]
pub(crate) fn deliver<B: Buffer>(
    packet: &Packet,
    link: &LinkCopy,
    buffer: &mut B,
    tally: &mut Tally,
) -> Result<Verdict, Verdict> {
    let ecn = leaving_ecn(packet, tally)?;
    check_hop_limit(packet)?;
    let fits = check_link_mtu(packet, link.mtu_bytes)?;
    let tagged = link.vlan != NO_VLAN;
    let header_octets = if tagged {
        ETHERNET + VLAN_TAG
    } else {
        ETHERNET
    };
    let frame = reframe(packet, header_octets, buffer)?;
    ethernet(frame, packet, link.source_mac, link.mn_mac)?;
    if tagged {
        // The EtherType moves behind the tag.
        frame.copy_within(12..14, 16);
        frame[12..14].copy_from_slice(&ETHERTYPE_VLAN.to_be_bytes());
        frame[14..16].copy_from_slice(&link.vlan.to_be_bytes());
    }
    forward_inner(packet, ecn, &mut frame[header_octets..]);
    count_tunnels(packet, tally);
    Ok(onto_link(fits, link.port, link.mtu_bytes))
}

/// Gives a packet to the network.
#[inline]
pub(crate) fn to_network<B: Buffer>(
    packet: &Packet,
    hop: &NextHop,
    mtu_bytes: u16,
    buffer: &mut B,
    tally: &mut Tally,
) -> Result<Verdict, Verdict> {
    let ecn = leaving_ecn(packet, tally)?;
    check_hop_limit(packet)?;
    let fits = check_link_mtu(packet, mtu_bytes)?;
    let frame = reframe(packet, ETHERNET, buffer)?;
    ethernet(frame, packet, hop.source_mac, hop.destination_mac)?;
    forward_inner(packet, ecn, &mut frame[ETHERNET..]);
    count_tunnels(packet, tally);
    Ok(onto_link(fits, hop.port, mtu_bytes))
}

#[inline(always)]
pub(super) fn count_tunnels(packet: &Packet, tally: &mut Tally) {
    if packet.origin == Origin::Tunnel {
        tally.add(Counter::Decapsulated, 1);
    }
}

/// The ECN field that the packet leaves with.
#[inline(always)]
pub(super) fn leaving_ecn(packet: &Packet, tally: &mut Tally) -> Result<u8, Verdict> {
    if packet.origin != Origin::Tunnel {
        return Ok(packet.ecn);
    }
    if ecn::is_odd(packet.ecn, packet.outer_ecn) {
        tally.add(Counter::EcnOdd, 1);
    }
    ecn::decapsulate(packet.ecn, packet.outer_ecn).ok_or(Verdict::Drop(DropReason::Ecn))
}

#[inline(always)]
pub(super) fn check_hop_limit(packet: &Packet) -> Result<(), Verdict> {
    if packet.hop_limit > 1 {
        return Ok(());
    }
    Err(Verdict::Refuse(DropReason::HopLimit, IcmpError::HopLimit))
}

/// Whether a packet fits the link whole; one of IPv4 without DF goes in fragments where it does not (RFC 791
/// section 2.3).
#[inline(always)]
fn check_link_mtu(packet: &Packet, mtu_bytes: u16) -> Result<bool, Verdict> {
    if packet.ip_octets <= u32::from(mtu_bytes) {
        return Ok(true);
    }
    if packet.may_fragment {
        return Ok(false);
    }
    Err(Verdict::Refuse(
        DropReason::TooBig,
        IcmpError::TooBig { mtu_bytes },
    ))
}

/// By this port, whole or in fragments.
#[inline(always)]
fn onto_link(fits: bool, port: u16, mtu_bytes: u16) -> Verdict {
    if fits {
        return Verdict::Transmit(port);
    }
    Verdict::Fragment {
        port,
        octets: mtu_bytes,
        of: Whole::User,
    }
}

/// Gives the user packet so many octets of other headers in front, whatever is there now.
#[inline(always)]
pub(super) fn reframe<'b, B: Buffer>(
    packet: &Packet,
    header_octets: usize,
    buffer: &'b mut B,
) -> Result<&'b mut [u8], Verdict> {
    let now = usize::from(packet.ip_offset);
    let done = if now >= header_octets {
        buffer.shrink_front(now - header_octets)
    } else {
        buffer.grow_front(header_octets - now)
    };
    if done {
        Ok(buffer.data_mut())
    } else {
        Err(DropReason::NoHeadroom.into())
    }
}

/// Writes an Ethernet header.
#[inline(always)]
fn ethernet(
    frame: &mut [u8],
    packet: &Packet,
    source: [u8; 6],
    destination: [u8; 6],
) -> Result<(), Verdict> {
    let header: &mut [u8; ETHERNET] = frame
        .first_chunk_mut()
        .ok_or(Verdict::Drop(DropReason::Truncated))?;
    header[..6].copy_from_slice(&destination);
    header[6..12].copy_from_slice(&source);
    let ethertype = if packet.ipv4 {
        ETHERTYPE_IPV4
    } else {
        ETHERTYPE_IPV6
    };
    header[12..14].copy_from_slice(&ethertype.to_be_bytes());
    Ok(())
}

/// One hop less, and the ECN field that it leaves with.
#[inline(always)]
pub(super) fn forward_inner(packet: &Packet, ecn: u8, inner: &mut [u8]) {
    if packet.ipv4 {
        return forward_inner_ipv4(ecn, inner);
    }
    if let Some(header) = inner.first_chunk_mut::<IPV6>() {
        header[7] = packet.hop_limit - 1;
        header[1] = header[1] & !0x30 | ecn << 4;
    }
}

fn forward_inner_ipv4(ecn: u8, inner: &mut [u8]) {
    for (at, change) in [(0, ecn_word as fn(u16, u8) -> u16), (8, ttl_word)] {
        let before = u16::from_be_bytes([inner[at], inner[at + 1]]);
        let after = change(before, ecn);
        inner[at..at + 2].copy_from_slice(&after.to_be_bytes());
        ipv4_adjust(inner, before, after);
    }
}

fn ecn_word(word: u16, ecn: u8) -> u16 {
    word & !3 | u16::from(ecn)
}

fn ttl_word(word: u16, _: u8) -> u16 {
    word - 0x0100
}

/// Twenty bits that differ from flow to flow and never within one (RFC 6438 section 3), never zero.
#[inline(always)]
pub(super) fn flow_label(packet: &Packet, inner: &[u8]) -> u32 {
    let at = if packet.ipv4 { 20 } else { IPV6 };
    let (protocol, label) = if packet.ipv4 {
        (inner.get(9).copied().unwrap_or(0), 0)
    } else {
        let header = inner.first_chunk::<8>().copied().unwrap_or([0; 8]);
        let word = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        (header[6], word & 0x000f_ffff)
    };
    let ports = match protocol {
        NH_TCP | NH_UDP if !packet.ipv4 => match inner.get(at..at + 4) {
            Some(octets) => u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]),
            None => 0,
        },
        _ => 0,
    };
    let source = packet.source as u64 ^ (packet.source >> 64) as u64;
    let destination = packet.destination as u64 ^ (packet.destination >> 64) as u64;
    let rest = u64::from(ports) << 32 | u64::from(label) << 8 | u64::from(protocol);
    let hash = mix(mix(source, destination.rotate_left(32)), rest);
    ((hash >> 44) as u32).max(1)
}
