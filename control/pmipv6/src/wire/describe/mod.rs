//! A packet field by field, as a node understands it, and what is wrong with it.
//!
//! Names are the RFCs'. The verdicts are those of the decoder itself: a Mobility Header has a problem
//! here exactly if [`decode`](super::decode) refuses it, or its [`Field`] named `Verdict` says what the
//! receiver would answer.

mod header;
mod layout;
mod lower;
mod packet;
mod render;
mod tables;
mod upper;
mod verdict;

use serde::{Deserialize, Serialize};

use super::iana::NO_NEXT_HEADER;
use super::numbering::Numbering;
use packet::{ETHERNET_HEADER, Walk, is_ethernet};

pub use render::render_text;

/// One field, option, header or layer of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The RFC's name.
    pub name: String,
    /// Its value, for people.
    pub value: String,
    /// First octet, from the start of the packet.
    pub offset: usize,
    /// Octets; a field of a few bits counts the octets that it is in.
    pub length: usize,
    /// What it consists of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Field>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Field {
    /// This field and everything below it, top down.
    pub fn walk(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        Box::new(std::iter::once(self).chain(self.children.iter().flat_map(Self::walk)))
    }
}

/// Where a packet starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// See for yourself: Ethernet by its EtherType, 59 is a bare Mobility Header, then the IP version.
    Guess,
    /// An Ethernet frame without frame check sequence.
    Ethernet,
    /// An IPv4 or IPv6 packet.
    Ip,
    /// A Mobility Header; without addresses its checksum is not verified.
    MobilityHeader,
}

/// Describes a packet; one entry a layer.
#[must_use]
pub fn describe(numbering: &Numbering, bytes: &[u8]) -> Vec<Field> {
    describe_from(Start::Guess, numbering, bytes)
}

/// As [`describe`], where the first layer is known.
#[must_use]
pub fn describe_from(start: Start, numbering: &Numbering, bytes: &[u8]) -> Vec<Field> {
    let mut walk = Walk::new(numbering, bytes);
    match start {
        Start::Guess => match bytes.first() {
            _ if bytes.len() >= ETHERNET_HEADER && is_ethernet(bytes) => walk.ethernet(),
            Some(&NO_NEXT_HEADER) => walk.bare_mobility_header(),
            Some(first) if matches!(first >> 4, 4 | 6) => walk.ip(0..bytes.len()),
            _ => walk.ethernet(),
        },
        Start::Ethernet => walk.ethernet(),
        Start::Ip => walk.ip(0..bytes.len()),
        Start::MobilityHeader => walk.bare_mobility_header(),
    }
    walk.layers
}
