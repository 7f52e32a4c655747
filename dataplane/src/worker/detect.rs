//! "This pair talks": noticed in bounded memory, told at a bounded rate, never slowing what it watches
//! (row L-3).
//!
//! A direct-mapped cache holds one pair a line. A pair whose line is taken waits; each time it knocks the
//! holder comes nearer to its turn's end, so two busy pairs on one line are both told in time.

use crate::config::DetectConfig;
use crate::stats::{Counter, Tally};
use crate::table::mix;

/// A line without a pair.
const NOBODY: [u64; 2] = [u64::MAX; 2];
/// Knocks that end a holder's turn, beyond what it takes to be reported.
const KNOCKS_BEYOND_REPORT: u32 = 8;

#[derive(Debug, Clone, Copy)]
struct Watched {
    pair: [u64; 2],
    /// Since the last report.
    packets: u32,
    /// Packets of other pairs that wanted this line.
    knocks: u32,
    /// When the pair was last reported.
    reported_cycles: Option<u64>,
}

impl Watched {
    const NONE: Self = Self {
        pair: NOBODY,
        packets: 0,
        knocks: 0,
        reported_cycles: None,
    };
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Detector {
    is_enabled: bool,
    report_after_packets: u32,
    min_interval_cycles: u64,
    lines: Box<[Watched]>,
    bucket: TokenBucket,
}

impl Detector {
    pub(crate) fn new(config: &DetectConfig, cycles_per_s: u64) -> Self {
        let lines = config.max_tracked_pairs.max(1).next_power_of_two();
        Self {
            is_enabled: config.enabled,
            report_after_packets: config.report_after_packets.max(1),
            min_interval_cycles: cycles_per_s / 1_000 * u64::from(config.min_interval_ms),
            lines: vec![Watched::NONE; lines as usize].into_boxed_slice(),
            bucket: TokenBucket::new(config.max_reports_per_s, cycles_per_s),
        }
    }

    #[inline(always)]
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// A packet of the pair passed; the packets to report now, if a report is due.
    #[inline]
    pub(crate) fn saw(
        &mut self,
        pair: [u64; 2],
        now_cycles: u64,
        tally: &mut Tally,
    ) -> Option<u32> {
        let at = mix(pair[0], pair[1]) as usize & (self.lines.len() - 1);
        let line = &mut self.lines[at];
        if line.pair != pair {
            if line.pair != NOBODY {
                line.knocks += 1;
                if line.knocks
                    <= self
                        .report_after_packets
                        .saturating_add(KNOCKS_BEYOND_REPORT)
                {
                    return None;
                }
                tally.add(Counter::DetectEvicted, 1);
            }
            *line = Watched {
                pair,
                ..Watched::NONE
            };
        }
        line.packets = line.packets.saturating_add(1);
        let rested = line
            .reported_cycles
            .is_none_or(|then| now_cycles.wrapping_sub(then) >= self.min_interval_cycles);
        if line.packets < self.report_after_packets || !rested {
            return None;
        }
        if !self.bucket.take(now_cycles) {
            tally.add(Counter::DetectLimited, 1);
            return None;
        }
        line.reported_cycles = Some(now_cycles);
        Some(std::mem::take(&mut line.packets))
    }
}

/// One token a report; a second's worth may be saved up.
#[derive(Debug)]
struct TokenBucket {
    cycles_per_token: u64,
    full_cycles: u64,
    /// Saved up, in cycles.
    saved_cycles: u64,
    filled_cycles: u64,
}

impl TokenBucket {
    fn new(per_s: u32, cycles_per_s: u64) -> Self {
        Self {
            cycles_per_token: match per_s {
                0 => u64::MAX,
                per_s => (cycles_per_s / u64::from(per_s)).max(1),
            },
            full_cycles: cycles_per_s.max(1),
            saved_cycles: cycles_per_s.max(1),
            filled_cycles: 0,
        }
    }

    fn take(&mut self, now_cycles: u64) -> bool {
        let since = now_cycles.saturating_sub(self.filled_cycles);
        self.filled_cycles = self.filled_cycles.max(now_cycles);
        self.saved_cycles = self
            .saved_cycles
            .saturating_add(since)
            .min(self.full_cycles);
        match self.saved_cycles.checked_sub(self.cycles_per_token) {
            Some(left) => {
                self.saved_cycles = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 1_000_000;

    fn detector(report_after_packets: u32, max_tracked_pairs: u32, per_s: u32) -> Detector {
        let config = DetectConfig {
            enabled: true,
            report_after_packets,
            min_interval_ms: 1_000,
            max_tracked_pairs,
            max_reports_per_s: per_s,
        };
        Detector::new(&config, HZ)
    }

    #[test]
    fn l_3_a_pair_is_reported_after_its_packets_and_not_again_within_the_interval() {
        let mut detector = detector(3, 64, 100);
        let mut tally = Tally::new();
        let told: Vec<_> = (0..6)
            .map(|now| detector.saw([1, 2], now, &mut tally))
            .collect();
        assert_eq!(told, [None, None, Some(3), None, None, None]);
        assert_eq!(detector.saw([1, 2], 2 + HZ, &mut tally), Some(4));
    }

    #[test]
    fn l_3_reports_are_bounded_in_rate() {
        let mut detector = detector(1, 65_536, 10);
        let mut tally = Tally::new();
        let told = (0..10_000)
            .filter(|n| detector.saw([*n, 1], 0, &mut tally).is_some())
            .count();
        assert_eq!(told, 10);
        let later = (0..10_000)
            .filter(|n| detector.saw([*n, 2], HZ / 2, &mut tally).is_some())
            .count();
        assert_eq!(later, 5);
    }

    #[test]
    fn l_3_pairs_on_one_line_are_both_reported() {
        let mut detector = detector(4, 1, 1_000);
        let mut tally = Tally::new();
        let mut told = [0; 2];
        for now in 0..100 {
            for pair in 0..2_u64 {
                if detector.saw([pair, 9], now, &mut tally).is_some() {
                    told[pair as usize] += 1;
                }
            }
        }
        assert!(told.iter().all(|told| *told > 0), "{told:?}");
    }
}
