//! Configuration that MAG and LMA share.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Localized routing (draft-loureiro). Retransmissions are those of HL-13 and double every time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this node takes part at all; if not, every RO request is refused with status 128.
    pub enabled: bool,
    /// RO_Lifetime asked for and granted, seconds; 65535 is infinite (HL-5).
    pub lifetime_s: u16,
    /// MAG: a path in use is refreshed when this much of its lifetime has gone, percent.
    pub refresh_percent: u8,
    /// First retransmission of an RO Setup, milliseconds.
    pub setup_timeout_ms: u32,
    /// First retransmission of an RO Init, milliseconds.
    pub init_timeout_ms: u32,
    /// First retransmission of an RO Trigger, milliseconds.
    pub trigger_timeout_ms: u32,
    /// First retransmission of an RO Request, milliseconds.
    pub request_timeout_ms: u32,
    /// First retransmission of an RO Refresh, milliseconds.
    pub refresh_timeout_ms: u32,
    /// How often an RO message is sent before its receiver counts as silent.
    pub tries: u8,
    /// Most paths at a time, set-ups included.
    pub max_paths: usize,
    /// Most paths of one MN.
    pub max_paths_per_mn: usize,
    /// How long a pair is left alone after its set-up failed, seconds (HL-14); doubles ...
    pub hold_off_s: u32,
    /// ... up to this.
    pub max_hold_off_s: u32,
    /// How long a receiving half outlives the moment when the peer's sending half must have ended,
    /// seconds (HL-33).
    pub receive_grace_s: u32,
    /// LMA: how long packets of a pair may still come by after its path is up before the path is
    /// set up again, seconds.
    pub settle_s: u32,
    /// How long a peer that answers Binding Error 2 is taken not to know localized routing, seconds
    /// (HL-15).
    pub incapable_s: u32,
    /// MAG: ask the LMA for a path when a pair talks (L-71). LMA: grant what MAGs ask for (L-72).
    pub mag_requested: bool,
    /// Nothing to or from these is localized.
    pub denied: Vec<IpNet>,
    /// No path ends at these MAGs or is shared with these LMAs, by the addresses that name them. An LMA that hands
    /// control to another knows only its own MN's MAG.
    pub denied_peers: Vec<IpNet>,
    /// MAG: how long packets for an MN that has left are handed back to its LMA, seconds; LMA: how
    /// long they are accepted from there (HL-34). 0 turns it off.
    pub hand_back_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            lifetime_s: 300,
            refresh_percent: 80,
            setup_timeout_ms: 500,
            init_timeout_ms: 1_000,
            trigger_timeout_ms: 2_000,
            request_timeout_ms: 1_000,
            refresh_timeout_ms: 1_000,
            tries: 3,
            max_paths: 65_536,
            max_paths_per_mn: 1_024,
            hold_off_s: 60,
            max_hold_off_s: 900,
            receive_grace_s: 10,
            settle_s: 3,
            incapable_s: 3_600,
            mag_requested: false,
            denied: Vec::new(),
            denied_peers: Vec::new(),
            hand_back_s: 10,
        }
    }
}

impl Config {
    /// Whether policy keeps the traffic of this home on the anchor's path.
    pub fn denies(&self, home: &IpNet) -> bool {
        self.denied
            .iter()
            .any(|net| net.contains(home) || home.contains(net))
    }

    /// Whether policy lets these be the ends of a path.
    pub fn allows<'a>(&self, mut homes: impl Iterator<Item = &'a IpNet>) -> bool {
        self.enabled && !homes.any(|home| self.denies(home))
    }

    /// Whether policy wants no path with this MAG or LMA.
    pub fn denies_peer(&self, peer: IpAddr) -> bool {
        self.denied_peers.iter().any(|net| net.contains(&peer))
    }
}

/// Who may speak to this node, and as what; everyone else is a counted drop (L-74).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Peers {
    /// Addresses of LMAs.
    pub lmas: Vec<IpNet>,
    /// Addresses of MAGs.
    pub mags: Vec<IpNet>,
}

impl Peers {
    /// Whether an LMA may have this address.
    pub fn is_lma(&self, address: IpAddr) -> bool {
        self.lmas.iter().any(|net| net.contains(&address))
    }

    /// Whether a MAG may have this address.
    pub fn is_mag(&self, address: IpAddr) -> bool {
        self.mags.iter().any(|net| net.contains(&address))
    }
}

/// What is particular about one peer, where it differs from the domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerSettings {
    /// It is an old node: its PBA may lack the Handoff Indicator or the Access Technology Type of the PBU
    /// (RFC 5213 section 6.9.1.2 says to ignore such a one), its Home Network Prefix options may say
    /// length 128 where a prefix is meant, and the options of its PBUs and PBAs need no alignment.
    pub lenient: bool,
    /// TimestampBasedApproachInUse with this peer; none: as in the domain.
    pub timestamp_based_approach_in_use: Option<bool>,
}

/// Length of a prefix that is no prefix but an address.
const ADDRESS_BITS: u8 = 128;

/// The prefix that a lenient peer's Home Network Prefix option means: its first `length` bits.
pub(crate) fn meant_prefix(hnp: Ipv6Net, length: u8) -> Ipv6Net {
    if hnp.prefix_len() != ADDRESS_BITS || hnp.addr().is_unspecified() {
        return hnp;
    }
    Ipv6Net::new(hnp.addr(), length).map_or(hnp, |meant| meant.trunc())
}
