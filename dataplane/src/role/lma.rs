//! Local mobility anchor.

use super::{Found, Verdict, counted, far_home, into_network, into_tunnel};
use crate::event::IcmpError;
use crate::packet::Buffer;
use crate::packet::classify::Packet;
use crate::stats::{Counter, DropReason};
use crate::table::{HomeKind, PairEntry, PairKind};
use crate::worker::State;

/// From a MAG: the tunnel must be that of the source's Proxy-CoA, or the packet be one that the MAG may
/// hand back. Then an own home's tunnel, or the network.
#[inline(always)]
pub(super) fn from_tunnel<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    match state.homes.entry(found.source) {
        Some(home) if home.kind == HomeKind::Anchored && home.tunnel == found.arrived => {}
        Some(home) if home.kind == HomeKind::Suspended => {
            return Err(DropReason::BindingSuspended.into());
        }
        _ => return hand_back(state, packet, found, buffer),
    }
    if state.tunnels.get(found.arrived).is_none() {
        return Err(DropReason::TunnelSourceNotAllowed.into());
    }
    let (kind, tunnel) = match state.homes.entry(found.destination) {
        Some(home) => (home.kind, home.tunnel),
        None => (HomeKind::Absent, 0),
    };
    match kind {
        HomeKind::Anchored => {
            // Both ends on one MAG is legal: the packet goes back where it came from.
            let verdict = into_tunnel(state, packet, tunnel, buffer)?;
            notice(state, packet, found, u64::from(found.destination));
            counted(state, Counter::LmaHairpin, verdict)
        }
        HomeKind::Suspended => Err(DropReason::BindingSuspended.into()),
        HomeKind::PeerAnchored => {
            let verdict = into_network(state, packet, buffer)?;
            // The entry is the peer LMA's whole prefix: it does not tell its MNs apart.
            notice(state, packet, found, far_home(packet.destination));
            counted(state, Counter::LmaToPeer, verdict)
        }
        HomeKind::Absent | HomeKind::Attached => {
            let verdict = into_network(state, packet, buffer)?;
            counted(state, Counter::LmaUp, verdict)
        }
    }
}

/// HL-34: the source is not behind this tunnel, but the destination was until just now, and its packets
/// may come back. They go to where it is now, and not to the MAG that handed them back. Nobody's talking
/// is noticed here: the pair has its path.
#[cold]
fn hand_back<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let path = match state.pairs.find(packet.source, packet.destination) {
        Some(&PairEntry {
            kind: PairKind::HandBackAccept,
            tunnel,
            path,
            ..
        }) if tunnel == found.arrived => path,
        _ => return Err(DropReason::TunnelSourceNotAllowed.into()),
    };
    let tunnel = match state.homes.entry(found.destination) {
        Some(home) if home.kind == HomeKind::Anchored && home.tunnel != found.arrived => {
            home.tunnel
        }
        Some(home) if home.kind == HomeKind::Suspended => {
            return Err(DropReason::BindingSuspended.into());
        }
        _ => return Err(DropReason::TunnelSourceNotAllowed.into()),
    };
    let verdict = into_tunnel(state, packet, tunnel, buffer)?;
    state.stats.count_path(path, u64::from(packet.ip_octets));
    counted(state, Counter::LmaHandBack, verdict)
}

/// The RO Trigger function's eye (draft-loureiro-netext-pmipv6-ro section 3): source and destination are
/// both mobile, and their packets pass through here.
#[inline(always)]
fn notice(state: &mut State, packet: &Packet, found: &Found, destination: u64) {
    if state.detect.is_enabled() {
        state.pair_talks(u64::from(found.source), destination, packet);
    }
}

/// From the network: to an own home's tunnel, unless it claims to come from an own home.
#[inline(always)]
pub(super) fn from_network<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    if let Some(home) = state.homes.entry(found.source)
        && matches!(home.kind, HomeKind::Anchored | HomeKind::Suspended)
    {
        return Err(DropReason::SpoofedHome.into());
    }
    match state.homes.entry(found.destination) {
        Some(home) if home.kind == HomeKind::Anchored => {
            let verdict = into_tunnel(state, packet, home.tunnel, buffer)?;
            counted(state, Counter::LmaDown, verdict)
        }
        Some(home) if home.kind == HomeKind::Suspended => Err(DropReason::BindingSuspended.into()),
        _ => Err(Verdict::Refuse(
            DropReason::NoBinding,
            IcmpError::Unreachable,
        )),
    }
}
