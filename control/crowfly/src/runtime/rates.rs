//! How busy each worker is: what its counters did in the last second or so.

use std::time::Duration;

use dataplane::{Counter, WorkerStats};

/// Time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) rx_packets_per_s: f64,
    pub(super) tx_packets_per_s: f64,
    pub(super) load_percent: f64,
    seen: Seen,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    at: Duration,
    rx: u64,
    tx: u64,
    busy: u64,
    idle: u64,
}

impl Rates {
    /// A look at a worker's counters.
    pub(super) fn look(&mut self, now: Duration, stats: &WorkerStats) {
        let (busy, idle) = stats.cycles();
        let rx = stats.get(Counter::RxPackets);
        let tx = stats.get(Counter::TxPackets);
        self.update(Seen {
            at: now,
            rx,
            tx,
            busy,
            idle,
        });
    }

    fn update(&mut self, new: Seen) {
        let old = std::mem::replace(&mut self.seen, new);
        let seconds = new.at.saturating_sub(old.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let per_second = |new: u64, old: u64| new.wrapping_sub(old) as f64 / seconds;
        self.rx_packets_per_s = per_second(new.rx, old.rx);
        self.tx_packets_per_s = per_second(new.tx, old.tx);
        let busy = new.busy.wrapping_sub(old.busy) as f64;
        let all = busy + new.idle.wrapping_sub(old.idle) as f64;
        self.load_percent = if all > 0.0 { 100.0 * busy / all } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_over_the_time_between_looks() {
        let mut rates = Rates::default();
        let at = Duration::from_secs;
        rates.update(Seen {
            at: at(1),
            rx: 100,
            tx: 10,
            busy: 0,
            idle: 1000,
        });
        rates.update(Seen {
            at: at(3),
            rx: 300,
            tx: 10,
            busy: 100,
            idle: 1300,
        });
        assert_eq!(
            (rates.rx_packets_per_s, rates.tx_packets_per_s),
            (100.0, 0.0)
        );
        assert_eq!(rates.load_percent, 25.0);
        rates.update(Seen {
            at: at(3),
            ..Seen::default()
        });
        assert_eq!(rates.load_percent, 25.0, "no time, no rate");
    }
}
