//! IPv4 user packets (RFC 791, RFC 1812): home addresses of RFC 5844.

use super::classify::{Origin, Packet};
use super::header::{IPV4, NH_UDP, ipv4_key, ipv4_sum, u16_at};
use crate::config::{PortRole, RoleSet};
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;

/// UDP port of a DHCP server (RFC 2131 section 4.1).
const UDP_DHCP_SERVER: u16 = 67;
/// DF, in the word of the fragment offset.
const DONT_FRAGMENT: u16 = 0x4000;

/// An IPv4 packet, which is user traffic or DHCP.
pub(super) fn ipv4(role: &PortRole, ip: &[u8], packet: &mut Packet) -> Result<(), Verdict> {
    packet.origin = match role.roles {
        RoleSet { access: true, .. } => Origin::Access,
        RoleSet { network: true, .. } => Origin::Network,
        _ => return Err(DropReason::NotOwnAddress.into()),
    };
    if packet.origin == Origin::Access && is_to_dhcp_server(ip) {
        return Err(Verdict::Punt(PuntReason::Dhcp));
    }
    take_ipv4(ip, packet)?;
    Ok(())
}

/// From a client without an address by broadcast, from one with an address to the server or to all (RFC
/// 2131 section 4.1): none of it may pass the gateway (RFC 5844 section 3.4). Only a whole packet has ports.
#[inline]
fn is_to_dhcp_server(ip: &[u8]) -> bool {
    let Some(fixed) = ip.first_chunk::<IPV4>() else {
        return false;
    };
    let fragment = u16::from_be_bytes([fixed[6], fixed[7]]) & !DONT_FRAGMENT;
    let header_octets = usize::from(fixed[0] & 0x0f) * 4;
    fixed[9] == NH_UDP
        && fixed[0] >> 4 == 4
        && fragment == 0
        && header_octets >= IPV4
        && u16_at(ip, header_octets + 2) == UDP_DHCP_SERVER
        && ip
            .get(..header_octets)
            .is_some_and(|header| ipv4_sum(header) == 0xffff)
}

/// Checks an IPv4 header (RFC 1812 section 5.2.2) and takes over what forwarding needs of it.
pub(super) fn take_ipv4(ip: &[u8], packet: &mut Packet) -> Result<(), DropReason> {
    let fixed: &[u8; IPV4] = ip.first_chunk().ok_or(DropReason::Truncated)?;
    if fixed[0] >> 4 != 4 {
        return Err(DropReason::BadVersion);
    }
    let header_octets = usize::from(fixed[0] & 0x0f) * 4;
    let octets = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if header_octets < IPV4 || octets < header_octets {
        return Err(DropReason::BadHeader);
    }
    if octets > ip.len() {
        return Err(DropReason::Truncated);
    }
    if ipv4_sum(&ip[..header_octets]) != 0xffff {
        return Err(DropReason::BadChecksum);
    }
    let source = u32::from_be_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]);
    let destination = u32::from_be_bytes([fixed[16], fixed[17], fixed[18], fixed[19]]);
    check_ipv4_addresses(source, destination)?;
    packet.ipv4 = true;
    packet.source = ipv4_key(source);
    packet.destination = ipv4_key(destination);
    packet.hop_limit = fixed[8];
    packet.ecn = fixed[1] & 3;
    packet.may_fragment = fixed[6] & 0x40 == 0;
    packet.ip_octets = octets as u32;
    Ok(())
}

fn check_ipv4_addresses(source: u32, destination: u32) -> Result<(), DropReason> {
    const LINK_LOCAL: u32 = 0xa9fe;
    if destination >> 28 == 0xe || destination == u32::MAX {
        return Err(DropReason::Multicast);
    }
    if source >> 28 >= 0xe || matches!(source >> 24, 0 | 127) {
        return Err(DropReason::BadSource);
    }
    if destination >> 28 == 0xf || matches!(destination >> 24, 0 | 127) {
        return Err(DropReason::BadDestination);
    }
    if source >> 16 == LINK_LOCAL || destination >> 16 == LINK_LOCAL {
        return Err(DropReason::LinkLocal);
    }
    Ok(())
}
