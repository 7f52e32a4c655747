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
    /// Packets for the box itself, and those that need an answer from it. True: there may be more.
    pub(super) fn take_punts(&mut self) -> bool {
        let (now, net, actions) = (self.clock.mono(), &mut self.net, &mut self.actions);
        let (mut about_tunnels, mut more) = (Vec::new(), false);
        for worker in self.program.fanout_mut().workers_mut() {
            let next = || worker.handle.poll_punt();
            more |= take(MAX_PUNTS_PER_TURN, next, |punt| {
                let (port, frame, first) = (punt.port, punt.mbuf.data(), actions.len());
                match punt.reason {
                    PuntReason::IcmpError(error) => {
                        if !net.other_user_error(now, port, frame, error, actions) {
                            net.user_error(now, port, frame, error, actions);
                        }
                        realms::keep_within(punt.realm, &mut actions[first..]);
                    }
                    PuntReason::TunnelError => {
                        net.tunnel_error(now, port, frame, actions);
                        about_tunnels.extend(first..actions.len());
                    }
                    PuntReason::Neighbour
                    | PuntReason::Signalling
                    | PuntReason::Dhcp
                    | PuntReason::Local => net.receive(now, port, frame, actions),
                }
            });
        }
        self.drop_of_unknown_realm(about_tunnels);
        self.settle();
        more
    }

    /// Facts, and updates that a worker had no room for: of those up to the applied one, all are heard of here.
    /// True: there may be more.
    pub(super) fn take_events(&mut self) -> bool {
        let applied = self.program.fanout().applied();
        let (inbox, mut full, mut more) = (&mut self.inbox, Vec::new(), false);
        for worker in self.program.fanout_mut().workers_mut() {
            let next = || worker.handle.poll_event();
            more |= take(MAX_EVENTS_PER_TURN, next, |event| match event {
                WorkerEvent::PairTalks {
                    source,
                    destination,
                    realm,
                    packets,
                } => inbox.push_back(Input::PairTalks {
                    source,
                    destination,
                    realm: realm.map(of_engines),
                    packets: packets.into(),
                }),
                WorkerEvent::TableFull { table, number } => full.push((table, number)),
                // The neighbour is being solicited already: a tunnel's remote address is tracked.
                WorkerEvent::TunnelUnresolved { .. } => {}
            });
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

/// Takes what comes next, so much of it at most; whether there may be more.
fn take<T>(most: usize, mut next: impl FnMut() -> Option<T>, mut each: impl FnMut(T)) -> bool {
    for _ in 0..most {
        match next() {
            Some(one) => each(one),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_takes_its_share_and_says_whether_there_may_be_more() {
        let (mut left, mut taken) = (0..5, Vec::new());
        assert!(take(3, || left.next(), |one| taken.push(one)));
        assert_eq!(taken, [0, 1, 2]);
        assert!(!take(3, || left.next(), |one| taken.push(one)));
        assert_eq!(taken, [0, 1, 2, 3, 4]);
    }
}
