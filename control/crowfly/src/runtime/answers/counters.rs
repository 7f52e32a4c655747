//! `stats` and `latency`: every counter and every histogram.

use std::collections::BTreeMap;

use crate::runtime::control::Control;
use crate::runtime::latency::of_buckets;
use crate::socket::answer;

impl Control {
    pub(in crate::runtime) fn stats(&self, filter: Option<&str>) -> answer::Stats {
        let mut counters = BTreeMap::new();
        let own = self.engine.counters().into_iter();
        let own = own
            .chain(self.net.counters())
            .chain(self.gate.counters())
            .chain(self.program.counters());
        let own = own.chain(self.server.counters());
        let own = own.chain(self.trace.counters());
        let own = own.chain([
            ("control.drop.inject", self.inject_dropped),
            ("control.drop.realm-unknown", self.realm_unknown),
            ("control.requests.waiting", self.pending.len() as u64),
            ("mempool.available", self.mempool.available().into()),
            ("mempool.in-use", self.mempool.in_use().into()),
        ]);
        counters.extend(own.map(|(name, value)| (name.to_owned(), value)));
        self.worker_counters(&mut counters);
        self.port_counters(&mut counters);
        if let Some(filter) = filter {
            counters.retain(|name, _| matches(filter.as_bytes(), name.as_bytes()));
        }
        answer::Stats { counters }
    }

    /// The sum over the workers, and where there are several, each one's.
    fn worker_counters(&self, counters: &mut BTreeMap<String, u64>) {
        let each = self.rates.len() > 1;
        for worker in self.program.fanout().workers() {
            for (name, value) in worker.handle.stats().counters() {
                *counters.entry(format!("dataplane.{name}")).or_default() += value;
                if each {
                    counters.insert(format!("worker.{}.{name}", worker.lcore), value);
                }
            }
        }
    }

    fn port_counters(&self, counters: &mut BTreeMap<String, u64>) {
        for (config, port) in self.config.ports.iter().zip(&self.ports) {
            let stats = port.stats();
            let all = [
                ("rx.packets", stats.ipackets),
                ("rx.bytes", stats.ibytes),
                ("rx.missed", stats.imissed),
                ("rx.errors", stats.ierrors),
                ("rx.no-mbuf", stats.rx_nombuf),
                ("tx.packets", stats.opackets),
                ("tx.bytes", stats.obytes),
                ("tx.errors", stats.oerrors),
            ];
            counters
                .extend(all.map(|(name, value)| (format!("port.{}.{name}", config.name), value)));
        }
    }

    pub(in crate::runtime) fn latencies(&self) -> answer::Latency {
        let mut histograms = self.latency.histograms();
        let hz = dpdk::tsc_hz().max(1);
        let workers = self.program.fanout().workers();
        let buckets = workers.flat_map(|worker| worker.handle.stats().bursts().iter());
        let ns = |cycles: u64| (u128::from(cycles) * 1_000_000_000 / u128::from(hz)) as u64;
        let burst = of_buckets(buckets.map(|(cycles, count)| (ns(cycles), count)));
        histograms.insert("worker-burst".to_owned(), burst);
        answer::Latency { histograms }
    }
}

/// `*` stands for any run of characters, `?` for any one. Linear in both: one place to come back to.
pub(in crate::runtime) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_whole_names() {
        let is = |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes());
        assert!(is("net.*", "net.rx.ignored") && is("*.drop.*", "a.drop.b") && is("a?c", "abc"));
        assert!(is("*", "") && is("a*b*c", "aXbYbZc") && is("**", "x"));
        assert!(
            !is("net", "net.rx") && !is("*.drop", "a.drop.b") && !is("a?c", "ac") && !is("", "x")
        );
    }
}
