//! The anti-replay window, and the half of an extended sequence number that is not on the wire
//! (RFC 4303 sections 2.2.1, 3.4.3 and appendix A).

use super::{MAX_REPLAY_WINDOW, MIN_REPLAY_WINDOW};

const BITS: u64 = u64::BITS as u64;
/// Numbers that the low half counts.
const LOW_HALF: u64 = 1 << 32;

/// The last so many sequence numbers, and which of them have been used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayWindow {
    /// Packets.
    size: u64,
    /// Highest number accepted: the right edge. 0 before the first packet.
    top: u64,
    /// One bit a number, at the number modulo `size`.
    used: Vec<u64>,
}

impl ReplayWindow {
    /// A window of `size` packets, held to [`MIN_REPLAY_WINDOW`] to [`MAX_REPLAY_WINDOW`].
    #[must_use]
    pub fn new(size: u32) -> Self {
        let size = u64::from(size.clamp(MIN_REPLAY_WINDOW, MAX_REPLAY_WINDOW));
        let words = size.div_ceil(BITS) as usize;
        Self {
            size,
            top: 0,
            used: vec![0; words],
        }
    }

    /// A window that goes on after `top`: everything up to it counts as used.
    #[must_use]
    pub fn resumed(size: u32, top: u64) -> Self {
        let mut window = Self::new(size);
        window.top = top;
        window.used.fill(u64::MAX);
        window
    }

    /// Packets.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size as u32 // it was made of one
    }

    /// Highest number accepted.
    #[must_use]
    pub const fn top(&self) -> u64 {
        self.top
    }

    /// The whole number that a low half stands for, seen from this window: the first one from its left
    /// edge on that ends so (RFC 4303 appendix A2.1). None beyond the last of all numbers.
    #[must_use]
    pub fn extend(&self, low: u32) -> Option<u64> {
        let left_edge = self.top.saturating_add(1).saturating_sub(self.size);
        let of_its_cycle = left_edge / LOW_HALF * LOW_HALF + u64::from(low);
        if of_its_cycle >= left_edge {
            return Some(of_its_cycle);
        }
        of_its_cycle.checked_add(LOW_HALF)
    }

    /// Whether a packet with this number is to be looked at: not used before, and not left of the window.
    #[must_use]
    pub fn allows(&self, number: u64) -> bool {
        if number == 0 {
            return false; // the first packet has 1 (RFC 4303 section 2.2)
        }
        if number > self.top {
            return true;
        }
        self.top - number < self.size && !self.is_used(number)
    }

    /// Marks a number as used; its packet's ICV has been verified (RFC 4303 section 3.4.3). False, and
    /// nothing changes, where [`ReplayWindow::allows`] says no.
    pub fn accept(&mut self, number: u64) -> bool {
        if !self.allows(number) {
            return false;
        }
        if number > self.top {
            let fresh = (number - self.top).min(self.size);
            for step in 0..fresh {
                self.set(number - step, false);
            }
            self.top = number;
        }
        self.set(number, true);
        true
    }

    fn place(&self, number: u64) -> (usize, u64) {
        let at = number % self.size;
        ((at / BITS) as usize, 1 << (at % BITS))
    }

    fn is_used(&self, number: u64) -> bool {
        let (word, bit) = self.place(number);
        self.used[word] & bit != 0
    }

    fn set(&mut self, number: u64, used: bool) {
        let (word, bit) = self.place(number);
        if used {
            self.used[word] |= bit;
        } else {
            self.used[word] &= !bit;
        }
    }
}
