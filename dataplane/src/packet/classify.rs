//! The first stage: what a frame is, by its headers and the node's own addresses alone.

use std::net::Ipv6Addr;

use super::header::{self, *};
use crate::config::{MAX_PORTS, PortRole, RoleSet, WorkerConfig};
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;

/// UDP port of IPv4 signalling encapsulation (RFC 5844 section 4.1.3.2).
const UDP_PMIPV6_CONTROL: u16 = 5436;
/// UDP port of DSMIPv6 encapsulation (RFC 5555 section 4.1).
const UDP_DSMIPV6: u16 = 4191;
/// UDP port of a DHCP server (RFC 2131 section 4.1).
const UDP_DHCP_SERVER: u16 = 67;
/// "No tag".
pub(crate) const NO_VLAN: u16 = u16::MAX;

/// Where a user packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A mobile node's link.
    Access,
    /// Inside a packet to one of our own addresses.
    Tunnel,
    /// The Internet side.
    Network,
}

/// What was read of a user packet. Addresses are in look-up form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    /// Source of the user packet.
    pub(crate) source: u128,
    /// Destination of the user packet.
    pub(crate) destination: u128,
    /// Source of the outer header.
    pub(crate) outer_source: u128,
    /// Destination of the outer header.
    pub(crate) outer_destination: u128,
    /// Source link-layer address.
    pub(crate) source_mac: [u8; 6],
    /// From the frame's start to the user packet.
    pub(crate) ip_offset: u16,
    /// Length of the user packet.
    pub(crate) ip_octets: u32,
    /// Port it came from.
    pub(crate) port: u16,
    /// Its tag, or [`NO_VLAN`].
    pub(crate) vlan: u16,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// IPv4, not IPv6.
    pub(crate) ipv4: bool,
    /// IPv4 with DF clear: might be fragmented.
    pub(crate) may_fragment: bool,
    /// Hop limit or TTL.
    pub(crate) hop_limit: u8,
    /// ECN field.
    pub(crate) ecn: u8,
    /// ECN field of the outer header.
    pub(crate) outer_ecn: u8,
}

/// What classification stands on: ports and own addresses.
#[derive(Debug)]
pub(crate) struct Ground {
    ports: [Option<PortRole>; MAX_PORTS],
    own: Vec<u128>,
    own_on_link: Vec<(u16, u128)>,
    access_mac: Option<[u8; 6]>,
}

impl Ground {
    /// Of a valid configuration.
    pub(crate) fn new(config: &WorkerConfig) -> Self {
        let mut ground = Self {
            ports: [None; MAX_PORTS],
            own: Vec::new(),
            own_on_link: Vec::new(),
            access_mac: config.access_mac,
        };
        for role in &config.ports {
            if let Some(slot) = ground.ports.get_mut(usize::from(role.port)) {
                *slot = Some(*role);
            }
            if let (true, Some(address)) = (role.roles.access, config.access_link_local) {
                ground.own_on_link.push((role.port, bits(address)));
            }
        }
        for own in &config.own {
            if own.address.is_unicast_link_local() {
                ground.own_on_link.push((own.port, bits(own.address)));
            } else {
                ground.own.push(bits(own.address));
            }
        }
        ground
    }

    /// What a port is for.
    #[inline]
    pub(crate) fn port(&self, port: u16) -> Option<&PortRole> {
        self.ports.get(usize::from(port)).and_then(Option::as_ref)
    }

    #[inline]
    fn is_own(&self, port: u16, address: u128) -> bool {
        if is_link_local(address) {
            return self.own_on_link.contains(&(port, address));
        }
        self.own.contains(&address)
    }

    #[inline]
    fn is_for_us(&self, role: &PortRole, mac: &[u8]) -> bool {
        mac == role.mac
            || mac[0] & 1 == 1
            || (role.roles.access && self.access_mac.is_some_and(|access| mac == access))
    }
}

fn bits(address: Ipv6Addr) -> u128 {
    u128::from(address)
}

#[inline]
fn is_link_local(address: u128) -> bool {
    address >> 118 == 0xfe80 >> 6
}

#[inline]
fn is_multicast(address: u128) -> bool {
    address >> 120 == 0xff
}

/// `::` and `::1`.
#[inline]
fn is_nowhere(address: u128) -> bool {
    address <= 1
}

/// Says what a frame is: a user packet, or what becomes of it at once.
#[inline]
pub(crate) fn classify(ground: &Ground, port: u16, frame: &[u8]) -> Result<Packet, Verdict> {
    let role = ground.port(port).ok_or(DropReason::UnknownPort)?;
    let ethernet: &[u8; ETHERNET] = frame.first_chunk().ok_or(DropReason::Truncated)?;
    if !ground.is_for_us(role, &ethernet[..6]) {
        return Err(DropReason::OtherHost.into());
    }
    let mut ethertype = u16::from_be_bytes([ethernet[12], ethernet[13]]);
    let mut packet = Packet {
        source: 0,
        destination: 0,
        outer_source: 0,
        outer_destination: 0,
        source_mac: [
            ethernet[6],
            ethernet[7],
            ethernet[8],
            ethernet[9],
            ethernet[10],
            ethernet[11],
        ],
        ip_offset: ETHERNET as u16,
        ip_octets: 0,
        port,
        vlan: NO_VLAN,
        origin: Origin::Access,
        ipv4: false,
        may_fragment: false,
        hop_limit: 0,
        ecn: 0,
        outer_ecn: 0,
    };
    if ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ {
        ethertype = untag(role.roles, ethertype, frame, &mut packet)?;
    }
    let ip = frame
        .get(usize::from(packet.ip_offset)..)
        .unwrap_or_default();
    match ethertype {
        ETHERTYPE_IPV6 => ipv6(ground, role, ip, &mut packet)?,
        ETHERTYPE_IPV4 => ipv4(role, ip, &mut packet)?,
        ETHERTYPE_ARP => return Err(Verdict::Punt(PuntReason::Neighbour)),
        _ => return Err(DropReason::EtherType.into()),
    }
    Ok(packet)
}

/// One 802.1Q tag, on access links only; VLAN 0 is a priority tag and names no VLAN.
#[cold]
fn untag(
    roles: RoleSet,
    ethertype: u16,
    frame: &[u8],
    packet: &mut Packet,
) -> Result<u16, DropReason> {
    if !roles.access || ethertype != ETHERTYPE_VLAN {
        return Err(DropReason::Vlan);
    }
    if frame.len() < ETHERNET + VLAN_TAG {
        return Err(DropReason::Truncated);
    }
    let vlan = u16_at(frame, ETHERNET) & 0x0fff;
    packet.vlan = if vlan == 0 { NO_VLAN } else { vlan };
    packet.ip_offset += VLAN_TAG as u16;
    match u16_at(frame, ETHERNET + 2) {
        ETHERTYPE_VLAN | ETHERTYPE_QINQ => Err(DropReason::Vlan),
        inner => Ok(inner),
    }
}

/// An IPv6 header whose lengths hold, and the packet without what follows it in the frame.
#[inline]
fn checked_ipv6(ip: &[u8]) -> Result<(&[u8; IPV6], &[u8]), DropReason> {
    let fixed: &[u8; IPV6] = ip.first_chunk().ok_or(DropReason::Truncated)?;
    if fixed[0] >> 4 != 6 {
        return Err(DropReason::BadVersion);
    }
    let octets = IPV6 + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let whole = ip.get(..octets).ok_or(DropReason::Truncated)?;
    Ok((fixed, whole))
}

#[inline]
fn ipv6(ground: &Ground, role: &PortRole, ip: &[u8], packet: &mut Packet) -> Result<(), Verdict> {
    let (fixed, whole) = checked_ipv6(ip)?;
    let source = header::address(fixed, 8);
    let destination = header::address(fixed, 24);
    let roles = role.roles;
    if is_multicast(destination) {
        return Err(multicast(fixed[6], whole));
    }
    let own = ground.is_own(role.port, destination);
    if fixed[6] == NH_ICMPV6
        && (own || is_link_local(destination))
        && matches!(whole.get(IPV6), Some(133..=137))
    {
        return Err(Verdict::Punt(PuntReason::Neighbour));
    }
    if own {
        return to_own(roles, fixed, whole, packet);
    }
    packet.origin = match roles {
        RoleSet { access: true, .. } => Origin::Access,
        RoleSet { network: true, .. } => Origin::Network,
        _ => return Err(DropReason::NotOwnAddress.into()),
    };
    take_ipv6(fixed, whole, source, destination, packet)?;
    Ok(())
}

/// Takes over what forwarding needs of a user packet's header.
#[inline]
fn take_ipv6(
    fixed: &[u8; IPV6],
    whole: &[u8],
    source: u128,
    destination: u128,
    packet: &mut Packet,
) -> Result<(), DropReason> {
    if is_link_local(source) || is_link_local(destination) {
        return Err(DropReason::LinkLocal);
    }
    if is_multicast(source) || is_nowhere(source) {
        return Err(DropReason::BadSource);
    }
    if is_nowhere(destination) {
        return Err(DropReason::BadDestination);
    }
    packet.source = source;
    packet.destination = destination;
    packet.hop_limit = fixed[7];
    packet.ecn = (fixed[1] >> 4) & 3;
    packet.ip_octets = whole.len() as u32;
    Ok(())
}

/// ND and MLD go to control; no other multicast is forwarded.
#[cold]
fn multicast(next_header: u8, whole: &[u8]) -> Verdict {
    let icmp = match next_header {
        NH_ICMPV6 => whole.get(IPV6),
        // MLD stands behind a router alert (RFC 3810 section 5).
        NH_HOP_BY_HOP if whole.get(IPV6) == Some(&NH_ICMPV6) => {
            let skip = whole
                .get(IPV6 + 1)
                .map_or(0, |units| (usize::from(*units) + 1) * 8);
            whole.get(IPV6 + skip)
        }
        _ => None,
    };
    match icmp {
        Some(130..=137 | 143) => Verdict::Punt(PuntReason::Neighbour),
        _ => DropReason::Multicast.into(),
    }
}

/// To one of our own addresses: a tunnel packet, or control's.
#[inline]
fn to_own(
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

fn ipv4(role: &PortRole, ip: &[u8], packet: &mut Packet) -> Result<(), Verdict> {
    packet.origin = match role.roles {
        RoleSet { access: true, .. } => Origin::Access,
        RoleSet { network: true, .. } => Origin::Network,
        _ => return Err(DropReason::NotOwnAddress.into()),
    };
    if packet.origin == Origin::Access && is_to_dhcp_server(ip) {
        return Err(Verdict::Punt(PuntReason::Local));
    }
    take_ipv4(ip, packet)?;
    Ok(())
}

/// A client that has no address yet asks by broadcast (RFC 2131 section 4.1).
fn is_to_dhcp_server(ip: &[u8]) -> bool {
    ip.len() >= IPV4 + 4
        && ip[0] == 0x45
        && ip[9] == NH_UDP
        && ip[16..20] == [255; 4]
        && u16_at(ip, IPV4 + 2) == UDP_DHCP_SERVER
}

/// Checks an IPv4 header (RFC 1812 section 5.2.2) and takes over what forwarding needs of it.
fn take_ipv4(ip: &[u8], packet: &mut Packet) -> Result<(), DropReason> {
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
