//! Configuration of a MAG.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::path;

/// Configuration of a [`super::MobileAccessGateway`]; names and defaults are those of RFC 5213
/// sections 6.9.4 and 9.2 where it has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Proxy Care-of Address.
    pub address: IpAddr,
    /// LMA of every MN that `lma_by_mn_id` does not name.
    pub lma: IpAddr,
    /// LMA by NAI.
    pub lma_by_mn_id: BTreeMap<String, IpAddr>,
    /// Binding lifetime asked for, seconds, rounded up to a multiple of 4.
    pub binding_lifetime_s: u32,
    /// A binding is extended when this much of its lifetime has gone, percent.
    pub re_registration_percent: u8,
    /// INITIAL_BINDACK_TIMEOUT, milliseconds.
    pub initial_binding_ack_timeout_ms: u32,
    /// MAX_BINDACK_TIMEOUT, milliseconds.
    pub max_binding_ack_timeout_ms: u32,
    /// An attach command is refused with `lma-silent` after this long, milliseconds.
    pub attach_timeout_ms: u32,
    /// FixedMAGLinkLocalAddressOnAllAccessLinks; none asks the LMA for one (option 26).
    pub fixed_link_local: Option<Ipv6Addr>,
    /// EnableMAGLocalRouting.
    pub enable_mag_local_routing: bool,
    /// TimestampBasedApproachInUse.
    pub timestamp_based_approach_in_use: bool,
    /// Take a PBA that lacks the Handoff Indicator or Access Technology Type of the PBU.
    pub lenient_binding_ack: bool,
    /// Most MNs at a time.
    pub max_bindings: usize,
    /// Who may speak to us; the LMAs named above are always among them.
    pub peers: path::Peers,
    /// Drop whatever ESP did not protect (L-67).
    pub require_protection: bool,
    /// Peers that are reached by IPv4 (RFC 5844 section 4).
    pub ipv4_transport: path::Ipv4Transport,
    /// Localized routing.
    pub localized_routing: path::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            lma: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            lma_by_mn_id: BTreeMap::new(),
            binding_lifetime_s: 3_600,
            re_registration_percent: 80,
            initial_binding_ack_timeout_ms: 1_000,
            max_binding_ack_timeout_ms: 32_000,
            attach_timeout_ms: 10_000,
            // RFC 6543 section 3.
            fixed_link_local: Some(Ipv6Addr::new(
                0xfe80, 0, 0, 0, 0x200, 0x5eff, 0xfe00, 0x5213,
            )),
            enable_mag_local_routing: false,
            timestamp_based_approach_in_use: true,
            lenient_binding_ack: false,
            max_bindings: 65_536,
            peers: path::Peers::default(),
            require_protection: false,
            ipv4_transport: path::Ipv4Transport::default(),
            localized_routing: path::Config::default(),
        }
    }
}

impl Config {
    /// The LMA of an MN.
    pub fn lma_of(&self, mn_id: &str) -> IpAddr {
        self.lma_by_mn_id.get(mn_id).copied().unwrap_or(self.lma)
    }

    /// Whether this address may speak to us as an LMA.
    pub fn is_lma(&self, address: IpAddr) -> bool {
        address == self.lma
            || self.lma_by_mn_id.values().any(|lma| *lma == address)
            || self.peers.is_lma(address)
    }
}
