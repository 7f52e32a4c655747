//! What MAG and LMA share: localized paths, the RO exchanges that make them, and the plumbing of an
//! engine (numbered updates, timers, counters, peers).
//!
//! Read first: draft-loureiro-netext-pmipv6-ro-02 sections 4 and 5; its holes are closed by the
//! decisions HL-1 to HL-34, cited where they are taken.

mod config;
mod counters;
mod ends;
mod exchange;
mod gre;
mod heartbeat;
mod hold_off;
mod homes;
mod node;
mod order;
mod peers;
mod reach;
mod rng;
mod table;
mod timers;
mod updates;

pub(crate) use config::meant_prefix;
pub use config::{Config, PeerSettings, Peers};
pub use gre::Gre;
pub use heartbeat::HeartbeatConfig;
pub use reach::{Ipv4Peer, Ipv4Transport};

pub(crate) use counters::rx_name;
pub(crate) use ends::{Ends, EndsExt, end, is_v6};
pub(crate) use exchange::{Asked, RequestId};
pub(crate) use gre::KeysInUse;
pub(crate) use heartbeat::{Heartbeats, Pulse};
pub(crate) use hold_off::HoldOff;
pub(crate) use homes::Homes;
pub(crate) use node::{Draft, Node};
pub(crate) use order::{Clock, Order};
pub(crate) use peers::Role;
pub(crate) use reach::{Detected, says_nat, sender, with_care_of};
pub(crate) use table::{HasEnds, PathId, PathTable};
pub(crate) use timers::Timers;
