//! The base protocol between peers: heartbeats (RFC 5847), revocation (RFC 5846), GRE keys (RFC 5845), and
//! peers that differ from the domain.

use std::net::Ipv6Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Heartbeats between MAGs and LMAs (RFC 5847).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Heartbeat {
    /// HEARTBEAT_INTERVAL (RFC 5847 section 5, which asks for 30 to 3600); 0: peers are answered, but not
    /// asked.
    #[schemars(range(min = 0, max = 3600))]
    pub interval_s: u32,
    /// MISSING_HEARTBEATS_ALLOWED (RFC 5847 section 5).
    #[schemars(range(min = 1, max = 100))]
    pub missing_allowed: u8,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            interval_s: 60,
            missing_allowed: 3,
        }
    }
}

/// Binding revocation by an LMA (RFC 5846).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Revocation {
    /// InitMINDelayBRIs (RFC 5846 section 11).
    #[schemars(range(min = 500, max = 60_000))]
    pub init_min_delay_bris_ms: u32,
    /// BRIMaxRetriesNumber (RFC 5846 section 11).
    #[schemars(range(min = 0, max = 10))]
    pub bri_max_retries_number: u8,
    /// MAX_BRACK_TIMEOUT (RFC 5846 section 12).
    #[schemars(range(min = 500, max = 60_000))]
    pub max_brack_timeout_ms: u32,
    /// Tell a mobile node's previous MAG that it has moved, so that it lets go of it at once and does not
    /// register it again (RFC 5846 section 9.1: inter-MAG handover).
    pub at_previous_mag: bool,
}

impl Default for Revocation {
    fn default() -> Self {
        Self {
            init_min_delay_bris_ms: 1000,
            bri_max_retries_number: 1,
            max_brack_timeout_ms: 2000,
            at_previous_mag: false,
        }
    }
}

/// GRE keys in the tunnels (RFC 5845).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gre {
    /// No GRE.
    #[default]
    Off,
    /// GRE with keys where the peer has them too.
    Optional,
    /// GRE with keys; peers without are refused (status 163).
    Required,
}

/// A peer that differs from the domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerSettings {
    /// LMAA or Proxy-CoA.
    pub address: Ipv6Addr,
    /// It is an old node: its PBA may lack the Handoff Indicator or the Access Technology Type of the PBU
    /// (RFC 5213 section 6.9.1.2 says to ignore such a one), where its Home Network Prefix option says
    /// 128 bits, a prefix of the usual length is meant, and the options of its PBUs and PBAs may stand
    /// unaligned (RFC 6275 section 6.2.1).
    #[serde(default)]
    pub lenient: bool,
    /// TimestampBasedApproachInUse with this peer; none: as in the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_based_approach_in_use: Option<bool>,
}
