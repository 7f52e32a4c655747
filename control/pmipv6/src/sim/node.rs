//! A node: an engine as it ships, and a model of the dataplane beneath it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::esp::Saved;
use crate::io::{Engine, Entry, UpdateNumber};

use super::forwarding::{Forwarding, Inconsistency, PairKey, Usage, homes_of};
use super::freeze::Frozen;
use super::gate::Gate;
use super::layout::Role;
use super::network::{Micros, SECOND};
use super::rng::Rng;

/// The dataplane reports a pair at most this often.
pub const PAIR_REPORT_INTERVAL: Micros = SECOND / 10;

/// Applied updates that are remembered.
const HISTORY: usize = 256;

/// One worker: its tables, and how far it is.
#[derive(Debug, Default)]
pub struct Worker {
    /// Its tables.
    pub table: Forwarding,
    /// Highest update applied.
    pub applied: UpdateNumber,
    /// No later update is effective before this.
    busy_until: Micros,
}

/// The dataplane of a node.
#[derive(Debug)]
pub struct Dataplane {
    /// Its workers.
    pub workers: Vec<Worker>,
    /// Updates that some worker has not applied, in order.
    pending: VecDeque<(UpdateNumber, Entry)>,
    /// Highest number that the engine has given out.
    last: UpdateNumber,
    /// Highest number that the engine was told of.
    notified: UpdateNumber,
    /// What every worker got or some worker lost, with the time, the latest of it.
    history: VecDeque<(Micros, Entry)>,
    reports: BTreeMap<PairKey, (Micros, u64)>,
}

impl Dataplane {
    /// Empty tables in every worker.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers.max(1)).map(|_| Worker::default()).collect(),
            pending: VecDeque::new(),
            last: 0,
            notified: 0,
            history: VecDeque::new(),
            reports: BTreeMap::new(),
        }
    }

    /// Takes an update from the engine; answers when each worker will have applied it.
    ///
    /// # Errors
    /// The number that was due, when the engine gave another one.
    pub fn program(
        &mut self,
        now: Micros,
        number: UpdateNumber,
        entry: Entry,
        lag_max_us: Micros,
        rng: &mut Rng,
    ) -> Result<Vec<Micros>, UpdateNumber> {
        let due = self.last + 1;
        self.last = number;
        self.pending.push_back((number, entry));
        let effective = self.workers.iter_mut().map(|worker| {
            let at = now + rng.range(0, lag_max_us);
            worker.busy_until = worker.busy_until.max(at);
            worker.busy_until
        });
        let effective = effective.collect();
        match number == due {
            true => Ok(effective),
            false => Err(due),
        }
    }

    /// One worker applies its next update.
    ///
    /// # Errors
    /// The entry that does not fit what the worker has.
    pub fn apply_next(&mut self, now: Micros, worker: usize) -> Result<(), (Entry, Inconsistency)> {
        let worker = &mut self.workers[worker];
        let next = worker.applied + 1;
        let Some((first, _)) = self.pending.front() else {
            return Ok(());
        };
        let Some((_, entry)) = self.pending.get(next.saturating_sub(*first) as usize) else {
            return Ok(());
        };
        let entry = entry.clone();
        if let Some(replaced) = worker.table.standing(&entry) {
            self.history.push_back((now, replaced));
        }
        let result = worker.table.apply(&entry);
        worker.applied = next;
        let applied = self.applied();
        while self.pending.front().is_some_and(|(n, _)| *n <= applied) {
            if let Some((_, entry)) = self.pending.pop_front() {
                self.history.push_back((now, entry));
            }
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        result.map_err(|why| (entry, why))
    }

    /// Highest number that every worker has applied.
    #[must_use]
    pub fn applied(&self) -> UpdateNumber {
        self.workers.iter().map(|w| w.applied).min().unwrap_or(0)
    }

    /// What to tell the engine, if it does not know yet.
    pub fn take_notice(&mut self) -> Option<UpdateNumber> {
        let applied = self.applied();
        if applied <= self.notified {
            return None;
        }
        self.notified = applied;
        Some(applied)
    }

    /// Updates that wait for a worker.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.pending.len()
    }

    /// Whether every worker has such an entry, or had it since: an answer may wait while the next update
    /// is under way.
    pub fn had(&self, since: Micros, entry: &Entry) -> bool {
        self.workers.iter().all(|worker| worker.table.has(entry))
            || self
                .history
                .iter()
                .any(|(at, applied)| *at >= since && applied == entry)
    }

    /// Installed entries about a pair that stand in every worker or stood since.
    pub fn stood(&self, since: Micros, pair: PairKey) -> impl Iterator<Item = Entry> {
        let now = self.workers[0].table.of_pair(pair);
        let past = self.history.iter().filter(move |(at, _)| *at >= since);
        let past = past.map(|(_, entry)| entry.clone());
        now.into_iter()
            .chain(past)
            .filter(move |entry| homes_of(entry) == (pair.0, Some(pair.1)))
            .filter(move |entry| self.had(since, entry))
    }

    /// The worker that carries a direction of a pair.
    pub fn worker_for(&mut self, from: IpNet, to: IpNet) -> &mut Forwarding {
        let hash = |net: IpNet| match net.network() {
            IpAddr::V4(v4) => u32::from(v4) as usize,
            IpAddr::V6(v6) => (u128::from(v6) >> 64) as usize,
        };
        let count = self.workers.len();
        let worker = hash(from).wrapping_mul(31).wrapping_add(hash(to)) % count;
        &mut self.workers[worker].table
    }

    /// What a path has carried in all workers.
    #[must_use]
    pub fn usage(&self, key: PairKey) -> Usage {
        let mut sum = Usage::default();
        for worker in &self.workers {
            let usage = worker.table.usage(key);
            sum.packets += usage.packets;
            sum.bytes += usage.bytes;
        }
        sum
    }

    /// Counts a packet of a pair without a path; answers how many are to be reported now.
    pub fn report(&mut self, now: Micros, key: PairKey) -> Option<u64> {
        match self.reports.get_mut(&key) {
            Some((last, packets)) if now < *last + PAIR_REPORT_INTERVAL => {
                *packets += 1;
                None
            }
            Some((last, packets)) => {
                *last = now;
                Some(std::mem::take(packets) + 1)
            }
            None => {
                self.reports.insert(key, (now, 0));
                Some(1)
            }
        }
    }
}

/// A node of the domain.
pub struct Node {
    /// `LMA1`, `MAG2` ...
    pub name: String,
    /// LMA or MAG.
    pub role: Role,
    /// Its address on the transport network.
    pub address: IpAddr,
    /// None while the node is down.
    pub engine: Option<Box<dyn Engine>>,
    /// Times it was started.
    pub incarnation: u32,
    /// Its workers.
    pub dataplane: Dataplane,
    /// How far its wall clock is ahead of the slowest.
    pub(super) clock_ahead_us: Micros,
    /// Its protection, while it runs.
    pub(super) gate: Option<Gate>,
    /// Sequence numbers as its last run left them.
    pub(super) stored: Saved,
    /// Which keys its configuration has.
    pub(super) stage: u32,
    /// When an incarnation that crashed had last noted what it opened.
    pub(super) last_notes: BTreeMap<u32, Micros>,
    /// When the next timeout is to be handed in.
    pub(super) wake_at: Option<Micros>,
    /// Timeouts handed in at this very time: an engine that does not use up its deadline is stuck.
    pub(super) wakes: (Micros, u32),
    /// What it holds while it stands still.
    pub(super) frozen: Option<Frozen>,
    /// When it went on last, and how long it had stood still.
    pub(super) woke: Option<(Micros, Micros)>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("up", &self.engine.is_some())
            .field("dataplane", &self.dataplane)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// True while it runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.engine.is_some()
    }
}
