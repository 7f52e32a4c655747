//! Tunnels: a prepared header each, and which may send to us (RFC 2473).

pub(crate) mod ecn;
pub(crate) mod rewrite;

use std::net::IpAddr;

use crate::packet::header::{ETHERNET, ETHERTYPE_IPV6, IPV6, address};
use crate::table::{Key, NONE, Table, prefetch};
use crate::update::{Encapsulation, TunnelSlot, TunnelSpec};

/// Octets in front of an inner packet: Ethernet and IPv6.
pub(crate) const OUTER: usize = ETHERNET + IPV6;
/// Between two events about one tunnel without a next hop.
const UNRESOLVED_EVENT_INTERVAL_MS: u64 = 100;

/// Whether a tunnel carries packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum TunnelState {
    /// The slot is not set.
    Unset,
    /// Its next hop is not known.
    Unresolved,
    /// It does.
    Ready,
}

/// The part of a tunnel that a packet needs: one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tunnel {
    /// Ethernet and IPv6; next header, payload length, ECN and flow label are the packet's.
    pub(crate) header: [u8; OUTER],
    pub(crate) port: u16,
    pub(crate) mtu_bytes: u16,
    pub(crate) state: TunnelState,
}

const _: () = assert!(size_of::<Tunnel>() == 64, "a template is a cache line");

impl Tunnel {
    const UNSET: Self = Self {
        header: [0; OUTER],
        port: 0,
        mtu_bytes: 0,
        state: TunnelState::Unset,
    };

    fn outer(&self) -> &[u8; IPV6] {
        self.header.last_chunk().expect("54 octets have 40")
    }

    /// Our end.
    #[inline(always)]
    pub(crate) fn local(&self) -> u128 {
        address(self.outer(), 8)
    }

    /// The other end.
    #[inline(always)]
    pub(crate) fn remote(&self) -> u128 {
        address(self.outer(), 24)
    }
}

/// What is rarely needed.
#[derive(Debug, Clone, Copy, Default)]
struct Rare {
    /// Homes and pairs that point here.
    users: u32,
    /// When its missing next hop was last told.
    told_cycles: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Tunnels {
    slots: Box<[Tunnel]>,
    rare: Box<[Rare]>,
    /// Slot by (local, remote).
    ends: Table<[u128; 2], 1>,
    last: Option<([u128; 2], u32)>,
    event_interval_cycles: u64,
}

/// Why a tunnel was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such slot.
    Slot,
    /// What does not exist: addresses of two families, UDP over IPv6, another local port.
    Form,
}

impl Tunnels {
    pub(crate) fn new(capacity: u32, cycles_per_s: u64) -> Self {
        Self {
            slots: vec![Tunnel::UNSET; capacity as usize].into_boxed_slice(),
            rare: vec![Rare::default(); capacity as usize].into_boxed_slice(),
            ends: Table::new(capacity),
            last: None,
            event_interval_cycles: cycles_per_s / 1_000 * UNRESOLVED_EVENT_INTERVAL_MS,
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self, slot: u32) -> Option<&Tunnel> {
        self.slots.get(slot as usize)
    }

    /// Asks the cache for a template.
    #[inline(always)]
    pub(crate) fn prefetch(&self, slot: u32) {
        if let Some(tunnel) = self.slots.get(slot as usize) {
            prefetch(tunnel);
        }
    }

    /// Slot of the tunnel that a packet with these outer addresses came through, or [`NONE`]. Packets
    /// come in trains: the last answer is tried first.
    #[inline(always)]
    pub(crate) fn arrived_through(&mut self, local: u128, remote: u128) -> u32 {
        let ends = [local, remote];
        match self.last {
            Some((last, slot)) if last == ends => slot,
            _ => match self.ends.get(ends.hashed(), ends, 0) {
                Some(slot) => {
                    self.last = Some((ends, slot));
                    slot
                }
                None => NONE,
            },
        }
    }

    /// Whether there is such a slot.
    pub(crate) fn has(&self, slot: TunnelSlot) -> bool {
        (slot.0 as usize) < self.slots.len()
    }

    /// Sets or replaces a tunnel.
    pub(crate) fn set(&mut self, slot: TunnelSlot, spec: &TunnelSpec) -> Result<(), Refused> {
        if !self.has(slot) {
            return Err(Refused::Slot);
        }
        let (IpAddr::V6(local), IpAddr::V6(remote)) = (spec.local, spec.remote) else {
            return Err(Refused::Form);
        };
        if spec.encapsulation != Encapsulation::Ip || spec.gre.is_some() {
            return Err(Refused::Form);
        }
        self.forget_ends(slot);
        let ends = [u128::from(local), u128::from(remote)];
        // Two slots with the same ends: the later one is where packets are taken from.
        self.ends.remove(ends, 0);
        // Has room: as many ends as slots, and this slot's were just forgotten.
        let _ = self.ends.insert(ends, 0, slot.0);
        self.slots[slot.0 as usize] = template(spec, local.octets(), remote.octets());
        Ok(())
    }

    /// Clears a tunnel; how many homes and pairs still point to it, or none when it was not set.
    pub(crate) fn clear(&mut self, slot: TunnelSlot) -> Option<u32> {
        if self.get(slot.0)?.state == TunnelState::Unset {
            return None;
        }
        self.forget_ends(slot);
        self.slots[slot.0 as usize] = Tunnel::UNSET;
        let rare = &mut self.rare[slot.0 as usize];
        rare.told_cycles = None;
        Some(rare.users)
    }

    fn forget_ends(&mut self, slot: TunnelSlot) {
        self.last = None;
        let tunnel = &self.slots[slot.0 as usize];
        let ends = [tunnel.local(), tunnel.remote()];
        if tunnel.state != TunnelState::Unset
            && self.ends.get(ends.hashed(), ends, 0) == Some(slot.0)
        {
            self.ends.remove(ends, 0);
        }
    }

    /// One more entry points to the slot.
    pub(crate) fn refer(&mut self, slot: u32) {
        if let Some(rare) = self.rare.get_mut(slot as usize) {
            rare.users += 1;
        }
    }

    /// One entry less points to the slot.
    pub(crate) fn unrefer(&mut self, slot: u32) {
        if let Some(rare) = self.rare.get_mut(slot as usize) {
            rare.users = rare.users.saturating_sub(1);
        }
    }

    /// Whether it is time to tell that this tunnel has no next hop.
    #[cold]
    pub(crate) fn may_tell(&mut self, slot: u32, now_cycles: u64) -> bool {
        let Some(rare) = self.rare.get_mut(slot as usize) else {
            return false;
        };
        let due = rare
            .told_cycles
            .is_none_or(|told| now_cycles.wrapping_sub(told) >= self.event_interval_cycles);
        if due {
            rare.told_cycles = Some(now_cycles);
        }
        due
    }
}

fn template(spec: &TunnelSpec, local: [u8; 16], remote: [u8; 16]) -> Tunnel {
    let mut header = [0; OUTER];
    if let Some(hop) = spec.next_hop {
        header[..6].copy_from_slice(&hop.destination_mac);
        header[6..12].copy_from_slice(&hop.source_mac);
    }
    header[12..14].copy_from_slice(&ETHERTYPE_IPV6.to_be_bytes());
    header[14] = 6 << 4;
    header[21] = spec.hop_limit;
    header[22..38].copy_from_slice(&local);
    header[38..54].copy_from_slice(&remote);
    Tunnel {
        header,
        port: spec.next_hop.map_or(0, |hop| hop.port),
        mtu_bytes: spec.mtu_bytes,
        state: match spec.next_hop {
            Some(_) => TunnelState::Ready,
            None => TunnelState::Unresolved,
        },
    }
}
