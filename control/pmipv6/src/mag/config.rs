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
    /// Take every LMA for an old one, see [`path::PeerSettings::lenient`].
    pub lenient_binding_ack: bool,
    /// LMAs that differ from the domain.
    pub peer_settings: BTreeMap<IpAddr, path::PeerSettings>,
    /// Length of the prefix that a lenient LMA means by a Home Network Prefix of 128 bits.
    pub lenient_hnp_length: u8,
    /// GRE keys (RFC 5845), of paths to other MAGs too (HL-29).
    pub gre: path::Gre,
    /// Heartbeats with LMAs (RFC 5847).
    pub heartbeat: path::HeartbeatConfig,
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
            peer_settings: BTreeMap::new(),
            lenient_hnp_length: 64,
            gre: path::Gre::Off,
            heartbeat: path::HeartbeatConfig::default(),
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

    /// Whether an LMA is taken for an old one.
    pub(super) fn is_lenient(&self, lma: IpAddr) -> bool {
        let settings = self.peer_settings.get(&lma);
        self.lenient_binding_ack || settings.is_some_and(|settings| settings.lenient)
    }

    /// Whether PBUs to an LMA are ordered by time.
    pub(super) fn uses_timestamps(&self, lma: IpAddr) -> bool {
        let settings = self.peer_settings.get(&lma);
        let chosen = settings.and_then(|settings| settings.timestamp_based_approach_in_use);
        chosen.unwrap_or(self.timestamp_based_approach_in_use)
    }

    /// Whether this address may speak to us as an LMA.
    pub fn is_lma(&self, address: IpAddr) -> bool {
        address == self.lma
            || self.lma_by_mn_id.values().any(|lma| *lma == address)
            || self.peers.is_lma(address)
    }
}
