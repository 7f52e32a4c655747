//! One numbered log of updates, pushed to every worker in order.

use std::collections::VecDeque;

use dataplane::{Numbered, PathSlot, Update};

/// A worker as the control thread sees it.
pub trait WorkerPort {
    /// Offers the next update; false when the ring is full, and the update is offered again later.
    fn push(&mut self, update: Numbered) -> bool;
    /// Highest number up to which the worker has applied every update.
    fn applied(&self) -> u64;
    /// Packets and bytes that the worker has counted on a path's slot since it started.
    fn path_counters(&self, slot: PathSlot) -> (u64, u64);
}

/// The log: updates stay in it until every worker's ring has taken them. Rule 2 of the house: a full
/// ring is back-pressure, the backlog a statistic, and nothing is lost.
#[derive(Debug)]
pub struct Fanout<W> {
    lanes: Vec<Lane<W>>,
    log: VecDeque<Numbered>,
    /// Number of the newest update, 0 before the first.
    last: u64,
}

#[derive(Debug)]
struct Lane<W> {
    worker: W,
    /// Number of the next update that the worker's ring has to take.
    next: u64,
}

impl<W: WorkerPort> Fanout<W> {
    /// A log for these workers, of which none has applied anything.
    pub fn new(workers: Vec<W>) -> Self {
        let lanes = workers
            .into_iter()
            .map(|worker| Lane { worker, next: 1 })
            .collect();
        Self {
            lanes,
            log: VecDeque::new(),
            last: 0,
        }
    }

    /// Appends an update and returns its number; [`Fanout::flush`] pushes it.
    pub fn send(&mut self, update: Update) -> u64 {
        self.last += 1;
        self.log.push_back(Numbered {
            number: self.last,
            update,
        });
        self.last
    }

    /// Pushes what the rings take, and forgets what all of them have taken.
    pub fn flush(&mut self) {
        let Some(first) = self.log.front().map(|oldest| oldest.number) else {
            return;
        };
        for lane in &mut self.lanes {
            let skip = usize::try_from(lane.next - first).unwrap_or(usize::MAX);
            for update in self.log.iter().skip(skip) {
                if !lane.worker.push(*update) {
                    break;
                }
                lane.next += 1;
            }
        }
        let taken = self
            .lanes
            .iter()
            .map(|lane| lane.next)
            .min()
            .unwrap_or(self.last + 1);
        while self.log.front().is_some_and(|oldest| oldest.number < taken) {
            self.log.pop_front();
        }
    }

    /// Highest number that every worker has applied.
    pub fn applied(&self) -> u64 {
        self.lanes
            .iter()
            .map(|lane| lane.worker.applied())
            .min()
            .unwrap_or(self.last)
    }

    /// Number of the newest update.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Updates that some worker's ring has not taken yet.
    pub fn backlog(&self) -> usize {
        self.log.len()
    }

    /// Packets and bytes that all workers have counted on a path's slot.
    pub fn path_counters(&self, slot: PathSlot) -> (u64, u64) {
        self.lanes
            .iter()
            .map(|lane| lane.worker.path_counters(slot))
            .fold((0, 0), |(packets, bytes), (more_packets, more_bytes)| {
                (
                    packets.wrapping_add(more_packets),
                    bytes.wrapping_add(more_bytes),
                )
            })
    }

    /// The workers, in order.
    pub fn workers(&self) -> impl Iterator<Item = &W> {
        self.lanes.iter().map(|lane| &lane.worker)
    }

    /// The workers, in order.
    pub fn workers_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.lanes.iter_mut().map(|lane| &mut lane.worker)
    }
}
