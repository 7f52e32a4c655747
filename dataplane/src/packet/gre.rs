//! GRE headers (RFC 2784, RFC 2890) and the TLV header in front of one over UDP (RFC 5845 section 7).

use super::header::{
    ETHERTYPE_IPV4, ETHERTYPE_IPV6, NH_IPV4, NH_IPV6, internet_sum, u16_at, u32_at,
};
use crate::stats::DropReason;

/// A checksum follows.
const CHECKSUM: u16 = 0x8000;
/// A key follows.
pub(crate) const KEY: u16 = 0x2000;
/// A sequence number follows; what it says is not used (RFC 2890 section 2.2 leaves that open).
const SEQUENCE: u16 = 0x1000;
/// Bits 1, 4 and 5 are zero (RFC 2784 section 2.3), and so is the version.
const ZERO: u16 = 0x4c07;

/// A GRE header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gre {
    /// Key, if it has one.
    pub(super) key: Option<u32>,
    /// What it carries: 4 or 41.
    pub(super) next_header: u8,
    /// Its length.
    pub(super) octets: usize,
}

/// The GRE header at the front of `data`.
pub(super) fn gre(data: &[u8]) -> Result<Gre, DropReason> {
    if data.len() < 4 {
        return Err(DropReason::Truncated);
    }
    let flags = u16_at(data, 0);
    if flags & ZERO != 0 {
        return Err(DropReason::GreHeader);
    }
    let next_header = match u16_at(data, 2) {
        ETHERTYPE_IPV6 => NH_IPV6,
        ETHERTYPE_IPV4 => NH_IPV4,
        _ => return Err(DropReason::GreHeader),
    };
    let octets_if = |flag: u16| if flags & flag != 0 { 4 } else { 0 };
    let key_at = 4 + octets_if(CHECKSUM);
    let octets = key_at + octets_if(KEY) + octets_if(SEQUENCE);
    if data.len() < octets {
        return Err(DropReason::Truncated);
    }
    if flags & CHECKSUM != 0 && internet_sum(data) != 0xffff {
        return Err(DropReason::BadChecksum);
    }
    Ok(Gre {
        key: (flags & KEY != 0).then(|| u32_at(data, key_at)),
        next_header,
        octets,
    })
}

/// Octets of a TLV header.
pub(super) const TLV: usize = 4;

/// The TLV header at the front of a UDP payload, which is known by its type, 0: what follows it. Its length
/// is that of the rest of the payload.
pub(super) fn tlv(payload: &[u8]) -> Result<u8, DropReason> {
    let header: &[u8; TLV] = payload.first_chunk().ok_or(DropReason::Truncated)?;
    let octets = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if octets != payload.len() - TLV {
        return Err(DropReason::TlvHeader);
    }
    Ok(header[1])
}
