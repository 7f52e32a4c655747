//! Putting a packet into a tunnel of any form: everything that the plain form's way in [`super::rewrite`] has
//! no time for.

use super::form::{Form, GRE};
use super::fragment::Whole;
use super::rewrite::{
    check_hop_limit, count_tunnels, flow_label, forward_inner, leaving_ecn, reframe,
};
use super::{OUTER, Tunnel};
use crate::event::IcmpError;
use crate::packet::Buffer;
use crate::packet::classify::Packet;
use crate::packet::gre;
use crate::packet::header::{
    ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4, IPV6, IPV6_MIN_MTU, NH_DESTINATION_OPTIONS,
    NH_GRE, NH_IPV4, NH_IPV6, UDP, fold, u16_at,
};
use crate::role::Verdict;
use crate::stats::{Counter, DropReason, Tally};

/// Largest IP packet.
const MAX_OCTETS: usize = u16::MAX as usize;
/// Option type of the tunnel encapsulation limit (RFC 2473 section 4.1.1).
const OPTION_LIMIT: u8 = 4;
/// Option types of padding (RFC 8200 section 4.2).
const OPTION_PAD1: u8 = 0;
const OPTION_PADN: u8 = 1;

/// Puts a packet into a tunnel of any form. Too large a packet is refused, or put in whole and marked to be
/// fragmented (RFC 2473 section 7).
#[inline(never)]
pub(crate) fn encapsulate<B: Buffer>(
    packet: &Packet,
    tunnel: &Tunnel,
    identification: u32,
    buffer: &mut B,
    tally: &mut Tally,
) -> Result<Verdict, Verdict> {
    if (packet.source, packet.destination) == tunnel.ends() {
        return Err(DropReason::TunnelLoop.into());
    }
    let ecn = leaving_ecn(packet, tally)?;
    check_hop_limit(packet)?;
    let found = limit_found(packet, buffer.data())?;
    let form = match found {
        Some(_) => tunnel.form.limited(),
        None => tunnel.form,
    };
    let added = form.octets() - tunnel.form.octets();
    let mtu_bytes = tunnel.mtu_bytes.saturating_sub(added as u16);
    let fits = check_tunnel_mtu(packet, mtu_bytes)?;
    let octets = form.octets() + packet.ip_octets as usize;
    if octets > MAX_OCTETS {
        return Err(DropReason::NeedsOuterFragment.into());
    }
    let frame = reframe(packet, ETHERNET + form.octets(), buffer)?;
    let Some((outer, inner)) = frame.split_at_mut_checked(ETHERNET + form.octets()) else {
        return Err(DropReason::Truncated.into());
    };
    forward_inner(packet, ecn, inner);
    if form.over_ipv4() {
        over_ipv4(packet, tunnel, ecn, identification as u16, outer);
    } else {
        let limit = found.map_or(tunnel.limit, |limit| limit - 1);
        let label = flow_label(packet, inner);
        over_ipv6(packet, tunnel, form, (ecn, label, limit), outer);
    }
    count_tunnels(packet, tally);
    tally.add(Counter::Encapsulated, 1);
    let port = u16::from(tunnel.port);
    Ok(if fits {
        Verdict::Transmit(port)
    } else {
        Verdict::Fragment {
            port,
            octets: mtu_bytes.saturating_add(form.octets() as u16),
            of: Whole::Tunnel,
        }
    })
}

/// RFC 2473 section 7: an inner IPv6 packet above the tunnel's MTU and above 1280 is refused, for one of at
/// most 1280 the outer packet is fragmented; IPv4 goes by its DF bit. Whether it fits whole.
fn check_tunnel_mtu(packet: &Packet, mtu_bytes: u16) -> Result<bool, Verdict> {
    if packet.ip_octets <= u32::from(mtu_bytes) {
        return Ok(true);
    }
    let told = if packet.ipv4 {
        mtu_bytes
    } else {
        mtu_bytes.max(IPV6_MIN_MTU)
    };
    let fragments = if packet.ipv4 {
        packet.may_fragment
    } else {
        packet.ip_octets <= u32::from(told)
    };
    if fragments {
        return Ok(false);
    }
    Err(Verdict::Refuse(
        DropReason::TooBig,
        IcmpError::TooBig { mtu_bytes: told },
    ))
}

/// The tunnel encapsulation limit that the packet has, being a tunnel packet itself: above zero, or the
/// packet is refused (RFC 2473 section 4.1.1). What follows another extension header is not looked at: a
/// tunnel's entry puts this one first.
fn limit_found(packet: &Packet, frame: &[u8]) -> Result<Option<u8>, Verdict> {
    if !packet.has_options {
        return Ok(None);
    }
    let ip = frame
        .get(usize::from(packet.ip_offset)..)
        .unwrap_or_default();
    let end = IPV6
        + ip.get(IPV6 + 1)
            .map_or(0, |units| (usize::from(*units) + 1) * 8);
    let options = ip.get(..end).unwrap_or_default();
    let mut at = IPV6 + 2;
    while let Some(&kind) = options.get(at) {
        let length = match (kind, options.get(at + 1)) {
            (OPTION_PAD1, _) => {
                at += 1;
                continue;
            }
            (_, Some(length)) => usize::from(*length),
            (_, None) => break,
        };
        match (kind, length, options.get(at + 2)) {
            (OPTION_LIMIT, 1, Some(0)) => {
                let pointer = (at + 2) as u16;
                return Err(Verdict::Refuse(
                    DropReason::EncapsulationLimit,
                    IcmpError::EncapsulationLimit { pointer },
                ));
            }
            (OPTION_LIMIT, 1, Some(&limit)) => return Ok(Some(limit)),
            _ => at += 2 + length,
        }
    }
    Ok(None)
}

/// Next header or protocol of the packet.
fn protocol(packet: &Packet) -> u8 {
    if packet.ipv4 { NH_IPV4 } else { NH_IPV6 }
}

/// EtherType of the packet, which is GRE's protocol type (RFC 2784 section 2.4).
fn ethertype(packet: &Packet) -> [u8; 2] {
    if packet.ipv4 {
        ETHERTYPE_IPV4.to_be_bytes()
    } else {
        ETHERTYPE_IPV6.to_be_bytes()
    }
}

/// Fills in what the template leaves open over IPv4. DF is that of an inner IPv4 packet (RFC 2003 section
/// 3.1) and clear for IPv6 (RFC 4213 section 3.2.1: the MTU is static); the UDP checksum is zero (RFC 5844
/// section 4).
fn over_ipv4(packet: &Packet, tunnel: &Tunnel, ecn: u8, identification: u16, outer: &mut [u8]) {
    outer.copy_from_slice(&tunnel.header[..outer.len()]);
    let (_, ip) = outer.split_at_mut(ETHERNET);
    let octets = (ip.len() + packet.ip_octets as usize) as u16;
    let flags: u16 = if packet.ipv4 && !packet.may_fragment {
        0x4000
    } else {
        0
    };
    let form = tunnel.form;
    let protocol = match ip[9] {
        0 => protocol(packet),
        fixed => fixed,
    };
    // From the template's checksum, where all of these are zero.
    let changed = [
        !u16_at(ip, 10),
        u16::from(ecn),
        octets,
        identification,
        flags,
        u16::from(protocol - ip[9]),
    ];
    let sum = fold(changed.into_iter().map(u32::from).sum());
    ip[1] |= ecn;
    ip[2..4].copy_from_slice(&octets.to_be_bytes());
    ip[4..6].copy_from_slice(&identification.to_be_bytes());
    ip[6..8].copy_from_slice(&flags.to_be_bytes());
    ip[9] = protocol;
    ip[10..12].copy_from_slice(&(!sum).to_be_bytes());
    let mut at = IPV4;
    if form.has_udp() {
        let datagram = octets - IPV4 as u16;
        ip[at + 4..at + 6].copy_from_slice(&datagram.to_be_bytes());
        at += UDP;
        if form.has_gre() {
            let rest = datagram - (UDP + super::form::TLV) as u16;
            ip[at + 2..at + 4].copy_from_slice(&rest.to_be_bytes());
            at += super::form::TLV;
        }
    }
    if form.has_gre() {
        ip[at + 2..at + 4].copy_from_slice(&ethertype(packet));
    }
}

/// Fills in what the template leaves open over IPv6, and what follows the IPv6 header: Destination Options
/// with the encapsulation limit, then GRE.
fn over_ipv6(
    packet: &Packet,
    tunnel: &Tunnel,
    form: Form,
    (ecn, label, limit): (u8, u32, u8),
    outer: &mut [u8],
) {
    let octets = outer.len() - OUTER + packet.ip_octets as usize;
    let word = 6 << 28 | u32::from(ecn) << 20 | label;
    let (fixed, rest) = outer.split_at_mut(OUTER);
    fixed.copy_from_slice(&tunnel.header);
    fixed[14..18].copy_from_slice(&word.to_be_bytes());
    fixed[18..20].copy_from_slice(&(octets as u16).to_be_bytes());
    let carried = if form.has_gre() {
        NH_GRE
    } else {
        protocol(packet)
    };
    fixed[20] = carried;
    let mut at = 0;
    if form.has_limit() {
        fixed[20] = NH_DESTINATION_OPTIONS;
        let options = [carried, 0, OPTION_LIMIT, 1, limit, OPTION_PADN, 1, 0];
        rest[..options.len()].copy_from_slice(&options);
        at = options.len();
    }
    if form.has_gre() {
        let flags = if form.has_key() { gre::KEY } else { 0 };
        rest[at..at + 2].copy_from_slice(&flags.to_be_bytes());
        rest[at + 2..at + 4].copy_from_slice(&ethertype(packet));
        if form.has_key() {
            rest[at + GRE..at + GRE + 4].copy_from_slice(&tunnel.key.to_be_bytes());
        }
    }
}
