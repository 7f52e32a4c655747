//! Two LMAs (draft sections 4.2 and 4.4): RO Trigger hands the control of a pair to the destination's LMA.

use std::net::IpAddr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::detection::common;
use super::localized::REFUSED;
use super::nat::BOTH_BEHIND_NATS;
use super::state::{Owner, PathState, Role};
use super::teardown::Notice;
use crate::io::UpdateNumber;
use crate::path::{Asked, Draft, Ends, EndsExt, PathId, end, says_nat};
use crate::wire::MobilityOption;
use crate::wire::iana::ro_status;
use crate::wire::message::{RoAck, RoKind, RoRequest};
use crate::wire::options::{ipv4_care_of_address, mag_ipv6_address, timestamp};

/// The options of an acknowledgement: whatever homes the request named, readable or not.
pub(super) fn echo(request: &RoRequest) -> Vec<MobilityOption> {
    let named = |option: &&MobilityOption| {
        matches!(
            option,
            MobilityOption::MnId { .. }
                | MobilityOption::HomeNetworkPrefix(_)
                | MobilityOption::Ipv4HomeAddress { .. }
        )
    };
    request.options.iter().filter(named).cloned().collect()
}

/// What a complete RO Trigger says.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) ends: Ends,
    pub(super) mag: IpAddr,
    pub(super) timestamp: Option<u64>,
    lifetime_s: u16,
    pub(super) handover: bool,
    /// There is a NAT before that MAG.
    pub(super) behind_nat: bool,
}

impl LocalMobilityAnchor {
    /// Hands control to the destination's LMA (L-38), or tells it that the source has moved (L-52).
    pub(super) fn send_trigger(
        &mut self,
        id: PathId,
        controller: IpAddr,
        handover: bool,
        number: UpdateNumber,
    ) {
        let Some(ends) = self.paths.get(id).map(|path| path.ends.clone()) else {
            return;
        };
        let entry = ends
            .source
            .homes
            .first()
            .and_then(|home| self.registered(home));
        let Some(mag) = entry.map(|entry| entry.proxy_coa) else {
            return;
        };
        if self.config.localized_routing.denies_peer(mag) {
            return self.set_up_denied(id);
        }
        let lifetime = self.lifetime_for(&ends, u16::MAX);
        let timestamp = self.clock.tick(self.node.now.wall);
        let draft = Draft {
            peer: controller,
            kind: RoKind::Trigger,
            handover,
            lifetime,
            options: self.trigger_options(&ends, mag, timestamp),
            owner: Owner::Trigger(id),
        };
        let says_nat = self.is_behind_nat(&ends.source.homes);
        let request = self.node.ask(&self.config.localized_routing, number, draft);
        if let Some(path) = self.paths.get_mut(id) {
            path.own_timestamp = Some(timestamp);
            path.said_nat = says_nat;
        }
        self.set_pending(id, request, lifetime);
    }

    /// The peer LMA's result (L-40).
    pub(super) fn on_trigger_ack(&mut self, id: PathId, request: &RoRequest, ack: &RoAck) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.request = None;
        if ack.status < REFUSED {
            path.remote_timestamp = timestamp(&ack.options).or(path.remote_timestamp);
        } else if self.decided_again(id, request, ack) {
            return;
        }
        match ack.status {
            // HL-16: the peer keeps its own trigger, which makes us the controller when it comes.
            ro_status::ROLE_CONFLICT => self.forget_path(id),
            REFUSED.. => {
                let why = self.why_refused(id, ack.status);
                self.set_up_failed(id, Some(ack.status), &why, true);
            }
            _ => {
                self.learn_destination(id, ack);
                let granted = match ack.lifetime {
                    0 => request.lifetime,
                    lifetime => lifetime.min(request.lifetime),
                };
                self.path_up(id, granted);
            }
        }
    }

    fn why_refused(&self, id: PathId, status: u8) -> String {
        let ours = self.paths.get(id).map(|path| &path.ends.source.homes);
        match status {
            ro_status::MODE_NOT_SUPPORTED if ours.is_some_and(|own| self.is_behind_nat(own)) => {
                BOTH_BEHIND_NATS.to_owned()
            }
            _ => format!("peer LMA refused: {}", ro_status::name(status)),
        }
    }

    /// The trigger knew an address; the acknowledgement brings the homes of the MN that has it.
    fn learn_destination(&mut self, id: PathId, ack: &RoAck) {
        let Some(learnt) = Ends::parse(&ack.options) else {
            return;
        };
        let Some(path) = self.paths.get(id) else {
            return;
        };
        let Role::Delegated { controller } = path.role else {
            return;
        };
        // After a handover there is nothing new, and nobody is asked (L-15).
        if learnt == path.ends {
            return;
        }
        let ours = &path.ends.source.homes;
        let own = learnt.source.homes.iter().all(|home| ours.contains(home));
        let (named, found_in) = (path.ends.destination.homes.first().copied(), path.found_in);
        let covers = |home: &IpNet| named.is_some_and(|named| home.contains(&named));
        let found = |home: &IpNet| covers(home) && found_in.is_some_and(|of| of.contains(home));
        let homes = &learnt.destination.homes;
        let theirs = own
            && homes.iter().any(covers)
            && homes
                .iter()
                .all(|home| found(home) || self.is_anchored_by(*home, controller));
        if theirs {
            self.paths.rename(id, learnt);
        }
    }

    /// RO Trigger from a peer LMA: control the pair (L-39).
    pub(super) fn on_trigger(&mut self, asked: Asked, request: &RoRequest) {
        if let Some(timestamp) = timestamp(&request.options) {
            self.clock.follow(self.node.now.wall, timestamp);
        }
        let outcome = self.read_trigger(asked.peer, request).and_then(|order| {
            if order.lifetime_s == 0 {
                return self.on_trigger_delete(asked, &order.ends, order.timestamp, request);
            }
            if let Some(care_of) = ipv4_care_of_address(&request.options) {
                self.node.reach.told(order.mag, care_of);
            }
            self.take_control(asked, order)
        });
        if let Err(status) = outcome {
            self.node.count("pmipv6.ro.refused");
            let mut options = echo(request);
            if status == ro_status::STALE {
                let known = Ends::parse(&request.options)
                    .and_then(|named| self.resolve_destination(&named).ok())
                    .and_then(|ends| self.find_shared(&ends));
                let path = known.and_then(|id| self.paths.get(id));
                let later = path.and_then(|path| path.remote_timestamp);
                options.extend(later.map(MobilityOption::Timestamp));
            }
            self.node.answer(0, asked, status, 0, options);
            self.forget_with_peer(asked.peer, request, status);
        }
    }

    /// An LMA whose trigger is refused forgets the pair. So does the controller that refuses it: else it
    /// would make the path again for its own MN, and the other MN's LMA would not maintain it.
    fn forget_with_peer(&mut self, from: IpAddr, request: &RoRequest, status: u8) {
        let final_status = matches!(
            status,
            ro_status::MN_NOT_ATTACHED
                | ro_status::NOT_ALLOWED
                | ro_status::INSUFFICIENT_RESOURCES
                | ro_status::MODE_NOT_SUPPORTED
        );
        let known = Ends::parse(&request.options).and_then(|ends| self.find_shared(&ends));
        let Some(id) = known.filter(|_| final_status) else {
            return;
        };
        let role = self.paths.get(id).map(|path| path.role);
        if role == Some(Role::Controller { peer: from }) {
            self.take_down(id, "peer", Notice::Needless);
        }
    }

    fn read_trigger(&mut self, lma: IpAddr, request: &RoRequest) -> Result<Order, u8> {
        if request.proxy_mode {
            return Err(ro_status::MODE_NOT_SUPPORTED);
        }
        let ends = Ends::parse(&request.options);
        let mag = mag_ipv6_address(&request.options);
        let (Some(ends), Some(mag)) = (ends, mag) else {
            return Err(ro_status::MISSING_OR_MALFORMED_OPTION);
        };
        let is_delete = request.lifetime == 0;
        if !is_delete && !self.speaks_for(lma, &ends) {
            return Err(ro_status::PEER_NOT_AUTHORIZED);
        }
        Ok(Order {
            ends,
            mag: IpAddr::V6(mag),
            timestamp: timestamp(&request.options),
            lifetime_s: request.lifetime,
            handover: request.handover,
            behind_nat: says_nat(&request.options),
        })
    }

    /// An LMA speaks for the MNs that it anchors, and for no others (L-74). Whether it does is looked up once in
    /// the life of a pair (L-15).
    fn speaks_for(&mut self, lma: IpAddr, ends: &Ends) -> bool {
        let known = self.paths.find(ends).and_then(|id| self.paths.get(id));
        let far_end = known.and_then(|path| match path.role {
            Role::Controller { peer } if peer == lma => Some(&path.ends.source),
            Role::Delegated { controller } if controller == lma => Some(&path.ends.destination),
            _ => None,
        });
        let known = far_end.map(|end| end.homes.clone()).unwrap_or_default();
        let mut homes = ends.source.homes.iter();
        homes.all(|home| known.contains(home) || self.is_anchored_by(*home, lma))
    }

    fn take_control(&mut self, asked: Asked, order: Order) -> Result<(), u8> {
        let ends = self.resolve_destination(&order.ends)?;
        let policy = &self.config.localized_routing;
        if policy.denies_peer(asked.peer) || policy.denies_peer(order.mag) {
            return Err(ro_status::NOT_ALLOWED);
        }
        let known = self.find_shared(&ends);
        if let Some(id) = known {
            if !order.handover && self.is_standing(id, asked.peer, &order) {
                let lifetime = self.lifetime_for(&ends, order.lifetime_s);
                let (status, options) = (ro_status::ALREADY_IN_PLACE, ends.options(None, None));
                self.node.answer(0, asked, status, lifetime, options);
                return Ok(());
            }
            self.check_crossing(id, asked.peer, &order)?;
        } else if self.paths.len() >= policy.max_paths
            || self.paths.of_homes(&ends.destination.homes).len() >= policy.max_paths_per_mn
        {
            return Err(ro_status::INSUFFICIENT_RESOURCES);
        }
        if self
            .is_to_turn(&order, &ends)
            .inspect_err(|_| self.note_both_nats(&ends))?
        {
            self.trigger_back(asked, known, &order, &ends);
            return Ok(());
        }
        for (a, b) in ends.pairs() {
            self.hold_off.clear(a, b);
        }
        let role = Role::Controller { peer: asked.peer };
        let id = match known {
            Some(id) => {
                self.cancel_request(id);
                self.paths.rename(id, ends);
                id
            }
            None => self.insert_path(ends, role),
        };
        let previous = self.paths.get_mut(id).and_then(|path| {
            path.role = role;
            path.remote_mag = Some(order.mag);
            path.remote_timestamp = order.timestamp.or(path.remote_timestamp);
            path.asked.replace(asked)
        });
        if let Some(previous) = previous {
            self.node.answer(
                0,
                previous,
                ro_status::STALE,
                0,
                order.ends.options(None, None),
            );
        }
        self.pursue(id, order.handover, 0);
        Ok(())
    }

    /// The path of these ends, also where we know the far end by an address only.
    fn find_shared(&self, ends: &Ends) -> Option<PathId> {
        self.paths.find(ends).or_else(|| {
            let ours = ends.destination.homes.iter();
            ours.flat_map(|home| self.paths.of_home(home)).find(|id| {
                let far = |path: &super::state::Path| {
                    matches!(path.role, Role::Delegated { .. })
                        && path
                            .ends
                            .destination
                            .homes
                            .iter()
                            .any(|far| ends.source.homes.iter().any(|home| home.contains(far)))
                };
                self.paths.get(*id).is_some_and(far)
            })
        })
    }

    /// All homes of the MN that the trigger names by a home or an address.
    fn resolve_destination(&self, named: &Ends) -> Result<Ends, u8> {
        let home = named
            .destination
            .homes
            .first()
            .ok_or(ro_status::MISSING_OR_MALFORMED_OPTION)?;
        let (home, _) = self
            .homes
            .lookup(home.addr())
            .ok_or(ro_status::MN_NOT_ATTACHED)?;
        let entry = self.registered(&home).ok_or(ro_status::MN_NOT_ATTACHED)?;
        let policy = &self.config.localized_routing;
        let homes = entry.homes.iter().chain(&named.source.homes);
        if !policy.allows(homes) || !self.may_localize(&entry.mn_id) {
            return Err(ro_status::NOT_ALLOWED);
        }
        let ends = Ends {
            source: end(common(&named.source.homes, &entry.homes)),
            destination: end(common(&entry.homes, &named.source.homes)),
        };
        match ends.pairs().is_empty() {
            true => Err(ro_status::MISSING_OR_MALFORMED_OPTION),
            false => Ok(ends),
        }
    }

    /// HL-16 and HL-17: whether a trigger for a pair that we know is to be followed.
    fn check_crossing(&self, id: PathId, peer: IpAddr, order: &Order) -> Result<(), u8> {
        let Some(path) = self.paths.get(id) else {
            return Ok(());
        };
        if path.role == Role::Single || Self::peer_of(path.role) != Some(peer) {
            return Err(ro_status::PEER_NOT_AUTHORIZED);
        }
        // Also a trigger of the controller's own from before it took control, overtaken.
        if let (Some(now), Some(before)) = (order.timestamp, path.remote_timestamp)
            && now <= before
        {
            return Err(ro_status::STALE);
        }
        let delegated = matches!(path.role, Role::Delegated { .. });
        let crossed = delegated && path.state == PathState::SettingUp && path.request.is_some();
        // By what both triggers said: the LMA of the MAG behind a NAT is to control (HL-28), or else the one with
        // the higher address.
        let ours_stands = match (order.behind_nat, path.said_nat) {
            (theirs, ours) if theirs != ours => theirs,
            _ => self.config.address < peer,
        };
        if crossed && ours_stands {
            return Err(ro_status::ROLE_CONFLICT);
        }
        Ok(())
    }

    /// RO Trigger with lifetime 0 (HL-21): the peer has no part in the path any more.
    fn on_trigger_delete(
        &mut self,
        asked: Asked,
        ends: &Ends,
        timestamp: Option<u64>,
        request: &RoRequest,
    ) -> Result<(), u8> {
        let id = self.paths.find(ends).ok_or(ro_status::NO_SUCH_STATE)?;
        let path = self.paths.get(id).ok_or(ro_status::NO_SUCH_STATE)?;
        match path.role {
            Role::Controller { peer } if peer == asked.peer => {
                if timestamp < path.remote_timestamp {
                    return Err(ro_status::STALE);
                }
            }
            Role::Delegated { controller } if controller == asked.peer => {}
            _ => return Err(ro_status::PEER_NOT_AUTHORIZED),
        }
        self.on_end_at_peer(id, request.handover);
        self.node
            .answer(0, asked, ro_status::SUCCESS, 0, echo(request));
        Ok(())
    }
}
