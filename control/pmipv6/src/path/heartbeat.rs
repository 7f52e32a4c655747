//! Heartbeats (RFC 5847): whether a peer answers, and whether it has lost its state.
//!
//! ```text
//!   first binding with the peer ──▶ request n ──▶ response n, Restart Counter c ──▶ alive, c remembered
//!   every HEARTBEAT_INTERVAL    ──▶ request n+1 ──▶ nothing, three times running ──▶ unreachable
//!                                                   response, another counter    ──▶ its state is gone
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::peers::Role;
use super::rng::Rng;
use super::timers::Timers;
use crate::io::{Event, HeartbeatView};
use crate::wire::message::Heartbeat;
use crate::wire::{Message, MobilityOption, options};

/// The first request to a peer goes out within this time, so that nodes that start together do not beat
/// together, milliseconds.
const FIRST_WITHIN_MS: u64 = 1_000;
/// Most peers remembered; those beyond are answered, not asked.
const MAX_PEERS: usize = 65_536;

/// Heartbeats; names and defaults are those of RFC 5847 section 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// HEARTBEAT_INTERVAL, seconds; 0: peers are answered, but not asked.
    pub interval_s: u32,
    /// MISSING_HEARTBEATS_ALLOWED: a peer that leaves so many requests running unanswered is down.
    pub missing_allowed: u8,
    /// This node's Restart Counter (section 3.2), another one each time that it starts without its state;
    /// none: the node does not take part, it only answers.
    pub restart_counter: Option<u32>,
    /// Peers that are told at the start that this node's state is gone (section 3.2).
    pub announce_to: Vec<IpAddr>,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            interval_s: 60,
            missing_allowed: 3,
            restart_counter: None,
            announce_to: Vec::new(),
        }
    }
}

/// What is known of a peer.
#[derive(Debug, Default)]
struct Beat {
    sequence: u32,
    /// When the request that waits for its response was sent.
    asked: Option<Duration>,
    missed: u8,
    answered: bool,
    counter: Option<u32>,
    /// Until when the counter is known to have been this one.
    confirmed: Option<Duration>,
    /// Answered with Binding Error 2: never asked again (section 3.4).
    knows_not: bool,
}

/// What follows from a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Nothing new.
    Alive,
    /// It matches no request.
    Unmatched,
    /// The peer has lost its state, at some time after this; none: at any time.
    Restarted(Option<Duration>),
}

/// What to do when a deadline is due.
#[derive(Debug)]
struct Beating {
    /// The next request.
    request: Heartbeat,
    /// The peer has been silent for too long, as of now.
    silent: bool,
}

#[derive(Debug)]
pub(crate) struct Heartbeats {
    config: HeartbeatConfig,
    beats: BTreeMap<IpAddr, Beat>,
    timers: Timers<IpAddr>,
}

impl Heartbeats {
    pub(crate) fn new(config: &HeartbeatConfig) -> Self {
        Self {
            config: config.clone(),
            beats: BTreeMap::new(),
            timers: Timers::new(),
        }
    }

    /// A binding with the peer exists: it is asked from now on.
    pub(crate) fn start(&mut self, now: Duration, rng: &mut Rng, peer: IpAddr) {
        let off = self.config.interval_s == 0 || self.config.restart_counter.is_none();
        if off || self.timers.is_set(&peer) {
            return;
        }
        let full = self.beats.len() >= MAX_PEERS && !self.beats.contains_key(&peer);
        if full || self.beat(peer).knows_not {
            return;
        }
        let delay = Duration::from_millis(rng.next_u64() % FIRST_WITHIN_MS);
        self.timers.set(peer, now + delay);
    }

    fn beat(&mut self, peer: IpAddr) -> &mut Beat {
        self.beats.entry(peer).or_default()
    }

    /// This node has lost its state: its peers are told (section 3.2).
    pub(crate) fn announce<O: Copy>(&self, node: &mut Node<O>) {
        for (peer, announcement) in self.announcements() {
            node.send(peer, Message::Heartbeat(announcement));
        }
    }

    /// Asks the peers whose time has come, as long as a binding with them is left. `role` is theirs.
    pub(crate) fn run<O: Copy>(
        &mut self,
        node: &mut Node<O>,
        role: Role,
        bound: impl Fn(IpAddr) -> bool,
    ) {
        let now = node.mono();
        while let Some(peer) = self.due(now) {
            let Some(beating) = self.ask(now, peer, bound(peer)) else {
                continue;
            };
            if beating.silent {
                node.silent(peer, role, "Heartbeat");
            }
            node.send(peer, Message::Heartbeat(beating.request));
        }
    }

    /// Answers a request, takes a response, and says what follows from it.
    pub(crate) fn take<O: Copy>(
        &mut self,
        node: &mut Node<O>,
        peer: IpAddr,
        heartbeat: &Heartbeat,
    ) -> Pulse {
        if !heartbeat.response {
            node.send(peer, Message::Heartbeat(self.respond(heartbeat)));
            return Pulse::Alive;
        }
        let pulse = self.heard(node.mono(), peer, heartbeat);
        match pulse {
            Pulse::Alive => {}
            Pulse::Unmatched => node.count("pmipv6.drop.heartbeat-unmatched"),
            Pulse::Restarted(_) => {
                node.count("pmipv6.peer.restarted");
                node.notify(Event::PeerRestarted { peer });
            }
        }
        pulse
    }

    /// The next peer whose time has come.
    fn due(&mut self, now: Duration) -> Option<IpAddr> {
        self.timers.pop(now)
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Asks a peer whose time has come; none where no binding with it is left.
    fn ask(&mut self, now: Duration, peer: IpAddr, bound: bool) -> Option<Beating> {
        let interval = Duration::from_secs(self.config.interval_s.into());
        let allowed = self.config.missing_allowed;
        let beat = self.beats.get_mut(&peer)?;
        if !bound || beat.knows_not {
            (beat.asked, beat.missed) = (None, 0);
            return None;
        }
        let missed = beat.asked.is_some();
        beat.missed = beat.missed.saturating_add(u8::from(missed));
        let silent = missed && beat.missed == allowed;
        beat.sequence = beat.sequence.wrapping_add(1);
        beat.asked = Some(now);
        let request = Heartbeat {
            unsolicited: false,
            response: false,
            sequence: beat.sequence,
            options: Vec::new(),
        };
        self.timers.set(peer, now + interval);
        Some(Beating { request, silent })
    }

    /// The response to a request: always given (section 3.1), with our Restart Counter.
    fn respond(&self, request: &Heartbeat) -> Heartbeat {
        Heartbeat {
            unsolicited: false,
            response: true,
            sequence: request.sequence,
            options: self.counter(),
        }
    }

    fn counter(&self) -> Vec<MobilityOption> {
        let counter = self.config.restart_counter.into_iter();
        counter.map(MobilityOption::RestartCounter).collect()
    }

    /// What a node that has lost its state tells its peers (section 3.2).
    fn announcements(&self) -> Vec<(IpAddr, Heartbeat)> {
        if self.config.restart_counter.is_none() {
            return Vec::new();
        }
        let announcement = Heartbeat {
            unsolicited: true,
            response: true,
            sequence: 0,
            options: self.counter(),
        };
        let peers = self.config.announce_to.iter();
        peers.map(|peer| (*peer, announcement.clone())).collect()
    }

    /// Takes a response.
    fn heard(&mut self, now: Duration, peer: IpAddr, response: &Heartbeat) -> Pulse {
        let known = self.beats.contains_key(&peer);
        if !known && self.beats.len() >= MAX_PEERS {
            return Pulse::Unmatched;
        }
        let unsolicited = response.unsolicited;
        let beat = self.beats.entry(peer).or_default();
        let matches = beat.asked.is_some() && beat.sequence == response.sequence;
        if !matches && !unsolicited {
            return Pulse::Unmatched;
        }
        // What was asked before the peer lost its state confirms nothing after it.
        let as_of = if unsolicited {
            now
        } else {
            beat.asked.unwrap_or(now)
        };
        if !unsolicited {
            (beat.asked, beat.missed, beat.answered) = (None, 0, true);
        }
        let Some(counter) = options::restart_counter(&response.options) else {
            return Pulse::Alive;
        };
        let before = beat.counter.replace(counter);
        let since = beat.confirmed.replace(as_of);
        match before {
            Some(before) if before == counter => Pulse::Alive,
            Some(_) => Pulse::Restarted(since),
            // Nobody sends that without having lost its state.
            None if unsolicited => Pulse::Restarted(None),
            None => Pulse::Alive,
        }
    }

    /// Binding Error 2 from a peer: true where it can only mean our heartbeat, which is the last then.
    pub(crate) fn unknown_to(&mut self, peer: IpAddr) -> bool {
        let Some(beat) = self.beats.get_mut(&peer) else {
            return false;
        };
        if beat.asked.is_none() || beat.answered {
            return false;
        }
        beat.knows_not = true;
        beat.asked = None;
        self.timers.cancel(&peer);
        true
    }

    pub(crate) fn view(&self, peer: IpAddr) -> Option<HeartbeatView> {
        let beat = self.beats.get(&peer)?;
        let asking = self.timers.is_set(&peer);
        let state = match beat {
            Beat {
                knows_not: true, ..
            } => "not-supported",
            Beat { missed, .. } if *missed >= self.config.missing_allowed => "silent",
            Beat { missed, .. } if *missed > 0 => "missing",
            Beat { answered: true, .. } if asking => "answered",
            _ if asking => "asked",
            _ => "idle",
        };
        Some(HeartbeatView {
            state: state.to_owned(),
            missed: beat.missed,
            restart_counter: beat.counter,
        })
    }
}
