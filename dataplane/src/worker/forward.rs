//! The stages between a receive burst and its verdicts. Every stage goes over the whole burst and asks the
//! cache for what the next one reads, so that the misses of a burst overlap:
//!
//! ```text
//!   read headers ──▶ ask for buckets ──▶ look up, ask for entries ──▶ ask for templates ──▶ act
//! ```

use super::state::State;
use crate::config::MAX_BURST_PACKETS;
use crate::packet::Buffer;
use crate::packet::classify::{Origin, Packet, classify, read_own};
use crate::role::{Found, Verdict, act, asks_for, route};
use crate::stats::DropReason;
use crate::table::HomeKind;
use crate::update::Realm;

/// Packets between the one whose headers are read and the one whose headers are asked for.
const AHEAD: usize = 4;

/// A packet on its way through the stages, filled in place.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Decided by its headers alone; the rest is then of an earlier packet.
    decided: Option<Verdict>,
    packet: Packet,
    found: Found,
}

/// The stages' memory between each other.
pub(crate) struct Forwarder {
    pub(crate) state: State,
    steps: Box<[Step; MAX_BURST_PACKETS]>,
}

impl Forwarder {
    pub(crate) fn new(state: State) -> Self {
        Self {
            state,
            steps: Box::new([Step::default(); MAX_BURST_PACKETS]),
        }
    }

    /// Decides about a burst from one port, and rewrites what is forwarded. One verdict a packet, in order:
    /// as many as there are places for. Returns the octets of the frames.
    #[inline]
    pub(crate) fn burst<B: Buffer>(
        &mut self,
        port: u16,
        packets: &mut [B],
        verdicts: &mut [Verdict],
        now_cycles: u64,
    ) -> u64 {
        let count = packets.len().min(MAX_BURST_PACKETS);
        let packets = &mut packets[..count];
        let steps = &mut self.steps[..count];
        self.state.now_cycles = now_cycles;
        let octets = read(&self.state, port, packets, steps);
        look_up(&mut self.state, steps);
        ask_for_templates(&self.state, steps);
        for ((buffer, step), verdict) in packets.iter_mut().zip(steps).zip(verdicts.iter_mut()) {
            *verdict = match step.decided {
                None => act(&mut self.state, &step.packet, &step.found, buffer),
                Some(decided) => decided,
            };
        }
        octets
    }
}

impl Forwarder {
    /// Decides about a frame of control's that goes by its destination, and rewrites it.
    #[cold]
    pub(crate) fn route<B: Buffer>(&mut self, realm: Option<Realm>, buffer: &mut B) -> Verdict {
        let mut packet = Packet::default();
        if let Err(reason) = read_own(buffer.data(), &mut packet) {
            return reason.into();
        }
        if packet.ipv4 {
            packet.enter(realm);
        }
        cut(&packet, buffer);
        route(&mut self.state, &packet, buffer)
    }
}

/// Takes away what follows the packet in its frame.
#[inline(always)]
fn cut<B: Buffer>(packet: &Packet, buffer: &mut B) {
    let end = usize::from(packet.ip_offset) + packet.ip_octets as usize;
    let padding = buffer.octets().saturating_sub(end);
    if padding > 0 {
        buffer.shrink_back(padding);
    }
}

/// Reads headers and asks for buckets. Octets of the frames.
#[inline(always)]
fn read<B: Buffer>(state: &State, port: u16, packets: &mut [B], steps: &mut [Step]) -> u64 {
    for packet in packets.iter().take(AHEAD) {
        packet.prefetch();
    }
    let mut octets = 0;
    for at in 0..packets.len() {
        if let Some(packet) = packets.get(at + AHEAD) {
            packet.prefetch();
        }
        let buffer = &mut packets[at];
        octets += buffer.octets() as u64;
        let step = &mut steps[at];
        step.decided = read_one(state, port, buffer, step).err();
    }
    octets
}

#[inline(always)]
fn read_one<B: Buffer>(
    state: &State,
    port: u16,
    buffer: &mut B,
    step: &mut Step,
) -> Result<(), Verdict> {
    if !buffer.is_contiguous() && !buffer.linearize() {
        return Err(DropReason::Segmented.into());
    }
    let packet = &mut step.packet;
    classify(&state.ground, port, buffer.data(), packet)?;
    cut(packet, buffer);
    step.found = Found::NOTHING;
    let (source, destination) = asks_for(state.role, packet.origin);
    if source {
        step.found.hashes[0] = state.homes.prefetch(packet.source, packet.ipv4);
    }
    if destination {
        step.found.hashes[1] = state.homes.prefetch(packet.destination, packet.ipv4);
    }
    Ok(())
}

/// Looks homes and tunnels up and asks for their entries.
#[inline(always)]
fn look_up(state: &mut State, steps: &mut [Step]) {
    for step in steps.iter_mut().filter(|step| step.decided.is_none()) {
        let (packet, found) = (&mut step.packet, &mut step.found);
        let (source, destination) = asks_for(state.role, packet.origin);
        if source {
            found.source = state
                .homes
                .find(packet.source, packet.ipv4, found.hashes[0]);
            state.homes.prefetch_entry(found.source);
        }
        if destination {
            found.destination = state
                .homes
                .find(packet.destination, packet.ipv4, found.hashes[1]);
            state.homes.prefetch_entry(found.destination);
        }
        if packet.origin == Origin::Tunnel {
            found.arrived = state.tunnels.arrived_through(
                packet.outer_destination,
                packet.outer_source,
                packet.wrap,
            );
            if packet.ipv4 && state.tunnels.any_in_realm() {
                enter_realm(state, packet, found);
            }
        }
    }
}

/// A packet out of a tunnel of a realm: its homes are that realm's.
#[cold]
fn enter_realm(state: &State, packet: &mut Packet, found: &mut Found) {
    let Some(realm) = state.tunnels.realm_of(found.arrived) else {
        return;
    };
    packet.enter(Some(realm));
    let find = |address| {
        let hash = state.homes.prefetch(address, true);
        let index = state.homes.find(address, true, hash);
        state.homes.prefetch_entry(index);
        index
    };
    let (source, destination) = asks_for(state.role, packet.origin);
    if source {
        found.source = find(packet.source);
    }
    if destination {
        found.destination = find(packet.destination);
    }
}

/// Reads entries and asks for the templates and pairs that they lead to.
#[inline(always)]
fn ask_for_templates(state: &State, steps: &[Step]) {
    for step in steps.iter().filter(|step| step.decided.is_none()) {
        let (packet, found) = (&step.packet, &step.found);
        match packet.origin {
            Origin::Access => {
                let Some(home) = state.homes.entry(found.source) else {
                    continue;
                };
                state.tunnels.prefetch(home.tunnel);
                if home.pairs > 0 {
                    state.pairs.prefetch(packet.source, packet.destination);
                }
            }
            Origin::Tunnel | Origin::Network => {
                let Some(home) = state.homes.entry(found.destination) else {
                    continue;
                };
                if home.kind == HomeKind::Anchored {
                    state.tunnels.prefetch(home.tunnel);
                } else if packet.origin == Origin::Tunnel && home.tunnel != found.arrived {
                    state.pairs.prefetch(packet.source, packet.destination);
                }
            }
        }
    }
}
