//! Heartbeats with LMAs (RFC 5847), and what follows when one has lost its state.

use std::net::IpAddr;
use std::time::Duration;

use super::MobileAccessGateway;
use super::state::{State, Timer};
use crate::path::{Pulse, Role};
use crate::wire::message::Heartbeat;

/// MAGs that hear of a restart at the same time spread their first PBUs over this, milliseconds.
const RE_REGISTER_WITHIN_MS: u64 = 500;
/// Time from one MN's PBU to the next one's: an LMA that has just started is not flooded.
const RE_REGISTER_EVERY: Duration = Duration::from_millis(2);

impl MobileAccessGateway {
    /// The first binding at an LMA: from now on it is asked whether it is there.
    pub(super) fn start_heartbeat(&mut self, lma: IpAddr) {
        let now = self.node.mono();
        self.heartbeats.start(now, &mut self.node.rng, lma);
    }

    /// With the first input: this node has lost its state, its peers are told (section 3.2).
    pub(super) fn start(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.heartbeats.announce(&mut self.node);
    }

    pub(super) fn run_heartbeats(&mut self) {
        let bindings = &self.bindings;
        let bound = |lma| bindings.values().any(|entry| entry.lma == lma);
        self.heartbeats.run(&mut self.node, Role::Lma, bound);
    }

    pub(super) fn on_heartbeat(&mut self, source: IpAddr, heartbeat: &Heartbeat) {
        let pulse = self.heartbeats.take(&mut self.node, source, heartbeat);
        if let Pulse::Restarted(_) = pulse {
            self.on_lma_restarted(source);
        }
    }

    /// The LMA knows nothing of our MNs any more: they are registered again, one after the other. Their
    /// paths carry packets meanwhile, which the LMA could not; it refuses their next refresh, when it has
    /// the bindings again (L-43), and controls what talks on from then.
    fn on_lma_restarted(&mut self, lma: IpAddr) {
        let first = Duration::from_millis(self.node.rng.next_u64() % RE_REGISTER_WITHIN_MS);
        let mut at = self.node.mono() + first;
        let registered = self
            .bindings
            .iter()
            .filter(|(_, entry)| entry.lma == lma && entry.state == State::Registered);
        for (mn_id, _) in registered {
            self.timers.set(Timer::Renew(mn_id.clone()), at);
            at += RE_REGISTER_EVERY;
        }
    }
}
