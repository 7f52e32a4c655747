//! Offsets and small arithmetic of the headers that a worker touches (RFC 8200, RFC 791, IEEE 802.1Q).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::update::Realm;

/// Octets of an Ethernet header without tag.
pub(crate) const ETHERNET: usize = 14;
/// Octets of an 802.1Q tag.
pub(crate) const VLAN_TAG: usize = 4;
/// Octets of an IPv6 header.
pub(crate) const IPV6: usize = 40;
/// Octets of an IPv4 header without options.
pub(crate) const IPV4: usize = 20;
/// Octets of a UDP header.
pub(crate) const UDP: usize = 8;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
pub(crate) const ETHERTYPE_VLAN: u16 = 0x8100;
pub(crate) const ETHERTYPE_QINQ: u16 = 0x88a8;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;

pub(crate) const NH_HOP_BY_HOP: u8 = 0;
pub(crate) const NH_ICMPV4: u8 = 1;
pub(crate) const NH_IPV4: u8 = 4;
pub(crate) const NH_TCP: u8 = 6;
pub(crate) const NH_UDP: u8 = 17;
pub(crate) const NH_IPV6: u8 = 41;
pub(crate) const NH_FRAGMENT: u8 = 44;
pub(crate) const NH_GRE: u8 = 47;
pub(crate) const NH_ESP: u8 = 50;
pub(crate) const NH_ICMPV6: u8 = 58;
pub(crate) const NH_DESTINATION_OPTIONS: u8 = 60;
pub(crate) const NH_MOBILITY: u8 = 135;

/// Smallest MTU of an IPv6 link (RFC 8200 section 5).
pub(crate) const IPV6_MIN_MTU: u16 = 1280;

/// An IPv4 address where both families share a table: no IPv6 source or unicast destination has these
/// leading bits.
const IPV4_MARK: u128 = 0xffff_ffff << 96;

/// The look-up form of an IPv4 address.
#[inline]
pub(crate) fn ipv4_key(address: u32) -> u128 {
    IPV4_MARK | u128::from(address)
}

/// Whether the look-up form is of an IPv4 address.
#[inline]
pub(crate) fn is_ipv4_key(address: u128) -> bool {
    address >> 96 == IPV4_MARK >> 96
}

/// Where the realm of an IPv4 address stands in its look-up form: the realm costs a look-up nothing.
const REALM_SHIFT: u32 = 32;

/// What a realm adds to the look-up form of an IPv4 address.
#[inline]
pub(crate) fn realm_bits(realm: Option<Realm>) -> u128 {
    realm.map_or(0, |realm| u128::from(realm.number()) << REALM_SHIFT)
}

/// The realm in the look-up form of an IPv4 address.
#[inline]
pub(crate) fn realm_of_ipv4_key(address: u128) -> Option<Realm> {
    Realm::new((address >> REALM_SHIFT) as u16)
}

/// The look-up form of an address.
pub(crate) fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => ipv4_key(address.into()),
        IpAddr::V6(address) => address.into(),
    }
}

/// An address out of its look-up form.
pub(crate) fn ip(address: u128) -> IpAddr {
    if is_ipv4_key(address) {
        Ipv4Addr::from(address as u32).into()
    } else {
        Ipv6Addr::from(address).into()
    }
}

/// 16 bits in network order; zero beyond the end.
#[inline]
pub(crate) fn u16_at(data: &[u8], at: usize) -> u16 {
    data.get(at..at + 2)
        .map_or(0, |octets| u16::from_be_bytes([octets[0], octets[1]]))
}

/// 32 bits in network order; zero beyond the end.
#[inline]
pub(crate) fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from(u16_at(data, at)) << 16 | u32::from(u16_at(data, at + 2))
}

/// 128 bits in network order out of an IPv6 header.
#[inline]
pub(crate) fn address(header: &[u8; IPV6], at: usize) -> u128 {
    let mut octets = [0; 16];
    octets.copy_from_slice(&header[at..at + 16]);
    u128::from_be_bytes(octets)
}

/// The one's complement sum of an IPv4 header; 0xffff when its checksum is right.
#[inline]
pub(crate) fn ipv4_sum(header: &[u8]) -> u16 {
    let sum: u32 = header
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    fold(sum)
}

/// The one's complement sum of any octets, an odd last one being followed by zero (RFC 1071).
pub(crate) fn internet_sum(data: &[u8]) -> u16 {
    let pairs = data.chunks_exact(2);
    let last = pairs.remainder().first().copied().unwrap_or(0);
    let sum: u32 = pairs
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    // At most 32,768 words of 16 bits: no overflow.
    fold(sum + u32::from(u16::from_be_bytes([last, 0])))
}

/// A sum of words in one's complement.
#[inline]
pub(crate) fn fold(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

/// Adjusts the checksum of an IPv4 header whose 16 bits at an even offset changed (RFC 1624, eqn. 3).
#[inline]
pub(crate) fn ipv4_adjust(header: &mut [u8], before: u16, after: u16) {
    let Some(field) = header.get_mut(10..12) else {
        return;
    };
    let sum = u32::from(!u16::from_be_bytes([field[0], field[1]]))
        + u32::from(!before)
        + u32::from(after);
    field.copy_from_slice(&(!fold(sum)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjusted_checksum_is_right() {
        let mut header = [
            0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8,
            0, 0xc7,
        ];
        assert_eq!(ipv4_sum(&header), 0xffff);
        for ttl in (1..=0x40_u8).rev() {
            let before = u16::from_be_bytes([header[8], header[9]]);
            header[8] = ttl;
            let after = u16::from_be_bytes([header[8], header[9]]);
            ipv4_adjust(&mut header, before, after);
            assert_eq!(ipv4_sum(&header), 0xffff);
        }
    }
}
