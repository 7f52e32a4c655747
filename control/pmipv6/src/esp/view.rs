//! Associations as operators see them: everything but the keys.

use serde::{Deserialize, Serialize};

use super::Spi;

/// One generation of keys with a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssociationView {
    /// Which generation.
    pub generation: u32,
    /// Name of the suite.
    pub suite: String,
    /// 64-bit sequence numbers.
    pub extended_sequence_numbers: bool,
    /// Whether it is the one that messages are sent by.
    pub active: bool,
    /// From the peer.
    pub inbound: InboundView,
    /// To the peer; none: it only receives.
    pub outbound: Option<OutboundView>,
}

/// An inbound association.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InboundView {
    /// Security Parameters Index.
    pub spi: Spi,
    /// Highest sequence number accepted.
    pub sequence: u64,
    /// Packets opened.
    pub opened: u64,
    /// Packets with a used or too old sequence number.
    pub replayed: u64,
    /// Packets with a wrong ICV.
    pub bad_icv: u64,
    /// Packets discarded for another reason.
    pub refused: u64,
}

/// An outbound association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundView {
    /// Security Parameters Index.
    pub spi: Spi,
    /// Sequence number of the last packet.
    pub sequence: u64,
    /// Packets sealed in this run.
    pub sealed: u64,
}
