//! Homes: Home Network Prefixes and IPv4 home addresses (as /32), looked up by address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// A map from homes that finds the longest one that holds an address; it looks once per prefix length
/// in use.
#[derive(Debug)]
pub(crate) struct Homes<V> {
    map: BTreeMap<IpNet, V>,
    /// Prefix lengths in use and how many homes have them; IPv4 and IPv6 apart.
    lengths: [BTreeMap<u8, usize>; 2],
}

fn family(net: &IpNet) -> usize {
    match net {
        IpNet::V4(_) => 0,
        IpNet::V6(_) => 1,
    }
}

impl<V> Homes<V> {
    pub(crate) fn new() -> Self {
        Self {
            map: BTreeMap::new(),
            lengths: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    pub(crate) fn insert(&mut self, home: IpNet, value: V) {
        if self.map.insert(home, value).is_none() {
            *self.lengths[family(&home)]
                .entry(home.prefix_len())
                .or_insert(0) += 1;
        }
    }

    pub(crate) fn remove(&mut self, home: &IpNet) -> Option<V> {
        let value = self.map.remove(home)?;
        let lengths = &mut self.lengths[family(home)];
        if let Some(count) = lengths.get_mut(&home.prefix_len()) {
            *count -= 1;
            if *count == 0 {
                lengths.remove(&home.prefix_len());
            }
        }
        Some(value)
    }

    pub(crate) fn get(&self, home: &IpNet) -> Option<&V> {
        self.map.get(home)
    }

    /// The longest home that holds `address`.
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<(IpNet, &V)> {
        let lengths = &self.lengths[usize::from(address.is_ipv6())];
        lengths.keys().rev().find_map(|length| {
            let home = IpNet::new(address, *length).ok()?.trunc();
            self.map.get_key_value(&home).map(|(k, v)| (*k, v))
        })
    }

    /// Whether any home overlaps `net`.
    pub(crate) fn overlaps(&self, net: &IpNet) -> bool {
        if self.lookup_covering(net) {
            return true;
        }
        self.map
            .range(net.trunc()..)
            .next()
            .is_some_and(|(home, _)| net.contains(home))
    }

    fn lookup_covering(&self, net: &IpNet) -> bool {
        self.lengths[family(net)]
            .keys()
            .take_while(|length| **length <= net.prefix_len())
            .any(|length| {
                IpNet::new(net.addr(), *length).is_ok_and(|n| self.map.contains_key(&n.trunc()))
            })
    }
}
