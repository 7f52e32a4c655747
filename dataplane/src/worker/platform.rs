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

/// What became of a fragment.
#[derive(Debug)]
pub struct Reassembled<B> {
    /// The packet, if this was the last of its fragments: contiguous or not.
    pub whole: Option<B>,
    /// Fragments that were given up on this occasion, this one perhaps among them.
    pub given_up: u32,
}

/// Fragments that wait for the rest of their packet: bounded in packets and in time.
pub trait Reassembly<B>: Sized {
    /// For so many packets at once; none without memory.
    fn new(packets: u32, timeout_cycles: u64) -> Option<Self>;
    /// Takes a fragment whose IP header begins after so many octets, and which ends where the frame does.
    ///
    /// # Errors
    /// What is not such a fragment comes back.
    fn take(&mut self, fragment: B, ip_offset: usize, now_cycles: u64)
    -> Result<Reassembled<B>, B>;
    /// Gives up what has waited too long; how many fragments that were.
    fn expire(&mut self, now_cycles: u64) -> u32;
    /// Fragments that wait.
    fn held(&self) -> u32;
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
    /// Puts fragments together; one worker uses it.
    type Reassembly: Reassembly<Self::Buffer>;

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

impl Reassembly<Mbuf> for dpdk::Reassembly {
    fn new(packets: u32, timeout_cycles: u64) -> Option<Self> {
        Self::new(packets, timeout_cycles)
    }
    fn take(
        &mut self,
        fragment: Mbuf,
        ip_offset: usize,
        now_cycles: u64,
    ) -> Result<Reassembled<Mbuf>, Mbuf> {
        let dpdk::Reassembled { whole, given_up } =
            Self::take(self, fragment, ip_offset, now_cycles)?;
        Ok(Reassembled { whole, given_up })
    }
    fn expire(&mut self, now_cycles: u64) -> u32 {
        Self::expire(self, now_cycles)
    }
    fn held(&self) -> u32 {
        Self::held(self)
    }
}

impl Platform for Dpdk {
    type Buffer = Mbuf;
    type Batch<const N: usize> = Burst<N>;
    type Rx = RxQueue;
    type Tx = TxQueue;
    type Reassembly = dpdk::Reassembly;

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
