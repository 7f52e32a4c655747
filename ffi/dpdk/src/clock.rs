//! The time-stamp counter: the only clock of the fast path.

/// The time-stamp counter of this core, in ticks of [`tsc_hz`].
#[inline]
#[must_use]
pub fn tsc() -> u64 {
    // SAFETY: RDTSC has no operands and every x86-64 has it; user space may execute it on Linux.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Ticks of [`tsc`] in a second; 0 before EAL is initialised.
#[must_use]
pub fn tsc_hz() -> u64 {
    // SAFETY: reads one variable of EAL, written once during initialisation.
    unsafe { dpdk_sys::rte_get_tsc_hz() }
}
