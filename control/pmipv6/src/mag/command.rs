//! What operators ask of a MAG, and what the access links tell it.

use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::{BindingUpdateListEntry, State, Timer};
use crate::io::{Answer, AttachRequest, Event, Link, Token};
use crate::wire::iana::handoff_indicator::{BETWEEN_INTERFACES, BETWEEN_MAGS};
use crate::wire::options::is_all_zero;

/// Longest NAI, octets: the option's length field holds it with its subtype.
const MAX_MN_ID_OCTETS: usize = 254;
/// Most prefixes of one MN.
const MAX_HNPS: usize = 8;

/// Why this node itself refuses: name and sentence.
type Reason = (&'static str, String);

impl MobileAccessGateway {
    pub(super) fn on_attach(&mut self, token: Token, request: AttachRequest) {
        if let Err((name, text)) = self.check_attach(&request) {
            self.node.refuse(token, None, name, text);
            return;
        }
        let mn_id = request.mn_id.clone();
        // It came back before the LMA answered that it had left.
        self.finish_deregistration(&mn_id);
        match self.bindings.get_mut(&mn_id) {
            Some(entry) => {
                let same_interface = entry.link.mac == request.link.mac;
                entry.moving = Some((request.link, request.att));
                entry.attached_at = self.node.now.wall;
                entry.token = Some(token);
                let hi = if same_interface {
                    BETWEEN_MAGS
                } else {
                    BETWEEN_INTERFACES
                };
                self.send_pbu(&mn_id, hi, self.initial_timeout(), 0);
            }
            None => self.register(token, request),
        }
        let wait = Duration::from_millis(self.config.attach_timeout_ms.into());
        let deadline = self.node.mono() + wait;
        self.timers.set(Timer::GiveUp(mn_id), deadline);
    }

    fn register(&mut self, token: Token, request: AttachRequest) {
        let (mn_id, hi) = (request.mn_id, request.hi);
        let entry = BindingUpdateListEntry {
            link: request.link,
            att: request.att,
            lma: self.config.lma_of(&mn_id),
            wanted_ipv6: request.ipv6,
            wanted_hnps: request.hnps.iter().map(|hnp| hnp.trunc()).collect(),
            wanted_ipv4: request.ipv4_hoa,
            homes: Vec::new(),
            realm_home: None,
            ipv4: None,
            link_local: self
                .config
                .fixed_link_local
                .unwrap_or(std::net::Ipv6Addr::UNSPECIFIED),
            state: State::Registering,
            until: Duration::ZERO,
            lifetime_s: 0,
            pending: None,
            token: Some(token),
            gre_receive: None,
            gre: None,
            attached_at: self.node.now.wall,
            moving: None,
        };
        self.bindings.insert(mn_id.clone(), entry);
        self.send_pbu(&mn_id, hi, self.initial_timeout(), 0);
    }

    fn check_attach(&self, request: &AttachRequest) -> Result<(), Reason> {
        let mn_id = &request.mn_id;
        if self.shutting_down {
            return Err(("shutting-down", "This node is shutting down.".to_owned()));
        }
        if mn_id.is_empty() || mn_id.len() > MAX_MN_ID_OCTETS {
            let text = format!("An MN-ID has 1 to {MAX_MN_ID_OCTETS} octets.");
            return Err(("bad-mn-id", text));
        }
        if request.hnps.len() > MAX_HNPS || request.hnps.iter().any(is_all_zero) {
            let text = format!("At most {MAX_HNPS} prefixes, none of them zero.");
            return Err(("bad-hnp", text));
        }
        if !request.ipv6 && (request.ipv4_hoa.is_none() || !request.hnps.is_empty()) {
            let text = "Without IPv6 there has to be IPv4, and there is no prefix.";
            return Err(("nothing-to-register", text.to_owned()));
        }
        if let Some(entry) = self.bindings.get(mn_id) {
            let here = entry.link == request.link;
            let may_move = entry.state == State::Registered && entry.moving.is_none() && !here;
            if entry.state != State::Deregistering && !may_move {
                return Err(("already-attached", format!("{mn_id} is attached already.")));
            }
        } else if self.bindings.len() >= self.config.max_bindings {
            return Err(("table-full", "The Binding Update List is full.".to_owned()));
        }
        let on_link = self.bindings.iter().find(|(other, entry)| {
            *other != mn_id && entry.link == request.link && entry.state != State::Deregistering
        });
        if let Some((other, _)) = on_link {
            return Err(("link-in-use", format!("{other} is attached on that link.")));
        }
        let taken = request
            .hnps
            .iter()
            .find(|hnp| self.is_taken(&IpNet::V6(**hnp), mn_id));
        match taken {
            Some(hnp) => Err(("hnp-taken", format!("{hnp} belongs to another MN here."))),
            None => Ok(()),
        }
    }

    /// Whether a home overlaps that of another MN.
    pub(super) fn is_taken(&self, home: &IpNet, mn_id: &str) -> bool {
        match self.homes.get(home) {
            Some(owner) => owner != mn_id,
            None => self.homes.overlaps(home),
        }
    }

    pub(super) fn on_detach(&mut self, token: Token, mn_id: &str) {
        match self.bindings.get(mn_id).map(|entry| entry.state) {
            None => {
                let text = format!("{mn_id} is not attached.");
                self.node.refuse(token, None, "not-attached", text);
            }
            Some(State::Deregistering) => {
                let text = format!("{mn_id} is being detached already.");
                self.node.refuse(token, None, "already-detaching", text);
            }
            Some(State::Registering) => {
                self.abandon(
                    mn_id,
                    None,
                    "detached",
                    "It was detached meanwhile.".to_owned(),
                );
                self.node.reply(token, Ok(Answer::Detached));
            }
            Some(State::Registered) => self.deregister(mn_id, Some(token), "detached"),
        }
    }

    /// RFC 5213 section 6.9.4: the MN has gone with its link.
    pub(super) fn on_link_down(&mut self, port: u16) {
        let gone = self.mns_where(|entry| entry.link.port == port);
        self.leave_all(gone, "link-down");
    }

    pub(super) fn on_unreachable(&mut self, link: Link) {
        let gone = self.mns_where(|entry| entry.link == link);
        self.leave_all(gone, "unreachable");
    }

    pub(super) fn on_shutdown(&mut self) {
        self.shutting_down = true;
        let all = self.mns_where(|_| true);
        self.leave_all(all, "shutdown");
    }

    fn mns_where(&self, which: impl Fn(&BindingUpdateListEntry) -> bool) -> Vec<String> {
        let list = self.bindings.iter().filter(|(_, entry)| which(entry));
        list.map(|(mn_id, _)| mn_id.clone()).collect()
    }

    fn leave_all(&mut self, mn_ids: Vec<String>, reason: &'static str) {
        for mn_id in mn_ids {
            match self.bindings.get(&mn_id).map(|entry| entry.state) {
                Some(State::Registering) => {
                    self.abandon(&mn_id, None, reason, format!("The MN has gone: {reason}."));
                }
                Some(State::Registered) => self.deregister(&mn_id, None, reason),
                Some(State::Deregistering) | None => {}
            }
        }
    }

    pub(super) fn detach_event(&mut self, mn_id: &str, reason: &str) {
        self.node.notify(Event::Detach {
            mn_id: mn_id.to_owned(),
            reason: reason.to_owned(),
        });
    }
}
