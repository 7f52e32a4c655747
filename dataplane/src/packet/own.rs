//! Packets to one of our own addresses: tunnel packets (RFC 2473), signalling, and the rest.

use super::classify::{Origin, Packet, checked_ipv6, is_multicast, take_ipv6};
use super::header::{
    self, IPV6, NH_DESTINATION_OPTIONS, NH_ESP, NH_FRAGMENT, NH_IPV4, NH_IPV6, NH_MOBILITY, NH_UDP,
    u16_at,
};
use super::ipv4::take_ipv4;
use crate::config::RoleSet;
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;

/// UDP port of IPv4 signalling encapsulation (RFC 5844 section 4.1.3.2).
const UDP_PMIPV6_CONTROL: u16 = 5436;
/// UDP port of DSMIPv6 encapsulation (RFC 5555 section 4.1).
const UDP_DSMIPV6: u16 = 4191;

/// To one of our own addresses: a tunnel packet, or control's.
#[inline]
pub(super) fn to_own(
    roles: RoleSet,
    outer: &[u8; IPV6],
    whole: &[u8],
    packet: &mut Packet,
) -> Result<(), Verdict> {
    let (next_header, at) = match outer[6] {
        NH_DESTINATION_OPTIONS => destination_options(whole)?,
        other => (other, IPV6),
    };
    match next_header {
        NH_IPV6 | NH_IPV4 if !roles.transport => {
            return Err(DropReason::TunnelNotOnTransport.into());
        }
        NH_IPV6 => {
            let (inner, inner_whole) = checked_ipv6(&whole[at..])?;
            let source = header::address(inner, 8);
            let destination = header::address(inner, 24);
            if is_multicast(destination) {
                return Err(DropReason::Multicast.into());
            }
            take_ipv6(inner, inner_whole, source, destination, packet)?;
        }
        NH_IPV4 => take_ipv4(&whole[at..], packet)?,
        other => return Err(not_tunnel(roles, other, &whole[at..])),
    }
    packet.origin = Origin::Tunnel;
    packet.ip_offset += at as u16;
    packet.outer_source = header::address(outer, 8);
    packet.outer_destination = header::address(outer, 24);
    packet.outer_ecn = (outer[1] >> 4) & 3;
    Ok(())
}

/// To an own address, not a tunnel packet.
#[cold]
fn not_tunnel(roles: RoleSet, next_header: u8, payload: &[u8]) -> Verdict {
    let signalling = match next_header {
        NH_FRAGMENT => return DropReason::OuterFragment.into(),
        NH_MOBILITY | NH_ESP => true,
        NH_UDP => matches!(u16_at(payload, 2), UDP_PMIPV6_CONTROL | UDP_DSMIPV6),
        _ => false,
    };
    match (signalling, roles.transport || roles.network) {
        (true, false) => DropReason::SignallingOnAccess.into(),
        (true, true) => Verdict::Punt(PuntReason::Signalling),
        (false, _) => Verdict::Punt(PuntReason::Local),
    }
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
    if matches!(next_header, NH_IPV6 | NH_IPV4) {
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
