//! From the first octet to the end of the IP header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::header::{self, leaf};
use super::layout::{Row, read};
use super::{Field, lower};
use crate::wire::checksum::{fold, words};
use crate::wire::{Checksum, Numbering};

/// Most layers that are followed: tunnels in tunnels end somewhere.
const MAX_LAYERS: usize = 24;
/// Octets of an Ethernet header without tags.
pub(super) const ETHERNET_HEADER: usize = 14;
const VLAN_TAG: usize = 4;
const IPV6_HEADER: usize = 40;
const IPV4_HEADER: usize = 20;

/// Whether an Ethernet frame stands here: a known EtherType, and behind it what it promises. A MAC
/// address may start like an IP packet.
pub(super) fn is_ethernet(bytes: &[u8]) -> bool {
    let mut at = ETHERNET_HEADER - 2;
    loop {
        let version = bytes.get(at + 2).map(|octet| octet >> 4);
        match be16(bytes, at) {
            Some(lower::ETHERTYPE_IPV6) => return version == Some(6),
            Some(lower::ETHERTYPE_IPV4) => return version == Some(4),
            Some(lower::ETHERTYPE_VLAN | lower::ETHERTYPE_QINQ) => at += VLAN_TAG,
            _ => return false,
        }
    }
}

/// Addresses for the pseudo-header of what an IP packet carries.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

/// Walks a packet and collects its layers.
pub(super) struct Walk<'a> {
    numbering: &'a Numbering,
    pub(super) packet: &'a [u8],
    pub(super) layers: Vec<Field>,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(numbering: &'a Numbering, packet: &'a [u8]) -> Self {
        Self {
            numbering,
            packet,
            layers: Vec::new(),
        }
    }

    /// Adds a layer that has room for `need` octets, and says whether it is whole.
    pub(super) fn layer(
        &mut self,
        name: &str,
        rows: &[Row],
        at: &Range<usize>,
        need: usize,
    ) -> bool {
        let have = at.len();
        let length = have.min(need);
        let octets = &self.packet[at.start..at.start + length];
        let mut field = leaf(name.to_owned(), String::new(), at.start, length);
        field.children = read(rows, octets, at.start);
        let whole = have >= need;
        if !whole {
            field.problem = Some(format!("truncated: {have} octets, {need} needed"));
        }
        self.layers.push(field);
        whole
    }

    /// Notes a problem of the layer added last, at its child `name` or at itself.
    pub(super) fn problem(&mut self, name: &str, problem: String) {
        let Some(layer) = self.layers.last_mut() else {
            return;
        };
        let child = layer.children.iter().position(|child| child.name == name);
        let field = match child {
            Some(index) => &mut layer.children[index],
            None => layer,
        };
        field.problem = Some(problem);
    }

    pub(super) fn summary(&mut self, value: String) {
        if let Some(layer) = self.layers.last_mut() {
            layer.value = value;
        }
    }

    pub(super) fn payload(&mut self, name: &str, at: &Range<usize>) {
        if !at.is_empty() {
            let value = format!("{} octets", at.len());
            self.layers
                .push(leaf(name.to_owned(), value, at.start, at.len()));
        }
    }

    pub(super) fn bare_mobility_header(&mut self) {
        self.mobility_header(None, 0..self.packet.len());
    }

    pub(super) fn mobility_header(&mut self, checksum: Option<Checksum>, at: Range<usize>) {
        let octets = &self.packet[at.clone()];
        let field = header::describe(self.numbering, checksum, octets, at.start);
        let end = at.start + field.length;
        self.layers.push(field);
        self.payload(
            "Ignored behind No Next Header (RFC 8200 section 4.7)",
            &(end..at.end),
        );
    }

    pub(super) fn ethernet(&mut self) {
        let mut at = 0..self.packet.len();
        if !self.layer("Ethernet", lower::ETHERNET, &at, ETHERNET_HEADER) {
            return;
        }
        let mut ethertype = be16(self.packet, ETHERNET_HEADER - 2);
        at.start = ETHERNET_HEADER;
        while let Some(lower::ETHERTYPE_VLAN | lower::ETHERTYPE_QINQ) = ethertype {
            if self.too_deep() || !self.layer("VLAN tag", lower::VLAN, &at, VLAN_TAG) {
                return;
            }
            ethertype = be16(self.packet, at.start + 2);
            at.start += VLAN_TAG;
        }
        match ethertype {
            Some(lower::ETHERTYPE_IPV6 | lower::ETHERTYPE_IPV4) => self.ip(at),
            _ => self.payload("Payload", &at),
        }
    }

    /// An IP packet of the version that its first four bits say.
    pub(super) fn ip(&mut self, at: Range<usize>) {
        if self.too_deep() {
            return;
        }
        match self.packet.get(at.start).map(|octet| octet >> 4) {
            Some(4) => self.ipv4(at),
            _ => self.ipv6(at),
        }
    }

    pub(super) fn too_deep(&mut self) -> bool {
        let too_deep = self.layers.len() >= MAX_LAYERS;
        if too_deep {
            self.problem("", format!("more than {MAX_LAYERS} layers"));
        }
        too_deep
    }

    fn ipv6(&mut self, mut at: Range<usize>) {
        if !self.layer("IPv6", lower::IPV6_HEADER, &at, IPV6_HEADER) {
            return;
        }
        let header = &self.packet[at.start..at.start + IPV6_HEADER];
        if header[0] >> 4 != 6 {
            self.problem("Version", format!("{}, must be 6", header[0] >> 4));
            return;
        }
        let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let next_header = header[6];
        let addresses = Addresses {
            source: ipv6_address(&header[8..24]).into(),
            destination: ipv6_address(&header[24..40]).into(),
        };
        self.summary(format!("{} -> {}", addresses.source, addresses.destination));
        at.start += IPV6_HEADER;
        let tail = self.cut(&mut at, "Payload Length", payload_len);
        self.upper(next_header, addresses, at);
        self.payload("Padding", &tail);
    }

    /// Cuts `at` to the length that a header claims; what is left over is returned.
    pub(super) fn cut(
        &mut self,
        at: &mut Range<usize>,
        name: &str,
        claimed: usize,
    ) -> Range<usize> {
        let have = at.len();
        if claimed > have {
            self.problem(name, format!("{claimed} octets claimed, {have} there"));
            return at.end..at.end;
        }
        let tail = at.start + claimed..at.end;
        at.end = tail.start;
        tail
    }

    fn ipv4(&mut self, mut at: Range<usize>) {
        if !self.layer("IPv4", lower::IPV4_HEADER, &at, IPV4_HEADER) {
            return;
        }
        let header = &self.packet[at.start..at.start + IPV4_HEADER];
        let addresses = Addresses {
            source: ipv4_address(&header[12..16]).into(),
            destination: ipv4_address(&header[16..20]).into(),
        };
        self.summary(format!("{} -> {}", addresses.source, addresses.destination));
        let header_len = usize::from(header[0] & 0xf) * 4;
        let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        let protocol = header[9];
        if header_len < IPV4_HEADER || header_len > at.len() {
            self.problem(
                "IHL",
                format!("{header_len} octets of header, at least 20 needed"),
            );
            return;
        }
        let sum = fold(words(&self.packet[at.start..at.start + header_len]));
        if sum != 0xffff {
            self.problem("Header Checksum", "wrong".to_owned());
        }
        if total_len < header_len {
            self.problem(
                "Total Length",
                format!("{total_len}, shorter than the header"),
            );
            return;
        }
        let tail = self.cut(&mut at, "Total Length", total_len);
        at.start += header_len;
        if fragment {
            self.payload("Fragment", &at);
        } else {
            self.upper(protocol, addresses, at);
        }
        self.payload("Padding", &tail);
    }
}

impl Addresses {
    pub(super) fn checksum(&self) -> Option<Checksum> {
        match (self.source, self.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Checksum::PseudoHeader {
                source,
                destination,
            }),
            _ => None,
        }
    }

    /// One's complement sum over the pseudo-header and `octets`: 0xffff where the checksum is right.
    pub(super) fn sum(&self, protocol: u8, octets: &[u8]) -> u16 {
        let address = |address: IpAddr| match address {
            IpAddr::V4(address) => words(&address.octets()),
            IpAddr::V6(address) => words(&address.octets()),
        };
        let pseudo = u64::from(protocol) + octets.len() as u64;
        fold(pseudo + address(self.source) + address(self.destination) + words(octets))
    }
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

/// 16 octets, as the callers cut them.
pub(super) fn ipv6_address(octets: &[u8]) -> Ipv6Addr {
    let bits = octets
        .iter()
        .fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    Ipv6Addr::from_bits(bits)
}

/// 4 octets, as the callers cut them.
fn ipv4_address(octets: &[u8]) -> Ipv4Addr {
    let bits = octets
        .iter()
        .fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
    Ipv4Addr::from_bits(bits)
}
