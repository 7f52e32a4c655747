//! Paths that a MAG or an operator asks for (draft section 7, L-71 to L-73).

use std::net::IpAddr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::detection::Plan;
use super::realm::NO_PATHS;
use super::trigger::echo;
use crate::io::{Answer, Token};
use crate::path::{Asked, Ends, EndsExt};
use crate::wire::iana::ro_status;
use crate::wire::message::RoRequest;

/// What an RO Request leads to.
enum Verdict {
    Proceed(Plan),
    InPlace,
}

impl LocalMobilityAnchor {
    /// Proceed or deny; the set-up itself follows (L-73).
    pub(super) fn on_request(&mut self, asked: Asked, request: &RoRequest) {
        let (status, plan) = match self.judge(asked.peer, request) {
            Ok(Verdict::Proceed(plan)) => (ro_status::SUCCESS, Some(plan)),
            Ok(Verdict::InPlace) => (ro_status::ALREADY_IN_PLACE, None),
            Err(status) => {
                self.node.count("pmipv6.ro.refused");
                (status, None)
            }
        };
        self.node
            .answer(0, asked, status, request.lifetime, echo(request));
        if let Some(plan) = plan {
            self.set_up(plan);
        }
    }

    fn judge(&mut self, mag: IpAddr, request: &RoRequest) -> Result<Verdict, u8> {
        if request.proxy_mode {
            return Err(ro_status::MODE_NOT_SUPPORTED);
        }
        let ends = Ends::parse(&request.options).ok_or(ro_status::MISSING_OR_MALFORMED_OPTION)?;
        let (near, far) = ends.shown();
        let home = match self.homes.lookup(near.addr()) {
            Some((home, _)) => home,
            None if self.is_in_a_realm(near.addr()) => {
                self.node.count("pmipv6.lr.realm");
                return Err(ro_status::NOT_ALLOWED);
            }
            None => return Err(ro_status::MN_NOT_ATTACHED),
        };
        let entry = self.registered(&home).ok_or(ro_status::MN_NOT_ATTACHED)?;
        if entry.proxy_coa != mag {
            return Err(ro_status::PEER_NOT_AUTHORIZED);
        }
        if !self.config.localized_routing.mag_requested {
            return Err(ro_status::NOT_ALLOWED);
        }
        if self.paths.find_towards(home, far.addr()).is_some() {
            return Ok(Verdict::InPlace);
        }
        let there = self
            .homes
            .lookup(far.addr())
            .map_or(far, |(there, _)| there);
        if self.hold_off.holds(self.node.mono(), home, there) {
            return Err(ro_status::NOT_ALLOWED);
        }
        self.plan(home, there).map(Verdict::Proceed).map_err(|why| {
            self.node.count(why.0);
            self.hold_off
                .refuse(self.node.mono(), home, there, why.1.to_owned());
            status_of(why)
        })
    }

    /// By hand: at once, whatever failed before.
    pub(super) fn on_path_request(&mut self, token: Token, source: IpNet, destination: IpNet) {
        let Some((home, _)) = self.homes.lookup(source.addr()) else {
            if self.is_in_a_realm(source.addr()) {
                let text = format!("No path: {NO_PATHS}.");
                return self.node.refuse(token, None, "realm", text);
            }
            let text = format!("{source} is not anchored here.");
            return self.node.refuse(token, None, "not-registered", text);
        };
        let there = self.homes.lookup(destination.addr());
        let there = there.map_or(destination, |(there, _)| there);
        self.hold_off.clear(home, there);
        if let Some(id) = self.paths.find_towards(home, destination.addr()) {
            self.pursue(id, false, 0);
            return self.node.reply(token, Ok(Answer::PathRequested));
        }
        match self.plan(home, there) {
            Ok(plan) => {
                self.set_up(plan);
                self.node.reply(token, Ok(Answer::PathRequested));
            }
            Err((counter, why)) => {
                self.node.count(counter);
                let name = counter.rsplit('.').next().unwrap_or(counter);
                self.node
                    .refuse(token, None, name, format!("No path: {why}."));
            }
        }
    }
}

fn status_of((counter, _): (&'static str, &'static str)) -> u8 {
    match counter {
        "pmipv6.lr.peer-lma-unknown" => ro_status::PEER_LMA_UNKNOWN,
        "pmipv6.lr.not-registered" => ro_status::MN_NOT_ATTACHED,
        "pmipv6.lr.table-full" => ro_status::INSUFFICIENT_RESOURCES,
        _ => ro_status::NOT_ALLOWED,
    }
}
