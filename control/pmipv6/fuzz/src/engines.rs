//! Two LMAs and two MAGs that get whatever the octets say, in whatever order: messages delivered, lost,
//! repeated, made up; updates applied late; commands; clocks that jump.
#![allow(dead_code, reason = "each target uses a part of it")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{AttachRequest, Command, Engine, Input, Now, Output, Protection, Token, Via};
use pmipv6::sim::{Forwarding, Layout, engine, host_in};
use pmipv6::wire::message::{RoAck, RoKind, RoRequest};
use pmipv6::wire::{Checksum, Message, MobilityOption, Numbering, decode};

/// Operations of one run; more octets are not read.
const MAX_OPERATIONS: usize = 512;
/// Messages under way; older ones are lost.
const MAX_UNDER_WAY: usize = 256;
/// Most that one input may cause.
const MAX_OUTPUTS: usize = 4_096;
/// Timeouts of one instant after which an engine is stuck.
const MAX_TIMEOUTS: usize = 1_000;
/// Every command is answered within this.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
/// Lifetimes that mean something: none, short, long, for ever (HL-5).
const LIFETIMES: [u16; 5] = [0, 1, 24, 300, 0xffff];
const STATUSES: [u8; 8] = [0, 1, 128, 129, 131, 132, 134, 135];
const KINDS: [RoKind; 6] = [
    RoKind::Trigger,
    RoKind::Init,
    RoKind::Setup,
    RoKind::Refresh,
    RoKind::Request,
    RoKind::Query,
];

/// The octets, read from the front; what is missing is zero.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn next(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.next()) % count.max(1)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

struct Node {
    address: IpAddr,
    engine: Box<dyn Engine>,
    table: Forwarding,
    /// Highest update given out, highest one that the engine was told of.
    programmed: u64,
    applied: u64,
}

/// A message on its way.
#[derive(Clone)]
struct UnderWay {
    source: IpAddr,
    to: IpAddr,
    message: Message,
}

struct Domain {
    layout: Layout,
    nodes: Vec<Node>,
    mono: Duration,
    wall: Duration,
    under_way: Vec<UnderWay>,
    /// Commands that wait for their answer, and who got them.
    waiting: BTreeMap<Token, usize>,
    last_token: Token,
    homes: Vec<IpNet>,
}

/// Never a panic, update numbers without gaps, entries that fit, one reply a command, the node's own
/// source address, deadlines that are used up; and in the end every command is answered.
pub(crate) fn engines(data: &[u8]) {
    let mut octets = Octets(data);
    let mut domain = Domain::new(octets.next());
    for _ in 0..MAX_OPERATIONS {
        if octets.0.is_empty() {
            break;
        }
        domain.operate(&mut octets);
    }
    domain.come_to_an_end();
}

impl Domain {
    fn new(flavour: u8) -> Self {
        let mut layout = Layout::new(2, 2, 4);
        layout.ipv4 = flavour & 1 != 0;
        layout.several_hnps = flavour & 2 != 0;
        layout.mag_detection = flavour & 4 != 0;
        layout.skew_max_us = u64::from(flavour >> 3 & 1);
        let nodes = (0..layout.lmas + layout.mags).map(|index| Node {
            address: layout.address(index),
            engine: engine(&layout, index, u64::from(flavour)),
            table: Forwarding::default(),
            programmed: 0,
            applied: 0,
        });
        let mut domain = Self {
            nodes: nodes.collect(),
            layout,
            mono: Duration::ZERO,
            wall: Duration::from_secs(1_735_689_600),
            under_way: Vec::new(),
            waiting: BTreeMap::new(),
            last_token: 0,
            homes: Vec::new(),
        };
        domain.time_passes(Duration::ZERO);
        domain
    }

    fn operate(&mut self, octets: &mut Octets<'_>) {
        match octets.below(24) {
            0..=3 => self.deliver(octets, true),
            4 => self.deliver(octets, false),
            5 => self.lose(octets),
            6..=8 => self.settle(),
            9 | 10 => self.attach(octets),
            11 => self.detach(octets),
            12 => self.apply(octets),
            13 => self.time_passes(Duration::from_millis(u64::from(octets.next()) * 20)),
            14 => self.time_passes(Duration::from_secs(octets.next().into())),
            15 => self.clock_jumps(octets),
            16 | 17 => self.pair_talks(octets),
            18 => self.activity(octets),
            19 => self.path_command(octets),
            20 => self.made_up_request(octets),
            21 => self.made_up_ack(octets),
            22 => self.raw(octets),
            _ => self.rarely(octets),
        }
        self.collect_homes();
    }

    fn input(&mut self, index: usize, input: Input) {
        let now = Now {
            mono: self.mono,
            wall: self.wall,
        };
        let mut outputs = Vec::new();
        self.nodes[index].engine.handle(now, input, &mut outputs);
        assert!(outputs.len() <= MAX_OUTPUTS, "{} outputs", outputs.len());
        for output in outputs {
            self.output(index, output);
        }
    }

    fn output(&mut self, index: usize, output: Output) {
        let node = &mut self.nodes[index];
        match output {
            Output::Send {
                source,
                destination,
                message,
                ..
            } => {
                assert_eq!(source, node.address);
                if self.under_way.len() >= MAX_UNDER_WAY {
                    self.under_way.remove(0);
                }
                self.under_way.push(UnderWay {
                    source,
                    to: destination,
                    message,
                });
            }
            Output::Program { number, entry } => {
                assert_eq!(number, node.programmed + 1, "a gap in the updates");
                node.programmed = number;
                let fits = node.table.apply(&entry);
                assert!(fits.is_ok(), "{entry:?}: {fits:?}");
            }
            Output::Reply { token, result } => {
                let asked = self.waiting.remove(&token);
                assert_eq!(asked, Some(index), "{token} answered: {result:?}");
            }
            _ => {}
        }
    }

    /// Hands a message that is under way to its node, and takes it off the wire or not.
    fn deliver(&mut self, octets: &mut Octets<'_>, off: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let which = octets.below(self.under_way.len());
        let message = match off {
            true => self.under_way.remove(which),
            false => self.under_way[which].clone(),
        };
        self.arrive(message);
    }

    fn arrive(
        &mut self,
        UnderWay {
            source,
            to,
            message,
        }: UnderWay,
    ) {
        if let Some(index) = self.nodes.iter().position(|node| node.address == to) {
            let input = self.message(index, source, message);
            self.input(index, input);
        }
    }

    fn message(&self, index: usize, source: IpAddr, message: Message) -> Input {
        Input::Message {
            source,
            destination: self.nodes[index].address,
            via: Via::Ipv6,
            protection: Protection::None,
            aligned: true,
            message,
        }
    }

    fn lose(&mut self, octets: &mut Octets<'_>) {
        if !self.under_way.is_empty() {
            let which = octets.below(self.under_way.len());
            self.under_way.remove(which);
        }
    }

    /// Everything that is under way arrives, every update is applied.
    fn settle(&mut self) {
        for _ in 0..MAX_UNDER_WAY {
            for index in 0..self.nodes.len() {
                self.apply_up_to(index, self.nodes[index].programmed);
            }
            if self.under_way.is_empty() {
                return;
            }
            let message = self.under_way.remove(0);
            self.arrive(message);
        }
    }

    fn apply_up_to(&mut self, index: usize, number: u64) {
        if number > self.nodes[index].applied {
            self.nodes[index].applied = number;
            self.input(index, Input::Applied(number));
        }
    }

    /// Some updates are applied; or the dataplane claims more than it was given.
    fn apply(&mut self, octets: &mut Octets<'_>) {
        let index = octets.below(self.nodes.len());
        let more = u64::from(octets.next() % 8);
        let node = &self.nodes[index];
        match node.applied + more {
            number if number <= node.programmed => self.apply_up_to(index, number),
            number => self.input(index, Input::Applied(number)),
        }
    }

    fn time_passes(&mut self, time: Duration) {
        self.mono += time;
        self.wall += time;
        for index in 0..self.nodes.len() {
            self.input(index, Input::Timeout);
            let mut timeouts = 0;
            while self.nodes[index]
                .engine
                .next_deadline()
                .is_some_and(|at| at <= self.mono)
            {
                timeouts += 1;
                assert!(timeouts < MAX_TIMEOUTS, "a deadline is not used up");
                self.input(index, Input::Timeout);
            }
        }
    }

    fn clock_jumps(&mut self, octets: &mut Octets<'_>) {
        let seconds = Duration::from_secs(u64::from(octets.next()) * 30);
        self.wall = match octets.next() & 1 {
            0 => self.wall + seconds,
            _ => self.wall.saturating_sub(seconds),
        };
    }

    fn command(&mut self, index: usize, command: Command) {
        self.last_token += 1;
        let token = self.last_token;
        self.waiting.insert(token, index);
        self.input(index, Input::Command { token, command });
    }

    fn any_mag(&self, octets: &mut Octets<'_>) -> usize {
        self.layout.mag(octets.below(self.layout.mags))
    }

    fn attach(&mut self, octets: &mut Octets<'_>) {
        let (index, mobile) = (self.any_mag(octets), octets.below(self.layout.mobiles));
        let request = AttachRequest {
            mn_id: self.layout.mn_id(mobile),
            link: self.layout.link(mobile),
            att: 3,
            hi: 1 + octets.next() % 4,
            ipv6: true,
            hnps: Vec::new(),
            ipv4_hoa: self.layout.ipv4.then_some(std::net::Ipv4Addr::UNSPECIFIED),
        };
        self.command(index, Command::Attach(request));
    }

    fn detach(&mut self, octets: &mut Octets<'_>) {
        let index = self.any_mag(octets);
        let mn_id = self.layout.mn_id(octets.below(self.layout.mobiles));
        self.command(index, Command::Detach { mn_id });
    }

    /// Homes that any node has heard of.
    fn collect_homes(&mut self) {
        let now = Now {
            mono: self.mono,
            wall: self.wall,
        };
        for node in &self.nodes {
            for binding in node.engine.bindings(now) {
                for home in binding.hnps.into_iter().chain(binding.ipv4_hoa) {
                    if !self.homes.contains(&home) {
                        self.homes.push(home);
                    }
                }
            }
        }
    }

    fn home(&self, octets: &mut Octets<'_>) -> IpNet {
        let nowhere = IpNet::V6(self.layout.anchored(0)).trunc();
        let which = octets.below(self.homes.len() + 1);
        self.homes.get(which).copied().unwrap_or(nowhere)
    }

    fn pair_talks(&mut self, octets: &mut Octets<'_>) {
        let index = octets.below(self.nodes.len());
        let (source, destination) = (self.home(octets), self.home(octets));
        let input = Input::PairTalks {
            realm: None,
            source: host_in(source),
            destination: host_in(destination),
            packets: 1,
        };
        self.input(index, input);
    }

    fn activity(&mut self, octets: &mut Octets<'_>) {
        let index = octets.below(self.nodes.len());
        let (local, remote) = (self.home(octets), self.home(octets));
        let packets = octets.next().into();
        let input = Input::Activity {
            local,
            remote,
            packets,
            bytes: packets * 100,
        };
        self.input(index, input);
    }

    fn path_command(&mut self, octets: &mut Octets<'_>) {
        let index = octets.below(self.nodes.len());
        let (source, destination) = (self.home(octets), self.home(octets));
        let command = match octets.next() & 1 {
            0 => Command::PathRequest {
                source,
                destination,
            },
            _ => Command::PathRemove {
                source,
                destination,
            },
        };
        self.command(index, command);
    }

    /// Options that might be meant: homes, a MAG, a time.
    fn options(&self, octets: &mut Octets<'_>) -> Vec<MobilityOption> {
        let homes = [self.home(octets), self.home(octets)];
        let mut options: Vec<MobilityOption> = homes.into_iter().map(home_option).collect();
        if let IpAddr::V6(mag) = self.nodes[octets.below(self.nodes.len())].address {
            options.push(MobilityOption::MagIpv6Address(mag));
        }
        let ahead = i64::from(octets.next() as i8) * 60;
        let seconds = self.wall.as_secs().saturating_add_signed(ahead);
        options.push(MobilityOption::Timestamp(seconds << 16));
        options
    }

    /// A request that no engine sent, from a node or from nobody.
    fn made_up_request(&mut self, octets: &mut Octets<'_>) {
        let (to, source) = (octets.below(self.nodes.len()), self.anybody(octets));
        let kind = octets.one_of(&KINDS);
        let request = RoRequest {
            kind,
            sequence: octets.next().into(),
            handover: octets.next() & 1 != 0,
            proxy_mode: false,
            lifetime: octets.one_of(&LIFETIMES),
            options: self.options(octets),
        };
        let input = self.message(to, source, Message::RoRequest(request));
        self.input(to, input);
    }

    /// An acknowledgement of a request that is under way, from the node that it goes to: a peer that lies.
    fn made_up_ack(&mut self, octets: &mut Octets<'_>) {
        let requests = self
            .under_way
            .iter()
            .filter_map(|sent| match &sent.message {
                Message::RoRequest(request) => Some((sent.source, sent.to, request)),
                _ => None,
            });
        let requests: Vec<_> = requests.collect();
        if requests.is_empty() {
            return;
        }
        let (asker, liar, request) = requests[octets.below(requests.len())];
        let options = match octets.next() & 1 {
            0 => request.options.clone(),
            _ => self.options(octets),
        };
        let ack = RoAck {
            kind: request.kind,
            sequence: request.sequence,
            unsolicited: octets.next() & 1 != 0,
            status: octets.one_of(&STATUSES),
            lifetime: octets.one_of(&LIFETIMES),
            options,
        };
        self.arrive(UnderWay {
            source: liar,
            to: asker,
            message: Message::RoAck(ack),
        });
    }

    /// Octets from the network, as a Mobility Header.
    fn raw(&mut self, octets: &mut Octets<'_>) {
        let (to, source) = (octets.below(self.nodes.len()), self.anybody(octets));
        let length = octets.next().into();
        let decoded = decode(
            &Numbering::default(),
            Checksum::Ignored,
            octets.take(length),
        );
        let input = match decoded {
            Ok(message) => self.message(to, source, message),
            Err(error) => Input::Malformed {
                source,
                destination: self.nodes[to].address,
                via: Via::Ipv6,
                error,
            },
        };
        self.input(to, input);
    }

    fn anybody(&self, octets: &mut Octets<'_>) -> IpAddr {
        let stranger = IpAddr::V6(pmipv6::sim::STRANGER);
        let node = self.nodes.get(octets.below(self.nodes.len() + 1));
        node.map_or(stranger, |node| node.address)
    }

    fn rarely(&mut self, octets: &mut Octets<'_>) {
        let index = octets.below(self.nodes.len());
        let link = self.layout.link(octets.below(self.layout.mobiles));
        let input = match octets.next() % 4 {
            0 => Input::LinkDown { port: link.port },
            1 => Input::Shutdown,
            _ => Input::Unreachable { link },
        };
        self.input(index, input);
    }

    /// Nothing arrives any more; updates are applied and time passes.
    fn come_to_an_end(&mut self) {
        let end = self.mono + ANSWERED_WITHIN;
        while self.mono < end {
            self.under_way.clear();
            for index in 0..self.nodes.len() {
                self.apply_up_to(index, self.nodes[index].programmed);
            }
            self.time_passes(Duration::from_millis(500));
        }
        assert!(
            self.waiting.is_empty(),
            "never answered: {:?}",
            self.waiting
        );
    }
}

fn home_option(home: IpNet) -> MobilityOption {
    match home {
        IpNet::V6(hnp) => MobilityOption::HomeNetworkPrefix(hnp),
        IpNet::V4(hoa) => MobilityOption::ipv4_hoa(hoa.addr()),
    }
}
