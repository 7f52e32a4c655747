//! Setting a path up: RO Init at the destination's MAG, RO Setup at the source's (draft section 4.1).

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::order::{Order, echo};
use super::state::{Owner, Path, PathState, Timer};
use crate::io::{Event, Output};
use crate::path::{Asked, Draft, Ends, EndsExt, PathId};
use crate::wire::MobilityOption;
use crate::wire::iana::ro_status;
use crate::wire::message::{RoAck, RoKind, RoRequest};

/// First status that refuses.
pub(super) const REFUSED: u8 = 128;

impl MobileAccessGateway {
    /// RO Init from an LMA: contact the peer MAG (L-18, L-33).
    pub(super) fn on_init(&mut self, asked: Asked, request: RoRequest) {
        let order = match self.read_order(&request) {
            Ok(order) => order,
            Err(status) => return self.refuse_ro(asked, &request, status),
        };
        if order.lifetime_s == 0 {
            return self.on_init_delete(asked, &request, &order.ends);
        }
        match self.check_init(asked.peer, &order) {
            Ok(()) => {
                self.introduce(order.mag, &request);
                self.begin(asked, order);
            }
            Err(ro_status::MN_NOT_ATTACHED) if self.park(asked.peer, &request) => {}
            Err(status) => self.refuse_ro(asked, &request, status),
        }
    }

    /// The record of a pair as a new order has it; what no longer holds is withdrawn at once (HL-32).
    fn record(&mut self, order: &Order, local_is_source: bool) -> PathId {
        let now = self.node.mono();
        if let Some(timestamp) = order.timestamp {
            self.order.note(now, &order.ends, timestamp);
        }
        let id = match self.paths.find(&order.ends) {
            Some(id) => {
                self.supersede(id, order, local_is_source);
                id
            }
            None => self.paths.insert(Path {
                ends: order.ends.clone(),
                local_is_source,
                peer: order.mag,
                controller: None,
                state: PathState::SettingUp,
                timestamp: None,
                lifetime_s: 0,
                until: None,
                asked: None,
                promised: None,
                setup: None,
                refreshes: Vec::new(),
                granted: None,
                gre: None,
                gre_told: None,
                sending: false,
                receiving: false,
                refresh_at: None,
                goodbyes: 0,
                counted: BTreeMap::new(),
                since: now,
            }),
        };
        for timer in [Timer::Probe(id), Timer::SendEnd(id), Timer::ReceiveEnd(id)] {
            self.timers.cancel(&timer);
        }
        if let Some(path) = self.paths.get_mut(id) {
            path.local_is_source = local_is_source;
            path.peer = order.mag;
            path.timestamp = order.timestamp.or(path.timestamp);
            path.state = PathState::SettingUp;
            path.since = now;
            path.until = None;
            path.goodbyes = 0;
            path.counted.clear();
        }
        id
    }

    /// A newer order about a pair: the older one is answered as stale, its requests are void.
    fn supersede(&mut self, id: PathId, order: &Order, local_is_source: bool) {
        self.cancel_requests(id);
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (asked, old_ends) = (path.asked.take(), path.ends.clone());
        let same_halves = same_halves(path, &order.ends, local_is_source);
        let moved = path.peer != order.mag;
        let was_local = path.peer == self.config.address;
        if let Some(asked) = asked {
            let options = old_ends.options(None, None);
            self.node.answer(0, asked, ro_status::STALE, 0, options);
        }
        self.retract(id, ro_status::STALE);
        if moved || !same_halves {
            self.remove_send(id);
        }
        if was_local && moved || !same_halves {
            self.remove_receive(id);
        }
        self.paths.rename(id, order.ends.clone());
    }

    fn begin(&mut self, asked: Asked, order: Order) {
        let id = self.record(&order, false);
        let lifetime_s = self.cap(order.lifetime_s, &order.ends.destination.homes);
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.controller = Some(asked.peer);
        path.refresh_at = None;
        path.lifetime_s = lifetime_s;
        path.asked = Some(asked);
        if order.mag == self.config.address {
            self.remove_send(id);
            self.remove_receive(id);
            let number = self.install_local(id);
            self.activate(id, number);
            return;
        }
        let key = self.key_for_peer(id);
        let number = self.install_receive(id);
        self.arm_receive_end(id);
        let mut options = self.setup_options(&order.ends, order.mag, order.timestamp);
        options.extend(key);
        let draft = Draft {
            peer: order.mag,
            kind: RoKind::Setup,
            handover: order.handover,
            lifetime: lifetime_s,
            options,
            owner: Owner::Setup(id),
        };
        let request = self.node.ask(&self.config.localized_routing, number, draft);
        if let Some(path) = self.paths.get_mut(id) {
            path.setup = Some(request);
        }
    }

    /// RO Setup Ack: the peer takes our packets from now on (HL-31).
    pub(super) fn on_setup_ack(&mut self, id: PathId, request: &RoRequest, ack: &RoAck) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.setup = None;
        if self.setup_past_nat(id, request, ack) {
            return;
        }
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        if ack.status >= REFUSED {
            let why = format!("peer MAG refused: {}", ro_status::name(ack.status));
            self.roll_back(id, &why);
            return;
        }
        if ack.lifetime > 0 {
            path.lifetime_s = request.lifetime.min(ack.lifetime);
        }
        if self.take_peer_key(id, &ack.options) {
            self.install_receive(id);
        }
        let number = self.install_send(id);
        self.activate(id, number);
    }

    /// The path stands once `number` is applied: answer the RO Init, tell operators.
    fn activate(&mut self, id: PathId, number: u64) {
        let now = self.node.mono();
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.state = PathState::Active;
        let (asked, lifetime_s) = (path.asked.take(), path.lifetime_s);
        let options = path.ends.options(None, None);
        let (source, destination) = path.ends.shown();
        let event = Event::PathUp {
            source,
            destination,
            peer: Some(path.peer),
            setup_us: now.saturating_sub(path.since).as_micros() as u64,
        };
        path.promised = asked;
        self.arm_path(id);
        if let Some(asked) = asked {
            self.node
                .answer(number, asked, ro_status::SUCCESS, lifetime_s, options);
        }
        self.node.after(number, Output::Notify(event));
    }

    /// The peer MAG said no, so it holds nothing of this path (L-36).
    pub(super) fn roll_back(&mut self, id: PathId, why: &str) {
        let number = self.remove_send(id).max(self.remove_receive(id));
        self.fail_init(id, number, why);
        self.drop_path(id);
    }

    /// The peer MAG is silent: it may have installed its halves all the same, so it is told to forget
    /// them, and ours goes on receiving until it has, or until it must have (HL-33).
    pub(super) fn on_setup_silent(&mut self, id: PathId, why: &str) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        path.setup = None;
        let number = self.remove_send(id);
        self.fail_init(id, number, &format!("peer MAG: {why}"));
        self.say_goodbye(id, number);
    }

    fn fail_init(&mut self, id: PathId, number: u64, why: &str) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (source, destination) = path.ends.shown();
        let (asked, options) = (path.asked.take(), path.ends.options(None, None));
        self.node.count("pmipv6.ro.refused");
        self.node.notify(Event::PathRefused {
            source,
            destination,
            status: Some(ro_status::PEER_MAG_REFUSED_OR_SILENT),
            reason: why.to_owned(),
        });
        if let Some(asked) = asked {
            let status = ro_status::PEER_MAG_REFUSED_OR_SILENT;
            self.node.answer(number, asked, status, 0, options);
        }
    }

    /// RO Setup from the destination's MAG: install both halves (L-20, L-33).
    pub(super) fn on_setup(&mut self, asked: Asked, request: RoRequest) {
        let order = match self.read_order(&request) {
            Ok(order) => order,
            Err(status) => return self.refuse_ro(asked, &request, status),
        };
        if order.lifetime_s == 0 {
            return self.on_setup_delete(asked, &request, &order.ends, order.timestamp);
        }
        if self.setup_lacks_key(&request) {
            let status = ro_status::MODE_NOT_SUPPORTED;
            return self.refuse_setup(asked, &order, &request, status);
        }
        match self.check_setup(asked.peer, &order) {
            Ok(()) if self.is_kept_alive(asked, &request, &order) => {}
            Ok(()) if self.is_outdated(&order) => {
                self.refuse_ro(asked, &request, ro_status::STALE);
            }
            Ok(()) => self.accept_setup(asked, &order, &request),
            Err(ro_status::MN_NOT_ATTACHED) if self.park(asked.peer, &request) => {}
            Err(status) => self.refuse_setup(asked, &order, &request, status),
        }
    }

    /// What is refused by policy is a decision all the same: the far MN has moved, or its MAG has begun anew, and
    /// what stands from before leads nowhere.
    fn refuse_setup(&mut self, asked: Asked, order: &Order, request: &RoRequest, status: u8) {
        let by_policy = matches!(
            status,
            ro_status::NOT_ALLOWED | ro_status::MODE_NOT_SUPPORTED
        );
        let overtaken = order.timestamp.is_some() && self.check_order(order).is_ok();
        if let Some(id) = self
            .paths
            .find(&order.ends)
            .filter(|_| by_policy && overtaken)
        {
            self.end_path(id, "a newer RO Setup was refused");
        }
        self.refuse_ro(asked, request, status);
    }

    fn accept_setup(&mut self, asked: Asked, order: &Order, request: &RoRequest) {
        let before = self
            .paths
            .find(&order.ends)
            .and_then(|id| self.paths.get(id));
        let in_place = before.is_some_and(|path| {
            path.sending
                && path.receiving
                && path.peer == order.mag
                && same_halves(path, &order.ends, true)
        });
        let id = self.record(order, true);
        let lifetime_s = self.cap(order.lifetime_s, &order.ends.source.homes);
        let rekeyed = self.take_peer_key(id, &request.options);
        let offered = crate::wire::options::gre_key(&request.options).is_some();
        let key = offered.then(|| self.key_for_peer(id)).flatten();
        let mut number = 0;
        if !in_place || rekeyed {
            self.install_receive(id);
            number = self.install_send(id);
        }
        if let Some(path) = self.paths.get_mut(id) {
            path.controller = None;
            path.lifetime_s = lifetime_s;
        }
        self.activate(id, number);
        if let Some(path) = self.paths.get_mut(id) {
            path.promised = Some(asked);
        }
        let status = if in_place {
            ro_status::ALREADY_IN_PLACE
        } else {
            ro_status::SUCCESS
        };
        let mut options = order.ends.options(None, None);
        options.extend(self.node.reach.nat_detection(asked.peer));
        options.extend(key);
        self.node.answer(number, asked, status, lifetime_s, options);
        self.keep_open(asked.peer);
    }

    pub(super) fn refuse_ro(&mut self, asked: Asked, request: &RoRequest, status: u8) {
        self.node.count("pmipv6.ro.refused");
        if let Some(ends) = Ends::parse(&request.options) {
            let (source, destination) = ends.shown();
            self.node.notify(Event::PathRefused {
                source,
                destination,
                status: Some(status),
                reason: format!(
                    "{:?} of {} refused: {}",
                    asked.kind,
                    asked.peer,
                    ro_status::name(status)
                ),
            });
        }
        let mut options = echo(request);
        if status == ro_status::STALE {
            options.extend(self.later_than(request).map(MobilityOption::Timestamp));
        }
        self.node.answer(0, asked, status, 0, options);
    }

    /// The newest decision about the pair of a stale order, so that the LMA can decide after it.
    fn later_than(&self, request: &RoRequest) -> Option<u64> {
        let ends = Ends::parse(&request.options)?;
        let path = self.paths.find(&ends).and_then(|id| self.paths.get(id));
        let of_path = path.and_then(|path| path.timestamp);
        of_path.max(self.order.last_of(&ends))
    }
}

/// Whether a path has the halves that an order wants: the same homes, and the same of them here. An MN
/// that has moved to the MAG of its peer, or changed places with it, turns the halves around.
pub(super) fn same_halves(path: &Path, ends: &Ends, local_is_source: bool) -> bool {
    let sorted = |mut halves: Vec<(IpNet, IpNet)>| {
        halves.sort_unstable();
        halves
    };
    let wanted = match local_is_source {
        true => ends.pairs(),
        false => ends.swapped().pairs(),
    };
    sorted(path.halves()) == sorted(wanted)
}
