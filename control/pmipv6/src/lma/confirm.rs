//! Whether the far end of a path still stands.
//!
//! Nothing links the two halves of a path (HL-19), and a one-way stream is use at the MAG that sends it
//! (HL-33): a MAG whose peer has lost the path, and whose word of that was lost too, would be granted its
//! refreshes for ever, and its packets dropped. So an LMA that grants a refresh sees to the other end, at
//! most once a lifetime:
//!
//! ```text
//!   both MNs ours    other MAG has not refreshed for a lifetime ──▶ RO Init again (HL-26, HL-31)
//!   the other a peer's, LMA ── RO Trigger, Timestamp of the standing decision ──▶ peer LMA
//!       it stands there           ◀── RO Trigger Ack 1, already in place (HL-6)
//!       forgotten there: set up anew, the peer controls    ◀── RO Trigger Ack 0
//!       its MN is gone            ◀── RO Trigger Ack 129: the path is taken down here
//! ```
//!
//! An equal Timestamp asks about a decision, a newer one makes it again (HL-17). The record at the peer
//! lives on what its own MAG refreshes and never on our asking, so it ends one lifetime after that MAG
//! lost the path, and we learn of it at the second refresh after that: no blackhole lasts longer than
//! three lifetimes (L-14), whichever message or node is lost. A silent LMA changes nothing: the pair's
//! packets could not go by it either.

use std::net::IpAddr;
use std::time::Duration;

use super::LocalMobilityAnchor;
use super::localized::REFUSED;
use super::state::{Owner, PathState, Role};
use super::teardown::Notice;
use super::timer::Failure;
use super::trigger::Order;
use crate::path::{Draft, EndsExt, PathId};
use crate::wire::iana::ro_status;
use crate::wire::message::{RoAck, RoKind, RoRequest};

impl LocalMobilityAnchor {
    /// A MAG has refreshed its half and was granted it.
    pub(super) fn see_to_far_end(&mut self, id: PathId, mag: IpAddr) {
        let now = self.node.mono();
        let lifetime = Duration::from_secs(self.config.localized_routing.lifetime_s.into());
        let Some(path) = self.paths.get(id) else {
            return;
        };
        let serves = |homes: &[ipnet::IpNet]| {
            let mut entries = homes.iter().filter_map(|home| self.registered(home));
            entries.any(|entry| entry.proxy_coa == mag)
        };
        let here = [
            serves(&path.ends.source.homes),
            serves(&path.ends.destination.homes),
        ];
        let (role, busy) = (path.role, path.request.is_some());
        let settled = path.state == PathState::Active && !busy;
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        for (heard, _) in path.heard.iter_mut().zip(here).filter(|(_, here)| *here) {
            *heard = now;
        }
        let overdue = path
            .heard
            .iter()
            .any(|heard| now.saturating_sub(*heard) > lifetime);
        if !settled || !overdue {
            return;
        }
        match role {
            Role::Single => {
                self.node.count("pmipv6.lr.far-end-overdue");
                self.pursue(id, false, 0);
            }
            Role::Controller { peer } | Role::Delegated { controller: peer } => {
                self.ask_far_end(id, peer);
            }
        }
    }

    fn ask_far_end(&mut self, id: PathId, peer: IpAddr) {
        let Some(path) = self.paths.get(id) else {
            return;
        };
        let ends = match path.role {
            Role::Controller { .. } => path.ends.swapped(),
            _ => path.ends.clone(),
        };
        let standing = path.own_timestamp;
        let ours = ends.source.homes.first();
        let Some(mag) = ours
            .and_then(|home| self.registered(home))
            .map(|e| e.proxy_coa)
        else {
            return;
        };
        self.node.count("pmipv6.lr.far-end-asked");
        let timestamp = standing.unwrap_or_else(|| self.clock.tick(self.node.now.wall));
        let draft = Draft {
            peer,
            kind: RoKind::Trigger,
            handover: false,
            lifetime: self.lifetime_for(&ends, u16::MAX),
            options: self.trigger_options(&ends, mag, timestamp),
            owner: Owner::Confirm(id),
        };
        let request = self.node.ask(&self.config.localized_routing, 0, draft);
        if let Some(path) = self.paths.get_mut(id) {
            path.own_timestamp = Some(timestamp);
            path.request = Some(request);
        }
    }

    /// Whether a trigger asks about a decision that stands here; the asker's end has just been refreshed.
    pub(super) fn is_standing(&mut self, id: PathId, peer: IpAddr, order: &Order) -> bool {
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return false;
        };
        let same_mag = match path.role {
            Role::Controller { .. } => path.remote_mag == Some(order.mag),
            // HL-23: the controller does not say where its MN goes.
            _ => true,
        };
        let asked_about = order.timestamp.is_some() && order.timestamp == path.remote_timestamp;
        let stands = asked_about
            && same_mag
            && Self::peer_of(path.role) == Some(peer)
            && path.state == PathState::Active;
        if stands {
            path.heard = [now; 2];
        }
        stands
    }

    /// The peer LMA's answer.
    pub(super) fn on_confirm_ack(&mut self, id: PathId, request: &RoRequest, ack: &RoAck) {
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.request = None;
        match ack.status {
            ro_status::ALREADY_IN_PLACE => path.heard = [now; 2],
            // The peer's own trigger is under way.
            ro_status::ROLE_CONFLICT => {}
            ro_status::STALE => self.begin_anew(id),
            REFUSED.. => {
                let why = format!("peer LMA: {}", ro_status::name(ack.status));
                self.take_down(id, &why, Notice::Needless);
            }
            _ => {
                self.hand_over_control(id);
                self.on_trigger_ack(id, request, ack);
            }
        }
    }

    pub(super) fn on_confirm_unanswered(&mut self, id: PathId, how: Failure) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.request = None;
        if how == Failure::KnowsNot {
            self.take_down(id, how.why(), Notice::Needless);
        }
    }

    /// Makes a path again from the start. A controller does it as the LMA that triggers: the peer LMA may
    /// have forgotten the pair, and would refuse its MAG's refreshes (HL-23 tells it nothing).
    pub(super) fn begin_anew(&mut self, id: PathId) {
        self.hand_over_control(id);
        self.pursue(id, false, 0);
    }

    /// The peer LMA is to control the path, or does already.
    pub(super) fn hand_over_control(&mut self, id: PathId) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let Role::Controller { peer } = path.role else {
            return;
        };
        path.role = Role::Delegated { controller: peer };
        path.remote_mag = None;
        let (ends, asked) = (path.ends.clone(), path.asked.take());
        if let Some(asked) = asked {
            let options = ends.options(None, None);
            self.node.answer(0, asked, ro_status::STALE, 0, options);
        }
        self.paths.rename(id, ends.swapped());
    }
}
