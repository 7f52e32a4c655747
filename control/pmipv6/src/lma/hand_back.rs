//! Packets that an MN's previous MAG hands back (HL-34): accepted for the pairs that have a path, for a
//! bounded time, and forwarded to where the MN is now.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::state::Timer;
use crate::io::Entry;
use crate::path::EndsExt;

impl LocalMobilityAnchor {
    /// An MN has moved from `previous`: what its paths still bring there may come back from there.
    pub(super) fn accept_hand_back(&mut self, homes: &[IpNet], previous: IpAddr) {
        for home in homes {
            self.end_hand_back(home);
        }
        let window = Duration::from_secs(self.config.localized_routing.hand_back_s.into());
        if window.is_zero() {
            return;
        }
        let end = self.node.mono() + window;
        for id in self.paths.of_homes(homes) {
            let pairs = self.paths.get(id).map(|path| path.ends.pairs());
            for (a, b) in pairs.unwrap_or_default() {
                let (source, destination) = if homes.contains(&b) { (a, b) } else { (b, a) };
                self.node.program(Entry::HandBackAccept {
                    source,
                    destination,
                    from: previous,
                });
                let sources = self.hand_backs.entry(destination).or_default();
                if !sources.contains(&source) {
                    sources.push(source);
                }
                self.timers.set(Timer::HandBackEnd(destination), end);
            }
        }
    }

    /// The time is over, or the MN has moved again, or is gone.
    pub(super) fn end_hand_back(&mut self, home: &IpNet) {
        self.timers.cancel(&Timer::HandBackEnd(*home));
        for source in self.hand_backs.remove(home).unwrap_or_default() {
            self.node.program(Entry::HandBackAcceptRemove {
                source,
                destination: *home,
            });
        }
    }
}
