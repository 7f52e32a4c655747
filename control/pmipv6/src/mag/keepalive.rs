//! Keeping the NAT before this MAG open (RFC 5555 section 4.3, HL-28).
//!
//! ```text
//!   MAG behind a NAT ── PBU, HI 5 ─────────────────────────▶ LMA      answered as any extension
//!   MAG behind a NAT ── RO Setup without a Timestamp ──────▶ MAG      Setup Ack 1, already in place
//! ```
//!
//! A NAT that forgot gives other ports, and only what comes out from behind it tells the peer of them. So the
//! MAG behind the NAT is the one that speaks, whichever of the two had sent the first RO Setup of the path.
//! What has no Timestamp is no new decision: it is that of a path that stands, or it is stale (HL-17).
//!
//! Data that leaves after the NAT forgot and before the next keepalive is dropped by the peer: a tunnel packet is
//! no proof of who sent it, so a way is learnt from signalling alone (L-74, L-75). NATKATIMEOUT bounds that time.

use std::net::IpAddr;
use std::time::Duration;

use super::MobileAccessGateway;
use super::localized::{REFUSED, same_halves};
use super::order::Order;
use super::state::{KeptAlive, Owner, Path, PathState, State, Timer};
use crate::path::{Asked, Detected, Draft, EndsExt, PathId, RequestId};
use crate::wire::iana::handoff_indicator::UNCHANGED;
use crate::wire::iana::ro_status;
use crate::wire::message::{RoAck, RoKind, RoRequest};
use crate::wire::options::gre_key;

/// What is said again goes out when this much of the refresh time has gone, percent: within it, and with
/// time for a retransmission.
const KEEPALIVE_PERCENT: u32 = 80;

impl MobileAccessGateway {
    /// The next time is one refresh time from now, less what a retransmission takes.
    pub(super) fn arm_keepalive(&mut self, peer: IpAddr, refresh_time_s: u32) {
        let time = Duration::from_secs(refresh_time_s.max(1).into()) * KEEPALIVE_PERCENT / 100;
        self.timers
            .set(Timer::KeepAlive(peer), self.node.mono() + time);
    }

    /// The NAT before us, if there is one on the way to this peer, is needed from now on.
    pub(super) fn keep_open(&mut self, peer: IpAddr) {
        if let Some(refresh_time_s) = self.node.reach.keepalive_s(peer) {
            self.arm_keepalive(peer, refresh_time_s);
        }
    }

    /// The NAT is to be kept open: a PBU, or an RO Setup, is said again. The answer sets the next time; where
    /// nothing is registered or set up any more, nobody needs the NAT.
    pub(super) fn on_keepalive(&mut self, peer: IpAddr) {
        if self.node.reach.keepalive_s(peer).is_none() {
            return;
        }
        let served = self.bindings.iter().find(|(_, entry)| {
            entry.lma == peer && entry.state == State::Registered && entry.pending.is_none()
        });
        if let Some(mn_id) = served.map(|(mn_id, _)| mn_id.clone()) {
            self.node.count("pmipv6.nat.keepalive");
            self.send_pbu(&mn_id, UNCHANGED, self.initial_timeout(), 0);
        }
        let now = self.node.mono();
        let standing = self
            .paths
            .iter()
            .find(|(_, path)| path.peer == peer && path.state == PathState::Active);
        let kept = standing.map(|(path, standing)| {
            let timestamp = standing.timestamp;
            let kept = KeptAlive {
                peer,
                path,
                timestamp,
            };
            (kept, left_s(standing, now))
        });
        if let Some((kept, left)) = kept {
            self.node.count("pmipv6.nat.keepalive");
            let _ = self.setup_again(kept.path, left, Owner::KeepAlive(kept));
        }
    }

    /// RO Setup once more, without a Timestamp: the decision is the one that was acted on already (HL-17). Its
    /// sender serves the destination, whoever that was when the path was set up.
    pub(super) fn setup_again(
        &mut self,
        id: PathId,
        lifetime: u16,
        owner: Owner,
    ) -> Option<RequestId> {
        let key = self.key_for_peer(id);
        let path = self.paths.get(id)?;
        let ends = match path.local_is_source {
            true => path.ends.swapped(),
            false => path.ends.clone(),
        };
        let mut options = self.setup_options(&ends, path.peer, None);
        options.extend(key);
        let draft = Draft {
            peer: path.peer,
            kind: RoKind::Setup,
            handover: false,
            lifetime,
            options,
            owner,
        };
        let number = self.node.last_update();
        Some(self.node.ask(&self.config.localized_routing, number, draft))
    }

    /// An RO Setup without a Timestamp for a path that is as it says: the NAT is to be kept open, and nothing
    /// else changes. True: it is answered.
    pub(super) fn is_kept_alive(
        &mut self,
        asked: Asked,
        request: &RoRequest,
        order: &Order,
    ) -> bool {
        let now = self.node.mono();
        let found = self.paths.find(&order.ends);
        let Some((id, path)) = found.and_then(|id| Some((id, self.paths.get(id)?))) else {
            return false;
        };
        let offered = gre_key(&request.options);
        let same_key = offered.is_none_or(|key| path.gre.is_some_and(|keys| keys.send == key));
        let stands = order.timestamp.is_none()
            && path.peer == asked.peer
            && same_halves(path, &order.ends, true)
            && same_key
            && path.sending
            && path.receiving
            && matches!(path.state, PathState::Active | PathState::SettingUp);
        if !stands {
            return false;
        }
        let left = left_s(path, now);
        let key = offered.and_then(|_| self.key_for_peer(id));
        let mut options = order.ends.options(None, None);
        options.extend(self.node.reach.nat_detection(asked.peer));
        options.extend(key);
        self.node
            .answer(0, asked, ro_status::ALREADY_IN_PLACE, left, options);
        true
    }

    /// Without a Timestamp an RO Setup is not newer than what was decided with one (HL-17): its sender may not have
    /// heard yet that its MN has left, or that the path has ended.
    pub(super) fn is_outdated(&self, order: &Order) -> bool {
        let path = self.paths.find(&order.ends);
        let of_path = path.and_then(|id| self.paths.get(id)?.timestamp);
        let known = of_path.or_else(|| self.order.last_of(&order.ends));
        order.timestamp.is_none() && known.is_some()
    }

    /// The answer to an RO Setup that kept a NAT open. A peer that has not got the path says so; other paths
    /// with it may stand all the same, and the next of them is said again in its turn.
    pub(super) fn on_kept_alive(&mut self, kept: KeptAlive, ack: &RoAck) {
        let detected = self.node.reach.on_answer(kept.peer, &ack.options);
        match detected {
            Detected::Nat { keepalive_s } => self.arm_keepalive(kept.peer, keepalive_s),
            Detected::NoNat(via) => self.node.reach_changed(kept.peer, Some(via)),
            _ => self.keep_open(kept.peer),
        }
        if ack.status >= REFUSED && self.is_as_decided(&kept) {
            let why = format!("peer MAG refused: {}", ro_status::name(ack.status));
            self.end_path(kept.path, &why);
        }
    }

    /// The peer is silent: nothing of what goes to it through the NAT arrives, and nothing comes back.
    pub(super) fn on_keepalive_silent(&mut self, kept: KeptAlive, why: &str) {
        if !self.is_as_decided(&kept) {
            return self.keep_open(kept.peer);
        }
        let lost = |path: &Path| path.peer == kept.peer && path.state == PathState::Active;
        let lost: Vec<PathId> = self
            .paths
            .iter()
            .filter(|(_, path)| lost(path))
            .map(|(id, _)| id)
            .collect();
        for id in lost {
            self.end_path(id, why);
        }
    }

    /// Whether a path is still the one that was said again: a later decision has an answer of its own.
    fn is_as_decided(&self, kept: &KeptAlive) -> bool {
        self.paths.get(kept.path).is_some_and(|path| {
            path.timestamp == kept.timestamp
                && path.peer == kept.peer
                && path.state == PathState::Active
        })
    }
}

/// What is left of a path's lifetime, seconds.
fn left_s(path: &Path, now: Duration) -> u16 {
    match path.until {
        Some(until) => {
            u16::try_from(until.saturating_sub(now).as_secs().max(1)).unwrap_or(u16::MAX)
        }
        None => u16::MAX,
    }
}
