//! [`Eal`]: DPDK's environment, one a process.

mod affinity;
mod explain;
mod output;
pub(crate) mod registry;

use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::mem;

use dpdk_sys as sys;

pub use self::affinity::Affinity;
use self::registry::State;
use crate::error::{errno_text, rte_errno};
use crate::{CleanupError, EalError, LaunchError, Lcore, Running, TelemetryError, lcore};
use crate::{TelemetryCommand, telemetry};

/// A device of the command line that EAL started without: EAL itself only logs that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDevice {
    /// Its name, as after `--vdev`.
    pub device: String,
    /// What its driver said.
    pub reason: String,
}

/// DPDK's environment. It belongs to the thread that made it, which is the main lcore.
///
/// Dropping it ends DPDK as [`Eal::cleanup`] does, and silently leaves it running when something still uses
/// it: memory that is in use is never unmapped. End with `cleanup` to learn of that; a process that leaves
/// without it leaves its hugepage files behind.
#[derive(Debug)]
pub struct Eal {
    affinity: Affinity,
    failed_devices: Vec<FailedDevice>,
    /// DPDK wants launching, waiting and cleaning up on the main lcore.
    _not_send: PhantomData<*const ()>,
}

impl Eal {
    /// Starts DPDK with arguments as a command line has them, the program's name first. Returns how many it
    /// used, the name included; what follows `--` is the caller's.
    ///
    /// EAL pins the calling thread to the main lcore, and threads that it starts later inherit that: see
    /// [`Eal::affinity`]. Its log goes to standard error. `--help` prints and exits, as EAL does.
    ///
    /// # Errors
    /// One sentence that says what to do. After an error the process cannot try again.
    pub fn init(args: &[String]) -> Result<(Self, usize), EalError> {
        let mut owned = args
            .iter()
            .enumerate()
            .map(|(index, arg)| {
                let arg = CString::new(arg.as_str());
                arg.map_err(|_| EalError::UnusableArgument { index })
            })
            .collect::<Result<Vec<_>, _>>()?;
        // EAL permutes the array and keeps pointers into the strings: both stay for ever.
        let mut argv = owned
            .iter_mut()
            .map(|arg| mem::take(arg).into_raw())
            .chain([std::ptr::null_mut()])
            .collect::<Vec<*mut c_char>>();
        let count = args.len() as i32;
        let mut registry = registry::lock();
        if registry.state() != State::Never {
            return Err(EalError::AlreadyInitialised);
        }
        let affinity = Affinity::current();
        let wants_help = args
            .iter()
            .take_while(|arg| *arg != "--")
            .any(|arg| arg == "-h" || arg == "--help");
        let capture = (!wants_help).then(output::Capture::begin);
        // SAFETY: argv has `count` writable C strings and a closing null pointer, and none is ever freed.
        let used = unsafe { sys::rte_eal_init(count, argv.as_mut_ptr()) };
        mem::forget(argv);
        let said = capture.map(|capture| capture.end(used >= 0));
        let Ok(used) = usize::try_from(used) else {
            // Initialisation cannot be repeated, whether it failed early or late.
            registry.set_state(State::Over);
            return Err(explain::failure(rte_errno(), &said.unwrap_or_default()));
        };
        registry.set_state(State::Up);
        let eal = Self {
            affinity,
            failed_devices: said
                .as_ref()
                .map(explain::failed_devices)
                .unwrap_or_default(),
            _not_send: PhantomData,
        };
        // rte_eal_init answers the index of the last argument that it used.
        Ok((eal, used + 1))
    }

    /// Devices of the command line that are missing, with their drivers' reasons. Devices that EAL could not
    /// even parse have failed [`Eal::init`].
    #[must_use]
    pub fn failed_devices(&self) -> &[FailedDevice] {
        &self.failed_devices
    }

    /// The lcore of the thread that made this.
    #[must_use]
    pub fn main_lcore(&self) -> Lcore {
        // SAFETY: EAL is up.
        Lcore::new(unsafe { sys::rte_get_main_lcore() })
    }

    /// The other lcores, in ascending order.
    #[must_use]
    pub fn worker_lcores(&self) -> Vec<Lcore> {
        lcore::workers()
    }

    /// Runs a function on a worker lcore, once.
    ///
    /// # Errors
    /// Not a worker lcore, or busy; the function is dropped then.
    pub fn launch(
        &self,
        lcore: Lcore,
        run: Box<dyn FnOnce() + Send>,
    ) -> Result<Running, LaunchError> {
        lcore::launch(lcore, run)
    }

    /// Lets `dpdk-dumpcap` and `dpdk-pdump` capture on this process's ports.
    ///
    /// # Errors
    /// DPDK's error text.
    pub fn enable_capture(&self) -> Result<(), EalError> {
        // SAFETY: EAL is up; registers callbacks of DPDK's own, which are removed by rte_pdump_uninit.
        if unsafe { sys::rte_pdump_init() } == 0 {
            return Ok(());
        }
        Err(EalError::Capture {
            reason: errno_text(rte_errno()),
        })
    }

    /// Has `dpdk-telemetry.py` find these commands beside DPDK's own, until the process ends. Where EAL runs with
    /// `--no-telemetry` they are registered as well, and nobody can ask.
    ///
    /// # Errors
    /// It was done before, or DPDK cannot take one of the commands; those before it are registered then.
    pub fn register_telemetry(
        &self,
        commands: Vec<TelemetryCommand>,
    ) -> Result<(), TelemetryError> {
        telemetry::register(commands)
    }

    /// Where threads may run that are not lcores. EAL has pinned its main thread, and threads that it starts
    /// inherit that: they call [`Affinity::apply`] first.
    #[must_use]
    pub const fn affinity(&self) -> Affinity {
        self.affinity
    }

    /// Ends DPDK: hugepage files are removed, and EAL is over for this process.
    ///
    /// # Errors
    /// Something still uses it; it then stays up for the rest of the process.
    pub fn cleanup(self) -> Result<(), CleanupError> {
        let this = mem::ManuallyDrop::new(self);
        this.end()
    }

    fn end(&self) -> Result<(), CleanupError> {
        let workers = lcore::workers();
        let busy = workers
            .into_iter()
            .filter(|lcore| lcore::state(*lcore) != sys::WAIT);
        let count = busy.count();
        if count > 0 {
            return Err(CleanupError::LcoresRunning { count });
        }
        let mut registry = registry::lock();
        registry.unused()?;
        registry.set_state(State::Over);
        registry.forget_pools();
        // SAFETY: EAL is up; without capture this does nothing but say so.
        unsafe { sys::rte_pdump_uninit() };
        // SAFETY: EAL is up and this is its thread; no handle, port, queue or packet is left, none can be
        // made any more, and no lcore runs.
        match unsafe { sys::rte_eal_cleanup() } {
            0 => Ok(()),
            error => Err(CleanupError::Eal {
                reason: errno_text(error),
            }),
        }
    }
}

impl Drop for Eal {
    fn drop(&mut self) {
        // There is nobody to tell: `cleanup` is for those who want to know.
        let _ = self.end();
    }
}
