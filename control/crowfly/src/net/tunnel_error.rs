//! ICMP errors about packets that the node put into a tunnel, told to the source of what was in them (RFC
//! 2473 section 8, RFC 4213 section 3.4): the network between two tunnel ends is one hop to it.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use smoltcp::wire::{
    ETHERNET_HEADER_LEN, Icmpv4Packet, Icmpv6Packet, IpProtocol, Ipv4Packet, Ipv6Packet,
};

use super::frame::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV6_LEN, build_ipv6, open};
use super::icmp::IcmpError;
use super::path_mtu::About;
use super::{Action, HOP_LIMIT, Net};

/// Next headers of what a tunnel packet is made of.
const IPV4: u8 = 4;
const UDP: u8 = 17;
const IPV6: u8 = 41;
const FRAGMENT: u8 = 44;
const GRE: u8 = 47;
const DESTINATION_OPTIONS: u8 = 60;

/// Octets of an IPv4 header without options, and of an ICMP error in front of what it quotes.
const IPV4_LEN: usize = 20;
const ICMP_LEN: usize = 8;
/// Smallest MTU of an IPv6 link (RFC 8200 section 5), and of an IPv4 one (RFC 791).
const IPV6_MIN_MTU: u32 = 1280;
const IPV4_MIN_MTU: u32 = 68;
/// MTUs that links have (RFC 1191 section 7.1), down to what every host takes.
const PLATEAUS: [u16; 6] = [8166, 4352, 2002, 1492, 1006, 576];
/// An ICMPv4 error is no longer than this (RFC 1812 section 4.3.2.3).
const MAX_ICMPV4_BYTES: usize = 576;
/// Source of ICMPv4 errors: the node may have no IPv4 address that means anything to an MN (RFC 7600
/// section 4.8).
pub(super) const DUMMY_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// What the source of the packet has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It does not get through, whyever.
    Unreachable,
    /// The path takes tunnel packets of so many octets.
    TooBig(u32),
}

/// An answer to the inner source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// Where the tunnel packet went to.
    remote: IpAddr,
    /// The ICMP error, an IP packet.
    packet: Vec<u8>,
}

impl Net {
    /// An ICMP error that quotes a packet of ours with another one in it.
    pub fn tunnel_error(&mut self, now: Duration, port: u16, frame: &[u8], out: &mut Vec<Action>) {
        let about = self.look_for_path_mtu(port, frame, out);
        if about == About::Nothing {
            return;
        }
        let own = self.config.ports.iter().flat_map(|port| &port.addresses);
        let own = own.map(|own| own.addr()).next();
        let answer = open(port, frame).and_then(|(_, _, ip)| answer(ip, own?));
        // Where nothing is tunnelled to, nothing can go wrong: that error is made up.
        match answer.filter(|answer| self.tracked.contains_key(&answer.remote)) {
            Some(answer) => self.send_by_destination(now, &answer.packet, out),
            // The tunnel's business: it will fragment.
            None if about == About::PathMtu => {}
            None => self.counters.drop_icmp_forbidden += 1,
        }
    }

    /// Sends an ICMP error where its destination is, within the rate (RFC 4443 section 2.4 (f)).
    pub(super) fn send_by_destination(
        &mut self,
        now: Duration,
        packet: &[u8],
        out: &mut Vec<Action>,
    ) {
        if !self.errors.take(now) {
            self.counters.drop_icmp_rate += 1;
            return;
        }
        self.counters.tx_icmp_error += 1;
        out.push(Action::Transmit {
            port: dataplane::BY_DESTINATION,
            frame: framed(packet),
        });
    }
}

/// A frame whose addresses mean nothing: the packet goes by its destination.
fn framed(packet: &[u8]) -> Vec<u8> {
    let ethertype = match packet.first() {
        Some(first) if first >> 4 == 4 => ETHERTYPE_IPV4,
        _ => ETHERTYPE_IPV6,
    };
    let mut frame = vec![0; ETHERNET_HEADER_LEN - 2];
    frame.extend_from_slice(&ethertype.to_be_bytes());
    frame.extend_from_slice(packet);
    frame
}

/// The answer that an ICMP error asks for; none when it is not right, is not the source's business, or
/// quotes too little to know the source.
fn answer(ip: &[u8], own: Ipv6Addr) -> Option<Answer> {
    let (cause, quoted) = cause(ip)?;
    let (remote, at) = inner_at(quoted)?;
    let inner = quoted.get(at..)?;
    let cause = match cause {
        // What is left for the inner packet: the quoted one begins with the outer header.
        Cause::TooBig(mtu) => Cause::TooBig(mtu.checked_sub(at as u32)?),
        Cause::Unreachable => Cause::Unreachable,
    };
    let packet = match inner.first()? >> 4 {
        6 => to_ipv6(cause, inner, own)?,
        4 => to_ipv4(cause, inner)?,
        _ => return None,
    };
    Some(Answer { remote, packet })
}

/// What an ICMP error of either version says, its checksum being right, and what it quotes.
pub(super) fn cause(ip: &[u8]) -> Option<(Cause, &[u8])> {
    if ip.first()? >> 4 == 4 {
        let packet = Ipv4Packet::new_checked(ip).ok()?;
        let message = packet.payload();
        let icmp = Icmpv4Packet::new_checked(message).ok()?;
        let quoted = icmp.verify_checksum().then(|| message.get(ICMP_LEN..))??;
        return Some((icmpv4_cause(message, quoted)?, quoted));
    }
    let packet = Ipv6Packet::new_checked(ip).ok()?;
    let message = packet.payload();
    let icmp = Icmpv6Packet::new_checked(message).ok()?;
    let right = icmp.verify_checksum(&packet.src_addr(), &packet.dst_addr());
    let quoted = right.then(|| message.get(ICMP_LEN..))??;
    Some((icmpv6_cause(message, quoted)?, quoted))
}

/// RFC 2473 section 8.1, by type and code.
fn icmpv6_cause(message: &[u8], quoted: &[u8]) -> Option<Cause> {
    /// Of the limit in the options that follow the outer header.
    const LIMIT_AT: u32 = IPV6_LEN as u32 + 4;
    let word = u32::from_be_bytes(*message.get(4..)?.first_chunk()?);
    match (message[0], message[1]) {
        (1 | 3, _) => Some(Cause::Unreachable),
        (2, _) => Some(Cause::TooBig(word)),
        // Only the encapsulation limit is not an error of our own.
        (4, 0) if quoted.get(6) == Some(&DESTINATION_OPTIONS) && word == LIMIT_AT => {
            Some(Cause::Unreachable)
        }
        _ => None,
    }
}

/// RFC 4213 section 3.4, RFC 2003 section 4. A router that says no MTU takes the next plateau below (RFC 1191
/// section 5).
fn icmpv4_cause(message: &[u8], quoted: &[u8]) -> Option<Cause> {
    let mtu = match u16::from_be_bytes(*message.get(6..)?.first_chunk()?) {
        0 => {
            let octets = u16::from_be_bytes(*quoted.get(2..)?.first_chunk()?);
            let below = PLATEAUS.into_iter().find(|plateau| *plateau < octets);
            u32::from(below.unwrap_or(0))
        }
        said => u32::from(said),
    };
    match (message[0], message[1]) {
        (3, 4) => (mtu >= IPV4_MIN_MTU).then_some(Cause::TooBig(mtu)),
        (3 | 11, _) => Some(Cause::Unreachable),
        _ => None,
    }
}

/// Destination of a tunnel packet, perhaps of a part of it, and where the packet in it begins.
pub(super) fn inner_at(quoted: &[u8]) -> Option<(IpAddr, usize)> {
    let (remote, mut next_header, mut at): (IpAddr, u8, usize) = if quoted.first()? >> 4 == 4 {
        let remote = Ipv4Addr::from(*quoted.get(16..)?.first_chunk::<4>()?);
        if u16::from_be_bytes([quoted[6], quoted[7]]) & 0x1fff != 0 {
            return None;
        }
        (remote.into(), quoted[9], usize::from(quoted[0] & 15) * 4)
    } else {
        let remote = Ipv6Addr::from(*quoted.get(24..)?.first_chunk::<16>()?);
        (remote.into(), quoted[6], IPV6_LEN)
    };
    // Ends: no header is shorter than four octets.
    loop {
        let header = quoted.get(at..)?;
        let word = u16::from_be_bytes(*header.first_chunk()?);
        (next_header, at) = match next_header {
            IPV4 | IPV6 => return Some((remote, at)),
            DESTINATION_OPTIONS => (header[0], at + (usize::from(header[1]) + 1) * 8),
            // What is in any but the first fragment is not known.
            FRAGMENT if header.get(2..4)? == [0, header[3] & 7] => (header[0], at + 8),
            // TLV header (RFC 5845 section 7), or an IP packet at once.
            UDP => match header.get(8)? >> 4 {
                0 => (*header.get(9)?, at + 8 + 4),
                4 => (IPV4, at + 8),
                6 => (IPV6, at + 8),
                _ => return None,
            },
            GRE => {
                let optional = [0x8000, 0x2000, 0x1000].map(|flag| usize::from(word & flag != 0));
                let next = match u16::from_be_bytes(*header.get(2..)?.first_chunk()?) {
                    ETHERTYPE_IPV4 => IPV4,
                    ETHERTYPE_IPV6 => IPV6,
                    _ => return None,
                };
                (next, at + 4 + 4 * optional.iter().sum::<usize>())
            }
            _ => return None,
        };
    }
}

/// The error for an IPv6 packet. One of at most 1280 octets is not too big: the tunnel has to fragment (RFC
/// 2473 section 7.1).
fn to_ipv6(cause: Cause, inner: &[u8], own: Ipv6Addr) -> Option<Vec<u8>> {
    let octets = u16::from_be_bytes(*inner.get(4..)?.first_chunk()?);
    let error = match cause {
        Cause::TooBig(_) if IPV6_LEN as u32 + u32::from(octets) <= IPV6_MIN_MTU => return None,
        Cause::TooBig(mtu) => IcmpError::packet_too_big(mtu.max(IPV6_MIN_MTU)),
        Cause::Unreachable => IcmpError::unreachable(),
    };
    answer_ipv6(error, inner, own)
}

/// The error for an IPv4 packet. One that may be fragmented is not too big.
fn to_ipv4(cause: Cause, inner: &[u8]) -> Option<Vec<u8>> {
    let fragment = u16::from_be_bytes(*inner.get(6..)?.first_chunk()?);
    let (code, mtu) = match cause {
        Cause::TooBig(mtu) if fragment & 0x4000 != 0 && mtu >= IPV4_MIN_MTU => (4, mtu as u16),
        Cause::TooBig(_) => return None,
        Cause::Unreachable => (1, 0),
    };
    answer_ipv4(DUMMY_ADDRESS, [3, code], mtu, inner)
}

/// An ICMPv6 error to the source of a packet, of which perhaps only a part is there; none where RFC 4443
/// section 2.4 (e) forbids it.
pub(super) fn answer_ipv6(error: IcmpError, inner: &[u8], own: Ipv6Addr) -> Option<Vec<u8>> {
    let header = inner.first_chunk::<IPV6_LEN>()?;
    let source = Ipv6Addr::from(*header[8..].first_chunk::<16>()?);
    let is_error = header[6] == u8::from(IpProtocol::Icmpv6)
        && inner
            .get(IPV6_LEN)
            .is_none_or(|kind| *kind < 128 || *kind == 137);
    if is_error || source.is_unspecified() || source.is_multicast() || source.is_loopback() {
        return None;
    }
    let message = error.emit(own, source, inner);
    build_ipv6(own, source, IpProtocol::Icmpv6, HOP_LIMIT, &message)
}

/// An ICMPv4 error of this type and code to the source of a packet, of which perhaps only a part is there;
/// none where RFC 1812 section 4.3.2.7 forbids it.
pub(super) fn answer_ipv4(
    own: Ipv4Addr,
    kind: [u8; 2],
    mtu_bytes: u16,
    inner: &[u8],
) -> Option<Vec<u8>> {
    let header = inner.first_chunk::<IPV4_LEN>()?;
    let source = Ipv4Addr::from(*header[12..].first_chunk::<4>()?);
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let payload = inner.get(usize::from(header[0] & 15) * 4);
    let is_error = header[9] == u8::from(IpProtocol::Icmp)
        && payload.is_none_or(|kind| matches!(kind, 3 | 4 | 5 | 11 | 12));
    let is_nobody = source.is_unspecified()
        || source.is_multicast()
        || source.is_broadcast()
        || source.is_loopback();
    if is_error || is_nobody || fragment & 0x1fff != 0 {
        return None;
    }
    let quoted = &inner[..inner.len().min(MAX_ICMPV4_BYTES - IPV4_LEN - ICMP_LEN)];
    let mut packet = vec![0; IPV4_LEN + ICMP_LEN];
    packet[0] = 0x45;
    packet.extend_from_slice(quoted);
    let octets = packet.len() as u16;
    let mut ip = Ipv4Packet::new_unchecked(&mut packet[..]);
    ip.set_total_len(octets);
    ip.set_hop_limit(HOP_LIMIT);
    ip.set_next_header(IpProtocol::Icmp);
    ip.set_src_addr(own);
    ip.set_dst_addr(source);
    ip.fill_checksum();
    let message = ip.payload_mut();
    message[..2].copy_from_slice(&kind);
    message[6..8].copy_from_slice(&mtu_bytes.to_be_bytes());
    Icmpv4Packet::new_unchecked(message).fill_checksum();
    Some(packet)
}
