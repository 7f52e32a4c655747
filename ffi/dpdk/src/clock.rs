//! The time-stamp counter, which is the only clock of the fast path; and the version of DPDK.

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

/// What DPDK calls its version, for example `DPDK 22.11.11`.
#[must_use]
pub fn version() -> String {
    // SAFETY: rte_version takes nothing and answers a NUL-terminated text in static memory.
    unsafe { std::ffi::CStr::from_ptr(dpdk_sys::rte_version()) }
        .to_string_lossy()
        .into_owned()
}
