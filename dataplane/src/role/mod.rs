//! What a role does with a user packet: source checks first (RFC 5213 sections 5.6.2 and 6.10.5), then the
//! way it goes. One packet, one verdict.

mod lma;
mod mag;

use crate::config::Role;
use crate::event::{Event, IcmpError, PuntReason};
use crate::packet::Buffer;
use crate::packet::classify::{Origin, Packet};
use crate::packet::header::is_ipv4_key;
use crate::stats::{Counter, DropReason};
use crate::table::{HomeKind, NONE};
use crate::tunnel::fragment::Whole;
use crate::tunnel::{TunnelState, rewrite, wrap};
use crate::update::{NextHop, Realm};
use crate::worker::State;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Forwarded by this port.
    Transmit(u16),
    /// Forwarded by this port, in fragments.
    Fragment {
        /// DPDK's number.
        port: u16,
        /// Largest IP packet on the way, octets.
        octets: u16,
        /// Whose fragments they are.
        of: Whole,
    },
    /// Waits for the rest of its packet.
    Reassemble,
    /// Control's.
    Punt(PuntReason),
    /// Dropped and counted.
    Drop(DropReason),
    /// Dropped and counted, and control may send the source an ICMP error about it.
    Refuse(DropReason, IcmpError),
    /// The same, in a realm.
    RefuseIn(DropReason, IcmpError, Realm),
}

const _: () = assert!(
    size_of::<Verdict>() <= 8,
    "a verdict is returned in a register"
);

impl Verdict {
    /// What is refused in a realm is told in it.
    #[inline]
    fn within(self, realm: Option<Realm>) -> Self {
        match (self, realm) {
            (Self::Refuse(reason, error), Some(realm)) => Self::RefuseIn(reason, error, realm),
            (verdict, _) => verdict,
        }
    }
}

impl From<DropReason> for Verdict {
    fn from(reason: DropReason) -> Self {
        Self::Drop(reason)
    }
}

/// What tells one far end from another where no table does: an IPv6 /64, or a whole IPv4 address with its
/// realm, which are the low half of its look-up form.
#[inline(always)]
fn far_home(address: u128) -> u64 {
    if is_ipv4_key(address) {
        address as u64
    } else {
        (address >> 64) as u64
    }
}

/// What the tables said about a packet before its turn came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Hash of the source, of the destination.
    pub(crate) hashes: [u64; 2],
    /// Home of the source, or [`NONE`].
    pub(crate) source: u32,
    /// Home of the destination, or [`NONE`].
    pub(crate) destination: u32,
    /// Tunnel that it came through, or [`NONE`].
    pub(crate) arrived: u32,
}

impl Default for Found {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl Found {
    pub(crate) const NOTHING: Self = Self {
        hashes: [0; 2],
        source: NONE,
        destination: NONE,
        arrived: NONE,
    };
}

/// Whether a packet's source and destination have to be looked up among the homes at once. An anchor asks
/// for both; a gateway for the one that is on its side.
#[inline(always)]
pub(crate) fn asks_for(role: Role, origin: Origin) -> (bool, bool) {
    match (role, origin) {
        (Role::Lma, _) => (true, true),
        (_, Origin::Access) => (true, false),
        (_, Origin::Tunnel | Origin::Network) => (false, true),
    }
}

/// Moves a packet, or says why not.
#[inline(always)]
pub(crate) fn act<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Verdict {
    let moved = match (state.role, packet.origin) {
        (Role::Lma, Origin::Tunnel) => lma::from_tunnel(state, packet, found, buffer),
        (Role::Lma, _) => lma::from_network(state, packet, found, buffer),
        (_, Origin::Access) => mag::from_access(state, packet, found, buffer),
        (_, Origin::Tunnel) => mag::from_tunnel(state, packet, found, buffer),
        (_, Origin::Network) => mag::from_network(state, packet, found, buffer),
    };
    moved.unwrap_or_else(|refused| refused.within(packet.realm()))
}

/// Moves a packet of control's to where its destination is. Nothing of it is told to anybody: it is an answer.
#[cold]
pub(crate) fn route<B: Buffer>(state: &mut State, packet: &Packet, buffer: &mut B) -> Verdict {
    let hash = state.homes.prefetch(packet.destination, packet.ipv4);
    let index = state.homes.find(packet.destination, packet.ipv4, hash);
    let home = state.homes.entry(index).copied();
    let moved = match home.map(|home| (home.kind, home)) {
        Some((HomeKind::Attached, home)) if home.link.is_set => {
            rewrite::deliver(packet, &home.link, buffer, &mut state.tally)
        }
        Some((HomeKind::Attached, _)) => Err(DropReason::IncompleteEntry.into()),
        Some((HomeKind::Anchored, home)) => into_tunnel(state, packet, home.tunnel, buffer),
        Some((HomeKind::Suspended, _)) => Err(DropReason::BindingSuspended.into()),
        Some((HomeKind::PeerAnchored | HomeKind::Absent, _)) | None => match state.role {
            Role::Lma => into_network(state, packet, buffer),
            Role::Mag | Role::Cn => mag::answer(state, packet, buffer),
        },
    };
    match moved {
        Ok(Verdict::Refuse(reason, _)) | Err(Verdict::Refuse(reason, _)) => reason.into(),
        Ok(verdict) | Err(verdict) => verdict,
    }
}

/// Puts a packet into a tunnel if the tunnel carries packets.
#[inline(always)]
fn into_tunnel<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    slot: u32,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    match state.tunnels.get(slot) {
        Some(tunnel)
            if tunnel.state == TunnelState::ReadyPlain && rewrite::is_plain(packet, tunnel) =>
        {
            rewrite::encapsulate(packet, tunnel, buffer, &mut state.tally)
        }
        _ => into_wrapped_tunnel(state, packet, slot, buffer),
    }
}

/// The same for a tunnel or packet that is not plain.
#[inline(never)]
fn into_wrapped_tunnel<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    slot: u32,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let Some(tunnel) = state.tunnels.get(slot).copied() else {
        return Err(DropReason::IncompleteEntry.into());
    };
    match tunnel.state {
        TunnelState::ReadyPlain | TunnelState::ReadyWrapped => {
            let identification = state.tunnels.identify();
            wrap::encapsulate(packet, &tunnel, identification, buffer, &mut state.tally)
        }
        TunnelState::Unresolved => {
            let remote = tunnel.remote();
            if state.tunnels.may_tell(slot, state.now_cycles) {
                state.tell(Event::TunnelUnresolved { remote });
            }
            Err(DropReason::TunnelUnresolved.into())
        }
        TunnelState::Unset => Err(DropReason::IncompleteEntry.into()),
    }
}

/// Gives a packet to the network if its next hop is known.
#[inline(always)]
fn into_network<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let hop = match packet.realm() {
        None => state.network.ok_or(DropReason::NetworkUnresolved)?,
        Some(realm) => realm_network(state, realm)?,
    };
    let mtu_bytes = state.ground.port(hop.port).map_or(0, |role| role.mtu_bytes);
    rewrite::to_network(packet, &hop, mtu_bytes, buffer, &mut state.tally)
}

/// The next hop of a realm's own network.
#[cold]
fn realm_network(state: &State, realm: Realm) -> Result<NextHop, DropReason> {
    let networks = state.realm_networks.iter().flatten();
    let hop = networks.filter(|(of, _)| *of == realm).find_map(|of| of.1);
    hop.ok_or(DropReason::RealmUnreachable)
}

/// Counts a forwarded packet.
#[inline(always)]
fn counted(state: &mut State, counter: Counter, verdict: Verdict) -> Result<Verdict, Verdict> {
    state.tally.add(counter, 1);
    Ok(verdict)
}
