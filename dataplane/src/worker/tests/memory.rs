//! The platform in memory: a wire is two queues.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::super::platform::{Batch, Platform};
use crate::packet::vec::VecBuffer;

/// Cycles of the memory platform in a second: one a reading.
pub(super) const CYCLES_PER_S: u64 = 1_000_000;

/// One port's two directions, and how many packets it still takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    arriving: Arc<Mutex<VecDeque<VecBuffer>>>,
    leaving: Arc<Mutex<VecDeque<VecBuffer>>>,
    pub(super) refused: Arc<AtomicU64>,
}

impl Wire {
    pub(super) fn arrive(&self, buffer: VecBuffer) {
        self.arriving.lock().expect("a lock").push_back(buffer);
    }

    pub(super) fn sent(&self) -> Option<VecBuffer> {
        self.leaving.lock().expect("a lock").pop_front()
    }
}

pub(super) struct Memory;

#[derive(Debug, Default)]
pub(super) struct VecBatch<const N: usize>(Vec<VecBuffer>);

impl<const N: usize> Batch<VecBuffer> for VecBatch<N> {
    fn as_mut_slice(&mut self) -> &mut [VecBuffer] {
        &mut self.0
    }
    fn count(&self) -> usize {
        self.0.len()
    }
    fn push(&mut self, packet: VecBuffer) -> Result<(), VecBuffer> {
        if self.0.len() == N {
            return Err(packet);
        }
        self.0.push(packet);
        Ok(())
    }
    fn drain(&mut self) -> impl Iterator<Item = VecBuffer> {
        self.0.drain(..)
    }
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Platform for Memory {
    type Buffer = VecBuffer;
    type Batch<const N: usize> = VecBatch<N>;
    type Rx = Wire;
    type Tx = Wire;

    fn receive<const N: usize>(rx: &mut Wire, batch: &mut VecBatch<N>) {
        let mut arriving = rx.arriving.lock().expect("a lock");
        while batch.0.len() < N {
            let Some(packet) = arriving.pop_front() else {
                return;
            };
            batch.0.push(packet);
        }
    }

    fn transmit<const N: usize>(tx: &mut Wire, batch: &mut VecBatch<N>) {
        let refused = (tx.refused.load(Relaxed) as usize).min(batch.0.len());
        let taken = batch.0.len() - refused;
        tx.leaving
            .lock()
            .expect("a lock")
            .extend(batch.0.drain(..taken));
    }

    fn cycles() -> u64 {
        static NOW: AtomicU64 = AtomicU64::new(0);
        NOW.fetch_add(1, Relaxed)
    }

    fn cycles_per_s() -> u64 {
        CYCLES_PER_S
    }
}
