//! What the box's own IP is made of.

use std::time::Duration;

use super::{Probed, least_mtu_bytes, ports, realm_of};
use crate::config::{self, Config, PortRole, Role};
use crate::net::{NetConfig, NetPort, RouterAdvertisementConfig};
use crate::program::most_overhead_bytes;

/// RFC 8200 section 5.
const LEAST_IPV6_MTU_BYTES: u16 = 1280;

/// The box's own IP.
pub(in crate::runtime) fn net(config: &Config, probed: &[Probed]) -> NetConfig {
    let domain = &config.domain;
    let port = |(port, probed): (&config::Port, Probed)| NetPort {
        number: probed.number,
        mac: probed.mac,
        mtu_bytes: port.mtu_bytes,
        addresses: port.ipv6().collect(),
        gateway: port.gateway,
        addresses4: port.ipv4().collect(),
        gateway4: port.gateway4,
        access_link_local: port
            .has(PortRole::Access)
            .then_some(domain.fixed_mag_link_local_address),
        transport: port.has(PortRole::Transport),
        network: port.has(PortRole::Network),
        realm: realm_of(config, port),
    };
    let statics = ports(config, probed).flat_map(|(port, probed)| {
        port.neighbours
            .iter()
            .map(move |known| (probed.number, known.address, known.mac.0))
    });
    let said = config
        .mag
        .as_ref()
        .map(|mag| mag.router_advertisement.clone())
        .unwrap_or_default();
    NetConfig {
        ports: ports(config, probed).map(port).collect(),
        neighbours: statics.collect(),
        max_neighbours: config.limits.max_neighbours_per_port as usize * config.ports.len(),
        max_links: config.limits.max_bindings as usize,
        router_advertisement: RouterAdvertisementConfig {
            mac: domain.fixed_mag_link_layer_address.0,
            autonomous: said.prefix_autonomous,
            interval: Duration::from_secs(
                (said.min_interval_s + said.max_interval_s)
                    .div_ceil(2)
                    .into(),
            ),
            router_lifetime: Duration::from_secs(said.router_lifetime_s.into()),
            current_hop_limit: said.current_hop_limit,
            mtu_bytes: tunnel_mtu_bytes(config).min(least_mtu_bytes(config, PortRole::Access)),
        },
        dns_servers: config
            .mag
            .as_ref()
            .map(|mag| mag.dhcp_dns_servers.clone())
            .unwrap_or_default(),
        dhcp_servers: config
            .mag
            .as_ref()
            .map(|mag| mag.dhcp_servers.clone())
            .unwrap_or_default(),
        unreachability_detection: Duration::from_secs(
            config
                .mag
                .as_ref()
                .map_or(0, |mag| mag.unreachability_detection_s)
                .into(),
        ),
        answer_into_tunnels: config.role == Role::Lma,
    }
}

/// Largest packet that every tunnel takes whole; hosts are told no less than an IPv6 link takes.
fn tunnel_mtu_bytes(config: &Config) -> u16 {
    let limit = config.dataplane.encapsulation_limit.is_some();
    let overhead = most_overhead_bytes(config.gre != config::Gre::Off, limit);
    least_mtu_bytes(config, PortRole::Transport)
        .saturating_sub(overhead)
        .max(LEAST_IPV6_MTU_BYTES)
}
