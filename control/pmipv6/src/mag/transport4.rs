//! IPv4 transport as a MAG speaks it: what PBU and RO Setup say of it, and what their answers bring to light
//! (RFC 5844 section 4.2, RFC 5555 section 4.2, HL-8, HL-28).

use std::net::IpAddr;

use super::MobileAccessGateway;
use super::localized::REFUSED;
use super::state::{Owner, PendingUpdate, State, Timer};
use crate::io::Via;
use crate::path::{Detected, Ends, EndsExt, PathId, with_care_of};
use crate::wire::MobilityOption;
use crate::wire::message::{BindingAck, BindingUpdate, RoAck, RoRequest};
use crate::wire::options::ipv4_care_of_address;

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
}
