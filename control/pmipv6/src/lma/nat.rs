//! Which MAG speaks first where NATs are before MAGs (HL-28, RFC 5555 section 4.1).
//!
//! A NAT lets nobody in who was not spoken to before, so a MAG behind one must not be the one that gets the
//! first RO Setup. Its LMA knows of the NAT from the PBU, and whoever gets RO Init sends RO Setup:
//!
//! ```text
//!   one LMA, source's MAG behind a NAT: the pair is taken as if the other MN had spoken first (HL-27)
//!       LMA ── RO Init, roles exchanged ──▶ the MAG behind the NAT ── RO Setup ──▶ the other MAG
//!
//!   two LMAs, source's MAG behind a NAT: the roles are exchanged by a trigger the other way
//!       LMA1 ── RO Trigger, option 31: a NAT before MAG-ADDR ──▶ LMA2
//!       LMA1 ◀── RO Trigger Ack 134, RO Trigger of its own ──── LMA2      as with crossed triggers (HL-16)
//!       LMA1 ── RO Init ──▶ the MAG behind the NAT ── RO Setup ──▶ the other MAG
//! ```
//!
//! A NAT between the MAGs alone is in no PBU. So where one MAG does not reach the other over IPv4, both MNs are ours
//! and no NAT is known, the other is asked to reach the one, once. With two LMAs it stays at status 132 until that
//! MAG speaks to the other of its own accord: RO Trigger has no word for it.
//!
//! With a NAT before each of the two MAGs nobody can speak first: the pair stays with its anchors, status 137,
//! and operators see why. MAGs behind one and the same NAT are neighbours, and nothing is between them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::state::Role;
use super::trigger::Order;
use crate::io::Via;
use crate::path::{Asked, Ends, EndsExt, PathId};
use crate::wire::MobilityOption;
use crate::wire::iana::ro_status;

/// Why a pair has no path: nobody can speak first.
pub(super) const BOTH_BEHIND_NATS: &str = "both MAGs are behind NATs: neither can speak first";

/// Which MAG, both of them of MNs of ours, is to get RO Init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstWord {
    /// The destination's, as ever.
    Destinations,
    /// The source's: the other one cannot reach it.
    Sources,
    /// Neither can reach the other.
    Nobodys,
}

impl LocalMobilityAnchor {
    /// The MAGs of source and destination of a path, in the roles in which RO Setup gets through; none: there are
    /// no such roles. What a peer LMA's MAG is before, only that LMA knows.
    pub(super) fn in_speaking_order(
        &mut self,
        id: PathId,
        source: IpAddr,
        destination: IpAddr,
    ) -> Option<(IpAddr, IpAddr)> {
        let path = self.paths.get(id);
        let single = path.is_some_and(|path| path.role == Role::Single);
        match self.first_word(source, destination) {
            FirstWord::Sources if single => {
                self.exchange_roles(id);
                Some((destination, source))
            }
            FirstWord::Nobodys => None,
            FirstWord::Sources | FirstWord::Destinations => Some((source, destination)),
        }
    }

    fn first_word(&self, source: IpAddr, destination: IpAddr) -> FirstWord {
        let nat_before = |mag| self.node.reach.nat_before(mag);
        match (nat_before(source), nat_before(destination)) {
            (None, _) => FirstWord::Destinations,
            (Some(_), None) => FirstWord::Sources,
            (one, other) if one == other => FirstWord::Destinations,
            _ => FirstWord::Nobodys,
        }
    }

    /// Whether a MAG that did not reach the other may be reached by that. If so, it is tried now.
    pub(super) fn is_other_way_open(&mut self, id: PathId, status: u8) -> bool {
        let open = self.paths.get(id).is_some_and(|path| {
            let reach = &self.node.reach;
            let no_nat_known = |mag| reach.via(mag) != Via::Ipv6 && reach.nat_before(mag).is_none();
            status == ro_status::PEER_MAG_REFUSED_OR_SILENT
                && path.role == Role::Single
                && !path.turned
                && self
                    .entries_of(path)
                    .all(|entry| no_nat_known(entry.proxy_coa))
        });
        if let Some(path) = self.paths.get_mut(id).filter(|_| open) {
            path.turned = true;
        }
        open
    }

    /// The path goes on with source and destination exchanged.
    pub(super) fn exchange_roles(&mut self, id: PathId) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.heard.reverse();
        let ends = path.ends.swapped();
        self.node.count("pmipv6.lr.roles-exchanged");
        self.paths.rename(id, ends);
    }

    /// The options of RO Trigger: where there is a NAT before MAG-ADDR, it says so.
    pub(super) fn trigger_options(
        &self,
        ends: &Ends,
        mag: IpAddr,
        timestamp: u64,
    ) -> Vec<MobilityOption> {
        let reach = &self.node.reach;
        let mut options = reach.beside(mag, ends.options(Some(mag), Some(timestamp)));
        let nat = reach.nat_detection(mag);
        options.extend(nat.filter(|_| reach.nat_before(mag).is_some()));
        options
    }

    /// Whether the MAG of an MN of ours can only be spoken to by those that it has spoken to.
    pub(super) fn is_behind_nat(&self, homes: &[IpNet]) -> bool {
        let entry = homes.first().and_then(|home| self.registered(home));
        entry.is_some_and(|entry| self.node.reach.nat_before(entry.proxy_coa).is_some())
    }

    /// Whether an RO Trigger is to be answered by one of our own, since the MAG that it names has to speak first.
    ///
    /// # Errors
    /// 137: ours would have to, too.
    pub(super) fn is_to_turn(&self, order: &Order, ends: &Ends) -> Result<bool, u8> {
        let own = ends.destination.homes.first();
        let own = own.and_then(|home| self.registered(home));
        let inside = own.is_some_and(|entry| entry.proxy_coa == order.mag);
        match order.behind_nat && !inside {
            true if self.is_behind_nat(&ends.destination.homes) => {
                Err(ro_status::MODE_NOT_SUPPORTED)
            }
            turn => Ok(turn),
        }
    }

    /// Operators see why the pair of a refused RO Trigger has no path.
    pub(super) fn note_both_nats(&mut self, ends: &Ends) {
        let now = self.node.mono();
        let (ours, theirs) = ends.swapped().shown();
        let why = BOTH_BEHIND_NATS.to_owned();
        self.hold_off.refuse(now, ours, theirs, why);
    }

    /// The peer LMA is to control the pair: its trigger is refused, and it gets ours.
    pub(super) fn trigger_back(
        &mut self,
        asked: Asked,
        known: Option<PathId>,
        order: &Order,
        ends: &Ends,
    ) {
        self.node.count("pmipv6.lr.roles-exchanged");
        let options = order.ends.options(None, None);
        let status = ro_status::ROLE_CONFLICT;
        self.node.answer(0, asked, status, 0, options);
        let role = Role::Delegated {
            controller: asked.peer,
        };
        let id = match known {
            Some(id) => {
                self.cancel_request(id);
                self.hand_over_control(id);
                self.paths.rename(id, ends.swapped());
                id
            }
            None => self.insert_path(ends.swapped(), role),
        };
        if let Some(path) = self.paths.get_mut(id) {
            path.role = role;
            path.remote_timestamp = order.timestamp.or(path.remote_timestamp);
        }
        self.pursue(id, order.handover, 0);
    }
}
