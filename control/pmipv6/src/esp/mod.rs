//! Protected signalling: ESP in transport mode between MAG and LMA, LMA and LMA, MAG and MAG.
//!
//! Sans-IO: packets, addresses, the wall clock and randomness come in as arguments, and what has to
//! survive a restart goes out and comes in as a value ([`Saved`]).
//!
//! ```text
//!                      ┌────────────────────── Boundary ───────────────────────┐
//!   ESP packet ───────▶│ SPI ─▶ SA: sequence, ICV, decrypt ─▶ selectors, PAD ──┼──▶ Mobility Header
//!   clear packet ─────▶│ SPD: is it allowed in the clear? ─────────────────────┼──▶ Mobility Header
//!   decoded message ──▶│ PAD: may this peer say that? ─────────────────────────┼──▶ engine
//!   message out ──────▶│ SPD: protect, bypass, discard ─▶ newest active SA ────┼──▶ ESP packet
//!                      └──────────────── every refusal: a Discard, counted ────┘
//! ```
//!
//! Read first: RFC 4301 sections 4.4 and 5 (the databases and the order of processing), RFC 4303 (ESP),
//! RFC 4106 (AES-GCM), RFC 3602 (AES-CBC), RFC 4868 (HMAC-SHA2-256-128), RFC 2410 (NULL), RFC 8221
//! (which of them are to be used), RFC 5213 section 4 and RFC 4877 (what signalling needs).

mod association;
mod authorization;
mod boundary;
mod cipher;
mod config;
mod discard;
mod frame;
mod key;
mod peers;
mod policy;
mod replay;
mod saved;
mod suite;
mod view;

pub use association::{
    Entropy, InboundAssociation, NoEntropy, Opened, OutboundAssociation, Parameters,
};
pub use authorization::{PeerAuthorization, Roles};
pub use boundary::{Boundary, Outward};
pub use config::{AssociationConfig, Config, ConfigError, Leg, PeerConfig};
pub use discard::Discard;
pub use key::{KeyError, KeyMaterial};
pub use policy::{Action, Direction, Rule, SecurityPolicyDatabase};
pub use replay::ReplayWindow;
pub use saved::{Saved, SavedInbound, SavedOutbound};
pub use suite::Suite;
pub use view::{AssociationView, InboundView, OutboundView};

/// Next header of ESP in IPv6, protocol in IPv4 (RFC 4303 section 2).
pub const NEXT_HEADER_ESP: u8 = 50;
/// Security Parameters Index (RFC 4303 section 2.1).
pub type Spi = u32;
/// SPIs 1 to 255 are IANA's, 0 is for local use and never on the wire (RFC 4303 section 2.1).
pub const LAST_RESERVED_SPI: Spi = 255;
/// Least size of the anti-replay window, packets (RFC 4303 section 3.4.3).
pub const MIN_REPLAY_WINDOW: u32 = 32;
/// Default size of the anti-replay window, packets (RFC 4303 section 3.4.3).
pub const DEFAULT_REPLAY_WINDOW: u32 = 64;
/// Largest anti-replay window, packets.
pub const MAX_REPLAY_WINDOW: u32 = 1024;
/// Generations of keys that a peer has at a time: the current one and the next.
pub const MAX_GENERATIONS: usize = 2;
