//! The Mobile Access Gateway's part (RFC 5213 section 6, section 9.2).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::{PeerPrefix, unique_map};

/// The Mobile Access Gateway's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mag {
    /// LMAA of the anchor of every mobile node that `lma_of` does not name.
    pub lma: Ipv6Addr,
    /// LMAA by MN-ID.
    #[serde(default, deserialize_with = "unique_map")]
    pub lma_of: BTreeMap<String, Ipv6Addr>,
    /// MAGs that paths may lead to: addresses or prefixes.
    #[serde(default)]
    pub peer_mags: Vec<PeerPrefix>,
    /// Lifetime asked for in a PBU, seconds; a multiple of 4 (RFC 6275 section 6.1.7).
    #[serde(default = "binding_lifetime_s")]
    #[schemars(range(min = 4, max = 262_140))]
    pub binding_lifetime_s: u32,
    /// A binding is extended when this much of its lifetime has gone.
    #[serde(default = "re_registration_percent")]
    #[schemars(range(min = 1, max = 99))]
    pub re_registration_percent: u8,
    /// INITIAL_BINDACK_TIMEOUT (RFC 6275 section 12, RFC 5213 section 6.9.4).
    #[serde(default = "initial_bindack_timeout_ms")]
    #[schemars(range(min = 10, max = 3_600_000))]
    pub initial_bindack_timeout_ms: u32,
    /// MAX_BINDACK_TIMEOUT (RFC 6275 section 12).
    #[serde(default = "max_bindack_timeout_ms")]
    #[schemars(range(min = 10, max = 3_600_000))]
    pub max_bindack_timeout_ms: u32,
    /// How long a registration may take before `mn.attach` is refused with `lma-silent` and given up.
    #[serde(default = "attach_command_timeout_ms")]
    #[schemars(range(min = 10, max = 3_600_000))]
    pub attach_command_timeout_ms: u32,
    /// EnableMAGLocalRouting (RFC 5213 section 9.2): switch between own mobile nodes without the LMA's
    /// word.
    #[serde(default)]
    pub enable_mag_local_routing: bool,
    /// Take a PBA that lacks the Handoff Indicator or the Access Technology Type of the PBU (RFC 5213
    /// section 6.9.1.2 says to ignore it).
    #[serde(default)]
    pub lenient_binding_ack: bool,
    /// A mobile node is asked this often whether it is still there (RFC 4861 section 7.3, RFC 5213 section
    /// 6.9.4), and detached when it does not answer; 0: it is not asked.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub unreachability_detection_s: u32,
    /// What mobile nodes are told.
    #[serde(default)]
    pub router_advertisement: RouterAdvertisement,
    /// Domain name servers that mobile nodes with an IPv4 home address are told of by DHCP (RFC 2132
    /// section 3.8); none: the option is left out.
    #[serde(default)]
    #[schemars(length(max = 8))]
    pub dhcp_dns_servers: Vec<Ipv4Addr>,
    /// DHCP servers that the messages of mobile nodes are relayed to where the LMA says that the MAG is a relay
    /// agent (RFC 5844 section 3.4.2); reached directly, from an IPv4 address of a transport port. None: such
    /// messages are dropped.
    #[serde(default)]
    #[schemars(length(max = 4))]
    pub dhcp_servers: Vec<Ipv4Addr>,
}

/// Router Advertisements on access links (RFC 4861 section 6.2.1, RFC 5213 section 6.9.2). The prefixes'
/// lifetimes are those of the binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouterAdvertisement {
    /// AdvAutonomousFlag: mobile nodes form addresses by SLAAC.
    pub prefix_autonomous: bool,
    /// MinRtrAdvInterval.
    #[schemars(range(min = 3, max = 1350))]
    pub min_interval_s: u32,
    /// MaxRtrAdvInterval.
    #[schemars(range(min = 4, max = 1800))]
    pub max_interval_s: u32,
    /// AdvDefaultLifetime.
    #[schemars(range(min = 4, max = 9000))]
    pub router_lifetime_s: u16,
    /// AdvCurHopLimit.
    pub current_hop_limit: u8,
}

impl Default for RouterAdvertisement {
    fn default() -> Self {
        Self {
            prefix_autonomous: true,
            min_interval_s: 198,
            max_interval_s: 600,
            router_lifetime_s: 1800,
            current_hop_limit: 64,
        }
    }
}

fn binding_lifetime_s() -> u32 {
    3600
}

fn re_registration_percent() -> u8 {
    80
}

fn initial_bindack_timeout_ms() -> u32 {
    1000
}

fn max_bindack_timeout_ms() -> u32 {
    32_000
}

fn attach_command_timeout_ms() -> u32 {
    10_000
}
