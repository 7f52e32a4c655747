//! The first stage: what a frame is, by its headers and the node's own addresses alone.

use super::header::{self, *};
use super::ipv4::{Ipv4, ipv4, take_ipv4};
use super::own::to_own;
use super::wrap::Wrap;
use crate::config::{MAX_PORTS, PortRole, RoleSet, WorkerConfig};
use crate::event::PuntReason;
use crate::role::Verdict;
use crate::stats::DropReason;
use crate::update::Realm;

/// "No tag".
pub(crate) const NO_VLAN: u16 = u16::MAX;

/// Where a user packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// A mobile node's link.
    #[default]
    Access,
    /// Inside a packet to one of our own addresses.
    Tunnel,
    /// The Internet side.
    Network,
}

/// What was read of a user packet. Addresses are in look-up form.
#[derive(Debug, Clone, Copy, Default)]
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
    /// What stood between the outer header and the user packet.
    pub(crate) wrap: Wrap,
    /// IPv6 with a Destination Options header, where a tunnel encapsulation limit may stand (RFC 2473
    /// section 4.1.1).
    pub(crate) has_options: bool,
}

impl Packet {
    /// The realm that it is of.
    #[inline(always)]
    pub(crate) fn realm(&self) -> Option<Realm> {
        if self.ipv4 {
            realm_of_ipv4_key(self.source)
        } else {
            None
        }
    }

    /// An IPv4 packet turns out to be of a realm.
    #[inline(always)]
    pub(crate) fn enter(&mut self, realm: Option<Realm>) {
        let bits = realm_bits(realm);
        self.source |= bits;
        self.destination |= bits;
    }
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
                ground.own_on_link.push((role.port, key(address.into())));
            }
        }
        for own in &config.own {
            let address = key(own.address);
            if is_link_local(address) {
                ground.own_on_link.push((own.port, address));
            } else {
                ground.own.push(address);
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
    pub(super) fn is_own(&self, port: u16, address: u128) -> bool {
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

#[inline]
fn is_link_local(address: u128) -> bool {
    address >> 118 == 0xfe80 >> 6
}

#[inline]
pub(super) fn is_multicast(address: u128) -> bool {
    address >> 120 == 0xff
}

/// `::` and `::1`.
#[inline]
fn is_nowhere(address: u128) -> bool {
    address <= 1
}

/// Says what a frame is: a user packet, whose place is filled, or what becomes of it at once.
#[inline]
pub(crate) fn classify(
    ground: &Ground,
    port: u16,
    frame: &[u8],
    packet: &mut Packet,
) -> Result<(), Verdict> {
    let role = ground.port(port).ok_or(DropReason::UnknownPort)?;
    let ethernet: &[u8; ETHERNET] = frame.first_chunk().ok_or(DropReason::Truncated)?;
    if !ground.is_for_us(role, &ethernet[..6]) {
        return Err(DropReason::OtherHost.into());
    }
    packet.source_mac.copy_from_slice(&ethernet[6..12]);
    packet.ip_offset = ETHERNET as u16;
    packet.port = port;
    packet.vlan = NO_VLAN;
    packet.ipv4 = false;
    packet.may_fragment = false;
    packet.has_options = false;
    let mut ethertype = u16::from_be_bytes([ethernet[12], ethernet[13]]);
    if ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ {
        ethertype = untag(role.roles, ethertype, frame, packet)?;
    }
    let ip = frame
        .get(usize::from(packet.ip_offset)..)
        .unwrap_or_default();
    match ethertype {
        ETHERTYPE_IPV6 => ipv6(ground, role, ip, packet)?,
        ETHERTYPE_IPV4 => ipv4(ground, role, ip, packet)?,
        ETHERTYPE_ARP => return Err(Verdict::Punt(PuntReason::Neighbour)),
        _ => return Err(DropReason::EtherType.into()),
    }
    // What was sent to many is not forwarded to one (RFC 1812 section 5.3.4).
    if ethernet[0] & 1 == 1 {
        return Err(DropReason::Multicast.into());
    }
    Ok(())
}

/// Reads the packet of a frame of control's, which goes by its destination.
#[cold]
pub(crate) fn read_own(frame: &[u8], packet: &mut Packet) -> Result<(), DropReason> {
    let ip = frame.get(ETHERNET..).ok_or(DropReason::Truncated)?;
    *packet = Packet {
        ip_offset: ETHERNET as u16,
        vlan: NO_VLAN,
        origin: Origin::Network,
        ..Packet::default()
    };
    if ip.first().is_some_and(|first| first >> 4 == 4) {
        return take_ipv4(&Ipv4::new(ip)?, packet);
    }
    let (fixed, whole) = checked_ipv6(ip)?;
    let [source, destination] = [8, 24].map(|at| header::address(fixed, at));
    if is_multicast(destination) {
        return Err(DropReason::Multicast);
    }
    take_ipv6(fixed, whole, source, destination, packet)
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
pub(super) fn checked_ipv6(ip: &[u8]) -> Result<(&[u8; IPV6], &[u8]), DropReason> {
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
        return to_own(ground, role, fixed, whole, packet);
    }
    packet.origin = match roles {
        RoleSet { access: true, .. } => Origin::Access,
        RoleSet { network: true, .. } if role.realm.is_some() => {
            return Err(DropReason::RealmIpv6.into());
        }
        RoleSet { network: true, .. } => Origin::Network,
        _ => return Err(DropReason::NotOwnAddress.into()),
    };
    take_ipv6(fixed, whole, source, destination, packet)?;
    Ok(())
}

/// Takes over what forwarding needs of a user packet's header.
#[inline]
pub(super) fn take_ipv6(
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
    packet.has_options = fixed[6] == NH_DESTINATION_OPTIONS;
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
