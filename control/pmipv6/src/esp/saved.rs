//! What has to survive a restart, so that neither side's sequence numbers go back: without it a restarted
//! sender's packets look replayed, and a restarted receiver takes what was replayed.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Spi;

/// Sequence numbers that a sender reserves at a time: so many are skipped by a crash.
pub(super) const RESERVE: u64 = 16_384;

/// Sequence numbers of every association.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// By SPI, which is ours alone.
    #[serde(default)]
    pub inbound: BTreeMap<Spi, SavedInbound>,
    /// In the order of the configuration.
    #[serde(default)]
    pub outbound: Vec<SavedOutbound>,
}

/// An inbound association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedInbound {
    /// Highest sequence number accepted.
    pub top: u64,
}

/// An outbound association; the peer chose the SPI, so the peer belongs to its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedOutbound {
    /// First address of the peer.
    pub peer: IpNet,
    /// SPI.
    pub spi: Spi,
    /// No number up to this one is used after a restart.
    pub reserved: u64,
}

impl Saved {
    pub(super) fn reserved(&self, peer: IpNet, spi: Spi) -> Option<u64> {
        let of = |saved: &&SavedOutbound| saved.peer == peer && saved.spi == spi;
        self.outbound.iter().find(of).map(|saved| saved.reserved)
    }
}
