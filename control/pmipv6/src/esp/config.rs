//! What the boundary is made with.

use std::time::Duration;

use ipnet::IpNet;

use super::authorization::PeerAuthorization;
use super::key::KeyMaterial;
use super::policy::Rule;
use super::suite::Suite;
use super::{DEFAULT_REPLAY_WINDOW, Spi};

/// What the boundary is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Peers with their keys.
    pub peers: Vec<PeerConfig>,
    /// The Security Policy Database; what it does not name is protected.
    pub policies: Vec<Rule>,
    /// Size of the anti-replay windows, packets.
    pub replay_window: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            policies: Vec::new(),
            replay_window: DEFAULT_REPLAY_WINDOW,
        }
    }
}

/// One peer: what it may do, and the associations with it.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// Who it is and what it may say.
    pub authorization: PeerAuthorization,
    /// At most [`MAX_GENERATIONS`](super::MAX_GENERATIONS), each of another generation.
    pub associations: Vec<AssociationConfig>,
}

/// A pair of security associations: one generation of keys.
#[derive(Debug, Clone)]
pub struct AssociationConfig {
    /// Which generation of keys; the highest that is active is used for sending.
    pub generation: u32,
    /// Algorithms.
    pub suite: Suite,
    /// 64-bit sequence numbers (RFC 4303 section 2.2.1).
    pub extended_sequence_numbers: bool,
    /// Wall clock since 1970 from which it is used for sending; it receives from the beginning.
    pub not_before: Duration,
    /// From the peer.
    pub inbound: Leg,
    /// To the peer; none: it only receives, for now.
    pub outbound: Option<Leg>,
}

/// One direction.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Security Parameters Index: the receiver chose it.
    pub spi: Spi,
    /// Keying material, [`Suite::key_len`] octets.
    pub key: KeyMaterial,
}

/// Why the boundary cannot be made so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// RFC 4303 section 2.1.
    #[error("SPI {0} is reserved: the first usable one is 256 (RFC 4303 section 2.1)")]
    ReservedSpi(Spi),
    /// The key does not fit the suite.
    #[error("{suite} needs {needed} octets of keying material, there are {found}")]
    KeyLength {
        /// The suite.
        suite: Suite,
        /// Octets that it needs.
        needed: usize,
        /// Octets that there are.
        found: usize,
    },
    /// The cipher refuses the key.
    #[error("the cipher refuses the key")]
    Key,
    /// Two inbound associations with one SPI: packets could not be told apart.
    #[error("inbound SPI {0} stands here twice")]
    SpiTwice(Spi),
    /// Two associations to one peer with one SPI.
    #[error("outbound SPI {0} to one peer stands here twice")]
    OutboundSpiTwice(Spi),
    /// Two associations with one key: their IVs or sequence numbers would meet.
    #[error("the associations with SPI {0} and SPI {1} have the same key; each needs its own")]
    KeyTwice(Spi, Spi),
    /// A peer without an address.
    #[error("a peer without an address")]
    NoAddress,
    /// Two peers with one address.
    #[error("{0} belongs to two peers")]
    AddressTwice(IpNet),
    /// More than one association of a generation.
    #[error("generation {0} stands here twice")]
    GenerationTwice(u32),
    /// More generations than the current and the next one.
    #[error("{0} generations of keys; a peer has the current one and the next")]
    TooManyGenerations(usize),
    /// Reload: an association that stands would get another key under the same SPI.
    #[error(
        "SPI {0} has another key, suite or kind of sequence numbers now; new keys need a new SPI"
    )]
    Changed(Spi),
}
