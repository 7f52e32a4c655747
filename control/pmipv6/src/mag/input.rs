//! What comes in, and which handler it goes to.

use std::net::IpAddr;

use super::MobileAccessGateway;
use super::state::Owner;
use super::timer::Failure;
use crate::io::{Command, Input, Protection, Via};
use crate::path::{Asked, Role, rx_name};
use crate::wire::Message;
use crate::wire::message::{BindingError, RoAck, RoKind, RoRequest};

impl MobileAccessGateway {
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
                Command::Attach(request) => self.on_attach(token, request),
                Command::Detach { mn_id } => self.on_detach(token, &mn_id),
                Command::PathRequest {
                    source,
                    destination,
                } => self.on_path_request(token, source, destination),
                Command::PathRemove {
                    source,
                    destination,
                } => self.on_path_remove(token, source, destination),
                Command::Revoke { .. } | Command::RevokeAll { .. } => {
                    let text = "Bindings are revoked at the LMA.".to_owned();
                    self.node.refuse(token, None, "not-an-lma", text);
                }
            },
            Input::Applied(number) => self.node.applied(number),
            Input::NoRoom { entry } => self.on_no_room(&entry),
            // It has no part in localized routing.
            Input::PairTalks { realm: Some(_), .. } => {}
            Input::PairTalks {
                source,
                destination,
                realm: None,
                ..
            } => {
                if !self.switch_locally(source, destination) {
                    self.on_pair_talks(source, destination);
                }
            }
            Input::Activity {
                local,
                remote,
                packets,
                ..
            } => self.on_activity(local, remote, packets),
            Input::LinkDown { port } => self.on_link_down(port),
            Input::Unreachable { link } => self.on_unreachable(link),
            Input::Timeout => {}
            Input::Shutdown => self.on_shutdown(),
        }
    }

    /// Of registrations: who is not known to be old aligns its options (RFC 6275 section 6.2.1).
    fn insists_on_alignment(&self, source: IpAddr, message: &Message) -> bool {
        matches!(message, Message::BindingAck(_)) && !self.config.is_lenient(source)
    }

    fn on_message(&mut self, source: IpAddr, via: Via, protection: Protection, message: Message) {
        self.node.count(rx_name(&message));
        if self.config.require_protection && protection == Protection::None {
            self.node.count("pmipv6.drop.unprotected");
            return;
        }
        let (lma, mag) = (self.config.is_lma(source), self.config.peers.is_mag(source));
        if !lma && !mag {
            self.node.count("pmipv6.drop.not-authorised");
            return;
        }
        self.node
            .heard(source, if lma { Role::Lma } else { Role::Mag });
        match message {
            Message::BindingAck(ack) => self.on_binding_ack(source, &ack),
            Message::BindingError(error) => self.on_binding_error(source, &error),
            Message::Heartbeat(heartbeat) => self.on_heartbeat(source, &heartbeat),
            Message::BindingRevocation(message) => self.on_revocation(source, lma, &message),
            Message::RoRequest(request) => self.on_ro_request(source, via, (lma, mag), request),
            Message::RoAck(ack) => self.on_ro_ack(source, &ack),
            Message::Test(_) | Message::LocalizedRoutingAck(_) => {
                self.node.count("pmipv6.drop.unexpected-message");
            }
            _ => {
                self.node.count("pmipv6.drop.unexpected-message");
                self.node.binding_error(source);
            }
        }
    }

    /// Each RO message belongs to one interface (L-25): here RO Init from LMAs and RO Setup from MAGs.
    fn on_ro_request(
        &mut self,
        source: IpAddr,
        via: Via,
        (lma, mag): (bool, bool),
        request: RoRequest,
    ) {
        let authorised = match request.kind {
            RoKind::Init => lma,
            RoKind::Setup => mag,
            _ => {
                self.node.count("pmipv6.drop.wrong-interface");
                self.node.binding_error(source);
                return;
            }
        };
        if !authorised {
            self.node.count("pmipv6.drop.not-authorised");
            return;
        }
        // Also where it is repeated: the answer has to find its way through the NAT.
        if request.kind == RoKind::Setup {
            self.learn_reach(source, via, &request);
        }
        if self.node.admit(source, &request) {
            self.act_on_ro_request(source, request);
        }
    }

    pub(super) fn act_on_ro_request(&mut self, source: IpAddr, request: RoRequest) {
        let asked = Asked {
            peer: source,
            kind: request.kind,
            sequence: request.sequence,
        };
        match request.kind {
            RoKind::Setup => self.on_setup(asked, request),
            _ => self.on_init(asked, request),
        }
    }

    fn on_ro_ack(&mut self, source: IpAddr, ack: &RoAck) {
        if matches!(ack.kind, RoKind::Trigger | RoKind::Init | RoKind::Query) {
            self.node.count("pmipv6.drop.wrong-interface");
            self.node.binding_error(source);
            return;
        }
        let Some((owner, request)) = self.node.acknowledged(source, ack) else {
            self.node.count("pmipv6.drop.ack-to-nothing");
            return;
        };
        match owner {
            Owner::Setup(path) => self.on_setup_ack(path, &request, ack),
            Owner::Goodbye(path) => self.on_goodbye_done(path, true),
            Owner::KeepAlive(kept) => self.on_kept_alive(kept, ack),
            Owner::Refresh(path) => self.on_refresh_ack(path, ack),
            Owner::Withdraw => {}
            Owner::Request => self.on_request_ack(&request, ack.status),
        }
    }

    /// HL-15: a peer that does not know an RO message says so with Binding Error 2.
    fn on_binding_error(&mut self, source: IpAddr, error: &BindingError) {
        if error.status != crate::wire::iana::binding_error_status::UNRECOGNIZED_MH_TYPE {
            self.node.count("pmipv6.drop.binding-error-to-nothing");
            return;
        }
        if self.heartbeats.unknown_to(source) {
            return self.node.count("pmipv6.peer.knows-no-heartbeat");
        }
        let requests = self.node.give_up_on(source);
        if requests.is_empty() {
            if !self.on_lma_knows_no_proxy(source) {
                self.node.count("pmipv6.drop.binding-error-to-nothing");
            }
            return;
        }
        let seconds = self.config.localized_routing.incapable_s;
        let until = self.node.mono() + std::time::Duration::from_secs(seconds.into());
        self.node.peers.incapable(source, until);
        for (owner, request) in requests {
            self.on_request_failed(owner, &request, Failure::KnowsNot);
        }
    }
}
