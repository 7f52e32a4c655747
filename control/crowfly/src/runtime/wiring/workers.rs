//! What every worker is made of.

use dataplane::{DetectConfig, OwnAddress, RoleSet, WorkerConfig};

use super::{Probed, ports, realm_of};
use crate::config::{self, Config, IdlePolicy, PortRole, Role};

/// Pair-table entries of a path: there and back, in IPv6 and in IPv4. Mobile nodes with several prefixes each need
/// more (HL-10); a path that no longer fits is refused, status 130.
const PAIRS_PER_PATH: u32 = 4;
/// Path counters beyond the pairs: slots rest until the removal of their pair is applied.
const SPARE_PATHS: u32 = 1024;
/// Injected packets that a worker sends between two polls.
const INJECTS_PER_ITERATION: usize = 32;

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

/// What every worker is made of. Dual-stack mobile nodes have two homes each, prefixes of peer LMAs are homes too,
/// and so has a path both families. All of them may be of IPv4: whatever the joint's books let in has to fit the tables.
pub(in crate::runtime) fn workers(config: &Config, probed: &[Probed]) -> WorkerConfig {
    let (limits, dataplane) = (&config.limits, &config.dataplane);
    let elsewhere = config.lma.as_ref().map_or(0, |lma| lma.peer_lmas.len());
    let elsewhere = u32::try_from(elsewhere).unwrap_or(u32::MAX);
    let homes = limits
        .max_bindings
        .saturating_mul(2)
        .saturating_add(elsewhere);
    let pairs = limits.max_paths.max(1).saturating_mul(PAIRS_PER_PATH);
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
        homes,
        long_homes: homes,
        realm_homes: match (config.role, config.gre) {
            (Role::Lma, _) | (_, config::Gre::Off) => 1,
            _ => limits.max_bindings,
        },
        pairs,
        long_pairs: pairs,
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    /// Each MN may have both families or IPv4 alone, each path too, and no peer LMA's prefix takes the place of an MN.
    #[test]
    fn l_58_tables_hold_what_the_limits_promise_in_either_family() {
        let peers = ["2001:db8:200::/48", "10.2.0.0/16"]
            .map(|prefix| json!({ "prefix": prefix, "lma": "2001:db8:f::2" }));
        let text = json!({
            "role": "lma", "node_id": "lma1", "protection": "none",
            "limits": { "max_bindings": 10, "max_paths": 3 },
            "ports": [{ "device": "net_tap0", "name": "core", "roles": ["transport"],
                        "addresses": ["2001:db8:f::1/64"] }],
            "lma": { "ipv4_pools": ["10.1.0.0/16"], "authorised_mags": ["2001:db8:f::/64"], "peer_lmas": peers }
        });
        let config = Config::parse(&text.to_string(), Path::new("lma.json")).unwrap();
        let workers = workers(&config, &[]);
        assert_eq!((workers.homes, workers.long_homes), (22, 22));
        assert_eq!((workers.pairs, workers.long_pairs), (12, 12));
    }
}
