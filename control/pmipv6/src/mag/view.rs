//! What operators see of a MAG.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::{BindingUpdateListEntry, Path, PathState, State};
use crate::io::{BindingView, PathView};
use crate::path::{EndsExt, is_v6};

/// Counters that are there from the start.
pub(super) const COUNTERS: &[&str] = &[
    "pmipv6.drop.ack-to-nothing",
    "pmipv6.drop.binding-error-to-nothing",
    "pmipv6.drop.bra-unmatched",
    "pmipv6.drop.checksum",
    "pmipv6.drop.error-rate-limited",
    "pmipv6.drop.header-len",
    "pmipv6.drop.heartbeat-unmatched",
    "pmipv6.drop.malformed-field",
    "pmipv6.drop.malformed-option",
    "pmipv6.drop.not-authorised",
    "pmipv6.drop.payload-proto",
    "pmipv6.drop.pba-mismatch",
    "pmipv6.drop.pba-unmatched",
    "pmipv6.drop.repeated-request",
    "pmipv6.drop.truncated",
    "pmipv6.drop.unaligned-options",
    "pmipv6.drop.unexpected-message",
    "pmipv6.drop.unknown-type",
    "pmipv6.drop.unprotected",
    "pmipv6.drop.wrong-interface",
    "pmipv6.ro.answered-again",
    "pmipv6.ro.parked",
    "pmipv6.ro.refused",
    "pmipv6.nat.detected",
    "pmipv6.nat.keepalive",
    "pmipv6.peer.reached-otherwise",
    "pmipv6.peer.knows-no-heartbeat",
    "pmipv6.peer.restarted",
    "pmipv6.peer.silent",
    "pmipv6.local-routing.realm-unknown",
    "pmipv6.registration.ipv4-not-served",
    "pmipv6.revocation.refused",
    "pmipv6.rx.pba",
    "pmipv6.rx.ro-init",
    "pmipv6.rx.ro-refresh-ack",
    "pmipv6.rx.ro-setup",
    "pmipv6.rx.ro-setup-ack",
    "pmipv6.tx.pbu",
    "pmipv6.tx.ro-init-ack",
    "pmipv6.tx.ro-refresh",
    "pmipv6.tx.ro-setup",
    "pmipv6.tx.ro-setup-ack",
    "pmipv6.update.no-room",
];

pub(super) fn binding(mn_id: &str, entry: &BindingUpdateListEntry, now: Duration) -> BindingView {
    BindingView {
        mn_id: mn_id.to_owned(),
        hnps: entry
            .homes
            .iter()
            .filter(|home| is_v6(home))
            .copied()
            .collect(),
        ipv4_hoa: entry.ipv4_home().map(|hoa| IpAddr::V4(hoa).into()),
        realm: None,
        proxy_coa: None,
        lma: Some(entry.lma),
        link: Some(entry.link),
        lifetime_s: entry.until.saturating_sub(now).as_secs(),
        state: match entry.state {
            State::Registering => "registering",
            State::Registered => "registered",
            State::Deregistering => "deregistering",
        }
        .to_owned(),
    }
}

/// Seconds until a path ends; 65535 where it never does, 0 where it was never granted.
fn lifetime_left_s(path: &Path, now: Duration) -> u64 {
    match (path.until, path.state) {
        (Some(until), _) => until.saturating_sub(now).as_secs(),
        (None, PathState::Active | PathState::ReceivingOnly) => u16::MAX.into(),
        (None, PathState::SettingUp | PathState::Ending) => 0,
    }
}

impl MobileAccessGateway {
    pub(super) fn path_views(&self, now: Duration) -> Vec<PathView> {
        let mut views: Vec<PathView> = self
            .paths
            .iter()
            .flat_map(|(_, path)| {
                let pairs = path.ends.pairs().into_iter();
                pairs.map(|pair| path_view(path, pair, now))
            })
            .collect();
        let without = self.hold_off.iter(now).filter(|held| {
            let towards = self
                .paths
                .find_towards(held.source, held.destination.addr());
            towards.is_none()
        });
        views.extend(self.switched_views());
        views.extend(without.map(|held| PathView {
            source: held.source,
            destination: held.destination,
            method: "localized".to_owned(),
            controller: None,
            peer: None,
            state: "none".to_owned(),
            lifetime_s: 0,
            why: Some(held.why.clone()),
        }));
        views.sort_by_key(|view| (view.source, view.destination));
        views
    }
}

fn path_view(path: &Path, (source, destination): (IpNet, IpNet), now: Duration) -> PathView {
    PathView {
        source,
        destination,
        method: "localized".to_owned(),
        controller: path.controller,
        peer: Some(path.peer),
        state: match path.state {
            PathState::SettingUp => "setting-up",
            PathState::Active => "active",
            PathState::ReceivingOnly => "receiving-only",
            PathState::Ending => "ending",
        }
        .to_owned(),
        lifetime_s: lifetime_left_s(path, now),
        why: None,
    }
}
