//! What can go wrong, each as one sentence that says what to do.

use std::ffi::CStr;

use thiserror::Error;

/// Why EAL did not start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EalError {
    /// EAL was initialised before in this process.
    #[error(
        "EAL was already initialised in this process and cannot be initialised again: start a new process"
    )]
    AlreadyInitialised,
    /// An argument with a NUL octet, or more arguments than an `int` counts.
    #[error("EAL argument {index} cannot be passed on: remove the NUL octet from it")]
    UnusableArgument {
        /// Position in the arguments.
        index: usize,
    },
    /// EAL does not know an argument, or not its value.
    #[error(
        "EAL does not accept its arguments ({reason}): correct them; `--help` before `--` lists all"
    )]
    BadArgument {
        /// What EAL said.
        reason: String,
    },
    /// A `--vdev` or `-a` names something that no driver takes.
    #[error(
        "EAL cannot bring up a device ({reason}): check the names and parameters after --vdev and -a"
    )]
    Device {
        /// What EAL said.
        reason: String,
    },
    /// No hugepages, or not enough.
    #[error(
        "EAL found no usable hugepages ({reason}): set /proc/sys/vm/nr_hugepages and mount hugetlbfs, or run \
         with --no-huge -m MEGABYTES"
    )]
    Hugepages {
        /// What EAL said.
        reason: String,
    },
    /// Not enough memory, hugepages or other.
    #[error(
        "EAL has too little memory ({reason}): reserve more hugepages, or ask for less with -m"
    )]
    Memory {
        /// What EAL said.
        reason: String,
    },
    /// Another primary process has the same file prefix.
    #[error(
        "another DPDK process runs with the same file prefix ({reason}): end it, or choose another --file-prefix"
    )]
    PrefixInUse {
        /// What EAL said.
        reason: String,
    },
    /// The user may not do what EAL needs.
    #[error(
        "EAL lacks permission ({reason}): run as root, or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK, a \
         hugetlbfs mount and RUNTIME_DIRECTORY of your own"
    )]
    Permission {
        /// What EAL said.
        reason: String,
    },
    /// The capture framework did not start.
    #[error("captures are not possible on this process ({reason})")]
    Capture {
        /// DPDK's error text.
        reason: String,
    },
    /// Anything else.
    #[error("EAL did not start ({reason}): see its log lines above")]
    Other {
        /// What EAL said.
        reason: String,
    },
}

/// Why DPDK could not be ended: something still uses it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CleanupError {
    /// Functions run on worker lcores.
    #[error("{count} worker lcores still run: stop them and wait for them before EAL is dropped")]
    LcoresRunning {
        /// How many.
        count: usize,
    },
    /// A [`Mempool`](crate::Mempool), a [`Port`](crate::Port) or a queue exists.
    #[error("mempool {pool} is still in use by a handle, port or queue: drop those before EAL")]
    MempoolHeld {
        /// Its name.
        pool: String,
    },
    /// A [`Reassembly`](crate::Reassembly) exists.
    #[error("{count} reassembly tables still exist: drop them before EAL")]
    ReassembliesHeld {
        /// How many.
        count: usize,
    },
    /// An [`Mbuf`](crate::Mbuf) exists.
    #[error("{count} mbufs of mempool {pool} are still held: drop them before EAL")]
    MbufsHeld {
        /// Its name.
        pool: String,
        /// How many.
        count: u32,
    },
    /// DPDK's own answer.
    #[error("EAL did not end cleanly: {reason}")]
    Eal {
        /// The error's text.
        reason: String,
    },
}

/// Why a function was not launched on an lcore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// It is not a worker lcore of this process.
    #[error("lcore {lcore} is not a worker: name it in -l or --lcores, and not as the main lcore")]
    NotAWorker {
        /// The lcore.
        lcore: u32,
    },
    /// It runs another function.
    #[error("lcore {lcore} is busy: wait for what runs there first")]
    Busy {
        /// The lcore.
        lcore: u32,
    },
}

/// Why a mempool was not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MempoolError {
    /// The name is empty, too long or has a NUL octet.
    #[error("a mempool cannot be named {name:?}: use 1 to {max} octets, none of them NUL")]
    BadName {
        /// As asked.
        name: String,
        /// Longest name, octets.
        max: usize,
    },
    /// The per-lcore cache is too large for DPDK or for the pool.
    #[error(
        "a mempool of {mbufs} mbufs cannot have a cache of {cache}: at most {max} and two thirds of the pool"
    )]
    BadCache {
        /// As asked.
        cache: u32,
        /// As asked.
        mbufs: u32,
        /// Largest cache of this DPDK.
        max: u32,
    },
    /// The buffers are too small for a frame.
    #[error(
        "a data room of {data_room_bytes} bytes is too small: at least {min}, the headroom included"
    )]
    BadDataRoom {
        /// As asked.
        data_room_bytes: u16,
        /// Smallest data room.
        min: u16,
    },
    /// EAL is not up.
    #[error("a mempool needs EAL: initialise it first")]
    NoEal,
    /// No memory for it.
    #[error(
        "no memory for mempool {name} of {mbufs} mbufs ({reason}): give EAL more with -m or --socket-mem"
    )]
    NoMemory {
        /// Its name.
        name: String,
        /// As asked.
        mbufs: u32,
        /// DPDK's error text.
        reason: String,
    },
    /// A pool of that name exists.
    #[error("a mempool named {name} exists: choose another name")]
    NameTaken {
        /// Its name.
        name: String,
    },
}

/// Why a port could not be used as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PortError {
    /// No such port.
    #[error(
        "there is no port {port}: name its device with --vdev or -a, or bind it to a DPDK driver"
    )]
    Missing {
        /// Its number.
        port: u16,
    },
    /// It was configured before.
    #[error("port {port} is already configured: a port is configured once")]
    InUse {
        /// Its number.
        port: u16,
    },
    /// It has fewer queues than asked for.
    #[error(
        "port {port} ({device}) has at most {available} {direction} queues, {asked} are needed: use fewer workers"
    )]
    TooFewQueues {
        /// Its number.
        port: u16,
        /// Device name.
        device: String,
        /// `receive` or `transmit`.
        direction: &'static str,
        /// What it has.
        available: u16,
        /// What was asked for.
        asked: u16,
    },
    /// A setting that the device refuses.
    #[error("port {port} ({device}) refuses {what}: {reason}")]
    Refused {
        /// Its number.
        port: u16,
        /// Device name.
        device: String,
        /// The setting or operation.
        what: &'static str,
        /// DPDK's error text.
        reason: String,
    },
}

/// Why telemetry commands were not registered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TelemetryError {
    /// It was done before.
    #[error("telemetry commands are registered once in a process: register all of them together")]
    AlreadyRegistered,
    /// DPDK would not find the command, or not show all of its name or help.
    #[error(
        "telemetry command {name:?} cannot be registered: a name begins with / and has no comma, it has at most \
         {max_name} octets and its help {max_help}, all of them printable ASCII"
    )]
    Unusable {
        /// As asked.
        name: String,
        /// Longest name, octets.
        max_name: usize,
        /// Longest help, octets.
        max_help: usize,
    },
    /// DPDK refuses.
    #[error("DPDK does not register telemetry command {name} ({reason})")]
    Refused {
        /// Its name.
        name: String,
        /// DPDK's error text.
        reason: String,
    },
}

/// The text of an `errno` or `rte_errno` value, either sign.
pub(crate) fn errno_text(errno: i32) -> String {
    // SAFETY: rte_strerror takes any value and returns a NUL-terminated string, static or in a buffer of
    // this thread that lives until its next call; it is copied before that.
    unsafe { CStr::from_ptr(dpdk_sys::rte_strerror(errno.abs())) }
        .to_string_lossy()
        .into_owned()
}

/// `rte_errno` of this thread.
pub(crate) fn rte_errno() -> i32 {
    // SAFETY: reads a thread-local integer.
    unsafe { dpdk_sys::cf_errno() }
}
