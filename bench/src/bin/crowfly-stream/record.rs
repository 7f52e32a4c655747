//! What a receiver has seen of a stream, and the account of it.

use std::ops::Range;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Most sequence numbers of one stream: more than an hour at 10,000 a second.
pub(crate) const MAX_PACKETS: u64 = 40_000_000;
/// Most single occurrences that a report lists; their count goes on.
const LISTED: usize = 100_000;
/// Latencies are recorded up to this, nanoseconds.
const MAX_LATENCY_NS: u64 = 60_000_000_000;

/// When a packet was sent and received, nanoseconds since 1970; 0 when it was not.
#[derive(Debug, Default, Clone, Copy)]
struct Arrival {
    sent_ns: u64,
    at_ns: u64,
}

/// One stream as its receiver sees it.
#[derive(Debug)]
pub(crate) struct Record {
    arrivals: Vec<Arrival>,
    received: u64,
    duplicates: Vec<(u64, u64)>,
    duplicated: u64,
    reordered: u64,
    /// Most sequence numbers that a late packet was behind.
    most_behind: u64,
    foreign: u64,
    /// Times without a packet that are longer than `gap_ns`.
    gaps: Vec<Range<u64>>,
    gap_ns: u64,
    last_at_ns: u64,
    latency_ns: Histogram<u64>,
}

impl Record {
    /// An empty record that lists pauses longer than `gap_ns`.
    pub(crate) fn new(gap_ns: u64) -> Self {
        let latency_ns = Histogram::new_with_bounds(1, MAX_LATENCY_NS, 3);
        Self {
            arrivals: Vec::new(),
            received: 0,
            duplicates: Vec::new(),
            duplicated: 0,
            reordered: 0,
            most_behind: 0,
            foreign: 0,
            gaps: Vec::new(),
            gap_ns,
            last_at_ns: 0,
            latency_ns: latency_ns.expect("constant bounds that HdrHistogram takes"),
        }
    }

    /// A packet that is not of the stream, or cannot be read.
    pub(crate) fn foreign(&mut self) {
        self.foreign += 1;
    }

    /// A packet of the stream.
    pub(crate) fn packet(&mut self, sequence: u64, sent_ns: u64, at_ns: u64) {
        if sequence >= MAX_PACKETS {
            return self.foreign();
        }
        let at = sequence as usize;
        let expected = self.arrivals.len() as u64;
        if at >= self.arrivals.len() {
            self.arrivals.resize(at + 1, Arrival::default());
        }
        if self.arrivals[at].at_ns != 0 {
            self.duplicated += 1;
            if self.duplicates.len() < LISTED {
                self.duplicates.push((sequence, at_ns));
            }
            return;
        }
        if sequence < expected {
            self.reordered += 1;
            self.most_behind = self.most_behind.max(expected - 1 - sequence);
        }
        if self.last_at_ns != 0
            && at_ns.saturating_sub(self.last_at_ns) > self.gap_ns
            && self.gaps.len() < LISTED
        {
            self.gaps.push(self.last_at_ns..at_ns);
        }
        self.arrivals[at] = Arrival { sent_ns, at_ns };
        self.received += 1;
        self.last_at_ns = at_ns;
        self.latency_ns
            .saturating_record(at_ns.saturating_sub(sent_ns).max(1));
    }

    /// Ranges of sequence numbers that never came, below the highest one that did.
    fn lost(&self) -> Vec<Range<usize>> {
        let mut lost: Vec<Range<usize>> = Vec::new();
        for (sequence, arrival) in self.arrivals.iter().enumerate() {
            if arrival.at_ns != 0 {
                continue;
            }
            match lost.last_mut() {
                Some(last) if last.end == sequence => last.end += 1,
                _ => lost.push(sequence..sequence + 1),
            }
        }
        lost
    }

    /// The account, `sent` being what the other end says it has sent, if it has said so.
    pub(crate) fn report(&self) -> Value {
        let lost = self.lost();
        let listed = lost.iter().take(LISTED).map(|range| {
            let before = range.start.checked_sub(1).map(|at| self.arrivals[at]);
            let after = self.arrivals.get(range.end).copied();
            json!({
                "first": range.start,
                "count": range.len(),
                "sent_after_ns": before.map(|it| it.sent_ns),
                "sent_before_ns": after.map(|it| it.sent_ns),
            })
        });
        json!({
            "received": self.received,
            "highest": self.arrivals.len() as u64,
            "lost": lost.iter().map(|range| range.len() as u64).sum::<u64>(),
            "lost_ranges": listed.collect::<Vec<_>>(),
            "duplicated": self.duplicated,
            "duplicates": self.duplicates,
            "reordered": self.reordered,
            "most_behind": self.most_behind,
            "foreign": self.foreign,
            "gaps_ns": self.gaps.iter().map(|gap| (gap.start, gap.end)).collect::<Vec<_>>(),
            "latency_ns": {
                "p50": self.latency_ns.value_at_quantile(0.5),
                "p99": self.latency_ns.value_at_quantile(0.99),
                "max": self.latency_ns.max(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets in order of arrival, a millisecond apart.
    fn seen(sequences: &[u64]) -> Value {
        let mut record = Record::new(1_500_000);
        for (number, sequence) in (1..).zip(sequences) {
            record.packet(*sequence, sequence * 1_000_000 + 1, number * 1_000_000 + 10);
        }
        record.report()
    }

    #[test]
    fn a_whole_stream_has_nothing_to_report() {
        let report = seen(&[0, 1, 2, 3]);
        for key in ["lost", "duplicated", "reordered", "foreign"] {
            assert_eq!(report[key], 0, "{key}");
        }
        assert_eq!(
            (&report["received"], &report["highest"]),
            (&json!(4), &json!(4))
        );
        assert_eq!(report["gaps_ns"], json!([]));
    }

    #[test]
    fn lost_packets_are_between_their_neighbours() {
        let report = seen(&[0, 3, 4, 6]);
        assert_eq!(report["lost"], 3);
        assert_eq!(
            report["lost_ranges"],
            json!([
                { "first": 1, "count": 2, "sent_after_ns": 1, "sent_before_ns": 3_000_001 },
                { "first": 5, "count": 1, "sent_after_ns": 4_000_001, "sent_before_ns": 6_000_001 },
            ])
        );
    }

    #[test]
    fn a_late_packet_is_reordered_and_not_lost() {
        let report = seen(&[0, 2, 3, 1]);
        assert_eq!(
            (&report["lost"], &report["reordered"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(report["most_behind"], 2);
    }

    #[test]
    fn a_second_copy_is_a_duplicate_and_nothing_else() {
        let report = seen(&[0, 1, 0]);
        assert_eq!(
            (&report["received"], &report["duplicated"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(
            (&report["duplicates"], &report["reordered"]),
            (&json!([[0, 3_000_010]]), &json!(0))
        );
    }

    #[test]
    fn a_pause_is_listed_and_nonsense_is_foreign() {
        let mut record = Record::new(1_500_000);
        record.packet(0, 1, 10);
        record.packet(1, 1, 2_000_010);
        record.packet(MAX_PACKETS, 1, 2_000_020);
        assert_eq!(record.report()["gaps_ns"], json!([[10, 2_000_010]]));
        assert_eq!(record.report()["foreign"], 1);
    }
}
