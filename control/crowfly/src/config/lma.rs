//! The Local Mobility Anchor's part (RFC 5213 section 5, section 9.1).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::Revocation;
use super::types::{PeerPrefix, PrefixSchema, unique_map};

/// The Local Mobility Anchor's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lma {
    /// Where home network prefixes are taken from for mobile nodes that have none of their own.
    #[schemars(with = "Vec<PrefixSchema>")]
    pub hnp_pools: Vec<Ipv6Net>,
    /// Length of a home network prefix out of a pool.
    #[schemars(range(min = 16, max = 128))]
    pub hnp_length_bits: u8,
    /// Mobile nodes that are known by name.
    pub mobile_nodes: Vec<MobileNode>,
    /// Where IPv4 home addresses are taken from; a pool is the home subnet of its mobile nodes.
    #[schemars(with = "Vec<PrefixSchema>")]
    pub ipv4_pools: Vec<Ipv4Net>,
    /// Default router of a pool's mobile nodes (RFC 5844 section 3.3.3), which every MAG is to them; the
    /// first host address of pools that are not named here.
    #[serde(deserialize_with = "unique_map")]
    pub ipv4_default_routers: BTreeMap<String, Ipv4Addr>,
    /// Address spaces of customers: mobile nodes of different realms may have the same IPv4 home address. They are
    /// told apart by GRE keys (RFC 5845 section 3), so `gre` must not be `off`; a mobile node without a key is
    /// refused with status 163. Their IPv4 traffic is never localized; their prefixes are as everybody's.
    #[schemars(length(max = 4095))]
    pub realms: Vec<Realm>,
    /// Whether MAGs are DHCP servers or relay agents for our mobile nodes (RFC 5844 section 3.3.4).
    pub dhcp_mode: DhcpMode,
    /// Serve mobile nodes that `mobile_nodes` does not list, out of the pools. False: they are refused
    /// with status 153 (RFC 5213 section 5.3.1).
    pub accept_unknown_mns: bool,
    /// Grant a prefix or address of a pool to the first mobile node that asks for it by name.
    pub grant_requested_homes: bool,
    /// MAGs that may register mobile nodes: addresses or prefixes; others are refused with status 154
    /// (RFC 5213 section 5.3.1).
    pub authorised_mags: Vec<PeerPrefix>,
    /// Which prefixes other LMAs anchor (L-6).
    pub peer_lmas: Vec<PeerLma>,
    /// Longest lifetime granted in a PBA, seconds; a multiple of 4 (RFC 6275 section 6.1.8).
    #[schemars(range(min = 4, max = 262_140))]
    pub max_binding_lifetime_s: u32,
    /// TimestampValidityWindow (RFC 5213 section 9.1).
    #[schemars(range(min = 1, max = 3_600_000))]
    pub timestamp_validity_window_ms: u32,
    /// MinDelayBeforeBCEDelete (RFC 5213 section 9.1).
    #[schemars(range(min = 0, max = 3_600_000))]
    pub min_delay_before_bce_delete_ms: u32,
    /// MaxDelayBeforeNewBCEAssign (RFC 5213 section 9.1); 0: the previous MAG is not waited for.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub max_delay_before_new_bce_assign_ms: u32,
    /// Binding revocation (RFC 5846).
    pub revocation: Revocation,
}

/// An address space of a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Realm {
    /// As `mobile_nodes[].realm` and `ports[].realm` name it: letters, digits, `.`, `_`, `-`, at most 64.
    pub name: String,
    /// Where its IPv4 home addresses are taken from. Other realms may have the same, but nobody else.
    #[schemars(with = "Vec<PrefixSchema>", length(min = 1))]
    pub ipv4_pools: Vec<Ipv4Net>,
    /// Default router of a pool, as `lma.ipv4_default_routers`.
    #[serde(default, deserialize_with = "unique_map")]
    pub ipv4_default_routers: BTreeMap<String, Ipv4Addr>,
    /// Mobile nodes that `mobile_nodes` does not list are of it where their NAI has one of these behind its `@`
    /// (RFC 4282 section 2.1).
    #[serde(default)]
    pub nai_realms: Vec<String>,
}

/// What MAGs are to DHCP clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DhcpMode {
    /// The S flag: MAGs give out the home addresses of the LMA's bindings.
    Server,
    /// MAGs relay to their `mag.dhcp_servers`; where they have none, such messages are counted drops.
    Relay,
}

/// A mobile node that is known by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MobileNode {
    /// NAI (RFC 4283).
    pub mn_id: String,
    /// Its home network prefixes; none: from the pools.
    #[serde(default)]
    #[schemars(with = "Vec<PrefixSchema>")]
    pub hnps: Vec<Ipv6Net>,
    /// Its IPv4 home address; none: from the IPv4 pools where it asks for one (RFC 5844).
    #[serde(default)]
    pub ipv4_hoa: Option<Ipv4Addr>,
    /// Realm of `lma.realms` that its IPv4 home address is of; none: of no realm.
    #[serde(default)]
    pub realm: Option<String>,
    /// Whether it gets network-based mobility at all; if not, status 152.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether IPv6 service is authorised; if not, status 172 where it asks for nothing else.
    #[serde(default = "yes")]
    pub ipv6: bool,
    /// Whether IPv4 service is authorised; if not, status 170.
    #[serde(default = "yes")]
    pub ipv4: bool,
    /// Whether its traffic may be localized.
    #[serde(default = "yes")]
    pub localized_routing: bool,
}

/// A prefix that another LMA anchors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerLma {
    /// The prefix: of home network prefixes, or of IPv4 home addresses.
    #[schemars(with = "PrefixSchema")]
    pub prefix: IpNet,
    /// LMAA of the LMA that anchors it.
    pub lma: Ipv6Addr,
}

impl Default for Lma {
    fn default() -> Self {
        Self {
            hnp_pools: Vec::new(),
            hnp_length_bits: 64,
            mobile_nodes: Vec::new(),
            ipv4_pools: Vec::new(),
            ipv4_default_routers: BTreeMap::new(),
            realms: Vec::new(),
            dhcp_mode: DhcpMode::Server,
            accept_unknown_mns: true,
            grant_requested_homes: true,
            authorised_mags: Vec::new(),
            peer_lmas: Vec::new(),
            max_binding_lifetime_s: 3600,
            timestamp_validity_window_ms: 300,
            min_delay_before_bce_delete_ms: 10_000,
            max_delay_before_new_bce_assign_ms: 1500,
            revocation: Revocation::default(),
        }
    }
}

fn yes() -> bool {
    true
}
