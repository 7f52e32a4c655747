//! The platform in memory: a wire is two queues.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::super::platform::{Batch, Platform, Reassembled, Reassembly};
use crate::packet::Buffer as _;
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
    type Reassembly = VecReassembly;

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

/// What [`dpdk::Reassembly`] does, slowly.
#[derive(Debug)]
pub(super) struct VecReassembly {
    waiting: BTreeMap<Vec<u8>, Waiting>,
    packets: usize,
    timeout_cycles: u64,
}

#[derive(Debug)]
struct Waiting {
    since_cycles: u64,
    /// Headers and data by offset.
    parts: BTreeMap<usize, (Vec<u8>, Vec<u8>)>,
    octets: Option<usize>,
}

impl Reassembly<VecBuffer> for VecReassembly {
    fn new(packets: u32, timeout_cycles: u64) -> Option<Self> {
        Some(Self {
            waiting: BTreeMap::new(),
            packets: packets as usize,
            timeout_cycles,
        })
    }

    fn take(
        &mut self,
        fragment: VecBuffer,
        ip_offset: usize,
        now_cycles: u64,
    ) -> Result<Reassembled<VecBuffer>, VecBuffer> {
        let done = |whole, given_up| Ok(Reassembled { whole, given_up });
        let (headers, ip) = fragment.data().split_at(ip_offset);
        let is_ipv4 = ip[0] >> 4 == 4;
        let (key, word, header) = if is_ipv4 {
            let word = u16::from_be_bytes([ip[6], ip[7]]);
            (
                [&ip[12..20], &ip[4..6]].concat(),
                word.rotate_left(3),
                usize::from(ip[0] & 15) * 4,
            )
        } else {
            let word = u16::from_be_bytes([ip[42], ip[43]]);
            ([&ip[8..40], &ip[44..48]].concat(), word, 48)
        };
        let (from, more) = (usize::from(word & !7), word & 1 != 0);
        let data = ip[header..].to_vec();
        if !self.waiting.contains_key(&key) && self.waiting.len() == self.packets {
            return done(None, 1);
        }
        let entry = self.waiting.entry(key.clone()).or_insert(Waiting {
            since_cycles: now_cycles,
            parts: BTreeMap::new(),
            octets: None,
        });
        if !more {
            entry.octets = Some(from + data.len());
        }
        let front = [headers, &ip[..header]].concat();
        let twice = entry.parts.insert(from, (front, data)).is_some();
        let have: usize = entry.parts.values().map(|(_, data)| data.len()).sum();
        let whole = entry.octets.is_some_and(|octets| octets <= have);
        let many = entry.parts.len() > dpdk::MAX_FRAGMENTS as usize;
        if !(twice || whole || many) {
            return done(None, 0);
        }
        let entry = self.waiting.remove(&key).expect("it is there");
        let count = entry.parts.len() as u32 + u32::from(twice);
        let mut frame = entry
            .parts
            .get(&0)
            .map_or(Vec::new(), |(front, _)| front.clone());
        let at = frame.len();
        for (from, (_, data)) in &entry.parts {
            if twice || many || from + at != frame.len() {
                return done(None, count);
            }
            frame.extend(data);
        }
        done(Some(VecBuffer::new(&mended(frame, ip_offset, is_ipv4))), 0)
    }

    fn expire(&mut self, now_cycles: u64) -> u32 {
        let before = self.held();
        let timeout = self.timeout_cycles;
        self.waiting
            .retain(|_, entry| now_cycles - entry.since_cycles <= timeout);
        before - self.held()
    }

    fn held(&self) -> u32 {
        self.waiting
            .values()
            .map(|entry| entry.parts.len() as u32)
            .sum()
    }
}

/// The first fragment's headers made those of the whole packet.
fn mended(mut frame: Vec<u8>, ip_offset: usize, is_ipv4: bool) -> Vec<u8> {
    if is_ipv4 {
        let octets = (frame.len() - ip_offset) as u16;
        let header = usize::from(frame[ip_offset] & 15) * 4;
        let ip = &mut frame[ip_offset..ip_offset + header];
        ip[2..4].copy_from_slice(&octets.to_be_bytes());
        ip[6..8].fill(0);
        ip[10..12].fill(0);
        let sum = etherparse::checksum::Sum16BitWords::new()
            .add_slice(ip)
            .ones_complement();
        ip[10..12].copy_from_slice(&sum.to_ne_bytes());
    } else {
        frame[ip_offset + 6] = frame[ip_offset + 40];
        frame.drain(ip_offset + 40..ip_offset + 48);
        let octets = (frame.len() - ip_offset - 40) as u16;
        frame[ip_offset + 4..ip_offset + 6].copy_from_slice(&octets.to_be_bytes());
    }
    frame
}
