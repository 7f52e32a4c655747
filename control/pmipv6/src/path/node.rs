//! The plumbing of an engine: mutate once, then drain.

use std::net::IpAddr;
use std::time::Duration;

use super::config::Config;
use super::counters::{Counters, retransmit_name, tx_name};
use super::exchange::{Admission, Ask, Asked, Due, Exchange, RequestId};
use super::peers::{PeerTable, Role};
use super::reach::{Ipv4Transport, Reach};
use super::rng::Rng;
use super::updates::Updates;
use crate::io::{Answer, Entry, Event, Now, Output, Refusal, Token, UpdateNumber, Via};
use crate::wire::iana::binding_error_status::UNRECOGNIZED_MH_TYPE;
use crate::wire::message::{BindingError, RoAck, RoKind, RoRequest};
use crate::wire::options::nai;
use crate::wire::{Message, MobilityOption, WireError};

/// First status that refuses.
const FIRST_REFUSAL: u8 = 128;
/// Most errors sent a second (RFC 6275 section 9.3.3: limited as ICMPv6 errors are).
const ERRORS_PER_SECOND: u32 = 10;

/// What waits for an update.
#[derive(Debug)]
enum Deferred {
    Output(Output),
    Ask(RequestId),
    Answer(Asked, RoAck),
}

/// One engine's outputs, updates, exchanges, peers and counters. `O` says what a request was for.
#[derive(Debug)]
pub(crate) struct Node<O> {
    pub(crate) now: Now,
    pub(crate) address: IpAddr,
    pub(crate) rng: Rng,
    pub(crate) peers: PeerTable,
    pub(crate) reach: Reach,
    out: Vec<Output>,
    counters: Counters,
    updates: Updates<Deferred>,
    exchange: Exchange<O>,
    errors: (u64, u32),
}

/// An RO request to be.
#[derive(Debug)]
pub(crate) struct Draft<O> {
    pub(crate) peer: IpAddr,
    pub(crate) kind: RoKind,
    pub(crate) handover: bool,
    pub(crate) lifetime: u16,
    pub(crate) options: Vec<MobilityOption>,
    pub(crate) owner: O,
}

impl<O: Copy> Node<O> {
    pub(crate) fn new(
        address: IpAddr,
        seed: u64,
        counters: &[&'static str],
        transport: &Ipv4Transport,
    ) -> Self {
        Self {
            now: Now {
                mono: Duration::ZERO,
                wall: Duration::ZERO,
            },
            address,
            rng: Rng::new(seed),
            peers: PeerTable::default(),
            reach: Reach::new(transport),
            out: Vec::new(),
            counters: Counters::new(counters),
            updates: Updates::new(),
            exchange: Exchange::new(),
            errors: (0, 0),
        }
    }

    /// With every input: programs how peers are reached, as far as it is known from the start.
    pub(crate) fn begin(&mut self, now: Now) {
        self.now = now;
        for (peer, via) in self.reach.take_unprogrammed() {
            self.program(Entry::Reach { peer, via });
        }
    }

    /// A peer is reached another way from now on.
    pub(crate) fn reach_changed(&mut self, peer: IpAddr, via: Option<Via>) {
        if let Some(via) = via {
            self.count("pmipv6.peer.reached-otherwise");
            self.program(Entry::Reach { peer, via });
        }
    }

    pub(crate) fn mono(&self) -> Duration {
        self.now.mono
    }

    pub(crate) fn drain(&mut self, out: &mut Vec<Output>) {
        out.append(&mut self.out);
    }

    pub(crate) fn counters(&self) -> Vec<(&'static str, u64)> {
        self.counters.list()
    }

    pub(crate) fn count(&mut self, name: &'static str) {
        self.counters.add(name);
    }

    pub(crate) fn program(&mut self, entry: Entry) -> UpdateNumber {
        let number = self.updates.next_number();
        self.out.push(Output::Program { number, entry });
        number
    }

    /// Does `output` once `number` is applied.
    pub(crate) fn after(&mut self, number: UpdateNumber, output: Output) {
        self.defer(number, Deferred::Output(output));
    }

    fn defer(&mut self, number: UpdateNumber, deferred: Deferred) {
        if let Some(ready) = self.updates.hold(number, deferred) {
            self.perform(ready);
        }
    }

    pub(crate) fn applied(&mut self, number: UpdateNumber) {
        if !self.updates.applied(number) {
            self.count("pmipv6.drop.update-never-sent");
        }
        while let Some(deferred) = self.updates.release() {
            self.perform(deferred);
        }
    }

    fn perform(&mut self, deferred: Deferred) {
        match deferred {
            Deferred::Output(output) => self.emit(output),
            Deferred::Ask(id) => {
                if let Some((peer, request)) = self.exchange.start(self.now.mono, id) {
                    self.send(peer, Message::RoRequest(request));
                }
            }
            Deferred::Answer(asked, ack) => {
                self.exchange.answered(&asked, &ack);
                self.send_back(asked.peer, Message::RoAck(ack));
            }
        }
    }

    pub(crate) fn emit(&mut self, output: Output) {
        if let Output::Send { message, .. } = &output {
            self.counters.add(tx_name(message));
        }
        self.out.push(output);
    }

    /// A message of our own to a peer.
    pub(crate) fn message(&self, destination: IpAddr, message: Message) -> Output {
        Output::Send {
            source: self.address,
            destination,
            via: self.reach.via(destination),
            message,
        }
    }

    /// An answer: it goes the way that the peer's message came (RFC 5844 section 4.1.3.2).
    pub(crate) fn message_back(&self, destination: IpAddr, message: Message) -> Output {
        Output::Send {
            source: self.address,
            destination,
            via: self.reach.way_back(destination),
            message,
        }
    }

    pub(crate) fn send_back(&mut self, destination: IpAddr, message: Message) {
        let output = self.message_back(destination, message);
        self.emit(output);
    }

    pub(crate) fn send(&mut self, destination: IpAddr, message: Message) {
        let output = self.message(destination, message);
        self.emit(output);
    }

    pub(crate) fn notify(&mut self, event: Event) {
        self.out.push(Output::Notify(event));
    }

    pub(crate) fn reply(&mut self, token: Token, result: Result<Answer, Refusal>) {
        self.out.push(Output::Reply { token, result });
    }

    pub(crate) fn refuse(&mut self, token: Token, status: Option<u8>, name: &str, text: String) {
        let refusal = Refusal {
            status,
            name: name.to_owned(),
            text,
        };
        self.reply(token, Err(refusal));
    }

    /// Sends an RO request once `number` is applied, and again until it is answered (HL-13).
    pub(crate) fn ask(
        &mut self,
        config: &Config,
        number: UpdateNumber,
        draft: Draft<O>,
    ) -> RequestId {
        let Draft {
            peer,
            kind,
            handover,
            lifetime,
            options,
            owner,
        } = draft;
        let timeout_ms = match kind {
            RoKind::Setup => config.setup_timeout_ms,
            RoKind::Init => config.init_timeout_ms,
            RoKind::Trigger => config.trigger_timeout_ms,
            RoKind::Refresh => config.refresh_timeout_ms,
            RoKind::Request | RoKind::Query => config.request_timeout_ms,
        };
        let message = RoRequest {
            kind,
            sequence: 0,
            handover,
            proxy_mode: false,
            lifetime,
            options,
        };
        let ask = Ask {
            peer,
            message,
            owner,
            timeout: Duration::from_millis(timeout_ms.into()),
            tries: config.tries.max(1),
        };
        let id = self.exchange.ask(&mut self.rng, ask);
        self.defer(number, Deferred::Ask(id));
        id
    }

    pub(crate) fn cancel(&mut self, id: RequestId) {
        self.exchange.cancel(id);
    }

    pub(crate) fn acknowledged(&mut self, peer: IpAddr, ack: &RoAck) -> Option<(O, RoRequest)> {
        self.exchange.acknowledged(peer, ack)
    }

    pub(crate) fn give_up_on(&mut self, peer: IpAddr) -> Vec<(O, RoRequest)> {
        self.exchange.give_up_on(peer)
    }

    /// Answers an RO request once `number` is applied; repeated, it gets the same answer (HL-4). A success
    /// waits for every update so far: it may stand on one that an earlier message caused.
    pub(crate) fn answer(
        &mut self,
        number: UpdateNumber,
        asked: Asked,
        status: u8,
        lifetime: u16,
        options: Vec<MobilityOption>,
    ) {
        let ack = RoAck {
            kind: asked.kind,
            sequence: asked.sequence,
            unsolicited: false,
            status,
            lifetime,
            options,
        };
        let number = match status < FIRST_REFUSAL {
            true => self.updates.last(),
            false => number,
        };
        self.defer(number, Deferred::Answer(asked, ack));
    }

    /// The last update so far: whoever waits for it waits for all.
    pub(crate) fn last_update(&self) -> UpdateNumber {
        self.updates.last()
    }

    /// Answers an RO request once everything that was programmed so far is applied.
    pub(crate) fn answer_after_all(
        &mut self,
        asked: Asked,
        status: u8,
        lifetime: u16,
        options: Vec<MobilityOption>,
    ) {
        self.answer(self.updates.last(), asked, status, lifetime, options);
    }

    /// What was to be promised does not stand any more: the answer that waits becomes a refusal.
    pub(crate) fn retract(&mut self, promised: Asked, status: u8) {
        for deferred in self.updates.waiting_mut() {
            if let Deferred::Answer(asked, ack) = deferred
                && *asked == promised
            {
                (ack.status, ack.lifetime) = (status, 0);
            }
        }
    }

    /// The PBA that waits to tell `mag` of an MN becomes a refusal; whether there was one.
    pub(crate) fn retract_binding_ack(&mut self, mag: IpAddr, mn_id: &str, status: u8) -> bool {
        let mut any = false;
        for deferred in self.updates.waiting_mut() {
            if let Deferred::Output(Output::Send {
                destination,
                message: Message::BindingAck(ack),
                ..
            }) = deferred
                && *destination == mag
                && nai(&ack.options) == Some(mn_id)
            {
                (ack.status, ack.lifetime) = (status, 0);
                any = true;
            }
        }
        any
    }

    /// Drops an event that waits; whether it did.
    pub(crate) fn retract_event(&mut self, unwanted: impl Fn(&Event) -> bool) -> bool {
        self.updates.drop_waiting(
            |deferred| matches!(deferred, Deferred::Output(Output::Notify(event)) if unwanted(event)),
        )
    }

    /// Whether to act on an RO request; repeated ones are dealt with here.
    pub(crate) fn admit(&mut self, peer: IpAddr, request: &RoRequest) -> bool {
        match self.exchange.admit(self.now.mono, peer, request) {
            Admission::New => true,
            Admission::InProgress => {
                self.count("pmipv6.drop.repeated-request");
                false
            }
            Admission::Answered(ack) => {
                self.count("pmipv6.ro.answered-again");
                self.send_back(peer, Message::RoAck(ack));
                false
            }
        }
    }

    /// The next request that was never answered; retransmissions that are due go out on the way.
    pub(crate) fn next_silent(&mut self) -> Option<(IpAddr, RoRequest, O)> {
        loop {
            match self.exchange.due(self.now.mono)? {
                Due::Again(peer, request) => {
                    let message = Message::RoRequest(request);
                    self.count(retransmit_name(&message));
                    self.send(peer, message);
                }
                Due::Silent(peer, request, owner) => return Some((peer, request, owner)),
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.exchange.next_deadline()
    }

    pub(crate) fn heard(&mut self, peer: IpAddr, role: Role) {
        if let Some(event) = self.peers.heard(peer, role) {
            self.notify(event);
        }
    }

    pub(crate) fn silent(&mut self, peer: IpAddr, role: Role, asked: &str) {
        self.count("pmipv6.peer.silent");
        if let Some(event) = self.peers.silent(peer, role, asked) {
            self.notify(event);
        }
    }

    /// RFC 6275 section 9.2: what is wrong decides who is told.
    pub(crate) fn malformed(&mut self, source: IpAddr, error: &WireError) {
        match error {
            WireError::UnknownType(_) => {
                self.count("pmipv6.drop.unknown-type");
                self.binding_error(source);
            }
            WireError::PayloadProto(_) => {
                self.count("pmipv6.drop.payload-proto");
                self.parameter_problem(source, 0);
            }
            WireError::HeaderLen { .. } => {
                self.count("pmipv6.drop.header-len");
                self.parameter_problem(source, 1);
            }
            WireError::Truncated { .. } => self.count("pmipv6.drop.truncated"),
            WireError::Checksum { .. } => self.count("pmipv6.drop.checksum"),
            WireError::Option { .. } => self.count("pmipv6.drop.malformed-option"),
            WireError::Field { .. } => self.count("pmipv6.drop.malformed-field"),
        }
    }

    /// Binding Error, status 2, to a unicast source (RFC 6275 section 9.3.3, L-25).
    pub(crate) fn binding_error(&mut self, destination: IpAddr) {
        if self.may_send_error(destination) {
            let error = BindingError {
                status: UNRECOGNIZED_MH_TYPE,
                home_address: std::net::Ipv6Addr::UNSPECIFIED,
                options: Vec::new(),
            };
            self.send_back(destination, Message::BindingError(error));
        }
    }

    fn parameter_problem(&mut self, destination: IpAddr, pointer: u32) {
        if self.may_send_error(destination) {
            self.count("pmipv6.tx.parameter-problem");
            self.out.push(Output::ParameterProblem {
                destination,
                pointer,
            });
        }
    }

    /// Whether an error may go there now: unicast, and not too many a second.
    pub(crate) fn may_send_error(&mut self, destination: IpAddr) -> bool {
        if destination.is_multicast() || destination.is_unspecified() {
            self.count("pmipv6.drop.error-to-non-unicast");
            return false;
        }
        let second = self.now.mono.as_secs();
        if self.errors.0 != second {
            self.errors = (second, 0);
        }
        self.errors.1 += 1;
        let allowed = self.errors.1 <= ERRORS_PER_SECOND;
        if !allowed {
            self.count("pmipv6.drop.error-rate-limited");
        }
        allowed
    }
}
