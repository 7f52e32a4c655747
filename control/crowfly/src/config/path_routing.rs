//! Paths from MAG to MAG (draft-loureiro-netext-pmipv6-ro-02). The draft gives no number; the defaults
//! are those of RFC 6705 section 10 and of this project's profile.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::{PeerPrefix, PrefixSchema};

/// Paths from MAG to MAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalizedRouting {
    /// Whether this node takes part at all.
    pub enabled: bool,
    /// RO_Lifetime asked for and granted; 65535 is for ever.
    #[schemars(range(min = 1, max = 65_535))]
    pub lifetime_s: u16,
    /// A path in use is refreshed when this much of its lifetime has gone.
    #[schemars(range(min = 1, max = 99))]
    pub refresh_percent: u8,
    /// First wait for an RO Setup Ack.
    #[schemars(range(min = 10, max = 60_000))]
    pub setup_timeout_ms: u32,
    /// First wait for an RO Init Ack.
    #[schemars(range(min = 10, max = 60_000))]
    pub init_timeout_ms: u32,
    /// First wait for an RO Trigger Ack.
    #[schemars(range(min = 10, max = 60_000))]
    pub trigger_timeout_ms: u32,
    /// First wait for an RO Request Ack.
    #[schemars(range(min = 10, max = 60_000))]
    pub request_timeout_ms: u32,
    /// First wait for an RO Refresh Ack.
    #[schemars(range(min = 10, max = 60_000))]
    pub refresh_timeout_ms: u32,
    /// How often a message is sent before its peer counts as silent.
    #[schemars(range(min = 1, max = 16))]
    pub tries: u8,
    /// How long a pair is left alone after a refusal; doubles with each.
    #[schemars(range(min = 1, max = 86_400))]
    pub hold_off_s: u32,
    /// Longest that a pair is left alone.
    #[schemars(range(min = 1, max = 86_400))]
    pub hold_off_max_s: u32,
    /// How much longer than the peer's sending half the receiving half stays (HL-33).
    #[schemars(range(min = 0, max = 3600))]
    pub receive_grace_s: u32,
    /// LMA: how long packets of a pair may still come by after its path is up, before the path is set up
    /// again.
    #[schemars(range(min = 0, max = 3600))]
    pub settle_s: u32,
    /// How long a peer that answers with Binding Error 2 is taken not to know localized routing (HL-15).
    #[schemars(range(min = 0, max = 86_400))]
    pub incapable_s: u32,
    /// MAG: how long packets for a mobile node that has left are handed back to its LMA. LMA: how long
    /// they are accepted from there (HL-34). 0 turns it off.
    #[schemars(range(min = 0, max = 3600))]
    pub hand_back_s: u32,
    /// Nothing to or from these is localized.
    #[schemars(with = "Vec<PrefixSchema>")]
    pub denied: Vec<IpNet>,
    /// No path ends at these MAGs or is shared with these LMAs, by the addresses that name them. An LMA that hands
    /// control to another knows only its own MN's MAG.
    pub denied_peers: Vec<PeerPrefix>,
    /// When a pair counts as talking.
    pub detect: Detect,
    /// MAG: ask the LMA for paths (RO Request). LMA: grant what MAGs ask for (L-71, L-72).
    pub mag_requested: bool,
}

/// When a pair counts as talking: after so many packets, or after so many octets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detect {
    /// Packets of a pair until it is reported; 0: packets do not count.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub after_packets: u32,
    /// Octets of a pair's packets, IP header and all, until it is reported; 0: octets do not count.
    #[schemars(range(min = 0, max = 1_000_000_000_000_u64))]
    pub after_bytes: u64,
    /// Within this time; what came before does not count. 0: however long it takes.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub within_ms: u32,
    /// Least time between two reports of one pair.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub min_report_interval_ms: u32,
    /// Pairs remembered by one worker; the oldest goes first.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_tracked_pairs: u32,
    /// Reports of one worker in a second.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_reports_per_s: u32,
}

impl Default for LocalizedRouting {
    fn default() -> Self {
        Self {
            enabled: true,
            lifetime_s: 300,
            refresh_percent: 80,
            setup_timeout_ms: 500,
            init_timeout_ms: 1000,
            trigger_timeout_ms: 2000,
            request_timeout_ms: 1000,
            refresh_timeout_ms: 1000,
            tries: 3,
            hold_off_s: 60,
            hold_off_max_s: 900,
            receive_grace_s: 10,
            settle_s: 3,
            incapable_s: 3600,
            hand_back_s: 10,
            denied: Vec::new(),
            denied_peers: Vec::new(),
            detect: Detect::default(),
            mag_requested: false,
        }
    }
}

impl Default for Detect {
    fn default() -> Self {
        Self {
            after_packets: 1,
            after_bytes: 0,
            within_ms: 0,
            min_report_interval_ms: 1000,
            max_tracked_pairs: 4096,
            max_reports_per_s: 1000,
        }
    }
}
