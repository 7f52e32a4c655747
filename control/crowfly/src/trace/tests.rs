//! What is kept, for how long; how views become one chart; how it is drawn.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::Event;
use pmipv6::wire::message::{BindingAck, BindingUpdate, RoAck, RoKind, RoRequest};
use pmipv6::wire::{Message, MobilityOption};

use super::{Leg, MAX_LEGS, MAX_LEGS_PER_SUBJECT, Of, Seen, Trace, View, What, draw, merge};

const MAG1: &str = "2001:db8:f::11";
const MAG2: &str = "2001:db8:f::12";
const LMA: &str = "2001:db8:f::1";
const HERE: &str = "2001:db8:100::/64";
const THERE: &str = "2001:db8:100:1::/64";

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn net(home: &str) -> IpNet {
    home.parse().unwrap()
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

fn ends(here: &str, there: &str) -> Vec<MobilityOption> {
    let home = |home: &str| MobilityOption::HomeNetworkPrefix(home.parse().unwrap());
    vec![home(here), home(there)]
}

fn request(kind: RoKind, sequence: u16) -> Message {
    Message::RoRequest(RoRequest {
        kind,
        sequence,
        handover: false,
        proxy_mode: false,
        lifetime: 300,
        options: ends(HERE, THERE),
    })
}

fn ack(kind: RoKind, sequence: u16, status: u8) -> Message {
    Message::RoAck(RoAck {
        kind,
        sequence,
        unsolicited: false,
        status,
        lifetime: 300,
        options: ends(HERE, THERE),
    })
}

fn mn(id: &str) -> MobilityOption {
    MobilityOption::MnId {
        subtype: 1,
        identifier: id.as_bytes().to_vec(),
    }
}

fn pbu(id: &str) -> Message {
    Message::BindingUpdate(BindingUpdate {
        sequence: 1,
        flags: BindingUpdate::A | BindingUpdate::P,
        lifetime: 900,
        options: vec![
            mn(id),
            MobilityOption::HomeNetworkPrefix("::/0".parse().unwrap()),
        ],
    })
}

fn pba(id: &str, home: &str) -> Message {
    Message::BindingAck(BindingAck {
        status: 0,
        flags: BindingAck::P,
        sequence: 1,
        lifetime: 900,
        options: vec![
            mn(id),
            MobilityOption::HomeNetworkPrefix(home.parse().unwrap()),
        ],
    })
}

/// A PBA that refuses `id` an IPv4 home address, which it repeats.
fn refusal(id: &str, status: u8) -> Message {
    Message::BindingAck(BindingAck {
        status,
        flags: BindingAck::P,
        sequence: 2,
        lifetime: 0,
        options: vec![
            mn(id),
            MobilityOption::HomeNetworkPrefix("2001:db8:100:9::/64".parse().unwrap()),
            MobilityOption::Ipv4HomeAddressReply {
                status: 130,
                prefix_len: 0,
                address: [10, 77, 0, 1].into(),
            },
        ],
    })
}

fn of_pair(trace: &Trace) -> Vec<Leg> {
    trace.of_pair(&net(HERE), &net(THERE))
}

fn view(name: &str, role: &str, address: &str, trace: &Trace) -> View {
    View {
        node_id: name.to_owned(),
        role: role.to_owned(),
        address: Some(at(address)),
        source: net(HERE),
        destination: net(THERE),
        legs: of_pair(trace),
    }
}

/// Registration of both, then figure 2 of the draft as MAG1, LMA and MAG2 see it.
fn figure() -> Vec<View> {
    let [mut mag1, mut lma, mut mag2] = [(); 3].map(|()| Trace::default());
    let mut time = 1_700_000_000_000_000;
    let mut hop = |from: (&mut Trace, &str), to: (&mut Trace, &str), message: &Message| {
        from.0.sent(us(time), at(from.1), at(to.1), message);
        to.0.received(us(time + 250), at(from.1), at(to.1), message);
        time += 1000;
    };
    hop((&mut mag1, MAG1), (&mut lma, LMA), &pbu("mn1@x"));
    hop((&mut lma, LMA), (&mut mag1, MAG1), &pba("mn1@x", HERE));
    hop((&mut mag2, MAG2), (&mut lma, LMA), &pbu("mn2@x"));
    hop((&mut lma, LMA), (&mut mag2, MAG2), &pba("mn2@x", THERE));
    lma.talks(us(1_700_000_000_004_000), &request(RoKind::Init, 0));
    hop(
        (&mut lma, LMA),
        (&mut mag2, MAG2),
        &request(RoKind::Init, 7),
    );
    hop(
        (&mut mag2, MAG2),
        (&mut mag1, MAG1),
        &request(RoKind::Setup, 8),
    );
    hop(
        (&mut mag1, MAG1),
        (&mut mag2, MAG2),
        &ack(RoKind::Setup, 8, 0),
    );
    hop((&mut mag2, MAG2), (&mut lma, LMA), &ack(RoKind::Init, 7, 0));
    let up = Event::PathUp {
        source: net(HERE),
        destination: net(THERE),
        peer: None,
        setup_us: 4000,
    };
    lma.event(us(1_700_000_000_008_000), &up);
    vec![
        view("mag1", "mag", MAG1, &mag1),
        view("lma1", "lma", LMA, &lma),
        view("mag2", "mag", MAG2, &mag2),
    ]
}

fn drawn(views: &[View]) -> String {
    let mut out = Vec::new();
    draw(&merge(views), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_node_keeps_its_legs_of_a_pair_and_of_its_mns() {
    let views = figure();
    let seen = |view: &View| view.legs.iter().map(|leg| leg.of).collect::<Vec<_>>();
    use Of::{Destination, Pair, Source};
    assert_eq!(seen(&views[0]), [Source, Source, Pair, Pair]);
    let (both, pair) = ([Source, Source, Destination, Destination], [Pair; 4]);
    assert_eq!(seen(&views[1]), [&both[..], &pair].concat());
    // An address in a home names it, and a pair has no direction.
    let mut trace = Trace::default();
    trace.sent(us(1), at(LMA), at(MAG2), &request(RoKind::Init, 1));
    let of = |a: &str, b: &str| trace.of_pair(&net(a), &net(b)).len();
    assert_eq!(of("2001:db8:100::9/128", "2001:db8:100:1::9/128"), 1);
    assert_eq!(of(THERE, HERE), 1);
    assert_eq!(of(HERE, "2001:db8:100:2::/64"), 0);
}

#[test]
fn a_view_is_plain_json_there_and_back() {
    for view in figure() {
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
    }
}

#[test]
fn views_of_several_nodes_become_one_chart_in_the_order_of_the_figures() {
    let chart = merge(&figure());
    let names: Vec<_> = chart
        .nodes
        .iter()
        .map(|node| node.name.clone().unwrap())
        .collect();
    assert_eq!(names, ["mag1", "lma1", "mag2"]);
    let messages = chart.rows.iter().filter_map(|row| match &row.what {
        What::Message {
            signal,
            transit_us,
            lost,
        } => {
            assert_eq!((*transit_us, *lost), (Some(250), false));
            Some(signal.message.to_string())
        }
        What::Event { .. } => None,
    });
    let wanted = [
        "PBU",
        "PBA",
        "PBU",
        "PBA",
        "RO Init",
        "RO Setup",
        "RO Setup Ack",
        "RO Init Ack",
    ];
    assert_eq!(messages.collect::<Vec<_>>(), wanted);
    assert_eq!(chart.rows.len(), wanted.len() + 2);
}

#[test]
fn one_view_alone_draws_its_own_legs() {
    let chart = merge(&figure()[..1]);
    assert_eq!(chart.rows.len(), 4);
    assert_eq!(chart.nodes[0].name.as_deref(), Some("mag1"));
    assert_eq!(chart.nodes[1].address, at(LMA));
    assert_eq!(chart.nodes[2].address, at(MAG2));
}

#[test]
fn a_retransmission_is_matched_and_what_was_lost_is_said() {
    let [mut lma, mut mag2] = [(); 2].map(|()| Trace::default());
    // Something older, so that the receiver is known to have been there.
    mag2.sent(us(1), at(MAG2), at(MAG1), &request(RoKind::Setup, 1));
    for time in [1_000, 501_000] {
        lma.sent(us(time), at(LMA), at(MAG2), &request(RoKind::Init, 7));
    }
    mag2.received(us(501_300), at(LMA), at(MAG2), &request(RoKind::Init, 7));
    let chart = merge(&[
        view("lma1", "lma", LMA, &lma),
        view("mag2", "mag", MAG2, &mag2),
    ]);
    let inits = chart.rows.iter().filter_map(|row| match &row.what {
        What::Message {
            signal,
            transit_us,
            lost,
        } if signal.message == "RO Init" => Some((row.at_us, *transit_us, *lost)),
        _ => None,
    });
    let inits: Vec<_> = inits.collect();
    assert_eq!(inits, [(1_000, None, true), (501_000, Some(300), false)]);
}

#[test]
fn a_chart_reads_like_the_figures() {
    let text = drawn(&figure());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "from 2023-11-14 22:13:20.000000 UTC, seconds");
    let line = |words: &str| *lines.iter().find(|line| line.contains(words)).unwrap();
    let has = |words: &str, parts: &[&str]| {
        let line = line(words);
        for part in parts {
            assert!(
                line.contains(part),
                "{part:?} is not in {line:?} of\n{text}"
            );
        }
    };
    has(
        "RO Init─",
        &["0.004000", "│─", "─▶│", "#7, 300 s, 0.250 ms"],
    );
    has("RO Setup─", &["│◀", "#8, 300 s"]);
    has("RO Setup Ack", &["▶│", "status 0 Success"]);
    has("RO Init Ack", &["│◀", "#7"]);
    has("path up", &["0.008000", "●"]);
    has("packets of the pair", &["●"]);
    has("PBU", &["mn1@x, 3600 s"]);
    // Lifelines stand under each other.
    let columns = |line: &str| -> Vec<usize> {
        let marks = line.chars().enumerate();
        marks
            .filter(|(_, c)| "│●".contains(*c))
            .map(|(at, _)| at)
            .collect()
    };
    assert_eq!(columns(line("path up")), columns(line("RO Init─")));
    assert_eq!(columns(line("path up")).len(), 3);
}

#[test]
fn nothing_known_is_said() {
    let nothing = view("mag1", "mag", MAG1, &Trace::default());
    assert_eq!(drawn(&[nothing]), "no signalling of this pair is known\n");
}

#[test]
fn one_pair_is_bounded_and_so_are_all() {
    let mut trace = Trace::default();
    for time in 0..1000 {
        trace.sent(
            us(time),
            at(LMA),
            at(MAG2),
            &request(RoKind::Init, time as u16),
        );
    }
    let legs = of_pair(&trace);
    assert_eq!(legs.len(), MAX_LEGS_PER_SUBJECT);
    assert!(matches!(&legs[0].seen, Seen::Sent(signal) if signal.sequence == 936));
    for number in 0..MAX_LEGS as u32 {
        trace.sent(us(5000), at(MAG1), at(LMA), &pbu(&format!("mn{number}@x")));
    }
    assert_eq!(of_pair(&trace).len(), 0, "silent for longest");
    assert_eq!(
        trace.counters(),
        [
            ("trace.legs", MAX_LEGS as u64),
            ("trace.subjects", MAX_LEGS as u64)
        ]
    );
}

#[test]
fn l_38_a_trigger_that_names_an_address_is_the_pairs_too() {
    let mut lma = Trace::default();
    let mut trigger = request(RoKind::Trigger, 7);
    if let Message::RoRequest(request) = &mut trigger {
        request.options = ends(HERE, "2001:db8:100:1::42/128");
    }
    lma.sent(us(1), at(LMA), at(MAG2), &trigger);
    lma.received(us(2), at(MAG2), at(LMA), &ack(RoKind::Trigger, 7, 0));
    assert_eq!(of_pair(&lma).len(), 2);
}

#[test]
fn a_refusal_gives_no_home_and_stands_in_the_chart_of_the_ones_there_are() {
    let mut lma = Trace::default();
    lma.sent(us(1), at(LMA), at(MAG1), &pba("mn1@x", HERE));
    lma.sent(us(2), at(LMA), at(MAG1), &refusal("mn1@x", 171));
    let statuses: Vec<_> = of_pair(&lma)
        .into_iter()
        .filter_map(|leg| match leg.seen {
            Seen::Sent(signal) => signal.status,
            _ => None,
        })
        .collect();
    assert_eq!(statuses, [0, 171]);
}

#[test]
fn events_make_no_rings() {
    let mut trace = Trace::default();
    let down = Event::PathDown {
        source: net(HERE),
        destination: net(THERE),
        reason: "expired".to_owned(),
    };
    trace.event(us(1), &down);
    assert_eq!(trace.counters()[1].1, 0);
    trace.sent(us(2), at(LMA), at(MAG2), &request(RoKind::Init, 1));
    trace.event(us(3), &down);
    assert_eq!(of_pair(&trace).len(), 2);
}
