//! Configuration of an LMA.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::io::DhcpMode;
use crate::path;

/// Configuration of a [`super::LocalMobilityAnchor`]; names and defaults are those of RFC 5213
/// section 9.1 where it has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// LMA Address.
    pub address: IpAddr,
    /// Home network prefixes are allocated from these.
    pub hnp_pools: Vec<Ipv6Net>,
    /// Length of an allocated home network prefix, bits.
    pub hnp_length: u8,
    /// IPv4 home addresses are allocated from these.
    pub ipv4_pools: Vec<Ipv4Net>,
    /// Default router of a pool (RFC 5844 section 3.3.3); the first host address of those not named here.
    pub ipv4_default_routers: BTreeMap<Ipv4Net, Ipv4Addr>,
    /// Realms: IPv4 home addresses of their own for MNs whose profile says so. Their numbers are their places
    /// here, from 1.
    pub realms: Vec<Realm>,
    /// Whether MAGs are DHCP servers or relay agents for our MNs (RFC 5844 section 3.3.4).
    pub dhcp: DhcpMode,
    /// Policy profiles by NAI.
    pub profiles: BTreeMap<String, Profile>,
    /// Serve MNs without a profile from the pools; if not, they are refused with status 153.
    pub accept_unknown_mns: bool,
    /// Grant a prefix or address of a pool to the first MN that asks for it by name.
    pub grant_requested_homes: bool,
    /// MAGs that may register MNs, and LMAs that may trigger localized routing. The LMAs of `peer_lmas`
    /// are always among them.
    pub peers: path::Peers,
    /// TimestampValidityWindow, milliseconds.
    pub timestamp_validity_window_ms: u32,
    /// MinDelayBeforeBCEDelete, milliseconds.
    pub min_delay_before_bce_delete_ms: u32,
    /// MaxDelayBeforeNewBCEAssign, milliseconds; 0: the previous MAG is not waited for.
    pub max_delay_before_new_bce_assign_ms: u32,
    /// MobileNodeGeneratedTimestampInUse: timestamps order PBUs, but have no validity window.
    pub mobile_node_generated_timestamp_in_use: bool,
    /// Peers that differ from the domain.
    pub peer_settings: BTreeMap<IpAddr, path::PeerSettings>,
    /// GRE keys (RFC 5845).
    pub gre: path::Gre,
    /// Heartbeats with MAGs (RFC 5847).
    pub heartbeat: path::HeartbeatConfig,
    /// InitMINDelayBRIs (RFC 5846 section 11), milliseconds.
    pub init_min_delay_bris_ms: u32,
    /// BRIMaxRetriesNumber (RFC 5846 section 11).
    pub bri_max_retries_number: u8,
    /// MAX_BRACK_TIMEOUT (RFC 5846 section 12), milliseconds.
    pub max_brack_timeout_ms: u32,
    /// Tell an MN's previous MAG by a BRI that the MN has moved (RFC 5846 section 9.1).
    pub revoke_at_previous_mag: bool,
    /// Longest binding lifetime granted, seconds.
    pub max_binding_lifetime_s: u32,
    /// Most bindings at a time.
    pub max_bindings: usize,
    /// Which LMA anchors which prefix (HL-18).
    pub peer_lmas: Vec<PeerLma>,
    /// Drop whatever ESP did not protect (L-67).
    pub require_protection: bool,
    /// Peers that are reached by IPv4 (RFC 5844 section 4).
    pub ipv4_transport: path::Ipv4Transport,
    /// Localized routing.
    pub localized_routing: path::Config,
}

/// A realm: pools of IPv4 home addresses that other realms may have too. Its MNs are told apart by GRE keys
/// (RFC 5845 section 3), without which they are refused with status 163.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Realm {
    /// As profiles name it.
    pub name: String,
    /// Its IPv4 home addresses are allocated from these.
    pub ipv4_pools: Vec<Ipv4Net>,
    /// Default router of a pool, as [`Config::ipv4_default_routers`].
    pub ipv4_default_routers: BTreeMap<Ipv4Net, Ipv4Addr>,
    /// MNs without a profile are of it where their NAI has one of these behind its `@` (RFC 4282 section 2.1).
    pub nai_realms: Vec<String>,
}

/// A prefix and the LMA that anchors it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerLma {
    /// Home network prefixes or IPv4 home addresses in here ...
    pub prefix: IpNet,
    /// ... are anchored there.
    pub lma: IpAddr,
}

/// What an MN is entitled to (RFC 5213 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Home network prefixes; none: one from the pools.
    pub hnps: Vec<Ipv6Net>,
    /// IPv4 home address; none: one from the pools where the MN asks.
    pub ipv4_hoa: Option<Ipv4Addr>,
    /// Realm that its IPv4 home address is of; none: of no realm.
    pub realm: Option<String>,
    /// Whether the MN gets network-based mobility at all, else status 152.
    pub enabled: bool,
    /// Whether IPv6 service is authorised, else status 172 for an MN that asks for nothing else.
    pub ipv6: bool,
    /// Whether IPv4 service is authorised, else status 170.
    pub ipv4: bool,
    /// Whether its traffic may be localized.
    pub localized_routing: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            hnps: Vec::new(),
            ipv4_hoa: None,
            realm: None,
            enabled: true,
            ipv6: true,
            ipv4: true,
            localized_routing: true,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            hnp_pools: Vec::new(),
            hnp_length: 64,
            ipv4_pools: Vec::new(),
            ipv4_default_routers: BTreeMap::new(),
            realms: Vec::new(),
            dhcp: DhcpMode::Server,
            profiles: BTreeMap::new(),
            accept_unknown_mns: true,
            grant_requested_homes: true,
            peers: path::Peers::default(),
            timestamp_validity_window_ms: 300,
            min_delay_before_bce_delete_ms: 10_000,
            max_delay_before_new_bce_assign_ms: 1_500,
            mobile_node_generated_timestamp_in_use: false,
            peer_settings: BTreeMap::new(),
            gre: path::Gre::Off,
            heartbeat: path::HeartbeatConfig::default(),
            init_min_delay_bris_ms: 1_000,
            bri_max_retries_number: 1,
            max_brack_timeout_ms: 2_000,
            revoke_at_previous_mag: false,
            max_binding_lifetime_s: 65_532,
            max_bindings: 1_048_576,
            peer_lmas: Vec::new(),
            require_protection: false,
            ipv4_transport: path::Ipv4Transport::default(),
            localized_routing: path::Config::default(),
        }
    }
}
