//! A port: a DPDK device and its part in the node.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use pmipv6::io::MacAddr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::{InterfaceAddressSchema, MacSchema};

/// What is reached through a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortRole {
    /// Mobile nodes (MAG).
    Access,
    /// The other nodes of the domain: tunnels and signalling.
    Transport,
    /// The Internet side (LMA).
    Network,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// DPDK's name of the device, or its PCI address: `0000:03:00.0`, `net_af_packet0`.
    pub device: String,
    /// The operator's name for it: letters, digits, `.`, `_`, `-`, at most 32, not a number.
    pub name: String,
    /// What is reached through it.
    #[schemars(length(min = 1, max = 3))]
    pub roles: Vec<PortRole>,
    /// Largest IP packet on the link, octets.
    #[serde(default = "mtu_bytes")]
    #[schemars(range(min = 1280, max = 9600))]
    pub mtu_bytes: u16,
    /// Our addresses with their on-link prefix; on transport and network ports.
    #[serde(default)]
    #[schemars(with = "Vec<InterfaceAddressSchema>", length(max = 16))]
    pub addresses: Vec<Ipv6Net>,
    /// Router for destinations that no on-link prefix covers.
    #[serde(default)]
    pub gateway: Option<Ipv6Addr>,
    /// Neighbours that need no discovery.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// Receive descriptors of a queue.
    #[serde(default = "descriptors")]
    #[schemars(range(min = 32, max = 32_768))]
    pub rx_descriptors: u16,
    /// Transmit descriptors of a queue.
    #[serde(default = "descriptors")]
    #[schemars(range(min = 32, max = 32_768))]
    pub tx_descriptors: u16,
}

/// A neighbour that needs no discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Its address.
    pub address: Ipv6Addr,
    /// Its link-layer address.
    #[schemars(with = "MacSchema")]
    pub mac: MacAddr,
}

impl Port {
    /// Whether the port has this role.
    #[must_use]
    pub fn has(&self, role: PortRole) -> bool {
        self.roles.contains(&role)
    }

    /// Whether `address` is a neighbour on this port's link: link-local, or in an on-link prefix.
    #[must_use]
    pub fn on_link(&self, address: Ipv6Addr) -> bool {
        address.is_unicast_link_local() || self.addresses.iter().any(|own| own.contains(&address))
    }
}

fn mtu_bytes() -> u16 {
    1500
}

fn descriptors() -> u16 {
    1024
}
