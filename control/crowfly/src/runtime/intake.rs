//! What the workers hand to the control thread: packets, and what they have noticed.

use dataplane::{Event as WorkerEvent, PuntReason};
use pmipv6::io::Input;

use super::control::Control;

/// Punted packets taken from one worker in one turn.
const MAX_PUNTS_PER_TURN: usize = 256;
/// Events taken from one worker in one turn.
const MAX_EVENTS_PER_TURN: usize = 256;

impl Control {
    pub(super) fn take_punts(&mut self) -> bool {
        let now = self.clock.mono();
        let mut more = false;
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
                match punt.reason {
                    PuntReason::IcmpError(error) => {
                        let out = &mut self.actions;
                        if !self.net.other_user_error(now, port, frame, error, out) {
                            self.net.user_error(now, port, frame, error, out);
                        }
                    }
                    PuntReason::TunnelError => {
                        self.net.tunnel_error(now, port, frame, &mut self.actions);
                    }
                    PuntReason::Neighbour
                    | PuntReason::Signalling
                    | PuntReason::Dhcp
                    | PuntReason::Local => {
                        self.net.receive(now, port, frame, &mut self.actions);
                    }
                }
            }
        }
        self.settle();
        more
    }

    pub(super) fn take_events(&mut self) -> bool {
        let mut more = false;
        let mut full = None;
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
                        packets,
                    } => {
                        let packets = packets.into();
                        self.inbox.push_back(Input::PairTalks {
                            source,
                            destination,
                            packets,
                        });
                    }
                    WorkerEvent::TableFull { table, number } => full = Some((table, number)),
                    // The neighbour is being solicited already: a tunnel's remote address is tracked.
                    WorkerEvent::TunnelUnresolved { .. } => {}
                }
            }
        }
        if let Some((table, number)) = full {
            self.raise(
                "table-full",
                format!("a worker's {table} table had no room for update {number}"),
            );
        }
        self.settle();
        more
    }
}
