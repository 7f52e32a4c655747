//! Answers for people.

use std::io::{Result, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::table::{Table, cell, printable};

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As JSON, indented.
    Json,
    /// One line a member.
    Members,
    Status,
    Bindings,
    Paths,
    Peers,
    Stats,
    Latency,
    Reloaded,
}

/// Shows an answer.
pub(super) fn show(shape: Shape, answer: &Value, out: &mut dyn Write) -> Result<()> {
    match shape {
        Shape::Json => writeln!(out, "{answer:#}"),
        Shape::Members => members(answer, out),
        Shape::Status => status(answer, out),
        Shape::Bindings => list(answer, "bindings", BINDING, out),
        Shape::Paths => list(answer, "paths", PATH, out),
        Shape::Peers => list(answer, "peers", PEER, out),
        Shape::Stats => stats(answer, out),
        Shape::Latency => latency(answer, out),
        Shape::Reloaded => reloaded(answer, out),
    }
}

/// Shows an event on one line.
pub(super) fn event(event: &Value, out: &mut dyn Write) -> Result<()> {
    let name = cell(&event["event"]);
    let mut line = format!("{} {name:<13}", time_of_day());
    if let Value::Object(members) = event {
        for (key, value) in members.iter().filter(|(key, _)| *key != "event") {
            let value = cell(value);
            match value.contains(' ') {
                true => line.push_str(&format!(" {}={value:?}", printable(key))),
                false => line.push_str(&format!(" {}={value}", printable(key))),
            }
        }
    }
    writeln!(out, "{line}")
}

/// Title of a column, and the pointer to its cell.
type Columns = &'static [(&'static str, &'static str)];

const BINDING: Columns = &[
    ("MN-ID", "/mn_id"),
    ("HNP", "/hnps"),
    ("IPV4-HOA", "/ipv4_hoa"),
    ("REALM", "/realm"),
    ("PROXY-COA", "/proxy_coa"),
    ("LMA", "/lma"),
    ("PORT", "/link/port"),
    ("VLAN", "/link/vlan"),
    ("MAC", "/link/mac"),
    ("LIFETIME-S", "/lifetime_s"),
    ("STATE", "/state"),
];

const PATH: Columns = &[
    ("SOURCE", "/source"),
    ("DESTINATION", "/destination"),
    ("METHOD", "/method"),
    ("CONTROLLER", "/controller"),
    ("PEER", "/peer"),
    ("STATE", "/state"),
    ("LIFETIME-S", "/lifetime_s"),
    ("PACKETS", "/packets"),
    ("BYTES", "/bytes"),
    ("WHY", "/why"),
];

const PEER: Columns = &[
    ("ADDRESS", "/address"),
    ("ROLE", "/role"),
    ("STATE", "/state"),
    ("LOCALIZED-ROUTING", "/localized_routing"),
    ("HEARTBEAT", "/heartbeat"),
    ("PATH-MTU", "/path_mtu_bytes"),
    ("SECURITY", "/security_association"),
];

const PORT: Columns = &[
    ("PORT", "/number"),
    ("NAME", "/name"),
    ("DEVICE", "/device"),
    ("ROLES", "/roles"),
    ("LINK", "/link"),
    ("MBPS", "/speed_mbps"),
    ("MAC", "/mac"),
    ("MTU", "/mtu_bytes"),
    ("ADDRESSES", "/addresses"),
];

const WORKER: Columns = &[
    ("LCORE", "/lcore"),
    ("RX-PPS", "/rx_packets_per_s"),
    ("TX-PPS", "/tx_packets_per_s"),
    ("LOAD-%", "/load_percent"),
    ("APPLIED", "/applied"),
    ("BACKLOG", "/update_backlog"),
];

fn table(rows: &Value, columns: Columns) -> Table {
    let titles: Vec<&'static str> = columns.iter().map(|(title, _)| *title).collect();
    let mut table = Table::new(&titles);
    for row in rows.as_array().into_iter().flatten() {
        let value = |(_, pointer): &(_, &str)| row.pointer(pointer).map(cell).unwrap_or_default();
        table.row(columns.iter().map(value).collect());
    }
    table
}

fn list(answer: &Value, key: &str, columns: Columns, out: &mut dyn Write) -> Result<()> {
    let table = table(&answer[key], columns);
    if table.is_empty() {
        return writeln!(out, "no {key}");
    }
    table.write(out)?;
    let shown = answer[key].as_array().map_or(0, Vec::len) as u64;
    match answer["total"].as_u64().filter(|total| *total > shown) {
        Some(total) => writeln!(out, "({shown} of {total})"),
        None => Ok(()),
    }
}

fn members(answer: &Value, out: &mut dyn Write) -> Result<()> {
    let Value::Object(members) = answer else {
        return writeln!(out, "{}", cell(answer));
    };
    let width = members.keys().map(|key| key.chars().count()).max();
    let width = width.unwrap_or(0);
    for (key, value) in members {
        let value = cell(value);
        let value = if value.is_empty() { "-" } else { &value };
        writeln!(out, "{:width$}  {value}", printable(key))?;
    }
    Ok(())
}

fn status(answer: &Value, out: &mut dyn Write) -> Result<()> {
    let mut plain = answer.clone();
    if let Value::Object(members) = &mut plain {
        members.retain(|_, value| {
            let rows = value.as_array().and_then(|list| list.first());
            !rows.is_some_and(Value::is_object)
        });
    }
    self::members(&plain, out)?;
    for (key, columns) in [("ports", PORT), ("workers", WORKER)] {
        let table = table(&answer[key], columns);
        if !table.is_empty() {
            writeln!(out)?;
            table.write(out)?;
        }
    }
    if answer["protection"] == "none" {
        writeln!(
            out,
            "\nSignalling is not protected: whoever can send from a peer's address is believed."
        )?;
    }
    Ok(())
}

fn stats(answer: &Value, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(&["COUNTER", "VALUE"]);
    for (name, value) in answer["counters"].as_object().into_iter().flatten() {
        table.row(vec![printable(name), cell(value)]);
    }
    match table.is_empty() {
        true => writeln!(out, "no such counter"),
        false => table.write(out),
    }
}

fn latency(answer: &Value, out: &mut dyn Write) -> Result<()> {
    const COLUMNS: [&str; 6] = ["min", "p50", "p90", "p99", "p99_9", "max"];
    let titles = ["OF", "COUNT", "MIN", "P50", "P90", "P99", "P99.9", "MAX"];
    let mut table = Table::new(&titles);
    for (name, histogram) in answer["histograms"].as_object().into_iter().flatten() {
        let none = histogram["count"] == 0;
        let mut row = vec![printable(name), cell(&histogram["count"])];
        row.extend(
            COLUMNS
                .iter()
                .map(|column| match histogram[column].as_u64() {
                    Some(nanoseconds) if !none => duration(nanoseconds),
                    _ => "-".to_owned(),
                }),
        );
        table.row(row);
    }
    match table.is_empty() {
        true => writeln!(out, "nothing was measured"),
        false => table.write(out),
    }
}

fn reloaded(answer: &Value, out: &mut dyn Write) -> Result<()> {
    let sides = [("applied", "applied"), ("refused", "needs a restart")];
    let mut table = Table::new(&["KEY", "FROM", "TO", "RESULT"]);
    for (side, result) in sides {
        for change in answer[side].as_array().into_iter().flatten() {
            let name = |key: &str| cell(&change[key]);
            table.row(vec![
                name("key"),
                name("from"),
                name("to"),
                result.to_owned(),
            ]);
        }
    }
    match table.is_empty() {
        true => writeln!(out, "nothing has changed"),
        false => table.write(out),
    }
}

/// Nanoseconds, with three digits that matter.
fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} us", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

/// Hours, minutes, seconds and milliseconds, UTC.
fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let seconds = now.as_secs() % 86_400;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{hour:02}:{minute:02}:{second:02}.{:03}Z",
        now.subsec_millis()
    )
}
