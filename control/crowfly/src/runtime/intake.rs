//! What the workers hand to the control thread: packets, and what they have noticed.

use dataplane::{Event as WorkerEvent, PuntReason};
use pmipv6::io::Input;

use super::control::Control;
use super::realms;
use crate::program::of_engines;

/// Punted packets taken from one worker in one turn.
const MAX_PUNTS_PER_TURN: usize = 256;
/// Events taken from one worker in one turn.
const MAX_EVENTS_PER_TURN: usize = 256;

impl Control {
    pub(super) fn take_punts(&mut self) -> bool {
        let now = self.clock.mono();
        let mut more = false;
        let mut about_tunnels = Vec::new();
        for worker in self.program.fanout_mut().workers_mut() {
            for taken in 0..=MAX_PUNTS_PER_TURN {
                if taken == MAX_PUNTS_PER_TURN {
                    more = true;
                    break;
                }
                let Some(punt) = worker.handle.poll_punt() else {
                    break;
                };
                let (port, frame) = (punt.port, punt.mbuf.data());
                let first = self.actions.len();
                let out = &mut self.actions;
                match punt.reason {
                    PuntReason::IcmpError(error) => {
                        if !self.net.other_user_error(now, port, frame, error, out) {
                            self.net.user_error(now, port, frame, error, out);
                        }
                        realms::keep_within(punt.realm, &mut out[first..]);
                    }
                    PuntReason::TunnelError => {
                        self.net.tunnel_error(now, port, frame, out);
                        about_tunnels.extend(first..out.len());
                    }
                    PuntReason::Neighbour
                    | PuntReason::Signalling
                    | PuntReason::Dhcp
                    | PuntReason::Local => {
                        self.net.receive(now, port, frame, out);
                    }
                }
            }
        }
        self.drop_of_unknown_realm(about_tunnels);
        self.settle();
        more
    }

    /// Facts, and updates that a worker had no room for: of those up to the applied one, all are heard of here.
    pub(super) fn take_events(&mut self) -> bool {
        let applied = self.program.fanout().applied();
        let mut more = false;
        let mut full = Vec::new();
        for worker in self.program.fanout_mut().workers_mut() {
            for taken in 0..=MAX_EVENTS_PER_TURN {
                if taken == MAX_EVENTS_PER_TURN {
                    more = true;
                    break;
                }
                let Some(event) = worker.handle.poll_event() else {
                    break;
                };
                match event {
                    WorkerEvent::PairTalks {
                        source,
                        destination,
                        realm,
                        packets,
                    } => {
                        let packets = packets.into();
                        self.inbox.push_back(Input::PairTalks {
                            source,
                            destination,
                            realm: realm.map(of_engines),
                            packets,
                        });
                    }
                    WorkerEvent::TableFull { table, number } => full.push((table, number)),
                    // The neighbour is being solicited already: a tunnel's remote address is tracked.
                    WorkerEvent::TunnelUnresolved { .. } => {}
                }
            }
        }
        for (table, number) in full {
            self.refused_by_worker(table, number);
        }
        if !more {
            self.programmed.forget(applied);
        }
        self.settle();
        more
    }

    /// A worker's table has no room for an update: the engine hears of its entry as it does where the joint itself
    /// has none.
    fn refused_by_worker(&mut self, table: &'static str, number: u64) {
        let entry = self.programmed.refused(number);
        tracing::error!(table, number, ?entry, "a worker has no room");
        self.raise_table_full(format!(
            "a worker's {table} table had no room for update {number}"
        ));
        if let Some(entry) = entry {
            self.inbox.push_back(Input::NoRoom { entry });
        }
    }
}
