//! What concerns the whole node: its role, its domain, its bounds.

use std::net::Ipv6Addr;

use pmipv6::io::MacAddr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::MacSchema;

/// What the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Mobile Access Gateway (RFC 5213 section 6).
    Mag,
    /// Local Mobility Anchor (RFC 5213 section 5).
    Lma,
    /// Correspondent gateway: not in this version, refused by name.
    Cn,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mag => "mag",
            Self::Lma => "lma",
            Self::Cn => "cn",
        })
    }
}

/// How signalling is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// Not at all: whoever can send from a peer's address is believed.
    None,
    /// By ESP in transport mode (RFC 5213 section 4), with the peers and keys of `security`.
    Esp,
}

/// How the RO messages are numbered on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MhMode {
    /// Mobility Header types of their own, from `mh_base` up.
    Types,
    /// Sub-types inside the Experimental Mobility Header, type 11 (RFC 5096).
    Rfc5096,
}

/// What all nodes of the domain must agree on (RFC 5213 section 9.3, RFC 6543).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Domain {
    /// FixedMAGLinkLocalAddressOnAllAccessLinks (RFC 5213 section 9.3); RFC 6543's by default.
    pub fixed_mag_link_local_address: Ipv6Addr,
    /// FixedMAGLinkLayerAddressOnAllAccessLinks (RFC 5213 section 9.3); RFC 6543's by default.
    #[schemars(with = "MacSchema")]
    pub fixed_mag_link_layer_address: MacAddr,
    /// TimestampBasedApproachInUse (RFC 5213 section 9.3): a MAG's PBUs are ordered by time, otherwise by
    /// sequence number. An LMA goes by what a PBU has (section 5.5).
    pub timestamp_based_approach_in_use: bool,
    /// MobileNodeGeneratedTimestampInUse (RFC 5213 section 9.3): the LMA checks no validity window.
    pub mobile_node_generated_timestamp_in_use: bool,
    /// First Mobility Header type of the RO messages: even; this one and the eleven after it are used.
    #[schemars(range(min = 24, max = 244))]
    pub mh_base: u8,
    /// How the RO messages are numbered.
    pub mh_mode: MhMode,
}

impl Default for Domain {
    fn default() -> Self {
        Self {
            fixed_mag_link_local_address: Ipv6Addr::new(
                0xfe80, 0, 0, 0, 0x0200, 0x5eff, 0xfe00, 0x5213,
            ),
            fixed_mag_link_layer_address: MacAddr([0x00, 0x00, 0x5e, 0x00, 0x52, 0x13]),
            timestamp_based_approach_in_use: true,
            mobile_node_generated_timestamp_in_use: false,
            mh_base: 240,
            mh_mode: MhMode::Types,
        }
    }
}

/// What is bounded, and by how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Mobile nodes: entries of the binding cache or of the binding update list.
    #[schemars(range(min = 1, max = 4_194_304))]
    pub max_bindings: u32,
    /// Home network prefixes of one mobile node of `lma.mobile_nodes`.
    #[schemars(range(min = 1, max = 32))]
    pub max_homes_per_binding: u32,
    /// Localized paths, and pairs that have none and are remembered for that.
    #[schemars(range(min = 0, max = 4_194_304))]
    pub max_paths: u32,
    /// Localized paths of one mobile node.
    #[schemars(range(min = 1, max = 4_194_304))]
    pub max_paths_per_mn: u32,
    /// Peers: LMAs, MAGs.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_peers: u32,
    /// Neighbours that are resolved or being resolved (RFC 4861 section 5.1): so many for each port there is,
    /// which the ports share.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_neighbours_per_port: u32,
    /// Connections to the control socket.
    #[schemars(range(min = 1, max = 1024))]
    pub max_connections: u32,
    /// Requests of one connection that are being worked on; more are left unread.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_pending_requests: u32,
    /// Output queued for one connection; a reader that lets more collect loses the connection.
    #[schemars(range(min = 65_536, max = 268_435_456))]
    pub max_queued_output_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bindings: 65_536,
            max_homes_per_binding: 8,
            max_paths: 65_536,
            max_paths_per_mn: 1024,
            max_peers: 1024,
            max_neighbours_per_port: 4096,
            max_connections: 16,
            max_pending_requests: 1024,
            max_queued_output_bytes: 4 * 1024 * 1024,
        }
    }
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// A tracing filter: `info`, `warn,pmipv6=debug` ...
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
        }
    }
}

/// The control thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Longest sleep between two looks at the workers' rings.
    #[schemars(range(min = 10, max = 100_000))]
    pub poll_us: u32,
}

impl Default for Control {
    fn default() -> Self {
        Self { poll_us: 200 }
    }
}
