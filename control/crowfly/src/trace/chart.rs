//! Draws a chart as the figures of draft-loureiro do: a lifeline for each node, an arrow for each message.

use std::io::{Result, Write};
use std::net::IpAddr;

use pmipv6::wire::iana::{ro_status, status_name};

use super::merge::{Chart, Node, Row, What};
use super::{Of, Signal};

/// Between two lifelines at least: the longest name of a message, and the arrow around it.
const MIN_GAP: usize = "──RO Trigger Ack──▶".len() / 2 + 8;
/// Columns of the time.
const TIME_WIDTH: usize = 12;

/// Lifelines.
struct Lines {
    at: Vec<usize>,
    width: usize,
}

/// Draws a chart.
///
/// # Errors
/// What writing to `out` says.
pub fn draw(chart: &Chart, out: &mut dyn Write) -> Result<()> {
    let Some(first) = chart.rows.first() else {
        writeln!(out, "no signalling of this pair is known")?;
        return draw_sealed(chart.sealed, out);
    };
    let lines = Lines::of(&chart.nodes);
    writeln!(out, "from {} UTC, seconds", date(first.at_us))?;
    let names = chart
        .nodes
        .iter()
        .map(|node| node.name.clone().unwrap_or_default());
    write_line(out, "", &lines.centred(names), "")?;
    let addresses = chart.nodes.iter().map(|node| node.address.to_string());
    write_line(out, "", &lines.centred(addresses), "")?;
    for row in &chart.rows {
        let time = seconds(row.at_us - first.at_us);
        let (canvas, says) = draw_row(&lines, &chart.nodes, row);
        write_line(out, &time, &canvas, &says)?;
    }
    draw_sealed(chart.sealed, out)
}

/// What the chart cannot show of a capture.
fn draw_sealed(packets: u64, out: &mut dyn Write) -> Result<()> {
    match packets {
        0 => Ok(()),
        _ => writeln!(
            out,
            "{packets} packets of the capture are ESP and were not opened; the nodes can tell what was in them (-s SOCKET)"
        ),
    }
}

fn write_line(out: &mut dyn Write, time: &str, canvas: &str, says: &str) -> Result<()> {
    let line = format!("{time:>TIME_WIDTH$}  {canvas}  {says}");
    writeln!(out, "{}", line.trim_end())
}

fn draw_row(lines: &Lines, nodes: &[Node], row: &Row) -> (String, String) {
    let column = |address: &IpAddr| {
        let index = nodes.iter().position(|node| node.address == *address);
        index.map(|index| lines.at[index])
    };
    let mut canvas = lines.empty();
    match &row.what {
        What::Message {
            signal,
            transit_us,
            lost,
        } => {
            if let (Some(from), Some(to)) = (column(&signal.from), column(&signal.to)) {
                arrow(&mut canvas, from, to, &signal.message, *lost);
            }
            (
                canvas.iter().collect(),
                say(row.of, signal, *transit_us, *lost),
            )
        }
        What::Event { at, text } => {
            if let Some(at) = at.as_ref().and_then(column) {
                canvas[at] = '●';
            }
            (canvas.iter().collect(), text.clone())
        }
    }
}

fn arrow(canvas: &mut [char], from: usize, to: usize, name: &str, lost: bool) {
    let (left, right) = (from.min(to), from.max(to));
    if left == right {
        canvas[left] = '↺';
        return;
    }
    canvas[left + 1..right].fill('─');
    let head = match (lost, from < to) {
        (true, _) => '✗',
        (false, true) => '▶',
        (false, false) => '◀',
    };
    canvas[if from < to { right - 1 } else { left + 1 }] = head;
    // On the first stretch of a long arrow, so that names stand beside their sender.
    let name: Vec<char> = name.chars().collect();
    let start = left + 1 + (right - left - 1).saturating_sub(name.len()) / 2;
    for (place, character) in canvas[start..right].iter_mut().zip(name) {
        *place = character;
    }
}

fn say(of: Of, signal: &Signal, transit_us: Option<i64>, lost: bool) -> String {
    let mut said = vec![format!("#{}", signal.sequence)];
    said.extend(signal.mn_id.clone());
    match (signal.lifetime_s, &*signal.message) {
        (Some(0), "PBU") => said.push("de-registers".to_owned()),
        (Some(0), "RO Init" | "RO Setup" | "RO Trigger") => said.push("takes down".to_owned()),
        (Some(lifetime_s), _) => said.push(format!("{lifetime_s} s")),
        (None, _) => {}
    }
    if let Some(status) = signal.status {
        let name = match of {
            Of::Pair => ro_status::name(status),
            Of::Source | Of::Destination => status_name(status),
        };
        said.push(format!("status {status} {name}"));
    }
    if signal.handover {
        said.push("handover".to_owned());
    }
    if let Some(us) = transit_us {
        said.push(format!("{:.3} ms", us as f64 / 1000.0));
    }
    if lost {
        said.push("not seen by its receiver".to_owned());
    }
    said.join(", ")
}

impl Lines {
    /// Far enough from each other for the heads above them and the arrows between them.
    fn of(nodes: &[Node]) -> Self {
        let head = |node: &Node| {
            let name = node.name.as_ref().map_or(0, |name| name.chars().count());
            name.max(node.address.to_string().len())
        };
        let heads: Vec<usize> = nodes.iter().map(head).collect();
        let mut at = Vec::new();
        let mut next = heads.first().map_or(0, |head| head / 2);
        for (index, head) in heads.iter().enumerate() {
            at.push(next);
            let beside = heads.get(index + 1).map_or(0, |other| other.div_ceil(2));
            next += MIN_GAP.max(head.div_ceil(2) + beside + 2);
        }
        let last = at.last().copied().unwrap_or(0);
        let width = last + heads.last().map_or(0, |head| head.div_ceil(2)) + 1;
        Self { at, width }
    }

    fn empty(&self) -> Vec<char> {
        let mut canvas = vec![' '; self.width];
        for at in &self.at {
            canvas[*at] = '│';
        }
        canvas
    }

    fn centred(&self, texts: impl Iterator<Item = String>) -> String {
        let mut canvas = vec![' '; self.width];
        for (at, text) in self.at.iter().zip(texts) {
            let text: Vec<char> = text.chars().collect();
            let start = at.saturating_sub(text.len() / 2);
            for (place, character) in canvas[start..].iter_mut().zip(text) {
                *place = character;
            }
        }
        canvas.iter().collect()
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// `2026-01-31 12:34:56.123456`, by the civil calendar.
fn date(us: u64) -> String {
    let (days, second) = (us / 86_400_000_000, us / 1_000_000 % 86_400);
    // Days since 0000-03-01, in eras of 400 years: leap days come last in a year then.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let us = us % 1_000_000;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{us:06}")
}
