//! The octets of an ESP packet (RFC 4303 section 2).
//!
//! ```text
//!   SPI 4 | sequence number, low half 4 | IV 0, 8 or 16 | payload | padding 0..15 | pad length 1 | next header 1 | ICV 16
//!   └───────── integrity ───────────────────────────────────────────────────────────────────────────────────┘
//!                                                       └──────────── encryption ──────────────────────────┘
//! ```

use super::discard::Discard;
use super::suite::{ICV_LEN, Suite};

/// Octets of SPI and sequence number.
pub(super) const HEADER_LEN: usize = 8;
/// Octets of pad length and next header.
const TRAILER_LEN: usize = 2;
/// Next header of a dummy packet (RFC 4303 section 2.6): no next header.
const NO_NEXT_HEADER: u8 = 59;
/// Longest ESP packet: the payload of an IPv6 packet without a jumbo option.
const MAX_PACKET_LEN: usize = 65_535;

/// SPI and low half of the sequence number of a packet.
pub(super) fn header(packet: &[u8]) -> Result<(u32, u32), Discard> {
    let (words, _) = packet.as_chunks::<4>();
    match words {
        [spi, sequence, ..] => Ok((u32::from_be_bytes(*spi), u32::from_be_bytes(*sequence))),
        _ => Err(Discard::Truncated),
    }
}

/// A packet before encryption: header, room for the IV, payload, padding and trailer, with room for the
/// ICV reserved.
pub(super) fn plain(
    suite: Suite,
    spi: u32,
    sequence: u64,
    next_header: u8,
    payload: &[u8],
) -> Result<Vec<u8>, Discard> {
    let padding = padding_len(suite, payload.len());
    let overhead = HEADER_LEN + suite.iv_len() + padding + TRAILER_LEN + ICV_LEN;
    let length = payload.len() + overhead;
    if length > MAX_PACKET_LEN {
        return Err(Discard::TooLong);
    }
    let mut packet = Vec::with_capacity(length);
    packet.extend_from_slice(&spi.to_be_bytes());
    // The low half alone is on the wire (RFC 4303 section 2.2.1).
    packet.extend_from_slice(&(sequence as u32).to_be_bytes());
    packet.resize(HEADER_LEN + suite.iv_len(), 0);
    packet.extend_from_slice(payload);
    // At most 15, so each fits.
    packet.extend((1..=padding).map(|octet| octet as u8));
    packet.extend([padding as u8, next_header]);
    Ok(packet)
}

/// Where payload and trailer of a whole packet stand, between IV and ICV; checks that they can.
pub(super) fn body(suite: Suite, packet: &[u8]) -> Result<std::ops::Range<usize>, Discard> {
    let start = HEADER_LEN + suite.iv_len();
    let end = packet.len().saturating_sub(ICV_LEN);
    let whole = end >= start + TRAILER_LEN && (end - start).is_multiple_of(suite.align());
    whole.then_some(start..end).ok_or(Discard::Truncated)
}

/// Takes padding and trailer off what was decrypted; the next header.
pub(super) fn take_trailer(body: &mut Vec<u8>) -> Result<u8, Discard> {
    let [.., padding, next_header] = body[..] else {
        return Err(Discard::Truncated);
    };
    let trailer = usize::from(padding) + TRAILER_LEN;
    let payload = body.len().checked_sub(trailer).ok_or(Discard::BadPadding)?;
    let octets = &body[payload..body.len() - TRAILER_LEN];
    // Monotonic from 1, so that nothing can be hidden there (RFC 4303 section 2.4).
    if !octets.iter().copied().eq(1..=padding) {
        return Err(Discard::BadPadding);
    }
    body.truncate(payload);
    match next_header {
        NO_NEXT_HEADER => Err(Discard::Dummy),
        other => Ok(other),
    }
}

/// Octets of padding that let the trailer end where it has to (RFC 4303 section 2.4).
fn padding_len(suite: Suite, payload: usize) -> usize {
    let align = suite.align();
    (payload + TRAILER_LEN).next_multiple_of(align) - payload - TRAILER_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_counts_from_one_and_ends_on_the_boundary() {
        for suite in Suite::ALL {
            for length in 0..40 {
                let packet = plain(suite, 256, 1, 135, &vec![0xaa; length]).unwrap();
                let start = HEADER_LEN + suite.iv_len();
                assert_eq!(
                    (packet.len() - start) % suite.align(),
                    0,
                    "{suite} {length}"
                );
                let mut inside = packet[start..].to_vec();
                assert_eq!(take_trailer(&mut inside), Ok(135));
                assert_eq!(inside, vec![0xaa; length]);
            }
        }
    }

    #[test]
    fn a_trailer_that_lies_is_refused() {
        let take = |octets: &[u8]| take_trailer(&mut octets.to_vec());
        assert_eq!(take(&[]), Err(Discard::Truncated));
        assert_eq!(take(&[135]), Err(Discard::Truncated));
        assert_eq!(take(&[1, 135]), Err(Discard::BadPadding), "longer than all");
        assert_eq!(take(&[1, 3, 2, 135]), Err(Discard::BadPadding), "1, 3");
        assert_eq!(take(&[0, 0, 2, 135]), Err(Discard::BadPadding), "zeros");
        assert_eq!(take(&[1, 2, 2, 59]), Err(Discard::Dummy));
        assert_eq!(take(&[1, 2, 2, 17]), Ok(17));
    }

    #[test]
    fn what_fits_no_packet_is_refused() {
        let long = vec![0; MAX_PACKET_LEN - HEADER_LEN - TRAILER_LEN - ICV_LEN + 1];
        let sealed = |payload| plain(Suite::NullHmacSha256, 256, 1, 135, payload);
        assert_eq!(sealed(&long), Err(Discard::TooLong));
        assert!(sealed(&long[4..]).is_ok());
    }
}
