//! Far ends that are lost without a word (L-14, HL-19, HL-33), and LMAs that forgot.

use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::Engine;
use pmipv6::lma::LocalMobilityAnchor;
use pmipv6::mag::MobileAccessGateway;
use pmipv6::wire::Message;
use pmipv6::wire::message::{RoAck, RoKind};

use crate::harness::*;

fn localized(domain: &mut Domain) -> (IpNet, IpNet) {
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    domain.talk("lma1", host(&source), host(&destination));
    domain.take_trace();
    (source, destination)
}

fn fresh_mag(name: &str) -> Box<dyn Engine> {
    Box::new(MobileAccessGateway::new(mag_config(name), 77))
}

fn fresh_lma(name: &str) -> Box<dyn Engine> {
    Box::new(LocalMobilityAnchor::new(lma_config(name), 77))
}

/// A one-way stream, as the MAG that sends it counts it.
fn stream(domain: &mut Domain, mag: &str, local: IpNet, remote: IpNet, seconds: u64) {
    for _ in 0..seconds / 10 {
        domain.carry(mag, local, remote, 1);
        domain.seconds(10);
    }
}

/// Seeds 8994, 13097 of the simulator.
#[test]
fn l_14_stream_to_a_mag_that_lost_the_path_ends_at_the_second_refresh() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.add("mag2", fresh_mag("mag2"));
    stream(&mut domain, "mag1", source, destination, 470);
    assert!(domain.paths("lma2").is_empty(), "nobody refreshes there");
    assert_eq!(
        domain.table("mag1").send.len(),
        1,
        "a void, until it is found"
    );
    domain.take_trace();
    stream(&mut domain, "mag1", source, destination, 20);
    let trace = domain.take_trace();
    for line in [
        "mag1 > lma1 Refresh",
        "lma1 > lma2 Trigger (mag1)",
        "lma2 > lma1 Trigger Ack status 129",
        "lma1 > mag1 Init 0 (mag1)",
    ] {
        assert!(trace.contains(&line.to_owned()), "{line}: {trace:?}");
    }
    assert!(domain.table("mag1").has_no_path());
}

#[test]
fn l_14_stream_of_the_controllers_mn_ends_too() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.add("mag1", fresh_mag("mag1"));
    stream(&mut domain, "mag2", destination, source, 490);
    assert!(domain.table("mag2").has_no_path());
    assert!(domain.paths("lma2").iter().all(|path| path.state == "none"));
}

#[test]
fn l_14_far_end_that_is_still_there_gets_its_path_back() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    // MAG2 hears nothing of the stream, lets the path expire, and its word of that is lost.
    let (mag1, mag2) = (address("mag1"), address("mag2"));
    domain.lose = lose(u32::MAX, move |sent| {
        (sent.source, sent.destination) == (mag2, mag1)
    });
    stream(&mut domain, "mag1", source, destination, 470);
    assert!(domain.table("mag2").has_no_path());
    domain.lose = None;
    stream(&mut domain, "mag1", source, destination, 20);
    assert_eq!(
        domain.table("mag1").send,
        [((source, destination), mag2)].into()
    );
    assert_eq!(
        domain.table("mag2").receive,
        [((destination, source), mag1)].into()
    );
    for node in ["lma1", "lma2"] {
        assert_eq!(domain.states(node), ["active"], "{node}");
    }
}

#[test]
fn hl_6_far_end_that_stands_is_confirmed_by_two_messages_once_a_lifetime() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    for _ in 0..150 {
        domain.carry("mag1", source, destination, 1);
        domain.carry("mag2", destination, source, 1);
        domain.seconds(10);
    }
    let trace = domain.take_trace();
    let count = |kind: &str| trace.iter().filter(|line| line.contains(kind)).count();
    assert_eq!(
        count(" Trigger ("),
        count("Trigger Ack status 1"),
        "{trace:?}"
    );
    assert!((2..=5).contains(&count(" Trigger (")), "{trace:?}");
    assert_eq!(count(" Init"), 0, "{trace:?}");
    for node in ["lma1", "lma2"] {
        assert_eq!(
            domain.paths(node)[0].controller,
            Some(address("lma2")),
            "L-4"
        );
    }
}

#[test]
fn l_14_silent_peer_lma_does_not_end_a_path() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.lose = lose(u32::MAX, |sent| is_request(sent, RoKind::Trigger));
    for _ in 0..60 {
        domain.carry("mag1", source, destination, 1);
        domain.carry("mag2", destination, source, 1);
        domain.seconds(10);
    }
    assert_eq!(domain.table("mag1").send.len(), 1);
    assert_eq!(domain.table("mag2").send.len(), 1);
}

#[test]
fn l_14_one_lma_makes_the_path_again_where_one_mag_refreshes_alone() {
    let mut domain = domain();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma1", 1));
    domain.talk("lma1", host(&source), host(&destination));
    let (mag1, mag2) = (address("mag1"), address("mag2"));
    domain.lose = lose(u32::MAX, move |sent| {
        (sent.source, sent.destination) == (mag2, mag1)
    });
    stream(&mut domain, "mag1", source, destination, 470);
    assert!(domain.table("mag2").has_no_path());
    domain.lose = None;
    stream(&mut domain, "mag1", source, destination, 20);
    assert_eq!(
        domain.table("mag2").receive,
        [((destination, source), mag1)].into()
    );
}

/// Seeds 10011, 18175 of the simulator.
#[test]
fn hl_23_controller_whose_peer_forgot_the_pair_starts_anew() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.add("lma1", fresh_lma("lma1"));
    domain.detach_quietly("mag1", "mn1@lma1");
    assert_eq!(home(&domain.attach("mag3", "mn1@lma1", 1)), source);
    assert!(domain.paths("lma1").is_empty());
    for _ in 0..4 {
        domain.talk("lma2", host(&destination), host(&source));
        domain.seconds(2);
    }
    for node in ["lma1", "lma2"] {
        assert_eq!(domain.states(node), ["active"], "{node}");
        assert_eq!(domain.paths(node)[0].controller, Some(address("lma1")));
    }
    assert_eq!(
        domain.table("mag2").send,
        [((destination, source), address("mag3"))].into()
    );
    // Both MAGs' refreshes are granted.
    domain.take_trace();
    for _ in 0..30 {
        domain.carry("mag3", source, destination, 1);
        domain.carry("mag2", destination, source, 1);
        domain.seconds(10);
    }
    let trace = domain.take_trace();
    for mag in ["mag2", "mag3"] {
        let granted = format!("> {mag} Refresh Ack status 0");
        assert!(
            trace.iter().any(|line| line.ends_with(&granted)),
            "{mag}: {trace:?}"
        );
    }
    assert!(
        trace.iter().all(|line| !line.contains("status 131")),
        "{trace:?}"
    );
}

/// Seed 114 of the simulator.
#[test]
fn lma_that_lost_its_bindings_gives_every_mn_its_own_home_again() {
    let mut domain = domain();
    let one = domain.attach("mag1", "mn1@lma1", 1);
    let two = domain.attach("mag2", "mn2@lma1", 1);
    domain.add("lma1", fresh_lma("lma1"));
    assert_eq!(domain.attach("mag3", "mn2@lma1", 3).hnps, two.hnps);
    assert_eq!(domain.attach("mag4", "mn1@lma1", 3).hnps, one.hnps);
}

/// The LMAs of a pair decide about it in turn, by clocks that differ (HL-17: order only).
#[test]
fn hl_17_lma_that_comes_back_with_an_earlier_clock_decides_after_what_is_known() {
    // Registrations go by sequence number: clocks differ.
    let mut domain = domain_with(|mag| mag.timestamp_based_approach_in_use = false, |_| {});
    let (source, destination) = localized(&mut domain);
    // LMA2 controls and has told LMA1 so. It comes back without its state, an hour behind.
    domain
        .behind
        .insert(address("lma2"), Duration::from_secs(3_600));
    domain.add("lma2", fresh_lma("lma2"));
    domain.detach_quietly("mag2", "mn2@lma2");
    assert_eq!(home(&domain.attach("mag4", "mn2@lma2", 1)), destination);
    domain.take_trace();
    domain.talk("lma2", host(&destination), host(&source));
    let trace = domain.take_trace();
    assert!(
        trace.contains(&"lma1 > lma2 Trigger Ack status 135".to_owned()),
        "{trace:?}"
    );
    assert!(
        trace.contains(&"lma1 > lma2 Trigger Ack status 0".to_owned()),
        "{trace:?}"
    );
    for node in ["lma1", "lma2"] {
        assert_eq!(
            domain.paths(node)[0].controller,
            Some(address("lma1")),
            "{node}"
        );
    }
    assert_eq!(
        domain.table("mag1").send,
        [((source, destination), address("mag4"))].into()
    );
}

#[test]
fn hl_5_refresh_ack_grants_no_more_than_was_asked_for() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.lose = lose(u32::MAX, |sent| is_ack(sent, RoKind::Refresh));
    domain.carry("mag1", source, destination, 1);
    domain.seconds(242);
    let asked = domain
        .trace
        .iter()
        .rev()
        .find_map(|sent| match &sent.message {
            Message::RoRequest(request) if request.kind == RoKind::Refresh => Some(request.clone()),
            _ => None,
        });
    let asked = asked.expect("MAG1 refreshes");
    let for_ever = RoAck {
        kind: RoKind::Refresh,
        sequence: asked.sequence,
        unsolicited: false,
        status: 0,
        lifetime: u16::MAX,
        options: asked.options,
    };
    domain.inject("lma1", "mag1", Message::RoAck(for_ever));
    domain.seconds(400);
    assert!(
        domain.table("mag1").has_no_path(),
        "nobody used it any more"
    );
}
