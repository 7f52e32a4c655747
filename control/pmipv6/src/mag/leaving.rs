//! The end of a registration: refused, unanswered, expired or given back (RFC 5213 sections 6.9.1.4, 6.9.4).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::{BindingUpdateListEntry, State, Timer};
use crate::io::{Answer, Entry, Output, Token};
use crate::path::Role;
use crate::wire::iana::handoff_indicator::{UNCHANGED, UNKNOWN};

impl MobileAccessGateway {
    /// Homes that are no longer an MN's: no forwarding, no paths.
    pub(super) fn forget_homes(&mut self, homes: &[IpNet]) {
        for home in homes {
            self.end_paths_of(&[*home], "detached");
            self.switch_no_more(home);
            self.homes.remove(home);
            self.node.program(Entry::Detach { home: *home });
        }
    }

    pub(super) fn withdraw(
        &mut self,
        link: crate::io::Link,
        homes: &[IpNet],
        link_local: std::net::Ipv6Addr,
    ) {
        for home in homes {
            if let IpNet::V4(hoa) = home {
                let address = hoa.addr();
                self.node.emit(Output::EndIpv4 { link, address });
            }
        }
        let prefixes: Vec<IpNet> = homes
            .iter()
            .filter(|h| crate::path::is_v6(h))
            .copied()
            .collect();
        if !prefixes.is_empty() {
            self.node.emit(Output::Withdraw {
                link,
                prefixes,
                link_local,
            });
        }
    }

    /// The LMA refused, or never answered: a new MN is forgotten, one that was registered is gone, one
    /// that only wanted another link stays where it is.
    pub(super) fn registration_failed(
        &mut self,
        mn_id: &str,
        status: Option<u8>,
        name: &str,
        text: String,
    ) {
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return;
        };
        match (entry.state, entry.moving.take()) {
            (State::Deregistering, _) => self.finish_deregistration(mn_id),
            (State::Registering, _) => self.abandon(mn_id, status, name, text),
            (State::Registered, Some(_)) => {
                let token = entry.token.take();
                self.timers.cancel(&Timer::GiveUp(mn_id.to_owned()));
                self.refuse_attach(token, status, name, text);
            }
            _ => self.gone(mn_id, name),
        }
    }

    /// Forgets an MN that was never registered; tells the LMA once, in case its PBA was lost.
    pub(super) fn abandon(&mut self, mn_id: &str, status: Option<u8>, name: &str, text: String) {
        if status.is_none() {
            if let Some(entry) = self.bindings.get_mut(mn_id) {
                entry.state = State::Deregistering;
            }
            self.send_pbu(mn_id, UNKNOWN, self.initial_timeout(), 0);
        }
        let token = self.forget(mn_id).and_then(|entry| entry.token);
        self.refuse_attach(token, status, name, text);
    }

    fn refuse_attach(
        &mut self,
        token: Option<Token>,
        status: Option<u8>,
        name: &str,
        text: String,
    ) {
        self.node.count("pmipv6.registration.refused");
        if let Some(token) = token {
            self.node.refuse(token, status, name, text);
        }
    }

    /// A binding that stood has ended without a de-registration of ours.
    fn gone(&mut self, mn_id: &str, reason: &str) {
        self.stop_forwarding(mn_id, reason);
        self.forget(mn_id);
    }

    pub(super) fn stop_forwarding(&mut self, mn_id: &str, reason: &str) {
        let Some(entry) = self.bindings.get(mn_id) else {
            return;
        };
        let (homes, link, link_local) = (entry.homes.clone(), entry.link, entry.link_local);
        let (told, shared) = (entry.told_homes(), entry.realm_home);
        self.withdraw(link, &told, link_local);
        self.forget_homes(&homes);
        if let Some(shared) = shared {
            self.forget_realm_home(shared);
        }
        self.detach_event(mn_id, reason);
    }

    pub(super) fn forget(&mut self, mn_id: &str) -> Option<BindingUpdateListEntry> {
        for timer in [
            Timer::Retransmit,
            Timer::Renew,
            Timer::Expire,
            Timer::GiveUp,
        ] {
            self.timers.cancel(&timer(mn_id.to_owned()));
        }
        let entry = self.bindings.remove(mn_id)?;
        if let Some(key) = entry.gre_receive {
            self.gre_keys.give_back(key);
        }
        Some(entry)
    }

    /// Section 6.9.1.4: stop forwarding at once, then tell the LMA.
    pub(super) fn deregister(&mut self, mn_id: &str, token: Option<Token>, reason: &str) {
        self.stop_forwarding(mn_id, reason);
        for timer in [Timer::Renew, Timer::Expire, Timer::GiveUp] {
            self.timers.cancel(&timer(mn_id.to_owned()));
        }
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return;
        };
        entry.state = State::Deregistering;
        let superseded = std::mem::replace(&mut entry.token, token);
        entry.moving = None;
        self.refuse_attach_if(superseded, reason);
        self.send_pbu(mn_id, UNKNOWN, self.initial_timeout(), 0);
    }

    fn refuse_attach_if(&mut self, token: Option<Token>, reason: &str) {
        if token.is_some() {
            self.refuse_attach(token, None, reason, format!("The MN has gone: {reason}."));
        }
    }

    /// PBA, or INITIAL_BINDACK_TIMEOUT without one.
    pub(super) fn finish_deregistration(&mut self, mn_id: &str) {
        let over = self
            .bindings
            .get(mn_id)
            .is_some_and(|e| e.state == State::Deregistering);
        if over {
            let token = self.forget(mn_id).and_then(|entry| entry.token);
            if let Some(token) = token {
                self.node.reply(token, Ok(Answer::Detached));
            }
        }
    }

    pub(super) fn on_retransmit(&mut self, mn_id: &str) {
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return;
        };
        let (state, lma) = (entry.state, entry.lma);
        let Some(pending) = entry.pending.take() else {
            return;
        };
        if state == State::Deregistering {
            self.node.silent(lma, Role::Lma, "PBU");
            self.finish_deregistration(mn_id);
            return;
        }
        let longest = Duration::from_millis(self.config.max_binding_ack_timeout_ms.into());
        let timeout = (pending.timeout * 2).min(longest);
        self.node.count("pmipv6.retransmit.pbu");
        self.send_pbu(mn_id, pending.hi, timeout, pending.corrections);
    }

    pub(super) fn on_renew(&mut self, mn_id: &str) {
        let idle = self
            .bindings
            .get(mn_id)
            .is_some_and(|entry| entry.pending.is_none());
        if idle {
            self.send_pbu(mn_id, UNCHANGED, self.initial_timeout(), 0);
        }
    }

    pub(super) fn on_expire(&mut self, mn_id: &str) {
        if let Some(lma) = self.bindings.get(mn_id).map(|entry| entry.lma) {
            self.node.silent(lma, Role::Lma, "PBU");
        }
        self.gone(mn_id, "expired");
    }

    /// The attach command has waited long enough.
    pub(super) fn on_give_up(&mut self, mn_id: &str) {
        let Some(lma) = self.bindings.get(mn_id).map(|entry| entry.lma) else {
            return;
        };
        self.node.silent(lma, Role::Lma, "PBU");
        self.timers.cancel(&Timer::Retransmit(mn_id.to_owned()));
        if let Some(entry) = self.bindings.get_mut(mn_id) {
            entry.pending = None;
        }
        let text = format!("LMA {lma} did not answer the PBU.");
        self.registration_failed(mn_id, None, "lma-silent", text);
        self.unpark();
    }

    /// Binding Error 2 while a PBU waits: that node is no LMA.
    pub(super) fn on_lma_knows_no_proxy(&mut self, source: IpAddr) -> bool {
        let waiting: Vec<String> = self
            .bindings
            .iter()
            .filter(|(_, entry)| entry.lma == source && entry.pending.is_some())
            .map(|(mn_id, _)| mn_id.clone())
            .collect();
        for mn_id in &waiting {
            let text = "The LMA does not know the PBU.".to_owned();
            self.registration_failed(mn_id, None, "not-a-proxy-lma", text);
        }
        !waiting.is_empty()
    }
}
