//! Nodes that stand still: a machine that is suspended, a process that is stopped and goes on.
//!
//! A node that stands still keeps its state. It takes nothing in and sends nothing, no timer fires, and its
//! workers forward nothing. A bounded part of what arrives waits in its receive queue, the rest is lost.
//! Then it goes on as if nothing had been, only that its clocks have gone on: everything that was due
//! meanwhile is overdue.

use super::domain::Domain;
use super::event::Event;
use super::network::{Micros, NodeIndex};
use super::packet::{Fate, Loss};
use super::rng::PPM;

/// Half of the nodes that go on look at the clock first, the others at what has come and what their workers say.
const CLOCK_FIRST: u32 = (PPM / 2) as u32;

/// What a node holds while it stands still.
#[derive(Debug)]
pub(super) struct Frozen {
    since: Micros,
    /// Frames that the receive queue can take yet.
    room: usize,
    /// Frames in the receive queue, in the order in which they came.
    arrived: Vec<Event>,
    /// What was under way inside the node, and commands that wait at its socket; with their times.
    inside: Vec<(Micros, Event)>,
}

impl Frozen {
    /// The keys that it is to take over.
    pub(super) fn stage(&self) -> Option<u32> {
        self.inside.iter().rev().find_map(|(_, event)| match event {
            Event::Reload { stage, .. } => Some(*stage),
            _ => None,
        })
    }
}

impl Event {
    /// The node that takes part in it, if it stands still for nobody.
    fn node(&self) -> Option<NodeIndex> {
        match self {
            Self::Message(delivery) => Some(delivery.to),
            Self::Sealed { packet, .. } => Some(packet.to),
            Self::Packet(way) => Some(way.at),
            Self::Wake { node, .. }
            | Self::Apply { node, .. }
            | Self::Notify { node, .. }
            | Self::Input { node, .. }
            | Self::Reload { node, .. }
            | Self::Notice { mag: node, .. } => Some(*node),
            _ => None,
        }
    }
}

impl Domain<'_> {
    /// True while a node stands still.
    pub(super) fn is_frozen(&self, node: NodeIndex) -> bool {
        self.nodes_frozen > 0 && self.nodes[node].frozen.is_some()
    }

    /// A node stands still; its receive queue takes so many frames.
    pub(super) fn freeze(&mut self, index: NodeIndex, for_us: Micros, room: usize) {
        let since = self.now;
        let node = &mut self.nodes[index];
        if !node.is_up() || node.frozen.is_some() {
            return;
        }
        node.frozen = Some(Frozen {
            since,
            room,
            arrived: Vec::new(),
            inside: Vec::new(),
        });
        self.nodes_frozen += 1;
        let incarnation = self.nodes[index].incarnation;
        let node = index;
        self.after(for_us, Event::Thaw { node, incarnation });
    }

    /// The event, where its node does not stand still. Otherwise it waits, or is lost.
    pub(super) fn unless_frozen(&mut self, event: Event) -> Option<Event> {
        let index = event.node().filter(|node| self.is_frozen(*node));
        let Some((index, frozen)) =
            index.and_then(|index| Some((index, self.nodes[index].frozen.as_mut()?)))
        else {
            return Some(event);
        };
        match event {
            // Armed again when it goes on.
            Event::Wake { .. } => {}
            Event::Message(_) | Event::Sealed { .. } | Event::Packet(_) if frozen.room > 0 => {
                frozen.room -= 1;
                frozen.arrived.push(event);
            }
            Event::Message(_) | Event::Sealed { .. } => self.stats.messages_lost += 1,
            Event::Packet(way) => self.finish(&way.packet, index, Fate::Lost(Loss::NodeFrozen)),
            inside => frozen.inside.push((self.now, inside)),
        }
        None
    }

    /// A node goes on.
    pub(super) fn thaw(&mut self, index: NodeIndex) {
        let now = self.now;
        let node = &mut self.nodes[index];
        let Some(frozen) = node.frozen.take() else {
            return;
        };
        self.nodes_frozen -= 1;
        let stood = now - frozen.since;
        node.woke = Some((now, stood));
        node.wake_at = None;
        self.trace.line(now, |_| {
            let waited = frozen.arrived.len();
            format!(
                "-- {} goes on, {waited} frames waited",
                self.nodes[index].name
            )
        });
        self.calm_since = now;
        self.stirred_at = now;
        // It has had no time yet to answer.
        for command in self.commands.values_mut().filter(|of| of.node == index) {
            command.at = now;
        }
        let clock_first = self.rng_freeze.chance(CLOCK_FIRST);
        if clock_first {
            self.arm(index);
        }
        for event in frozen.arrived {
            self.at(now, event);
        }
        for (due, event) in frozen.inside {
            // Workers go on where they were; nothing inside takes longer than they do.
            let left = (due - frozen.since).min(self.layout.lag_max_us);
            self.at(now + left, event);
        }
        if !clock_first {
            self.wake_at(index, now + self.layout.lag_max_us);
        }
    }

    /// The moment so long ago on the node's own count, which stood still while it did.
    pub(super) fn ago(&self, node: NodeIndex, for_us: Micros) -> Micros {
        let since = self.now.saturating_sub(for_us);
        match self.nodes[node].woke {
            Some((woke_at, stood)) if since < woke_at => since.saturating_sub(stood),
            _ => since,
        }
    }

    /// True where a node has just gone on: it gets so long to end what is over.
    pub(super) fn has_just_woken(&self, node: NodeIndex, within: Micros) -> bool {
        let woke = self.nodes[node].woke;
        woke.is_some_and(|(woke_at, _)| self.now - woke_at < within)
    }
}
