//! What a worker is told once, before it runs. Every bound of the worker stands here, with its unit.

use std::net::{IpAddr, Ipv6Addr};

use thiserror::Error;

pub use crate::update::OwnAddress;
use crate::update::Realm;

/// Ports that a worker can know (DPDK's `RTE_MAX_ETHPORTS`).
pub const MAX_PORTS: usize = 32;
/// Own addresses that a worker can know.
pub const MAX_OWN_ADDRESSES: usize = 64;
/// Entries of one table: an index has 30 bits.
pub const MAX_TABLE_ENTRIES: u32 = 1 << 28;
/// Packets of one burst.
pub const MAX_BURST_PACKETS: usize = 64;
/// Packets in reassembly at once.
pub const MAX_REASSEMBLY_PACKETS: u32 = 4_096;
/// Longest time for a reassembly (RFC 8200 section 4.5).
pub const MAX_REASSEMBLY_MS: u32 = 60_000;
/// Slots of one ring.
pub const MAX_RING_SLOTS: usize = 1 << 20;
/// The fixed link-layer address of a MAG on all access links (RFC 6543 section 4).
pub const FIXED_ACCESS_MAC: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x52, 0x13];
/// The fixed link-local address of a MAG on all access links (RFC 6543 section 4).
pub const FIXED_ACCESS_LINK_LOCAL: Ipv6Addr =
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0200, 0x5eff, 0xfe00, 0x5213);

/// What the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Mobile access gateway: homes are `Attached`.
    Mag,
    /// Local mobility anchor: homes are `Anchored`, `Suspended` or `PeerAnchored`.
    Lma,
    /// Correspondent gateway: like a MAG toward its served addresses, but what no pair takes goes to
    /// the network as it is, and comes from there as it is.
    Cn,
}

/// What is on the other side of a port; a port may be several things at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleSet {
    /// Mobile nodes.
    pub access: bool,
    /// MAGs and LMAs: tunnels and signalling.
    pub transport: bool,
    /// The Internet side of an LMA or CN.
    pub network: bool,
}

impl RoleSet {
    /// Mobile nodes only.
    pub const ACCESS: Self = Self {
        access: true,
        transport: false,
        network: false,
    };
    /// Tunnels and signalling only.
    pub const TRANSPORT: Self = Self {
        access: false,
        transport: true,
        network: false,
    };
    /// The Internet side only.
    pub const NETWORK: Self = Self {
        access: false,
        transport: false,
        network: true,
    };

    /// Both of them.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            access: self.access || other.access,
            transport: self.transport || other.transport,
            network: self.network || other.network,
        }
    }
}

/// A port and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRole {
    /// DPDK port number.
    pub port: u16,
    /// What is on the other side.
    pub roles: RoleSet,
    /// Our link-layer address: frames to any other unicast address are dropped and counted.
    pub mac: [u8; 6],
    /// Largest IP packet, octets.
    pub mtu_bytes: u16,
    /// Network port of a realm: IPv4 packets from there are of it, and there are no IPv6 ones.
    pub realm: Option<Realm>,
}

/// What a worker does when its ports are silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdlePolicy {
    /// Poll on: shortest latency, a whole core.
    Busy,
    /// Sleep after some empty polls: for a lab where cores are shared.
    Sleep {
        /// Empty polls of all queues in a row before the first sleep.
        after_empty_polls: u32,
        /// Length of one sleep.
        sleep_us: u32,
    },
}

/// How "this pair talks" is noticed and how often it is said. Bounded in memory and in rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectConfig {
    /// Notice at all. LMA: pairs of homes. MAG: uplink packets that no pair took.
    pub enabled: bool,
    /// Packets of a pair before it is reported; 0: packets do not count.
    pub report_after_packets: u32,
    /// Octets of a pair's packets, from their IP headers on, before it is reported; 0: octets do not count.
    pub report_after_bytes: u64,
    /// Within this time; 0: however long it takes.
    pub within_ms: u32,
    /// Between two reports of one pair.
    pub min_interval_ms: u32,
    /// Pairs that are watched at once; rounded up to a power of two.
    pub max_tracked_pairs: u32,
    /// Reports of all pairs together.
    pub max_reports_per_s: u32,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            report_after_packets: 1,
            report_after_bytes: 0,
            within_ms: 0,
            min_interval_ms: 1_000,
            max_tracked_pairs: 4_096,
            max_reports_per_s: 1_000,
        }
    }
}

/// Fragments of packets to the node itself that wait for the rest. Bounded in memory and in time: a packet has
/// at most [`dpdk::MAX_FRAGMENTS`] fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblyConfig {
    /// Packets at once, up to [`MAX_REASSEMBLY_PACKETS`].
    pub packets: u32,
    /// From a packet's first fragment to its last. Short of the 60 s of RFC 8200 section 4.5: an
    /// identification of 16 bits comes round within that time on a fast path (RFC 4963).
    pub timeout_ms: u32,
}

impl Default for ReassemblyConfig {
    fn default() -> Self {
        Self {
            packets: 128,
            timeout_ms: 1_000,
        }
    }
}

/// Everything a worker is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// What the node is.
    pub role: Role,
    /// Packets asked of a receive queue at once, up to [`MAX_BURST_PACKETS`]; rounded up to 16, 32 or 64.
    pub burst_packets: usize,
    /// Capacity for homes, of whatever kind.
    pub homes: u32,
    /// Of these, homes longer than /64 and IPv4 home addresses.
    pub long_homes: u32,
    /// Of the latter, IPv4 homes of realms that a MAG or CN has attached.
    pub realm_homes: u32,
    /// Capacity for pairs, of whatever kind.
    pub pairs: u32,
    /// Of these, pairs with an end longer than /64 or of IPv4.
    pub long_pairs: u32,
    /// Tunnel slots.
    pub tunnels: u32,
    /// Link slots.
    pub links: u32,
    /// Path counter slots.
    pub paths: u32,
    /// Slots of the ring control -> worker, updates.
    pub updates_ring: usize,
    /// Slots of the ring control -> worker, packets.
    pub inject_ring: usize,
    /// Slots of the ring worker -> control, packets.
    pub punt_ring: usize,
    /// Slots of the ring worker -> control, facts.
    pub events_ring: usize,
    /// Updates applied between two polls of the ports.
    pub updates_per_iteration: usize,
    /// Injected packets sent between two polls of the ports.
    pub injects_per_iteration: usize,
    /// What to do when the ports are silent.
    pub idle: IdlePolicy,
    /// The ports, each named once.
    pub ports: Vec<PortRole>,
    /// The node's own addresses. A link-local address counts on its port only, another on every port.
    pub own: Vec<OwnAddress>,
    /// Our link-local address on all access ports (RFC 6543).
    pub access_link_local: Option<Ipv6Addr>,
    /// Our link-layer address on all access ports, beside the port's own (RFC 6543).
    pub access_mac: Option<[u8; 6]>,
    /// "This pair talks".
    pub detect: DetectConfig,
    /// Fragments of packets to the node itself.
    pub reassembly: ReassemblyConfig,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            role: Role::Mag,
            burst_packets: 32,
            homes: 65_536,
            long_homes: 4_096,
            realm_homes: 256,
            pairs: 65_536,
            long_pairs: 4_096,
            tunnels: 4_096,
            links: 65_536,
            paths: 65_536,
            updates_ring: 4_096,
            inject_ring: 1_024,
            punt_ring: 1_024,
            events_ring: 1_024,
            updates_per_iteration: 32,
            injects_per_iteration: 32,
            idle: IdlePolicy::Busy,
            ports: Vec::new(),
            own: Vec::new(),
            access_link_local: Some(FIXED_ACCESS_LINK_LOCAL),
            access_mac: Some(FIXED_ACCESS_MAC),
            detect: DetectConfig::default(),
            reassembly: ReassemblyConfig::default(),
        }
    }
}

/// Why a worker cannot be made of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A size is zero or above its bound.
    #[error("`{key}` is {value}; it must be between 1 and {max}")]
    OutOfRange {
        /// Field of [`WorkerConfig`].
        key: &'static str,
        /// What it is.
        value: u64,
        /// What it may be.
        max: u64,
    },
    /// A port number above [`MAX_PORTS`].
    #[error("port {0} is out of range: at most {MAX_PORTS} ports")]
    PortOutOfRange(u16),
    /// A port named twice.
    #[error("port {0} is named twice")]
    PortTwice(u16),
    /// No port at all.
    #[error("a worker needs at least one port")]
    NoPorts,
    /// Too many own addresses.
    #[error("{0} own addresses; at most {MAX_OWN_ADDRESSES}")]
    TooManyAddresses(usize),
    /// An own address that cannot be one.
    #[error("own address {0} is unspecified or multicast")]
    BadAddress(IpAddr),
}

impl WorkerConfig {
    /// Whether a worker can be made of it.
    ///
    /// # Errors
    /// The first key that is out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_sizes()?;
        if self.ports.is_empty() {
            return Err(ConfigError::NoPorts);
        }
        let mut seen = [false; MAX_PORTS];
        for port in &self.ports {
            let slot = seen
                .get_mut(usize::from(port.port))
                .ok_or(ConfigError::PortOutOfRange(port.port))?;
            if std::mem::replace(slot, true) {
                return Err(ConfigError::PortTwice(port.port));
            }
        }
        if self.own.len() > MAX_OWN_ADDRESSES {
            return Err(ConfigError::TooManyAddresses(self.own.len()));
        }
        match self
            .own
            .iter()
            .find(|own| own.address.is_unspecified() || own.address.is_multicast())
        {
            Some(own) => Err(ConfigError::BadAddress(own.address)),
            None => Ok(()),
        }
    }

    fn validate_sizes(&self) -> Result<(), ConfigError> {
        let entries = u64::from(MAX_TABLE_ENTRIES);
        let slots = MAX_RING_SLOTS as u64;
        let sizes = [
            (
                "burst_packets",
                self.burst_packets as u64,
                MAX_BURST_PACKETS as u64,
            ),
            ("homes", self.homes.into(), entries),
            ("long_homes", self.long_homes.into(), entries),
            ("realm_homes", self.realm_homes.into(), entries),
            ("pairs", self.pairs.into(), entries),
            ("long_pairs", self.long_pairs.into(), entries),
            ("tunnels", self.tunnels.into(), entries),
            ("links", self.links.into(), entries),
            ("paths", self.paths.into(), entries),
            ("updates_ring", self.updates_ring as u64, slots),
            ("inject_ring", self.inject_ring as u64, slots),
            ("punt_ring", self.punt_ring as u64, slots),
            ("events_ring", self.events_ring as u64, slots),
            (
                "updates_per_iteration",
                self.updates_per_iteration as u64,
                slots,
            ),
            (
                "injects_per_iteration",
                self.injects_per_iteration as u64,
                slots,
            ),
            (
                "detect.max_tracked_pairs",
                self.detect.max_tracked_pairs.into(),
                entries,
            ),
            (
                "reassembly.packets",
                self.reassembly.packets.into(),
                MAX_REASSEMBLY_PACKETS.into(),
            ),
            (
                "reassembly.timeout_ms",
                self.reassembly.timeout_ms.into(),
                MAX_REASSEMBLY_MS.into(),
            ),
        ];
        for (key, value, max) in sizes {
            if value == 0 || value > max {
                return Err(ConfigError::OutOfRange { key, value, max });
            }
        }
        Ok(())
    }
}
