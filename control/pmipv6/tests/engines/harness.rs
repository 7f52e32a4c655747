//! Several engines joined in virtual time. Every message goes through the codec; updates are applied at
//! once unless a test holds them back; the trace reads like a capture.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{
    Answer, AttachRequest, BindingView, Command, Engine, Entry, Event, Input, Link, MacAddr, Now,
    Output, PathView, PeerView, Protection, Refusal, Token, Via,
};
use pmipv6::lma::{self, LocalMobilityAnchor, PeerLma};
use pmipv6::mag::{self, MobileAccessGateway};
use pmipv6::path;
use pmipv6::wire::message::RoKind;
use pmipv6::wire::{Checksum, Message, MobilityOption, Numbering, decode, encode};

use crate::network4::{Arrival, Network4};

pub(crate) const LMA1: &str = "2001:db8:f::1";
pub(crate) const LMA2: &str = "2001:db8:f::2";
pub(crate) const MAG1: &str = "2001:db8:a::1";
pub(crate) const MAG2: &str = "2001:db8:a::2";
pub(crate) const MAG3: &str = "2001:db8:a::3";
pub(crate) const MAG4: &str = "2001:db8:a::4";
const STRANGER: &str = "2001:db8:bad::1";

/// One way through the network.
const LATENCY: Duration = Duration::from_millis(1);
/// Wall clock at monotonic time zero.
const WALL: Duration = Duration::from_secs(1_790_000_000);

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn names() -> BTreeMap<IpAddr, &'static str> {
    [
        (LMA1, "lma1"),
        (LMA2, "lma2"),
        (MAG1, "mag1"),
        (MAG2, "mag2"),
        (MAG3, "mag3"),
        (MAG4, "mag4"),
        (STRANGER, "stranger"),
    ]
    .map(|(address, name)| (ip(address), name))
    .into()
}

pub(crate) fn address(name: &str) -> IpAddr {
    let found = names().into_iter().find(|(_, known)| *known == name);
    found.expect("a node of the harness").0
}

/// A message on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) via: Via,
    pub(crate) message: Message,
}

struct Node {
    engine: Box<dyn Engine>,
    last_applied: u64,
    programmed: u64,
}

/// What the network does to a message.
pub(crate) type Filter = Box<dyn FnMut(&Sent) -> bool>;

/// Which updates of which node find no room.
pub(crate) type NoRoom = Box<dyn FnMut(IpAddr, &Entry) -> bool>;

pub(crate) struct Domain {
    pub(crate) now: Duration,
    nodes: BTreeMap<IpAddr, Node>,
    wire: VecDeque<Sent>,
    /// Every message that was sent, lost ones included.
    pub(crate) trace: Vec<Sent>,
    pub(crate) events: Vec<(IpAddr, Event)>,
    pub(crate) entries: Vec<(IpAddr, Entry)>,
    pub(crate) advertised: Vec<(IpAddr, Output)>,
    /// Links on which IPv4 is served, or not any more.
    pub(crate) served: Vec<(IpAddr, Output)>,
    replies: BTreeMap<Token, Result<Answer, Refusal>>,
    last_token: Token,
    /// True: the message is lost.
    pub(crate) lose: Option<Filter>,
    /// True: the workers' tables have no room for the entry.
    pub(crate) no_room: Option<NoRoom>,
    /// Halves of paths that found none: removing them does nothing.
    refused: BTreeSet<(IpAddr, &'static str, IpNet, IpNet)>,
    /// Nodes whose workers do not apply anything.
    pub(crate) held: BTreeSet<IpAddr>,
    /// Packets that paths have carried, by (node, local, remote).
    pub(crate) carried: BTreeMap<(IpAddr, IpNet, IpNet), u64>,
    /// Nodes that do nothing any more.
    pub(crate) dead: BTreeSet<IpAddr>,
    /// How far the wall clocks of nodes are behind.
    pub(crate) behind: BTreeMap<IpAddr, Duration>,
    /// Who has which IPv4 address.
    pub(crate) network4: Network4,
    /// Senders put their options anywhere.
    pub(crate) unaligned: bool,
    /// How far the wall clocks of nodes are ahead.
    pub(crate) skew: BTreeMap<IpAddr, Duration>,
}

fn peers() -> path::Peers {
    path::Peers {
        lmas: vec![net("2001:db8:f::/48")],
        mags: vec![net("2001:db8:a::/48")],
    }
}

pub(crate) fn mag_config(name: &str) -> mag::Config {
    mag::Config {
        address: address(name),
        lma: address("lma1"),
        lma_by_mn_id: [
            ("mn2@lma2".to_owned(), address("lma2")),
            ("mn4@lma2".to_owned(), address("lma2")),
        ]
        .into(),
        peers: peers(),
        ..mag::Config::default()
    }
}

pub(crate) fn lma_config(name: &str) -> lma::Config {
    let (own, other, peer) = match name {
        "lma1" => ("2001:db8:1::/48", "2001:db8:2::/48", "lma2"),
        _ => ("2001:db8:2::/48", "2001:db8:1::/48", "lma1"),
    };
    let (ipv4, other_ipv4) = match name {
        "lma1" => ("10.1.0.0/24", "10.2.0.0/24"),
        _ => ("10.2.0.0/24", "10.1.0.0/24"),
    };
    lma::Config {
        address: address(name),
        hnp_pools: vec![own.parse().unwrap()],
        ipv4_pools: vec![ipv4.parse().unwrap()],
        peers: peers(),
        peer_lmas: vec![
            PeerLma {
                prefix: net(other),
                lma: address(peer),
            },
            PeerLma {
                prefix: net(other_ipv4),
                lma: address(peer),
            },
        ],
        ..lma::Config::default()
    }
}

/// Two LMAs and four MAGs, each as its file has it.
pub(crate) fn domain() -> Domain {
    domain_with(|_| {}, |_| {})
}

pub(crate) fn domain_with(
    adjust_mag: impl Fn(&mut mag::Config),
    adjust_lma: impl Fn(&mut lma::Config),
) -> Domain {
    let mut domain = Domain::empty();
    for (seed, name) in ["mag1", "mag2", "mag3", "mag4"].into_iter().enumerate() {
        let mut config = mag_config(name);
        adjust_mag(&mut config);
        domain.add(
            name,
            Box::new(MobileAccessGateway::new(config, seed as u64)),
        );
    }
    for (seed, name) in ["lma1", "lma2"].into_iter().enumerate() {
        let mut config = lma_config(name);
        adjust_lma(&mut config);
        domain.add(
            name,
            Box::new(LocalMobilityAnchor::new(config, 100 + seed as u64)),
        );
    }
    domain
}

pub(crate) fn link(port: u16, last: u8) -> Link {
    Link {
        port,
        vlan: None,
        mac: MacAddr([2, 0, 0, 0, 0, last]),
    }
}

pub(crate) fn attach_request(mn_id: &str, hi: u8) -> AttachRequest {
    let digit = mn_id.bytes().find(u8::is_ascii_digit).unwrap_or(b'0') - b'0';
    AttachRequest {
        mn_id: mn_id.to_owned(),
        link: link(1, digit),
        att: 4,
        hi,
        ipv6: true,
        hnps: Vec::new(),
        ipv4_hoa: None,
    }
}

impl Domain {
    fn empty() -> Self {
        Self {
            now: Duration::ZERO,
            nodes: BTreeMap::new(),
            wire: VecDeque::new(),
            trace: Vec::new(),
            events: Vec::new(),
            entries: Vec::new(),
            advertised: Vec::new(),
            served: Vec::new(),
            replies: BTreeMap::new(),
            last_token: 0,
            lose: None,
            no_room: None,
            refused: BTreeSet::new(),
            held: BTreeSet::new(),
            carried: BTreeMap::new(),
            dead: BTreeSet::new(),
            behind: BTreeMap::new(),
            network4: Network4::default(),
            unaligned: false,
            skew: BTreeMap::new(),
        }
    }

    /// Adds a node, or puts a fresh one in its place.
    pub(crate) fn add(&mut self, name: &str, engine: Box<dyn Engine>) {
        let node = Node {
            engine,
            last_applied: 0,
            programmed: 0,
        };
        self.nodes.insert(address(name), node);
        self.input(name, Input::Timeout);
    }

    fn clock(&self) -> Now {
        Now {
            mono: self.now,
            wall: WALL + self.now,
        }
    }

    pub(crate) fn engine(&self, name: &str) -> &dyn Engine {
        self.nodes[&address(name)].engine.as_ref()
    }

    /// Gives a node other settings, as a configuration that is read again does.
    pub(crate) fn reconfigure(&mut self, name: &str, settings: &path::Config) {
        let node = self.nodes.get_mut(&address(name)).expect("a node");
        assert!(node.engine.set_localized_routing(settings));
        self.pass(Duration::ZERO);
    }

    /// Hands one input to a node and deals with what comes out, at the same instant.
    pub(crate) fn input(&mut self, name: &str, input: Input) {
        self.input_at(address(name), input);
    }

    fn input_at(&mut self, at: IpAddr, input: Input) {
        if self.dead.contains(&at) {
            return;
        }
        let mut pending = VecDeque::from([input]);
        while let Some(input) = pending.pop_front() {
            let behind = self.behind.get(&at).copied().unwrap_or_default();
            let mut clock = self.clock();
            clock.wall -= behind;
            clock.wall += self.skew.get(&at).copied().unwrap_or_default();
            let mut out = Vec::new();
            let Some(node) = self.nodes.get_mut(&at) else {
                return;
            };
            node.engine.handle(clock, input, &mut out);
            for output in out {
                self.output(at, output, &mut pending);
            }
            let held = self.held.contains(&at);
            if let Some(node) = self.nodes.get_mut(&at)
                && !held
                && node.programmed > node.last_applied
            {
                node.last_applied = node.programmed;
                pending.push_back(Input::Applied(node.programmed));
            }
        }
    }

    fn output(&mut self, at: IpAddr, output: Output, pending: &mut VecDeque<Input>) {
        match output {
            Output::Send {
                source,
                destination,
                via,
                message,
            } => {
                assert_eq!(source, at, "a node sends from its own address");
                self.transmit(source, destination, via, message);
            }
            Output::Program { number, entry } => {
                let node = self.nodes.get_mut(&at).unwrap();
                assert_eq!(
                    number,
                    node.programmed + 1,
                    "updates are numbered without gaps"
                );
                node.programmed = number;
                if let Some(entry) = self.program(at, entry) {
                    pending.push_front(Input::NoRoom { entry });
                }
            }
            Output::Reply { token, result } => {
                let before = self.replies.insert(token, result);
                assert!(before.is_none(), "a command is answered once");
            }
            Output::Notify(event) => self.events.push((at, event)),
            Output::Probe { local, remote } => {
                let packets = self.carried.get(&(at, local, remote)).copied().unwrap_or(0);
                pending.push_back(Input::Activity {
                    local,
                    remote,
                    packets,
                    bytes: packets * 100,
                });
            }
            Output::Advertise { .. } | Output::Withdraw { .. } => {
                self.advertised.push((at, output))
            }
            Output::ServeIpv4 { .. } | Output::EndIpv4 { .. } => self.served.push((at, output)),
            Output::ParameterProblem { .. } => {}
        }
    }

    /// Takes an update; gives it back where there is no room for it.
    fn program(&mut self, at: IpAddr, entry: Entry) -> Option<Entry> {
        let half = match entry {
            Entry::PathSend { local, remote, .. } | Entry::PathSendRemove { local, remote } => {
                Some((at, "send", local, remote))
            }
            Entry::PathReceive { local, remote, .. }
            | Entry::PathReceiveRemove { local, remote } => Some((at, "receive", local, remote)),
            _ => None,
        };
        let full = self.no_room.as_mut();
        if full.is_some_and(|full| full(at, &entry)) {
            self.refused.extend(half);
            return Some(entry);
        }
        let was_refused = half.is_some_and(|half| self.refused.remove(&half));
        let removes = matches!(
            entry,
            Entry::PathSendRemove { .. } | Entry::PathReceiveRemove { .. }
        );
        if !(was_refused && removes) {
            self.entries.push((at, entry));
        }
        None
    }

    fn transmit(&mut self, source: IpAddr, destination: IpAddr, via: Via, message: Message) {
        let numbering = Numbering::default();
        let checksum = match (via, source, destination) {
            (Via::Ipv4 { .. }, ..) => Checksum::Ignored,
            (_, IpAddr::V6(source), IpAddr::V6(destination)) => Checksum::PseudoHeader {
                source,
                destination,
            },
            _ => panic!("{source} to {destination}: no addresses for an IPv6 packet"),
        };
        let octets = encode(&numbering, checksum, &message);
        let octets = octets.expect("whatever an engine sends can be encoded");
        let message = decode(&numbering, checksum, &octets).expect("and decoded");
        let sent = Sent {
            at: self.now,
            source,
            destination,
            via,
            message,
        };
        self.trace.push(sent.clone());
        let lost = self.lose.as_mut().is_some_and(|lose| lose(&sent));
        if !lost {
            self.wire.push_back(sent);
        }
    }

    /// Puts a message on the wire as if `source` had sent it.
    pub(crate) fn inject(&mut self, source: &str, destination: &str, message: Message) {
        self.transmit(address(source), address(destination), Via::Ipv6, message);
        self.settle();
    }

    /// Lets everything that is under way arrive, timers apart.
    pub(crate) fn settle(&mut self) {
        while let Some(sent) = self.wire.pop_front() {
            self.now = self.now.max(sent.at + LATENCY);
            let arrival = self.network4.carry(sent.source, sent.destination, sent.via);
            let Some(Arrival { node, source, via }) = arrival else {
                continue;
            };
            let input = Input::Message {
                via,
                source,
                destination: sent.destination,
                protection: Protection::None,
                aligned: !self.unaligned,
                message: sent.message,
            };
            self.input_at(node, input);
        }
    }

    /// Lets this much time go by, deadlines included.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        loop {
            let due = self
                .nodes
                .iter()
                .filter(|(address, _)| !self.dead.contains(address))
                .filter_map(|(address, node)| Some((node.engine.next_deadline()?, *address)))
                .min();
            match due {
                Some((deadline, at)) if deadline <= end => {
                    self.now = self.now.max(deadline);
                    self.input_at(at, Input::Timeout);
                    self.settle();
                }
                _ => break,
            }
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    pub(crate) fn command(&mut self, name: &str, command: Command) -> Token {
        self.last_token += 1;
        let token = self.last_token;
        self.input(name, Input::Command { token, command });
        token
    }

    pub(crate) fn reply(&self, token: Token) -> Option<&Result<Answer, Refusal>> {
        self.replies.get(&token)
    }

    /// Attaches an MN and returns its binding.
    pub(crate) fn attach(&mut self, mag: &str, mn_id: &str, hi: u8) -> BindingView {
        let token = self.command(mag, Command::Attach(attach_request(mn_id, hi)));
        self.settle();
        match self.reply(token) {
            Some(Ok(Answer::Attached(view))) => view.clone(),
            other => panic!("{mn_id} at {mag}: {other:?}"),
        }
    }

    pub(crate) fn detach(&mut self, mag: &str, mn_id: &str) {
        let mn_id = mn_id.to_owned();
        let token = self.command(mag, Command::Detach { mn_id });
        self.settle();
        assert_eq!(self.reply(token), Some(&Ok(Answer::Detached)));
    }

    /// Detaches an MN whatever becomes of the messages.
    pub(crate) fn detach_quietly(&mut self, mag: &str, mn_id: &str) {
        let mn_id = mn_id.to_owned();
        self.command(mag, Command::Detach { mn_id });
        self.seconds(2);
    }

    /// The dataplane of `name` saw a packet of this pair.
    pub(crate) fn talk(&mut self, name: &str, source: IpAddr, destination: IpAddr) {
        self.input(
            name,
            Input::PairTalks {
                realm: None,
                source,
                destination,
                packets: 1,
            },
        );
        self.settle();
    }

    pub(crate) fn carry(&mut self, name: &str, local: IpNet, remote: IpNet, packets: u64) {
        *self
            .carried
            .entry((address(name), local, remote))
            .or_insert(0) += packets;
    }

    /// Forgets what was on the wire so far and returns it, one line a message.
    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace).iter().map(line).collect()
    }

    pub(crate) fn paths(&self, name: &str) -> Vec<PathView> {
        self.engine(name).paths(self.clock())
    }

    pub(crate) fn bindings(&self, name: &str) -> Vec<BindingView> {
        self.engine(name).bindings(self.clock())
    }

    pub(crate) fn peers(&self, name: &str) -> Vec<PeerView> {
        self.engine(name).peers(self.clock())
    }

    pub(crate) fn states(&self, name: &str) -> Vec<String> {
        self.paths(name)
            .into_iter()
            .map(|path| path.state)
            .collect()
    }

    pub(crate) fn counter(&self, name: &str, counter: &str) -> u64 {
        let counters = self.engine(name).counters();
        counters
            .iter()
            .find(|(known, _)| *known == counter)
            .map_or(0, |(_, count)| *count)
    }

    /// What the dataplane of a node holds after all entries so far: pairs it sends, pairs it accepts.
    pub(crate) fn table(&self, name: &str) -> Table {
        let mut table = Table::default();
        for (_, entry) in self.entries.iter().filter(|(at, _)| *at == address(name)) {
            table.apply(entry);
        }
        table
    }
}

/// The path part of a MAG's forwarding state.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) homes: BTreeSet<IpNet>,
    pub(crate) send: BTreeMap<(IpNet, IpNet), IpAddr>,
    pub(crate) receive: BTreeMap<(IpNet, IpNet), IpAddr>,
    pub(crate) local: BTreeSet<(IpNet, IpNet)>,
    pub(crate) bound: BTreeMap<IpNet, Option<IpAddr>>,
}

impl Table {
    fn apply(&mut self, entry: &Entry) {
        match *entry {
            Entry::Attach { home, .. } => {
                self.homes.insert(home);
            }
            Entry::Detach { home } => {
                assert!(
                    self.homes.remove(&home),
                    "{home} is detached but was not attached"
                );
            }
            Entry::Bind { home, proxy_coa } => {
                self.bound.insert(home, Some(proxy_coa));
            }
            Entry::Suspend { home } => {
                self.bound.insert(home, None);
            }
            Entry::Unbind { home } => {
                self.bound.remove(&home);
            }
            Entry::PathReceive {
                local,
                remote,
                peer,
            } => {
                self.receive.insert((local, remote), peer);
            }
            Entry::PathReceiveRemove { local, remote } => {
                assert!(
                    self.receive.remove(&(local, remote)).is_some(),
                    "no receiving half {local} {remote}"
                );
            }
            Entry::PathSend {
                local,
                remote,
                peer,
            } => {
                self.send.insert((local, remote), peer);
            }
            Entry::PathSendRemove { local, remote } => {
                assert!(
                    self.send.remove(&(local, remote)).is_some(),
                    "no sending half {local} {remote}"
                );
            }
            Entry::PathLocal { from, to } => {
                self.local.insert((from, to));
            }
            Entry::PathLocalRemove { from, to } => {
                assert!(self.local.remove(&(from, to)), "no local path {from} {to}");
            }
            _ => {}
        }
    }

    pub(crate) fn has_no_path(&self) -> bool {
        self.send.is_empty() && self.receive.is_empty() && self.local.is_empty()
    }
}

/// `lma1 > mag2 Init`, with what matters behind it.
pub(crate) fn line(sent: &Sent) -> String {
    let names = names();
    let name = |address: &IpAddr| names.get(address).copied().unwrap_or("?");
    let what = match &sent.message {
        Message::BindingUpdate(update) if update.lifetime == 0 => "PBU 0".to_owned(),
        Message::BindingUpdate(_) => "PBU".to_owned(),
        Message::BindingAck(ack) => format!("PBA status {}", ack.status),
        Message::BindingError(error) => format!("BE status {}", error.status),
        Message::RoRequest(request) => {
            let mag = request.options.iter().find_map(|option| match option {
                MobilityOption::MagIpv6Address(mag) => Some(name(&IpAddr::V6(*mag))),
                _ => None,
            });
            let zero = if request.lifetime == 0 { " 0" } else { "" };
            let mag = mag.map(|mag| format!(" ({mag})")).unwrap_or_default();
            format!("{}{zero}{mag}", kind(request.kind))
        }
        Message::RoAck(ack) => format!("{} Ack status {}", kind(ack.kind), ack.status),
        other => format!("{other:?}"),
    };
    format!(
        "{} > {} {what}",
        name(&sent.source),
        name(&sent.destination)
    )
}

fn kind(kind: RoKind) -> &'static str {
    match kind {
        RoKind::Trigger => "Trigger",
        RoKind::Init => "Init",
        RoKind::Setup => "Setup",
        RoKind::Refresh => "Refresh",
        RoKind::Request => "Request",
        RoKind::Query => "Query",
    }
}

/// Without what one node sent and got: the draft's figures leave the MAG out that an MN has left (HL-20).
pub(crate) fn without(trace: &[String], name: &str) -> Vec<String> {
    let others = trace.iter().filter(|line| {
        let mut words = line.split_whitespace();
        words.next() != Some(name) && words.nth(1) != Some(name)
    });
    others.cloned().collect()
}

/// An address in a home.
pub(crate) fn host(home: &IpNet) -> IpAddr {
    match home {
        IpNet::V4(hoa) => IpAddr::V4(hoa.addr()),
        IpNet::V6(hnp) => IpAddr::V6((u128::from(hnp.network()) | 0x10).into()),
    }
}

/// The first home of a binding.
pub(crate) fn home(view: &BindingView) -> IpNet {
    view.hnps[0]
}

/// Loses messages that `which` picks, at most `times`.
pub(crate) fn lose(mut times: u32, which: impl Fn(&Sent) -> bool + 'static) -> Option<Filter> {
    Some(Box::new(move |sent| {
        let hit = times > 0 && which(sent);
        times -= u32::from(hit);
        hit
    }))
}

/// Loses every RO Init that ends a path at one MAG.
pub(crate) fn ends_at(mag: IpAddr) -> Option<Filter> {
    lose(u32::MAX, move |sent| {
        let ends = matches!(&sent.message, Message::RoRequest(request) if request.lifetime == 0);
        ends && sent.destination == mag && is_request(sent, RoKind::Init)
    })
}

pub(crate) fn is_request(sent: &Sent, wanted: RoKind) -> bool {
    matches!(&sent.message, Message::RoRequest(request) if request.kind == wanted)
}

pub(crate) fn is_ack(sent: &Sent, wanted: RoKind) -> bool {
    matches!(&sent.message, Message::RoAck(ack) if ack.kind == wanted)
}
