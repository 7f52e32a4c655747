//! draft-loureiro sections 4.2, 4.4, 6.1 and 7: two LMAs, IPv4 home addresses, MAG-requested paths.

use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{Answer, Command, Event};
use pmipv6::wire::message::{BindingError, RoKind};
use pmipv6::wire::{Message, options};

use crate::harness::*;

/// MN1 of LMA1 at MAG1, MN2 of LMA2 at MAG2.
fn attached(domain: &mut Domain) -> (IpNet, IpNet) {
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    domain.take_trace();
    (source, destination)
}

/// A pair of two LMAs, both at MAG1.
fn at_one_mag(domain: &mut Domain) -> (IpNet, IpNet) {
    let one = home(&domain.attach("mag1", "mn1@lma1", 1));
    let mut request = attach_request("mn2@lma2", 1);
    request.link = link(1, 9);
    domain.command("mag1", Command::Attach(request));
    domain.settle();
    let other = home(&domain.bindings("mag1")[1]);
    (one, other)
}

pub(crate) fn localized(domain: &mut Domain) -> (IpNet, IpNet) {
    let (source, destination) = attached(domain);
    domain.talk("lma1", host(&source), host(&destination));
    (source, destination)
}

#[test]
fn l_38_l_39_l_40_ls_2_set_up_takes_six_messages() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    assert_eq!(
        domain.take_trace(),
        [
            "lma1 > lma2 Trigger (mag1)",
            "lma2 > mag2 Init (mag1)",
            "mag2 > mag1 Setup (mag2)",
            "mag1 > mag2 Setup Ack status 0",
            "mag2 > lma2 Init Ack status 0",
            "lma2 > lma1 Trigger Ack status 0",
        ]
    );
    for node in ["lma1", "lma2"] {
        let path = &domain.paths(node)[0];
        assert_eq!(path.controller, Some(address("lma2")), "L-4");
        assert_eq!(
            (path.source, path.destination, path.state.as_str()),
            (source, destination, "active")
        );
    }
    assert_eq!(
        domain.table("mag1").send,
        [((source, destination), address("mag2"))].into()
    );
    assert_eq!(
        domain.table("mag2").send,
        [((destination, source), address("mag1"))].into()
    );
}

#[test]
fn l_38_second_packet_while_pending_sends_no_second_trigger() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.dead.insert(address("lma2"));
    domain.talk("lma1", host(&source), host(&destination));
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.take_trace(), ["lma1 > lma2 Trigger (mag1)"]);
}

#[test]
fn l_41_destination_unknown_at_the_peer_is_129_in_trigger_ack() {
    let mut domain = domain();
    let (source, _) = attached(&mut domain);
    domain.talk("lma1", host(&source), ip("2001:db8:2:99::1"));
    assert_eq!(
        domain.take_trace(),
        [
            "lma1 > lma2 Trigger (mag1)",
            "lma2 > lma1 Trigger Ack status 129"
        ]
    );
    assert!(
        domain.paths("lma1")[0]
            .why
            .as_ref()
            .unwrap()
            .contains("MN not attached")
    );
}

#[test]
fn l_40_failure_at_the_mags_reaches_the_triggering_lma() {
    let mut domain = domain_with(
        |mag| mag.localized_routing.enabled = mag.address != address("mag1"),
        |_| {},
    );
    localized(&mut domain);
    assert_eq!(
        domain.take_trace().last().unwrap(),
        "lma2 > lma1 Trigger Ack status 132"
    );
    assert_eq!(domain.states("lma1"), ["none"]);
    assert_eq!(domain.states("lma2"), ["none"]);
}

#[test]
fn l_6_peer_lma_unknown_is_counted_and_no_message_sent() {
    let mut domain = domain_with(|_| {}, |lma| lma.peer_lmas.clear());
    localized(&mut domain);
    assert!(domain.take_trace().is_empty());
    assert_eq!(domain.counter("lma1", "pmipv6.lr.peer-lma-unknown"), 1);
    assert!(
        domain.paths("lma1")[0]
            .why
            .as_ref()
            .unwrap()
            .contains("peer LMA unknown")
    );
}

#[test]
fn l_52_l_53_ls_4_handover_of_the_source() {
    let mut domain = domain();
    localized(&mut domain);
    domain.take_trace();
    domain.attach("mag3", "mn1@lma1", 3);
    assert_eq!(
        without(&domain.take_trace(), "mag1"),
        [
            "mag3 > lma1 PBU",
            "lma1 > mag3 PBA status 0",
            "lma1 > lma2 Trigger (mag3)",
            "lma2 > mag2 Init (mag3)",
            "mag2 > mag3 Setup (mag2)",
            "mag3 > mag2 Setup Ack status 0",
            "mag2 > lma2 Init Ack status 0",
            "lma2 > lma1 Trigger Ack status 0",
        ]
    );
    let sends: Vec<_> = domain.table("mag2").send.into_values().collect();
    assert_eq!(sends, [address("mag3")]);
}

#[test]
fn l_55_ls_5_handover_of_the_destination_needs_no_trigger() {
    let mut domain = domain();
    localized(&mut domain);
    domain.take_trace();
    domain.attach("mag4", "mn2@lma2", 3);
    assert_eq!(
        without(&domain.take_trace(), "mag2"),
        [
            "mag4 > lma2 PBU",
            "lma2 > mag4 PBA status 0",
            "lma2 > mag4 Init (mag1)",
            "mag4 > mag1 Setup (mag4)",
            "mag1 > mag4 Setup Ack status 0",
            "mag4 > lma2 Init Ack status 0",
        ]
    );
}

#[test]
fn l_5_the_controller_stays_the_same_over_handovers_of_both() {
    let mut domain = domain();
    localized(&mut domain);
    for (mag, mn_id) in [
        ("mag3", "mn1@lma1"),
        ("mag4", "mn2@lma2"),
        ("mag4", "mn1@lma1"),
    ] {
        domain.seconds(1);
        domain.attach(mag, mn_id, 3);
    }
    for node in ["lma1", "lma2"] {
        assert_eq!(domain.paths(node)[0].controller, Some(address("lma2")));
    }
    assert_eq!(
        domain.table("mag4").local.len(),
        2,
        "A12: both at one MAG under two LMAs"
    );
}

#[test]
fn l_57_ls_12_both_move_at_once() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    let one = domain.command("mag3", Command::Attach(attach_request("mn1@lma1", 3)));
    let other = domain.command("mag4", Command::Attach(attach_request("mn2@lma2", 3)));
    domain.settle();
    assert!(domain.reply(one).unwrap().is_ok() && domain.reply(other).unwrap().is_ok());
    domain.seconds(20);
    assert_eq!(
        domain.table("mag3").send,
        [((source, destination), address("mag4"))].into()
    );
    assert_eq!(
        domain.table("mag4").send,
        [((destination, source), address("mag3"))].into()
    );
}

#[test]
fn ls_13_a12_same_mag_two_lmas() {
    let mut domain = domain();
    let (one, other) = at_one_mag(&mut domain);
    domain.take_trace();
    domain.talk("lma1", host(&one), host(&other));
    assert_eq!(
        domain.take_trace(),
        [
            "lma1 > lma2 Trigger (mag1)",
            "lma2 > mag1 Init (mag1)",
            "mag1 > lma2 Init Ack status 0",
            "lma2 > lma1 Trigger Ack status 0",
        ]
    );
    assert_eq!(domain.table("mag1").local.len(), 2);
    domain.carry("mag1", other, one, 1);
    domain.take_trace();
    domain.seconds(242);
    let refreshed: Vec<String> = domain
        .take_trace()
        .into_iter()
        .filter(|line| line.ends_with("Refresh"))
        .collect();
    assert_eq!(
        refreshed.len(),
        2,
        "L-8: at the LMA of each MN, {refreshed:?}"
    );
}

#[test]
fn l_8_same_mag_a_refresh_that_one_lma_does_not_answer_ends_with_the_path() {
    let mut domain = domain();
    let (one, other) = at_one_mag(&mut domain);
    domain.talk("lma1", host(&one), host(&other));
    domain.carry("mag1", other, one, 1);
    domain.lose = Some(Box::new(|sent| {
        sent.destination == address("lma2") && is_request(sent, RoKind::Refresh)
    }));
    domain.seconds(241);
    let asked = domain.take_trace();
    assert!(
        asked.contains(&"lma1 > mag1 Refresh Ack status 0".to_owned()),
        "{asked:?}"
    );
    let token = domain.command(
        "mag1",
        Command::Detach {
            mn_id: "mn1@lma1".to_owned(),
        },
    );
    domain.settle();
    assert!(matches!(domain.reply(token), Some(Ok(_))));
    assert!(domain.paths("mag1").is_empty());
    domain.take_trace();
    domain.seconds(60);
    let late: Vec<String> = domain.take_trace();
    assert!(
        !late.iter().any(|line| line.ends_with("lma2 Refresh")),
        "{late:?}"
    );
}

#[test]
fn hl_16_ls_14_crossed_triggers_end_with_one_controller() {
    let mut domain = domain();
    let (one, other) = attached(&mut domain);
    // Both LMAs detect before either hears of the other.
    domain.input(
        "lma1",
        pmipv6::io::Input::PairTalks {
            realm: None,
            source: host(&one),
            destination: host(&other),
            packets: 1,
        },
    );
    domain.input(
        "lma2",
        pmipv6::io::Input::PairTalks {
            realm: None,
            source: host(&other),
            destination: host(&one),
            packets: 1,
        },
    );
    domain.settle();
    domain.seconds(20);
    let trace = domain.take_trace();
    assert!(
        trace.contains(&"lma1 > lma2 Trigger Ack status 134".to_owned()),
        "{trace:?}"
    );
    assert_eq!(
        trace.iter().filter(|line| line.contains(" Init (")).count(),
        1,
        "{trace:?}"
    );
    // The numerically lower address keeps its trigger; the higher one controls.
    for node in ["lma1", "lma2"] {
        assert_eq!(domain.paths(node).len(), 1);
        assert_eq!(
            domain.paths(node)[0].controller,
            Some(address("lma2")),
            "{node}"
        );
        assert_eq!(domain.states(node), ["active"]);
    }
}

#[test]
fn hl_16_hl_17_crossed_trigger_that_comes_too_late_makes_no_second_controller() {
    let mut domain = domain();
    let (one, other) = attached(&mut domain);
    domain.lose = lose(1, |sent| is_request(sent, RoKind::Trigger));
    domain.talk("lma2", host(&other), host(&one));
    let late = domain.trace[0].message.clone();
    domain.talk("lma1", host(&one), host(&other));
    assert_eq!(domain.states("lma1"), ["active"]);
    domain.take_trace();
    domain.inject("lma2", "lma1", late);
    assert_eq!(domain.take_trace()[1], "lma1 > lma2 Trigger Ack status 135");
    for node in ["lma1", "lma2"] {
        assert_eq!(domain.paths(node)[0].controller, Some(address("lma2")));
    }
}

#[test]
fn l_8_l_44_each_mag_refreshes_at_its_own_lma() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.carry("mag1", source, destination, 1);
    domain.carry("mag2", destination, source, 1);
    domain.take_trace();
    domain.seconds(242);
    let mut trace = domain.take_trace();
    trace.sort();
    assert_eq!(
        trace,
        [
            "lma1 > mag1 Refresh Ack status 0",
            "lma2 > mag2 Refresh Ack status 0",
            "mag1 > lma1 Refresh",
            "mag2 > lma2 Refresh",
        ]
    );
}

#[test]
fn l_7_without_refresh_all_four_forget() {
    let mut domain = domain();
    localized(&mut domain);
    domain.seconds(400);
    for node in ["lma1", "lma2", "mag1", "mag2"] {
        assert!(domain.paths(node).is_empty(), "{node}");
    }
}

#[test]
fn hl_21_an_mn_that_leaves_takes_the_path_down_at_both_lmas() {
    for (mag, mn_id) in [("mag1", "mn1@lma1"), ("mag2", "mn2@lma2")] {
        let mut domain = domain();
        localized(&mut domain);
        domain.detach(mag, mn_id);
        assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
        domain.seconds(12);
        for node in ["lma1", "lma2"] {
            assert!(
                domain.paths(node).is_empty(),
                "{node} {:?}",
                domain.paths(node)
            );
        }
    }
}

#[test]
fn hl_21_removal_by_hand_at_either_lma() {
    for lma in ["lma1", "lma2"] {
        let mut domain = domain();
        let (source, destination) = localized(&mut domain);
        let token = domain.command(
            lma,
            Command::PathRemove {
                source,
                destination,
            },
        );
        domain.settle();
        assert_eq!(domain.reply(token), Some(&Ok(Answer::PathRemoved)));
        for mag in ["mag1", "mag2"] {
            assert!(
                domain.table(mag).has_no_path(),
                "{mag} after removal at {lma}"
            );
        }
        for node in ["lma1", "lma2"] {
            assert!(
                domain.paths(node).iter().all(|path| path.state == "none"),
                "{node}"
            );
        }
    }
}

#[test]
fn hl_15_peer_that_answers_binding_error_is_left_alone_for_an_hour() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.dead.insert(address("lma2"));
    domain.talk("lma1", host(&source), host(&destination));
    let error = BindingError {
        status: 2,
        home_address: "::".parse().unwrap(),
        options: Vec::new(),
    };
    domain.inject("lma2", "lma1", Message::BindingError(error));
    domain.take_trace();
    let peer = domain.engine("lma1").peers(pmipv6::io::Now {
        mono: domain.now,
        wall: domain.now,
    });
    assert!(
        peer.iter()
            .any(|peer| peer.address == address("lma2") && !peer.localized_routing)
    );
    for _ in 0..3 {
        domain.seconds(1_000);
        domain.talk("lma1", host(&source), host(&destination));
    }
    assert!(
        domain
            .take_trace()
            .iter()
            .all(|line| !line.contains("Trigger"))
    );
    let why = domain.paths("lma1")[0].why.clone().unwrap();
    assert!(why.contains("does not know localized routing"), "{why}");
    domain.seconds(700);
    domain.talk("lma1", host(&source), host(&destination));
    assert!(
        domain
            .take_trace()
            .iter()
            .any(|line| line.contains("Trigger"))
    );
}

#[test]
fn hl_13_lost_trigger_ack_is_answered_again() {
    let mut domain = domain();
    domain.lose = lose(1, |sent| is_ack(sent, RoKind::Trigger));
    localized(&mut domain);
    domain.pass(Duration::from_secs(3));
    let trace = domain.take_trace();
    assert_eq!(
        trace
            .iter()
            .filter(|line| line.contains("Trigger Ack status 0"))
            .count(),
        2
    );
    assert_eq!(
        trace.iter().filter(|line| line.contains(" Init (")).count(),
        1
    );
    assert_eq!(domain.states("lma1"), ["active"]);
}

#[test]
fn l_71_l_72_l_73_ls_8_mag_asks_and_the_lma_proceeds() {
    let mut domain = domain_with(
        |mag| mag.localized_routing.mag_requested = true,
        |lma| lma.localized_routing.mag_requested = true,
    );
    let (source, destination) = attached(&mut domain);
    domain.talk("mag1", host(&source), host(&destination));
    let trace = domain.take_trace();
    assert_eq!(
        trace[..4],
        [
            "mag1 > lma1 Request",
            "lma1 > mag1 Request Ack status 0",
            "lma1 > lma2 Trigger (mag1)",
            "lma2 > mag2 Init (mag1)",
        ]
    );
    assert_eq!(
        domain.states("mag1"),
        ["active"],
        "and no line about having asked"
    );
    domain.talk("mag1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty());
}

#[test]
fn l_72_ls_8_the_lma_denies() {
    let mut domain = domain_with(|mag| mag.localized_routing.mag_requested = true, |_| {});
    let (source, destination) = attached(&mut domain);
    domain.talk("mag1", host(&source), host(&destination));
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 Request", "lma1 > mag1 Request Ack status 128"]
    );
    domain.talk("mag1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty(), "held off");
    assert!(
        domain.paths("mag1")[0]
            .why
            .as_ref()
            .unwrap()
            .contains("not allowed")
    );
}

#[test]
fn l_6_l_72_the_lma_says_why_it_cannot_do_what_a_mag_asks() {
    let mut domain = domain_with(
        |mag| mag.localized_routing.mag_requested = true,
        |lma| {
            lma.localized_routing.mag_requested = true;
            lma.peer_lmas.clear();
        },
    );
    let (source, destination) = attached(&mut domain);
    domain.talk("mag1", host(&source), host(&destination));
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 Request", "lma1 > mag1 Request Ack status 133"]
    );
    assert_eq!(domain.counter("lma1", "pmipv6.lr.peer-lma-unknown"), 1);
    let shown = domain.paths("lma1");
    assert_eq!(shown.len(), 1);
    assert!(shown[0].why.as_ref().unwrap().contains("peer LMA"));
}

pub(crate) fn attach_dual(domain: &mut Domain, mag: &str, mn_id: &str) -> (IpNet, IpNet) {
    let mut request = attach_request(mn_id, 1);
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    let token = domain.command(mag, Command::Attach(request));
    domain.settle();
    let Some(Ok(Answer::Attached(view))) = domain.reply(token) else {
        panic!()
    };
    (view.hnps[0], view.ipv4_hoa.unwrap())
}

#[test]
fn l_58_l_59_l_61_ls_9_ipv4_homes_are_in_every_message_and_in_both_tables() {
    let mut domain = domain();
    let (hnp1, hoa1) = attach_dual(&mut domain, "mag1", "mn1@lma1");
    let (hnp2, hoa2) = attach_dual(&mut domain, "mag2", "mn2@lma2");
    domain.trace.clear();
    domain.talk("lma1", host(&hoa1), host(&hoa2));
    domain.carry("mag1", hoa1, hoa2, 1);
    domain.seconds(242);
    for sent in &domain.trace {
        let options = match &sent.message {
            Message::RoRequest(request) => &request.options,
            Message::RoAck(ack) => &ack.options,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            options::ipv4_home_addresses(options).count(),
            2,
            "{}",
            line(sent)
        );
    }
    assert_eq!(
        domain.table("mag1").send.get(&(hoa1, hoa2)),
        Some(&address("mag2"))
    );
    assert_eq!(
        domain.table("mag2").send.get(&(hoa2, hoa1)),
        Some(&address("mag1"))
    );
    let _ = (hnp1, hnp2);
}

#[test]
fn l_58_dual_stack_pair_of_one_lma_gets_both_families() {
    let mut domain = domain();
    let (hnp1, hoa1) = attach_dual(&mut domain, "mag1", "mn1@lma1");
    let (hnp3, hoa3) = attach_dual(&mut domain, "mag2", "mn3@lma1");
    domain.talk("lma1", host(&hnp1), host(&hnp3));
    let expected = [
        ((hnp1, hnp3), address("mag2")),
        ((hoa1, hoa3), address("mag2")),
    ];
    assert_eq!(domain.table("mag1").send, expected.into());
    assert_eq!(domain.paths("mag1").len(), 2);
    domain.talk("lma1", host(&hoa3), host(&hoa1));
    assert_eq!(
        domain.paths("lma1").len(),
        2,
        "one path, found by either family"
    );
}

#[test]
fn hl_10_several_prefixes_are_a_cross_product() {
    let mut domain = domain_with(
        |_| {},
        |lma| {
            if lma.address == address("lma1") {
                let hnps = vec![
                    "2001:db8:1:a::/64".parse().unwrap(),
                    "2001:db8:1:b::/64".parse().unwrap(),
                ];
                let profile = pmipv6::lma::Profile {
                    hnps,
                    ..Default::default()
                };
                lma.profiles = [("mn1@lma1".to_owned(), profile)].into();
            }
        },
    );
    let (source, destination) = localized(&mut domain);
    assert_eq!(domain.table("mag1").send.len(), 2);
    assert_eq!(domain.table("mag2").send.len(), 2);
    assert_eq!(domain.table("mag2").receive.len(), 2);
    let other = net("2001:db8:1:b::/64");
    domain.talk("lma1", host(&other), host(&destination));
    assert_eq!(domain.paths("lma1").len(), 2, "{source}");
    let refused = |event: &(_, Event)| matches!(event.1, Event::PathRefused { .. });
    assert!(!domain.events.iter().any(refused));
}

#[test]
fn hl_23_source_mag_refreshes_at_its_own_lma_whatever_the_destination_does() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    // LMA1 hears nothing of the destination's handover, so its clock runs on.
    domain.seconds(150);
    domain.attach("mag3", "mn2@lma2", 3);
    domain.carry("mag1", source, destination, 1);
    domain.take_trace();
    domain.seconds(95);
    let refreshed = domain.take_trace();
    assert!(
        refreshed.contains(&"mag1 > lma1 Refresh".to_owned()),
        "{refreshed:?}"
    );
    domain.seconds(100);
    assert_eq!(domain.states("lma1"), ["active"]);
}
