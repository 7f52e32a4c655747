//! The RO Controller (draft sections 4.1 to 4.4): RO Init, and again whenever an MN moves.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::detection::Plan;
use super::nat::BOTH_BEHIND_NATS;
use super::state::{Owner, Path, PathState, Role, Timer};
use super::timer::Failure;
use crate::io::{Event, UpdateNumber};
use crate::path::{Draft, Ends, EndsExt, PathId};
use crate::wire::iana::ro_status;
use crate::wire::message::{RoAck, RoKind, RoRequest};
use crate::wire::options::timestamp;

/// First status that refuses.
pub(super) const REFUSED: u8 = 128;
/// How often a decision is made again because it came out stale.
const MAX_CORRECTIONS: u8 = 2;
/// RO_Lifetime of a path that does not end (HL-5).
pub(super) const INFINITE: u16 = 0xffff;

impl LocalMobilityAnchor {
    pub(super) fn set_up(&mut self, plan: Plan) -> PathId {
        let (ends, role, found_in) = match plan {
            Plan::Single(ends) => (ends, Role::Single, None),
            Plan::Delegate(ends, peer) => {
                let role = Role::Delegated {
                    controller: peer.lma,
                };
                (ends, role, Some(peer.prefix))
            }
        };
        let id = self.insert_path(ends, role);
        if let Some(path) = self.paths.get_mut(id) {
            path.found_in = found_in;
        }
        self.pursue(id, false, 0);
        id
    }

    pub(super) fn insert_path(&mut self, ends: Ends, role: Role) -> PathId {
        self.paths.insert(Path {
            ends,
            role,
            found_in: None,
            said_nat: false,
            turned: false,
            remote_mag: None,
            remote_timestamp: None,
            own_timestamp: None,
            state: PathState::SettingUp,
            lifetime_s: 0,
            until: None,
            request: None,
            asked: None,
            since: self.node.mono(),
            up_since: None,
            corrections: 0,
            heard: [self.node.mono(); 2],
            strays: None,
        })
    }

    /// Makes the path be as bindings are now: RO Init where we control it, RO Trigger where a peer does.
    /// What is still under way about it is void (HL-17).
    pub(super) fn pursue(&mut self, id: PathId, handover: bool, number: UpdateNumber) {
        let now = self.node.mono();
        self.cancel_request(id);
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.since = now;
        match path.role {
            Role::Delegated { controller } => self.send_trigger(id, controller, handover, number),
            Role::Single | Role::Controller { .. } => self.send_init(id, handover, number),
        }
    }

    fn send_init(&mut self, id: PathId, handover: bool, number: UpdateNumber) {
        let Some(path) = self.paths.get(id) else {
            return;
        };
        let ends = &path.ends;
        let mag_of = |homes: &[IpNet]| {
            homes
                .first()
                .and_then(|home| self.registered(home))
                .map(|entry| entry.proxy_coa)
        };
        let source_mag = mag_of(&ends.source.homes).or(path.remote_mag);
        // An MN between two MAGs: it goes on when the new one registers it.
        let (Some(source_mag), Some(destination_mag)) =
            (source_mag, mag_of(&ends.destination.homes))
        else {
            return;
        };
        let policy = &self.config.localized_routing;
        if policy.denies_peer(source_mag) || policy.denies_peer(destination_mag) {
            return self.set_up_denied(id);
        }
        match self.in_speaking_order(id, source_mag, destination_mag) {
            Some((source, destination)) => {
                self.init_between(id, handover, number, source, destination);
            }
            None => self.set_up_failed(id, None, BOTH_BEHIND_NATS, false),
        }
    }

    fn init_between(
        &mut self,
        id: PathId,
        handover: bool,
        number: UpdateNumber,
        source_mag: IpAddr,
        destination_mag: IpAddr,
    ) {
        let mono = self.node.mono();
        if !self
            .node
            .peers
            .knows_localized_routing(mono, destination_mag)
        {
            return self.on_set_up_unanswered(id, Failure::KnowsNot);
        }
        let Some(ends) = self.paths.get(id).map(|path| path.ends.clone()) else {
            return;
        };
        let lifetime = self.lifetime_for(&ends, u16::MAX);
        let timestamp = self.clock.tick(self.node.now.wall);
        let draft = Draft {
            peer: destination_mag,
            kind: RoKind::Init,
            handover,
            lifetime,
            options: self
                .node
                .reach
                .beside(source_mag, ends.options(Some(source_mag), Some(timestamp))),
            owner: Owner::Init(id),
        };
        let request = self.node.ask(&self.config.localized_routing, number, draft);
        self.set_pending(id, request, lifetime);
    }

    pub(super) fn set_pending(
        &mut self,
        id: PathId,
        request: crate::path::RequestId,
        lifetime: u16,
    ) {
        if let Some(path) = self.paths.get_mut(id) {
            path.request = Some(request);
            path.state = PathState::SettingUp;
            path.lifetime_s = lifetime;
        }
        // Whatever comes of it, the MAGs may hold the path this long.
        self.arm_path_end(id, lifetime);
    }

    /// HL-5: no longer than what is left of the MNs' bindings, as far as they are ours.
    pub(super) fn lifetime_for(&self, ends: &Ends, asked: u16) -> u16 {
        let homes = [ends.source.homes.first(), ends.destination.homes.first()];
        let left = homes
            .into_iter()
            .flatten()
            .filter_map(|home| self.registered(home))
            .map(|entry| u16::try_from(self.left_s(entry).max(1)).unwrap_or(u16::MAX))
            .min();
        let granted = asked.min(self.config.localized_routing.lifetime_s);
        granted.min(left.unwrap_or(granted))
    }

    /// The path ends then at the latest, unless it is refreshed.
    pub(super) fn arm_path_end(&mut self, id: PathId, lifetime_s: u16) {
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        if lifetime_s == INFINITE {
            path.until = None;
            return self.timers.cancel(&Timer::PathEnd(id));
        }
        let end = now + Duration::from_secs(lifetime_s.into());
        // A MAG that was granted more before may hold the path longer.
        let end = path.until.map_or(end, |until| until.max(end));
        path.until = Some(end);
        self.timers.set(Timer::PathEnd(id), end);
    }

    pub(super) fn on_init_ack(&mut self, id: PathId, request: &RoRequest, ack: &RoAck) {
        if let Some(path) = self.paths.get_mut(id) {
            path.request = None;
        }
        if self.decided_again(id, request, ack) {
            return;
        }
        if ack.status >= REFUSED {
            // 132 and 129: the MAG holds nothing of it any more. Otherwise it did not get so far.
            if self.is_other_way_open(id, ack.status) {
                self.exchange_roles(id);
                return self.pursue(id, request.handover, 0);
            }
            let rolled_back = matches!(
                ack.status,
                ro_status::PEER_MAG_REFUSED_OR_SILENT | ro_status::MN_NOT_ATTACHED
            );
            let why = format!("destination's MAG refused: {}", ro_status::name(ack.status));
            return self.set_up_failed(id, Some(ack.status), &why, rolled_back);
        }
        let granted = match ack.lifetime {
            0 => request.lifetime,
            lifetime => lifetime.min(request.lifetime),
        };
        self.path_up(id, granted);
    }

    /// Status 135 with a Timestamp: something later than our decision is known there, from before we lost
    /// our state or from another LMA. We decide again, after it (HL-17, as 157 in RFC 5213 section 5.5).
    pub(super) fn decided_again(&mut self, id: PathId, request: &RoRequest, ack: &RoAck) -> bool {
        let told = ack.status == ro_status::STALE && timestamp(&ack.options).is_some();
        let Some(path) = self.paths.get_mut(id).filter(|_| told) else {
            return false;
        };
        if path.corrections >= MAX_CORRECTIONS {
            return false;
        }
        path.corrections += 1;
        self.node.count("pmipv6.lr.decided-again");
        self.pursue(id, request.handover, 0);
        true
    }

    /// The path stands: tell operators and, if it asked, the peer LMA (L-40).
    pub(super) fn path_up(&mut self, id: PathId, lifetime_s: u16) {
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.state = PathState::Active;
        path.lifetime_s = lifetime_s;
        path.up_since = Some(now);
        path.heard = [now; 2];
        path.corrections = 0;
        path.turned = false;
        path.strays = None;
        path.until = None;
        let (asked, ends) = (path.asked.take(), path.ends.clone());
        let (source, destination) = ends.shown();
        let setup_us = now.saturating_sub(path.since).as_micros() as u64;
        self.arm_path_end(id, lifetime_s);
        for (a, b) in ends.pairs() {
            self.hold_off.clear(a, b);
        }
        if let Some(asked) = asked {
            // Tells the peer LMA from when on it must not believe an older trigger of ours (HL-17).
            let timestamp = self.clock.tick(self.node.now.wall);
            if let Some(path) = self.paths.get_mut(id) {
                path.own_timestamp = Some(timestamp);
            }
            let options = ends.options(None, Some(timestamp));
            self.node
                .answer(0, asked, ro_status::SUCCESS, lifetime_s, options);
        }
        self.node.notify(Event::PathUp {
            source,
            destination,
            peer: None,
            setup_us,
        });
    }

    /// A set-up was refused. Where the refusing MAG may still hold an older path of the pair, that one is
    /// taken down.
    pub(super) fn set_up_failed(&mut self, id: PathId, status: Option<u8>, why: &str, gone: bool) {
        let was_up = self
            .paths
            .get(id)
            .is_some_and(|path| path.up_since.is_some());
        self.tell_failure(id, status, why);
        if was_up && !gone {
            self.withdraw(id);
        } else {
            self.forget_path(id);
        }
    }

    /// An MN of the pair is at a MAG that policy wants no path with.
    pub(super) fn set_up_denied(&mut self, id: PathId) {
        self.node.count("pmipv6.lr.policy");
        let why = "policy of an MN's MAG";
        self.set_up_failed(id, Some(ro_status::NOT_ALLOWED), why, false);
    }

    /// Nobody answered the set-up. It may have succeeded all the same: the path is remembered, so that it
    /// follows the MNs, and withdrawn.
    pub(super) fn on_set_up_unanswered(&mut self, id: PathId, how: Failure) {
        if let Some(path) = self.paths.get_mut(id) {
            path.request = None;
        }
        self.tell_failure(id, None, how.why());
        match how {
            Failure::Silent => self.withdraw(id),
            Failure::KnowsNot => self.forget_path(id),
        }
    }

    fn tell_failure(&mut self, id: PathId, status: Option<u8>, why: &str) {
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (asked, ends) = (path.asked.take(), path.ends.clone());
        let (source, destination) = ends.shown();
        let length = self
            .hold_off
            .failed(now, source, destination, why.to_owned());
        self.node.count("pmipv6.lr.failed");
        self.node.notify(Event::PathRefused {
            source,
            destination,
            status,
            reason: format!("{why}; held off for {} s", length.as_secs()),
        });
        if let Some(asked) = asked {
            let status = status.unwrap_or(ro_status::PEER_MAG_REFUSED_OR_SILENT);
            self.node
                .answer(0, asked, status, 0, ends.options(None, None));
        }
    }

    /// An MN of ours is registered anew: each of its paths follows it (L-47, L-52, L-55, L-56).
    pub(super) fn on_mn_moved(&mut self, homes: &[IpNet], number: UpdateNumber) {
        for id in self.paths.of_homes(homes) {
            self.node.count("pmipv6.lr.followed-mn");
            self.pursue(id, true, number);
        }
    }
}
