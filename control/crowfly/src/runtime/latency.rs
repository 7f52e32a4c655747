//! Histograms of how long things take, in nanoseconds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;

use crate::socket::answer;

/// Longest time told apart from a longer one.
const MAX_NS: u64 = 3_600_000_000_000;
/// Significant decimal digits.
const DIGITS: u8 = 2;
/// Requests whose answer is waited for; the oldest is forgotten first.
const MAX_OUTSTANDING: usize = 4096;

/// From what made this node set a path up to its last acknowledgement.
pub(super) const PATH_SETUP: &str = "path-setup";
/// From the first packets of a pair to its path's last acknowledgement, where both were seen.
pub(super) const SETUP_FROM_FIRST_PACKET: &str = "path-setup.from-first-packet";
/// LMA: from the registration at another MAG until a path of the MN stands again.
pub(super) const HANDOVER: &str = "path-setup.after-handover";
/// MAG: from the removal of a path's sending half until it is back: so long the anchor carried the packets.
pub(super) const INTERRUPTED: &str = "path-interrupted";
/// From an engine's update to the slowest worker's having applied it.
pub(super) const UPDATE_APPLIED: &str = "update-applied";

/// What every node has, though nothing was measured yet.
const NAMES: [&str; 12] = [
    PATH_SETUP,
    SETUP_FROM_FIRST_PACKET,
    HANDOVER,
    INTERRUPTED,
    UPDATE_APPLIED,
    "signalling.binding-update",
    "signalling.heartbeat",
    "signalling.ro-trigger",
    "signalling.ro-init",
    "signalling.ro-setup",
    "signalling.ro-refresh",
    "signalling.ro-request",
];

/// Which request an answer is about: the peer, the kind of exchange, its sequence number.
type Exchange = (IpAddr, &'static str, u32);

/// Histograms by name, and the requests that are on the way.
#[derive(Debug, Default)]
pub(super) struct Latency {
    histograms: BTreeMap<&'static str, Histogram<u64>>,
    outstanding: HashMap<Exchange, Duration>,
    order: VecDeque<Exchange>,
}

impl Latency {
    /// Every histogram that a node can have, empty.
    pub(super) fn new() -> Self {
        let mut new = Self::default();
        for name in NAMES {
            new.histograms.insert(name, histogram());
        }
        new
    }

    pub(super) fn record(&mut self, name: &'static str, took: Duration) {
        let ns = u64::try_from(took.as_nanos())
            .unwrap_or(u64::MAX)
            .clamp(1, MAX_NS);
        self.histograms
            .entry(name)
            .or_insert_with(histogram)
            .saturating_record(ns);
    }

    /// A message leaves: a first request starts the watch, a retransmission does not restart it where it
    /// has the same sequence number.
    pub(super) fn sent(&mut self, now: Duration, peer: IpAddr, message: &Message) {
        let Some((name, sequence)) = request(message) else {
            return;
        };
        let exchange = (peer, name, sequence);
        if self.outstanding.contains_key(&exchange) {
            return;
        }
        if self.order.len() == MAX_OUTSTANDING
            && let Some(oldest) = self.order.pop_front()
        {
            self.outstanding.remove(&oldest);
        }
        self.order.push_back(exchange);
        self.outstanding.insert(exchange, now);
    }

    /// A message came: an answer stops the watch.
    pub(super) fn received(&mut self, now: Duration, peer: IpAddr, message: &Message) {
        let Some((name, sequence)) = answer(message) else {
            return;
        };
        if let Some(since) = self.outstanding.remove(&(peer, name, sequence)) {
            self.record(name, now.saturating_sub(since));
        }
        // `order` keeps the name until it is the oldest: removing it here would cost a search.
        if self.outstanding.is_empty() {
            self.order.clear();
        }
    }

    /// As `latency` answers.
    pub(super) fn histograms(&self) -> BTreeMap<String, answer::Histogram> {
        let all = self.histograms.iter();
        all.map(|(name, histogram)| ((*name).to_owned(), answer::Histogram::of(histogram)))
            .collect()
    }
}

/// A summary of durations that were counted in buckets of nanoseconds.
pub(super) fn of_buckets(buckets: impl Iterator<Item = (u64, u64)>) -> answer::Histogram {
    let mut all = histogram();
    for (ns, count) in buckets {
        all.saturating_record_n(ns.clamp(1, MAX_NS), count);
    }
    answer::Histogram::of(&all)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_NS, DIGITS).expect("the bounds are constants that fit")
}

fn request(message: &Message) -> Option<(&'static str, u32)> {
    Some(match message {
        Message::BindingUpdate(update) => ("signalling.binding-update", update.sequence.into()),
        Message::Heartbeat(beat) if !beat.response => ("signalling.heartbeat", beat.sequence),
        Message::RoRequest(request) => (exchange_name(request.kind), request.sequence.into()),
        _ => return None,
    })
}

fn answer(message: &Message) -> Option<(&'static str, u32)> {
    Some(match message {
        Message::BindingAck(ack) => ("signalling.binding-update", ack.sequence.into()),
        Message::Heartbeat(beat) if beat.response => ("signalling.heartbeat", beat.sequence),
        Message::RoAck(ack) => (exchange_name(ack.kind), ack.sequence.into()),
        _ => return None,
    })
}

fn exchange_name(kind: RoKind) -> &'static str {
    match kind {
        RoKind::Trigger => "signalling.ro-trigger",
        RoKind::Init => "signalling.ro-init",
        RoKind::Setup => "signalling.ro-setup",
        RoKind::Refresh => "signalling.ro-refresh",
        RoKind::Request => "signalling.ro-request",
        RoKind::Query => "signalling.ro-query",
    }
}

#[cfg(test)]
mod tests {
    use pmipv6::wire::message::{RoAck, RoRequest};

    use super::*;

    fn setup(sequence: u16) -> Message {
        Message::RoRequest(RoRequest {
            kind: RoKind::Setup,
            sequence,
            handover: false,
            proxy_mode: false,
            lifetime: 300,
            options: vec![],
        })
    }

    fn setup_ack(sequence: u16) -> Message {
        Message::RoAck(RoAck {
            kind: RoKind::Setup,
            sequence,
            unsolicited: false,
            status: 0,
            lifetime: 300,
            options: vec![],
        })
    }

    #[test]
    fn a_round_trip_is_measured_once_from_the_first_request() {
        let (mut latency, peer) = (Latency::new(), "2001:db8::1".parse().unwrap());
        let at = Duration::from_millis;
        latency.sent(at(10), peer, &setup(7));
        latency.sent(at(500), peer, &setup(7));
        latency.received(at(510), peer, &setup_ack(8));
        latency.received(at(510), "2001:db8::2".parse().unwrap(), &setup_ack(7));
        for _ in 0..2 {
            latency.received(at(510), peer, &setup_ack(7));
        }
        let setup = latency.histograms()["signalling.ro-setup"];
        assert_eq!(setup.count, 1);
        assert!((495_000_000..505_000_000).contains(&setup.max), "{setup:?}");
    }

    #[test]
    fn unanswered_requests_are_bounded() {
        let (mut latency, peer) = (Latency::new(), "2001:db8::1".parse().unwrap());
        for sequence in 0..=u16::MAX {
            latency.sent(Duration::ZERO, peer, &setup(sequence));
        }
        assert_eq!(latency.outstanding.len(), MAX_OUTSTANDING);
        latency.received(Duration::ZERO, peer, &setup_ack(0));
        latency.received(Duration::ZERO, peer, &setup_ack(u16::MAX));
        let setup = latency.histograms()["signalling.ro-setup"];
        assert_eq!(setup.count, 1, "only the newer is known");
    }
}
