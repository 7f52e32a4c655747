//! One configuration file, seen by each room: engine, workers, the box's own IP, the joint between them.

mod engine;
mod net;
mod workers;

use std::net::{IpAddr, Ipv6Addr};

use dataplane::WorkerConfig;
use pmipv6::wire::Numbering;

use crate::config::{self, Config, MhMode, PortRole};
use crate::program::ProgramConfig;

pub(super) use engine::{engine, localized_routing};
pub(super) use net::net;
pub(super) use workers::workers;

/// A configured port that DPDK has: its number, and its link-layer address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) number: u16,
    pub(super) mac: [u8; 6],
}

/// The node's address towards its peers: LMAA or Proxy-CoA.
pub(super) fn own_address(config: &Config) -> Ipv6Addr {
    // The configuration's check asks for an address on every transport port.
    config
        .transport_addresses()
        .next()
        .map_or(Ipv6Addr::UNSPECIFIED, |(_, own)| own.addr())
}

/// How the RO messages are numbered.
pub(super) fn numbering(config: &Config) -> Numbering {
    Numbering {
        mh_base: config.domain.mh_base,
        rfc5096: config.domain.mh_mode == MhMode::Rfc5096,
    }
}

/// The joint: what all tunnels and links have in common, and the workers' bounds.
pub(super) fn program(config: &Config, workers: &WorkerConfig) -> ProgramConfig {
    ProgramConfig {
        local: IpAddr::V6(own_address(config)),
        hop_limit: config.dataplane.outer_hop_limit,
        encapsulation_limit: config.dataplane.encapsulation_limit,
        transport_mtu_bytes: least_mtu_bytes(config, PortRole::Transport),
        access_mtu_bytes: least_mtu_bytes(config, PortRole::Access),
        access_mac: config.domain.fixed_mag_link_layer_address.0,
        homes: workers.homes,
        pairs: workers.pairs,
        tunnels: workers.tunnels,
        links: workers.links,
        paths: workers.paths,
    }
}

/// The realm that a port leads to the network of: an LMA's engine numbers them by their places, from 1.
fn realm_of(config: &Config, port: &config::Port) -> Option<dataplane::Realm> {
    let name = port.realm.as_ref()?;
    let realms = &config.lma.as_ref()?.realms;
    let place = realms.iter().position(|realm| realm.name == *name)?;
    dataplane::Realm::new(u16::try_from(place + 1).ok()?)
}

fn least_mtu_bytes(config: &Config, role: PortRole) -> u16 {
    let with_role = config.ports.iter().filter(|port| port.has(role));
    with_role
        .map(|port| port.mtu_bytes)
        .min()
        .unwrap_or(u16::MAX)
}

/// Configured ports with what DPDK says of them; both lists are in the configuration's order.
fn ports<'a>(
    config: &'a Config,
    probed: &'a [Probed],
) -> impl Iterator<Item = (&'a config::Port, Probed)> {
    config.ports.iter().zip(probed.iter().copied())
}
