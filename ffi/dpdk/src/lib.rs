//! The safe layer over DPDK: `unsafe` for DPDK ends in this crate.
//!
//! Ownership is the contract:
//!
//! * one [`Eal`] a process, for ever (DPDK cannot be initialised twice, not even after a clean-up);
//! * a [`Port`] is configured once into its queues; an [`RxQueue`] or [`TxQueue`] is `Send`, neither `Sync`
//!   nor `Clone`, and a burst takes `&mut self`: one thread polls one queue;
//! * the device is stopped and closed when the port and the last of its queues are gone;
//! * an [`Mbuf`] owns its packet, a [`Burst`] owns many and gives them back in one call;
//! * [`Eal`] ends DPDK only when no port, pool or packet is left, so no handle can outlive its memory.
//!
//! On the way of a packet nothing here allocates, locks, logs or makes a system call. The C shim is called
//! once a burst; what is done once a packet is Rust, in `mbuf`.

mod burst;
mod clock;
mod eal;
mod error;
mod lcore;
mod mbuf;
mod mempool;
mod port;
mod queue;
mod reassembly;
mod telemetry;

pub use burst::{Burst, Drain};
pub use clock::{tsc, tsc_hz, version};
pub use eal::{Affinity, Eal, FailedDevice};
pub use error::{CleanupError, EalError, LaunchError, MempoolError, PortError, TelemetryError};
pub use lcore::{Lcore, Running, lcore_id};
pub use mbuf::Mbuf;
pub use mempool::{HEADROOM_BYTES, Mempool};
pub use port::{LinkState, Port, PortConfig, PortInfo, PortStats, ports};
pub use queue::{RxQueue, TxQueue};
pub use reassembly::{MAX_FRAGMENTS, Reassembled, Reassembly};
pub use telemetry::{ReplyError, TelemetryAnswer, TelemetryCommand, TelemetryReply};
