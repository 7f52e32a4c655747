//! [`Mbuf`]: one owned packet. The only module that touches the fields of `rte_mbuf`, because newer DPDK
//! versions nest them; accessors are plain Rust, as fast as DPDK's inlined C.
//!
//! What is always true of an `Mbuf`: its reference count is 1, nothing else in the process points to it, and
//! `data_off + data_len <= buf_len`. The layer offers no clone and no attach, drivers hand over and take
//! whole packets, and every method below keeps the inequality.

use core::fmt;
use core::mem;
use core::ptr::NonNull;
use core::slice;

use dpdk_sys as sys;

/// An owned packet; dropping it gives it back to its mempool.
///
/// A packet has one or more segments. Data accessors see the first one; [`Mbuf::segments`] says whether there
/// are more, and [`Mbuf::len`] counts all of them.
#[repr(transparent)]
pub struct Mbuf(NonNull<sys::rte_mbuf>);

// SAFETY: an `Mbuf` is the only pointer to its packet, and mempools take packets back from any thread.
unsafe impl Send for Mbuf {}

impl Mbuf {
    /// Takes ownership.
    ///
    /// # Safety
    /// `raw` points to an mbuf with reference count 1 whose only owner is the caller.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::rte_mbuf>) -> Self {
        Self(raw)
    }

    /// A fresh, empty packet out of the same pool; none when the pool is exhausted.
    #[must_use]
    pub fn alloc_like(&self) -> Option<Self> {
        // SAFETY: the pool exists as long as a packet of it does.
        let raw = NonNull::new(unsafe { sys::cf_pktmbuf_alloc(self.raw().pool) })?;
        // SAFETY: a fresh mbuf has reference count 1 and no other owner.
        Some(unsafe { Self::from_raw(raw) })
    }

    /// Gives up ownership.
    pub(crate) fn into_raw(self) -> NonNull<sys::rte_mbuf> {
        mem::ManuallyDrop::new(self).0
    }

    /// Copies all segments into the first one. False, and nothing changes, when that has no room for them.
    #[must_use = "a packet that does not fit one segment was not changed"]
    pub fn linearize(&mut self) -> bool {
        // SAFETY: `self` owns the packet; what is copied stays within the first segment's buffer, and the
        // segments that are freed belong to the packet alone.
        unsafe { sys::cf_pktmbuf_linearize(self.0.as_ptr()) == 0 }
    }

    #[inline]
    fn raw(&self) -> &sys::rte_mbuf {
        // SAFETY: the pointer is valid for as long as `self` owns the packet, and nobody else writes to it.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn raw_mut(&mut self) -> &mut sys::rte_mbuf {
        // SAFETY: as `raw`, and `&mut self` makes this the only reference.
        unsafe { self.0.as_mut() }
    }

    /// The data of the first segment.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let raw = self.raw();
        // SAFETY: buf_addr points to buf_len octets that belong to this mbuf, all initialised when the pool's
        // memory was mapped, and data_off + data_len <= buf_len.
        unsafe {
            slice::from_raw_parts(
                raw.buf_addr.cast::<u8>().add(usize::from(raw.data_off)),
                usize::from(raw.data_len),
            )
        }
    }

    /// The data of the first segment, to change.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let length = usize::from(self.raw().data_len);
        self.window(0, length)
    }

    /// `length` octets from `offset` after the start of the data; the caller has checked both.
    #[inline]
    fn window(&mut self, offset: usize, length: usize) -> &mut [u8] {
        let raw = self.raw_mut();
        debug_assert!(offset + length <= usize::from(raw.data_len));
        // SAFETY: as `data`: offset + length <= data_len, and `&mut self` makes the reference the only one.
        unsafe {
            slice::from_raw_parts_mut(
                raw.buf_addr
                    .cast::<u8>()
                    .add(usize::from(raw.data_off) + offset),
                length,
            )
        }
    }

    /// Octets in all segments.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw().pkt_len as usize
    }

    /// Whether there is no octet in it.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of segments, at least 1.
    #[inline]
    #[must_use]
    pub fn segments(&self) -> u16 {
        self.raw().nb_segs
    }

    /// The port that it was received on; `u16::MAX` for a packet that was allocated here.
    #[inline]
    #[must_use]
    pub fn port(&self) -> u16 {
        self.raw().port
    }

    /// Free octets in front of the data.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        usize::from(self.raw().data_off)
    }

    /// Free octets behind the data of the first segment; 0 when there are more segments.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        let raw = self.raw();
        if raw.nb_segs == 1 {
            usize::from(raw.buf_len) - usize::from(raw.data_off) - usize::from(raw.data_len)
        } else {
            0
        }
    }

    /// Grows the packet by `count` octets at its front and returns them; they hold what was there before.
    /// None when the headroom is smaller; nothing changes then.
    #[inline]
    pub fn prepend(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.headroom() {
            return None;
        }
        let raw = self.raw_mut();
        // count <= data_off, which is a u16; data_off + data_len stays the same, so data_len cannot overflow.
        raw.data_off -= count as u16;
        raw.data_len += count as u16;
        raw.pkt_len += count as u32;
        Some(self.window(0, count))
    }

    /// Removes `count` octets at the front. False, and nothing changes, when the first segment has fewer.
    #[inline]
    #[must_use = "a packet that is too short was not changed"]
    pub fn adj(&mut self, count: usize) -> bool {
        let raw = self.raw_mut();
        if count > usize::from(raw.data_len) {
            return false;
        }
        raw.data_off += count as u16;
        raw.data_len -= count as u16;
        raw.pkt_len -= count as u32;
        true
    }

    /// Grows the packet by `count` octets at its end and returns them; they hold what was there before. None
    /// when the tailroom is smaller, or when there is more than one segment; nothing changes then.
    #[inline]
    pub fn append(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.tailroom() {
            return None;
        }
        let raw = self.raw_mut();
        let offset = usize::from(raw.data_len);
        raw.data_len += count as u16;
        raw.pkt_len += count as u32;
        Some(self.window(offset, count))
    }

    /// Removes `count` octets at the end. False, and nothing changes, when there are fewer, or when there is
    /// more than one segment.
    #[inline]
    #[must_use = "a packet that is too short was not changed"]
    pub fn trim(&mut self, count: usize) -> bool {
        let raw = self.raw_mut();
        if raw.nb_segs != 1 || count > usize::from(raw.data_len) {
            return false;
        }
        raw.data_len -= count as u16;
        raw.pkt_len -= count as u32;
        true
    }

    /// Asks the core to fetch the mbuf's first cache line, which [`Mbuf::prefetch_data`] needs.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.0.as_ptr().cast());
    }

    /// Asks the core to fetch the first cache line of the data.
    #[inline]
    pub fn prefetch_data(&self) {
        let raw = self.raw();
        prefetch(
            raw.buf_addr
                .cast::<u8>()
                .wrapping_add(usize::from(raw.data_off)),
        );
    }
}

/// A hint: any address will do.
#[inline]
fn prefetch(address: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: PREFETCHT0 never faults, whatever the address, and SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` is the only owner and is gone after this.
        unsafe { sys::cf_pktmbuf_free(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("port", &self.port())
            .field("len", &self.len())
            .field("segments", &self.segments())
            .finish_non_exhaustive()
    }
}
