//! What the engine of a role is made of.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use pmipv6::esp::SecurityPolicyDatabase;
use pmipv6::io::DhcpMode;
use pmipv6::{lma, mag, path};

use super::own_address;
use crate::config::{self, Config, PeerPrefix, Role};
use crate::record::EngineConfig;

/// Length of the prefix that an old LMA means where its Home Network Prefix option says 128 bits.
const LENIENT_HNP_BITS: u8 = 64;

/// What the engine of the node's role is made of; none for a role that this version has not.
pub(in crate::runtime) fn engine(config: &Config) -> Option<EngineConfig> {
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
        nai_realms: realm.nai_realms.clone(),
        ipv4_pools: realm.ipv4_pools.clone(),
        ipv4_default_routers: routers(&realm.ipv4_default_routers),
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
pub(in crate::runtime) fn localized_routing(config: &Config) -> path::Config {
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
