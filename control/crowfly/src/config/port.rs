//! A port: a DPDK device and its part in the node.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
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
    /// Our addresses with their on-link prefix; on transport and network ports. The first IPv6 address of the
    /// transport ports is the node's name to its peers, also where they are reached by IPv4 only (RFC 6279
    /// section 3.3).
    #[serde(default)]
    #[schemars(with = "Vec<InterfaceAddressSchema>", length(max = 16))]
    pub addresses: Vec<IpNet>,
    /// Router for destinations that no on-link prefix covers.
    #[serde(default)]
    pub gateway: Option<Ipv6Addr>,
    /// IPv4 router for destinations that no on-link prefix covers.
    #[serde(default)]
    pub gateway4: Option<Ipv4Addr>,
    /// Network port of an LMA: it leads to the network of this realm of `lma.realms`, by `gateway4`, and no IPv6
    /// comes or goes through it. A realm without a port is a counted drop, `dataplane.drop.realm-unreachable`,
    /// for all but packets between its mobile nodes.
    #[serde(default)]
    pub realm: Option<String>,
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
    /// Its address, IPv6 or IPv4.
    pub address: IpAddr,
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
    pub fn on_link(&self, address: IpAddr) -> bool {
        let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        link_local || self.addresses.iter().any(|own| own.contains(&address))
    }

    /// Our IPv6 addresses.
    pub fn ipv6(&self) -> impl Iterator<Item = Ipv6Net> + '_ {
        self.addresses.iter().filter_map(|own| match own {
            IpNet::V6(own) => Some(*own),
            IpNet::V4(_) => None,
        })
    }

    /// Our IPv4 addresses.
    pub fn ipv4(&self) -> impl Iterator<Item = Ipv4Net> + '_ {
        self.addresses.iter().filter_map(|own| match own {
            IpNet::V4(own) => Some(*own),
            IpNet::V6(_) => None,
        })
    }
}

fn mtu_bytes() -> u16 {
    1500
}

fn descriptors() -> u16 {
    1024
}
