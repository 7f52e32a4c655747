//! Lifetimes of paths: probed for traffic, refreshed while in use, ended in two steps
//! (draft section 4.5, HL-33); and paths that this MAG asks for (section 7).

use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::localized::REFUSED;
use super::state::{Owner, PathState, Timer};
use crate::io::{Event, Output};
use crate::path::{Draft, EndsExt, PathId};
use crate::wire::iana::ro_status;
use crate::wire::message::{RoAck, RoKind};

/// RO_Lifetime of a path that does not end (HL-5).
pub(super) const INFINITE: u16 = 0xffff;
/// Between two probes: this part of the lifetime, but not less than ...
const PROBES_PER_LIFETIME: u32 = 20;
/// ... this.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(100);

impl MobileAccessGateway {
    /// Sets the deadlines of a path that was granted its lifetime now.
    pub(super) fn arm_path(&mut self, id: PathId) {
        let now = self.node.mono();
        let percent = u32::from(self.config.localized_routing.refresh_percent.min(100));
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        if path.lifetime_s == INFINITE {
            path.until = None;
            for timer in [Timer::Probe(id), Timer::SendEnd(id), Timer::ReceiveEnd(id)] {
                self.timers.cancel(&timer);
            }
            return;
        }
        let lifetime = Duration::from_secs(path.lifetime_s.into());
        path.until = Some(now + lifetime);
        let refresh_at = now + lifetime * percent / 100;
        let refresh_at = path.refresh_at.map_or(refresh_at, |at| at.min(refresh_at));
        path.refresh_at = Some(refresh_at);
        self.timers.set(Timer::Probe(id), refresh_at);
        self.timers.set(Timer::SendEnd(id), now + lifetime);
        self.arm_receive_end(id);
    }

    /// Sets when the receiving half ends, from the lifetime that the peer is being granted.
    pub(super) fn arm_receive_end(&mut self, id: PathId) {
        let Some(path) = self.paths.get(id) else {
            return;
        };
        if path.lifetime_s == INFINITE {
            return;
        }
        let lifetime = Duration::from_secs(path.lifetime_s.into());
        let end = self.node.mono() + lifetime + self.receive_tail(path.lifetime_s);
        self.timers.set(Timer::ReceiveEnd(id), end);
    }

    /// Asks the dataplane whether the path is in use, and again until it ends.
    pub(super) fn on_probe(&mut self, id: PathId) {
        let now = self.node.mono();
        let Some(path) = self.paths.get(id) else {
            return;
        };
        if !matches!(path.state, PathState::Active | PathState::ReceivingOnly) {
            return;
        }
        let lifetime = Duration::from_secs(path.lifetime_s.into());
        let interval = (lifetime / PROBES_PER_LIFETIME).max(MIN_PROBE_INTERVAL);
        for (local, remote) in path.halves() {
            self.node.emit(Output::Probe { local, remote });
        }
        self.timers.set(Timer::Probe(id), now + interval);
    }

    /// The answer to a probe: packets in either direction since the last refresh are use (HL-33).
    pub(super) fn on_activity(&mut self, local: IpNet, remote: IpNet, packets: u64) {
        let Some(id) = self.paths.find_pair(local, remote) else {
            return;
        };
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let before = path.counted.get(&(local, remote)).copied().unwrap_or(0);
        // Fewer than before: the entry was installed anew and counts from zero.
        let used = packets > before || (packets < before && packets > 0);
        let refreshing = path.is_refreshing();
        let alive = matches!(path.state, PathState::Active | PathState::ReceivingOnly);
        if refreshing || (alive && used) {
            path.counted.insert((local, remote), packets);
        }
        if alive && used && !refreshing {
            self.refresh(id);
        }
    }

    fn refresh(&mut self, id: PathId) {
        self.cancel_refreshes(id);
        let lmas = self.lmas_of(id);
        let Some(path) = self.paths.get(id) else {
            return;
        };
        let options = path.ends.options(None, None);
        if let Some(path) = self.paths.get_mut(id) {
            path.granted = None;
        }
        for lma in lmas {
            let draft = Draft {
                peer: lma,
                kind: RoKind::Refresh,
                handover: false,
                lifetime: self.config.localized_routing.lifetime_s,
                options: options.clone(),
                owner: Owner::Refresh(id),
            };
            let request = self.node.ask(&self.config.localized_routing, 0, draft);
            if let Some(path) = self.paths.get_mut(id) {
                path.refreshes.push(request);
            }
        }
    }

    pub(super) fn on_refresh_ack(&mut self, id: PathId, ack: &RoAck) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        if ack.status >= REFUSED || ack.lifetime == 0 {
            let status = ro_status::name(ack.status);
            self.end_path(id, &format!("refresh refused: {status}"));
            return;
        }
        // No LMA grants more than we asked for. Both MNs here, under two LMAs: the one that grants less must
        // be asked again in time.
        let lifetime = ack.lifetime.min(self.config.localized_routing.lifetime_s);
        let granted = path.granted.map_or(lifetime, |other| other.min(lifetime));
        path.granted = Some(granted);
        path.lifetime_s = granted;
        path.refresh_at = None;
        let back = path.state == PathState::ReceivingOnly;
        path.state = PathState::Active;
        self.arm_path(id);
        if back {
            // The peer has gone on sending, so it has gone on receiving.
            let number = self.install_send(id);
            self.notify_back(id, number);
        }
    }

    fn notify_back(&mut self, id: PathId, number: u64) {
        let Some(path) = self.paths.get(id) else {
            return;
        };
        let (source, destination) = path.ends.shown();
        let event = Event::PathUp {
            source,
            destination,
            peer: Some(path.peer),
            setup_us: 0,
        };
        self.node.after(number, Output::Notify(event));
    }

    /// The LMA is silent: the path goes on until its lifetime ends, and the next probe may ask again.
    pub(super) fn on_refresh_silent(&mut self, id: PathId) {
        self.cancel_refreshes(id);
    }

    pub(super) fn cancel_refreshes(&mut self, id: PathId) {
        let path = self.paths.get_mut(id);
        for request in path.map_or(Vec::new(), |path| std::mem::take(&mut path.refreshes)) {
            self.node.cancel(request);
        }
    }

    /// The lifetime is over: packets go through the LMA again, the peer's are taken for a while (L-45).
    pub(super) fn on_send_end(&mut self, id: PathId) {
        self.remove_send(id);
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        let (source, destination) = path.ends.shown();
        let inside = path.peer == self.config.address;
        path.state = PathState::ReceivingOnly;
        self.node.notify(Event::PathDown {
            source,
            destination,
            reason: "expired".to_owned(),
        });
        if inside {
            self.drop_path(id);
        } else {
            self.on_probe(id);
        }
    }

    /// The receiving half has outlived the peer's sending half, unless the peer was granted more than we
    /// know of: it is told, and what it still sends is taken until it answers.
    pub(super) fn on_receive_end(&mut self, id: PathId) {
        let Some(path) = self.paths.get(id) else {
            return;
        };
        match path.state {
            PathState::ReceivingOnly => self.end_path(id, "expired"),
            PathState::Ending => self.say_goodbye_again(id),
            PathState::SettingUp | PathState::Active => {}
        }
    }
}
