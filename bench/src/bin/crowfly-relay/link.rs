//! A link that is cut in two, and the frames that wait between its halves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pcap::{Active, Capture, Direction};

use crate::rule::{Random, Rule, Way, verdict};

/// A slot of the receive ring: frames of 1500 octets and the headers around them.
const SNAPLEN: i32 = 2048;
const RING_BYTES: i32 = 16 << 20;
/// Most frames taken from an interface before the others have their turn.
const BURST_FRAMES: usize = 64;
/// Most frames held back at a time; one more is lost, and counted.
const HELD_FRAMES: usize = 262_144;

/// A link: frames of one interface come out of the other.
pub(crate) struct Link {
    pub(crate) name: String,
    /// The interface that the node is behind, and the other one.
    ends: [Capture<Active>; 2],
    pub(crate) counters: [Counters; 2],
}

/// What became of the frames that go one way.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
pub(crate) struct Counters {
    /// Frames that came.
    pub(crate) received: u64,
    /// Frames sent, copies included.
    pub(crate) sent: u64,
    /// Frames that a rule dropped.
    pub(crate) dropped: u64,
    /// Frames that the relay could not hold or send, which is its own fault.
    pub(crate) failed: u64,
}

/// Where the frames go that go this way.
const fn index(way: Way) -> usize {
    match way {
        Way::FromNode => 0,
        Way::ToNode => 1,
    }
}

impl Link {
    /// Opens NAME=NODE_SIDE,OTHER_SIDE.
    pub(crate) fn open(text: &str) -> Result<Self> {
        let (name, (node, other)) = text
            .split_once('=')
            .and_then(|(name, ends)| Some((name, ends.split_once(',')?)))
            .with_context(|| format!("{text}: not NAME=INTERFACE,INTERFACE"))?;
        ensure!(node != other, "{text}: the same interface twice");
        Ok(Self {
            name: name.to_owned(),
            ends: [open(node)?, open(other)?],
            counters: Default::default(),
        })
    }

    /// The descriptor to be polled for frames that go this way.
    pub(crate) fn descriptor(&self, way: Way) -> RawFd {
        self.ends[index(way)].as_raw_fd()
    }

    /// Takes what has come this way; returns whether there may be more.
    pub(crate) fn receive(
        &mut self,
        way: Way,
        rules: &mut [Rule],
        random: &mut Random,
        mut forward: impl FnMut(&mut Self, std::time::Duration, Vec<u8>),
    ) -> Result<bool> {
        for _ in 0..BURST_FRAMES {
            let frame = match self.ends[index(way)].next_packet() {
                Ok(packet) => packet.data.to_vec(),
                Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => return Ok(false),
                Err(error) => return Err(error).context(self.name.clone()),
            };
            let delays = verdict(rules, &self.name, way, &frame, random);
            let counters = &mut self.counters[index(way)];
            counters.received += 1;
            counters.dropped += u64::from(delays.is_empty());
            for delay in delays {
                forward(self, delay, frame.clone());
            }
        }
        Ok(true)
    }

    /// Sends a frame on its way.
    pub(crate) fn send(&mut self, way: Way, frame: &[u8]) {
        let done = self.ends[1 - index(way)].sendpacket(frame);
        let counters = &mut self.counters[index(way)];
        match done {
            Ok(()) => counters.sent += 1,
            Err(_) => counters.failed += 1,
        }
    }
}

fn open(interface: &str) -> Result<Capture<Active>> {
    let capture = Capture::from_device(interface)
        .and_then(|it| {
            it.promisc(true)
                .immediate_mode(true)
                .snaplen(SNAPLEN)
                .buffer_size(RING_BYTES)
                .open()
        })
        .with_context(|| interface.to_owned())?;
    capture.direction(Direction::In)?;
    Ok(capture.setnonblock()?)
}

/// A frame that goes on later. Frames of the same moment go in the order in which they came.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    number: u64,
    link: usize,
    to_node: bool,
    frame: Vec<u8>,
}

/// The frames that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    frames: BinaryHeap<Reverse<Held>>,
    number: u64,
}

impl Waiting {
    /// Holds a frame until it is due; false when too many are held.
    pub(crate) fn hold(&mut self, due: Instant, link: usize, way: Way, frame: Vec<u8>) -> bool {
        if self.frames.len() >= HELD_FRAMES {
            return false;
        }
        self.number += 1;
        self.frames.push(Reverse(Held {
            due,
            number: self.number,
            link,
            to_node: way == Way::ToNode,
            frame,
        }));
        true
    }

    /// When the next one is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.frames.peek().map(|Reverse(held)| held.due)
    }

    /// Sends those that are due.
    pub(crate) fn release(&mut self, now: Instant, links: &mut [Link]) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse(held)) = self.frames.pop() else {
                return;
            };
            let way = if held.to_node {
                Way::ToNode
            } else {
                Way::FromNode
            };
            links[held.link].send(way, &held.frame);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }
}
