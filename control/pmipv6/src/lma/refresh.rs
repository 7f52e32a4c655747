//! RO Refresh from MAGs, and the end of paths that nobody refreshed (draft section 4.5).

use std::net::IpAddr;

use super::LocalMobilityAnchor;
use super::state::{PathState, Role};
use super::teardown::Notice;
use super::trigger::echo;
use crate::io::Event;
use crate::path::{Asked, Ends, EndsExt, PathId};
use crate::wire::iana::ro_status;
use crate::wire::message::RoRequest;

impl LocalMobilityAnchor {
    pub(super) fn on_refresh(&mut self, asked: Asked, request: &RoRequest) {
        let (status, lifetime) = match self.check_refresh(asked.peer, request) {
            Ok(id) if request.lifetime == 0 => {
                self.hold_after_removal(id, "removed");
                self.take_down(id, "removed", Notice::Decided);
                (ro_status::SUCCESS, 0)
            }
            Ok(id) => {
                let granted = self.extend(id, request.lifetime);
                self.see_to_far_end(id, asked.peer);
                (ro_status::SUCCESS, granted)
            }
            Err(status) => {
                self.node.count("pmipv6.ro.refused");
                (status, 0)
            }
        };
        self.node.answer(0, asked, status, lifetime, echo(request));
    }

    fn check_refresh(&self, mag: IpAddr, request: &RoRequest) -> Result<PathId, u8> {
        if request.proxy_mode {
            return Err(ro_status::MODE_NOT_SUPPORTED);
        }
        let ends = Ends::parse(&request.options).ok_or(ro_status::MISSING_OR_MALFORMED_OPTION)?;
        let id = self.paths.find(&ends).ok_or(ro_status::NO_SUCH_STATE)?;
        match self.serves(mag, id) {
            true => Ok(id),
            false => Err(ro_status::PEER_NOT_AUTHORIZED),
        }
    }

    /// Whether a MAG serves an end of the path that is ours (L-74).
    fn serves(&self, mag: IpAddr, id: PathId) -> bool {
        let Some(path) = self.paths.get(id) else {
            return false;
        };
        self.entries_of(path).any(|entry| entry.proxy_coa == mag)
    }

    fn extend(&mut self, id: PathId, asked_s: u16) -> u16 {
        let Some(path) = self.paths.get_mut(id) else {
            return 0;
        };
        // A MAG that refreshes holds the path, whatever became of the acknowledgement.
        if path.state == PathState::Unconfirmed {
            path.state = PathState::Active;
            let now = self.node.now.mono;
            path.up_since.get_or_insert(now);
        }
        let ends = path.ends.clone();
        let granted = self.lifetime_for(&ends, asked_s);
        self.arm_path_end(id, granted);
        granted
    }

    pub(super) fn on_path_end(&mut self, id: PathId) {
        let Some(path) = self.paths.get(id) else {
            return;
        };
        if path.request.is_some() && path.state == PathState::SettingUp {
            // The answer, or the lack of one, decides.
            return;
        }
        if path.up_since.is_some() {
            let (source, destination) = path.ends.shown();
            self.node.notify(Event::PathDown {
                source,
                destination,
                reason: "expired".to_owned(),
            });
        }
        self.forget_path(id);
    }

    pub(super) fn peer_of(role: Role) -> Option<IpAddr> {
        match role {
            Role::Single => None,
            Role::Controller { peer } => Some(peer),
            Role::Delegated { controller } => Some(controller),
        }
    }
}
