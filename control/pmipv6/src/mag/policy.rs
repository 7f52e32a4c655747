//! Policy that changes while paths stand: those that it forbids now end, and their peers are told.

use super::MobileAccessGateway;
use super::state::Path;
use crate::path::PathId;

impl MobileAccessGateway {
    /// With the first input after a change.
    pub(super) fn apply_policy(&mut self) {
        if !std::mem::take(&mut self.policy_changed) {
            return;
        }
        let policy = &self.config.localized_routing;
        let forbidden = |(id, path): (PathId, &Path)| {
            let is_forbidden =
                self.check_policy(&path.ends).is_err() || policy.denies_peer(path.peer);
            is_forbidden.then_some(id)
        };
        let ids: Vec<PathId> = self.paths.iter().filter_map(forbidden).collect();
        for id in ids {
            self.end_path(id, "policy");
        }
    }
}
