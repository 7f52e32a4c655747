//! What a node keeps of its recent signalling: a ring a pair, a ring a mobile node, all of them bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::Event;
use pmipv6::wire::Message;

use super::signal::{self, About};
use super::{Leg, Of, Seen};

/// Legs kept of one pair, and of one MN.
pub const MAX_LEGS_PER_SUBJECT: usize = 64;
/// Legs kept in all; beyond, the pair or MN that was silent for longest is forgotten.
pub const MAX_LEGS: usize = 65_536;

/// What a ring is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    /// First homes of both ends, the lesser first: a pair has no direction here.
    Pair(IpNet, IpNet),
    /// An MN by its MN-ID.
    Mn(String),
}

/// A ring.
#[derive(Debug)]
struct Ring {
    /// Of a pair, one end's; of an MN, all.
    here: Vec<IpNet>,
    /// Of a pair, the other end's.
    there: Vec<IpNet>,
    legs: VecDeque<(Duration, Seen)>,
    used: u64,
}

/// The recent signalling of a node.
#[derive(Debug, Default)]
pub struct Trace {
    rings: HashMap<Subject, Ring>,
    /// Rings by their last use.
    by_use: BTreeMap<u64, Subject>,
    uses: u64,
    legs: usize,
}

impl Trace {
    /// A message leaves the node; `wall` is the time since 1970.
    pub fn sent(&mut self, wall: Duration, from: IpAddr, to: IpAddr, message: &Message) {
        if let Some((signal, about)) = signal::of(from, to, message) {
            self.keep(wall, about, Seen::Sent(signal));
        }
    }

    /// A message has come.
    pub fn received(&mut self, wall: Duration, from: IpAddr, to: IpAddr, message: &Message) {
        if let Some((signal, about)) = signal::of(from, to, message) {
            self.keep(wall, about, Seen::Received(signal));
        }
    }

    /// Something happened. Only a pair or an MN that has had signalling is told of.
    pub fn event(&mut self, wall: Duration, event: &Event) {
        let Some((subject, text)) = self.told(event) else {
            return;
        };
        if self.rings.contains_key(&subject) {
            self.push(subject, wall, Seen::Event { text });
        }
    }

    /// Packets of a pair were seen here, and `message` is sent for that.
    pub fn talks(&mut self, wall: Duration, message: &Message) {
        let nobody = IpAddr::from([0, 0, 0, 0]);
        if let Some((_, about @ About::Pair(..))) = signal::of(nobody, nobody, message) {
            let text = "packets of the pair pass here".to_owned();
            self.keep(wall, about, Seen::Event { text });
        }
    }

    /// Everything that is kept of a pair, oldest first; ends are homes, or addresses in them.
    #[must_use]
    pub fn of_pair(&self, source: &IpNet, destination: &IpNet) -> Vec<Leg> {
        // An LMA names the other LMA's MN by an address until it is told the home (draft section 4.2).
        let meets = |home: &IpNet, end: &IpNet| home.contains(end) || end.contains(home);
        let has = |homes: &[IpNet], end: &IpNet| homes.iter().any(|home| meets(home, end));
        let mut legs = Vec::new();
        for (subject, ring) in &self.rings {
            let of = match subject {
                Subject::Pair(..)
                    if has(&ring.here, source) && has(&ring.there, destination)
                        || has(&ring.here, destination) && has(&ring.there, source) =>
                {
                    Of::Pair
                }
                Subject::Mn(_) if has(&ring.here, source) => Of::Source,
                Subject::Mn(_) if has(&ring.here, destination) => Of::Destination,
                _ => continue,
            };
            let of_ring = ring.legs.iter().map(|(wall, seen)| Leg {
                at_us: micros(*wall),
                of,
                seen: seen.clone(),
            });
            legs.extend(of_ring);
        }
        // Stable: what one ring has of one microsecond stays in order.
        legs.sort_by_key(|leg| leg.at_us);
        legs
    }

    /// Counters and gauges by dotted name.
    #[must_use]
    pub fn counters(&self) -> [(&'static str, u64); 2] {
        [
            ("trace.legs", self.legs as u64),
            ("trace.subjects", self.rings.len() as u64),
        ]
    }

    fn told(&self, event: &Event) -> Option<(Subject, String)> {
        Some(match event {
            Event::PathUp {
                source,
                destination,
                ..
            } => (pair(source, destination), "path up".to_owned()),
            Event::PathDown {
                source,
                destination,
                reason,
            } => (pair(source, destination), format!("path down: {reason}")),
            Event::PathRefused {
                source,
                destination,
                reason,
                ..
            } => (pair(source, destination), format!("no path: {reason}")),
            Event::Handover { mn_id, from, to } => (
                Subject::Mn(mn_id.clone()),
                format!("{mn_id} moved from {from} to {to}"),
            ),
            Event::Attach { mn_id, .. } => {
                (Subject::Mn(mn_id.clone()), format!("{mn_id} is registered"))
            }
            Event::Detach { mn_id, reason } => (
                Subject::Mn(mn_id.clone()),
                format!("{mn_id} is gone: {reason}"),
            ),
            Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::PeerRestarted { .. }
            | Event::Alarm { .. } => return None,
        })
    }

    fn keep(&mut self, wall: Duration, about: About, seen: Seen) {
        let (subject, here, there) = match about {
            About::Mn(mn_id, homes) => (Subject::Mn(mn_id), homes, Vec::new()),
            About::Pair(here, there) => match (here.first(), there.first()) {
                (Some(one), Some(other)) => (pair(one, other), here, there),
                _ => return,
            },
        };
        self.push(subject.clone(), wall, seen);
        if let Some(ring) = self.rings.get_mut(&subject) {
            // A PBU need not know the homes yet, an RO message knows them all.
            if !here.is_empty() {
                ring.here = here;
            }
            if !there.is_empty() {
                ring.there = there;
            }
        }
    }

    fn push(&mut self, subject: Subject, wall: Duration, seen: Seen) {
        self.uses += 1;
        let ring = self.rings.entry(subject.clone()).or_insert_with(|| Ring {
            here: Vec::new(),
            there: Vec::new(),
            legs: VecDeque::new(),
            used: 0,
        });
        self.by_use.remove(&ring.used);
        ring.used = self.uses;
        self.by_use.insert(self.uses, subject);
        if ring.legs.len() == MAX_LEGS_PER_SUBJECT {
            ring.legs.pop_front();
            self.legs -= 1;
        }
        ring.legs.push_back((wall, seen));
        self.legs += 1;
        while self.legs > MAX_LEGS {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let oldest = self.by_use.pop_first();
        if let Some(ring) = oldest.and_then(|(_, subject)| self.rings.remove(&subject)) {
            self.legs -= ring.legs.len();
        }
    }
}

fn pair(one: &IpNet, other: &IpNet) -> Subject {
    Subject::Pair(*one.min(other), *one.max(other))
}

fn micros(wall: Duration) -> u64 {
    u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)
}
