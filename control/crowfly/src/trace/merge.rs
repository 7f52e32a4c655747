//! Views of several nodes become one chart.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::{Leg, Of, Seen, Signal, View};

/// How much earlier a message may arrive than it left, by clocks that differ.
const MAX_SKEW_US: u64 = 1_000_000;
/// How long a message may be under way.
const MAX_TRANSIT_US: u64 = 60_000_000;

/// A chart: who is in it, and what happened, by time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// Nodes, from left to right: the source's MAGs, LMAs, other MAGs.
    pub nodes: Vec<Node>,
    /// What happened, oldest first.
    pub rows: Vec<Row>,
    /// Packets of a capture in ESP, whatever is in them; nodes know what they have opened.
    pub sealed: u64,
}

/// A node of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its address.
    pub address: IpAddr,
    /// Its name, where its view is here.
    pub name: Option<String>,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Microseconds since 1970-01-01 UTC: of a message when it left, where that was seen.
    pub at_us: u64,
    /// Whose signalling it is.
    pub of: Of,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// A message.
    Message {
        /// What it was.
        #[serde(flatten)]
        signal: Signal,
        /// Microseconds under way, where both ends saw it.
        transit_us: Option<i64>,
        /// The receiver's view is here, and does not have it.
        lost: bool,
    },
    /// Something at a node.
    Event {
        /// Where.
        at: Option<IpAddr>,
        /// What, in a few words.
        text: String,
    },
}

/// A message that was sent, and is looked for at its receiver.
struct Sent<'a> {
    leg: &'a Leg,
    signal: &'a Signal,
    received_us: Option<u64>,
}

/// Makes one chart of what several nodes saw.
#[must_use]
pub fn merge(views: &[View]) -> Chart {
    let mut rows = Vec::new();
    let mut sent: Vec<Sent<'_>> = Vec::new();
    for view in views {
        for leg in &view.legs {
            match &leg.seen {
                Seen::Sent(signal) => sent.push(Sent {
                    leg,
                    signal,
                    received_us: None,
                }),
                Seen::Event { text } => rows.push(Row {
                    at_us: leg.at_us,
                    of: leg.of,
                    what: What::Event {
                        at: view.address,
                        text: text.clone(),
                    },
                }),
                Seen::Received(_) => {}
            }
        }
    }
    for leg in views.iter().flat_map(|view| &view.legs) {
        let Seen::Received(signal) = &leg.seen else {
            continue;
        };
        match best(&mut sent, signal, leg.at_us) {
            Some(sent) => sent.received_us = Some(leg.at_us),
            None => rows.push(message(leg, signal, None, false)),
        }
    }
    rows.extend(sent.iter().map(|sent| {
        let lost = sent.received_us.is_none() && should_have(views, sent);
        message(sent.leg, sent.signal, sent.received_us, lost)
    }));
    rows.sort_by_key(|row| row.at_us);
    Chart {
        nodes: nodes(views, &rows),
        rows,
        sealed: 0,
    }
}

fn message(leg: &Leg, signal: &Signal, received_us: Option<u64>, lost: bool) -> Row {
    let under_way = |received: u64| {
        let (received, sent) = (
            i64::try_from(received).ok()?,
            i64::try_from(leg.at_us).ok()?,
        );
        Some(received - sent)
    };
    Row {
        at_us: leg.at_us,
        of: leg.of,
        what: What::Message {
            signal: signal.clone(),
            transit_us: received_us.and_then(under_way),
            lost,
        },
    }
}

/// Which sending a receipt belongs to: the last one before it, as a retransmission has the same number as
/// what was lost; or the first one after it, where clocks differ.
fn best<'a, 'b>(
    sent: &'a mut [Sent<'b>],
    signal: &Signal,
    received_us: u64,
) -> Option<&'a mut Sent<'b>> {
    let free = sent
        .iter_mut()
        .filter(|sent| sent.received_us.is_none() && sent.signal == signal);
    free.filter_map(|sent| {
        let at = sent.leg.at_us;
        let distance = match received_us.checked_sub(at) {
            Some(later) => (later <= MAX_TRANSIT_US).then_some((0, later)),
            None => (at - received_us <= MAX_SKEW_US).then_some((1, at - received_us)),
        };
        Some((distance?, sent))
    })
    .min_by_key(|(distance, _)| *distance)
    .map(|(_, sent)| sent)
}

/// Whether the receiver was there, and keeps what is that old.
fn should_have(views: &[View], sent: &Sent<'_>) -> bool {
    let receiver = views
        .iter()
        .find(|view| view.address == Some(sent.signal.to));
    let oldest = receiver.and_then(|view| view.legs.first());
    oldest.is_some_and(|oldest| oldest.at_us <= sent.leg.at_us)
}

/// Left to right, as in the figures of the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    SourceMag,
    Lma,
    Mag,
    Unknown,
}

fn nodes(views: &[View], rows: &[Row]) -> Vec<Node> {
    let mut places: BTreeMap<IpAddr, (Place, usize)> = BTreeMap::new();
    let mut stand = |address: IpAddr, place: Place| {
        let next = places.len();
        let known = places.entry(address).or_insert((place, next));
        known.0 = known.0.min(place);
    };
    for (row, signal) in rows
        .iter()
        .filter_map(|row| Some((row, row.what.signal()?)))
    {
        let (from, to) = ends(row.of, signal);
        stand(signal.from, from);
        stand(signal.to, to);
    }
    for view in views {
        if let Some(address) = view.address.filter(|_| !view.legs.is_empty()) {
            stand(
                address,
                if view.role == "lma" {
                    Place::Lma
                } else {
                    Place::Mag
                },
            );
        }
    }
    let mut ordered: Vec<_> = places.into_iter().collect();
    ordered.sort_by_key(|(_, place)| *place);
    let name = |address| {
        let view = views.iter().find(|view| view.address == Some(address));
        view.map(|view| view.node_id.clone())
    };
    let node = |(address, _)| Node {
        address,
        name: name(address),
    };
    ordered.into_iter().map(node).collect()
}

/// What sender and receiver of a message are.
fn ends(of: Of, signal: &Signal) -> (Place, Place) {
    let registering = match of {
        Of::Source => Place::SourceMag,
        Of::Destination | Of::Pair => Place::Mag,
    };
    match signal.message.as_ref() {
        "PBU" | "BRA" => (registering, Place::Lma),
        "PBA" | "BRI" => (Place::Lma, registering),
        "RO Trigger" | "RO Trigger Ack" => (Place::Lma, Place::Lma),
        "RO Init" | "RO Refresh Ack" | "RO Request Ack" => (Place::Lma, Place::Mag),
        "RO Init Ack" | "RO Refresh" | "RO Request" => (Place::Mag, Place::Lma),
        "RO Setup" | "RO Setup Ack" => (Place::Mag, Place::Mag),
        _ => (Place::Unknown, Place::Unknown),
    }
}

impl What {
    fn signal(&self) -> Option<&Signal> {
        match self {
            Self::Message { signal, .. } => Some(signal),
            Self::Event { .. } => None,
        }
    }
}
