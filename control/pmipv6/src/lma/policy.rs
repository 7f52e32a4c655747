//! Policy that changes while paths stand: those that it forbids now end (draft section 8: the LMA enforces).

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::state::{BindingCacheEntry, Path};
use super::teardown::Notice;
use crate::path::PathId;

impl LocalMobilityAnchor {
    /// With the first input after a change.
    pub(super) fn apply_policy(&mut self) {
        if !std::mem::take(&mut self.policy_changed) {
            return;
        }
        let forbidden = |(id, path): (PathId, &Path)| (!self.is_allowed(path)).then_some(id);
        let ids: Vec<PathId> = self.paths.iter().filter_map(forbidden).collect();
        for id in ids {
            self.hold_after_removal(id, "policy");
            self.take_down(id, "policy", Notice::Decided);
        }
    }

    fn is_allowed(&self, path: &Path) -> bool {
        let policy = &self.config.localized_routing;
        let peers = [path.remote_mag, Self::peer_of(path.role)];
        policy.allows(homes_of(path))
            && !peers
                .into_iter()
                .flatten()
                .any(|peer| policy.denies_peer(peer))
            && self
                .entries_of(path)
                .all(|entry| !policy.denies_peer(entry.proxy_coa))
    }

    /// The bindings of ours that a path is for.
    pub(super) fn entries_of<'a>(
        &'a self,
        path: &'a Path,
    ) -> impl Iterator<Item = &'a BindingCacheEntry> {
        homes_of(path).filter_map(|home| self.registered(home))
    }
}

fn homes_of(path: &Path) -> impl Iterator<Item = &IpNet> {
    let ends = &path.ends;
    ends.source.homes.iter().chain(&ends.destination.homes)
}
