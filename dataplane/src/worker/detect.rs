//! "This pair talks": noticed in bounded memory, told at a bounded rate, never slowing what it watches
//! (row L-3).
//!
//! A pair talks when so many of its packets, or so many octets in them, have passed within the window.
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
/// Octets of a packet, where a turn is measured in packets and the report in octets.
const OCTETS_A_KNOCK: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
struct Watched {
    pair: [u64; 2],
    /// Since the last report, or since the window began.
    packets: u32,
    /// Octets in them.
    octets: u64,
    /// When the first of them passed.
    since_cycles: u64,
    /// Packets of other pairs that wanted this line.
    knocks: u32,
    /// When the pair was last reported.
    reported_cycles: Option<u64>,
}

impl Watched {
    const NONE: Self = Self {
        pair: NOBODY,
        packets: 0,
        octets: 0,
        since_cycles: 0,
        knocks: 0,
        reported_cycles: None,
    };
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Detector {
    is_enabled: bool,
    report_after_packets: u32,
    report_after_octets: u64,
    window_cycles: u64,
    /// That a holder stands before its turn ends.
    knocks: u32,
    min_interval_cycles: u64,
    lines: Box<[Watched]>,
    bucket: TokenBucket,
}

impl Detector {
    pub(crate) fn new(config: &DetectConfig, cycles_per_s: u64) -> Self {
        let lines = config.max_tracked_pairs.max(1).next_power_of_two();
        let cycles = |ms: u32| cycles_per_s / 1_000 * u64::from(ms);
        let (packets, octets) = (config.report_after_packets, config.report_after_bytes);
        let knocks = match packets {
            0 => u32::try_from(octets / OCTETS_A_KNOCK).unwrap_or(u32::MAX),
            packets => packets,
        };
        let never_if_0 = |octets: u64| if octets == 0 { u64::MAX } else { octets };
        Self {
            is_enabled: config.enabled,
            report_after_packets: if packets == 0 { u32::MAX } else { packets },
            report_after_octets: never_if_0(octets),
            window_cycles: never_if_0(cycles(config.within_ms)),
            knocks: knocks.saturating_add(KNOCKS_BEYOND_REPORT),
            min_interval_cycles: cycles(config.min_interval_ms),
            lines: vec![Watched::NONE; lines as usize].into_boxed_slice(),
            bucket: TokenBucket::new(config.max_reports_per_s, cycles_per_s),
        }
    }

    #[inline(always)]
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// A packet of the pair with so many octets passed; the packets to report now, if a report is due.
    #[inline]
    pub(crate) fn saw(
        &mut self,
        pair: [u64; 2],
        octets: u32,
        now_cycles: u64,
        tally: &mut Tally,
    ) -> Option<u32> {
        let at = mix(pair[0], pair[1]) as usize & (self.lines.len() - 1);
        let line = &mut self.lines[at];
        let over = now_cycles.wrapping_sub(line.since_cycles) > self.window_cycles;
        if line.pair != pair {
            if line.pair != NOBODY {
                line.knocks = line.knocks.saturating_add(1);
                if line.knocks <= self.knocks && !over {
                    return None;
                }
                tally.add(Counter::DetectEvicted, 1);
            }
            *line = Watched {
                pair,
                since_cycles: now_cycles,
                ..Watched::NONE
            };
        } else if over {
            (line.packets, line.octets, line.since_cycles) = (0, 0, now_cycles);
        }
        line.packets = line.packets.saturating_add(1);
        line.octets = line.octets.saturating_add(octets.into());
        let rested = line
            .reported_cycles
            .is_none_or(|then| now_cycles.wrapping_sub(then) >= self.min_interval_cycles);
        let talks =
            line.packets >= self.report_after_packets || line.octets >= self.report_after_octets;
        if !talks || !rested {
            return None;
        }
        if !self.bucket.take(now_cycles) {
            tally.add(Counter::DetectLimited, 1);
            return None;
        }
        line.reported_cycles = Some(now_cycles);
        (line.octets, line.since_cycles) = (0, now_cycles);
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
            max_tracked_pairs,
            max_reports_per_s: per_s,
            ..DetectConfig::default()
        };
        Detector::new(&config, HZ)
    }

    #[test]
    fn l_3_a_pair_is_reported_after_its_packets_and_not_again_within_the_interval() {
        let mut detector = detector(3, 64, 100);
        let mut tally = Tally::new();
        let told: Vec<_> = (0..6)
            .map(|now| detector.saw([1, 2], 100, now, &mut tally))
            .collect();
        assert_eq!(told, [None, None, Some(3), None, None, None]);
        assert_eq!(detector.saw([1, 2], 100, 2 + HZ, &mut tally), Some(4));
    }

    #[test]
    fn l_3_reports_are_bounded_in_rate() {
        let mut detector = detector(1, 65_536, 10);
        let mut tally = Tally::new();
        let told = (0..10_000)
            .filter(|n| detector.saw([*n, 1], 100, 0, &mut tally).is_some())
            .count();
        assert_eq!(told, 10);
        let later = (0..10_000)
            .filter(|n| detector.saw([*n, 2], 100, HZ / 2, &mut tally).is_some())
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
                if detector.saw([pair, 9], 100, now, &mut tally).is_some() {
                    told[pair as usize] += 1;
                }
            }
        }
        assert!(told.iter().all(|told| *told > 0), "{told:?}");
    }

    #[test]
    fn l_3_a_pair_is_reported_after_its_octets_where_packets_do_not_count() {
        let config = DetectConfig {
            report_after_packets: 0,
            report_after_bytes: 3_000,
            ..DetectConfig::default()
        };
        let mut detector = Detector::new(&config, HZ);
        let mut tally = Tally::new();
        let mut saw = |octets, now| detector.saw([1, 2], octets, now, &mut tally);
        assert_eq!(
            [saw(1_500, 0), saw(1_499, 1), saw(1, 2)],
            [None, None, Some(3)]
        );
        // They are counted from nothing again.
        assert_eq!([saw(2_999, 2 + HZ), saw(1, 3 + HZ)], [None, Some(2)]);
    }

    #[test]
    fn l_3_what_is_older_than_the_window_does_not_count() {
        let config = DetectConfig {
            report_after_packets: 3,
            within_ms: 500,
            ..DetectConfig::default()
        };
        let mut detector = Detector::new(&config, HZ);
        let mut tally = Tally::new();
        let mut saw = |now| detector.saw([1, 2], 100, now, &mut tally);
        assert_eq!([saw(0), saw(HZ / 4), saw(HZ)], [None, None, None]);
        assert_eq!([saw(HZ + 1), saw(HZ + 2)], [None, Some(3)]);
    }

    #[test]
    fn l_3_who_has_not_talked_within_the_window_makes_room_at_once() {
        let config = DetectConfig {
            report_after_packets: 100,
            within_ms: 500,
            max_tracked_pairs: 1,
            ..DetectConfig::default()
        };
        let mut detector = Detector::new(&config, HZ);
        let mut tally = Tally::new();
        detector.saw([1, 2], 100, 0, &mut tally);
        detector.saw([3, 4], 100, 10, &mut tally);
        assert_eq!(detector.lines[0].pair, [1, 2]);
        detector.saw([3, 4], 100, HZ, &mut tally);
        assert_eq!(detector.lines[0].pair, [3, 4]);
    }
}
