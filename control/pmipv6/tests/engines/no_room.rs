//! L-35: a path that the workers' tables have no room for is refused with status 130.

use ipnet::IpNet;
use pmipv6::io::{Command, Entry, Event};

use crate::harness::{Domain, address, attach_request, domain};
use crate::single_lma::localized;

/// From now on these updates of a MAG find no room.
fn full(domain: &mut Domain, mag: &'static str, which: fn(&Entry) -> bool) {
    domain.no_room = Some(Box::new(move |at, entry| {
        at == address(mag) && which(entry)
    }));
}

fn is_receive(entry: &Entry) -> bool {
    matches!(entry, Entry::PathReceive { .. })
}

fn is_bind(entry: &Entry) -> bool {
    matches!(entry, Entry::Bind { .. })
}

fn is_send(entry: &Entry) -> bool {
    matches!(entry, Entry::PathSend { .. })
}

/// Nobody sends, nobody believes in a path, and everybody who is asked says why.
#[track_caller]
fn nothing_is_left(domain: &mut Domain, mag: &str) {
    for name in ["mag1", "mag2"] {
        assert!(domain.table(name).send.is_empty(), "{name} sends");
        assert!(
            !domain.states(name).contains(&"active".to_owned()),
            "{name}"
        );
    }
    domain.seconds(600);
    for name in ["mag1", "mag2"] {
        assert!(domain.table(name).has_no_path(), "{name} has entries");
    }
    assert!(domain.counter(mag, "pmipv6.update.no-room") > 0);
    let told = |(at, event): &(std::net::IpAddr, Event)| {
        *at == address(mag)
            && matches!(event, Event::PathRefused { status: Some(130), reason, .. } if reason == "table full")
    };
    assert!(domain.events.iter().any(told), "{:?}", domain.events);
    let at_lma = |(at, event): &(std::net::IpAddr, Event)| {
        *at == address("lma1") && matches!(event, Event::PathUp { .. })
    };
    assert!(
        !domain.events.iter().any(at_lma),
        "the LMA believes in a path"
    );
}

#[track_caller]
fn why(domain: &Domain, name: &str) -> String {
    let paths = domain.paths(name);
    let why = paths.iter().find_map(|path| path.why.clone());
    why.unwrap_or_else(|| panic!("{name} says nothing of {paths:?}"))
}

#[test]
fn l_35_no_room_for_the_receiving_half_is_status_130() {
    let mut domain = domain();
    full(&mut domain, "mag2", is_receive);
    localized(&mut domain);
    let trace = domain.take_trace();
    assert!(
        trace.contains(&"mag2 > lma1 Init Ack status 130".to_owned()),
        "{trace:?}"
    );
    assert!(
        !trace.contains(&"mag2 > mag1 Setup (mag2)".to_owned()),
        "{trace:?}"
    );
    assert!(why(&domain, "mag2").contains("table full"));
    assert!(why(&domain, "lma1").contains("Insufficient resources"));
    nothing_is_left(&mut domain, "mag2");
}

#[test]
fn l_35_no_room_at_the_sources_mag_is_status_130_and_the_other_one_rolls_back() {
    for which in [is_receive as fn(&Entry) -> bool, is_send] {
        let mut domain = domain();
        full(&mut domain, "mag1", which);
        localized(&mut domain);
        assert_eq!(
            domain.take_trace(),
            [
                "lma1 > mag2 Init (mag1)",
                "mag2 > mag1 Setup (mag2)",
                "mag1 > mag2 Setup Ack status 130",
                "mag2 > lma1 Init Ack status 132",
            ]
        );
        assert!(why(&domain, "mag1").contains("table full"));
        nothing_is_left(&mut domain, "mag1");
    }
}

#[test]
fn l_35_no_room_for_the_sending_half_takes_the_peers_halves_back_too() {
    let mut domain = domain();
    full(&mut domain, "mag2", is_send);
    localized(&mut domain);
    let trace = domain.take_trace();
    assert!(
        trace.contains(&"mag1 > mag2 Setup Ack status 0".to_owned()),
        "{trace:?}"
    );
    assert!(
        trace.contains(&"mag2 > lma1 Init Ack status 130".to_owned()),
        "{trace:?}"
    );
    assert!(
        !trace.contains(&"mag2 > lma1 Init Ack status 0".to_owned()),
        "{trace:?}"
    );
    nothing_is_left(&mut domain, "mag2");
}

#[test]
fn l_35_a_path_that_loses_its_room_ends_on_both_sides() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    assert_eq!(domain.states("mag2"), ["active"]);
    let at = |mag: &str, local: IpNet, remote: IpNet| Entry::PathSend {
        local,
        remote,
        peer: address(mag),
    };
    // A worker that says so late: everything was promised already.
    let entry = at("mag1", destination, source);
    domain.input("mag2", pmipv6::io::Input::NoRoom { entry });
    domain.settle();
    for mag in ["mag1", "mag2"] {
        assert!(domain.table(mag).send.is_empty(), "{mag} sends");
    }
    let down = |(_, event): &(std::net::IpAddr, Event)| matches!(event, Event::PathDown { reason, .. } if reason == "table full");
    assert!(domain.events.iter().any(down));
    domain.take_trace();
    // Another pair's entry that is unknown here is nobody's end.
    let entry = at("mag1", source, source);
    domain.input("mag2", pmipv6::io::Input::NoRoom { entry });
    domain.settle();
    assert!(domain.take_trace().is_empty());
}

/// At MAG2. RFC 6275 section 6.1.8: status 130, insufficient resources.
#[track_caller]
fn attach_is_refused(domain: &mut Domain, mn_id: &str, hi: u8) {
    let token = domain.command("mag2", Command::Attach(attach_request(mn_id, hi)));
    domain.settle();
    let answer = domain.reply(token).expect("an answer");
    let refused = answer.as_ref().unwrap_err();
    assert_eq!(refused.status, Some(130), "{refused:?}");
}

#[test]
fn rfc5213_5_3_no_room_for_a_home_is_a_refused_registration() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    let before = domain.table("lma1").bound;
    full(&mut domain, "lma1", is_bind);
    attach_is_refused(&mut domain, "mn3@lma1", 1);
    assert!(domain.bindings("mag2").is_empty());
    assert_eq!(domain.bindings("lma1").len(), 1, "the other MN's");
    assert_eq!(domain.table("lma1").bound, before);
    let of_mn3 = |(at, event): &(std::net::IpAddr, Event)| {
        *at == address("lma1")
            && matches!(event, Event::Attach { mn_id, .. } | Event::Detach { mn_id, .. } if mn_id == "mn3@lma1")
    };
    assert!(!domain.events.iter().any(of_mn3), "{:?}", domain.events);
    domain.no_room = None;
    domain.attach("mag2", "mn3@lma1", 1);
    assert_eq!(domain.bindings("lma1").len(), 2);
}

#[test]
fn rfc5213_5_3_no_room_at_the_new_mag_ends_the_binding() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    full(&mut domain, "lma1", is_bind);
    attach_is_refused(&mut domain, "mn1@lma1", 3);
    assert!(domain.bindings("lma1").is_empty() && domain.table("lma1").bound.is_empty());
    let ended = |(at, event): &(std::net::IpAddr, Event)| {
        *at == address("lma1")
            && matches!(event, Event::Detach { reason, .. } if reason == "table full")
    };
    assert!(domain.events.iter().any(ended), "{:?}", domain.events);
    let moved = |(_, event): &(_, Event)| matches!(event, Event::Handover { .. });
    assert!(!domain.events.iter().any(moved), "{:?}", domain.events);
}
