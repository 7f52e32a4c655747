//! Taking paths down: an MN is gone, a peer or an operator says so (HL-20, HL-21).

use std::net::IpAddr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::state::{Owner, PathState, Role};
use crate::io::{Answer, Event, Token, UpdateNumber};
use crate::path::{Draft, EndsExt, PathId};
use crate::wire::iana::ro_status;
use crate::wire::message::RoKind;

/// Why a pair that talks has no path: its other LMA wants none for now.
const ENDED_BY_PEER: &str = "ended by the peer LMA";

/// What the peer LMA is told of the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// It knows, or has no part in it.
    Needless,
    /// An MN has left: H is set, as nothing was decided about the pair, and its next packet may bring the path back.
    MnLeft,
    /// The pair is to have no path: the peer holds it off as we do.
    Decided,
}

/// What goes with RO Init or RO Trigger with lifetime 0.
struct Farewell {
    peer: IpAddr,
    kind: RoKind,
    /// H: an MN has moved or left, and that is all.
    moved: bool,
    /// The update that has to be applied before.
    number: UpdateNumber,
    owner: Owner,
}

impl LocalMobilityAnchor {
    /// The binding of an MN is deleted: its paths end.
    pub(super) fn on_mn_gone(&mut self, homes: &[IpNet]) {
        for id in self.paths.of_homes(homes) {
            self.take_down(id, "detached", Notice::MnLeft);
        }
    }

    /// Ends a path: the MAGs of MNs that are still ours are told, and the peer LMA as `notice` says.
    pub(super) fn take_down(&mut self, id: PathId, reason: &str, notice: Notice) {
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
            self.send_delete(id, Farewell::new(mag, RoKind::Init, Owner::Teardown));
        }
        if let Some(peer) = Self::peer_of(role).filter(|_| notice != Notice::Needless) {
            let farewell = Farewell {
                moved: notice == Notice::MnLeft,
                ..Farewell::new(peer, RoKind::Trigger, Owner::Teardown)
            };
            self.send_delete(id, farewell);
        }
        self.forget_path(id);
    }

    /// A path that was removed on purpose does not come back with the next packet, of whichever family.
    pub(super) fn hold_after_removal(&mut self, id: PathId, why: &str) {
        let now = self.node.mono();
        let pairs = self.paths.get(id).map(|path| path.ends.pairs());
        for (source, destination) in pairs.unwrap_or_default() {
            self.hold_off
                .refuse(now, source, destination, why.to_owned());
        }
    }

    /// RO Trigger with lifetime 0. Without H the peer, or an operator there, wants no path for the pair: our own
    /// packets do not bring it back, but an RO Trigger of the peer does at once.
    pub(super) fn on_end_at_peer(&mut self, id: PathId, mn_left: bool) {
        if !mn_left {
            self.hold_after_removal(id, ENDED_BY_PEER);
        }
        self.take_down(id, "peer", Notice::Needless);
    }

    /// The MN's previous MAG may not have noticed that it has left, and would put on its link what the other MAG
    /// still sends: it is to hand that back to us (HL-20, HL-34), which we accept once `number` is applied.
    ///
    /// Earlier than what follows the MN, in time and by its Timestamp: where the previous MAG has a part in that,
    /// the later decision counts (HL-17). A MAG that is told by revocation drops what it knows of the MN (RFC 5846).
    ///
    /// Of two LMAs the controller alone says RO Init (L-4): at the other one revocation is the means.
    pub(super) fn take_back_from(
        &mut self,
        homes: &[IpNet],
        previous: IpAddr,
        number: UpdateNumber,
    ) {
        if self.config.revoke_at_previous_mag {
            return;
        }
        for id in self.paths.of_homes(homes) {
            if self.is_delegated(id) {
                continue;
            }
            let farewell = Farewell {
                moved: true,
                number,
                ..Farewell::new(previous, RoKind::Init, Owner::Teardown)
            };
            self.send_delete(id, farewell);
        }
    }

    fn is_delegated(&self, id: PathId) -> bool {
        let role = self.paths.get(id).map(|path| path.role);
        matches!(role, Some(Role::Delegated { .. }))
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
            let request = self.send_delete(id, Farewell::new(peer, kind, Owner::Withdraw(id)));
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
    fn send_delete(&mut self, id: PathId, farewell: Farewell) -> crate::path::RequestId {
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
            peer: farewell.peer,
            kind: farewell.kind,
            handover: farewell.moved,
            lifetime: 0,
            options: options.unwrap_or_default(),
            owner: farewell.owner,
        };
        let policy = &self.config.localized_routing;
        self.node.ask(policy, farewell.number, draft)
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
        self.take_down(id, "removed", Notice::Decided);
        self.node.reply(token, Ok(Answer::PathRemoved));
    }

    /// An LMA that ends owes its MAGs the truth about paths that it controls: without it nothing follows
    /// the MNs.
    pub(super) fn on_shutdown(&mut self) {
        let ids: Vec<PathId> = self.paths.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.take_down(id, "shutdown", Notice::Decided);
        }
    }
}

impl Farewell {
    fn new(peer: IpAddr, kind: RoKind, owner: Owner) -> Self {
        Self {
            peer,
            kind,
            moved: false,
            number: 0,
            owner,
        }
    }
}
