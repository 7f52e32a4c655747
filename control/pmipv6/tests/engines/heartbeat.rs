//! RFC 5847: heartbeats, the Restart Counter, and what follows from them.

use std::time::Duration;

use pmipv6::io::Event;
use pmipv6::lma::LocalMobilityAnchor;
use pmipv6::mag::MobileAccessGateway;
use pmipv6::path::HeartbeatConfig;
use pmipv6::wire::message::{BindingError, Heartbeat};
use pmipv6::wire::{Message, options};

use crate::harness::*;

fn heartbeat(restart_counter: u32) -> HeartbeatConfig {
    HeartbeatConfig {
        restart_counter: Some(restart_counter),
        ..HeartbeatConfig::default()
    }
}

fn beating_domain() -> Domain {
    domain_with(
        |mag| mag.heartbeat = heartbeat(1),
        |lma| lma.heartbeat = heartbeat(1),
    )
}

fn beats(domain: &Domain) -> Vec<(u64, String, Heartbeat)> {
    let names = names();
    let beat = |sent: &Sent| match &sent.message {
        Message::Heartbeat(beat) => {
            let from = names[&sent.source].to_owned();
            Some((sent.at.as_secs(), from, beat.clone()))
        }
        _ => None,
    };
    domain.trace.iter().filter_map(beat).collect()
}

fn requests_of(domain: &Domain, node: &str) -> Vec<u64> {
    let own = |(_, from, beat): &&(u64, String, Heartbeat)| from == node && !beat.response;
    beats(domain)
        .iter()
        .filter(own)
        .map(|(at, ..)| *at)
        .collect()
}

fn restart_lma(domain: &mut Domain, counter: u32) {
    let mut config = lma_config("lma1");
    config.heartbeat = heartbeat(counter);
    config.heartbeat.announce_to = vec![address("mag1"), address("mag2")];
    domain.add("lma1", Box::new(LocalMobilityAnchor::new(config, 9)));
    domain.settle();
}

fn restart_mag(domain: &mut Domain, counter: u32, announce: bool) {
    let mut config = mag_config("mag1");
    config.heartbeat = heartbeat(counter);
    if announce {
        config.heartbeat.announce_to = vec![address("lma1")];
    }
    domain.add("mag1", Box::new(MobileAccessGateway::new(config, 8)));
    domain.settle();
}

#[test]
fn rfc5847_3_1_requests_go_out_only_while_a_binding_with_the_peer_exists() {
    let mut domain = beating_domain();
    domain.seconds(200);
    assert!(beats(&domain).is_empty());
    domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(130);
    for node in ["mag1", "lma1"] {
        let at = requests_of(&domain, node);
        assert_eq!(at.len(), 3, "{node}: {at:?}");
        assert!(
            at.windows(2)
                .all(|pair| (59..=61).contains(&(pair[1] - pair[0]))),
            "{at:?}"
        );
    }
    assert!(requests_of(&domain, "mag2").is_empty() && requests_of(&domain, "lma2").is_empty());
    domain.detach("mag1", "mn1@lma1");
    domain.seconds(70);
    domain.trace.clear();
    domain.seconds(600);
    assert!(beats(&domain).is_empty(), "{:?}", beats(&domain));
}

#[test]
fn rfc5847_3_1_every_request_is_answered_with_its_number_and_the_restart_counter() {
    let mut domain = beating_domain();
    let request = Heartbeat {
        unsolicited: false,
        response: false,
        sequence: 77,
        options: Vec::new(),
    };
    // No binding exists, and the nodes ask nobody.
    domain.inject("mag1", "lma1", Message::Heartbeat(request.clone()));
    domain.inject("lma1", "mag1", Message::Heartbeat(request));
    let answers: Vec<_> = beats(&domain)
        .into_iter()
        .filter(|(_, _, beat)| beat.response)
        .collect();
    assert_eq!(answers.len(), 2);
    for (_, _, beat) in &answers {
        assert_eq!((beat.sequence, beat.unsolicited), (77, false));
        assert_eq!(options::restart_counter(&beat.options), Some(1));
    }
    assert!(
        !beats(&domain)[0].2.options.iter().any(|_| true),
        "requests have no counter"
    );
}

#[test]
fn rfc5847_3_1_three_missing_responses_mean_that_the_peer_is_down() {
    let mut domain = beating_domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(2);
    domain.dead.insert(address("lma1"));
    domain.seconds(170);
    let down = |event: &&(_, Event)| matches!(&event.1, Event::PeerDown { reason, .. } if reason.contains("Heartbeat"));
    assert_eq!(domain.events.iter().filter(down).count(), 0);
    let state = |domain: &Domain| {
        let peers = domain.peers("mag1");
        let lma = peers
            .iter()
            .find(|peer| peer.address == address("lma1"))
            .unwrap();
        lma.heartbeats.clone().unwrap().state
    };
    assert_eq!(state(&domain), "missing");
    domain.seconds(70);
    assert_eq!(domain.events.iter().filter(down).count(), 1);
    assert_eq!(state(&domain), "silent");
    domain.dead.clear();
    domain.seconds(61);
    assert_eq!(state(&domain), "answered");
    assert!(
        domain
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::PeerUp { peer } if *peer == address("lma1")))
    );
}

#[test]
fn rfc5847_3_2_an_lma_that_lost_its_state_gets_every_mn_registered_again() {
    let mut domain = beating_domain();
    let one = domain.attach("mag1", "mn1@lma1", 1);
    let other = domain.attach("mag2", "mn3@lma1", 1);
    domain.talk("lma1", host(&home(&one)), host(&home(&other)));
    assert!(!domain.table("mag1").send.is_empty());
    domain.seconds(3);
    restart_lma(&mut domain, 2);
    domain.seconds(2);
    let bound = domain.table("lma1").bound;
    assert_eq!(bound[&home(&one)], Some(address("mag1")));
    assert_eq!(bound[&home(&other)], Some(address("mag2")));
    // Packets went on by the path while the LMA had no bindings; it refuses the refresh afterwards.
    assert!(!domain.table("mag1").send.is_empty() && !domain.table("mag2").send.is_empty());
    domain.carry("mag1", home(&one), home(&other), 1);
    domain.carry("mag2", home(&other), home(&one), 1);
    domain.seconds(300);
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
    let restarted = Event::PeerRestarted {
        peer: address("lma1"),
    };
    assert!(domain.events.contains(&(address("mag1"), restarted)));
}

#[test]
fn rfc5847_3_2_a_lost_announcement_is_made_good_by_the_next_response() {
    let mut domain = beating_domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(3);
    domain.lose = lose(
        10,
        |sent| matches!(&sent.message, Message::Heartbeat(beat) if beat.unsolicited),
    );
    restart_lma(&mut domain, 2);
    assert!(domain.bindings("lma1").is_empty());
    domain.seconds(62);
    assert_eq!(domain.bindings("lma1")[0].hnps, view.hnps);
}

#[test]
fn rfc5847_3_2_the_bindings_of_a_mag_that_lost_its_state_are_removed() {
    let mut domain = beating_domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag2", "mn3@lma1", 1);
    domain.seconds(3);
    restart_mag(&mut domain, 2, true);
    assert_eq!(domain.bindings("lma1").len(), 1);
    assert!(!domain.table("lma1").bound.contains_key(&home(&view)));
    let gone = |event: &(_, Event)| matches!(&event.1, Event::Detach { reason, .. } if reason == "mag-restarted");
    assert!(domain.events.iter().any(gone));
}

#[test]
fn rfc5847_3_2_what_a_mag_registered_after_its_restart_stays() {
    let mut domain = beating_domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(3);
    // Nobody is told of the restart; the LMA hears of it with its next request.
    restart_mag(&mut domain, 2, false);
    domain.seconds(1);
    domain.attach("mag1", "mn5@lma1", 1);
    domain.seconds(62);
    let left: Vec<_> = domain
        .bindings("lma1")
        .into_iter()
        .map(|view| view.mn_id)
        .collect();
    assert_eq!(left, ["mn5@lma1"]);
    assert_eq!(domain.bindings("mag1").len(), 1);
}

#[test]
fn rfc5847_3_4_binding_error_2_ends_heartbeats_with_that_peer_for_good() {
    let mut domain = beating_domain();
    domain.lose = lose(9, |sent| matches!(&sent.message, Message::Heartbeat(_)));
    domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(2);
    let error = BindingError {
        status: 2,
        home_address: std::net::Ipv6Addr::UNSPECIFIED,
        options: Vec::new(),
    };
    domain.inject("lma1", "mag1", Message::BindingError(error));
    domain.lose = None;
    domain.trace.clear();
    domain.seconds(400);
    assert!(requests_of(&domain, "mag1").is_empty());
    assert!(
        !requests_of(&domain, "lma1").is_empty(),
        "the other side goes on"
    );
    assert_eq!(domain.bindings("mag1").len(), 1);
}

#[test]
fn l_74_a_stranger_gets_no_heartbeat_and_starts_nothing() {
    let mut domain = beating_domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(3);
    domain.trace.clear();
    let announcement = Heartbeat {
        unsolicited: true,
        response: true,
        sequence: 0,
        options: vec![pmipv6::wire::MobilityOption::RestartCounter(99)],
    };
    domain.inject("stranger", "lma1", Message::Heartbeat(announcement.clone()));
    domain.inject("stranger", "mag1", Message::Heartbeat(announcement));
    assert_eq!(domain.trace.len(), 2);
    assert_eq!(domain.bindings("lma1")[0].hnps, view.hnps);
    domain.pass(Duration::from_millis(1));
}
