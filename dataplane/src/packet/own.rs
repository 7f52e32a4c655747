//! IPv6 packets to one of our own addresses: tunnel packets (RFC 2473), signalling, and the rest.

use super::classify::{Ground, Origin, Packet, checked_ipv6, is_multicast, take_ipv6};
use super::gre::gre;
use super::header::{
    self, IPV6, NH_DESTINATION_OPTIONS, NH_ESP, NH_FRAGMENT, NH_GRE, NH_ICMPV6, NH_IPV4, NH_IPV6,
    NH_MOBILITY, NH_UDP, u16_at,
};
use super::ipv4::{Ipv4, take_ipv4};
use super::wrap::{UDP_DSMIPV6, Wrap};
use crate::config::{PortRole, RoleSet};
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;

/// UDP port of IPv4 signalling encapsulation (RFC 5844 section 4.1.3.2).
pub(super) const UDP_PMIPV6_CONTROL: u16 = 5436;
/// Octets of an ICMP error, of either version, in front of what it quotes.
pub(super) const ICMP_ERROR: usize = 8;

/// To one of our own addresses: a tunnel packet, or control's.
#[inline]
pub(super) fn to_own(
    ground: &Ground,
    role: &PortRole,
    outer: &[u8; IPV6],
    whole: &[u8],
    packet: &mut Packet,
) -> Result<(), Verdict> {
    let (next_header, at) = match outer[6] {
        NH_DESTINATION_OPTIONS => destination_options(whole)?,
        other => (other, IPV6),
    };
    packet.wrap = Wrap::NONE;
    match next_header {
        NH_IPV6 | NH_IPV4 | NH_GRE if !role.roles.transport => {
            return Err(DropReason::TunnelNotOnTransport.into());
        }
        NH_IPV6 | NH_IPV4 => take_inner(next_header, whole, at, packet)?,
        NH_GRE => take_gre(whole, at, packet)?,
        NH_FRAGMENT => return Err(fragment(role.roles)),
        other => return Err(not_tunnel(ground, role, other, &whole[at..])),
    }
    packet.outer_source = header::address(outer, 8);
    packet.outer_destination = header::address(outer, 24);
    packet.outer_ecn = (outer[1] >> 4) & 3;
    Ok(())
}

/// Takes the user packet (4 or 41) at `at` of a tunnel packet.
#[inline(always)]
pub(super) fn take_inner(
    next_header: u8,
    whole: &[u8],
    at: usize,
    packet: &mut Packet,
) -> Result<(), DropReason> {
    if next_header == NH_IPV6 {
        let (inner, inner_whole) = checked_ipv6(&whole[at..])?;
        let source = header::address(inner, 8);
        let destination = header::address(inner, 24);
        if is_multicast(destination) {
            return Err(DropReason::Multicast);
        }
        take_ipv6(inner, inner_whole, source, destination, packet)?;
    } else {
        take_ipv4(&Ipv4::new(&whole[at..])?, packet)?;
    }
    packet.origin = Origin::Tunnel;
    packet.ip_offset += at as u16;
    Ok(())
}

/// Takes the user packet behind the GRE header at `at` of a tunnel packet.
pub(super) fn take_gre(whole: &[u8], at: usize, packet: &mut Packet) -> Result<(), DropReason> {
    let gre = gre(&whole[at..])?;
    packet.wrap = packet.wrap.in_gre(gre.key);
    take_inner(gre.next_header, whole, at + gre.octets, packet)
}

/// To an own address, not a tunnel packet.
#[cold]
fn not_tunnel(ground: &Ground, role: &PortRole, next_header: u8, payload: &[u8]) -> Verdict {
    match next_header {
        NH_MOBILITY | NH_ESP => signalling(role.roles),
        NH_UDP if matches!(u16_at(payload, 2), UDP_PMIPV6_CONTROL | UDP_DSMIPV6) => {
            signalling(role.roles)
        }
        NH_ICMPV6 if role.roles.transport && is_tunnel_error(ground, role, payload) => {
            Verdict::Punt(PuntReason::TunnelError)
        }
        _ => Verdict::Punt(PuntReason::Local),
    }
}

/// Fragments wait for the rest of their packet, but not those from access links.
#[cold]
pub(super) fn fragment(roles: RoleSet) -> Verdict {
    if roles.transport || roles.network {
        Verdict::Reassemble
    } else {
        DropReason::OuterFragment.into()
    }
}

/// Signalling is control's, but comes from no access link.
pub(super) fn signalling(roles: RoleSet) -> Verdict {
    if roles.transport || roles.network {
        Verdict::Punt(PuntReason::Signalling)
    } else {
        DropReason::SignallingOnAccess.into()
    }
}

/// An ICMPv6 error about a packet that we put into a tunnel, by what it quotes of it (RFC 2473 section 8).
fn is_tunnel_error(ground: &Ground, role: &PortRole, icmp: &[u8]) -> bool {
    let quoted = icmp.get(ICMP_ERROR..).unwrap_or_default();
    let Some(outer) = quoted.first_chunk::<IPV6>() else {
        return false;
    };
    matches!(icmp[0], 1..=4)
        && outer[0] >> 4 == 6
        && ground.is_own(role.port, header::address(outer, 8))
        && matches!(
            outer[6],
            NH_IPV6 | NH_IPV4 | NH_GRE | NH_DESTINATION_OPTIONS | NH_FRAGMENT
        )
}

/// Whether an IPv6 packet is signalling to ourselves, not a user packet.
pub(super) fn is_signalling(ground: &Ground, role: &PortRole, ip: &[u8]) -> bool {
    let Ok((fixed, whole)) = checked_ipv6(ip) else {
        return false;
    };
    let next_header = match fixed[6] {
        NH_DESTINATION_OPTIONS => destination_options(whole).map_or(0, |(next, _)| next),
        other => other,
    };
    matches!(next_header, NH_MOBILITY | NH_ESP)
        && ground.is_own(role.port, header::address(fixed, 24))
}

/// Skips one Destination Options header, which Linux puts in front of every tunnelled packet for the
/// encapsulation limit (RFC 2473 section 4.1.1). What follows it, and where.
#[cold]
fn destination_options(whole: &[u8]) -> Result<(u8, usize), DropReason> {
    let &[next_header, units, ..] = whole.get(IPV6..).unwrap_or_default() else {
        return Err(DropReason::Truncated);
    };
    let end = IPV6 + (usize::from(units) + 1) * 8;
    let options = whole.get(IPV6 + 2..end).ok_or(DropReason::Truncated)?;
    if matches!(next_header, NH_IPV6 | NH_IPV4 | NH_GRE) {
        check_options(options)?;
    }
    Ok((next_header, end))
}

/// Options whose two highest bits are zero may be skipped unread (RFC 8200 section 4.2).
fn check_options(mut options: &[u8]) -> Result<(), DropReason> {
    while let Some((&kind, rest)) = options.split_first() {
        if kind == 0 {
            options = rest;
            continue;
        }
        if kind & 0xc0 != 0 {
            return Err(DropReason::OuterOption);
        }
        let (&length, value) = rest.split_first().ok_or(DropReason::Truncated)?;
        options = value
            .get(usize::from(length)..)
            .ok_or(DropReason::Truncated)?;
    }
    Ok(())
}
