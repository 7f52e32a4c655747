//! The simulator itself, with engines so small that everything about them is known.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::io::{
    Answer, BindingView, Command, Engine, Entry, Input, Link, Now, Output, PathView, PeerView,
    Token, Via,
};
use crate::wire::message::{BindingAck, BindingUpdate};
use crate::wire::{Message, MobilityOption};

use super::*;

/// Registers and does nothing else: no retransmission, no lifetime, no localized routing.
struct Toy {
    layout: Layout,
    node: NodeIndex,
    number: u64,
    /// Acks that wait for an update.
    waiting: Vec<(u64, Output)>,
    attaching: BTreeMap<String, (Token, Link)>,
    attached: BTreeMap<String, IpNet>,
    /// Acknowledges before the update is applied.
    hasty: bool,
}

impl Toy {
    fn program(&mut self, entry: Entry, out: &mut Vec<Output>) {
        self.number += 1;
        let number = self.number;
        out.push(Output::Program { number, entry });
    }

    fn home(&self, mn_id: &str) -> IpNet {
        let mobile = self.layout.mobile_named(mn_id).unwrap();
        let lma = self.layout.anchor_of(mobile);
        let network = u128::from(self.layout.anchored(lma).addr()) | (mobile as u128 + 1) << 64;
        IpNet::new_assert(IpAddr::V6(network.into()), 64)
    }

    fn lma(&self, mn_id: &str) -> IpAddr {
        let mobile = self.layout.mobile_named(mn_id).unwrap();
        self.layout
            .address(self.layout.lma(self.layout.anchor_of(mobile)))
    }

    fn send(&self, destination: IpAddr, message: Message) -> Output {
        Output::Send {
            source: self.layout.address(self.node),
            destination,
            via: crate::io::Via::Ipv6,
            message,
        }
    }

    fn update(&self, mn_id: &str, lifetime: u16) -> Output {
        let options = options(mn_id, self.home(mn_id));
        let message = BindingUpdate {
            sequence: 1,
            flags: BindingUpdate::P,
            lifetime,
            options,
        };
        self.send(self.lma(mn_id), Message::BindingUpdate(message))
    }

    fn command(&mut self, token: Token, command: Command, out: &mut Vec<Output>) {
        match command {
            Command::Attach(request) => {
                out.push(self.update(&request.mn_id, 1_000));
                self.attaching.insert(request.mn_id, (token, request.link));
            }
            Command::Detach { mn_id } => {
                if let Some(home) = self.attached.remove(&mn_id) {
                    self.program(Entry::Detach { home }, out);
                    out.push(self.update(&mn_id, 0));
                }
                let result = Ok(Answer::Detached);
                out.push(Output::Reply { token, result });
            }
            _ => {}
        }
    }

    fn bind(&mut self, source: IpAddr, update: &BindingUpdate, out: &mut Vec<Output>) {
        let mn_id = mn_id(&update.options);
        let home = self.home(&mn_id);
        if update.lifetime == 0 {
            if self.attached.remove(&format!("{mn_id}{source}")).is_some() {
                self.program(Entry::Unbind { home }, out);
            }
            return;
        }
        self.attached.retain(|key, _| !key.starts_with(&mn_id));
        self.attached.insert(format!("{mn_id}{source}"), home);
        let proxy_coa = source;
        self.program(Entry::Bind { home, proxy_coa }, out);
        let ack = BindingAck {
            status: 0,
            flags: BindingAck::P,
            sequence: update.sequence,
            lifetime: update.lifetime,
            options: update.options.clone(),
        };
        let ack = self.send(source, Message::BindingAck(ack));
        match self.hasty {
            true => out.push(ack),
            false => self.waiting.push((self.number, ack)),
        }
    }

    fn bound(&mut self, source: IpAddr, ack: &BindingAck, out: &mut Vec<Output>) {
        let mn_id = mn_id(&ack.options);
        let Some((token, link)) = self.attaching.remove(&mn_id) else {
            return;
        };
        let home = self.home(&mn_id);
        self.program(
            Entry::Attach {
                home,
                link,
                lma: source,
            },
            out,
        );
        self.attached.insert(mn_id.clone(), home);
        let view = BindingView {
            realm: None,
            mn_id,
            hnps: vec![home],
            ipv4_hoa: None,
            proxy_coa: None,
            lma: Some(source),
            link: Some(link),
            lifetime_s: 4_000,
            state: "registered".into(),
        };
        let result = Ok(Answer::Attached(view));
        out.push(Output::Reply { token, result });
    }
}

fn options(mn_id: &str, home: IpNet) -> Vec<MobilityOption> {
    let mut options = vec![MobilityOption::MnId {
        subtype: 1,
        identifier: mn_id.as_bytes().to_vec(),
    }];
    if let IpNet::V6(prefix) = home {
        options.push(MobilityOption::HomeNetworkPrefix(prefix));
    }
    options
}

fn mn_id(options: &[MobilityOption]) -> String {
    let Some(MobilityOption::MnId { identifier, .. }) = options.first() else {
        panic!("no MN-ID");
    };
    String::from_utf8(identifier.clone()).unwrap()
}

impl Engine for Toy {
    fn handle(&mut self, _: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Command { token, command } => self.command(token, command, out),
            Input::Message {
                via: Via::Ipv6,
                source,
                message,
                ..
            } => match message {
                Message::BindingUpdate(update) => self.bind(source, &update, out),
                Message::BindingAck(ack) => self.bound(source, &ack, out),
                _ => {}
            },
            Input::Applied(number) => {
                let (due, waiting) = std::mem::take(&mut self.waiting)
                    .into_iter()
                    .partition(|(n, _)| *n <= number);
                let due: Vec<(u64, Output)> = due;
                self.waiting = waiting;
                out.extend(due.into_iter().map(|(_, output)| output));
            }
            _ => {}
        }
    }
    fn next_deadline(&self) -> Option<Duration> {
        None
    }
    fn bindings(&self, _: Now) -> Vec<BindingView> {
        Vec::new()
    }
    fn paths(&self, _: Now) -> Vec<PathView> {
        Vec::new()
    }
    fn peers(&self, _: Now) -> Vec<PeerView> {
        Vec::new()
    }
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

fn toy(hasty: bool) -> impl Fn(&Layout, NodeIndex, u64) -> Box<dyn Engine> {
    move |layout, node, _| {
        Box::new(Toy {
            layout: layout.clone(),
            node,
            number: 0,
            waiting: Vec::new(),
            attaching: BTreeMap::new(),
            attached: BTreeMap::new(),
            hasty,
        })
    }
}

fn appear(mobile: MobileIndex, mag: NodeIndex) -> Operation {
    Operation::Appear {
        mobile,
        mag,
        away_us: 10_000,
        notice_us: 1_000,
    }
}

/// MN1 at MAG1 and MN2 at MAG2, talking.
fn talking<'a>(lmas: usize, build: &'a Build<'a>) -> Domain<'a> {
    let mut domain = Domain::new(Layout::new(lmas, 2, 2), Faults::NONE, 5, build);
    domain.trace_on();
    for mobile in 0..2 {
        let mag = domain.layout().mag(mobile);
        domain.schedule(0, appear(mobile, mag));
    }
    let talk = Operation::Talk {
        source: 0,
        destination: 1,
        interval_us: 100_000,
        one_way: false,
    };
    domain.schedule(0, talk);
    domain.run_until(5 * SECOND);
    domain
}

#[test]
fn packets_pass_by_one_anchor_and_by_two() {
    for lmas in [1, 2] {
        let build = toy(false);
        let mut domain = talking(lmas, &build);
        assert_eq!(domain.violation(), None, "{:#?}", domain.trace.lines());
        for talk in domain.talks.values() {
            assert!(talk.tally.anchored > 40, "{:#?}", domain.trace.lines());
            assert_eq!(talk.tally.localized, 0);
            assert_eq!(talk.last_fate(), Some(Fate::Delivered { localized: false }));
        }
        domain.check_at_rest();
        assert_eq!(
            domain.violation().unwrap().kind,
            ViolationKind::NotLocalized
        );
    }
}

#[test]
fn everything_is_empty_when_all_have_left() {
    let build = toy(false);
    let mut domain = talking(1, &build);
    domain.hush_all();
    domain.check_empty();
    assert_eq!(
        domain.take_violation().unwrap().kind,
        ViolationKind::Residue
    );
    domain.all_leave();
    domain.run_until(20 * SECOND);
    domain.check_empty();
    assert_eq!(domain.violation(), None);
}

#[test]
fn an_ack_before_its_update_is_applied_is_noticed() {
    let build = toy(true);
    let domain = talking(1, &build);
    assert_eq!(domain.violation().unwrap().kind, ViolationKind::Promise);
}

#[test]
fn a_blackhole_is_noticed_when_its_bound_is_over_and_excused_while_cut_off() {
    let build = toy(false);
    let mut domain = talking(1, &build);
    domain.blackhole_bound_us = 3 * SECOND;
    let (lma, mag) = (domain.layout().lma(0), domain.layout().mag(0));
    let cut = Operation::Partition {
        one: lma,
        other: mag,
        for_us: 10 * SECOND,
    };
    domain.schedule(domain.now(), cut);
    domain.run_until(domain.now() + 20 * SECOND);
    assert_eq!(domain.violation(), None);
    // The toys never learn that the LMA has lost its bindings.
    let crash = Operation::Crash {
        node: lma,
        down_us: SECOND,
    };
    let at = domain.now();
    domain.schedule(at, crash);
    domain.run_until(at + 20 * SECOND);
    let violation = domain.violation().unwrap();
    assert_eq!(violation.kind, ViolationKind::Blackhole);
    assert!(
        (at + 4 * SECOND..at + 5 * SECOND).contains(&violation.at),
        "{violation}"
    );
}

#[test]
fn a_trace_is_in_the_words_of_the_rfc() {
    let build = toy(false);
    let domain = talking(1, &build);
    let text = domain.trace.lines().join("\n");
    let line =
        "MAG1 -> LMA1 PBU seq 1 lifetime 4000 s (MN-ID mn1@example.net, HNP 2001:db8:a000:1::/64)";
    assert!(text.contains(line), "{text}");
    let sent: Vec<String> = domain
        .trace
        .messages()
        .iter()
        .map(Sent::to_string)
        .collect();
    assert!(sent.contains(&"LMA1 -> MAG2 PBA".to_owned()));
}

#[test]
fn a_schedule_that_fails_shrinks_to_what_makes_it_fail() {
    let build = toy(true);
    let schedule = Schedule::generate(1);
    let smallest = shrink(&schedule, &build, 100);
    assert_eq!(smallest.operations.len(), 1);
    assert!(smallest.faults.iter().all(|fault| *fault == "lag"));
    let again = Selection::parse(
        &schedule,
        Some(&smallest.operations[0].to_string()),
        Some("lag"),
    );
    assert_eq!(
        kind_of(&again.apply(&schedule).run(&build, false)),
        Some(ViolationKind::Promise)
    );
}
