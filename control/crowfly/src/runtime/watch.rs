//! What the control thread does because time has passed.

use std::time::Duration;

use pmipv6::io::Input;

use super::control::Control;
use super::latency::UPDATE_APPLIED;
use super::protection::NAT_SUSPECTED;
use super::rates;
use crate::config::PortRole;

/// Updates waiting for a worker's ring beyond which an operator is told.
const ALARM_BACKLOG: usize = 4_096;

impl Control {
    /// Deadlines, applied updates, and the look at rates and links.
    pub(super) fn keep_time(&mut self) {
        let now = self.clock.mono();
        self.take_applied(now);
        if self.engine.next_deadline().is_some_and(|at| at <= now) {
            self.inbox.push_back(Input::Timeout);
        }
        if self.net.next_deadline().is_some_and(|at| at <= now) {
            self.net.timeout(now, &mut self.actions);
        }
        if now >= self.next_look {
            self.next_look = now + rates::INTERVAL;
            self.look(now);
        }
    }

    /// What every worker has applied. If one of them had no room for some of it, that is told first: nothing may be
    /// promised on it.
    fn take_applied(&mut self, now: Duration) {
        let latency = &mut self.latency;
        let applied = self
            .program
            .poll_applied(now, |took| latency.record(UPDATE_APPLIED, took));
        if let Some(number) = applied {
            self.take_events();
            self.inbox.push_back(Input::Applied(number));
        }
    }

    fn look(&mut self, now: Duration) {
        for (rates, worker) in self.rates.iter_mut().zip(self.program.fanout().workers()) {
            rates.look(now, worker.handle.stats());
        }
        let backlog = self.program.fanout().backlog();
        if backlog > ALARM_BACKLOG {
            let text = format!("{backlog} updates wait for a worker that does not take them");
            self.raise("update-backlog", text);
        } else if backlog == 0 {
            self.alarms.clear("update-backlog");
        }
        self.keep_sequence_numbers(true);
        match self.gate.nat_suspicion(self.clock.now().wall) {
            Some(text) => self.raise(NAT_SUSPECTED, text),
            None => self.alarms.clear(NAT_SUSPECTED),
        }
        self.alarms.expire(now);
        self.look_at_record();
        self.look_at_links();
    }

    fn look_at_record(&mut self) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        recorder.flush();
        if let Some(why) = recorder.ended() {
            let why = why.to_owned();
            self.raise("record-ended", why);
        }
    }

    /// A port that lost its link took its MNs along (RFC 5213 section 6.9.4).
    fn look_at_links(&mut self) {
        for at in 0..self.ports.len() {
            let up = self.ports[at].link().up;
            let was = std::mem::replace(&mut self.links_up[at], up);
            if up == was {
                continue;
            }
            let (port, name) = (self.ports[at].id(), &self.config.ports[at].name);
            tracing::info!(port, name, up, "link");
            if !up && self.config.ports[at].has(PortRole::Access) {
                self.inbox.push_back(Input::LinkDown { port });
            }
        }
    }
}
