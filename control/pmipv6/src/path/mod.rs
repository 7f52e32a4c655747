//! What MAG and LMA share: localized paths, the RO exchanges that make them, and the plumbing of an
//! engine (numbered updates, timers, counters, peers).
//!
//! Read first: draft-loureiro-netext-pmipv6-ro-02 sections 4 and 5; its holes are closed by the
//! decisions HL-1 to HL-34, cited where they are taken.

mod config;

pub use config::{Config, Peers};
