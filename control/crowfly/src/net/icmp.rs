//! ICMPv6 errors (RFC 4443): which may be sent, how many, and what they quote.

use std::net::Ipv6Addr;
use std::time::Duration;

use smoltcp::wire::{Icmpv6Message, Icmpv6Packet, IpProtocol, Ipv6Address};

use super::frame::IPV6_LEN;

/// Errors in a second, on the average (RFC 4443 section 2.4 (f)).
const ERRORS_PER_S: u32 = 100;
/// Errors at once.
const BURST: u32 = 50;
/// An error with what it quotes is no longer than this (RFC 4443 section 2.4 (c)).
const MAX_ERROR_BYTES: usize = smoltcp::wire::IPV6_MIN_MTU;
/// Octets of an ICMPv6 error in front of the quoted packet.
const ERROR_HEADER_LEN: usize = 8;

/// An error to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IcmpError {
    pub(super) message: Icmpv6Message,
    pub(super) code: u8,
    /// The word after the checksum: MTU, pointer, or unused.
    pub(super) word: u32,
}

impl IcmpError {
    pub(super) fn packet_too_big(mtu_bytes: u32) -> Self {
        Self {
            message: Icmpv6Message::PktTooBig,
            code: 0,
            word: mtu_bytes,
        }
    }

    /// Hop limit exceeded in transit.
    pub(super) fn hop_limit() -> Self {
        Self {
            message: Icmpv6Message::TimeExceeded,
            code: 0,
            word: 0,
        }
    }

    /// Address unreachable.
    pub(super) fn unreachable() -> Self {
        Self {
            message: Icmpv6Message::DstUnreachable,
            code: 3,
            word: 0,
        }
    }

    /// Erroneous header field.
    pub(super) fn parameter_problem(pointer: u32) -> Self {
        Self {
            message: Icmpv6Message::ParamProblem,
            code: 0,
            word: pointer,
        }
    }

    /// The ICMPv6 message that quotes `invoking`, an IPv6 packet.
    pub(super) fn emit(self, source: Ipv6Addr, destination: Ipv6Addr, invoking: &[u8]) -> Vec<u8> {
        let room = MAX_ERROR_BYTES - IPV6_LEN - ERROR_HEADER_LEN;
        let quoted = &invoking[..invoking.len().min(room)];
        let mut message = vec![0; ERROR_HEADER_LEN + quoted.len()];
        message[4..8].copy_from_slice(&self.word.to_be_bytes());
        message[ERROR_HEADER_LEN..].copy_from_slice(quoted);
        let mut packet = Icmpv6Packet::new_unchecked(&mut message[..]);
        packet.set_msg_type(self.message);
        packet.set_msg_code(self.code);
        packet.fill_checksum(&source, &destination);
        message
    }
}

/// Whether RFC 4443 section 2.4 (e) allows an error about this IPv6 packet. Extension headers are not
/// walked: what hides an ICMPv6 error behind one gets an error about it, within the rate limit.
pub(super) fn may_answer(invoking: &[u8], error: IcmpError) -> bool {
    let Ok(packet) = smoltcp::wire::Ipv6Packet::new_checked(invoking) else {
        return false;
    };
    let source: Ipv6Address = packet.src_addr();
    if source.is_unspecified() || source.is_multicast() || source.is_loopback() {
        return false;
    }
    let too_big = error.message == Icmpv6Message::PktTooBig;
    if packet.dst_addr().is_multicast() && !too_big {
        return false;
    }
    let is_icmp = packet.next_header() == IpProtocol::Icmpv6;
    let first = packet.payload().first().copied();
    // ICMPv6 types below 128 are errors; a Redirect counts as one here.
    !(is_icmp
        && first
            .is_none_or(|kind| kind < 128 || Icmpv6Message::from(kind) == Icmpv6Message::Redirect))
}

/// The token bucket that RFC 4443 section 2.4 (f) recommends.
#[derive(Debug)]
pub(super) struct TokenBucket {
    /// Time credit.
    credit: Duration,
    /// Most of it.
    full: Duration,
    /// What one answer costs.
    cost: Duration,
    last: Duration,
}

impl TokenBucket {
    /// For ICMP errors.
    pub(super) fn new() -> Self {
        Self::limited(ERRORS_PER_S, BURST)
    }

    /// `per_s` in a second on the average, `burst` at once.
    pub(super) fn limited(per_s: u32, burst: u32) -> Self {
        let cost = Duration::from_secs(1) / per_s.max(1);
        Self {
            credit: cost * burst,
            full: cost * burst,
            cost,
            last: Duration::ZERO,
        }
    }

    pub(super) fn take(&mut self, now: Duration) -> bool {
        let earned = now.saturating_sub(self.last);
        self.last = self.last.max(now);
        self.credit = self.credit.saturating_add(earned).min(self.full);
        match self.credit.checked_sub(self.cost) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_gives_a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new();
        let now = Duration::from_secs(5);
        let burst = (0..1000).filter(|_| bucket.take(now)).count();
        assert_eq!(burst, BURST as usize);
        let later = (1..=1000)
            .filter(|ms| bucket.take(now + Duration::from_millis(*ms)))
            .count();
        assert_eq!(later, ERRORS_PER_S as usize);
    }

    #[test]
    fn an_error_quotes_no_more_than_fits_the_minimum_mtu() {
        let any = Ipv6Addr::LOCALHOST;
        let message = IcmpError::packet_too_big(1460).emit(any, any, &[0; 1500]);
        assert_eq!(message.len() + IPV6_LEN, 1280);
        assert_eq!(message[..2], [2, 0]);
        assert_eq!(message[4..8], 1460_u32.to_be_bytes());
        assert!(Icmpv6Packet::new_unchecked(&message[..]).verify_checksum(&any, &any));
    }
}
