//! The cores that EAL gives us.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use dpdk_sys as sys;

use crate::LaunchError;

/// An lcore's number, as in `-l` and `--lcores`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lcore(u32);

impl Lcore {
    pub(crate) const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.0
    }

    /// The NUMA node that it belongs to.
    #[must_use]
    pub fn socket(self) -> u32 {
        // SAFETY: the number is one that EAL gave, hence within its table.
        unsafe { sys::rte_lcore_to_socket_id(self.0) }
    }
}

impl fmt::Display for Lcore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The lcore that the caller runs on; none in a thread that EAL does not know. Such a thread has no mempool
/// cache: every packet that it takes or gives goes to the shared ring.
#[must_use]
pub fn lcore_id() -> Option<Lcore> {
    // SAFETY: reads a thread-local integer.
    let id = unsafe { sys::cf_lcore_id() };
    (id < sys::RTE_MAX_LCORE).then_some(Lcore(id))
}

/// What a function that panicked left.
type Panic = Arc<Mutex<Option<Box<dyn Any + Send>>>>;

struct Job {
    run: Box<dyn FnOnce() + Send>,
    panic: Panic,
}

/// A function that was launched on a worker lcore. Waiting is for the thread that launched it.
pub struct Running {
    lcore: Lcore,
    panic: Panic,
    /// DPDK wants launching and waiting on the main lcore.
    _not_send: PhantomData<*const ()>,
}

impl Running {
    /// Where it runs.
    #[must_use]
    pub const fn lcore(&self) -> Lcore {
        self.lcore
    }

    /// Whether it has returned.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        state(self.lcore) == sys::WAIT
    }

    /// Waits until it returns.
    ///
    /// # Errors
    /// The panic's payload when it panicked (where panics unwind).
    pub fn wait(self) -> thread::Result<()> {
        // SAFETY: the lcore is a worker of this process, and the caller is the thread that launched on it.
        unsafe { sys::rte_eal_wait_lcore(self.lcore.0) };
        let payload = self
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        payload.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.lcore).finish()
    }
}

/// Worker lcores, in ascending order.
pub(crate) fn workers() -> Vec<Lcore> {
    let mut workers = Vec::new();
    let mut id = u32::MAX;
    loop {
        // SAFETY: takes any number and walks EAL's table of lcores; skip the main one, do not wrap.
        id = unsafe { sys::rte_get_next_lcore(id, 1, 0) };
        if id >= sys::RTE_MAX_LCORE {
            return workers;
        }
        workers.push(Lcore(id));
    }
}

/// Whether it waits for work.
pub(crate) fn state(lcore: Lcore) -> sys::rte_lcore_state_t {
    // SAFETY: the number is one that EAL gave, hence within its table.
    unsafe { sys::rte_eal_get_lcore_state(lcore.0) }
}

/// See `Eal::launch`, which makes sure that EAL is up and that this is the main lcore.
pub(crate) fn launch(lcore: Lcore, run: Box<dyn FnOnce() + Send>) -> Result<Running, LaunchError> {
    if !workers().contains(&lcore) {
        return Err(LaunchError::NotAWorker { lcore: lcore.0 });
    }
    let panic = Panic::default();
    let job = Box::into_raw(Box::new(Job {
        run,
        panic: panic.clone(),
    }));
    // SAFETY: the lcore is a worker; `trampoline` takes back the box exactly once, on that lcore.
    let answer = unsafe { sys::rte_eal_remote_launch(Some(trampoline), job.cast(), lcore.0) };
    if answer != 0 {
        // SAFETY: it was not launched, so the box is still ours.
        drop(unsafe { Box::from_raw(job) });
        return Err(LaunchError::Busy { lcore: lcore.0 });
    }
    Ok(Running {
        lcore,
        panic,
        _not_send: PhantomData,
    })
}

unsafe extern "C" fn trampoline(job: *mut c_void) -> c_int {
    // SAFETY: `launch` passes a box of `Job` and gives up its ownership.
    let job = unsafe { Box::from_raw(job.cast::<Job>()) };
    // A panic must not unwind into C.
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(job.run)) {
        *job.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
    }
    0
}
