//! One configuration file, seen by each room: engine, workers, the box's own IP, the joint between them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dataplane::{DetectConfig, OwnAddress, RoleSet, WorkerConfig};
use ipnet::{IpNet, Ipv4Net};
use pmipv6::esp::SecurityPolicyDatabase;
use pmipv6::io::DhcpMode;
use pmipv6::wire::Numbering;
use pmipv6::{lma, mag, path};

use crate::config::{self, Config, IdlePolicy, MhMode, PeerPrefix, PortRole, Role};
use crate::net::{NetConfig, NetPort, RouterAdvertisementConfig};
use crate::program::{ProgramConfig, most_overhead_bytes};
use crate::record::EngineConfig;

/// RFC 8200 section 5.
const LEAST_IPV6_MTU_BYTES: u16 = 1280;
/// Path counters beyond the pairs: slots rest until the removal of their pair is applied.
const SPARE_PATHS: u32 = 1024;
/// Length of the prefix that an old LMA means where its Home Network Prefix option says 128 bits.
const LENIENT_HNP_BITS: u8 = 64;
/// Injected packets that a worker sends between two polls.
const INJECTS_PER_ITERATION: usize = 32;

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

/// What the engine of the node's role is made of; none for a role that this version has not.
pub(super) fn engine(config: &Config) -> Option<EngineConfig> {
    match config.role {
        Role::Mag => {
            let mag = mag_config(config, config.mag.as_ref()?);
            Some(EngineConfig::Mag(Box::new(mag)))
        }
        Role::Lma => {
            let lma = lma_config(config, config.lma.as_ref()?);
            Some(EngineConfig::Lma(Box::new(lma)))
        }
        Role::Cn => None,
    }
}

fn mag_config(config: &Config, mag: &config::Mag) -> mag::Config {
    mag::Config {
        address: own_address(config).into(),
        lma: mag.lma.into(),
        lma_by_mn_id: mag
            .lma_of
            .iter()
            .map(|(mn, lma)| (mn.clone(), (*lma).into()))
            .collect(),
        binding_lifetime_s: mag.binding_lifetime_s,
        re_registration_percent: mag.re_registration_percent,
        initial_binding_ack_timeout_ms: mag.initial_bindack_timeout_ms,
        max_binding_ack_timeout_ms: mag.max_bindack_timeout_ms,
        attach_timeout_ms: mag.attach_command_timeout_ms,
        fixed_link_local: Some(config.domain.fixed_mag_link_local_address),
        enable_mag_local_routing: mag.enable_mag_local_routing,
        timestamp_based_approach_in_use: config.domain.timestamp_based_approach_in_use,
        lenient_binding_ack: mag.lenient_binding_ack,
        lenient_hnp_length: LENIENT_HNP_BITS,
        peer_settings: peer_settings(config),
        heartbeat: heartbeat(config, lmas_of(mag)),
        gre: gre(config),
        max_bindings: config.limits.max_bindings as usize,
        peers: path::Peers {
            lmas: Vec::new(),
            mags: prefixes(&mag.peer_mags),
        },
        require_protection: require_protection(config),
        ipv4_transport: ipv4_transport(config),
        localized_routing: localized_routing(config),
    }
}

fn lma_config(config: &Config, lma: &config::Lma) -> lma::Config {
    let profile = |node: &config::MobileNode| lma::Profile {
        hnps: node.hnps.clone(),
        ipv4_hoa: node.ipv4_hoa,
        realm: node.realm.clone(),
        enabled: node.enabled,
        ipv6: node.ipv6,
        ipv4: node.ipv4,
        localized_routing: node.localized_routing,
    };
    let realm = |realm: &config::Realm| lma::Realm {
        name: realm.name.clone(),
        ipv4_pools: realm.ipv4_pools.clone(),
        ipv4_default_routers: routers(&realm.ipv4_default_routers),
        nai_realms: realm.nai_realms.clone(),
    };
    let peer = |peer: &config::PeerLma| lma::PeerLma {
        prefix: peer.prefix,
        lma: peer.lma.into(),
    };
    lma::Config {
        address: own_address(config).into(),
        hnp_pools: lma.hnp_pools.clone(),
        hnp_length: lma.hnp_length_bits,
        ipv4_pools: lma.ipv4_pools.clone(),
        ipv4_default_routers: routers(&lma.ipv4_default_routers),
        realms: lma.realms.iter().map(realm).collect(),
        dhcp: match lma.dhcp_mode {
            config::DhcpMode::Server => DhcpMode::Server,
            config::DhcpMode::Relay => DhcpMode::Relay,
        },
        profiles: lma
            .mobile_nodes
            .iter()
            .map(|mn| (mn.mn_id.clone(), profile(mn)))
            .collect(),
        accept_unknown_mns: lma.accept_unknown_mns,
        grant_requested_homes: lma.grant_requested_homes,
        peers: path::Peers {
            lmas: Vec::new(),
            mags: prefixes(&lma.authorised_mags),
        },
        timestamp_validity_window_ms: lma.timestamp_validity_window_ms,
        min_delay_before_bce_delete_ms: lma.min_delay_before_bce_delete_ms,
        max_delay_before_new_bce_assign_ms: lma.max_delay_before_new_bce_assign_ms,
        mobile_node_generated_timestamp_in_use: config
            .domain
            .mobile_node_generated_timestamp_in_use,
        peer_settings: peer_settings(config),
        heartbeat: heartbeat(config, hosts(&lma.authorised_mags)),
        gre: gre(config),
        init_min_delay_bris_ms: lma.revocation.init_min_delay_bris_ms,
        bri_max_retries_number: lma.revocation.bri_max_retries_number,
        max_brack_timeout_ms: lma.revocation.max_brack_timeout_ms,
        revoke_at_previous_mag: lma.revocation.at_previous_mag,
        max_binding_lifetime_s: lma.max_binding_lifetime_s,
        max_bindings: config.limits.max_bindings as usize,
        peer_lmas: lma.peer_lmas.iter().map(peer).collect(),
        require_protection: require_protection(config),
        ipv4_transport: ipv4_transport(config),
        localized_routing: localized_routing(config),
    }
}

/// Default routers by pool; the configuration's check reads every pool.
fn routers(named: &BTreeMap<String, Ipv4Addr>) -> BTreeMap<Ipv4Net, Ipv4Addr> {
    let read = |(pool, router): (&String, &Ipv4Addr)| Some((pool.parse().ok()?, *router));
    named.iter().filter_map(read).collect()
}

/// The realm that a port leads to the network of: an LMA's engine numbers them by their places, from 1.
fn realm_of(config: &Config, port: &config::Port) -> Option<dataplane::Realm> {
    let name = port.realm.as_ref()?;
    let realms = &config.lma.as_ref()?.realms;
    let place = realms.iter().position(|realm| realm.name == *name)?;
    dataplane::Realm::new(u16::try_from(place + 1).ok()?)
}

/// Whether the engine, too, drops everything that did not come in ESP: where no policy lets by anything
/// else. The boundary in front of it has dropped it before.
fn require_protection(config: &Config) -> bool {
    let security = config.security.as_ref();
    security.is_some_and(|of| !SecurityPolicyDatabase::new(of.boundary().policies).lets_clear_in())
}

/// Heartbeats; the restart counter comes with the start.
fn heartbeat(config: &Config, announce_to: Vec<IpAddr>) -> path::HeartbeatConfig {
    path::HeartbeatConfig {
        interval_s: config.heartbeat.interval_s,
        missing_allowed: config.heartbeat.missing_allowed,
        restart_counter: None,
        announce_to,
    }
}

fn lmas_of(mag: &config::Mag) -> Vec<IpAddr> {
    let mut lmas: Vec<IpAddr> = mag.lma_of.values().map(|lma| IpAddr::V6(*lma)).collect();
    lmas.push(mag.lma.into());
    lmas.sort_unstable();
    lmas.dedup();
    lmas
}

/// The peers that are named one by one; whoever is in a longer prefix hears of a restart with its next
/// heartbeat.
fn hosts(peers: &[PeerPrefix]) -> Vec<IpAddr> {
    let hosts = peers.iter().filter(|peer| peer.0.prefix_len() == 128);
    hosts.map(|peer| IpAddr::V6(peer.0.addr())).collect()
}

fn gre(config: &Config) -> path::Gre {
    match config.gre {
        config::Gre::Off => path::Gre::Off,
        config::Gre::Optional => path::Gre::Optional,
        config::Gre::Required => path::Gre::Required,
    }
}

fn peer_settings(config: &Config) -> BTreeMap<IpAddr, path::PeerSettings> {
    let settings = |peer: &config::PeerSettings| path::PeerSettings {
        lenient: peer.lenient,
        timestamp_based_approach_in_use: peer.timestamp_based_approach_in_use,
    };
    let peers = config.peers.iter();
    peers
        .map(|peer| (peer.address.into(), settings(peer)))
        .collect()
}

/// The part of both engines that is about paths.
pub(super) fn localized_routing(config: &Config) -> path::Config {
    let from = &config.localized_routing;
    path::Config {
        enabled: from.enabled,
        lifetime_s: from.lifetime_s,
        refresh_percent: from.refresh_percent,
        setup_timeout_ms: from.setup_timeout_ms,
        init_timeout_ms: from.init_timeout_ms,
        trigger_timeout_ms: from.trigger_timeout_ms,
        request_timeout_ms: from.request_timeout_ms,
        refresh_timeout_ms: from.refresh_timeout_ms,
        tries: from.tries,
        max_paths: config.limits.max_paths as usize,
        max_paths_per_mn: config.limits.max_paths_per_mn as usize,
        hold_off_s: from.hold_off_s,
        max_hold_off_s: from.hold_off_max_s,
        receive_grace_s: from.receive_grace_s,
        settle_s: from.settle_s,
        incapable_s: from.incapable_s,
        mag_requested: from.mag_requested,
        denied: from.denied.clone(),
        denied_peers: prefixes(&from.denied_peers),
        hand_back_s: from.hand_back_s,
    }
}

/// The part of both engines that is about IPv4 between the nodes.
fn ipv4_transport(config: &Config) -> path::Ipv4Transport {
    let from = &config.ipv4_transport;
    // The configuration's check asks for an address of ours towards every row.
    let row = |row: &config::Ipv4Peer| {
        Some(path::Ipv4Peer {
            peer: row.peer.0,
            address: row.address.0,
            local: row.local_of(config)?,
            nat: row.nat.iter().map(|nat| nat.0).collect(),
        })
    };
    path::Ipv4Transport {
        peers: from.peers.iter().filter_map(row).collect(),
        nat_keepalive_s: from.nat_keepalive_s,
        force_udp_encapsulation: from.force_udp_encapsulation,
        accept_forced_udp_encapsulation: from.accept_forced_udp_encapsulation,
        behind_nat: from.behind_nat,
    }
}

fn prefixes(peers: &[PeerPrefix]) -> Vec<IpNet> {
    peers.iter().map(|peer| IpNet::V6(peer.0)).collect()
}

/// Tunnels at once: one to a peer and one to spare, and with GRE one for every mobile node and every path (RFC
/// 5845 section 3).
fn tunnels(config: &Config) -> u32 {
    let limits = &config.limits;
    let keyed = match config.gre {
        config::Gre::Off => 0,
        config::Gre::Optional | config::Gre::Required => limits.max_bindings + limits.max_paths,
    };
    limits.max_peers + 1 + keyed
}

/// What every worker is made of. Dual-stack mobile nodes have two homes each, a path has two pairs.
pub(super) fn workers(config: &Config, probed: &[Probed]) -> WorkerConfig {
    let (limits, dataplane) = (&config.limits, &config.dataplane);
    let pairs = limits.max_paths.saturating_mul(2).max(2);
    let link_locals = ports(config, probed).filter(|(port, _)| !port.has(PortRole::Access));
    let link_locals = link_locals.map(|(_, probed)| OwnAddress {
        port: probed.number,
        address: crate::net::link_local(probed.mac).into(),
    });
    let globals = ports(config, probed).flat_map(|(port, probed)| {
        let number = probed.number;
        port.addresses.iter().map(move |own| OwnAddress {
            port: number,
            address: own.addr(),
        })
    });
    WorkerConfig {
        role: match config.role {
            Role::Mag => dataplane::Role::Mag,
            Role::Lma => dataplane::Role::Lma,
            Role::Cn => dataplane::Role::Cn,
        },
        burst_packets: dataplane.burst_packets.into(),
        homes: limits.max_bindings.saturating_mul(2),
        long_homes: limits.max_bindings,
        realm_homes: match (config.role, config.gre) {
            (Role::Lma, _) | (_, config::Gre::Off) => 1,
            _ => limits.max_bindings,
        },
        pairs,
        long_pairs: pairs / 2,
        tunnels: tunnels(config),
        links: limits.max_bindings,
        paths: pairs.saturating_add(SPARE_PATHS),
        updates_ring: dataplane.update_ring_entries as usize,
        inject_ring: dataplane.inject_ring_entries as usize,
        punt_ring: dataplane.punt_ring_entries as usize,
        events_ring: dataplane.event_ring_entries as usize,
        updates_per_iteration: dataplane.updates_per_iteration.into(),
        injects_per_iteration: INJECTS_PER_ITERATION,
        idle: match dataplane.idle_policy {
            IdlePolicy::Busy => dataplane::IdlePolicy::Busy,
            IdlePolicy::Sleep => dataplane::IdlePolicy::Sleep {
                after_empty_polls: dataplane.idle_after_empty_polls,
                sleep_us: dataplane.idle_sleep_us,
            },
        },
        ports: ports(config, probed)
            .map(|(port, probed)| port_role(config, port, probed))
            .collect(),
        own: globals.chain(link_locals).collect(),
        access_link_local: Some(config.domain.fixed_mag_link_local_address),
        access_mac: Some(config.domain.fixed_mag_link_layer_address.0),
        detect: detect(config),
        reassembly: dataplane::ReassemblyConfig::default(),
    }
}

fn port_role(config: &Config, port: &config::Port, probed: Probed) -> dataplane::PortRole {
    let roles = RoleSet {
        access: port.has(PortRole::Access),
        transport: port.has(PortRole::Transport),
        network: port.has(PortRole::Network),
    };
    dataplane::PortRole {
        port: probed.number,
        roles,
        mac: probed.mac,
        mtu_bytes: port.mtu_bytes,
        realm: realm_of(config, port),
    }
}

/// Detection costs a worker something a packet: it is on where the engine has use for it. An LMA's is
/// always on, so that localized routing can be switched on while it runs.
fn detect(config: &Config) -> DetectConfig {
    let (routing, detect) = (&config.localized_routing, &config.localized_routing.detect);
    let mag_detects = routing.enabled && routing.mag_requested
        || config
            .mag
            .as_ref()
            .is_some_and(|mag| mag.enable_mag_local_routing);
    DetectConfig {
        enabled: config.role == Role::Lma || mag_detects,
        report_after_packets: detect.after_packets,
        report_after_bytes: detect.after_bytes,
        within_ms: detect.within_ms,
        min_interval_ms: detect.min_report_interval_ms,
        max_tracked_pairs: detect.max_tracked_pairs,
        max_reports_per_s: detect.max_reports_per_s,
    }
}

/// The box's own IP.
pub(super) fn net(config: &Config, probed: &[Probed]) -> NetConfig {
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

/// The joint: what all tunnels and links have in common, and the workers' bounds.
pub(super) fn program(config: &Config, workers: &WorkerConfig) -> ProgramConfig {
    ProgramConfig {
        local: IpAddr::V6(own_address(config)),
        hop_limit: config.dataplane.outer_hop_limit,
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

/// Largest packet that every tunnel takes whole; hosts are told no less than an IPv6 link takes.
fn tunnel_mtu_bytes(config: &Config) -> u16 {
    let overhead = most_overhead_bytes(config.gre != config::Gre::Off);
    least_mtu_bytes(config, PortRole::Transport)
        .saturating_sub(overhead)
        .max(LEAST_IPV6_MTU_BYTES)
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
