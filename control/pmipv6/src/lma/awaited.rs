//! A PBU that does not say whether its MN has moved (Handoff Indicator 4) while the MN has one session: the
//! previous MAG's de-registration decides (RFC 5213 sections 5.4.1.2, 5.4.1.3, MaxDelayBeforeNewBCEAssign).

use std::time::Duration;

use super::LocalMobilityAnchor;
use super::state::{BindingId, State, Timer};
use super::update::Update;
use crate::wire::iana::handoff_indicator::UNKNOWN;

/// What the session of an MN means for a PBU that may or may not be a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handoff {
    /// The previous MAG has de-registered it: a handoff.
    Known(BindingId),
    /// It may do so within MaxDelayBeforeNewBCEAssign.
    Awaited(BindingId),
}

impl LocalMobilityAnchor {
    /// For a PBU that matches no session by its prefixes or its interface.
    pub(super) fn unknown_handoff(&self, mn_id: &str, update: &Update) -> Option<Handoff> {
        let delay_ms = self.config.max_delay_before_new_bce_assign_ms;
        if update.hi != Some(UNKNOWN) || !update.hnps.is_empty() || delay_ms == 0 {
            return None;
        }
        let sessions = self
            .by_mn
            .get(mn_id)
            .filter(|sessions| sessions.len() == 1)?;
        let id = *sessions.first()?;
        let entry = self.bindings.get(&id)?;
        match entry.state {
            State::WaitingDeletion => Some(Handoff::Known(id)),
            State::Registered => Some(Handoff::Awaited(id)),
        }
    }

    /// Holds the PBU back; a retransmission takes the place of what is held, its time goes on.
    pub(super) fn wait_for_deregistration(&mut self, id: BindingId, update: &Update) {
        let first = self.awaited.insert(id, update.clone()).is_none();
        if first {
            self.node.count("pmipv6.registration.awaited");
            let delay =
                Duration::from_millis(self.config.max_delay_before_new_bce_assign_ms.into());
            self.timers
                .set(Timer::AssignNew(id), self.node.mono() + delay);
        }
    }

    /// The previous MAG has de-registered the MN: what is held back is the other half of a handoff.
    pub(super) fn handoff_confirmed(&mut self, id: BindingId) {
        let Some((mn_id, update)) = self.no_longer_awaited(id) else {
            return;
        };
        let profile = self.profile_of(&mn_id);
        let ipv4 = self.add_ipv4(id, &profile, &update);
        self.accept(id, &update, ipv4);
    }

    /// It has not, in time; or the session is gone: a session of its own.
    pub(super) fn assign_new(&mut self, id: BindingId) {
        let Some((mn_id, update)) = self.no_longer_awaited(id) else {
            return;
        };
        let profile = self.profile_of(&mn_id);
        match self.create(&mn_id, &profile, &update) {
            Ok((new, ipv4)) => self.accept(new, &update, ipv4),
            Err(status) => self.reject(&update, status),
        }
    }

    fn no_longer_awaited(&mut self, id: BindingId) -> Option<(String, Update)> {
        self.timers.cancel(&Timer::AssignNew(id));
        let update = self.awaited.remove(&id)?;
        Some((update.mn_id.clone()?, update))
    }
}
