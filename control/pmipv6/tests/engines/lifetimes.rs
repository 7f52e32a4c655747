//! draft-loureiro section 4.5: lifetimes, refresh and expiry.

use std::time::Duration;

use pmipv6::io::{Entry, Event};
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;

use crate::harness::*;
use crate::single_lma::{attached, localized};

#[test]
fn l_9_l_45_idle_path_expires_everywhere_without_refresh() {
    let mut domain = domain();
    localized(&mut domain);
    domain.take_trace();
    domain.entries.clear();
    domain.seconds(301);
    assert!(domain.take_trace().is_empty());
    let removed = |name: &str| {
        domain.entries.iter().any(|(at, entry)| {
            *at == address(name) && matches!(entry, Entry::PathSendRemove { .. })
        })
    };
    assert!(removed("mag1") && removed("mag2"));
    assert!(domain.paths("lma1").is_empty());
    assert_eq!(domain.states("mag1"), ["receiving-only"]);
    domain.seconds(100);
    assert!(domain.paths("mag1").is_empty() && domain.paths("mag2").is_empty());
}

#[test]
fn l_42_l_43_l_46_busy_path_is_refreshed_by_each_mag() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.take_trace();
    domain.carry("mag1", source, destination, 5);
    domain.carry("mag2", destination, source, 5);
    domain.seconds(241);
    let mut trace = domain.take_trace();
    trace.sort();
    assert_eq!(
        trace,
        [
            "lma1 > mag1 Refresh Ack status 0",
            "lma1 > mag2 Refresh Ack status 0",
            "mag1 > lma1 Refresh",
            "mag2 > lma1 Refresh",
        ]
    );
    domain.seconds(120);
    for node in ["lma1", "mag1", "mag2"] {
        assert_eq!(
            domain.states(node),
            ["active"],
            "{node} outlives the first lifetime"
        );
    }
    domain.seconds(400);
    assert!(
        domain.paths("lma1").is_empty(),
        "and ends when nothing more was sent"
    );
}

#[test]
fn ls_7_busy_for_an_hour() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    for _ in 0..360 {
        domain.carry("mag1", source, destination, 1);
        domain.carry("mag2", destination, source, 1);
        domain.seconds(10);
        assert_eq!(domain.states("mag1"), ["active"]);
        assert_eq!(domain.states("mag2"), ["active"]);
    }
    assert!(
        !domain
            .entries
            .iter()
            .any(|(_, entry)| matches!(entry, Entry::PathSendRemove { .. }))
    );
}

#[test]
fn l_45_lma_dead_direct_path_goes_on_until_its_lifetime_ends() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.dead.insert(address("lma1"));
    for _ in 0..29 {
        domain.carry("mag1", source, destination, 1);
        domain.carry("mag2", destination, source, 1);
        domain.seconds(10);
    }
    assert_eq!(domain.table("mag1").send.len(), 1);
    for _ in 0..2 {
        domain.carry("mag1", source, destination, 1);
        domain.seconds(10);
    }
    assert!(domain.table("mag1").send.is_empty() && domain.table("mag2").send.is_empty());
    let expired = |event: &(_, Event)| matches!(&event.1, Event::PathDown { reason, .. } if reason == "expired");
    assert_eq!(
        domain.events.iter().filter(|event| expired(event)).count(),
        2
    );
    domain.seconds(100);
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
}

#[test]
fn l_43_refresh_of_an_unknown_pair_is_131_and_ends_the_path_at_both_mags() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    let config = lma_config("lma1");
    domain.add(
        "lma1",
        Box::new(pmipv6::lma::LocalMobilityAnchor::new(config, 9)),
    );
    domain.carry("mag1", source, destination, 1);
    domain.take_trace();
    domain.seconds(241);
    assert_eq!(
        domain.take_trace()[..2],
        ["mag1 > lma1 Refresh", "lma1 > mag1 Refresh Ack status 131"]
    );
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
}

#[test]
fn hl_5_lifetime_is_capped_by_the_lesser_binding() {
    let mut domain = domain_with(
        |mag| {
            if mag.address == address("mag1") {
                mag.binding_lifetime_s = 100;
            }
        },
        |_| {},
    );
    let (source, destination) = attached(&mut domain);
    domain.seconds(60);
    domain.trace.clear();
    domain.talk("lma1", host(&source), host(&destination));
    let lifetimes: Vec<u16> = domain
        .trace
        .iter()
        .map(|sent| match &sent.message {
            Message::RoRequest(request) => request.lifetime,
            Message::RoAck(ack) => ack.lifetime,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(
        lifetimes.len() == 4
            && lifetimes
                .iter()
                .all(|lifetime| (38..=40).contains(lifetime)),
        "RO Init, RO Setup and their acknowledgements: {lifetimes:?}"
    );
}

#[test]
fn hl_5_infinite_lifetime_never_ends() {
    let mut domain = domain_with(
        |mag| mag.binding_lifetime_s = 262_140,
        |lma| {
            lma.localized_routing.lifetime_s = 0xffff;
            lma.max_binding_lifetime_s = 262_140;
        },
    );
    localized(&mut domain);
    domain.take_trace();
    domain.seconds(70_000);
    assert_eq!(domain.states("mag1"), ["active"]);
    assert_eq!(domain.states("lma1"), ["active"]);
}

#[test]
fn hl_33_one_way_stream_is_refreshed_by_both() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    // Both MAGs count the same packets, one as sent, one as received.
    domain.carry("mag1", source, destination, 1);
    domain.carry("mag2", destination, source, 1);
    domain.take_trace();
    domain.seconds(250);
    let refreshes = domain
        .take_trace()
        .iter()
        .filter(|line| line.ends_with("lma1 Refresh"))
        .count();
    assert_eq!(refreshes, 2);
}

#[test]
fn hl_33_receiving_half_outlives_the_sending_half() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.seconds(241);
    // Only MAG1 saw packets: MAG2 does not refresh.
    domain.carry("mag1", source, destination, 1);
    domain.seconds(70);
    assert_eq!(domain.states("mag1"), ["active"]);
    assert_eq!(domain.states("mag2"), ["receiving-only"]);
    assert_eq!(
        domain.table("mag2").receive.len(),
        1,
        "what MAG1 sends is still taken"
    );
    assert!(domain.table("mag2").send.is_empty());
    // The packets arrive after all: MAG2 refreshes and sends directly again.
    domain.carry("mag2", destination, source, 1);
    domain.seconds(20);
    assert_eq!(domain.states("mag2"), ["active"]);
    assert_eq!(domain.table("mag2").send.len(), 1);
}

#[test]
fn hl_33_mag_that_stops_receiving_tells_its_peer_first() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.seconds(241);
    domain.carry("mag1", source, destination, 1);
    domain.seconds(130);
    // Nothing arrived at MAG2 for so long that it ends; MAG1 must not go on sending.
    assert!(domain.table("mag2").has_no_path());
    assert!(domain.table("mag1").has_no_path());
    assert!(
        domain
            .take_trace()
            .contains(&"mag2 > mag1 Setup 0 (mag2)".to_owned())
    );
}

#[test]
fn hl_13_refresh_is_tried_again_and_failure_does_not_end_the_path_early() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.lose = lose(2, |sent| is_request(sent, RoKind::Refresh));
    domain.carry("mag1", source, destination, 1);
    domain.take_trace();
    domain.pass(Duration::from_secs(245));
    let trace = domain.take_trace();
    assert_eq!(
        trace
            .iter()
            .filter(|line| *line == "mag1 > lma1 Refresh")
            .count(),
        3
    );
    assert_eq!(
        trace.last().map(String::as_str),
        Some("lma1 > mag1 Refresh Ack status 0")
    );
}

#[test]
fn hl_33_peer_out_of_reach_is_told_when_it_is_back() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    let (mag1, mag2) = (address("mag1"), address("mag2"));
    domain.lose = lose(u32::MAX, move |sent| {
        [(mag1, mag2), (mag2, mag1)].contains(&(sent.source, sent.destination))
    });
    // MAG1 sends and refreshes; nothing reaches MAG2, which ends the path and can tell nobody.
    for _ in 0..45 {
        domain.carry("mag1", source, destination, 1);
        domain.seconds(10);
    }
    assert_eq!(domain.table("mag1").send.len(), 1);
    assert!(domain.table("mag2").has_no_path());
    domain.lose = None;
    domain.seconds(75);
    assert_eq!(
        domain.table("mag1").send.len(),
        domain.table("mag2").receive.len(),
        "it does not send into the void for ever"
    );
    assert_eq!(domain.paths("mag1").len(), domain.paths("mag2").len());
}
