//! The engines as they ship, configured for a domain.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::io::Engine;
use crate::lma::{self, LocalMobilityAnchor};
use crate::mag::{self, MobileAccessGateway};
use crate::path;

use super::layout::{Layout, Role};
use super::nat;
use super::network::NodeIndex;

/// The engine of a node.
#[must_use]
pub fn engine(layout: &Layout, node: NodeIndex, seed: u64) -> Box<dyn Engine> {
    match layout.role(node) {
        (Role::Lma, index) => Box::new(LocalMobilityAnchor::new(lma_config(layout, index), seed)),
        (Role::Mag, index) => Box::new(MobileAccessGateway::new(mag_config(layout, index), seed)),
    }
}

/// Configuration of an LMA, counted from 0.
#[must_use]
pub fn lma_config(layout: &Layout, index: usize) -> lma::Config {
    let timers = layout.timers;
    let others = (0..layout.lmas).filter(|other| *other != index);
    lma::Config {
        address: layout.address(layout.lma(index)),
        hnp_pools: vec![layout.anchored(index)],
        ipv4_pools: vec![layout.anchored_ipv4(index)],
        profiles: profiles(layout, index),
        peers: peers(layout),
        timestamp_validity_window_ms: 5_000,
        require_protection: layout.protected,
        ipv4_transport: ipv4_transport(layout, layout.lma(index)),
        min_delay_before_bce_delete_ms: timers.delete_delay_s * 1_000,
        max_binding_lifetime_s: timers.binding_lifetime_s,
        peer_lmas: others
            .flat_map(|other| {
                layout
                    .anchored_prefixes(other)
                    .map(|prefix| (other, prefix))
            })
            .map(|(other, prefix)| lma::PeerLma {
                prefix,
                lma: layout.address(layout.lma(other)),
            })
            .collect(),
        localized_routing: localized_routing(layout),
        ..lma::Config::default()
    }
}

/// Configuration of a MAG, counted from 0.
#[must_use]
pub fn mag_config(layout: &Layout, index: usize) -> mag::Config {
    let first = layout.lma(layout.default_anchor(index));
    let named = (0..layout.mobiles)
        .filter(|mobile| layout.lma(layout.anchor_of(*mobile)) != first && !layout.anchored_by_mag)
        .map(|mobile| {
            let lma = layout.lma(layout.anchor_of(mobile));
            (layout.mn_id(mobile), layout.address(lma))
        });
    mag::Config {
        address: layout.address(layout.mag(index)),
        lma: layout.address(first),
        lma_by_mn_id: named.collect(),
        require_protection: layout.protected,
        ipv4_transport: ipv4_transport(layout, layout.mag(index)),
        timestamp_based_approach_in_use: layout.skew_max_us == 0,
        binding_lifetime_s: layout.timers.binding_lifetime_s,
        peers: peers(layout),
        localized_routing: localized_routing(layout),
        ..mag::Config::default()
    }
}

fn profiles(layout: &Layout, lma: usize) -> BTreeMap<String, lma::Profile> {
    let own = (0..layout.mobiles).filter(|mobile| layout.anchor_of(*mobile) == lma);
    own.filter_map(|mobile| {
        let hnps = layout.hnps_of(mobile);
        let profile = lma::Profile {
            hnps,
            ..lma::Profile::default()
        };
        (!profile.hnps.is_empty()).then(|| (layout.mn_id(mobile), profile))
    })
    .collect()
}

fn localized_routing(layout: &Layout) -> path::Config {
    let timers = layout.timers;
    path::Config {
        lifetime_s: timers.ro_lifetime_s,
        hold_off_s: timers.hold_off_s,
        max_hold_off_s: timers.hold_off_max_s,
        mag_requested: layout.mag_detection,
        ..path::Config::default()
    }
}

/// Every other node, by one row each.
fn ipv4_transport(layout: &Layout, own: NodeIndex) -> path::Ipv4Transport {
    let others = (0..layout.lmas + layout.mags).filter(|other| *other != own);
    let row = |node: NodeIndex| {
        let IpAddr::V6(peer) = layout.address(node) else {
            return None;
        };
        let behind = layout.behind_nat.contains(&node);
        let nat = behind.then(|| layout.nat_address(node).into());
        Some(path::Ipv4Peer {
            peer: peer.into(),
            address: layout.ipv4_address(node).into(),
            local: layout.ipv4_address(own),
            nat: nat.into_iter().collect(),
        })
    };
    path::Ipv4Transport {
        peers: match layout.ipv4_transport {
            true => others.filter_map(row).collect(),
            false => Vec::new(),
        },
        nat_keepalive_s: nat::KEEPALIVE_S,
        ..path::Ipv4Transport::default()
    }
}

fn peers(layout: &Layout) -> path::Peers {
    let nets = |nodes: std::ops::Range<NodeIndex>| -> Vec<IpNet> {
        nodes
            .map(|node| IpNet::from(layout.address(node)))
            .collect()
    };
    path::Peers {
        lmas: nets(0..layout.lmas),
        mags: match layout.mags {
            0..=MANY => nets(layout.lmas..layout.lmas + layout.mags),
            _ => vec![all_mags(layout)],
        },
    }
}

/// More MAGs than this are named by one prefix.
const MANY: usize = 16;

fn all_mags(layout: &Layout) -> IpNet {
    let first: IpAddr = layout.address(layout.mag(0));
    IpNet::new_assert(first, 64).trunc()
}
