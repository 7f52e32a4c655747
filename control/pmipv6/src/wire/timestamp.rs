//! The Timestamp option's number (RFC 5213 section 8.8): seconds since 1970-01-01 UTC in the upper 48
//! bits, units of 1/65536 s in the lower 16.

use std::time::Duration;

const FRACTION_BITS: u32 = 16;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Wall clock since 1970 to the option's number, rounded down; at the end of the 48 bits it stays there.
#[must_use]
pub fn timestamp_from_duration(since_1970: Duration) -> u64 {
    let seconds = since_1970.as_secs();
    if seconds >> (u64::BITS - FRACTION_BITS) != 0 {
        return u64::MAX;
    }
    let fraction = (u64::from(since_1970.subsec_nanos()) << FRACTION_BITS) / NANOS_PER_SECOND;
    seconds << FRACTION_BITS | fraction
}

/// The option's number to wall clock since 1970, rounded up, so that the way back gives the same number.
#[must_use]
pub fn timestamp_to_duration(timestamp: u64) -> Duration {
    let fraction = timestamp & ((1 << FRACTION_BITS) - 1);
    let nanos = (fraction * NANOS_PER_SECOND).div_ceil(1 << FRACTION_BITS);
    // The fraction is below one second.
    Duration::new(timestamp >> FRACTION_BITS, nanos as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_a_second_is_0x4000() {
        let when = Duration::new(0x1234_5678, 250_000_000);
        assert_eq!(timestamp_from_duration(when), 0x0000_1234_5678_4000);
        assert_eq!(timestamp_to_duration(0x0000_1234_5678_4000), when);
    }

    #[test]
    fn every_fraction_comes_back() {
        for fraction in 0..=0xffff {
            let timestamp = 7 << 16 | fraction;
            let when = timestamp_to_duration(timestamp);
            assert_eq!(when.as_secs(), 7);
            assert_eq!(timestamp_from_duration(when), timestamp);
        }
        assert_eq!(
            timestamp_from_duration(timestamp_to_duration(u64::MAX)),
            u64::MAX
        );
    }

    #[test]
    fn beyond_48_bits_it_stays_at_the_end() {
        assert_eq!(timestamp_from_duration(Duration::MAX), u64::MAX);
    }
}
