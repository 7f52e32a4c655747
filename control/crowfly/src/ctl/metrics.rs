//! `crowflyctl metrics`: a node's numbers as Prometheus reads them (text format 0.0.4). Names are those of `stats`,
//! `status` and `latency`, with `crowfly_` in front and `_` for what a metric's name may not have; a port's or a
//! worker's own name becomes a label.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::args::Args;
use super::client::Client;
use super::error::Failure;
use crate::socket::answer::{Histogram, Latency, Stats, Status};

/// Seconds in a nanosecond.
const NANOSECOND_S: f64 = 1e-9;

/// Asks the node and prints its page; with `--json` what it has answered.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> std::result::Result<(), Failure> {
    let mut client = Client::connect(args.socket()?, args.timeout())?;
    let mut ask = |method: &str| client.call(method, json!({}));
    let (status, stats, latency) = (ask("status")?, ask("stats")?, ask("latency")?);
    if args.json {
        let all = json!({ "status": status, "stats": stats, "latency": latency });
        return Ok(writeln!(out, "{all}")?);
    }
    let status: Status = read(status)?;
    let mut page = Page::default();
    page.status(&status);
    page.counters(&read(stats)?);
    page.latency(&read(latency)?);
    Ok(page.write(out)?)
}

fn read<T: DeserializeOwned>(answer: Value) -> std::result::Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::Stranger(error.to_string()))
}

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// A number that rises and falls.
    Gauge,
    /// `stats` does not say which of its numbers only rise.
    #[default]
    Untyped,
    /// Quantiles.
    Summary,
}

/// One metric, and its lines.
#[derive(Debug, Default)]
struct Metric {
    kind: Kind,
    help: String,
    /// What stands behind the name, and the number.
    samples: Vec<(String, String)>,
}

/// Metrics by name: all lines of one have to stand together.
#[derive(Debug, Default)]
struct Page(BTreeMap<String, Metric>);

impl Page {
    fn metric(&mut self, name: &str, kind: Kind, help: &str) -> &mut Metric {
        let metric = self.0.entry(metric_name(name)).or_default();
        if metric.help.is_empty() {
            help.clone_into(&mut metric.help);
            metric.kind = kind;
        }
        metric
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let metric = self.metric(name, Kind::Gauge, help);
        metric.samples.push((braces(labels), value.to_string()));
    }

    fn status(&mut self, status: &Status) {
        let who: [(&str, &str); 4] = [
            ("node_id", &status.node_id),
            ("role", &status.role),
            ("version", &status.version),
            ("protection", &status.protection),
        ];
        self.gauge("info", "Who the node is.", &who, 1.0);
        let numbers = [
            ("uptime_seconds", "Since the node started.", status.uptime_s),
            ("bindings", "Bindings.", status.bindings),
            ("paths", "Localized paths.", status.paths),
            ("alarms", "Alarms that stand.", status.alarms.len() as u64),
            (
                "update_backlog",
                "Updates that not every worker has applied.",
                status.update_backlog,
            ),
        ];
        for (name, help, value) in numbers {
            self.gauge(name, help, &[], value as f64);
        }
        for port in &status.ports {
            let up = if port.link == "up" { 1.0 } else { 0.0 };
            let labels = [("port", port.name.as_str())];
            self.gauge("port_up", "Whether the port has its link.", &labels, up);
        }
        for worker in &status.workers {
            let lcore = worker.lcore.to_string();
            let busy = "Polls that found packets, of 1.";
            let load = worker.load_percent / 100.0;
            self.gauge("worker_load_ratio", busy, &[("lcore", &lcore)], load);
        }
    }

    fn counters(&mut self, stats: &Stats) {
        for (name, value) in &stats.counters {
            let (family, labels) = family_of(name);
            let help = format!("`{family}` of `crowflyctl stats`.");
            let metric = self.metric(&family, Kind::Untyped, &help);
            let mut behind = braces(&labels);
            // Two names may differ in what a metric's name cannot have.
            if metric.samples.iter().any(|(other, _)| *other == behind) {
                behind = braces(&[&labels[..], &[("counter", name.as_str())][..]].concat());
            }
            metric.samples.push((behind, value.to_string()));
        }
    }

    fn latency(&mut self, latency: &Latency) {
        for (of, histogram) in &latency.histograms {
            let help = "How long things take, by `crowflyctl latency`.";
            let summary = self.metric("latency_seconds", Kind::Summary, help);
            for (quantile, ns) in quantiles(histogram) {
                let labels = braces(&[("of", of), ("quantile", quantile)]);
                let seconds = ns as f64 * NANOSECOND_S;
                summary.samples.push((labels, format!("{seconds:.9}")));
            }
            let count = format!("_count{}", braces(&[("of", of)]));
            summary.samples.push((count, histogram.count.to_string()));
        }
    }

    fn write(&self, out: &mut dyn Write) -> Result<()> {
        for (name, metric) in &self.0 {
            let kind = match metric.kind {
                Kind::Gauge => "gauge",
                Kind::Untyped => "untyped",
                Kind::Summary => "summary",
            };
            writeln!(out, "# HELP {name} {}", metric.help)?;
            writeln!(out, "# TYPE {name} {kind}")?;
            for (behind, value) in &metric.samples {
                writeln!(out, "{name}{behind} {value}")?;
            }
        }
        Ok(())
    }
}

/// Quantiles of what was measured, nanoseconds; none where nothing was.
fn quantiles(of: &Histogram) -> Vec<(&'static str, u64)> {
    if of.count == 0 {
        return Vec::new();
    }
    vec![
        ("0", of.min),
        ("0.5", of.p50),
        ("0.9", of.p90),
        ("0.99", of.p99),
        ("0.999", of.p99_9),
        ("1", of.max),
    ]
}

/// `port.NAME.rx.packets` and `worker.LCORE.rest` are one counter of many ports or workers. A port's name may have
/// dots; what is counted of it has one.
fn family_of(name: &str) -> (String, Vec<(&'static str, &str)>) {
    let of_port = name.strip_prefix("port.").and_then(|rest| {
        let (rest, what) = rest.rsplit_once('.')?;
        let (port, way) = rest.rsplit_once('.')?;
        Some((format!("port.{way}.{what}"), vec![("port", port)]))
    });
    let of_worker = name.strip_prefix("worker.").and_then(|rest| {
        let (lcore, what) = rest.split_once('.')?;
        Some((format!("worker.{what}"), vec![("lcore", lcore)]))
    });
    of_port
        .or(of_worker)
        .unwrap_or_else(|| (name.to_owned(), Vec::new()))
}

fn metric_name(name: &str) -> String {
    let plain = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' => character,
        _ => '_',
    };
    let name: String = name.chars().map(plain).collect();
    format!("crowfly_{name}")
}

/// Labels in braces, their values escaped; nothing where there are none.
fn braces(labels: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        let value = value.replace('\\', r"\\").replace('"', "\\\"");
        format!("{name}=\"{}\"", value.replace('\n', r"\n"))
    };
    let all: Vec<String> = labels.iter().map(one).collect();
    match all.as_slice() {
        [] => String::new(),
        some => format!("{{{}}}", some.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: &Page) -> String {
        let mut text = Vec::new();
        page.write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn of_counters(names: &[&str]) -> String {
        let numbered = names.iter().zip(1..);
        let counters = numbered.map(|(name, value)| ((*name).to_owned(), value));
        let counters = counters.collect();
        let mut page = Page::default();
        page.counters(&Stats { counters });
        text(&page)
    }

    #[test]
    fn ports_and_workers_are_labels() {
        let page = of_counters(&[
            "port.a.rx.packets",
            "port.a.rx.rx.packets",
            "worker.3.drop.x",
            "port.odd",
        ]);
        for line in [
            "crowfly_port_rx_packets{port=\"a\"} 1",
            "crowfly_port_rx_packets{port=\"a.rx\"} 2",
            "crowfly_worker_drop_x{lcore=\"3\"} 3",
            "crowfly_port_odd 4",
        ] {
            assert!(page.lines().any(|other| other == line), "{line}\n{page}");
        }
        assert_eq!(page.matches("# TYPE crowfly_port_rx_packets ").count(), 1);
    }

    #[test]
    fn two_counters_that_would_have_one_name_stay_two() {
        let page = of_counters(&["net.drop.a-b", "net.drop.a.b"]);
        assert!(page.contains("\ncrowfly_net_drop_a_b 1\n"), "{page}");
        assert!(
            page.contains("\ncrowfly_net_drop_a_b{counter=\"net.drop.a.b\"} 2\n"),
            "{page}"
        );
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(braces(&[("a", "x\"y\\z\n")]), r#"{a="x\"y\\z\n"}"#);
        assert_eq!(braces(&[]), "");
    }

    #[test]
    fn what_was_not_measured_has_a_count_and_no_quantiles() {
        let seen = Histogram {
            count: 2,
            min: 1_000,
            max: 2_000_000,
            ..Histogram::default()
        };
        let histograms = [("path-setup", seen), ("worker-burst", Histogram::default())];
        let histograms = histograms.map(|(name, of)| (name.to_owned(), of));
        let mut page = Page::default();
        page.latency(&Latency {
            histograms: histograms.into(),
        });
        let page = text(&page);
        assert!(
            page.contains("{of=\"path-setup\",quantile=\"0\"} 0.000001000\n"),
            "{page}"
        );
        assert!(
            page.contains("{of=\"path-setup\",quantile=\"1\"} 0.002000000\n"),
            "{page}"
        );
        assert!(
            page.contains("crowfly_latency_seconds_count{of=\"worker-burst\"} 0\n"),
            "{page}"
        );
        assert!(!page.contains("{of=\"worker-burst\",quantile"), "{page}");
    }
}
