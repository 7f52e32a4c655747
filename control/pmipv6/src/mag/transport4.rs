//! IPv4 transport as a MAG speaks it: what PBU and RO Setup say of it, what their answers bring to light, and
//! keeping NATs open (RFC 5844 section 4.2, RFC 5555 sections 4.2 and 4.3, HL-8, HL-28).

use std::net::IpAddr;
use std::time::Duration;

use super::MobileAccessGateway;
use super::localized::REFUSED;
use super::state::{Owner, PathState, PendingUpdate, State, Timer};
use crate::io::Via;
use crate::path::{Detected, Draft, Ends, EndsExt, PathId, with_care_of};
use crate::wire::MobilityOption;
use crate::wire::iana::handoff_indicator::UNCHANGED;
use crate::wire::iana::ro_status;
use crate::wire::message::{BindingAck, BindingUpdate, RoAck, RoKind, RoRequest};
use crate::wire::options::{ipv4_care_of_address, timestamp};

/// What is said again goes out when this much of the refresh time has gone, percent: within it, and with
/// time for a retransmission.
const KEEPALIVE_PERCENT: u32 = 80;

impl MobileAccessGateway {
    /// Alternate Care-of Address and IPv4 Care-of Address: who we are, and from where (HL-8).
    pub(super) fn transport_options(&self, lma: IpAddr) -> Vec<MobilityOption> {
        match (self.node.reach.local(lma), self.config.address) {
            (Some(local), IpAddr::V6(own)) => vec![
                MobilityOption::AlternateCareOfAddress(own),
                MobilityOption::Ipv4CareOfAddress(local),
            ],
            _ => Vec::new(),
        }
    }

    /// The F flag, where this node is to ask for it (RFC 5844 section 4.2.1.2).
    pub(super) fn transport_flags(&self, lma: IpAddr) -> u16 {
        let forced = self.config.ipv4_transport.force_udp_encapsulation;
        match self.node.reach.local(lma) {
            Some(_) if forced => BindingUpdate::F,
            _ => 0,
        }
    }

    /// What a PBA says of NATs. True: the PBU is on its way again, by UDP port 4191, and its answer counts.
    pub(super) fn past_nat(
        &mut self,
        mn_id: &str,
        pending: &PendingUpdate,
        ack: &BindingAck,
    ) -> bool {
        let Some(entry) = self.bindings.get(mn_id) else {
            return false;
        };
        let lma = entry.lma;
        if ack.status >= REFUSED || entry.state == State::Deregistering {
            return false;
        }
        match self.node.reach.on_answer(lma, &ack.options) {
            Detected::Nothing => {}
            Detected::Nat { keepalive_s } => self.arm_keepalive(lma, keepalive_s),
            Detected::NoNat(via) => {
                self.timers.cancel(&Timer::KeepAlive(lma));
                self.node.reach_changed(lma, Some(via));
            }
            Detected::SayAgain(via) => {
                self.node.count("pmipv6.nat.detected");
                self.node.reach_changed(lma, Some(via));
                let timeout = self.initial_timeout();
                self.send_pbu(mn_id, pending.hi, timeout, pending.corrections);
                return true;
            }
        }
        false
    }

    /// Options of RO Setup: MAG-ADDR is our name, option 32 our IPv4 address on that leg (HL-8, L-64).
    pub(super) fn setup_options(
        &self,
        ends: &Ends,
        peer: IpAddr,
        timestamp: Option<u64>,
    ) -> Vec<MobilityOption> {
        let options = ends.options(Some(self.config.address), timestamp);
        with_care_of(options, self.node.reach.local(peer))
    }

    /// RO Init names the peer MAG's IPv4 address beside its name (HL-8).
    pub(super) fn introduce(&mut self, mag: IpAddr, request: &RoRequest) {
        let care_of = ipv4_care_of_address(&request.options);
        let via = self.node.reach.introduce(mag, care_of);
        self.node.reach_changed(mag, via);
    }

    /// What an RO Setup says about how its sender is reached. HL-29: whether the tunnels between MAGs go in
    /// UDP is for the MAG to say that gets the RO Setup, by the F flag of option 31.
    pub(super) fn learn_reach(&mut self, mag: IpAddr, via: Via, request: &RoRequest) {
        let care_of = ipv4_care_of_address(&request.options);
        let udp_data = self.config.ipv4_transport.force_udp_encapsulation;
        let via = self.node.reach.learn(mag, via, care_of, None, udp_data);
        self.node.reach_changed(mag, via);
    }

    /// An RO Setup without a Timestamp for a path that is as it says: the NAT is to be kept open, and nothing
    /// else changes (HL-28). True: it is answered.
    pub(super) fn is_kept_alive(
        &mut self,
        asked: crate::path::Asked,
        request: &RoRequest,
        ends: &Ends,
    ) -> bool {
        let now = self.node.mono();
        let path = self.paths.find(ends).and_then(|id| self.paths.get(id));
        let Some(path) = path.filter(|path| {
            timestamp(&request.options).is_none()
                && path.ends == *ends
                && path.local_is_source
                && path.peer == asked.peer
                && path.state == PathState::Active
        }) else {
            return false;
        };
        let left = path.until.map(|until| until.saturating_sub(now).as_secs());
        let left = left.map_or(u16::MAX, |left| {
            u16::try_from(left.max(1)).unwrap_or(u16::MAX)
        });
        let mut options = path.ends.options(None, None);
        options.extend(self.node.reach.nat_detection(asked.peer));
        self.node
            .answer(0, asked, ro_status::ALREADY_IN_PLACE, left, options);
        true
    }

    /// What an RO Setup Ack says of NATs. True: the RO Setup is on its way again, by UDP port 4191, and its
    /// answer counts.
    pub(super) fn setup_past_nat(&mut self, id: PathId, request: &RoRequest, ack: &RoAck) -> bool {
        let Some(peer) = self.paths.get(id).map(|path| path.peer) else {
            return false;
        };
        if ack.status >= REFUSED {
            return false;
        }
        match self.node.reach.on_answer(peer, &ack.options) {
            Detected::Nothing => {}
            Detected::Nat { keepalive_s } => self.arm_keepalive(peer, keepalive_s),
            Detected::NoNat(via) => {
                self.timers.cancel(&Timer::KeepAlive(peer));
                self.node.reach_changed(peer, Some(via));
            }
            Detected::SayAgain(via) => {
                self.node.count("pmipv6.nat.detected");
                self.node.reach_changed(peer, Some(via));
                let setup = self.setup_again(id, request.lifetime, Owner::Setup(id));
                if let Some(path) = self.paths.get_mut(id) {
                    path.setup = setup;
                }
                return true;
            }
        }
        false
    }

    /// RO Setup once more, without a Timestamp: the decision is the one that was acted on already (HL-17).
    fn setup_again(
        &mut self,
        id: PathId,
        lifetime: u16,
        owner: Owner,
    ) -> Option<crate::path::RequestId> {
        let path = self.paths.get(id)?;
        let draft = Draft {
            peer: path.peer,
            kind: RoKind::Setup,
            handover: false,
            lifetime,
            options: self.setup_options(&path.ends, path.peer, None),
            owner,
        };
        let number = self.node.last_update();
        Some(self.node.ask(&self.config.localized_routing, number, draft))
    }

    fn arm_keepalive(&mut self, peer: IpAddr, refresh_time_s: u32) {
        let time = Duration::from_secs(refresh_time_s.max(1).into()) * KEEPALIVE_PERCENT / 100;
        self.timers
            .set(Timer::KeepAlive(peer), self.node.mono() + time);
    }

    /// A NAT is to be kept open: a PBU, or an RO Setup, is said again (RFC 5555 section 4.3). The answer sets
    /// the next time; where nothing is registered or set up any more, nobody needs the NAT.
    pub(super) fn on_keepalive(&mut self, peer: IpAddr) {
        if !matches!(self.node.reach.via(peer), Via::Nat { .. }) {
            return;
        }
        let served = self.bindings.iter().find(|(_, entry)| {
            entry.lma == peer && entry.state == State::Registered && entry.pending.is_none()
        });
        if let Some(mn_id) = served.map(|(mn_id, _)| mn_id.clone()) {
            self.node.count("pmipv6.nat.keepalive");
            self.send_pbu(&mn_id, UNCHANGED, self.initial_timeout(), 0);
        }
        let now = self.node.mono();
        let ours = self.paths.iter().find(|(_, path)| {
            path.peer == peer && path.controller.is_some() && path.state == PathState::Active
        });
        let left = |path: &super::state::Path| match path.until {
            Some(until) => until.saturating_sub(now).as_secs().max(1),
            None => u16::MAX.into(),
        };
        if let Some((id, left)) = ours.map(|(id, path)| (id, left(path))) {
            self.node.count("pmipv6.nat.keepalive");
            let lifetime = u16::try_from(left).unwrap_or(u16::MAX);
            let _ = self.setup_again(id, lifetime, Owner::KeepAlive(id));
        }
    }

    /// The answer to an RO Setup that kept a NAT open.
    pub(super) fn on_kept_alive(&mut self, id: PathId, ack: &RoAck) {
        if ack.status >= REFUSED {
            let why = format!("peer MAG refused: {}", ro_status::name(ack.status));
            return self.end_path(id, &why);
        }
        let Some(peer) = self.paths.get(id).map(|path| path.peer) else {
            return;
        };
        if let Detected::Nat { keepalive_s } = self.node.reach.on_answer(peer, &ack.options) {
            self.arm_keepalive(peer, keepalive_s);
        }
    }
}
