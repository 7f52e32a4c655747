//! A worker's handle as the joint sees it.

use dataplane::{Numbered, PathSlot, WorkerHandle};

use crate::program::WorkerPort;

/// A worker and where it runs.
#[derive(Debug)]
pub(super) struct WorkerLink {
    pub(super) lcore: u32,
    pub(super) handle: WorkerHandle,
}

impl WorkerPort for WorkerLink {
    fn push(&mut self, update: Numbered) -> bool {
        self.handle.push(update).is_ok()
    }

    fn applied(&self) -> u64 {
        self.handle.applied()
    }

    fn path_counters(&self, slot: PathSlot) -> (u64, u64) {
        self.handle.path_counters(slot)
    }
}
