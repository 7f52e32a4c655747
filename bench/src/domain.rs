//! The domain that is measured: its addresses by number, the same for the traffic and for the tables.

use std::net::Ipv6Addr;

use clap::ValueEnum;
use ipnet::Ipv6Net;

/// Most HNPs: mobile nodes have 24 bits in their link-layer addresses.
pub const HOMES_MAX: u32 = 1 << 24;

/// The fixed link-layer address of a MAG on its access links (RFC 6543 section 4).
pub const ACCESS_MAC: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x52, 0x13];
/// The MAG's link-layer address on the transport network.
pub const TRANSPORT_MAC: [u8; 6] = [0x02, 0xcf, 0, 0, 0, 0x01];
/// The next hop towards every LMA.
pub const ROUTER_MAC: [u8; 6] = [0x02, 0xcf, 0, 0, 0, 0xfe];
/// The MAG's Proxy-CoA.
pub const PROXY_CARE_OF_ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 1, 0, 0, 0, 1);
/// A host on the Internet, the other end of all traffic.
pub const INTERNET_HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 2, 0, 0, 0, 1);

/// Which way the traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// From the mobile nodes: the MAG encapsulates.
    Uplink,
    /// From the LMAs: the MAG decapsulates.
    Downlink,
}

/// The mobile node's home network prefix: a /64 of its own.
#[must_use]
pub fn home_network_prefix(node: u32) -> Ipv6Net {
    let (high, low) = halves(node);
    let address = Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, 0);
    // 64 is a length of an IPv6 prefix.
    Ipv6Net::new_assert(address, 64)
}

/// The mobile node's address.
#[must_use]
pub fn home_address(node: u32) -> Ipv6Addr {
    let (high, low) = halves(node);
    Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0xff, 0xfe00, 1)
}

/// The mobile node's link-layer address.
#[must_use]
pub fn mobile_node_mac(node: u32) -> [u8; 6] {
    let [_, a, b, c] = node.to_be_bytes();
    [0x02, 0xce, 0x11, a, b, c]
}

/// The address of an LMA.
#[must_use]
pub fn anchor_address(anchor: u32) -> Ipv6Addr {
    let (high, low) = halves(anchor);
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 3, 0, 0, high, low)
}

/// The LMA of a mobile node, one of so many.
#[must_use]
pub fn anchor_of(node: u32, anchors: u32) -> u32 {
    node % anchors
}

fn halves(number: u32) -> (u16, u16) {
    ((number >> 16) as u16, number as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_prefix_and_an_address_of_its_own() {
        for node in [0, 1, 65_535, 65_536, HOMES_MAX - 1] {
            assert!(home_network_prefix(node).contains(&home_address(node)));
            assert!(!home_network_prefix(node ^ 1).contains(&home_address(node)));
            assert_ne!(mobile_node_mac(node), mobile_node_mac(node ^ 1));
        }
        let last = home_network_prefix(HOMES_MAX - 1);
        assert!(!last.contains(&INTERNET_HOST) && !last.contains(&PROXY_CARE_OF_ADDRESS));
    }
}
