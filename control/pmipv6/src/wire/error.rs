//! What is wrong with a packet.

use serde::{Deserialize, Serialize};

/// Why a Mobility Header was not understood, with the field that was wrong. Offsets count from the
/// start of the Mobility Header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum WireError {
    /// The octets end before the header does: silent discard.
    #[error("Mobility Header truncated: {have} octets, {need} needed")]
    Truncated {
        /// Octets needed.
        need: usize,
        /// Octets there.
        have: usize,
    },
    /// RFC 6275 section 9.2, rule 1: silent discard.
    #[error("checksum {found:#06x}, computed {computed:#06x}")]
    Checksum {
        /// In the packet.
        found: u16,
        /// Over the packet and its pseudo-header.
        computed: u16,
    },
    /// Rule 2: Binding Error, status 2.
    #[error("unrecognized MH Type {0}")]
    UnknownType(u8),
    /// Rule 3: ICMPv6 Parameter Problem at octet 0.
    #[error("Payload Proto {0}, must be 59")]
    PayloadProto(u8),
    /// Rule 4: ICMPv6 Parameter Problem at octet 1.
    #[error("Header Len {found} of MH Type {mh_type}, at least {minimum} needed")]
    HeaderLen {
        /// MH Type.
        mh_type: u8,
        /// In the packet.
        found: u8,
        /// The type's minimum.
        minimum: u8,
    },
    /// An option that runs past the end of the header, or whose length its type does not allow.
    #[error("option {option_type} at octet {offset}: length {length} {problem}")]
    Option {
        /// Option type.
        option_type: u8,
        /// Where it starts.
        offset: usize,
        /// Its length field.
        length: u8,
        /// What is wrong.
        problem: String,
    },
    /// A fixed field with a value that the RFC forbids.
    #[error("field {field}: {problem}")]
    Field {
        /// The RFC's name of the field.
        field: String,
        /// What is wrong.
        problem: String,
    },
}
