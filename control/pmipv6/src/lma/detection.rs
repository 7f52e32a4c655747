//! The RO Trigger function (draft sections 2 and 3): which pairs may have a path, and who is to make it.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::config::PeerLma;
use super::state::PathState;
use crate::path::{Ends, EndsExt, PathId, end, is_v6};

/// What to do about a pair.
#[derive(Debug)]
pub(super) enum Plan {
    /// Both MNs are ours: RO Init.
    Single(Ends),
    /// The destination is a peer's: RO Trigger.
    Delegate(Ends, PeerLma),
}

impl LocalMobilityAnchor {
    /// A packet of an MN of ours to another mobile address went through us (L-3, L-32).
    pub(super) fn on_pair_talks(&mut self, source: IpAddr, destination: IpAddr) {
        let Some((home, _)) = self.homes.lookup(source) else {
            return self.node.count("pmipv6.lr.source-not-ours");
        };
        let there = match self.homes.lookup(destination) {
            Some((there, _)) => there,
            None => IpNet::from(destination),
        };
        if let Some(id) = self.paths.find_towards(home, destination) {
            return self.on_talks_again(id);
        }
        if self.hold_off.holds(self.node.mono(), home, there) {
            return self.node.count("pmipv6.lr.held-off");
        }
        match self.plan(home, there) {
            Ok(plan) => {
                self.set_up(plan);
            }
            Err((counter, why)) => {
                self.node.count(counter);
                self.hold_off
                    .refuse(self.node.mono(), home, there, why.to_owned());
            }
        }
    }

    /// Packets of a pair whose path is known still come by: some are always under way while it comes up
    /// or follows an MN, also one that another LMA moves (HL-23). Where they go on, a MAG must have lost it.
    fn on_talks_again(&mut self, id: PathId) {
        let settle = Duration::from_secs(self.config.localized_routing.settle_s.into());
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (source, destination) = path.ends.shown();
        let since = match path.strays {
            Some((first, last)) if now.saturating_sub(last) <= settle => first,
            _ => now,
        };
        path.strays = Some((since, now));
        let goes_on = now.saturating_sub(since) >= settle;
        let settled = path
            .up_since
            .is_none_or(|since| now.saturating_sub(since) >= settle);
        let pending = path.state == PathState::SettingUp || path.request.is_some();
        if pending || !settled || !goes_on || self.hold_off.holds(now, source, destination) {
            return self.node.count("pmipv6.lr.known-pair");
        }
        self.node.count("pmipv6.lr.set-up-again");
        self.begin_anew(id);
    }

    /// Whether a pair may have a path, and who is to make it; an error is a counter and a reason.
    pub(super) fn plan(
        &mut self,
        home: IpNet,
        there: IpNet,
    ) -> Result<Plan, (&'static str, &'static str)> {
        let policy = &self.config.localized_routing;
        if !policy.allows([home, there].iter()) {
            return Err(("pmipv6.lr.policy", "policy"));
        }
        if self.paths.len() >= policy.max_paths {
            return Err(("pmipv6.lr.table-full", "path table full"));
        }
        let Some(source) = self.registered(&home) else {
            return Err(("pmipv6.lr.not-registered", "source MN not registered"));
        };
        if !self.may_localize(&source.mn_id) {
            return Err(("pmipv6.lr.policy", "policy of the source MN"));
        }
        let full = |homes: &[IpNet]| self.paths.of_homes(homes).len() >= policy.max_paths_per_mn;
        if policy.denies_peer(source.proxy_coa) {
            return Err(("pmipv6.lr.policy", "policy of the source's MAG"));
        }
        if full(&source.homes) {
            return Err(("pmipv6.lr.table-full", "too many paths of the source MN"));
        }
        if self.homes.get(&there).is_none() {
            let homes = source.homes.clone();
            return self.plan_remote(&homes, there);
        }
        let Some(destination) = self.registered(&there) else {
            return Err(("pmipv6.lr.not-registered", "destination MN not registered"));
        };
        if source.mn_id == destination.mn_id {
            return Err(("pmipv6.lr.policy", "both ends are one MN"));
        }
        if !self.may_localize(&destination.mn_id) {
            return Err(("pmipv6.lr.policy", "policy of the destination MN"));
        }
        if policy.denies_peer(destination.proxy_coa) {
            return Err(("pmipv6.lr.policy", "policy of the destination's MAG"));
        }
        if full(&destination.homes) {
            return Err((
                "pmipv6.lr.table-full",
                "too many paths of the destination MN",
            ));
        }
        Ok(Plan::Single(Ends {
            source: end(common(&source.homes, &destination.homes)),
            destination: end(common(&destination.homes, &source.homes)),
        }))
    }

    fn plan_remote(
        &mut self,
        homes: &[IpNet],
        there: IpNet,
    ) -> Result<Plan, (&'static str, &'static str)> {
        let Some(peer) = self.look_up_peer(there) else {
            return Err(("pmipv6.lr.peer-lma-unknown", "peer LMA unknown"));
        };
        if self.config.localized_routing.denies_peer(peer.lma) {
            return Err(("pmipv6.lr.policy", "policy of the peer LMA"));
        }
        if !self
            .node
            .peers
            .knows_localized_routing(self.node.mono(), peer.lma)
        {
            return Err((
                "pmipv6.lr.peer-incapable",
                "peer LMA does not know localized routing",
            ));
        }
        let ends = Ends {
            source: end(common(homes, &[there])),
            destination: end(vec![there]),
        };
        match ends.pairs().is_empty() {
            true => Err((
                "pmipv6.lr.policy",
                "no home of the destination's address family",
            )),
            false => Ok(Plan::Delegate(ends, peer)),
        }
    }

    pub(super) fn may_localize(&self, mn_id: &str) -> bool {
        let profile = self.config.profiles.get(mn_id);
        profile.is_none_or(|profile| profile.localized_routing)
    }
}

/// Those homes that have a counterpart of their family at the other end.
pub(super) fn common(homes: &[IpNet], others: &[IpNet]) -> Vec<IpNet> {
    let paired = |home: &&IpNet| others.iter().any(|other| is_v6(other) == is_v6(home));
    homes.iter().filter(paired).copied().collect()
}
