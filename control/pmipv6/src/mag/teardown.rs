//! Taking a path down: by the MN's leaving, by the peer, by the LMA, by an operator (HL-20, HL-21, HL-33).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::order::echo;
use super::refresh::INFINITE;
use super::state::{Owner, PathState, Timer};
use crate::io::{Answer, Event, Token};
use crate::path::{Asked, Draft, Ends, EndsExt, PathId, with_care_of};
use crate::wire::iana::ro_status;
use crate::wire::message::{RoKind, RoRequest};

/// How often a silent peer is told that a path has ended; about one lifetime lies between.
const MAX_GOODBYES: u8 = 8;
/// How long we go on receiving from a silent peer whose path had no end.
const LONGEST_TAIL: Duration = Duration::from_secs(3_600);

impl MobileAccessGateway {
    /// Ends every path of these homes: their MN has left.
    pub(super) fn end_paths_of(&mut self, homes: &[IpNet], reason: &str) {
        for id in self.paths.of_homes(homes) {
            let local = self.paths.get(id).is_some_and(|path| {
                path.peer == self.config.address
                    || path.local_homes().iter().any(|home| homes.contains(home))
            });
            // A home here may also be the far end of a path, seen from an MN that is still here.
            if local {
                self.leave_path(id, reason);
            }
        }
    }

    /// The MN of a path is here no more: what still comes for it goes back to its LMA.
    fn leave_path(&mut self, id: PathId, reason: &str) {
        // The sending half first: what it sends asks for answers.
        let lma = self.lmas_of(id).first().copied();
        self.end_path(id, reason);
        self.hand_back(id, lma);
        self.drop_if_untold(id);
    }

    /// Stops sending at once and tells the peer; our receiving half stays until the peer has stopped too.
    pub(super) fn end_path(&mut self, id: PathId, reason: &str) {
        if self
            .paths
            .get(id)
            .is_none_or(|path| path.state == PathState::Ending)
        {
            return;
        }
        self.cancel_requests(id);
        let number = self.remove_send(id);
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (source, destination) = path.ends.shown();
        let (asked, options) = (path.asked.take(), path.ends.options(None, None));
        let was_up = path.state == PathState::Active;
        if let Some(asked) = asked {
            self.node
                .answer(number, asked, ro_status::MN_NOT_ATTACHED, 0, options);
        }
        let told = !self.retract(id, ro_status::MN_NOT_ATTACHED);
        if was_up && told {
            self.node.notify(Event::PathDown {
                source,
                destination,
                reason: reason.to_owned(),
            });
        }
        self.say_goodbye(id, number);
    }

    /// RO Setup with lifetime 0 (HL-33); a path inside this MAG has nobody to tell.
    pub(super) fn say_goodbye(&mut self, id: PathId, number: u64) {
        let own = self.config.address;
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        if path.peer == own {
            self.drop_path(id);
            return;
        }
        path.state = PathState::Ending;
        path.goodbyes += 1;
        let draft = Draft {
            peer: path.peer,
            kind: RoKind::Setup,
            handover: false,
            lifetime: 0,
            options: with_care_of(
                path.ends.options(Some(own), path.timestamp),
                self.node.reach.local(path.peer),
            ),
            owner: Owner::Goodbye(id),
        };
        self.timers.cancel(&Timer::Probe(id));
        self.timers.cancel(&Timer::SendEnd(id));
        let request = self.node.ask(&self.config.localized_routing, number, draft);
        if let Some(path) = self.paths.get_mut(id) {
            path.setup = Some(request);
        }
    }

    /// The peer has stopped sending, or does not answer. A silent one may still send until its lifetime
    /// ends, so the receiving half stays that long.
    pub(super) fn on_goodbye_done(&mut self, id: PathId, answered: bool) {
        let now = self.node.now.mono;
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.setup = None;
        let over = !path.receiving || path.until.is_some_and(|until| until <= now);
        let (infinite, lifetime_s) = (path.lifetime_s == INFINITE, path.lifetime_s);
        let left = !path
            .local_homes()
            .iter()
            .any(|home| self.homes.get(home).is_some());
        if answered || left {
            self.remove_receive(id);
            self.drop_path(id);
        } else if infinite {
            self.timers.set(Timer::ReceiveEnd(id), now + LONGEST_TAIL);
        } else if over {
            self.remove_receive(id);
            let again = now + self.receive_tail(lifetime_s);
            self.timers.set(Timer::ReceiveEnd(id), again);
        }
    }

    /// Nobody is left here for the packets of a peer that does not answer.
    fn drop_if_untold(&mut self, id: PathId) {
        let waiting =
            |path: &super::state::Path| path.state == PathState::Ending && path.setup.is_none();
        if self.paths.get(id).is_some_and(waiting) {
            self.drop_path(id);
        }
    }

    /// A peer that nobody could reach may have been granted more by its own LMA, and would send to us for
    /// ever: it is told until it answers.
    pub(super) fn say_goodbye_again(&mut self, id: PathId) {
        self.remove_receive(id);
        let Some(path) = self.paths.get(id) else {
            return;
        };
        if path.setup.is_some() {
            return;
        }
        if path.goodbyes >= MAX_GOODBYES {
            self.drop_path(id);
            return;
        }
        self.say_goodbye(id, 0);
    }

    /// RO Setup with lifetime 0 from the other MAG: it does not send any more, so stop too.
    pub(super) fn on_setup_delete(
        &mut self,
        asked: Asked,
        request: &RoRequest,
        ends: &Ends,
        timestamp: Option<u64>,
    ) {
        let Some(id) = self.paths.find(ends) else {
            // Should it have overtaken the set-up that it ends, that one is stale (HL-17).
            if let Some(timestamp) = timestamp.filter(|t| self.order.is_newer(ends, *t)) {
                self.order.note(self.node.mono(), ends, timestamp);
            }
            return self
                .node
                .answer(0, asked, ro_status::NO_SUCH_STATE, 0, echo(request));
        };
        let Some(path) = self.paths.get(id) else {
            return;
        };
        if path.peer != asked.peer {
            return self
                .node
                .answer(0, asked, ro_status::NO_SUCH_STATE, 0, echo(request));
        }
        // It names the path of that timestamp, not a newer one that is being set up (HL-17).
        if timestamp < path.timestamp {
            return self
                .node
                .answer(0, asked, ro_status::STALE, 0, echo(request));
        }
        let number = self.remove_all(id, ro_status::PEER_MAG_REFUSED_OR_SILENT, "peer");
        self.node
            .answer(number, asked, ro_status::SUCCESS, 0, echo(request));
    }

    /// RO Init with lifetime 0: the LMA wants the pair's packets back (HL-20). With H since the MN is at another MAG
    /// already, which this one may not have noticed: on its link the packets would be lost.
    pub(super) fn on_init_delete(&mut self, asked: Asked, request: &RoRequest, ends: &Ends) {
        let Some(id) = self.paths.find(ends) else {
            return self
                .node
                .answer(0, asked, ro_status::NO_SUCH_STATE, 0, echo(request));
        };
        if !self.may_control(id, asked.peer) {
            return self
                .node
                .answer(0, asked, ro_status::PEER_NOT_AUTHORIZED, 0, echo(request));
        }
        let stale = self
            .paths
            .get(id)
            .is_some_and(|path| crate::wire::options::timestamp(&request.options) < path.timestamp);
        if stale {
            return self
                .node
                .answer(0, asked, ro_status::STALE, 0, echo(request));
        }
        match request.handover {
            true => self.leave_path(id, "moved"),
            false => self.end_path(id, "removed"),
        }
        self.node
            .answer_after_all(asked, ro_status::SUCCESS, 0, echo(request));
    }

    /// An LMA speaks for the MNs that it anchors.
    fn may_control(&self, id: PathId, lma: IpAddr) -> bool {
        let Some(path) = self.paths.get(id) else {
            return false;
        };
        path.controller == Some(lma) || self.lmas_of(id).contains(&lma)
    }

    /// The LMAs of the MNs of a path that are attached here, each once.
    pub(super) fn lmas_of(&self, id: PathId) -> Vec<IpAddr> {
        let Some(path) = self.paths.get(id) else {
            return Vec::new();
        };
        let mut homes = path.local_homes().to_vec();
        if path.peer == self.config.address {
            homes.extend(
                path.ends
                    .source
                    .homes
                    .iter()
                    .chain(&path.ends.destination.homes),
            );
        }
        let mut lmas: Vec<IpAddr> = homes
            .iter()
            .filter_map(|home| self.homes.get(home))
            .filter_map(|mn_id| self.bindings.get(mn_id))
            .map(|entry| entry.lma)
            .collect();
        lmas.sort_unstable();
        lmas.dedup();
        lmas
    }

    /// Both halves at once, nobody to tell. Returns the last update.
    fn remove_all(&mut self, id: PathId, status: u8, reason: &str) -> u64 {
        let number = self.remove_send(id).max(self.remove_receive(id));
        let Some(path) = self.paths.get_mut(id) else {
            return number;
        };
        let (source, destination) = path.ends.shown();
        let was_up = path.state == PathState::Active;
        let (asked, options) = (path.asked.take(), path.ends.options(None, None));
        if let Some(asked) = asked {
            self.node.answer(number, asked, status, 0, options);
        }
        let told = !self.retract(id, status);
        if was_up && told {
            self.node.notify(Event::PathDown {
                source,
                destination,
                reason: reason.to_owned(),
            });
        }
        self.drop_path(id);
        number
    }

    /// Takes back what was to be said about a path once its updates are applied. True if operators had
    /// not been told of it yet.
    pub(super) fn retract(&mut self, id: PathId, status: u8) -> bool {
        let Some(path) = self.paths.get_mut(id) else {
            return false;
        };
        let (promised, pair) = (path.promised.take(), path.ends.shown());
        if let Some(asked) = promised {
            self.node.retract(asked, status);
        }
        self.node.retract_event(|event| {
            matches!(event, Event::PathUp { source, destination, .. } if (*source, *destination) == pair)
        })
    }

    pub(super) fn cancel_requests(&mut self, id: PathId) {
        let setup = self.paths.get_mut(id).and_then(|path| path.setup.take());
        if let Some(request) = setup {
            self.node.cancel(request);
        }
        self.cancel_refreshes(id);
    }

    /// Forgets the record; its entries are gone already.
    pub(super) fn drop_path(&mut self, id: PathId) {
        self.cancel_requests(id);
        for timer in [Timer::Probe(id), Timer::SendEnd(id), Timer::ReceiveEnd(id)] {
            self.timers.cancel(&timer);
        }
        self.give_back_path_key(id);
        self.paths.remove(id);
    }

    pub(super) fn on_path_remove(&mut self, token: Token, source: IpNet, destination: IpNet) {
        let Some(id) = self.find_named(source, destination) else {
            let text = format!("There is no path between {source} and {destination}.");
            return self.node.refuse(token, None, "no-such-path", text);
        };
        let options = self.paths.get(id).map(|path| path.ends.options(None, None));
        for lma in self.lmas_of(id) {
            let draft = Draft {
                peer: lma,
                kind: RoKind::Refresh,
                handover: false,
                lifetime: 0,
                options: options.clone().unwrap_or_default(),
                owner: Owner::Withdraw,
            };
            self.node.ask(&self.config.localized_routing, 0, draft);
        }
        self.end_path(id, "removed");
        self.node.reply(token, Ok(Answer::PathRemoved));
    }

    /// The path that an operator means: by homes or by addresses in them.
    fn find_named(&self, source: IpNet, destination: IpNet) -> Option<PathId> {
        let covers = |homes: &[IpNet], net: &IpNet| homes.iter().any(|home| home.contains(net));
        self.paths
            .iter()
            .find(|(_, path)| {
                let (a, b) = (&path.ends.source.homes, &path.ends.destination.homes);
                covers(a, &source) && covers(b, &destination)
                    || covers(b, &source) && covers(a, &destination)
            })
            .map(|(id, _)| id)
    }

    /// How long our receiving half outlives `until`: the peer may have been granted its last refresh that
    /// much later than we were (HL-33).
    pub(super) fn receive_tail(&self, lifetime_s: u16) -> Duration {
        let policy = &self.config.localized_routing;
        let window = 100u32.saturating_sub(policy.refresh_percent.into());
        let skew = Duration::from_secs(lifetime_s.into()) * window / 100;
        skew + Duration::from_secs(policy.receive_grace_s.into())
    }
}
