//! Which LMA anchors an address (L-6, L-15, HL-18).

use std::fmt::Debug;
use std::net::IpAddr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::config::PeerLma;

/// Finds the LMA of an address that is not anchored here. Must answer at once: an implementation that
/// asks elsewhere answers from what it knows and returns none meanwhile.
pub trait PeerLmaResolver: Debug + Send {
    /// The LMA that anchors `home`, an address or a prefix, and the prefix of that LMA's that holds it: every
    /// home within that prefix that holds `home` is that LMA's too, and is not asked about again (L-15).
    fn resolve(&self, home: IpNet) -> Option<PeerLma>;
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
    fn resolve(&self, home: IpNet) -> Option<PeerLma> {
        let mut rows = self.table.iter();
        rows.find(|row| row.prefix.contains(&home)).copied()
    }
}

impl LocalMobilityAnchor {
    /// Asks who anchors a home. A pair needs it once in its life, at the LMA that triggers and at the one that
    /// controls (L-15), so it is counted.
    pub(super) fn look_up_peer(&mut self, home: IpNet) -> Option<PeerLma> {
        self.node.count("pmipv6.peer-lma.lookup");
        self.resolver.resolve(home)
    }

    /// Whether a home is anchored by that LMA.
    pub(super) fn is_anchored_by(&mut self, home: IpNet, lma: IpAddr) -> bool {
        self.look_up_peer(home).is_some_and(|row| row.lma == lma)
    }
}
