//! Joins the engine's entries to the workers' updates.
//!
//! ```text
//!   io::Output::Program(n, entry) ─▶ Program ─▶ Fanout ─▶ update ring of every worker
//!   io::Input::Applied(n)         ◀─ marks   ◀─ min(applied) ◀──────────┘
//! ```
//!
//! The three rules of the joint live here. An engine's number counts as applied once every worker has
//! applied the last update that the entry became (rule 1). A full ring leaves updates in the log of
//! [`Fanout`], in order (rule 2). Tunnels and links are counted by the entries that point to them: set
//! before the first, cleared after the last (rule 3).

mod fanout;
mod outer;
mod slots;
mod translate;

#[cfg(test)]
mod tests;

pub use fanout::{Fanout, WorkerPort};
pub(crate) use outer::most_overhead_bytes;
pub(crate) use translate::realm::of_engines;
pub use translate::{NextHops, Program, ProgramConfig, Refused};
