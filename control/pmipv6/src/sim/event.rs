//! What is to happen, and what happens then.

use std::net::IpAddr;
use std::rc::Rc;

use crate::io::{Input, Protection, UpdateNumber, Via};
use crate::wire::Message;

use super::check::ViolationKind;
use super::domain::Domain;
use super::gate::{Handling, Sealed};
use super::layout::{MobileIndex, micros};
use super::mobile::Operation;
use super::network::{Micros, NodeIndex, SECOND};
use super::packet::{Arrival, Packet};

/// An engine that asks for the same deadline this often in a row is stuck.
const MAX_WAKES_AT_ONCE: u32 = 1_000;

/// A message that arrives.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) to: NodeIndex,
    pub(super) source: IpAddr,
    pub(super) via: Via,
    /// The node that sent it; none: a stranger.
    pub(super) from: Option<NodeIndex>,
    pub(super) message: Rc<Message>,
}

/// A user packet that arrives.
#[derive(Debug)]
pub(super) struct OnTheWay {
    pub(super) packet: Packet,
    pub(super) at: NodeIndex,
    pub(super) arrival: Arrival,
}

/// What is to happen at a time. Small: the queue moves them about.
#[derive(Debug)]
pub(super) enum Event {
    Message(Box<Delivery>),
    Sealed {
        packet: Rc<Sealed>,
        handling: Handling,
    },
    Wake {
        node: NodeIndex,
        incarnation: u32,
    },
    Apply {
        node: NodeIndex,
        incarnation: u32,
        worker: usize,
    },
    Notify {
        node: NodeIndex,
        incarnation: u32,
    },
    Input {
        node: NodeIndex,
        incarnation: u32,
        input: Box<Input>,
    },
    Packet(Box<OnTheWay>),
    Talk {
        pair: (MobileIndex, MobileIndex),
        epoch: u32,
    },
    Arrive {
        mobile: MobileIndex,
        mag: NodeIndex,
        epoch: u32,
    },
    Retry {
        mobile: MobileIndex,
    },
    Notice {
        mobile: MobileIndex,
        mag: NodeIndex,
    },
    Restart {
        node: NodeIndex,
    },
    Thaw {
        node: NodeIndex,
        incarnation: u32,
    },
    KeyStage {
        stage: u32,
        apart_us: Micros,
    },
    Reload {
        node: NodeIndex,
        stage: u32,
    },
    Heal {
        one: NodeIndex,
        other: NodeIndex,
    },
    Honest,
    Operation(Box<Operation>),
    Check,
}

/// An event and its time; events of one time keep their order.
#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) at: Micros,
    pub(super) order: u64,
    pub(super) event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Domain<'_> {
    pub(super) fn event(&mut self, event: Event) {
        if self.nodes_frozen == 0 {
            return self.take_place(event);
        }
        if let Some(event) = self.unless_frozen(event) {
            self.take_place(event);
        }
    }

    fn take_place(&mut self, event: Event) {
        match event {
            Event::Message(delivery) => self.message(*delivery),
            Event::Sealed { packet, handling } => self.sealed_arrives(&packet, &handling),
            Event::Wake { node, incarnation } => self.wake(node, incarnation),
            Event::Apply {
                node,
                incarnation,
                worker,
            } => self.apply(node, incarnation, worker),
            Event::Notify { node, incarnation } => self.notify(node, incarnation),
            Event::Input {
                node,
                incarnation,
                input,
            } => {
                if self.nodes[node].incarnation == incarnation {
                    self.input(node, *input);
                }
            }
            Event::Packet(way) => self.packet(way),
            Event::Talk { pair, epoch } => self.talk(pair, epoch),
            Event::Arrive { mobile, mag, epoch } => self.arrive(mobile, mag, epoch),
            Event::Retry { mobile } => self.retry(mobile),
            Event::Notice { mobile, mag } => self.notice(mobile, mag),
            Event::Restart { node } => self.restart(node),
            Event::Thaw { node, incarnation } => {
                if self.nodes[node].incarnation == incarnation {
                    self.thaw(node);
                }
            }
            Event::KeyStage { stage, apart_us } => self.begin_key_stage(stage, apart_us),
            Event::Reload { node, stage } => self.reload(node, stage),
            Event::Heal { one, other } => self.heal(one, other),
            Event::Honest => self.calm_since = self.now,
            Event::Operation(operation) => self.operation(*operation),
            Event::Check => {
                self.check_lifetimes();
                self.note_sequence_numbers();
                self.after(SECOND, Event::Check);
            }
        }
    }

    pub(super) fn message(&mut self, delivery: Delivery) {
        let Delivery {
            to,
            source,
            via,
            from,
            message,
        } = delivery;
        if !self.nodes[to].is_up() {
            return;
        }
        self.stirred_at = self.now;
        if from.is_some() {
            self.grants.seen(to, &message, self.now, &self.layout);
        }
        let input = Input::Message {
            via,
            source,
            destination: self.nodes[to].address,
            protection: Protection::Esp,
            aligned: true,
            message: Rc::unwrap_or_clone(message),
        };
        self.input(to, input);
    }

    fn wake(&mut self, index: NodeIndex, incarnation: u32) {
        let now = self.now;
        let node = &mut self.nodes[index];
        if node.incarnation != incarnation || node.wake_at != Some(now) {
            return;
        }
        node.wake_at = None;
        node.wakes = match node.wakes {
            (at, count) if at == now => (now, count + 1),
            _ => (now, 1),
        };
        if node.wakes.1 > MAX_WAKES_AT_ONCE {
            let text = format!("{} asks for the same deadline again and again", node.name);
            return self.violate(ViolationKind::StuckDeadline, text);
        }
        self.input(index, Input::Timeout);
    }

    fn apply(&mut self, index: NodeIndex, incarnation: u32, worker: usize) {
        let node = &mut self.nodes[index];
        if node.incarnation != incarnation {
            return;
        }
        let before = node.dataplane.applied();
        let applied = node.dataplane.apply_next(self.now, worker);
        let rose = node.dataplane.applied() > before;
        if let Err((entry, why)) = applied {
            let text = format!("{}: {why}: {entry:?}", node.name);
            self.violate(ViolationKind::InconsistentEntry, text);
        }
        if rose {
            let delay = self.rng_dataplane.range(0, self.layout.lag_max_us / 4);
            let node = index;
            self.after(delay, Event::Notify { node, incarnation });
        }
    }

    fn notify(&mut self, node: NodeIndex, incarnation: u32) {
        if self.nodes[node].incarnation != incarnation {
            return;
        }
        if let Some(number) = self.nodes[node].dataplane.take_notice() {
            self.input(node, Input::Applied(number));
        }
    }

    /// Hands one input to an engine and does what it says.
    pub(super) fn input(&mut self, index: NodeIndex, input: Input) {
        let now = self.node_now(index);
        let mut outputs = std::mem::take(&mut self.outputs);
        if let Some(engine) = self.nodes[index].engine.as_mut() {
            engine.handle(now, input, &mut outputs);
        }
        for output in outputs.drain(..) {
            self.output(index, output);
        }
        self.outputs = outputs;
        self.arm(index);
    }

    pub(super) fn arm(&mut self, index: NodeIndex) {
        let now = self.now;
        let node = &mut self.nodes[index];
        let deadline = node.engine.as_ref().and_then(|e| e.next_deadline());
        let Some(at) = deadline.map(|d| micros(d).max(now)) else {
            node.wake_at = None;
            return;
        };
        if node.wake_at != Some(at) {
            self.wake_at(index, at);
        }
    }

    /// The engine is asked then what is due, unless it has something to do before.
    pub(super) fn wake_at(&mut self, node: NodeIndex, at: Micros) {
        self.nodes[node].wake_at = Some(at);
        let incarnation = self.nodes[node].incarnation;
        self.at(at, Event::Wake { node, incarnation });
    }

    pub(super) fn program(
        &mut self,
        index: NodeIndex,
        number: UpdateNumber,
        entry: crate::io::Entry,
    ) {
        self.check_entry(index, &entry);
        let lag = self.layout.lag_max_us;
        let incarnation = self.nodes[index].incarnation;
        self.trace.line(self.now, |_| {
            format!("{} program {number} {entry:?}", self.nodes[index].name)
        });
        let node = &mut self.nodes[index];
        let effective =
            node.dataplane
                .program(self.now, number, entry, lag, &mut self.rng_dataplane);
        match effective {
            Ok(times) => {
                for (worker, at) in times.into_iter().enumerate() {
                    let node = index;
                    self.at(
                        at,
                        Event::Apply {
                            node,
                            incarnation,
                            worker,
                        },
                    );
                }
            }
            Err(due) => {
                let text = format!("{}: update {number}, {due} was due", self.nodes[index].name);
                self.violate(ViolationKind::UpdateNumber, text);
            }
        }
    }
}
