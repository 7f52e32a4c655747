//! What comes in, and which handler it goes to.

use std::net::IpAddr;
use std::time::Duration;

use super::LocalMobilityAnchor;
use super::state::Owner;
use super::timer::Failure;
use crate::io::{Command, Entry, Input, Protection, Via};
use crate::path::{Asked, Role, rx_name};
use crate::wire::Message;
use crate::wire::iana::binding_error_status::UNRECOGNIZED_MH_TYPE;
use crate::wire::message::{BindingError, RoAck, RoKind, RoRequest};
use crate::wire::options::timestamp;

impl LocalMobilityAnchor {
    /// With the first input: tells the dataplane which prefixes peers anchor.
    pub(super) fn start(&mut self) {
        if self.started {
            return;
        }
        self.started = true;
        for row in self.config.peer_lmas.clone() {
            self.node.program(Entry::PeerAnchor {
                prefix: row.prefix.trunc(),
                lma: row.lma,
            });
        }
        self.announce_restart();
    }

    pub(super) fn on_input(&mut self, input: Input) {
        match input {
            Input::Message {
                source,
                via,
                protection,
                aligned,
                message,
                ..
            } => {
                let sender = self.node.reach.identify(source, via, &message);
                if !aligned && self.insists_on_alignment(sender, &message) {
                    return self.node.count("pmipv6.drop.unaligned-options");
                }
                self.on_message(sender, via, protection, message);
            }
            Input::Malformed {
                source, via, error, ..
            } => {
                let sender = self.node.reach.unread(source, via);
                self.node.malformed(sender, &error);
            }
            Input::Command { token, command } => match command {
                Command::PathRequest {
                    source,
                    destination,
                } => self.on_path_request(token, source, destination),
                Command::PathRemove {
                    source,
                    destination,
                } => self.on_path_remove(token, source, destination),
                Command::Revoke { mn_id } => self.on_revoke(token, &mn_id),
                Command::RevokeAll { mag } => self.on_revoke_all(token, mag),
                Command::Attach(_) | Command::Detach { .. } => {
                    let text = "An LMA has no access links.".to_owned();
                    self.node.refuse(token, None, "not-a-mag", text);
                }
            },
            Input::Applied(number) => self.node.applied(number),
            Input::NoRoom { entry } => self.on_no_room(&entry),
            Input::PairTalks {
                source,
                destination,
                realm: None,
                ..
            } => self.on_pair_talks(source, destination),
            Input::PairTalks {
                source,
                destination,
                realm: Some(_),
                ..
            } => self.on_realm_talks(source, destination),
            Input::Shutdown => self.on_shutdown(),
            Input::Activity { .. }
            | Input::LinkDown { .. }
            | Input::Unreachable { .. }
            | Input::Timeout => {}
        }
    }

    pub(super) fn is_lma(&self, address: IpAddr) -> bool {
        self.config.peers.is_lma(address)
            || self.config.peer_lmas.iter().any(|row| row.lma == address)
    }

    /// Of registrations: who is not known to be old aligns its options (RFC 6275 section 6.2.1).
    fn insists_on_alignment(&self, source: IpAddr, message: &Message) -> bool {
        let settings = self.config.peer_settings.get(&source);
        let lenient = settings.is_some_and(|settings| settings.lenient);
        matches!(message, Message::BindingUpdate(_)) && !lenient
    }

    fn on_message(&mut self, source: IpAddr, via: Via, protection: Protection, message: Message) {
        self.node.count(rx_name(&message));
        if self.config.require_protection && protection == Protection::None {
            self.node.count("pmipv6.drop.unprotected");
            return;
        }
        let (mag, lma) = (self.config.peers.is_mag(source), self.is_lma(source));
        if let Message::BindingUpdate(update) = &message {
            if mag {
                self.node.heard(source, Role::Mag);
            }
            return self.on_binding_update(source, via, update);
        }
        if !mag && !lma {
            self.node.count("pmipv6.drop.not-authorised");
            return;
        }
        self.node
            .heard(source, if lma { Role::Lma } else { Role::Mag });
        match message {
            Message::BindingError(error) => self.on_binding_error(source, &error),
            Message::Heartbeat(heartbeat) => self.on_heartbeat(source, &heartbeat),
            Message::BindingRevocation(message) => self.on_revocation(source, mag, &message),
            Message::RoRequest(request) => self.on_ro_request(source, lma, mag, request),
            Message::RoAck(ack) => self.on_ro_ack(source, &ack),
            Message::BindingAck(_) | Message::Test(_) | Message::LocalizedRoutingAck(_) => {
                self.node.count("pmipv6.drop.unexpected-message");
            }
            _ => {
                self.node.count("pmipv6.drop.unexpected-message");
                self.node.binding_error(source);
            }
        }
    }

    /// Each RO message belongs to one interface (L-25): RO Trigger from LMAs, RO Refresh and RO Request
    /// from MAGs.
    fn on_ro_request(&mut self, source: IpAddr, lma: bool, mag: bool, request: RoRequest) {
        let authorised = match request.kind {
            RoKind::Trigger => lma,
            RoKind::Refresh | RoKind::Request => mag,
            RoKind::Init | RoKind::Setup | RoKind::Query => {
                self.node.count("pmipv6.drop.wrong-interface");
                self.node.binding_error(source);
                return;
            }
        };
        if !authorised {
            self.node.count("pmipv6.drop.not-authorised");
            return;
        }
        if !self.node.admit(source, &request) {
            return;
        }
        let asked = Asked {
            peer: source,
            kind: request.kind,
            sequence: request.sequence,
        };
        match request.kind {
            RoKind::Trigger => self.on_trigger(asked, &request),
            RoKind::Refresh => self.on_refresh(asked, &request),
            _ => self.on_request(asked, &request),
        }
    }

    fn on_ro_ack(&mut self, source: IpAddr, ack: &RoAck) {
        if !matches!(ack.kind, RoKind::Trigger | RoKind::Init) {
            self.node.count("pmipv6.drop.wrong-interface");
            self.node.binding_error(source);
            return;
        }
        let Some((owner, request)) = self.node.acknowledged(source, ack) else {
            self.node.count("pmipv6.drop.ack-to-nothing");
            return;
        };
        if let Some(timestamp) = timestamp(&ack.options) {
            self.clock.follow(self.node.now.wall, timestamp);
        }
        match owner {
            Owner::Init(path) => self.on_init_ack(path, &request, ack),
            Owner::Trigger(path) => self.on_trigger_ack(path, &request, ack),
            Owner::Withdraw(path) => self.forget_path(path),
            Owner::Confirm(path) => self.on_confirm_ack(path, &request, ack),
            Owner::Teardown => {}
        }
    }

    /// HL-15.
    fn on_binding_error(&mut self, source: IpAddr, error: &BindingError) {
        if error.status == UNRECOGNIZED_MH_TYPE && self.heartbeats.unknown_to(source) {
            return self.node.count("pmipv6.peer.knows-no-heartbeat");
        }
        let requests = match error.status {
            UNRECOGNIZED_MH_TYPE => self.node.give_up_on(source),
            _ => Vec::new(),
        };
        if requests.is_empty() {
            self.node.count("pmipv6.drop.binding-error-to-nothing");
            return;
        }
        let seconds = self.config.localized_routing.incapable_s;
        let until = self.node.mono() + Duration::from_secs(seconds.into());
        self.node.peers.incapable(source, until);
        for (owner, _) in requests {
            self.on_request_failed(owner, Failure::KnowsNot);
        }
    }
}
