//! What a worker owns by value, its packets apart.

use std::sync::Arc;

use super::detect::Detector;
use crate::config::{MAX_PORTS, Role, WorkerConfig};
use crate::event::Event;
use crate::link::Links;
use crate::packet::classify::{Ground, Packet};
use crate::packet::header::ip;
use crate::stats::{Counter, Tally, WorkerStats};
use crate::table::{Homes, Pairs};
use crate::tunnel::Tunnels;
use crate::update::{NextHop, Realm};

/// Tables, counters and the events' way out.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) role: Role,
    pub(crate) ground: Ground,
    pub(crate) homes: Homes,
    pub(crate) pairs: Pairs,
    pub(crate) tunnels: Tunnels,
    pub(crate) links: Links,
    pub(crate) network: Option<NextHop>,
    /// Of realms that have a network of their own, few as ports are.
    pub(crate) realm_networks: [Option<(Realm, Option<NextHop>)>; MAX_PORTS],
    pub(crate) detect: Detector,
    pub(crate) tally: Tally,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) events: rtrb::Producer<Event>,
    /// Time of the present burst.
    pub(crate) now_cycles: u64,
}

impl State {
    pub(crate) fn new(
        config: &WorkerConfig,
        stats: Arc<WorkerStats>,
        events: rtrb::Producer<Event>,
        cycles_per_s: u64,
        seed: u32,
    ) -> Self {
        Self {
            role: config.role,
            ground: Ground::new(config),
            homes: Homes::new(config.homes, config.long_homes, config.realm_homes),
            pairs: Pairs::new(config.pairs, config.long_pairs),
            tunnels: Tunnels::new(config.tunnels, cycles_per_s, seed),
            links: Links::new(config.links),
            network: None,
            realm_networks: [None; MAX_PORTS],
            detect: Detector::new(&config.detect, cycles_per_s),
            tally: Tally::new(),
            stats,
            events,
            now_cycles: 0,
        }
    }

    /// Tells control what traffic has shown, or counts that it could not: half of the ring is kept for
    /// refusals.
    pub(crate) fn tell(&mut self, event: Event) {
        let kept = self.events.buffer().capacity() / 2;
        if self.events.slots() > kept {
            self.push(event);
        } else {
            self.tally.add(Counter::EventsDropped, 1);
        }
    }

    /// Whether control could be told of a refusal. If not, updates wait: it must hear of a refusal before the
    /// update counts as applied, or it would promise a route that is not there.
    pub(crate) fn can_refuse(&self) -> bool {
        !self.events.is_full()
    }

    /// Tells control that an update was refused.
    pub(crate) fn tell_refused(&mut self, table: &'static str, number: u64) {
        self.push(Event::TableFull { table, number });
    }

    fn push(&mut self, event: Event) {
        let counter = match self.events.push(event) {
            Ok(()) => Counter::EventsSent,
            Err(_) => Counter::EventsDropped,
        };
        self.tally.add(counter, 1);
    }

    /// A packet of a pair (named by two numbers) passed through.
    #[inline]
    pub(crate) fn pair_talks(&mut self, source: u64, destination: u64, packet: &Packet) {
        let pair = [source, destination];
        let report = self
            .detect
            .saw(pair, packet.ip_octets, self.now_cycles, &mut self.tally);
        if let Some(packets) = report {
            self.tell(Event::PairTalks {
                source: ip(packet.source),
                destination: ip(packet.destination),
                realm: packet.realm(),
                packets,
            });
        }
    }
}
