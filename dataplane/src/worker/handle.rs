//! The control thread's end of a worker.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use dpdk::Mbuf;

use crate::event::{Event, Inject, Punt};
use crate::stats::WorkerStats;
use crate::update::{Numbered, PathSlot};

/// Control's end of the four rings of one worker, and its statistics. Nothing here blocks.
#[derive(Debug)]
pub struct WorkerHandle<B = Mbuf> {
    pub(super) updates: rtrb::Producer<Numbered>,
    pub(super) inject: rtrb::Producer<Inject<B>>,
    pub(super) punt: rtrb::Consumer<Punt<B>>,
    pub(super) events: rtrb::Consumer<Event>,
    pub(super) stats: Arc<WorkerStats>,
}

impl<B> WorkerHandle<B> {
    /// Gives an update to the worker.
    ///
    /// # Errors
    /// The update, when the ring is full: it is the caller's to keep in order and to try again.
    pub fn push(&mut self, update: Numbered) -> Result<(), Numbered> {
        self.updates
            .push(update)
            .map_err(|rtrb::PushError::Full(update)| update)
    }

    /// Number of the last update applied, 0 before the first: it and all before it are in force.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.stats.applied.load(Acquire)
    }

    /// Gives a packet to the worker, to send as it is.
    ///
    /// # Errors
    /// The packet, when the ring is full.
    pub fn inject(&mut self, packet: Inject<B>) -> Result<(), Inject<B>> {
        self.inject
            .push(packet)
            .map_err(|rtrb::PushError::Full(packet)| packet)
    }

    /// The next packet for control.
    pub fn poll_punt(&mut self) -> Option<Punt<B>> {
        self.punt.pop().ok()
    }

    /// The next fact for control.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop().ok()
    }

    /// The worker's statistics.
    #[must_use]
    pub fn stats(&self) -> &Arc<WorkerStats> {
        &self.stats
    }

    /// Packets and octets that a path has carried.
    #[must_use]
    pub fn path_counters(&self, slot: PathSlot) -> (u64, u64) {
        self.stats.path(slot)
    }
}
