//! The node's facts as replies of DPDK's telemetry.
//!
//! Its names have letters, digits, `_` and `/`: the counter `dataplane.drop.hop-limit` is `dataplane/drop/hop_limit`
//! there, and may be asked for by either name. A reply has at most 256 entries; what had no room is counted in
//! `left_out`, and a group or a pattern gets it.

use dpdk::{ReplyError, TelemetryReply};

use super::Facts;
use crate::runtime::answers::matches;
use crate::socket::answer::{Histogram, Latency, Stats, Status, WorkerStatus};

/// The entry that counts what had no room.
const LEFT_OUT: &str = "left_out";

/// The reply to a command with this parameter; none where nothing has such a name.
pub(super) fn of(facts: &Facts, parameter: Option<&str>) -> Option<TelemetryReply> {
    match facts {
        Facts::Status(facts) => status(facts).ok(),
        Facts::Workers(facts) => workers(facts).ok(),
        Facts::Paths(counts) => numbers(named(counts.iter().map(|(name, count)| (name, *count)))),
        Facts::Stats(facts) => stats(facts, parameter),
        Facts::Latency(facts) => latency(facts, parameter),
    }
}

fn status(status: &Status) -> Result<TelemetryReply, ReplyError> {
    let mut reply = TelemetryReply::new();
    reply.text("node_id", &status.node_id)?;
    reply.text("role", &status.role)?;
    reply.text("version", &status.version)?;
    reply.number("pid", status.pid.into())?;
    reply.number("uptime_s", status.uptime_s)?;
    reply.text("protection", &status.protection)?;
    let addresses: Vec<String> = status.addresses.iter().map(ToString::to_string).collect();
    reply.texts("addresses", addresses.iter().map(String::as_str))?;
    reply.number("bindings", status.bindings)?;
    reply.number("paths", status.paths)?;
    reply.number("update_backlog", status.update_backlog)?;
    reply.texts("alarms", status.alarms.iter().map(String::as_str))?;
    Ok(reply)
}

/// A list for each column of `status`' table of workers, in its order; fractions are rounded.
fn workers(workers: &[WorkerStatus]) -> Result<TelemetryReply, ReplyError> {
    let rounded = |value: f64| value.round() as u64;
    let mut reply = TelemetryReply::new();
    let mut column = |name: &str, of: &dyn Fn(&WorkerStatus) -> u64| {
        reply.numbers(name, &workers.iter().map(of).collect::<Vec<u64>>())
    };
    column("lcore", &|worker| worker.lcore.into())?;
    column("rx_packets_per_s", &|worker| {
        rounded(worker.rx_packets_per_s)
    })?;
    column("tx_packets_per_s", &|worker| {
        rounded(worker.tx_packets_per_s)
    })?;
    column("load_percent", &|worker| rounded(worker.load_percent))?;
    column("applied", &|worker| worker.applied)?;
    column("update_backlog", &|worker| worker.update_backlog)?;
    Ok(reply)
}

/// Counters that are not 0, or all whose name is wanted: a node has more than one reply holds.
fn stats(stats: &Stats, parameter: Option<&str>) -> Option<TelemetryReply> {
    let wanted = parameter.map(Wanted::new);
    let all = named(stats.counters.iter().map(|(name, value)| (name, *value)));
    numbers(all.filter(|(name, value)| match &wanted {
        Some(wanted) => wanted.has(name),
        None => *value > 0,
    }))
}

fn latency(latency: &Latency, parameter: Option<&str>) -> Option<TelemetryReply> {
    let wanted = parameter.map(Wanted::new);
    let all = latency
        .histograms
        .iter()
        .flat_map(|(of, histogram)| figures(of, histogram));
    numbers(all.filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted.has(name))))
}

/// A histogram's figures; of what was not measured there is the count alone.
fn figures(of: &str, histogram: &Histogram) -> Vec<(String, u64)> {
    let Histogram {
        count,
        min,
        p50,
        p90,
        p99,
        p99_9,
        max,
    } = *histogram;
    let all = [
        ("count", count),
        ("min", min),
        ("p50", p50),
        ("p90", p90),
        ("p99", p99),
        ("p99_9", p99_9),
        ("max", max),
    ];
    let there = if count > 0 { all.len() } else { 1 };
    let all = all.into_iter().take(there);
    all.map(|(figure, value)| (format!("{}/{figure}", entry_name(of)), value))
        .collect()
}

/// As many as there is room for; none where there is none to show.
fn numbers(all: impl Iterator<Item = (String, u64)>) -> Option<TelemetryReply> {
    let mut reply = TelemetryReply::new();
    let mut left_out = 0;
    for (name, value) in all {
        // Two names may differ in what an entry's name cannot have.
        if reply.number(&name, value).is_err() {
            left_out += 1;
        }
    }
    while left_out > 0 && reply.number(LEFT_OUT, left_out).is_err() {
        reply.remove_last().then_some(())?;
        left_out += 1;
    }
    (reply != TelemetryReply::new()).then_some(reply)
}

fn named<'a>(all: impl Iterator<Item = (&'a String, u64)>) -> impl Iterator<Item = (String, u64)> {
    all.map(|(name, value)| (entry_name(name), value))
}

/// A dotted name as an entry's name.
fn entry_name(dotted: &str) -> String {
    dotted.chars().map(of_name).collect()
}

fn of_name(character: char) -> char {
    match character {
        '.' => '/',
        'a'..='z' | 'A'..='Z' | '0'..='9' | '/' => character,
        _ => '_',
    }
}

/// Names that a client wants to see.
struct Wanted {
    pattern: String,
    is_group: bool,
}

impl Wanted {
    fn new(parameter: &str) -> Self {
        let character = |character: char| match character {
            '*' | '?' => character,
            _ => of_name(character),
        };
        Self {
            pattern: parameter.trim().chars().map(character).collect(),
            is_group: !parameter.contains(['*', '?']),
        }
    }

    /// A group has a name, or its beginning up to a `/`; a pattern matches all of it.
    fn has(&self, name: &str) -> bool {
        if !self.is_group {
            return matches(self.pattern.as_bytes(), name.as_bytes());
        }
        name.strip_prefix(&self.pattern)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats_of(counters: &[(&str, u64)]) -> Facts {
        let counters = counters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        Facts::Stats(Stats {
            counters: counters.collect(),
        })
    }

    fn names(facts: &Facts, parameter: Option<&str>) -> Vec<String> {
        let reply = of(facts, parameter);
        reply.map_or_else(Vec::new, |reply| reply.names().map(str::to_owned).collect())
    }

    #[test]
    fn counters_are_asked_for_by_group_pattern_or_either_name() {
        let facts = stats_of(&[
            ("net.drop.no-route", 0),
            ("net.rx.ignored", 4),
            ("network.x", 0),
            ("port.core.0.rx.packets", 9),
        ]);
        let rx = "port/core/0/rx/packets";
        assert_eq!(names(&facts, None), ["net/rx/ignored", rx], "not 0");
        assert_eq!(
            names(&facts, Some("net")),
            ["net/drop/no_route", "net/rx/ignored"]
        );
        for one in [
            "net.drop.no-route",
            "net/drop/no_route",
            "*drop*",
            "*.no-rout?",
        ] {
            assert_eq!(names(&facts, Some(one)), ["net/drop/no_route"], "{one}");
        }
        assert_eq!(names(&facts, Some("port.core")), [rx]);
        assert_eq!(names(&facts, Some("*")).len(), 4);
        for none in ["ne", "net.", "x", "*.nothing", "drop", "/"] {
            assert_eq!(of(&facts, Some(none)), None, "{none}");
        }
        assert_eq!(of(&facts, None).unwrap().get(rx), Some(9));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let many: Vec<String> = (0..300)
            .map(|at| format!("worker.{at}.rx.packets"))
            .collect();
        let many: Vec<(&str, u64)> = many.iter().map(|name| (name.as_str(), 1)).collect();
        let reply = of(&stats_of(&many), None).unwrap();
        assert_eq!(reply.names().count(), 256);
        assert_eq!(reply.names().last(), Some(LEFT_OUT));
        assert_eq!(reply.get(LEFT_OUT), Some(300 - 255));
        assert_eq!(
            of(&stats_of(&many[..256]), None).unwrap().get(LEFT_OUT),
            None
        );
    }

    #[test]
    fn counters_that_would_have_one_name_are_not_mixed_up() {
        let reply = of(&stats_of(&[("a-b", 1), ("a_b", 2)]), None).unwrap();
        assert_eq!((reply.get("a_b"), reply.get(LEFT_OUT)), (Some(1), Some(1)));
    }

    #[test]
    fn latencies_have_a_count_and_what_was_measured() {
        let seen = Histogram {
            count: 2,
            p99: 5_000,
            ..Histogram::default()
        };
        let histograms = [
            ("path-setup", seen),
            ("path-setup.after", Histogram::default()),
        ];
        let histograms = histograms.map(|(name, of)| (name.to_owned(), of)).into();
        let facts = Facts::Latency(Latency { histograms });
        assert_eq!(names(&facts, None).len(), 8);
        assert_eq!(
            names(&facts, Some("path-setup.after")),
            ["path_setup/after/count"]
        );
        let reply = of(&facts, Some("path-setup")).unwrap();
        assert_eq!(reply.get("path_setup/p99"), Some(5_000));
        assert_eq!(reply.get("path_setup/after/count"), Some(0));
        assert_eq!(of(&facts, Some("path")), None);
    }

    #[test]
    fn a_worker_is_a_place_in_every_column() {
        let worker = WorkerStatus {
            lcore: 3,
            rx_packets_per_s: 1.6,
            tx_packets_per_s: 0.0,
            load_percent: 99.9,
            applied: 8,
            update_backlog: 1,
        };
        let mut expected = TelemetryReply::new();
        for (name, value) in [
            ("lcore", 3),
            ("rx_packets_per_s", 2),
            ("tx_packets_per_s", 0),
            ("load_percent", 100),
            ("applied", 8),
            ("update_backlog", 1),
        ] {
            expected.numbers(name, &[value, value]).unwrap();
        }
        let facts = Facts::Workers(vec![worker.clone(), worker]);
        assert_eq!(of(&facts, None), Some(expected));
    }
}
