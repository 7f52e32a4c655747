//! Protected signalling in the domain: every node behind the IPsec boundary as it ships
//! ([`crate::esp::Boundary`]), one pair of security associations between any two nodes, and what the daemon
//! keeps of the sequence numbers over a restart.
//!
//! ```text
//!   engine ─▶ encode ─▶ Boundary::send ─▶ the wire, where the attacker sees it ─▶ Boundary::open ─▶ decode
//!            ─▶ Boundary::authorise ─▶ engine
//! ```
//!
//! Read first: RFC 4303 sections 2.2, 3.3.3 and 3.4.3, RFC 4106 section 3.1 (an IV is used once with a key).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use ipnet::IpNet;

use crate::esp::{
    AssociationConfig, Boundary, Config, Discard, Entropy, KeyMaterial, Leg, NoEntropy, Opened,
    Outward, PeerAuthorization, PeerConfig, Roles, Saved, Spi, Suite,
};
use crate::io::Via;
use crate::wire::iana::{NEXT_HEADER_MH, PORT_PMIP6_CNTL};
use crate::wire::{Checksum, Message, Numbering, decode, encode};

use super::check::ViolationKind;
use super::domain::Domain;
use super::event::Delivery;
use super::keys::{generation_of, generations, oldest, spi_in};
use super::layout::{Layout, Role};
use super::network::{Micros, NodeIndex};
use super::rng::Rng;

/// Next header of the datagrams that carry signalling over IPv4.
const UDP: u8 = 17;
/// Octets of a UDP header.
const UDP_LEN: usize = 8;
/// The first SPI of the domain; none below it is known to anybody.
pub(super) const FIRST_SPI: Spi = 0x1000;
/// SPIs of a receiver, one a sender.
const SPIS: Spi = 0x100;
/// Where an ESP packet has its IV, and octets of that of AES-GCM.
const IV: std::ops::Range<usize> = 8..16;
/// Feeds the keys of a domain.
const KEYS: u64 = 0x6b65_7973;

/// What a node's protection lacks: for those who want to see that it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateFault {
    /// Packets are taken again and again (RFC 4303 section 3.4.3).
    NoReplayWindow,
    /// A restarted node begins with the first sequence number again.
    ForgetsNumbers,
    /// Messages in the clear are taken for protected ones.
    TakesClear,
    /// With the new keys the old ones are gone, while others send with them.
    DropsOldKeys,
}

/// A node's boundary while it runs.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) boundary: Boundary,
    /// What has been opened is kept over a restart up to here.
    pub(super) noted_at: Micros,
}

/// A sealed packet, as it was when it left.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) from: NodeIndex,
    pub(super) to: NodeIndex,
    /// As it is seen where it arrives.
    pub(super) source: IpAddr,
    pub(super) via: Via,
    pub(super) octets: Vec<u8>,
    /// Who has taken it: which start of the receiver, and when.
    pub(super) taken: std::cell::Cell<Option<(u32, Micros)>>,
}

/// How a packet comes to its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Handling {
    /// As it left; perhaps late, or once more.
    AsItWas,
    /// As the attacker has made it.
    Tampered(Box<[u8]>),
}

/// What the domain knows about sequence numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Last number that each association sent, and the last IV of AES-GCM.
    sealed: BTreeMap<Spi, (u32, Option<u64>)>,
    /// Highest number that each association's receiver took.
    taken: BTreeMap<Spi, u32>,
}

impl Entropy for Rng {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in octets.chunks_mut(8) {
            let random = self.next_u64().to_be_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }
}

/// SPI of the packets from one node to another.
pub(super) fn spi(from: NodeIndex, to: NodeIndex, generation: u32) -> Spi {
    spi_in(generation, FIRST_SPI + SPIS * to as Spi + from as Spi)
}

/// The suite between two nodes: every one of them is used somewhere, and another one with other keys.
pub(super) fn suite(one: NodeIndex, other: NodeIndex, generation: u32) -> Suite {
    Suite::ALL[(one + other + generation as usize - 1) % Suite::ALL.len()]
}

/// Whether sequence numbers between two nodes have 64 bits.
pub(super) fn is_extended(one: NodeIndex, other: NodeIndex) -> bool {
    (one + other).is_multiple_of(2)
}

fn leg(from: NodeIndex, to: NodeIndex, generation: u32) -> Leg {
    let spi = spi(from, to, generation);
    let mut octets = vec![0; suite(from, to, generation).key_len()];
    let filled = Rng::new(KEYS ^ u64::from(spi)).fill(&mut octets);
    debug_assert!(filled.is_ok());
    let key = KeyMaterial::new(&octets);
    Leg { spi, key }
}

pub(super) fn config(layout: &Layout, own: NodeIndex, stage: u32) -> Config {
    let others = (0..layout.lmas + layout.mags).filter(|other| *other != own);
    let generations = generations(stage, layout.gate_fault);
    let association = |other, (generation, sends): (u32, bool)| AssociationConfig {
        generation,
        suite: suite(own, other, generation),
        extended_sequence_numbers: is_extended(own, other),
        not_before: Duration::ZERO,
        inbound: leg(other, own, generation),
        outbound: sends.then(|| leg(own, other, generation)),
    };
    let peer = |other: NodeIndex| PeerConfig {
        authorization: PeerAuthorization {
            addresses: addresses(layout, other),
            roles: Roles {
                mag: layout.role(other).0 == Role::Mag,
                lma: layout.role(other).0 == Role::Lma,
            },
            homes: Vec::new(),
        },
        associations: (generations.iter())
            .map(|generation| association(other, *generation))
            .collect(),
    };
    Config {
        peers: others.map(peer).collect(),
        ..Config::default()
    }
}

/// Its name first; over IPv4, its own address and that of the NAT before it.
fn addresses(layout: &Layout, node: NodeIndex) -> Vec<IpNet> {
    let mut addresses: Vec<IpNet> = vec![layout.address(node).into()];
    if layout.ipv4_transport {
        addresses.push(IpAddr::V4(layout.ipv4_address(node)).into());
        addresses.push(IpAddr::V4(layout.nat_address(node)).into());
    }
    addresses
}

/// Sequence number of an ESP packet, its low half.
fn number(octets: &[u8]) -> u32 {
    let low = octets.get(4..8).and_then(|low| low.try_into().ok());
    low.map_or(0, u32::from_be_bytes)
}

pub(super) fn spi_of(octets: &[u8]) -> Spi {
    let spi = octets.get(..4).and_then(|spi| spi.try_into().ok());
    spi.map_or(0, u32::from_be_bytes)
}

impl Domain<'_> {
    /// A node starts: its boundary goes on where it was.
    pub(super) fn raise_gate(&mut self, index: NodeIndex) {
        if !self.layout.protected {
            return;
        }
        let epoch = self.node_now(index).wall.as_secs() as u32;
        let past = match self.layout.gate_fault {
            Some(GateFault::ForgetsNumbers) => Saved::default(),
            _ => std::mem::take(&mut self.nodes[index].stored),
        };
        let config = config(&self.layout, index, self.nodes[index].stage);
        match Boundary::new(&config, epoch, past) {
            Ok(boundary) => {
                let noted_at = self.now;
                self.nodes[index].gate = Some(Gate { boundary, noted_at });
                self.save(index);
            }
            Err(error) => self.violate(ViolationKind::Protection, error.to_string()),
        }
    }

    /// What the daemon stores before it sends more.
    pub(super) fn save(&mut self, index: NodeIndex) {
        let node = &mut self.nodes[index];
        if let Some(gate) = &mut node.gate {
            node.stored = gate.boundary.to_save();
            gate.boundary.saved(&node.stored);
            gate.noted_at = self.now;
        }
    }

    /// What the daemon stores once a second.
    pub(super) fn note_sequence_numbers(&mut self) {
        for node in self.nodes.iter_mut().filter(|of| of.frozen.is_none()) {
            if let Some(gate) = node.gate.as_mut().filter(|g| g.boundary.has_moved()) {
                node.stored = gate.boundary.to_note();
                gate.noted_at = self.now;
            }
        }
    }

    /// A message as it leaves a protected node. None: the boundary does not let it out, which is a fault.
    pub(super) fn seal(
        &mut self,
        from: NodeIndex,
        to: NodeIndex,
        (leaves, source, via): (Via, IpAddr, Via),
        message: &Message,
    ) -> Option<Rc<Sealed>> {
        let octets = match self.octets(from, to, message) {
            Ok(octets) => octets,
            Err(error) => {
                self.violate(ViolationKind::Protection, format!("not encoded: {error}"));
                return None;
            }
        };
        let (destination, next_header, payload) = match leaves {
            Via::Ipv4 { remote, .. } => (IpAddr::V4(*remote.ip()), UDP, datagram(octets)),
            _ => (self.layout.address(to), NEXT_HEADER_MH, octets),
        };
        let wall = self.node_now(from).wall;
        let gate = self.nodes[from].gate.as_mut()?;
        let sent = gate.boundary.send(
            wall,
            destination,
            next_header,
            &payload,
            &mut self.rng_attacker,
        );
        let octets = match sent {
            Ok(Outward::Esp(octets)) => octets,
            other => {
                let text = format!("{}: {other:?} to {destination}", self.nodes[from].name);
                self.violate(ViolationKind::Protection, text);
                return None;
            }
        };
        if gate.boundary.must_save() {
            self.save(from);
        }
        self.check_number(from, to, &octets);
        Some(Rc::new(Sealed {
            from,
            to,
            source,
            via,
            octets,
            taken: std::cell::Cell::new(None),
        }))
    }

    pub(super) fn octets(
        &self,
        from: NodeIndex,
        to: NodeIndex,
        message: &Message,
    ) -> Result<Vec<u8>, crate::wire::WireError> {
        encode(&Numbering::default(), self.checksum(from, to), message)
    }

    fn checksum(&self, from: NodeIndex, to: NodeIndex) -> Checksum {
        match (self.layout.address(from), self.layout.address(to)) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => Checksum::PseudoHeader {
                source,
                destination,
            },
            _ => Checksum::Ignored,
        }
    }

    /// A sequence number, and with it an IV of AES-GCM, serves once, whatever happens to the sender.
    fn check_number(&mut self, from: NodeIndex, to: NodeIndex, octets: &[u8]) {
        let spi = spi_of(octets);
        let suite = suite(from, to, generation_of(spi));
        let gcm = matches!(suite, Suite::Aes128Gcm16 | Suite::Aes256Gcm16);
        let iv = octets.get(IV).filter(|_| gcm);
        let iv = iv.and_then(|iv| iv.try_into().ok()).map(u64::from_be_bytes);
        let number = number(octets);
        let before = self.numbers.sealed.insert(spi, (number, iv));
        let rises = |(last, last_iv): (u32, Option<u64>)| number > last && (iv > last_iv || !gcm);
        if !before.is_none_or(rises) {
            let text = format!(
                "{}: sequence number {number} is used again towards {}",
                self.nodes[from].name, self.nodes[to].name
            );
            self.violate(ViolationKind::Protection, text);
        }
    }

    /// A sealed packet reaches a node.
    pub(super) fn sealed_arrives(&mut self, packet: &Sealed, handling: &Handling) {
        let to = packet.to;
        let octets = match handling {
            Handling::AsItWas => packet.octets.as_slice(),
            Handling::Tampered(octets) => octets.as_ref(),
        };
        let Some(gate) = &mut self.nodes[to].gate else {
            return;
        };
        let opened = match gate.boundary.open(packet.source, octets) {
            Err(Discard::Replayed) if self.layout.gate_fault == Some(GateFault::NoReplayWindow) => {
                open_anew(&self.layout, self.nodes[to].stage, packet)
            }
            opened => opened,
        };
        match opened {
            Ok(opened) => self.opened(packet, handling, opened),
            Err(discard) => self.discarded(packet, handling, discard),
        }
    }

    fn opened(&mut self, packet: &Sealed, handling: &Handling, opened: Opened) {
        let to = packet.to;
        let name = self.nodes[to].name.clone();
        if *handling != Handling::AsItWas {
            let text = format!("{name} takes what the attacker has made");
            return self.violate(ViolationKind::Protection, text);
        }
        if !self.is_first(packet) {
            let text = format!("{name} takes number {} again", number(&packet.octets));
            return self.violate(ViolationKind::Protection, text);
        }
        packet
            .taken
            .set(Some((self.nodes[to].incarnation, self.now)));
        let taken = self
            .numbers
            .taken
            .entry(spi_of(&packet.octets))
            .or_default();
        *taken = number(&packet.octets).max(*taken);
        let header = match opened.next_header {
            UDP => opened.payload.get(UDP_LEN..).unwrap_or(&[]),
            _ => &opened.payload,
        };
        let decoded = decode(
            &Numbering::default(),
            self.checksum(packet.from, to),
            header,
        );
        let mut authorised = |message: &Message| match &mut self.nodes[to].gate {
            Some(gate) => gate.boundary.authorise(packet.source, message),
            None => Ok(()),
        };
        match decoded.map(|message| (authorised(&message), message)) {
            Ok((Ok(()), message)) => {
                let message = Rc::new(message);
                self.message(Delivery {
                    to,
                    source: packet.source,
                    via: packet.via,
                    from: Some(packet.from),
                    message,
                });
            }
            Ok((Err(discard), message)) => {
                let text = format!("{name}: {discard}: {message:?}");
                self.violate(ViolationKind::Protection, text);
            }
            Err(error) => self.violate(ViolationKind::Protection, format!("{name}: {error}")),
        }
    }

    /// Whether a node may take a packet: it has not taken it before, as far as it can know.
    fn is_first(&mut self, packet: &Sealed) -> bool {
        let Some((start, at)) = packet.taken.get() else {
            return true;
        };
        let node = &self.nodes[packet.to];
        // What was opened since the last note and before a crash is forgotten.
        let crash = node.last_notes.get(&start);
        let forgotten = crash.is_some_and(|noted_at| at > *noted_at);
        self.stats.taken_after_crash += u64::from(forgotten);
        forgotten
    }

    /// The boundary refuses: it must not refuse what is new and as it was.
    fn discarded(&mut self, packet: &Sealed, handling: &Handling, discard: Discard) {
        *self.stats.discards.entry(discard.counter()).or_default() += 1;
        let number = number(&packet.octets);
        let newest = self.numbers.taken.get(&spi_of(&packet.octets)).copied();
        let new = packet.taken.get().is_none() && newest.is_none_or(|newest| number > newest);
        let honest = *handling == Handling::AsItWas;
        // With 64-bit numbers, one left of the window is taken for one of the next cycle (RFC 4303 appendix A2).
        let old = matches!(discard, Discard::Replayed | Discard::BadIcv);
        // So late that its keys have gone meanwhile.
        let oldest = oldest(self.nodes[packet.to].stage);
        let outdated = generation_of(spi_of(&packet.octets)) < oldest;
        if honest && (new || !old) && !(outdated && discard == Discard::UnknownSpi) {
            let text = format!("{}: number {number}: {discard}", self.nodes[packet.to].name);
            self.violate(ViolationKind::Protection, text);
        }
    }
}

/// A datagram of UDP port 5436 around a Mobility Header.
pub(super) fn datagram(mobility_header: Vec<u8>) -> Vec<u8> {
    let port = PORT_PMIP6_CNTL.to_be_bytes();
    let length = ((UDP_LEN + mobility_header.len()) as u16).to_be_bytes();
    let mut datagram = [port, port, length, [0, 0]].concat();
    datagram.extend(mobility_header);
    datagram
}

/// Opens a packet as if none had come before it.
fn open_anew(layout: &Layout, stage: u32, packet: &Sealed) -> Result<Opened, Discard> {
    let boundary = Boundary::new(&config(layout, packet.to, stage), 0, Saved::default());
    match boundary {
        Ok(mut boundary) => boundary.open(packet.source, &packet.octets),
        Err(_) => Err(Discard::Replayed),
    }
}
