//! Deadlines that are due.

use super::MobileAccessGateway;
use super::state::{Owner, State, Timer};
use crate::path::Role;
use crate::wire::message::{RoKind, RoRequest};

/// Most registrations' worth of RO requests kept for a PBA that was overtaken.
pub(super) const MAX_PARKED: usize = 256;

/// Why a request got no acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer, however often it was sent.
    Silent,
    /// Binding Error 2: the peer does not know the message, so it did nothing (HL-15).
    KnowsNot,
}

impl Failure {
    const fn why(self) -> &'static str {
        match self {
            Self::Silent => "no answer",
            Self::KnowsNot => "peer does not know localized routing",
        }
    }
}

impl MobileAccessGateway {
    pub(super) fn run_timers(&mut self) {
        while let Some(timer) = self.timers.pop(self.node.mono()) {
            match timer {
                Timer::Retransmit(mn_id) => self.on_retransmit(&mn_id),
                Timer::Renew(mn_id) => self.on_renew(&mn_id),
                Timer::Expire(mn_id) => self.on_expire(&mn_id),
                Timer::GiveUp(mn_id) => self.on_give_up(&mn_id),
                Timer::Probe(path) => self.on_probe(path),
                Timer::SendEnd(path) => self.on_send_end(path),
                Timer::ReceiveEnd(path) => self.on_receive_end(path),
                Timer::HandBackEnd(home) => self.end_hand_back(&home),
                Timer::KeepAlive(peer) => self.on_keepalive(peer),
            }
        }
        self.run_heartbeats();
        while let Some((peer, request, owner)) = self.node.next_silent() {
            let (role, asked) = match request.kind {
                RoKind::Setup => (Role::Mag, "RO Setup"),
                RoKind::Refresh => (Role::Lma, "RO Refresh"),
                _ => (Role::Lma, "RO Request"),
            };
            self.node.silent(peer, role, asked);
            self.on_request_failed(owner, &request, Failure::Silent);
        }
    }

    /// A request that was never answered, or with Binding Error 2.
    pub(super) fn on_request_failed(&mut self, owner: Owner, request: &RoRequest, how: Failure) {
        let knows_not = how == Failure::KnowsNot;
        match owner {
            Owner::Setup(path) if knows_not => self.roll_back(path, how.why()),
            Owner::Setup(path) => self.on_setup_silent(path, how.why()),
            Owner::Goodbye(path) => self.on_goodbye_done(path, knows_not),
            Owner::Refresh(path) => self.on_refresh_silent(path),
            Owner::KeepAlive(kept) => self.on_keepalive_silent(kept, how.why()),
            Owner::Withdraw => {}
            Owner::Request => self.on_request_silent(request, how.why()),
        }
    }

    /// Keeps an RO request about an MN that may be registered any moment. True if it is kept.
    pub(super) fn park(&mut self, source: std::net::IpAddr, request: &RoRequest) -> bool {
        let registering = self
            .bindings
            .values()
            .any(|entry| entry.state == State::Registering);
        if !registering || self.parked.len() >= MAX_PARKED {
            return false;
        }
        self.node.count("pmipv6.ro.parked");
        self.parked.push((source, request.clone()));
        true
    }

    /// A registration has come to its end: acts on what was kept.
    pub(super) fn unpark(&mut self) {
        for (source, request) in std::mem::take(&mut self.parked) {
            self.act_on_ro_request(source, request);
        }
    }
}
