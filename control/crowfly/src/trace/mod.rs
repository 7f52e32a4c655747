//! The recent signalling of one pair of mobile nodes, and its drawing as a sequence chart.
//!
//! ```text
//!   node: messages ─▶ Trace (a ring a pair, a ring an MN) ─ path.trace ─▶ View ─┐
//!   node: messages ─▶ Trace ─────────────────────────────── path.trace ─▶ View ─┼─▶ merge ─▶ Chart
//!   capture: packets ─▶ Trace ────────────────────────────────────────▶ View ───┘
//! ```
//!
//! A node sees its own legs only. Views of several nodes become one chart: what one has sent and another
//! has received is one arrow.

mod chart;
mod merge;
mod ring;
mod signal;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use chart::draw;
pub use merge::{Chart, Node, Row, What, merge};
pub use ring::{MAX_LEGS, MAX_LEGS_PER_SUBJECT, Trace};
pub use signal::Signal;

/// What one node saw of a pair, in the order of its clock: `path.trace`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Name of the node.
    pub node_id: String,
    /// `mag`, `lma`; `capture` for what was read from a file.
    pub role: String,
    /// Address that peers know the node by; none for a capture.
    pub address: Option<IpAddr>,
    /// One end of the pair, as it was asked for.
    pub source: IpNet,
    /// The other end.
    pub destination: IpNet,
    /// What is kept of it.
    pub legs: Vec<Leg>,
}

/// One message, or one thing that happened, as one node saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// The node's clock, microseconds since 1970-01-01 UTC.
    pub at_us: u64,
    /// Whose signalling it is.
    pub of: Of,
    /// What it was.
    #[serde(flatten)]
    pub seen: Seen,
}

/// Whose signalling a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// The pair's.
    Pair,
    /// The registration of the MN at the source.
    Source,
    /// The registration of the MN at the destination.
    Destination,
}

/// What a node saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "kebab-case")]
pub enum Seen {
    /// It sent a message.
    Sent(Signal),
    /// It received one.
    Received(Signal),
    /// Something happened at the node itself.
    Event {
        /// What, in a few words.
        text: String,
    },
}
