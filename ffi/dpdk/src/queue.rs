//! Receive and transmit queues: one thread polls one queue.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::Burst;
use crate::port::Device;

/// What both kinds have.
struct Queue {
    device: Arc<Device>,
    port: u16,
    queue: u16,
    /// The device was seen started; it stays so as long as a queue exists.
    started: bool,
    /// One thread at a time may poll a queue: it moves between threads, but is not shared.
    _not_sync: PhantomData<Cell<()>>,
}

impl Queue {
    /// Whether the device may be polled: before its start DPDK's burst functions only complain.
    #[inline]
    fn is_started(&mut self) -> bool {
        if !self.started {
            self.started = self.device.is_started();
        }
        self.started
    }
}

/// A receive queue.
pub struct RxQueue(Queue);

/// A transmit queue.
pub struct TxQueue(Queue);

impl RxQueue {
    pub(crate) fn new(device: Arc<Device>, queue: u16) -> Self {
        Self(Queue::new(device, queue))
    }

    /// Receives packets behind those in the burst, as many as there are and fit. Returns how many came; none
    /// before the port is started.
    #[inline]
    pub fn burst<const N: usize>(&mut self, burst: &mut Burst<N>) -> usize {
        if !self.0.is_started() {
            return 0;
        }
        let end = burst.len();
        let room = burst.room() as u16;
        // SAFETY: the device is started and stays so while this queue exists, the queue was set up, and
        // `&mut self` makes this its only caller. The driver writes at most `room` owned packets to the
        // places behind the last packet and says how many.
        unsafe {
            let places = burst.raw().add(end);
            let received = sys::cf_eth_rx_burst(self.0.port, self.0.queue, places, room);
            burst.added(usize::from(received));
            usize::from(received)
        }
    }

    /// The port that it belongs to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.0.port
    }

    /// Its number within the port.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.0.queue
    }
}

impl TxQueue {
    pub(crate) fn new(device: Arc<Device>, queue: u16) -> Self {
        Self(Queue::new(device, queue))
    }

    /// Sends packets from the front of the burst. Returns how many the device took; the others stay in the
    /// burst, in order, for the caller to count and clear, or to try again.
    #[inline]
    pub fn burst<const N: usize>(&mut self, burst: &mut Burst<N>) -> usize {
        if burst.is_empty() || !self.0.is_started() {
            return 0;
        }
        let count = burst.len() as u16;
        // SAFETY: as in `RxQueue::burst`; the driver takes ownership of the packets from the front that it
        // says it sent, and leaves the others.
        unsafe {
            let sent = sys::cf_eth_tx_burst(self.0.port, self.0.queue, burst.raw(), count);
            burst.forget_front(usize::from(sent));
            usize::from(sent)
        }
    }

    /// The port that it belongs to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.0.port
    }

    /// Its number within the port.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.0.queue
    }
}

impl Queue {
    fn new(device: Arc<Device>, queue: u16) -> Self {
        Self {
            port: device.id(),
            device,
            queue,
            started: false,
            _not_sync: PhantomData,
        }
    }
}

impl fmt::Debug for RxQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RxQueue({}.{})", self.0.port, self.0.queue)
    }
}

impl fmt::Debug for TxQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxQueue({}.{})", self.0.port, self.0.queue)
    }
}
