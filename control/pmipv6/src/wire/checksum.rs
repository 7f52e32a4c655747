//! The Mobility Header's checksum (RFC 6275 section 6.1.1, RFC 8200 section 8.1).

use std::net::Ipv6Addr;

use super::error::WireError;
use super::iana::NEXT_HEADER_MH;

/// How the Checksum field is made and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Over an IPv6 pseudo-header with the addresses of the packet; a Home Address destination option
    /// stands in for the source.
    PseudoHeader {
        /// Source address.
        source: Ipv6Addr,
        /// Destination address.
        destination: Ipv6Addr,
    },
    /// IPv4 transport: zero on send, ignored on receive (RFC 5844 sections 4.1.3.2, 4.2.2.1).
    Ignored,
}

/// Offset of the Checksum field in the Mobility Header.
pub(super) const CHECKSUM_AT: usize = 4;

impl Checksum {
    /// The value of the Checksum field of `header`, whatever stands in that field now.
    #[must_use]
    pub fn compute(&self, header: &[u8]) -> u16 {
        let Self::PseudoHeader {
            source,
            destination,
        } = self
        else {
            return 0;
        };
        let mut sum = u64::from(NEXT_HEADER_MH) + header.len() as u64;
        sum += words(&source.octets()) + words(&destination.octets()) + words(header);
        sum -= words(header.get(CHECKSUM_AT..CHECKSUM_AT + 2).unwrap_or(&[]));
        !fold(sum)
    }

    /// RFC 6275 section 9.2, rule 1.
    pub(super) fn verify(&self, header: &[u8]) -> Result<(), WireError> {
        if *self == Self::Ignored {
            return Ok(());
        }
        let found = u16::from_be_bytes([header[CHECKSUM_AT], header[CHECKSUM_AT + 1]]);
        let computed = self.compute(header);
        // All ones is the other zero of one's complement.
        if found == computed || (computed == 0 && found == 0xffff) {
            return Ok(());
        }
        Err(WireError::Checksum { found, computed })
    }
}

/// One's complement sum of what [`words`] added up.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    // Folded, so it fits.
    sum as u16
}

/// Sum of the 16-bit words, the last octet padded with zero.
pub(super) fn words(octets: &[u8]) -> u64 {
    octets
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum()
}
