//! The workers' tables have no room for a path: it is refused or taken down, never believed in (L-35).

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::PathState;
use crate::io::{Entry, Event};
use crate::path::{EndsExt, PathId};
use crate::wire::iana::ro_status;

/// What operators are told.
const WHY: &str = "table full";

impl MobileAccessGateway {
    /// An update was refused. Its number is applied in its turn, so what waits for it has to be taken back
    /// before.
    pub(super) fn on_no_room(&mut self, entry: &Entry) {
        self.node.count("pmipv6.update.no-room");
        let pair = match *entry {
            Entry::PathReceive { local, remote, .. } | Entry::PathSend { local, remote, .. } => {
                (local, remote)
            }
            Entry::PathLocal { from, to } => (from, to),
            // Nothing was promised on it: its packets are counted drops, and the node has its alarm.
            _ => return,
        };
        for id in self.paths.of_homes(&[pair.0]) {
            if self.is_of(id, pair) {
                self.give_up(id);
            }
        }
    }

    fn is_of(&self, id: PathId, (local, remote): (IpNet, IpNet)) -> bool {
        let Some(path) = self.paths.get(id) else {
            return false;
        };
        let halves = path.halves();
        path.state != PathState::Ending
            && (halves.contains(&(local, remote)) || halves.contains(&(remote, local)))
    }

    fn give_up(&mut self, id: PathId) {
        const STATUS: u8 = ro_status::INSUFFICIENT_RESOURCES;
        self.cancel_requests(id);
        let number = self.remove_send(id);
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (source, destination) = path.ends.shown();
        let (asked, options) = (path.asked.take(), path.ends.options(None, None));
        let was_active = path.state == PathState::Active;
        let peer_is_told = path.promised.is_some_and(|asked| asked.peer == path.peer);
        if let Some(asked) = asked {
            self.node.answer(number, asked, STATUS, 0, options);
        }
        let untold = self.retract(id, STATUS);
        self.node.count("pmipv6.ro.refused");
        if was_active && !untold {
            self.node.notify(Event::PathDown {
                source,
                destination,
                reason: WHY.to_owned(),
            });
        }
        self.hold_off
            .failed(now, source, destination, WHY.to_owned());
        self.node.notify(Event::PathRefused {
            source,
            destination,
            status: Some(STATUS),
            reason: WHY.to_owned(),
        });
        if peer_is_told {
            self.remove_receive(id);
            self.drop_path(id);
        } else {
            // It may have its halves already.
            self.say_goodbye(id, number);
        }
    }
}
