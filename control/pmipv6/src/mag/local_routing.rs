//! EnableMAGLocalRouting (RFC 5213 sections 6.10.3, 9.2): two MNs of this MAG are switched from link to link
//! without a word from their LMA.

use std::net::IpAddr;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::realm::UNKNOWN_REALM;
use crate::io::{Entry, PathView};
use crate::path::is_v6;

impl MobileAccessGateway {
    /// A packet of an MN here went up to its LMA: true if its answer will not, because both are here.
    pub(super) fn switch_locally(&mut self, source: IpAddr, destination: IpAddr) -> bool {
        if !self.config.enable_mag_local_routing {
            return false;
        }
        let home = |address| {
            self.homes
                .lookup(address)
                .map(|(home, mn_id)| (home, mn_id.clone()))
        };
        let (Some((from, one)), Some((to, other))) = (home(source), home(destination)) else {
            return false;
        };
        let policy = &self.config.localized_routing;
        let denied = policy.denies(&from) || policy.denies(&to);
        if one == other || denied || is_v6(&from) != is_v6(&to) {
            return false;
        }
        if self.may_be_of_realms(&from, [&one, &other]) {
            let asks_lma = policy.mag_requested;
            self.node.count("pmipv6.local-routing.realm-unknown");
            let now = self.node.mono();
            if !asks_lma && !self.hold_off.holds(now, from, to) {
                self.hold_off
                    .refuse(now, from, to, UNKNOWN_REALM.to_owned());
            }
            return false;
        }
        let known = self.paths.find_towards(from, to.addr()).is_some();
        if known || self.switched.contains(&sorted(from, to)) {
            return true;
        }
        if self.switched.len() >= policy.max_paths {
            self.node.count("pmipv6.local-routing.table-full");
            return false;
        }
        self.switched.insert(sorted(from, to));
        self.node.program(Entry::PathLocal { from, to });
        self.node.program(Entry::PathLocal { from: to, to: from });
        true
    }

    /// A home has gone, and with it what was switched to and from it.
    pub(super) fn switch_no_more(&mut self, home: &IpNet) {
        let over: Vec<(IpNet, IpNet)> = self
            .switched
            .iter()
            .filter(|(a, b)| a == home || b == home)
            .copied()
            .collect();
        for (a, b) in over {
            self.switched.remove(&(a, b));
            self.node.program(Entry::PathLocalRemove { from: a, to: b });
            self.node.program(Entry::PathLocalRemove { from: b, to: a });
        }
    }

    /// A path takes over what was switched without one; its entries replace these.
    pub(super) fn switched_by_path(&mut self, pairs: &[(IpNet, IpNet)]) {
        for (a, b) in pairs {
            self.switched.remove(&sorted(*a, *b));
        }
    }

    pub(super) fn switched_views(&self) -> impl Iterator<Item = PathView> + '_ {
        self.switched.iter().map(|(source, destination)| PathView {
            source: *source,
            destination: *destination,
            method: "mag-local".to_owned(),
            controller: None,
            peer: None,
            state: "active".to_owned(),
            lifetime_s: u16::MAX.into(),
            why: None,
        })
    }
}

fn sorted(a: IpNet, b: IpNet) -> (IpNet, IpNet) {
    if a <= b { (a, b) } else { (b, a) }
}
