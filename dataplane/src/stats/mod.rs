//! What a worker counts: written by the worker alone with plain relaxed stores, read by control.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

mod counter;
mod histogram;

use counter::{COUNTERS, FIRST_DROP, NAMES};
pub use counter::{Counter, DropReason};
pub use histogram::BurstHistogram;

/// The worker's own sums since its last burst; [`Tally::flush`] stores them where control reads.
#[derive(Debug)]
pub(crate) struct Tally {
    sums: [u64; COUNTERS],
    touched: u128,
}

const _: () = assert!(COUNTERS <= 128, "the touched mask has 128 bits");

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            sums: [0; COUNTERS],
            touched: 0,
        }
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn add(&mut self, counter: Counter, amount: u64) {
        self.add_at(counter as usize, amount);
    }

    /// Counts drops.
    #[inline]
    pub(crate) fn drop(&mut self, reason: DropReason, packets: u64) {
        self.add_at(FIRST_DROP + reason as usize, packets);
    }

    #[inline]
    fn add_at(&mut self, at: usize, amount: u64) {
        self.sums[at] += amount;
        self.touched |= 1 << at;
    }

    /// Stores the sums and starts again from zero.
    #[inline]
    pub(crate) fn flush(&mut self, stats: &WorkerStats) {
        let mut touched = self.touched;
        while touched != 0 {
            let at = touched.trailing_zeros() as usize % 128;
            touched &= touched - 1;
            bump(&stats.counters[at], self.sums[at]);
            self.sums[at] = 0;
        }
        self.touched = 0;
    }
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn bump(cell: &AtomicU64, amount: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
}

#[derive(Debug, Default)]
struct PathCell {
    packets: AtomicU64,
    bytes: AtomicU64,
}

/// The statistics of one worker.
#[derive(Debug)]
pub struct WorkerStats {
    counters: CachePadded<[AtomicU64; COUNTERS]>,
    /// Number of the last update applied; the one store of the worker with release semantics.
    pub(crate) applied: CachePadded<AtomicU64>,
    busy_cycles: CachePadded<AtomicU64>,
    idle_cycles: AtomicU64,
    bursts: BurstHistogram,
    paths: Box<[PathCell]>,
}

impl WorkerStats {
    pub(crate) fn new(paths: u32) -> Self {
        Self {
            counters: CachePadded::new([const { AtomicU64::new(0) }; COUNTERS]),
            applied: CachePadded::new(AtomicU64::new(0)),
            busy_cycles: CachePadded::new(AtomicU64::new(0)),
            idle_cycles: AtomicU64::new(0),
            bursts: BurstHistogram::new(),
            paths: (0..paths).map(|_| PathCell::default()).collect(),
        }
    }

    /// Every counter by its dotted name.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES
            .iter()
            .zip(self.counters.iter())
            .map(|(name, cell)| (*name, cell.load(Relaxed)))
    }

    /// One counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Relaxed)
    }

    /// Packets dropped for one reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.counters[FIRST_DROP + reason as usize].load(Relaxed)
    }

    /// Packets dropped for any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        DropReason::ALL
            .iter()
            .map(|reason| self.dropped(*reason))
            .sum()
    }

    /// Packets and octets (of the inner packets) that a path has carried, both directions together
    /// where both use the slot; nothing for a slot out of range.
    #[must_use]
    pub fn path(&self, slot: crate::update::PathSlot) -> (u64, u64) {
        self.paths.get(slot.0 as usize).map_or((0, 0), |cell| {
            (cell.packets.load(Relaxed), cell.bytes.load(Relaxed))
        })
    }

    /// Cycles of polls that had work, and of those that had none; their share is the load.
    #[must_use]
    pub fn cycles(&self) -> (u64, u64) {
        (
            self.busy_cycles.load(Relaxed),
            self.idle_cycles.load(Relaxed),
        )
    }

    /// Time from the receipt of a burst to its last packet's leaving, in cycles.
    #[must_use]
    pub fn bursts(&self) -> &BurstHistogram {
        &self.bursts
    }

    /// Whether there is such a slot.
    pub(crate) fn has_path(&self, slot: crate::update::PathSlot) -> bool {
        (slot.0 as usize) < self.paths.len()
    }

    #[inline]
    pub(crate) fn count_path(&self, slot: u32, bytes: u64) {
        if let Some(cell) = self.paths.get(slot as usize) {
            bump(&cell.packets, 1);
            bump(&cell.bytes, bytes);
        }
    }

    #[inline]
    pub(crate) fn add_busy(&self, cycles: u64) {
        bump(&self.busy_cycles, cycles);
    }

    #[inline]
    pub(crate) fn add_idle(&self, cycles: u64) {
        bump(&self.idle_cycles, cycles);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNTERS);
    }

    #[test]
    fn a_flush_adds_and_starts_again() {
        let stats = WorkerStats::new(1);
        let mut tally = Tally::new();
        tally.add(Counter::RxPackets, 3);
        tally.drop(DropReason::PuntFull, 2);
        tally.flush(&stats);
        tally.add(Counter::RxPackets, 1);
        tally.flush(&stats);
        assert_eq!(stats.get(Counter::RxPackets), 4);
        assert_eq!(stats.dropped(DropReason::PuntFull), 2);
        assert_eq!(stats.dropped_total(), 2);
    }
}
