//! Tunnels: a prepared header each, and which may send to us (RFC 2473, RFC 4213, RFC 2784).

pub(crate) mod ecn;
mod form;
pub(crate) mod fragment;
pub(crate) mod rewrite;
mod template;
pub(crate) mod wrap;

use crate::packet::header::{ETHERNET, IPV6, address, ip, ipv4_key, key, u32_at};
use crate::packet::wrap::Wrap;
use crate::table::{Key, NONE, Table, mix, prefetch};
use crate::update::{Realm, TunnelSlot, TunnelSpec};
use form::Form;

/// Octets in front of an inner packet in the plain form: Ethernet and IPv6. Every form over IPv4 fits.
pub(crate) const OUTER: usize = ETHERNET + IPV6;
/// Between two events about one tunnel without a next hop.
const UNRESOLVED_EVENT_INTERVAL_MS: u64 = 100;

/// Whether a tunnel carries packets, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum TunnelState {
    /// The slot is not set.
    Unset,
    /// Its next hop is not known.
    Unresolved,
    /// It does: IP in IPv6, and nothing else.
    ReadyPlain,
    /// It does, in another form.
    ReadyWrapped,
}

/// The part of a tunnel that a packet needs: one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tunnel {
    /// Ethernet and the outer headers: over IPv6 without what follows the IPv6 header. Lengths, next
    /// headers, ECN, flow label and identification are the packet's.
    header: [u8; OUTER],
    pub(crate) mtu_bytes: u16,
    /// GRE key to send, if the form has one.
    key: u32,
    /// DPDK's number: below `MAX_PORTS`.
    port: u8,
    /// Encapsulation limit to send, if the form has one.
    limit: u8,
    pub(crate) state: TunnelState,
    form: Form,
}

const _: () = assert!(size_of::<Tunnel>() == 64, "a template is a cache line");

impl Tunnel {
    const UNSET: Self = Self {
        header: [0; OUTER],
        mtu_bytes: 0,
        key: 0,
        port: 0,
        limit: 0,
        state: TunnelState::Unset,
        form: Form::PLAIN,
    };

    fn outer(&self) -> &[u8; IPV6] {
        self.header.last_chunk().expect("54 octets have 40")
    }

    /// Our end, then the other one, of a tunnel of the plain form.
    #[inline(always)]
    fn plain_ends(&self) -> (u128, u128) {
        (address(self.outer(), 8), address(self.outer(), 24))
    }

    /// Our end, then the other one.
    fn ends(&self) -> (u128, u128) {
        if self.form.over_ipv4() {
            let [local, remote] = [12, 16].map(|at| u32_at(self.outer(), at));
            (ipv4_key(local), ipv4_key(remote))
        } else {
            self.plain_ends()
        }
    }

    /// The other end.
    pub(crate) fn remote(&self) -> std::net::IpAddr {
        ip(self.ends().1)
    }
}

/// What a tunnel packet is known by when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ends {
    local: u128,
    remote: u128,
    wrap: Wrap,
}

impl Key for Ends {
    #[inline(always)]
    fn hashed(self) -> u64 {
        mix(self.local.hashed() ^ self.wrap.bits(), self.remote.hashed())
    }
}

/// What is rarely needed.
#[derive(Debug, Clone, Copy, Default)]
struct Rare {
    /// Homes and pairs that point here.
    users: u32,
    /// How packets come from it.
    wrap: Wrap,
    /// When its missing next hop was last told.
    told_cycles: Option<u64>,
    /// The realm of IPv4 packets that come out of it.
    realm: Option<Realm>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Tunnels {
    slots: Box<[Tunnel]>,
    rare: Box<[Rare]>,
    /// Slot by ends and wrap.
    ends: Table<Ends, 1>,
    last: Option<(Ends, u32)>,
    event_interval_cycles: u64,
    /// Tunnels with a realm: without any, no realm is looked up.
    in_realms: u32,
    /// Of the last outer packet that may be fragmented on its way.
    identification: u32,
}

/// Why a tunnel was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such slot.
    Slot,
    /// There is no such tunnel: addresses of two families, UDP over IPv6, another local port.
    Form,
}

impl Tunnels {
    /// `seed` is where the identifications of outer packets begin: workers share tunnels.
    pub(crate) fn new(capacity: u32, cycles_per_s: u64, seed: u32) -> Self {
        Self {
            slots: vec![Tunnel::UNSET; capacity as usize].into_boxed_slice(),
            rare: vec![Rare::default(); capacity as usize].into_boxed_slice(),
            ends: Table::new(capacity),
            last: None,
            event_interval_cycles: cycles_per_s / 1_000 * UNRESOLVED_EVENT_INTERVAL_MS,
            in_realms: 0,
            identification: seed,
        }
    }

    /// An identification for the next outer packet (RFC 791, RFC 8200 section 4.5).
    pub(crate) fn identify(&mut self) -> u32 {
        self.identification = self.identification.wrapping_add(1);
        self.identification
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

    /// Slot of the tunnel that a packet with these outer addresses, wrapped like this, came through, or
    /// [`NONE`]. Packets come in trains: the last answer is tried first.
    #[inline(always)]
    pub(crate) fn arrived_through(&mut self, local: u128, remote: u128, wrap: Wrap) -> u32 {
        let ends = Ends {
            local,
            remote,
            wrap,
        };
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
        let (Some(form), Some(wrap)) = (Form::of(spec), Wrap::of(spec.encapsulation, spec.gre))
        else {
            return Err(Refused::Form);
        };
        self.forget_ends(slot);
        let ends = Ends {
            local: key(spec.local),
            remote: key(spec.remote),
            wrap,
        };
        // Two slots with the same ends: the later one is where packets are taken from.
        self.ends.remove(ends, 0);
        // Has room: as many ends as slots, and this slot's were just forgotten.
        let _ = self.ends.insert(ends, 0, slot.0);
        self.slots[slot.0 as usize] = template::template(spec, form);
        self.rare[slot.0 as usize].wrap = wrap;
        Ok(())
    }

    /// Whether packets of any tunnel are of a realm.
    #[inline(always)]
    pub(crate) fn any_in_realm(&self) -> bool {
        self.in_realms > 0
    }

    /// The realm of IPv4 packets out of a tunnel.
    pub(crate) fn realm_of(&self, slot: u32) -> Option<Realm> {
        self.rare.get(slot as usize).and_then(|rare| rare.realm)
    }

    /// Says the realm of IPv4 packets out of a tunnel.
    pub(crate) fn set_realm(&mut self, slot: TunnelSlot, realm: Option<Realm>) {
        let Some(rare) = self.rare.get_mut(slot.0 as usize) else {
            return;
        };
        let before = std::mem::replace(&mut rare.realm, realm);
        self.in_realms += u32::from(realm.is_some());
        self.in_realms -= u32::from(before.is_some());
    }

    /// Clears a tunnel; how many homes and pairs still point to it, or none when it was not set.
    pub(crate) fn clear(&mut self, slot: TunnelSlot) -> Option<u32> {
        if self.get(slot.0)?.state == TunnelState::Unset {
            return None;
        }
        self.forget_ends(slot);
        self.slots[slot.0 as usize] = Tunnel::UNSET;
        self.set_realm(slot, None);
        let rare = &mut self.rare[slot.0 as usize];
        rare.told_cycles = None;
        Some(rare.users)
    }

    fn forget_ends(&mut self, slot: TunnelSlot) {
        self.last = None;
        let tunnel = &self.slots[slot.0 as usize];
        let (local, remote) = tunnel.ends();
        let ends = Ends {
            local,
            remote,
            wrap: self.rare[slot.0 as usize].wrap,
        };
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
