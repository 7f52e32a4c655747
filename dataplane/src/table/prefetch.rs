//! The one place of the dataplane with `unsafe`: asking the cache for a line ahead of its use. A table of
//! 1,000,000 homes does not fit a cache, and a burst's look-ups overlap only when asked for together.
#![allow(unsafe_code)]

/// Asks the cache for the line that holds the value.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint: it reads nothing the program can see and faults on no address, and
    // this address is of a live reference anyway. SSE is part of x86_64.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
