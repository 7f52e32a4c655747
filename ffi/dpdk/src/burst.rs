//! [`Burst`]: up to `N` owned packets in place, given back in one call.

use core::fmt;
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::slice;

use dpdk_sys as sys;

use crate::Mbuf;

/// An array of at most `N` owned packets. Never allocates; dropping it frees every packet in one call, which
/// is what makes it cheaper than an array of [`Mbuf`].
///
/// `packets[..len]` is initialised at all times.
pub struct Burst<const N: usize> {
    packets: [MaybeUninit<Mbuf>; N],
    len: usize,
}

impl<const N: usize> Burst<N> {
    /// Most packets that it holds: `N`, which fits DPDK's 16-bit burst sizes.
    pub const CAPACITY: usize = {
        assert!(N <= u16::MAX as usize, "a burst is counted in 16 bits");
        N
    };

    /// An empty one.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        let _ = Self::CAPACITY;
        Self {
            packets: [const { MaybeUninit::uninit() }; N],
            len: 0,
        }
    }

    /// Packets in it.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no packet.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it has no room.
    #[inline]
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == N
    }

    /// Packets that still fit.
    #[inline]
    #[must_use]
    pub const fn room(&self) -> usize {
        N - self.len
    }

    /// Adds a packet at the end.
    ///
    /// # Errors
    /// Gives the packet back when there is no room.
    #[inline]
    pub fn push(&mut self, packet: Mbuf) -> Result<(), Mbuf> {
        match self.packets.get_mut(self.len) {
            Some(place) => {
                place.write(packet);
                self.len += 1;
                Ok(())
            }
            None => Err(packet),
        }
    }

    /// Takes the last packet.
    #[inline]
    pub fn pop(&mut self) -> Option<Mbuf> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the place was within the old length, hence initialised; it is outside the new one, so it
        // is not read again.
        Some(unsafe { self.packets[self.len].assume_init_read() })
    }

    /// Takes the packet at `index`; the last one takes its place.
    #[inline]
    pub fn swap_remove(&mut self, index: usize) -> Option<Mbuf> {
        if index >= self.len {
            return None;
        }
        let last = self.len - 1;
        self.as_mut_slice().swap(index, last);
        self.pop()
    }

    /// Takes every packet, in order. What the iterator has not handed out when it is dropped is freed in one
    /// call: this is the cheap way to split a burst by verdict.
    #[inline]
    pub fn drain(&mut self) -> Drain<'_, N> {
        let end = mem::take(&mut self.len);
        Drain {
            burst: self,
            next: 0,
            end,
        }
    }

    /// Moves as many packets as fit, from the front and in order, to the end of `other`; the rest stay.
    /// Returns how many moved.
    pub fn move_to<const M: usize>(&mut self, other: &mut Burst<M>) -> usize {
        let count = self.len.min(other.room());
        // SAFETY: `count` initialised places are moved to as many free places of another array; they are
        // then dropped from the front of this one.
        unsafe {
            ptr::copy_nonoverlapping(
                self.packets.as_ptr(),
                other.packets.as_mut_ptr().add(other.len),
                count,
            );
            other.len += count;
            self.forget_front(count);
        }
        count
    }

    /// The packets.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Mbuf] {
        // SAFETY: packets[..len] is initialised, and MaybeUninit<Mbuf> has Mbuf's layout.
        unsafe { slice::from_raw_parts(self.packets.as_ptr().cast(), self.len) }
    }

    /// The packets, to change.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Mbuf] {
        // SAFETY: as `as_slice`, and `&mut self` makes it the only reference.
        unsafe { slice::from_raw_parts_mut(self.packets.as_mut_ptr().cast(), self.len) }
    }

    /// One after the other.
    #[inline]
    pub fn iter(&self) -> slice::Iter<'_, Mbuf> {
        self.as_slice().iter()
    }

    /// One after the other, to change.
    #[inline]
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, Mbuf> {
        self.as_mut_slice().iter_mut()
    }

    /// Frees every packet, in one call. Returns how many there were.
    #[inline]
    pub fn clear(&mut self) -> usize {
        let count = mem::take(&mut self.len);
        // SAFETY: packets[..count] was initialised and is outside the new length.
        unsafe { free_bulk(&mut self.packets[..count]) };
        count
    }

    /// The places, for a driver that fills or empties them.
    #[inline]
    pub(crate) fn raw(&mut self) -> *mut *mut sys::rte_mbuf {
        // Mbuf is transparent over NonNull<rte_mbuf>, which has the layout of *mut rte_mbuf.
        self.packets.as_mut_ptr().cast()
    }

    /// Counts `added` more packets.
    ///
    /// # Safety
    /// The `added` places behind the last packet were filled with owned packets, and they fit.
    #[inline]
    pub(crate) unsafe fn added(&mut self, added: usize) {
        debug_assert!(added <= self.room());
        self.len += added;
    }

    /// Drops the first `count` places without freeing what they point to.
    ///
    /// # Safety
    /// `count <= len`, and the ownership of those packets went elsewhere.
    #[inline]
    pub(crate) unsafe fn forget_front(&mut self, count: usize) {
        debug_assert!(count <= self.len);
        self.len -= count;
        if self.len > 0 {
            // SAFETY: the `len` places from `count` on are initialised and within the array.
            unsafe {
                let start = self.packets.as_mut_ptr();
                ptr::copy(start.add(count), start, self.len);
            }
        }
    }
}

/// Gives the packets back to their pools.
///
/// # Safety
/// All are initialised, and none is used afterwards.
#[inline]
unsafe fn free_bulk(packets: &mut [MaybeUninit<Mbuf>]) {
    if !packets.is_empty() {
        // SAFETY: the caller's contract; the layout is that of an array of pointers.
        unsafe {
            sys::rte_pktmbuf_free_bulk(packets.as_mut_ptr().cast(), packets.len() as u32);
        }
    }
}

impl<const N: usize> Default for Burst<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Drop for Burst<N> {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}

impl<const N: usize> fmt::Debug for Burst<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Hands out the packets of a [`Burst`] by value; see [`Burst::drain`].
#[derive(Debug)]
pub struct Drain<'a, const N: usize> {
    /// Empty as long as this lives; its places `next..end` still hold packets.
    burst: &'a mut Burst<N>,
    next: usize,
    end: usize,
}

impl<const N: usize> Iterator for Drain<'_, N> {
    type Item = Mbuf;

    #[inline]
    fn next(&mut self) -> Option<Mbuf> {
        if self.next == self.end {
            return None;
        }
        let index = self.next;
        self.next += 1;
        // SAFETY: places next..end are initialised, and `next` has passed this one.
        Some(unsafe { self.burst.packets[index].assume_init_read() })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl<const N: usize> ExactSizeIterator for Drain<'_, N> {}

impl<const N: usize> Drop for Drain<'_, N> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: places next..end are initialised; the burst's length is 0, so nobody reads them again.
        unsafe { free_bulk(&mut self.burst.packets[self.next..self.end]) }
    }
}
