//! Durations in logarithmic buckets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::bump;

/// Buckets of an octave: a bucket is at most an eighth wider than its lower bound.
const SUB_BUCKETS: u64 = 8;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Longest time that has a bucket of its own, in bits of cycles (some 0.4 s at 2.6 GHz).
const MAX_BITS: u32 = 30;
const BUCKETS: usize = ((MAX_BITS - SUB_BITS) as usize + 1) * SUB_BUCKETS as usize;

/// A histogram with logarithmic buckets, bounded, one writer.
#[derive(Debug)]
pub struct BurstHistogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
}

impl BurstHistogram {
    pub(super) fn new() -> Self {
        Self {
            buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
        }
    }

    /// Counts one duration.
    #[inline]
    pub(crate) fn record(&self, cycles: u64) {
        bump(&self.buckets[Self::index(cycles)], 1);
    }

    /// Buckets that are not empty: the highest duration of the bucket in cycles, and how many.
    /// Counts only grow: the difference of two readings is a histogram, too.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets
            .iter()
            .enumerate()
            .map(|(at, cell)| (Self::upper(at), cell.load(Relaxed)))
            .filter(|(_, count)| *count != 0)
    }

    /// The duration, in cycles, that the given share (0.0 to 1.0) of bursts did not exceed; none when
    /// nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.iter().map(|(_, count)| count).sum();
        let wanted = ((total as f64) * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        self.iter().find_map(|(upper, count)| {
            seen += count;
            (seen >= wanted.max(1)).then_some(upper)
        })
    }

    #[inline]
    fn index(cycles: u64) -> usize {
        let capped = cycles.min((1 << MAX_BITS) - 1);
        if capped < SUB_BUCKETS {
            return capped as usize;
        }
        let octave = capped.ilog2() - SUB_BITS;
        ((u64::from(octave) + 1) * SUB_BUCKETS + (capped >> octave) - SUB_BUCKETS) as usize
    }

    fn upper(index: usize) -> u64 {
        let index = index as u64;
        if index < SUB_BUCKETS {
            return index;
        }
        let octave = index / SUB_BUCKETS - 1;
        let sub = index % SUB_BUCKETS + SUB_BUCKETS;
        ((sub + 1) << octave) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_falls_into_the_bucket_that_holds_it() {
        let mut lower = 0;
        for at in 0..BUCKETS {
            let upper = BurstHistogram::upper(at);
            assert_eq!(BurstHistogram::index(lower), at);
            assert_eq!(BurstHistogram::index(upper), at);
            lower = upper + 1;
        }
        assert_eq!(BurstHistogram::index(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_come_from_the_buckets() {
        let histogram = BurstHistogram::new();
        assert_eq!(histogram.quantile(0.5), None);
        for cycles in 0..8 {
            histogram.record(cycles);
        }
        assert_eq!(histogram.quantile(0.5), Some(3));
        assert_eq!(histogram.quantile(1.0), Some(7));
    }
}
