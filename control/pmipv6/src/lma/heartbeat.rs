//! Heartbeats with MAGs (RFC 5847), and what follows when one has lost its state.

use std::net::IpAddr;
use std::time::Duration;

use super::LocalMobilityAnchor;
use super::state::BindingId;
use crate::io::Event;
use crate::path::{Pulse, Role};
use crate::wire::Message;
use crate::wire::message::Heartbeat;

impl LocalMobilityAnchor {
    /// The first binding of a MAG: from now on it is asked whether it is there.
    pub(super) fn start_heartbeat(&mut self, mag: IpAddr) {
        let now = self.node.mono();
        self.heartbeats.start(now, &mut self.node.rng, mag);
    }

    /// This node has lost its state: its peers are told (section 3.2).
    pub(super) fn announce_restart(&mut self) {
        for (peer, announcement) in self.heartbeats.announcements() {
            self.node.send(peer, Message::Heartbeat(announcement));
        }
    }

    pub(super) fn run_heartbeats(&mut self) {
        let now = self.node.mono();
        while let Some(peer) = self.heartbeats.due(now) {
            let bound = self.by_mag.contains_key(&peer);
            let Some(beating) = self.heartbeats.ask(now, peer, bound) else {
                continue;
            };
            if beating.silent {
                self.node.silent(peer, Role::Mag, "Heartbeat");
            }
            self.node.send(peer, Message::Heartbeat(beating.request));
        }
    }

    pub(super) fn on_heartbeat(&mut self, source: IpAddr, heartbeat: &Heartbeat) {
        if !heartbeat.response {
            let response = self.heartbeats.respond(heartbeat);
            return self.node.send(source, Message::Heartbeat(response));
        }
        let now = self.node.mono();
        match self.heartbeats.heard(now, source, heartbeat) {
            Pulse::Alive => {}
            Pulse::Unmatched => self.node.count("pmipv6.drop.heartbeat-unmatched"),
            Pulse::Restarted(since) => self.on_mag_restarted(source, since),
        }
    }

    /// The MAG's bindings are gone: those that it made before `since` are removed. Of a later one nobody
    /// here can say which of its lives made it, so the MAG is asked (RFC 5846: possibly out of sync).
    fn on_mag_restarted(&mut self, mag: IpAddr, since: Option<Duration>) {
        self.node.count("pmipv6.peer.restarted");
        self.node.notify(Event::PeerRestarted { peer: mag });
        let bound: Vec<BindingId> = self
            .by_mag
            .get(&mag)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for id in bound {
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
