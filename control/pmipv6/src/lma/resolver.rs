//! Which LMA anchors an address (L-6, HL-18).

use std::fmt::Debug;
use std::net::IpAddr;

use ipnet::IpNet;

use super::config::PeerLma;

/// Finds the LMA of an address that is not anchored here. Must answer at once: an implementation that
/// asks elsewhere answers from what it knows and returns none meanwhile.
pub trait PeerLmaResolver: Debug + Send {
    /// The LMA that anchors `home`, an address or a prefix.
    fn resolve(&self, home: IpNet) -> Option<IpAddr>;
}

/// A table of prefixes; the longest one that holds the home decides.
#[derive(Debug, Clone, Default)]
pub struct StaticPeerLmas {
    /// Longest prefix first.
    table: Vec<PeerLma>,
}

impl StaticPeerLmas {
    /// Takes a table in any order.
    pub fn new(table: &[PeerLma]) -> Self {
        let mut table = table.to_vec();
        table.sort_by_key(|row| std::cmp::Reverse(row.prefix.prefix_len()));
        Self { table }
    }
}

impl PeerLmaResolver for StaticPeerLmas {
    fn resolve(&self, home: IpNet) -> Option<IpAddr> {
        let row = self.table.iter().find(|row| row.prefix.contains(&home))?;
        Some(row.lma)
    }
}
