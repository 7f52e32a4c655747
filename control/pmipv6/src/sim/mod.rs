//! The domain simulator: the engines as they ship, virtual time, one seed.
//!
//! ```text
//!   Schedule (operations, faults) ──▶ Domain ──▶ Violation or none, trace, figures
//!
//!   Domain    one clock, one queue of events
//!     Node      an engine (io::Engine) on a model of the dataplane: workers that apply entries late
//!     Network   delay, jitter, loss, duplication, reordering, partition
//!     Mobile    appears, moves, leaves; talks, packet by packet, through the modelled tables
//! ```
//!
//! Pure: no thread, no clock, no environment. The same schedule gives the same run, to the microsecond,
//! so a failing seed is a failing test for ever.
//!
//! Nodes crash and lose their state, or stand still and go on with it, later than they believe.
//!
//! With ESP ([`Layout::protected`]) every message goes as octets through the boundary as it ships, and an
//! attacker without keys sees, delays, replays, changes and forges packets. With IPv4 transport
//! ([`Layout::ipv4_transport`]) some nodes are behind NATs that change their ports.
//!
//! Invariants: see [`ViolationKind`]. Read first: draft-loureiro-netext-pmipv6-ro-02 section 4,
//! lr-ps section 3.2 (both MNs move at once).

mod access;
mod attacker;
mod check;
mod domain;
mod engines;
mod event;
mod failure;
mod flow;
mod forwarding;
mod freeze;
mod gate;
mod grants;
mod keys;
mod layout;
mod liar;
mod mobile;
mod nat;
mod network;
mod node;
mod output;
mod packet;
mod promise;
mod rest;
mod rng;
mod schedule;
mod shrink;
mod stranger;
#[cfg(test)]
mod tests;
mod trace;

pub use attacker::Attack;
pub use check::{Violation, ViolationKind};
pub use domain::{Domain, Stats};
pub use engines::{engine, lma_config, mag_config};
pub use flow::host_in;
pub use forwarding::{Bound, Forwarding, Inconsistency, PairKey, Usage, homes_of};
pub use gate::GateFault;
pub use layout::{ACCESS_PORT, Build, Layout, MobileIndex, Role, Timers};
pub use liar::Lie;
pub use mobile::{Mobile, Operation, Talk, Tally};
pub use network::{Fate as MessageFate, Faults, Micros, Network, NodeIndex, SECOND};
pub use node::{Dataplane, Node, PAIR_REPORT_INTERVAL, Worker};
pub use packet::{
    Arrival, Fate, Loss, MAX_HOPS, PACKET_BYTES, Packet, Verdict, at_lma, at_mag, is_mobile,
};
pub use promise::{homes_in, is_promise, pairs_in};
pub use rng::Rng;
pub use schedule::{Outcome, Schedule, kind_of};
pub use shrink::{FAULTS, Selection, shrink};
pub use stranger::{Forgery, STRANGER};
pub use trace::{Sent, Trace, describe, title};
