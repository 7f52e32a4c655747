//! Taking paths down: an MN is gone, a peer or an operator says so (HL-20, HL-21).

use std::net::IpAddr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::state::{Owner, PathState, Role};
use crate::io::{Answer, Event, Token};
use crate::path::{Draft, EndsExt, PathId};
use crate::wire::iana::ro_status;
use crate::wire::message::RoKind;

impl LocalMobilityAnchor {
    /// The binding of an MN is deleted: its paths end.
    pub(super) fn on_mn_gone(&mut self, homes: &[IpNet]) {
        for id in self.paths.of_homes(homes) {
            self.take_down(id, "detached", true);
        }
    }

    /// Ends a path: the MAGs of MNs that are still ours are told, and the peer LMA where `tell_peer`.
    pub(super) fn take_down(&mut self, id: PathId, reason: &str, tell_peer: bool) {
        self.cancel_request(id);
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (asked, ends, role) = (path.asked.take(), path.ends.clone(), path.role);
        if path.up_since.is_some() {
            let (source, destination) = ends.shown();
            self.node.notify(Event::PathDown {
                source,
                destination,
                reason: reason.to_owned(),
            });
        }
        if let Some(asked) = asked {
            self.node.answer(
                0,
                asked,
                ro_status::MN_NOT_ATTACHED,
                0,
                ends.options(None, None),
            );
        }
        if let Some(mag) = self.mag_to_tell(id) {
            self.send_delete(id, mag, RoKind::Init, Owner::Teardown);
        }
        if let Some(peer) = Self::peer_of(role).filter(|_| tell_peer) {
            self.send_delete(id, peer, RoKind::Trigger, Owner::Teardown);
        }
        self.forget_path(id);
    }

    /// A path that was removed on purpose does not come back with the next packet.
    pub(super) fn hold_after_removal(&mut self, id: PathId, why: &str) {
        if let Some(path) = self.paths.get(id) {
            let (source, destination) = path.ends.shown();
            let now = self.node.mono();
            self.hold_off
                .refuse(now, source, destination, why.to_owned());
        }
    }

    /// One MAG that holds the path and will tell the other: the destination's, or else the source's.
    fn mag_to_tell(&self, id: PathId) -> Option<IpAddr> {
        let path = self.paths.get(id)?;
        let ours = |homes: &[IpNet]| {
            homes
                .first()
                .and_then(|home| self.registered(home))
                .map(|entry| entry.proxy_coa)
        };
        ours(&path.ends.destination.homes).or_else(|| ours(&path.ends.source.homes))
    }

    /// Takes a path down that may or may not stand; it is remembered until the MAG or LMA confirms.
    pub(super) fn withdraw(&mut self, id: PathId) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.state = PathState::Unconfirmed;
        let target = match path.role {
            Role::Delegated { controller } => Some((controller, RoKind::Trigger)),
            _ => self.mag_to_tell(id).map(|mag| (mag, RoKind::Init)),
        };
        if let Some((peer, kind)) = target {
            let request = self.send_delete(id, peer, kind, Owner::Withdraw(id));
            if let Some(path) = self.paths.get_mut(id) {
                path.request = Some(request);
            }
        }
    }

    /// It stays remembered until it must have ended; the next packet after the hold-off tries again.
    pub(super) fn on_withdraw_silent(&mut self, id: PathId) {
        if let Some(path) = self.paths.get_mut(id) {
            path.request = None;
        }
    }

    /// RO Init or RO Trigger with lifetime 0. MAG-ADDR is mandatory in both (L-30).
    fn send_delete(
        &mut self,
        id: PathId,
        peer: IpAddr,
        kind: RoKind,
        owner: Owner,
    ) -> crate::path::RequestId {
        let timestamp = self.clock.tick(self.node.now.wall);
        let source_mag = self.paths.get(id).and_then(|path| {
            let home = path.ends.source.homes.first()?;
            let ours = self.registered(home).map(|entry| entry.proxy_coa);
            ours.or(path.remote_mag)
        });
        let mag = source_mag.unwrap_or(self.config.address);
        let options = self
            .paths
            .get(id)
            .map(|path| path.ends.options(Some(mag), Some(timestamp)));
        let draft = Draft {
            peer,
            kind,
            handover: false,
            lifetime: 0,
            options: options.unwrap_or_default(),
            owner,
        };
        self.node.ask(&self.config.localized_routing, 0, draft)
    }

    pub(super) fn cancel_request(&mut self, id: PathId) {
        let request = self.paths.get_mut(id).and_then(|path| path.request.take());
        if let Some(request) = request {
            self.node.cancel(request);
        }
    }

    pub(super) fn forget_path(&mut self, id: PathId) {
        self.cancel_request(id);
        self.timers.cancel(&super::state::Timer::PathEnd(id));
        self.paths.remove(id);
    }

    pub(super) fn on_path_remove(&mut self, token: Token, source: IpNet, destination: IpNet) {
        let covers = |homes: &[IpNet], net: &IpNet| homes.iter().any(|home| home.contains(net));
        let found = self.paths.iter().find(|(_, path)| {
            let (a, b) = (&path.ends.source.homes, &path.ends.destination.homes);
            (covers(a, &source) && covers(b, &destination))
                || (covers(b, &source) && covers(a, &destination))
        });
        let Some((id, _)) = found else {
            let text = format!("There is no path between {source} and {destination}.");
            return self.node.refuse(token, None, "no-such-path", text);
        };
        self.hold_after_removal(id, "removed");
        self.take_down(id, "removed", true);
        self.node.reply(token, Ok(Answer::PathRemoved));
    }

    /// An LMA that ends owes its MAGs the truth about paths that it controls: without it nothing follows
    /// the MNs.
    pub(super) fn on_shutdown(&mut self) {
        let ids: Vec<PathId> = self.paths.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.take_down(id, "shutdown", true);
        }
    }
}
