//! IPv4 packets (RFC 791, RFC 1812): of home addresses (RFC 5844), and to ourselves.

use super::classify::{Ground, Origin, Packet};
use super::header::{IPV4, NH_UDP, ipv4_key, ipv4_sum, u16_at};
use super::own_ipv4::to_own_ipv4;
use crate::config::{PortRole, RoleSet};
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;

/// UDP port of a DHCP server (RFC 2131 section 4.1).
const UDP_DHCP_SERVER: u16 = 67;
/// DF, in the word of the fragment offset.
const DONT_FRAGMENT: u16 = 0x4000;

/// An IPv4 header whose lengths and checksum hold, and the packet without what follows it in the frame.
pub(super) struct Ipv4<'p> {
    pub(super) fixed: &'p [u8; IPV4],
    pub(super) whole: &'p [u8],
    /// Of the header, options included.
    pub(super) header_octets: usize,
    pub(super) source: u32,
    pub(super) destination: u32,
}

impl<'p> Ipv4<'p> {
    /// Checks an IPv4 header (RFC 1812 section 5.2.2).
    #[inline]
    pub(super) fn new(ip: &'p [u8]) -> Result<Self, DropReason> {
        let fixed: &[u8; IPV4] = ip.first_chunk().ok_or(DropReason::Truncated)?;
        if fixed[0] >> 4 != 4 {
            return Err(DropReason::BadVersion);
        }
        let header_octets = usize::from(fixed[0] & 0x0f) * 4;
        let octets = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if header_octets < IPV4 || octets < header_octets {
            return Err(DropReason::BadHeader);
        }
        let whole = ip.get(..octets).ok_or(DropReason::Truncated)?;
        if ipv4_sum(&whole[..header_octets]) != 0xffff {
            return Err(DropReason::BadChecksum);
        }
        Ok(Self {
            fixed,
            whole,
            header_octets,
            source: u32::from_be_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]),
            destination: u32::from_be_bytes([fixed[16], fixed[17], fixed[18], fixed[19]]),
        })
    }

    /// What follows the header.
    pub(super) fn payload(&self) -> &'p [u8] {
        &self.whole[self.header_octets..]
    }

    /// Whether it is a part of a packet.
    pub(super) fn is_fragment(&self) -> bool {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]]) & !DONT_FRAGMENT != 0
    }

    /// To a DHCP server: from a client without an address by broadcast, from one with an address to the
    /// server or to all (RFC 2131 section 4.1). Only a whole packet has ports.
    fn is_to_dhcp_server(&self) -> bool {
        self.fixed[9] == NH_UDP
            && !self.is_fragment()
            && u16_at(self.payload(), 2) == UDP_DHCP_SERVER
    }
}

/// An IPv4 packet: user traffic, to us, or DHCP, none of which may pass the gateway (RFC 5844 section 3.4).
#[inline]
pub(super) fn ipv4(
    ground: &Ground,
    role: &PortRole,
    ip: &[u8],
    packet: &mut Packet,
) -> Result<(), Verdict> {
    let ipv4 = Ipv4::new(ip)?;
    if role.roles.access && ipv4.is_to_dhcp_server() {
        return Err(Verdict::Punt(PuntReason::Dhcp));
    }
    if ground.is_own(role.port, ipv4_key(ipv4.destination)) {
        return to_own_ipv4(ground, role, &ipv4, packet);
    }
    packet.origin = match role.roles {
        RoleSet { access: true, .. } => Origin::Access,
        RoleSet { network: true, .. } => Origin::Network,
        _ => return Err(DropReason::NotOwnAddress.into()),
    };
    take_ipv4(&ipv4, packet)?;
    // None but a network port has one.
    packet.enter(role.realm);
    Ok(())
}

/// Takes over what forwarding needs of a user packet's header.
#[inline]
pub(super) fn take_ipv4(ipv4: &Ipv4<'_>, packet: &mut Packet) -> Result<(), DropReason> {
    check_ipv4_addresses(ipv4.source, ipv4.destination)?;
    packet.ipv4 = true;
    packet.source = ipv4_key(ipv4.source);
    packet.destination = ipv4_key(ipv4.destination);
    packet.hop_limit = ipv4.fixed[8];
    packet.ecn = ipv4.fixed[1] & 3;
    packet.may_fragment = ipv4.fixed[6] & 0x40 == 0;
    packet.ip_octets = ipv4.whole.len() as u32;
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
