//! What operators see of an LMA.

use std::net::IpAddr;
use std::time::Duration;

use super::LocalMobilityAnchor;
use super::state::{Path, PathState, Role, State};
use crate::io::{BindingView, PathView};
use crate::path::{EndsExt, is_v6};

/// Counters that are there from the start.
pub(super) const COUNTERS: &[&str] = &[
    "pmipv6.drop.ack-to-nothing",
    "pmipv6.drop.binding-error-to-nothing",
    "pmipv6.drop.bra-unmatched",
    "pmipv6.drop.checksum",
    "pmipv6.drop.deregistration-from-other-mag",
    "pmipv6.drop.deregistration-of-nothing",
    "pmipv6.drop.error-rate-limited",
    "pmipv6.drop.header-len",
    "pmipv6.drop.heartbeat-unmatched",
    "pmipv6.drop.malformed-field",
    "pmipv6.drop.malformed-option",
    "pmipv6.drop.not-a-proxy-registration",
    "pmipv6.drop.not-authorised",
    "pmipv6.drop.payload-proto",
    "pmipv6.drop.repeated-request",
    "pmipv6.drop.truncated",
    "pmipv6.drop.unaligned-options",
    "pmipv6.drop.unexpected-message",
    "pmipv6.drop.unknown-type",
    "pmipv6.drop.unprotected",
    "pmipv6.drop.wrong-interface",
    "pmipv6.lr.decided-again",
    "pmipv6.lr.failed",
    "pmipv6.lr.far-end-asked",
    "pmipv6.lr.far-end-overdue",
    "pmipv6.lr.followed-mn",
    "pmipv6.lr.held-off",
    "pmipv6.lr.known-pair",
    "pmipv6.lr.not-registered",
    "pmipv6.lr.peer-incapable",
    "pmipv6.lr.peer-lma-unknown",
    "pmipv6.lr.policy",
    "pmipv6.lr.realm",
    "pmipv6.lr.roles-exchanged",
    "pmipv6.lr.set-up-again",
    "pmipv6.lr.source-not-ours",
    "pmipv6.lr.table-full",
    "pmipv6.peer-lma.lookup",
    "pmipv6.peer.reached-otherwise",
    "pmipv6.peer.knows-no-heartbeat",
    "pmipv6.peer.restarted",
    "pmipv6.peer.silent",
    "pmipv6.registration.awaited",
    "pmipv6.registration.refused",
    "pmipv6.revocation.refused",
    "pmipv6.ro.answered-again",
    "pmipv6.ro.refused",
    "pmipv6.rx.pbu",
    "pmipv6.rx.ro-init-ack",
    "pmipv6.rx.ro-refresh",
    "pmipv6.rx.ro-trigger",
    "pmipv6.rx.ro-trigger-ack",
    "pmipv6.tx.pba",
    "pmipv6.tx.ro-init",
    "pmipv6.tx.ro-refresh-ack",
    "pmipv6.tx.ro-trigger",
    "pmipv6.tx.ro-trigger-ack",
    "pmipv6.update.no-room",
];

impl LocalMobilityAnchor {
    pub(super) fn binding_views(&self, now: Duration) -> Vec<BindingView> {
        let in_order = self.by_mn.values().flatten();
        in_order
            .filter_map(|id| self.bindings.get(id))
            .map(|entry| BindingView {
                mn_id: entry.mn_id.clone(),
                hnps: entry
                    .homes
                    .iter()
                    .filter(|home| is_v6(home))
                    .copied()
                    .collect(),
                ipv4_hoa: entry.ipv4_home().map(|hoa| IpAddr::V4(hoa).into()),
                realm: self.realm_name(entry),
                proxy_coa: Some(entry.proxy_coa),
                lma: None,
                link: None,
                lifetime_s: entry.until.saturating_sub(now).as_secs(),
                state: match entry.state {
                    State::Registered => "registered",
                    State::WaitingDeletion => "waiting-deletion",
                }
                .to_owned(),
            })
            .collect()
    }

    pub(super) fn path_views(&self, now: Duration) -> Vec<PathView> {
        let mut views: Vec<PathView> = self
            .paths
            .iter()
            .flat_map(|(_, path)| self.views_of(path, now))
            .collect();
        let without = self.hold_off.iter(now).filter(|held| {
            self.paths
                .find_towards(held.source, held.destination.addr())
                .is_none()
        });
        views.extend(without.map(|held| PathView {
            source: held.source,
            destination: held.destination,
            method: "localized".to_owned(),
            controller: None,
            peer: None,
            state: "none".to_owned(),
            lifetime_s: 0,
            why: Some(format!(
                "{}; held off for {} s",
                held.why,
                held.until.saturating_sub(now).as_secs()
            )),
        }));
        views.sort_by_key(|view| (view.source, view.destination));
        views
    }

    fn views_of(&self, path: &Path, now: Duration) -> Vec<PathView> {
        let controller = match path.role {
            Role::Delegated { controller } => controller,
            Role::Single | Role::Controller { .. } => self.config.address,
        };
        let source_mag = path
            .ends
            .source
            .homes
            .first()
            .and_then(|home| self.registered(home));
        let peer = source_mag.map(|entry| entry.proxy_coa).or(path.remote_mag);
        let lifetime_s = match path.until {
            Some(until) => until.saturating_sub(now).as_secs(),
            None => path.lifetime_s.into(),
        };
        let state = match path.state {
            PathState::SettingUp => "setting-up",
            PathState::Active => "active",
            PathState::Unconfirmed => "unconfirmed",
        };
        let pairs = path.ends.pairs().into_iter();
        pairs
            .map(|(source, destination)| PathView {
                source,
                destination,
                method: "localized".to_owned(),
                controller: Some(controller),
                peer,
                state: state.to_owned(),
                lifetime_s,
                why: None,
            })
            .collect()
    }
}
