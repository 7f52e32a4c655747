//! Packets that reach this MAG for an MN that has left (HL-34): until the other MAG has stopped sending
//! them here, they go to the MN's anchor instead of being lost.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::Timer;
use crate::io::Entry;
use crate::path::PathId;

impl MobileAccessGateway {
    /// The receiving half of a path goes because its MN does: what still comes is handed back to `lma`.
    /// The hand-back comes first and takes the half's place in one step, so that no packet falls between.
    pub(super) fn hand_back(&mut self, id: PathId, lma: Option<IpAddr>) {
        let own = self.config.address;
        let window = Duration::from_secs(self.config.localized_routing.hand_back_s.into());
        let path = self
            .paths
            .get(id)
            .filter(|path| path.receiving && path.peer != own);
        let (Some(path), Some(lma)) = (path, lma) else {
            self.remove_receive(id);
            return;
        };
        let (peer, halves) = (path.peer, path.halves());
        if window.is_zero() {
            self.remove_receive(id);
            return;
        }
        for (local, remote) in halves {
            self.node.program(Entry::HandBack {
                local,
                remote,
                peer,
                lma,
            });
            let remotes = self.hand_backs.entry(local).or_default();
            if !remotes.contains(&remote) {
                remotes.push(remote);
            }
            let end = self.node.mono() + window;
            self.timers.set(Timer::HandBackEnd(local), end);
        }
        self.remove_receive(id);
    }

    /// The time is over, or the MN is back.
    pub(super) fn end_hand_back(&mut self, home: &IpNet) {
        self.timers.cancel(&Timer::HandBackEnd(*home));
        for remote in self.hand_backs.remove(home).unwrap_or_default() {
            self.node.program(Entry::HandBackRemove {
                local: *home,
                remote,
            });
        }
    }
}
