//! Mobile access gateway, and the correspondent gateway, which is like one.

use super::{Found, Verdict, counted, far_home, into_network, into_tunnel};
use crate::config::Role;
use crate::event::{IcmpError, PuntReason};
use crate::packet::Buffer;
use crate::packet::classify::Packet;
use crate::packet::header::ipv4_key;
use crate::stats::{Counter, DropReason};
use crate::table::{HomeEntry, HomeKind, PairEntry, PairKind};
use crate::tunnel::rewrite;
use crate::worker::State;

/// From a mobile node: its source must be a home of the very link it came from. Then the pair's way, or
/// the anchor's.
#[inline(always)]
pub(super) fn from_access<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let home = match state.homes.entry(found.source) {
        Some(home) if home.kind == HomeKind::Attached => home,
        _ => return from_realm(state, packet, buffer),
    };
    if !home.link.is_set {
        return Err(DropReason::IncompleteEntry.into());
    }
    if !is_on_link(home, packet) {
        return from_realm(state, packet, buffer);
    }
    if is_to_router(home, packet) {
        return Err(Verdict::Punt(PuntReason::Local));
    }
    let lma = home.tunnel;
    if home.pairs > 0
        && let Some(pair) = state.pairs.find(packet.source, packet.destination)
    {
        match *pair {
            PairEntry {
                kind: PairKind::Send,
                tunnel,
                path,
                ..
            } => {
                let verdict = into_tunnel(state, packet, tunnel, buffer)?;
                return on_path(state, Counter::PathSent, path, packet, verdict);
            }
            PairEntry {
                kind: PairKind::Local,
                path,
                ..
            } => return switch(state, packet, path, buffer),
            PairEntry {
                kind: PairKind::Receive | PairKind::HandBack | PairKind::HandBackAccept,
                ..
            } => {}
        }
    }
    if state.detect.is_enabled() {
        state.pair_talks(
            u64::from(found.source),
            far_home(packet.destination),
            packet,
        );
    }
    if state.role == Role::Cn {
        let verdict = into_network(state, packet, buffer)?;
        return counted(state, Counter::CnUp, verdict);
    }
    let verdict = into_tunnel(state, packet, lma, buffer)?;
    counted(state, Counter::MagUp, verdict)
}

/// No home of its address is on its link, or none that every realm knows: where there is one of a realm, the
/// packet goes to its anchor. No pair takes it: RO messages name no realm (draft-loureiro section 6.1).
#[cold]
fn from_realm<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let link = (packet.port, packet.vlan, packet.source_mac);
    let index = match packet.ipv4 {
        true => state.homes.find_uplink(packet.source as u32, link),
        false => None,
    };
    let home = index.and_then(|index| state.homes.entry(index));
    let Some(home) = home.filter(|home| is_on_link(home, packet)) else {
        return Err(DropReason::SourceNotOnLink.into());
    };
    if is_to_router(home, packet) {
        return Err(Verdict::Punt(PuntReason::Local));
    }
    let (realm, lma) = (home.realm, home.tunnel);
    let moved = into_tunnel(state, packet, lma, buffer);
    let verdict = moved.map_err(|refused| refused.within(realm))?;
    counted(state, Counter::MagUp, verdict)
}

/// Port, VLAN and link-layer source: the link is point-to-point (RFC 5213 section 6.3).
#[inline(always)]
fn is_on_link(home: &HomeEntry, packet: &Packet) -> bool {
    home.link.port == packet.port
        && home.link.vlan == packet.vlan
        && home.link.mn_mac == packet.source_mac
}

/// The MN's IPv4 default router is this gateway (RFC 5844 section 3.3.3).
#[inline(always)]
fn is_to_router(home: &HomeEntry, packet: &Packet) -> bool {
    packet.ipv4 && home.link.router != 0 && packet.destination == ipv4_key(home.link.router)
}

/// Both ends attached here: from link to link (`Local`).
fn switch<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    path: u32,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let hash = state.homes.prefetch(packet.destination, packet.ipv4);
    let index = state.homes.find(packet.destination, packet.ipv4, hash);
    let link = attached(state, index)?.link;
    let verdict = rewrite::deliver(packet, &link, buffer, &mut state.tally)?;
    on_path(state, Counter::PathLocal, path, packet, verdict)
}

/// From a tunnel: the destination must be attached, and the tunnel be its anchor's, or one that a pair
/// allows for this source. What a pair says is to be handed back goes back to the anchor.
#[inline(always)]
pub(super) fn from_tunnel<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    if state.tunnels.get(found.arrived).is_none() {
        return Err(DropReason::TunnelSourceNotAllowed.into());
    }
    let (link, lma) = match attached(state, found.destination) {
        Ok(home) => (home.link, home.tunnel),
        Err(refused) => return hand_back(state, packet, found, buffer, refused),
    };
    if found.arrived == lma {
        let verdict = rewrite::deliver(packet, &link, buffer, &mut state.tally)?;
        return counted(state, Counter::MagDown, verdict);
    }
    match state.pairs.find(packet.source, packet.destination) {
        Some(&PairEntry {
            kind: PairKind::Receive,
            tunnel,
            path,
            ..
        }) if tunnel == found.arrived => {
            let verdict = rewrite::deliver(packet, &link, buffer, &mut state.tally)?;
            on_path(state, Counter::PathReceived, path, packet, verdict)
        }
        _ => {
            let refused = DropReason::TunnelSourceNotAllowed.into();
            hand_back(state, packet, found, buffer, refused)
        }
    }
}

/// HL-34: the destination has left, and the other MAG still sends here. Only what the pair names, only from
/// the tunnel that it names, and never into the tunnel that it came from; all else stays `refused`. A
/// pair that is to be handed back is so while its home's entry still stands, too: that goes next.
#[cold]
fn hand_back<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
    refused: Verdict,
) -> Result<Verdict, Verdict> {
    match state.pairs.find(packet.source, packet.destination) {
        Some(&PairEntry {
            kind: PairKind::HandBack,
            tunnel,
            arrived,
            path,
        }) if arrived == found.arrived && tunnel != found.arrived => {
            let verdict = into_tunnel(state, packet, tunnel, buffer)?;
            on_path(state, Counter::PathHandedBack, path, packet, verdict)
        }
        _ => Err(refused),
    }
}

/// An answer of control's to somebody elsewhere. One that speaks for an attached home, of whose link this node is
/// the router, goes the way of what that home sends: so it is taken wherever the home's packets are.
#[cold]
pub(super) fn answer<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    let hash = state.homes.prefetch(packet.source, packet.ipv4);
    let index = state.homes.find(packet.source, packet.ipv4, hash);
    let Ok(home) = attached(state, index) else {
        return into_network(state, packet, buffer);
    };
    let lma = home.tunnel;
    match state.pairs.find(packet.source, packet.destination) {
        Some(&PairEntry {
            kind: PairKind::Send,
            tunnel,
            ..
        }) => into_tunnel(state, packet, tunnel, buffer),
        _ if state.role == Role::Cn => into_network(state, packet, buffer),
        _ => into_tunnel(state, packet, lma, buffer),
    }
}

/// CN: packets from the network go to served addresses as they are. A MAG takes nothing from there.
pub(super) fn from_network<B: Buffer>(
    state: &mut State,
    packet: &Packet,
    found: &Found,
    buffer: &mut B,
) -> Result<Verdict, Verdict> {
    if state.role != Role::Cn {
        return Err(DropReason::NotOwnAddress.into());
    }
    let link = attached(state, found.destination)?.link;
    let verdict = rewrite::deliver(packet, &link, buffer, &mut state.tally)?;
    counted(state, Counter::CnDown, verdict)
}

/// The entry of an attached home with its link set.
#[inline(always)]
fn attached(state: &State, index: u32) -> Result<&HomeEntry, Verdict> {
    match state.homes.entry(index) {
        Some(home) if home.kind != HomeKind::Attached => Err(not_attached()),
        Some(home) if home.link.is_set => Ok(home),
        Some(_) => Err(DropReason::IncompleteEntry.into()),
        None => Err(not_attached()),
    }
}

/// RFC 5213 section 6.10.5: dropped, and the source is told as in RFC 2473 section 8.
fn not_attached() -> Verdict {
    Verdict::Refuse(DropReason::NotAttached, IcmpError::Unreachable)
}

#[inline(always)]
fn on_path(
    state: &mut State,
    counter: Counter,
    path: u32,
    packet: &Packet,
    verdict: Verdict,
) -> Result<Verdict, Verdict> {
    state.stats.count_path(path, u64::from(packet.ip_octets));
    counted(state, counter, verdict)
}
