//! Heartbeats with MAGs (RFC 5847), and what follows when one has lost its state.

use std::net::IpAddr;
use std::time::Duration;

use super::LocalMobilityAnchor;
use super::state::BindingId;
use crate::io::Event;
use crate::path::{Pulse, Role};
use crate::wire::message::Heartbeat;

impl LocalMobilityAnchor {
    /// The first binding of a MAG: from now on it is asked whether it is there.
    pub(super) fn start_heartbeat(&mut self, mag: IpAddr) {
        let now = self.node.mono();
        self.heartbeats.start(now, &mut self.node.rng, mag);
    }

    /// This node has lost its state: its peers are told (section 3.2).
    pub(super) fn announce_restart(&mut self) {
        self.heartbeats.announce(&mut self.node);
    }

    pub(super) fn run_heartbeats(&mut self) {
        let by_mag = &self.by_mag;
        self.heartbeats
            .run(&mut self.node, Role::Mag, |mag| by_mag.contains_key(&mag));
    }

    pub(super) fn on_heartbeat(&mut self, source: IpAddr, heartbeat: &Heartbeat) {
        let pulse = self.heartbeats.take(&mut self.node, source, heartbeat);
        if let Pulse::Restarted(since) = pulse {
            self.on_mag_restarted(source, since);
        }
    }

    /// The MAG's bindings are gone: those that it made before `since` are removed. Of a later one nobody
    /// here can say which of its lives made it, so the MAG is asked (RFC 5846: possibly out of sync).
    fn on_mag_restarted(&mut self, mag: IpAddr, since: Option<Duration>) {
        for id in self.bindings_of(mag) {
            let Some(entry) = self.bindings.get(&id) else {
                continue;
            };
            if since.is_some_and(|since| entry.updated <= since) {
                self.end_binding(id, "mag-restarted");
            } else {
                self.ask_whether_in_sync(id);
            }
        }
    }

    /// Ends a binding without a word from its MAG.
    pub(super) fn end_binding(&mut self, id: BindingId, reason: &str) {
        if let Some(entry) = self.bindings.get(&id) {
            let event = Event::Detach {
                mn_id: entry.mn_id.clone(),
                reason: reason.to_owned(),
            };
            self.node.notify(event);
        }
        self.delete(id);
    }
}
