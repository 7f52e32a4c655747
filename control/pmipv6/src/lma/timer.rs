//! Deadlines that are due.

use super::LocalMobilityAnchor;
use super::state::{Owner, Timer};
use crate::path::Role;
use crate::wire::message::RoKind;

/// Why a request got no acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer, however often it was sent.
    Silent,
    /// Binding Error 2: the peer does not know the message, so it did nothing (HL-15).
    KnowsNot,
}

impl Failure {
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Silent => "no answer",
            Self::KnowsNot => "peer does not know localized routing",
        }
    }
}

impl LocalMobilityAnchor {
    pub(super) fn run_timers(&mut self) {
        while let Some(timer) = self.timers.pop(self.node.mono()) {
            match timer {
                Timer::Expire(id) => self.on_expire(id),
                Timer::Delete(id) => self.delete(id),
                Timer::AssignNew(id) => self.assign_new(id),
                Timer::Revoke(sequence) => self.on_revoke_timeout(sequence),
                Timer::PathEnd(id) => self.on_path_end(id),
                Timer::HandBackEnd(home) => self.end_hand_back(&home),
            }
        }
        self.run_heartbeats();
        while let Some((peer, request, owner)) = self.node.next_silent() {
            let (role, asked) = match request.kind {
                RoKind::Trigger => (Role::Lma, "RO Trigger"),
                _ => (Role::Mag, "RO Init"),
            };
            self.node.silent(peer, role, asked);
            self.on_request_failed(owner, Failure::Silent);
        }
    }

    pub(super) fn on_request_failed(&mut self, owner: Owner, how: Failure) {
        match owner {
            Owner::Init(path) | Owner::Trigger(path) => self.on_set_up_unanswered(path, how),
            Owner::Withdraw(path) if how == Failure::KnowsNot => self.forget_path(path),
            Owner::Withdraw(path) => self.on_withdraw_silent(path),
            Owner::Confirm(path) => self.on_confirm_unanswered(path, how),
            Owner::Teardown => {}
        }
    }
}
