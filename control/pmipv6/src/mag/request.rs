//! Paths that this MAG asks its LMA for (draft section 7, L-71 to L-73).

use std::net::IpAddr;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::Owner;
use crate::io::{Answer, Event, Token};
use crate::path::{Draft, Ends, EndsExt, end, is_v6};
use crate::wire::iana::ro_status;
use crate::wire::message::{RoKind, RoRequest};

use super::localized::REFUSED;

impl MobileAccessGateway {
    /// A packet of an MN here went up to its LMA.
    pub(super) fn on_pair_talks(&mut self, source: IpAddr, destination: IpAddr) {
        if !self.config.localized_routing.mag_requested {
            return;
        }
        let Some((home, _)) = self.homes.lookup(source) else {
            return;
        };
        let there = IpNet::from(destination);
        if self.hold_off.holds(self.node.mono(), home, there)
            || self.requested.contains(&(home, there))
        {
            return;
        }
        self.request_path(home, there);
    }

    /// Asks the LMA of the MN at `home`; false if there is none.
    fn request_path(&mut self, home: IpNet, there: IpNet) -> bool {
        let entry = self
            .homes
            .get(&home)
            .and_then(|mn_id| self.bindings.get(mn_id));
        let Some(lma) = entry.map(|entry| entry.lma) else {
            return false;
        };
        let known = self.paths.find_towards(home, there.addr()).is_some();
        if known
            || !self
                .node
                .peers
                .knows_localized_routing(self.node.mono(), lma)
        {
            return true;
        }
        if self.requested.len() >= self.config.localized_routing.max_paths {
            self.node.count("pmipv6.ro.requests-full");
            return true;
        }
        let ends = Ends {
            source: end(vec![home]),
            destination: end(vec![there]),
        };
        self.requested.insert((home, there));
        let draft = Draft {
            peer: lma,
            kind: RoKind::Request,
            handover: false,
            lifetime: self.config.localized_routing.lifetime_s,
            options: ends.options(None, None),
            owner: Owner::Request,
        };
        self.node.ask(&self.config.localized_routing, 0, draft);
        true
    }

    /// Proceed or deny (L-72); the path itself comes as RO Init or RO Setup.
    pub(super) fn on_request_ack(&mut self, request: &RoRequest, status: u8) {
        let Some((home, there)) = self.answered_request(request) else {
            return;
        };
        if status < REFUSED {
            // Not again while the set-up is under way.
            let why = "asked for, set-up under way".to_owned();
            self.hold_off.refuse(self.node.mono(), home, there, why);
            return;
        }
        let why = format!("LMA refused: {}", ro_status::name(status));
        self.request_failed(home, there, Some(status), why);
    }

    pub(super) fn on_request_silent(&mut self, request: &RoRequest, why: &str) {
        if let Some((home, there)) = self.answered_request(request) {
            self.request_failed(home, there, None, format!("LMA: {why}"));
        }
    }

    fn request_failed(&mut self, home: IpNet, there: IpNet, status: Option<u8>, reason: String) {
        self.hold_off
            .failed(self.node.mono(), home, there, reason.clone());
        self.node.notify(Event::PathRefused {
            source: home,
            destination: there,
            status,
            reason,
        });
    }

    fn answered_request(&mut self, request: &RoRequest) -> Option<(IpNet, IpNet)> {
        let pair = Ends::parse(&request.options)?.shown();
        self.requested.remove(&pair);
        Some(pair)
    }

    /// By hand: as if the pair talked, whatever policy says about asking.
    pub(super) fn on_path_request(&mut self, token: Token, source: IpNet, destination: IpNet) {
        let here = [(source, destination), (destination, source)]
            .into_iter()
            .find_map(|(near, far)| {
                self.homes
                    .lookup(near.addr())
                    .map(|(home, _)| (home, far.trunc()))
            });
        let Some((home, there)) = here.filter(|(home, there)| is_v6(home) == is_v6(there)) else {
            let text = format!("Neither {source} nor {destination} is attached here.");
            return self.node.refuse(token, None, "not-attached", text);
        };
        self.hold_off.clear(home, there);
        self.request_path(home, there);
        self.node.reply(token, Ok(Answer::PathRequested));
    }
}
