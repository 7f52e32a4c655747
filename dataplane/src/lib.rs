//! The poll-mode workers of Crowfly: parse, look up, encapsulate, decapsulate.
//!
//! A worker knows home network prefixes, tunnels, links and counters, and no protocol. It owns its
//! tables and its queues by value and shares nothing but four rings and a block of statistics with the
//! control thread:
//!
//! ```text
//!                updates (numbered)   inject
//!   control ───────────────┬────────────┬──────▶ ┌────────┐  rx burst ◀── ports
//!                          │            │        │ worker │
//!   control ◀──────────────┴────────────┴─────── └────────┘  tx burst ──▶ ports
//!                punt      events     statistics, "applied up to"
//! ```
//!
//! [`wire_up`] makes both ends: the [`Worker`] goes to its lcore, the [`WorkerHandle`] stays with
//! control. Read first: RFC 5213 section 6.10 (what a MAG forwards), RFC 2473 (tunnels), RFC 6040 (ECN).
#![deny(unsafe_code)]

pub mod config;
pub mod event;
pub mod packet;
pub mod stats;
pub mod update;

mod link;
mod role;
mod table;
mod tunnel;
mod worker;

pub use config::{
    ConfigError, DetectConfig, IdlePolicy, OwnAddress, PortRole, ReassemblyConfig, Role, RoleSet,
    WorkerConfig,
};
pub use event::{BY_DESTINATION, Event, IcmpError, Inject, Punt, PuntReason, by_destination};
pub use stats::{BurstHistogram, Counter, DropReason, WorkerStats};
pub use update::{
    Encapsulation, GreKeys, HomeAction, LinkSlot, LinkSpec, NextHop, Numbered, PairAction,
    PathSlot, Realm, TunnelSlot, TunnelSpec, Update,
};
pub use worker::{Batch, Dpdk, Platform, QueueError, Worker, WorkerHandle, wire_up};
