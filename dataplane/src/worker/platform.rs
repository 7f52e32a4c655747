//! What a worker stands on: DPDK in the node, plain memory in tests.

use dpdk::{Burst, Mbuf, RxQueue, TxQueue};

use crate::packet::Buffer;

/// Packets in place, in order, at most as many as the batch was made for.
pub trait Batch<B>: Default {
    /// The packets.
    fn as_mut_slice(&mut self) -> &mut [B];
    /// Packets in it.
    fn count(&self) -> usize;
    /// Adds a packet at the end, or gives it back when there is no room.
    ///
    /// # Errors
    /// The packet.
    fn push(&mut self, packet: B) -> Result<(), B>;
    /// Takes every packet, in order.
    fn drain(&mut self) -> impl Iterator<Item = B>;
    /// Frees every packet, at once.
    fn clear(&mut self);
}

/// Buffers, batches, queues and a clock that belong together.
pub trait Platform {
    /// A packet.
    type Buffer: Buffer;
    /// Up to `N` packets.
    type Batch<const N: usize>: Batch<Self::Buffer>;
    /// Receives; one worker polls it.
    type Rx;
    /// Sends; one worker fills it.
    type Tx;

    /// Fills a batch with what has arrived.
    fn receive<const N: usize>(rx: &mut Self::Rx, batch: &mut Self::Batch<N>);
    /// Sends a batch; what was not taken stays in it.
    fn transmit<const N: usize>(tx: &mut Self::Tx, batch: &mut Self::Batch<N>);
    /// The time.
    fn cycles() -> u64;
    /// Its frequency.
    fn cycles_per_s() -> u64;
}

/// The node's platform.
#[derive(Debug)]
pub struct Dpdk;

impl<const N: usize> Batch<Mbuf> for Burst<N> {
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [Mbuf] {
        Self::as_mut_slice(self)
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    fn push(&mut self, packet: Mbuf) -> Result<(), Mbuf> {
        Self::push(self, packet)
    }
    #[inline(always)]
    fn drain(&mut self) -> impl Iterator<Item = Mbuf> {
        Self::drain(self)
    }
    #[inline(always)]
    fn clear(&mut self) {
        Self::clear(self);
    }
}

impl Platform for Dpdk {
    type Buffer = Mbuf;
    type Batch<const N: usize> = Burst<N>;
    type Rx = RxQueue;
    type Tx = TxQueue;

    #[inline(always)]
    fn receive<const N: usize>(rx: &mut RxQueue, batch: &mut Burst<N>) {
        rx.burst(batch);
    }
    #[inline(always)]
    fn transmit<const N: usize>(tx: &mut TxQueue, batch: &mut Burst<N>) {
        tx.burst(batch);
    }
    #[inline(always)]
    fn cycles() -> u64 {
        dpdk::tsc()
    }
    fn cycles_per_s() -> u64 {
        dpdk::tsc_hz()
    }
}
