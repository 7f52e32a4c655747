//! An attacker on the wire between protected nodes: sees every packet, and delays, replays, changes and
//! forges what it likes. It has no key (RFC 4301 section 2.1, RFC 5213 section 11).
//!
//! What it may bring about is what a bad network may: delay and loss. Everything else that it sends has to
//! be a counted drop, and no engine may look different afterwards (L-74).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use crate::esp::{Entropy, KeyMaterial, OutboundAssociation, Parameters};
use crate::io::{BindingView, Engine, Input, Now, PathView, PeerView, Protection};
use crate::wire::Message;
use crate::wire::iana::NEXT_HEADER_MH;

use super::check::ViolationKind;
use super::domain::Domain;
use super::event::Event;
use super::gate::{GateFault, Handling, Sealed, is_extended, spi, spi_of, suite};
use super::keys::generation_of;
use super::layout::MobileIndex;
use super::network::{Micros, NodeIndex, SECOND};
use super::rng::Rng;
use super::stranger::{Forgery, LIFETIMES};

/// What an attacker does to packets on their way to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Holds them back, up to the end of the attack.
    Delay,
    /// Sends old ones again.
    Replay,
    /// Sends them with the SPI of another association.
    OtherSpi,
    /// Sends copies with one bit turned, before they arrive themselves.
    Flip,
    /// Sends copies that are cut short.
    Truncate,
    /// Seals messages of its own with a key of its own, in the name of a node.
    WrongKey,
    /// Sends messages of its own in the clear, in the name of a node.
    Clear,
}

impl Attack {
    /// Every attack.
    pub const ALL: [Self; 7] = [
        Self::Delay,
        Self::Replay,
        Self::OtherSpi,
        Self::Flip,
        Self::Truncate,
        Self::WrongKey,
        Self::Clear,
    ];
}

/// An attack that is going on.
#[derive(Debug, Clone, Copy)]
struct Going {
    attack: Attack,
    victim: NodeIndex,
    until: Micros,
}

/// What the attacker knows and does.
#[derive(Debug, Default)]
pub(super) struct Attacker {
    going: Vec<Going>,
    /// The latest packets that it has seen.
    seen: VecDeque<Rc<Sealed>>,
}

/// Packets that the attacker remembers.
const SEEN: usize = 512;
/// Of the packets to the victim, so many are attacked, parts per million.
const OFTEN: u32 = 500_000;
/// Packets that are sent again with every one that is seen.
const REPLAYS: usize = 3;
/// A replay comes up to so much later.
const REPLAY_LATER: Micros = 5 * SECOND;
/// A copy overtakes the packet: no delay is shorter.
const AT_ONCE: Micros = 500;

/// What an engine shows of itself.
type Looks = (
    Vec<BindingView>,
    Vec<PathView>,
    Vec<PeerView>,
    Vec<(&'static str, u64)>,
);

impl Domain<'_> {
    /// True while packets may be held back.
    pub(super) fn any_delayed(&self) -> bool {
        let mut going = self.attacker.going.iter();
        going.any(|of| of.attack == Attack::Delay && of.until > self.now)
    }

    pub(super) fn begin_attack(&mut self, attack: Attack, victim: NodeIndex, for_us: Micros) {
        let until = self.now + for_us;
        self.attacker.going.push(Going {
            attack,
            victim,
            until,
        });
        self.after(for_us, Event::Honest);
    }

    /// Packets are held back no longer.
    pub(super) fn end_delays(&mut self) {
        self.attacker.going.retain(|of| of.attack != Attack::Delay);
    }

    /// The attacker sees a packet leave. When it lets it go on; none: as the network has it.
    pub(super) fn attacker_sees(&mut self, packet: &Rc<Sealed>) -> Option<Micros> {
        let now = self.now;
        self.attacker.going.retain(|of| of.until > now);
        let going = self.attacker.going.clone();
        let mut held = None;
        for of in going.iter().filter(|of| of.victim == packet.to) {
            if !self.rng_attacker.chance(OFTEN) {
                continue;
            }
            match of.attack {
                Attack::Delay => held = Some(self.rng_attacker.range(now, of.until)),
                attack => self.strike(attack, packet),
            }
        }
        self.attacker.seen.push_back(Rc::clone(packet));
        if self.attacker.seen.len() > SEEN {
            self.attacker.seen.pop_front();
        }
        held
    }

    fn strike(&mut self, attack: Attack, packet: &Rc<Sealed>) {
        match attack {
            Attack::Delay => {}
            Attack::Replay => self.replay(packet.to),
            Attack::OtherSpi => {
                let from = self.rng_attacker.index(self.nodes.len());
                let mut octets = packet.octets.clone();
                if from != packet.from && from != packet.to {
                    let other = spi(from, packet.to, generation_of(spi_of(&octets)));
                    octets[..4].copy_from_slice(&other.to_be_bytes());
                    self.strike_with(packet, octets);
                }
            }
            Attack::Flip => {
                let mut octets = packet.octets.clone();
                let bit = self.rng_attacker.index(8 * octets.len());
                octets[bit / 8] ^= 1 << (bit % 8);
                self.strike_with(packet, octets);
            }
            Attack::Truncate => {
                let mut octets = packet.octets.clone();
                let length = self.rng_attacker.index(octets.len());
                octets.truncate(length);
                self.strike_with(packet, octets);
            }
            Attack::WrongKey => self.seal_with_another_key(packet),
            Attack::Clear => self.speak_in_the_clear(packet),
        }
    }

    fn strike_with(&mut self, packet: &Rc<Sealed>, octets: Vec<u8>) {
        self.stats.attacks += 1;
        let packet = Rc::clone(packet);
        let handling = Handling::Tampered(octets.into());
        self.after(AT_ONCE, Event::Sealed { packet, handling });
    }

    /// Old packets, those that have arrived: to hold one back that has not is [`Attack::Delay`].
    fn replay(&mut self, victim: NodeIndex) {
        for _ in 0..REPLAYS {
            let at = self.rng_attacker.index(self.attacker.seen.len());
            let later = self.rng_attacker.range(0, REPLAY_LATER);
            let Some(packet) = self.attacker.seen.get(at) else {
                return;
            };
            if packet.to == victim && packet.taken.get().is_some() {
                let packet = Rc::clone(packet);
                self.stats.attacks += 1;
                let handling = Handling::AsItWas;
                self.after(later, Event::Sealed { packet, handling });
            }
        }
    }

    /// A message that would change something, if it were believed.
    fn forged(&mut self, name: NodeIndex) -> Option<Message> {
        let source: MobileIndex = self.rng_attacker.index(self.mobiles.len());
        let destination = (source + 1) % self.mobiles.len();
        let forgery = Forgery::ALL[self.rng_attacker.index(Forgery::ALL.len())];
        let IpAddr::V6(mag) = self.nodes[name].address else {
            return None;
        };
        self.forgery(mag, source, destination, forgery, LIFETIMES)
    }

    fn seal_with_another_key(&mut self, seen: &Rc<Sealed>) {
        let (from, to) = (seen.from, seen.to);
        let Some(message) = self.forged(from) else {
            return;
        };
        let generation = generation_of(spi_of(&seen.octets));
        let suite = suite(from, to, generation);
        let mut octets = vec![0; suite.key_len()];
        if self.rng_attacker.fill(&mut octets).is_err() {
            return;
        }
        let parameters = Parameters {
            spi: spi(from, to, generation),
            suite,
            key: &KeyMaterial::new(&octets),
            extended_sequence_numbers: is_extended(from, to),
        };
        let Ok(mut association) = OutboundAssociation::new(parameters, 0) else {
            return;
        };
        association.reserve(u64::MAX);
        // Ahead of everything that the node has sent.
        association.resume(u64::from(self.rng_attacker.next_u64() as u32 >> 8));
        let Ok(payload) = self.octets(from, to, &message) else {
            return;
        };
        let sealed = association.seal(NEXT_HEADER_MH, &payload, &mut self.rng_attacker);
        if let Ok(octets) = sealed {
            self.strike_with(seen, octets);
        }
    }

    /// To the boundary, which must not let it in, and past it to the engine, which must not act on it.
    fn speak_in_the_clear(&mut self, seen: &Rc<Sealed>) {
        let (from, to) = (seen.from, seen.to);
        if self.is_frozen(to) {
            return;
        }
        let Some(message) = self.forged(from) else {
            return;
        };
        self.stats.attacks += 1;
        let octets = self.octets(from, to, &message).unwrap_or_default();
        let Some(gate) = &mut self.nodes[to].gate else {
            return;
        };
        if gate.boundary.take_clear(seen.source, &octets).is_ok() {
            let text = format!("{} takes a message in the clear", self.nodes[to].name);
            return self.violate(ViolationKind::Protection, text);
        }
        let taken = self.layout.gate_fault == Some(GateFault::TakesClear);
        let input = Input::Message {
            source: seen.source,
            destination: self.nodes[to].address,
            via: seen.via,
            protection: match taken {
                true => Protection::Esp,
                false => Protection::None,
            },
            aligned: true,
            message,
        };
        self.hand_past_the_gate(to, input);
    }

    fn hand_past_the_gate(&mut self, to: NodeIndex, input: Input) {
        let now = self.node_now(to);
        let Some(engine) = self.nodes[to].engine.as_mut() else {
            return;
        };
        // What the engine does because it is due is not what the message did.
        if engine.next_deadline().is_some_and(|at| at <= now.mono) {
            return;
        }
        let before = looks(engine.as_ref(), now);
        let mut outputs = Vec::new();
        engine.handle(now, input, &mut outputs);
        let after = looks(engine.as_ref(), now);
        if before != after || !outputs.is_empty() {
            let text = format!(
                "{} acts on a message in the clear: {outputs:?}, {before:?} is now {after:?}",
                self.nodes[to].name
            );
            self.violate(ViolationKind::Unauthorised, text);
        }
    }
}

/// Everything but what counts that a message came and was dropped.
fn looks(engine: &dyn Engine, now: Now) -> Looks {
    let counts = |name: &str| name.contains(".drop.") || name.contains(".rx.");
    let counters = engine.counters().into_iter();
    let counters = counters.filter(|(name, _)| !counts(name)).collect();
    (
        engine.bindings(now),
        engine.paths(now),
        engine.peers(now),
        counters,
    )
}

/// The attacker's own randomness.
pub(super) fn randomness(rng: &Rng) -> Rng {
    rng.fork(6)
}
