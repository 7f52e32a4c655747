//! Packets in buffers, and what is read of them before any table is asked.

use dpdk::Mbuf;

pub(crate) mod classify;
pub(crate) mod gre;
pub(crate) mod header;
mod ipv4;
mod own;
mod own_ipv4;
#[cfg(test)]
pub(crate) mod vec;
pub(crate) mod wrap;

/// A buffer with one frame and, usually, room in front of it. The pipeline is generic over it and
/// monomorphised: over [`Mbuf`] in the node, over plain memory in tests.
pub trait Buffer {
    /// The frame, from its Ethernet header.
    fn data(&self) -> &[u8];
    /// The frame, from its Ethernet header.
    fn data_mut(&mut self) -> &mut [u8];
    /// Octets of the frame.
    fn octets(&self) -> usize;
    /// Makes the frame longer at its front, its new octets being whatever they are; false, and nothing
    /// done, when there is no room.
    fn grow_front(&mut self, octets: usize) -> bool;
    /// Makes the frame shorter at its front; false, and nothing done, when it is not that long.
    fn shrink_front(&mut self, octets: usize) -> bool;
    /// Makes the frame shorter at its end; false, and nothing done, when it is not that long.
    fn shrink_back(&mut self, octets: usize) -> bool;
    /// Whether `data` is the whole frame.
    fn is_contiguous(&self) -> bool;
    /// Makes `data` the whole frame; false, and nothing done, when the first segment has no room for it.
    fn linearize(&mut self) -> bool;
    /// Asks the cache for the frame's first line.
    fn prefetch(&self);
    /// Another buffer of the same origin with a frame of so many octets, whatever they are; none when
    /// buffers have run out, or are too small.
    fn fresh(&self, octets: usize) -> Option<Self>
    where
        Self: Sized;
}

impl Buffer for Mbuf {
    #[inline(always)]
    fn data(&self) -> &[u8] {
        Self::data(self)
    }
    #[inline(always)]
    fn data_mut(&mut self) -> &mut [u8] {
        Self::data_mut(self)
    }
    #[inline(always)]
    fn octets(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    fn grow_front(&mut self, octets: usize) -> bool {
        self.prepend(octets).is_some()
    }
    #[inline(always)]
    fn shrink_front(&mut self, octets: usize) -> bool {
        self.adj(octets)
    }
    #[inline(always)]
    fn shrink_back(&mut self, octets: usize) -> bool {
        self.trim(octets)
    }
    #[inline(always)]
    fn is_contiguous(&self) -> bool {
        self.segments() == 1
    }
    fn linearize(&mut self) -> bool {
        Self::linearize(self)
    }
    #[inline(always)]
    fn prefetch(&self) {
        self.prefetch_data();
    }
    fn fresh(&self, octets: usize) -> Option<Self> {
        let mut fresh = self.alloc_like()?;
        fresh.append(octets)?;
        Some(fresh)
    }
}
