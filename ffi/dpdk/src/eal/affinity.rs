//! Where threads may run: EAL pins its caller, and threads inherit that.

use std::mem;

/// The processors that the process could use before EAL pinned its main thread.
#[derive(Debug, Clone, Copy)]
pub struct Affinity(libc::cpu_set_t);

impl Affinity {
    /// That of the calling thread.
    pub(crate) fn current() -> Self {
        // SAFETY: an all-zero set is a valid, empty one.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: 0 is the calling thread; the set has the size that is passed. It stays empty on an error.
        unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
        Self(set)
    }

    /// Lets the calling thread run there. To be called first in a helper thread that was started after
    /// [`Eal::init`](crate::Eal::init); never on an lcore. False when the system refuses.
    pub fn apply(&self) -> bool {
        // SAFETY: 0 is the calling thread; the set has the size that is passed.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.0) == 0 }
    }
}
