//! A frame in plain memory, for tests without EAL.

use super::Buffer;

/// Octets of room in front of a frame, as in an mbuf.
pub(crate) const HEADROOM: usize = 128;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VecBuffer {
    room: Vec<u8>,
    start: usize,
    /// Pretends to have a second segment.
    pub(crate) segmented: bool,
    /// Whether there are more buffers where it comes from, and room in this one.
    pub(crate) has_more: bool,
}

impl VecBuffer {
    pub(crate) fn new(frame: &[u8]) -> Self {
        let mut room = vec![0xee; HEADROOM];
        room.extend_from_slice(frame);
        Self {
            room,
            start: HEADROOM,
            segmented: false,
            has_more: true,
        }
    }

    /// Takes the room in front away.
    pub(crate) fn without_headroom(mut self) -> Self {
        self.room.drain(..self.start);
        self.start = 0;
        self
    }
}

impl Buffer for VecBuffer {
    fn data(&self) -> &[u8] {
        &self.room[self.start..]
    }
    fn data_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..]
    }
    fn octets(&self) -> usize {
        self.room.len() - self.start
    }
    fn grow_front(&mut self, octets: usize) -> bool {
        let fits = octets <= self.start;
        if fits {
            self.start -= octets;
        }
        fits
    }
    fn shrink_front(&mut self, octets: usize) -> bool {
        let fits = octets <= self.octets();
        if fits {
            self.start += octets;
        }
        fits
    }
    fn shrink_back(&mut self, octets: usize) -> bool {
        let fits = octets <= self.octets();
        if fits {
            self.room.truncate(self.room.len() - octets);
        }
        fits
    }
    fn is_contiguous(&self) -> bool {
        !self.segmented
    }
    fn linearize(&mut self) -> bool {
        self.segmented &= !self.has_more;
        !self.segmented
    }
    fn prefetch(&self) {}
    fn fresh(&self, octets: usize) -> Option<Self> {
        self.has_more.then(|| Self::new(&vec![0xdd; octets]))
    }
}
