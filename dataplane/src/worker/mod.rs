//! The worker: a loop on an lcore of its own, which never blocks, allocates, locks or logs.
//!
//! ```text
//!          ┌────────────────────────────────────────────────────────────────────────────┐
//!          ▼                                                                            │
//!   rx burst ──▶ read headers ──▶ look up ──▶ ask for templates ──▶ act ──┬─▶ tx burst ─┤
//!    a queue     ask for buckets  ask for                     one verdict ├─▶ punt ring │
//!                                 entries                       a packet  └─▶ freed     │
//!                                                                                       │
//!   after the last queue:  at most N updates ──▶ "applied up to" ──▶ injected packets ──┘
//!                          (nothing arrived for long: sleep, where the idle policy says so)
//! ```
//!
//! A burst sees the tables as they were when it began: updates are applied between bursts, so that a packet
//! is moved by a complete entry or by none.

mod apply;
mod detect;
mod forward;
mod handle;
mod outlet;
mod platform;
mod reassemble;
mod state;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use thiserror::Error;

pub use handle::WorkerHandle;
pub use platform::{Batch, Dpdk, Platform};
pub(crate) use state::State;

use crate::config::{ConfigError, IdlePolicy, WorkerConfig};
use crate::event::Inject;
use crate::stats::{Counter, DropReason, WorkerStats};
use crate::update::Numbered;
use forward::Forwarder;
use outlet::{Batches, Outlet};
use reassemble::Reassembler;

/// Why a queue was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QueueError {
    /// The configuration has no such port.
    #[error("port {0} is not in the worker's configuration")]
    UnknownPort(u16),
    /// The worker has a queue of this port.
    #[error("the worker has a queue of port {0} already")]
    Twice(u16),
}

/// A port's queues.
struct Queue<P: Platform> {
    port: u16,
    rx: P::Rx,
    tx: P::Tx,
}

/// A worker before and while it runs. It can be moved to its lcore, and is used by one thread only.
pub struct Worker<P: Platform = Dpdk> {
    queues: Vec<Queue<P>>,
    forwarder: Forwarder,
    outlet: Outlet<P::Buffer>,
    reassembler: Reassembler<P>,
    updates: rtrb::Consumer<Numbered>,
    inject: rtrb::Consumer<Inject<P::Buffer>>,
    updates_per_iteration: usize,
    injects_per_iteration: usize,
    burst_packets: usize,
    idle: IdlePolicy,
    not_sync: PhantomData<Cell<()>>,
}

/// Makes both ends of a worker.
///
/// # Errors
/// What is wrong with the configuration.
pub fn wire_up(config: &WorkerConfig) -> Result<(Worker, WorkerHandle), ConfigError> {
    wire_up_on(config)
}

/// [`wire_up`] on any platform.
pub(crate) fn wire_up_on<P: Platform>(
    config: &WorkerConfig,
) -> Result<(Worker<P>, WorkerHandle<P::Buffer>), ConfigError> {
    config.validate()?;
    let (updates_in, updates) = rtrb::RingBuffer::new(config.updates_ring);
    let (inject_in, inject) = rtrb::RingBuffer::new(config.inject_ring);
    let (punt, punt_out) = rtrb::RingBuffer::new(config.punt_ring);
    let (events, events_out) = rtrb::RingBuffer::new(config.events_ring);
    let stats = Arc::new(WorkerStats::new(config.paths));
    let state = State::new(
        config,
        Arc::clone(&stats),
        events,
        P::cycles_per_s(),
        P::cycles() as u32,
    );
    let worker = Worker {
        queues: Vec::new(),
        forwarder: Forwarder::new(state),
        outlet: Outlet::new(punt, config.punt_ring, P::cycles() as u32),
        reassembler: Reassembler::new(config.reassembly),
        updates,
        inject,
        updates_per_iteration: config.updates_per_iteration,
        injects_per_iteration: config.injects_per_iteration,
        burst_packets: config.burst_packets,
        idle: config.idle,
        not_sync: PhantomData,
    };
    let handle = WorkerHandle {
        updates: updates_in,
        inject: inject_in,
        punt: punt_out,
        events: events_out,
        stats,
    };
    Ok((worker, handle))
}

impl<P: Platform> Worker<P> {
    /// Gives the worker its queues of a port.
    ///
    /// # Errors
    /// The port is not configured, or has been added.
    pub fn add_queue(&mut self, port: u16, rx: P::Rx, tx: P::Tx) -> Result<(), QueueError> {
        if self.forwarder.state.ground.port(port).is_none() {
            return Err(QueueError::UnknownPort(port));
        }
        if self.queues.iter().any(|queue| queue.port == port) {
            return Err(QueueError::Twice(port));
        }
        self.reassembler.ready();
        self.outlet.add_port(port, self.queues.len());
        self.queues.push(Queue { port, rx, tx });
        Ok(())
    }

    /// Forwards until told to stop. (A batch has room for 16, 32 or 64 packets, the next above
    /// `burst_packets`.)
    pub fn run(self, stop: &AtomicBool) {
        match self.burst_packets {
            0..=16 => self.run_with::<16>(stop),
            17..=32 => self.run_with::<32>(stop),
            _ => self.run_with::<64>(stop),
        }
    }

    fn run_with<const N: usize>(mut self, stop: &AtomicBool) {
        let mut batches = Batches::<P, N>::new(self.queues.len());
        let mut empty_polls = 0_u32;
        let mut then = P::cycles();
        while !stop.load(Relaxed) {
            let worked = self.iterate(&mut batches);
            empty_polls = if worked {
                0
            } else {
                empty_polls.saturating_add(1)
            };
            rest(self.idle, empty_polls);
            let now = P::cycles();
            let stats = &self.forwarder.state.stats;
            if worked {
                stats.add_busy(now.wrapping_sub(then));
            } else {
                stats.add_idle(now.wrapping_sub(then));
            }
            then = now;
        }
    }

    /// Every queue once, then updates and injected packets. Whether there was anything to do.
    fn iterate<const N: usize>(&mut self, batches: &mut Batches<P, N>) -> bool {
        let mut worked = false;
        for at in 0..self.queues.len() {
            worked |= self.poll(at, batches);
        }
        if !worked {
            self.forwarder.state.tally.add(Counter::EmptyPolls, 1);
        }
        self.reassembler.expire(&mut self.forwarder.state.tally);
        worked |= self.apply_updates();
        worked |= self.send_injected(batches);
        let state = &mut self.forwarder.state;
        state.tally.flush(&state.stats);
        worked
    }

    /// One burst of one queue, from its receipt to its leaving.
    #[inline]
    fn poll<const N: usize>(&mut self, at: usize, batches: &mut Batches<P, N>) -> bool {
        let queue = &mut self.queues[at];
        P::receive(&mut queue.rx, &mut batches.received);
        if batches.received.count() == 0 {
            return false;
        }
        let start = P::cycles();
        let port = queue.port;
        let packets = batches.received.count() as u64;
        let octets = self.decide(port, batches, start);
        let tally = &mut self.forwarder.state.tally;
        tally.add(Counter::RxPackets, packets);
        tally.add(Counter::RxBytes, octets);
        if batches.outgoing.fragments.count() > 0 {
            self.put_together(port, batches, start);
        }
        let state = &mut self.forwarder.state;
        batches.outgoing.flush(&mut self.queues, &mut state.tally);
        state.tally.add(Counter::Bursts, 1);
        state.stats.bursts().record(P::cycles().wrapping_sub(start));
        true
    }

    /// Decides about the packets received and hands them out. Octets of the frames.
    #[inline(always)]
    fn decide<const N: usize>(
        &mut self,
        port: u16,
        batches: &mut Batches<P, N>,
        now_cycles: u64,
    ) -> u64 {
        let received = &mut batches.received;
        let (packets, verdicts) = (received.as_mut_slice(), &mut batches.verdicts);
        let octets = self.forwarder.burst(port, packets, verdicts, now_cycles);
        let state = &mut self.forwarder.state;
        for (packet, verdict) in received.drain().zip(&batches.verdicts) {
            self.outlet.hand_out(
                packet,
                port,
                *verdict,
                &mut self.queues,
                &mut batches.outgoing,
                &mut state.tally,
            );
        }
        octets
    }

    /// Takes the fragments of a burst, and forwards the packets that are whole now. A packet that is a
    /// fragment again is none that anybody needs.
    #[cold]
    fn put_together<const N: usize>(
        &mut self,
        port: u16,
        batches: &mut Batches<P, N>,
        now_cycles: u64,
    ) {
        let tally = &mut self.forwarder.state.tally;
        for fragment in batches.outgoing.fragments.drain() {
            if let Some(whole) = self.reassembler.take(fragment, now_cycles, tally) {
                // Has room: no more packets than the fragments of a burst.
                let _ = batches.received.push(whole);
            }
        }
        // What was decided waits for its port: there is room for one burst.
        batches.outgoing.flush(&mut self.queues, tally);
        self.decide(port, batches, now_cycles);
        let tally = &mut self.forwarder.state.tally;
        let again = batches.outgoing.fragments.count() as u64;
        if again > 0 {
            tally.drop(DropReason::OuterFragment, again);
            batches.outgoing.fragments.clear();
        }
    }

    /// Applies at most so many updates, as long as a refusal could be told, and publishes the number of each.
    /// Whether there were any.
    fn apply_updates(&mut self) -> bool {
        let mut any = false;
        for _ in 0..self.updates_per_iteration {
            if !self.forwarder.state.can_refuse() {
                break;
            }
            let Ok(update) = self.updates.pop() else {
                break;
            };
            any = true;
            let state = &mut self.forwarder.state;
            state.apply(&update);
            state.stats.applied.store(update.number, Release);
        }
        any
    }
}

/// What the idle policy says after so many empty polls.
fn rest(idle: IdlePolicy, empty_polls: u32) {
    if let IdlePolicy::Sleep {
        after_empty_polls,
        sleep_us,
    } = idle
        && empty_polls > 0
        && empty_polls >= after_empty_polls
    {
        std::thread::sleep(Duration::from_micros(sleep_us.into()));
    }
}
