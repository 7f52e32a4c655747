//! draft-loureiro sections 4.1 and 4.3: set-up and handover with one LMA.

use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{Command, Entry, Event, Input};
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;

use crate::harness::*;

/// MN1 at MAG1 and MN3 at MAG2, both of LMA1. Returns their homes.
pub(crate) fn attached(domain: &mut Domain) -> (IpNet, IpNet) {
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn3@lma1", 1));
    domain.take_trace();
    (source, destination)
}

pub(crate) fn localized(domain: &mut Domain) -> (IpNet, IpNet) {
    let (source, destination) = attached(domain);
    domain.talk("lma1", host(&source), host(&destination));
    (source, destination)
}

#[test]
fn l_32_l_33_l_34_l_37_ls_1_set_up_takes_four_messages() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    assert_eq!(
        domain.take_trace(),
        [
            "lma1 > mag2 Init (mag1)",
            "mag2 > mag1 Setup (mag2)",
            "mag1 > mag2 Setup Ack status 0",
            "mag2 > lma1 Init Ack status 0",
        ]
    );
    let (mag1, mag2) = (domain.table("mag1"), domain.table("mag2"));
    assert_eq!(mag1.send, [((source, destination), address("mag2"))].into());
    assert_eq!(
        mag1.receive,
        [((source, destination), address("mag2"))].into()
    );
    assert_eq!(mag2.send, [((destination, source), address("mag1"))].into());
    assert_eq!(
        mag2.receive,
        [((destination, source), address("mag1"))].into()
    );
    for node in ["lma1", "mag1", "mag2"] {
        assert_eq!(domain.states(node), ["active"], "{node}");
        let path = &domain.paths(node)[0];
        assert_eq!(
            (path.source, path.destination),
            (source, destination),
            "L-31"
        );
    }
}

#[test]
fn l_31_the_other_direction_swaps_the_roles() {
    let mut domain = domain();
    let (one, other) = attached(&mut domain);
    domain.talk("lma1", host(&other), host(&one));
    assert_eq!(
        domain.take_trace()[..2],
        ["lma1 > mag1 Init (mag2)", "mag1 > mag2 Setup (mag1)"]
    );
}

#[test]
fn l_3_no_message_for_a_destination_that_is_not_mobile() {
    let mut domain = domain();
    let (source, _) = attached(&mut domain);
    domain.talk("lma1", host(&source), ip("2001:db8:ffff::1"));
    assert!(domain.take_trace().is_empty());
}

#[test]
fn hl_27_second_packet_and_other_direction_while_pending_are_no_ops() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.dead.insert(address("mag2"));
    domain.talk("lma1", host(&source), host(&destination));
    domain.talk("lma1", host(&destination), host(&source));
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.take_trace(), ["lma1 > mag2 Init (mag1)"]);
}

#[test]
fn hl_31_each_half_is_applied_before_it_is_promised() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.entries.clear();
    domain.held.insert(address("mag2"));
    domain.talk("lma1", host(&source), host(&destination));
    // The receiving half is programmed, nothing is promised.
    assert_eq!(domain.take_trace(), ["lma1 > mag2 Init (mag1)"]);
    assert!(matches!(
        domain.entries[..],
        [(_, Entry::PathReceive { .. })]
    ));
    domain.held.insert(address("mag1"));
    domain.held.remove(&address("mag2"));
    domain.input("mag2", Input::Timeout);
    domain.settle();
    assert_eq!(domain.take_trace(), ["mag2 > mag1 Setup (mag2)"]);
    assert_eq!(domain.table("mag1").send.len(), 1);
    domain.held.insert(address("mag2"));
    domain.held.remove(&address("mag1"));
    domain.input("mag1", Input::Timeout);
    domain.settle();
    assert_eq!(domain.take_trace(), ["mag1 > mag2 Setup Ack status 0"]);
    assert_eq!(domain.table("mag2").send.len(), 1);
    domain.held.clear();
    domain.input("mag2", Input::Timeout);
    domain.settle();
    assert_eq!(domain.take_trace(), ["mag2 > lma1 Init Ack status 0"]);
}

#[test]
fn l_35_destination_not_attached_is_answered_at_once_without_setup() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    // MN3's MAG lost it: the LMA does not know yet.
    domain.lose = lose(9, |sent| matches!(sent.message, Message::BindingUpdate(_)));
    domain.detach_quietly("mag2", "mn3@lma1");
    domain.take_trace();
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(
        domain.take_trace(),
        ["lma1 > mag2 Init (mag1)", "mag2 > lma1 Init Ack status 129"]
    );
    assert_eq!(domain.states("lma1"), ["none"]);
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
}

#[test]
fn l_35_table_full_is_answered_130_without_setup() {
    let mut domain = domain_with(
        |mag| {
            if mag.address == address("mag2") {
                mag.localized_routing.max_paths = 0;
            }
        },
        |_| {},
    );
    localized(&mut domain);
    assert_eq!(
        domain.take_trace(),
        ["lma1 > mag2 Init (mag1)", "mag2 > lma1 Init Ack status 130"]
    );
}

#[test]
fn l_36_setup_ack_lost_rolls_back() {
    let mut domain = domain();
    domain.lose = lose(9, |sent| is_ack(sent, RoKind::Setup));
    let (source, destination) = localized(&mut domain);
    domain.pass(Duration::from_millis(3_600));
    let trace = domain.take_trace();
    let setups = trace
        .iter()
        .filter(|line| *line == "mag2 > mag1 Setup (mag2)")
        .count();
    assert_eq!(setups, 3);
    assert!(trace.contains(&"mag2 > lma1 Init Ack status 132".to_owned()));
    // MAG1 was told, so nobody sends into the void.
    assert!(domain.table("mag1").has_no_path());
    assert!(domain.table("mag2").send.is_empty());
    domain.seconds(600);
    assert!(domain.table("mag2").has_no_path());
    assert!(domain.paths("mag2").is_empty());
    let held = &domain.paths("lma1");
    assert!(
        held.is_empty() || held[0].state == "none",
        "{held:?} {source} {destination}"
    );
}

#[test]
fn l_36_source_mag_refuses_and_nothing_is_left() {
    let mut domain = domain_with(
        |mag| mag.localized_routing.enabled = mag.address != address("mag1"),
        |_| {},
    );
    localized(&mut domain);
    assert_eq!(
        domain.take_trace(),
        [
            "lma1 > mag2 Init (mag1)",
            "mag2 > mag1 Setup (mag2)",
            "mag1 > mag2 Setup Ack status 128",
            "mag2 > lma1 Init Ack status 132",
        ]
    );
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
    assert!(domain.paths("mag2").is_empty());
    let why = domain.paths("lma1")[0].why.clone().unwrap();
    assert!(why.contains("Peer MAG refused or silent"), "{why}");
}

#[test]
fn hl_14_failed_pair_is_left_alone_and_hold_off_doubles() {
    let mut domain = domain_with(
        |mag| mag.localized_routing.enabled = mag.address != address("mag1"),
        |_| {},
    );
    let (source, destination) = localized(&mut domain);
    domain.take_trace();
    domain.seconds(59);
    domain.talk("lma1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty());
    domain.seconds(2);
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.take_trace().len(), 4);
    domain.seconds(119);
    domain.talk("lma1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty());
    domain.seconds(2);
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.take_trace().len(), 4);
}

#[test]
fn hl_13_init_is_sent_three_times_and_the_path_is_withdrawn() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.dead.insert(address("mag2"));
    domain.talk("lma1", host(&source), host(&destination));
    domain.seconds(20);
    let at: Vec<u128> = domain
        .trace
        .iter()
        .take(3)
        .map(|sent| sent.at.as_millis() - domain.trace[0].at.as_millis())
        .collect();
    assert_eq!(at, [0, 1_000, 3_000]);
    assert_eq!(domain.take_trace()[3], "lma1 > mag2 Init 0 (mag1)");
    let refused = |event: &(_, Event)| matches!(&event.1, Event::PathRefused { reason, .. } if reason.contains("no answer"));
    assert!(domain.events.iter().any(refused));
    domain.seconds(300);
    assert!(domain.paths("lma1").iter().all(|path| path.state == "none"));
}

#[test]
fn hl_4_repeated_request_gets_the_same_answer_and_is_not_acted_on_again() {
    let mut domain = domain();
    domain.lose = lose(1, |sent| is_ack(sent, RoKind::Init));
    localized(&mut domain);
    domain.take_trace();
    domain.entries.clear();
    domain.seconds(2);
    assert_eq!(
        domain.take_trace(),
        ["lma1 > mag2 Init (mag1)", "mag2 > lma1 Init Ack status 0"]
    );
    assert!(domain.entries.is_empty());
    assert_eq!(domain.states("lma1"), ["active"]);
}

#[test]
fn l_47_l_48_l_49_ls_3_handover_of_the_source_updates_the_path() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.take_trace();
    domain.entries.clear();
    domain.attach("mag3", "mn1@lma1", 3);
    assert_eq!(
        without(&domain.take_trace(), "mag1"),
        [
            "mag3 > lma1 PBU",
            "lma1 > mag3 PBA status 0",
            "lma1 > mag2 Init (mag3)",
            "mag2 > mag3 Setup (mag2)",
            "mag3 > mag2 Setup Ack status 0",
            "mag2 > lma1 Init Ack status 0",
        ]
    );
    // HL-32: MAG2 stops sending to MAG1 before it asks MAG3.
    let at_mag2: Vec<&Entry> = domain
        .entries
        .iter()
        .filter(|(at, _)| *at == address("mag2"))
        .map(|(_, e)| e)
        .collect();
    assert!(
        matches!(
            at_mag2[..],
            [
                Entry::PathSendRemove { .. },
                Entry::PathReceive { .. },
                Entry::PathSend { .. }
            ]
        ),
        "{at_mag2:?}"
    );
    assert_eq!(domain.states("mag2"), ["active"]);
    assert_eq!(domain.states("mag3"), ["active"]);
    let Entry::PathSend {
        local,
        remote,
        peer,
    } = at_mag2[2]
    else {
        panic!()
    };
    assert_eq!(
        (*local, *remote, *peer),
        (destination, source, address("mag3"))
    );
}

#[test]
fn l_50_detach_at_the_previous_mag_removes_its_path_at_once() {
    let mut domain = domain();
    localized(&mut domain);
    domain.take_trace();
    domain.detach("mag1", "mn1@lma1");
    assert!(domain.table("mag1").has_no_path());
    assert!(
        domain.table("mag2").has_no_path(),
        "HL-33: the peer is told"
    );
    assert!(domain.paths("mag1").is_empty());
    let trace = domain.take_trace();
    assert!(
        trace.contains(&"mag1 > mag2 Setup 0 (mag1)".to_owned()),
        "{trace:?}"
    );
}

#[test]
fn l_50_detach_then_attach_elsewhere_brings_the_path_back_without_a_new_packet() {
    let mut domain = domain();
    localized(&mut domain);
    domain.detach("mag1", "mn1@lma1");
    domain.take_trace();
    domain.attach("mag3", "mn1@lma1", 3);
    assert_eq!(domain.take_trace()[2], "lma1 > mag2 Init (mag3)");
    assert_eq!(domain.states("mag3"), ["active"]);
}

#[test]
fn l_50_without_detach_the_previous_mag_forgets_at_expiry() {
    let mut domain = domain();
    localized(&mut domain);
    domain.lose = ends_at(address("mag1"));
    domain.attach("mag3", "mn1@lma1", 3);
    assert_eq!(domain.states("mag1"), ["active"]);
    domain.seconds(400);
    assert!(domain.paths("mag1").is_empty());
    assert!(domain.table("mag1").has_no_path());
}

#[test]
fn l_56_ls_6_hl_22_handover_of_the_destination_goes_to_its_new_mag() {
    let mut domain = domain();
    localized(&mut domain);
    domain.take_trace();
    domain.attach("mag3", "mn3@lma1", 3);
    assert_eq!(
        without(&domain.take_trace(), "mag2"),
        [
            "mag3 > lma1 PBU",
            "lma1 > mag3 PBA status 0",
            "lma1 > mag3 Init (mag1)",
            "mag3 > mag1 Setup (mag3)",
            "mag1 > mag3 Setup Ack status 0",
            "mag3 > lma1 Init Ack status 0",
        ]
    );
    let table = domain.table("mag1");
    let sends: Vec<_> = table.send.into_values().collect();
    let receives: Vec<_> = table.receive.into_values().collect();
    assert_eq!(
        (sends, receives),
        (vec![address("mag3")], vec![address("mag3")])
    );
}

#[test]
fn ls_12_both_move_before_anything_is_acknowledged() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    let one = domain.command("mag3", Command::Attach(attach_request("mn1@lma1", 3)));
    let other = domain.command("mag4", Command::Attach(attach_request("mn3@lma1", 3)));
    domain.settle();
    assert!(domain.reply(one).unwrap().is_ok() && domain.reply(other).unwrap().is_ok());
    domain.seconds(5);
    assert_eq!(
        domain.table("mag3").send,
        [((source, destination), address("mag4"))].into()
    );
    assert_eq!(
        domain.table("mag4").send,
        [((destination, source), address("mag3"))].into()
    );
    assert_eq!(domain.states("lma1"), ["active"]);
}

#[test]
fn setup_that_overtakes_the_pba_waits_for_it() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.lose = lose(1, |sent| matches!(sent.message, Message::BindingAck(_)));
    let token = domain.command("mag3", Command::Attach(attach_request("mn1@lma1", 3)));
    domain.settle();
    assert!(domain.reply(token).is_none());
    assert_eq!(domain.counter("mag3", "pmipv6.ro.parked"), 1);
    domain.seconds(2);
    assert!(domain.reply(token).unwrap().is_ok());
    domain.seconds(5);
    assert_eq!(
        domain.table("mag3").send,
        [((source, destination), address("mag2"))].into()
    );
    assert_eq!(domain.states("lma1"), ["active"]);
}

#[test]
fn ls_13_hl_26_same_mag_is_switched_locally_without_setup() {
    let mut domain = domain();
    let one = home(&domain.attach("mag1", "mn1@lma1", 1));
    let other = home(&domain.attach("mag1", "mn3@lma1", 1));
    domain.take_trace();
    domain.talk("lma1", host(&one), host(&other));
    assert_eq!(
        domain.take_trace(),
        ["lma1 > mag1 Init (mag1)", "mag1 > lma1 Init Ack status 0"]
    );
    assert_eq!(
        domain.table("mag1").local,
        [(one, other), (other, one)].into()
    );
    domain.attach("mag3", "mn1@lma1", 3);
    assert_eq!(domain.table("mag1").local, [].into());
    assert_eq!(
        domain.table("mag1").send,
        [((other, one), address("mag3"))].into()
    );
    assert_eq!(
        domain.table("mag3").send,
        [((one, other), address("mag1"))].into()
    );
    // And back together: the MN that stayed behind goes where the other is.
    domain.attach("mag3", "mn3@lma1", 3);
    assert_eq!(
        domain.table("mag3").local,
        [(one, other), (other, one)].into()
    );
    assert!(domain.table("mag3").send.is_empty() && domain.table("mag3").receive.is_empty());
}

#[test]
fn deleted_binding_takes_its_paths_down_everywhere() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    // MAG1 dies without a word: its binding runs out at the LMA.
    domain.dead.insert(address("mag1"));
    domain.carry("mag2", destination, source, 1);
    domain.seconds(3_700);
    assert!(domain.table("mag2").has_no_path());
    assert!(domain.paths("mag2").is_empty());
    assert!(domain.paths("lma1").iter().all(|path| path.state == "none"));
}

#[test]
fn hl_20_mn_that_leaves_for_good_is_withdrawn_from_its_partner() {
    let mut domain = domain();
    localized(&mut domain);
    domain.lose = lose(99, |sent| {
        is_request(sent, RoKind::Setup)
            && matches!(&sent.message, Message::RoRequest(r) if r.lifetime == 0)
    });
    domain.detach("mag1", "mn1@lma1");
    assert_eq!(domain.states("mag2"), ["active"], "MAG1's word was lost");
    domain.take_trace();
    domain.seconds(11);
    assert!(
        domain
            .take_trace()
            .contains(&"lma1 > mag2 Init 0 (lma1)".to_owned())
    );
    assert!(domain.table("mag2").send.is_empty());
    domain.seconds(1_500);
    assert!(domain.paths("mag2").is_empty() && domain.table("mag2").has_no_path());
}

#[test]
fn path_request_and_remove_by_hand() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    let token = domain.command(
        "lma1",
        Command::PathRequest {
            source,
            destination,
        },
    );
    domain.settle();
    assert!(domain.reply(token).unwrap().is_ok());
    assert_eq!(domain.states("mag1"), ["active"]);
    domain.take_trace();
    let token = domain.command(
        "lma1",
        Command::PathRemove {
            source,
            destination,
        },
    );
    domain.settle();
    assert!(domain.reply(token).unwrap().is_ok());
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
    assert_eq!(domain.states("lma1"), ["none"]);
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.states("lma1"), ["none"], "not with the next packet");
    let token = domain.command(
        "lma1",
        Command::PathRemove {
            source,
            destination,
        },
    );
    assert_eq!(
        domain.reply(token).unwrap().as_ref().unwrap_err().name,
        "no-such-path"
    );
}

#[test]
fn path_removed_at_a_mag_is_gone_everywhere() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    let token = domain.command(
        "mag1",
        Command::PathRemove {
            source,
            destination,
        },
    );
    domain.settle();
    assert!(domain.reply(token).unwrap().is_ok());
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
    assert_eq!(domain.states("lma1"), ["none"]);
}

#[test]
fn mag_that_restarted_gets_its_path_again_when_the_pair_still_talks() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.entries.retain(|(at, _)| *at != address("mag1"));
    domain.add(
        "mag1",
        Box::new(pmipv6::mag::MobileAccessGateway::new(
            mag_config("mag1"),
            77,
        )),
    );
    domain.seconds(2);
    domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(4);
    assert_eq!(
        domain.table("mag1").send,
        [((source, destination), address("mag2"))].into()
    );
}

#[test]
fn packets_that_were_under_way_do_not_set_an_active_path_up_again() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.take_trace();
    domain.talk("lma1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty());
    for _ in 0..8 {
        domain.seconds(1);
        domain.talk("lma1", host(&source), host(&destination));
    }
    let trace = domain.take_trace();
    let again = "lma1 > mag2 Init (mag1)".to_owned();
    assert!(
        trace.contains(&again),
        "but where they go on, a MAG has lost it"
    );
}

#[test]
fn house_rule_1_promise_whose_ground_has_gone_is_a_refusal() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.held.insert(address("mag1"));
    domain.talk("lma1", host(&source), host(&destination));
    let mn_id = "mn1@lma1".to_owned();
    domain.command("mag1", Command::Detach { mn_id });
    domain.settle();
    domain.take_trace();
    domain.held.clear();
    domain.input("mag1", Input::Timeout);
    domain.settle();
    let trace = domain.take_trace();
    assert!(
        trace.contains(&"mag1 > mag2 Setup Ack status 129".to_owned()),
        "{trace:?}"
    );
    let about_paths =
        |event: &(_, Event)| matches!(event.1, Event::PathUp { .. } | Event::PathDown { .. });
    assert!(!domain.events.iter().any(about_paths), "it never was");
    assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
}

#[test]
fn hl_17_goodbye_that_overtakes_its_setup_makes_it_stale() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.lose = lose(1, |sent| is_request(sent, RoKind::Setup));
    domain.talk("lma1", host(&source), host(&destination));
    let late = domain.trace[1].message.clone();
    domain.detach("mag2", "mn3@lma1");
    domain.take_trace();
    domain.inject("mag2", "mag1", late);
    assert_eq!(domain.take_trace()[1], "mag1 > mag2 Setup Ack status 135");
    assert!(domain.table("mag1").has_no_path());
}

#[test]
fn hl_34_previous_mag_hands_back_and_the_lma_accepts_for_a_while() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.detach("mag1", "mn1@lma1");
    domain.attach("mag3", "mn1@lma1", 3);
    let back = Entry::HandBack {
        local: source,
        remote: destination,
        peer: address("mag2"),
        lma: address("lma1"),
    };
    let accept = Entry::HandBackAccept {
        source: destination,
        destination: source,
        from: address("mag1"),
    };
    assert!(domain.entries.contains(&(address("mag1"), back)));
    assert!(domain.entries.contains(&(address("lma1"), accept)));
    domain.entries.clear();
    domain.seconds(11);
    let (local, remote) = (source, destination);
    let over = Entry::HandBackRemove { local, remote };
    let (source, destination) = (remote, local);
    let no_more = Entry::HandBackAcceptRemove {
        source,
        destination,
    };
    assert!(domain.entries.contains(&(address("mag1"), over)));
    assert!(domain.entries.contains(&(address("lma1"), no_more)));
}

#[test]
fn hl_34_mn_that_comes_back_is_delivered_to_and_never_handed_back() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.detach("mag1", "mn1@lma1");
    domain.entries.clear();
    domain.attach("mag1", "mn1@lma1", 3);
    let at_mag1: Vec<&Entry> = domain
        .entries
        .iter()
        .filter(|(at, _)| *at == address("mag1"))
        .map(|(_, e)| e)
        .collect();
    let (local, remote) = (source, destination);
    assert_eq!(at_mag1[0], &Entry::HandBackRemove { local, remote });
    assert!(matches!(at_mag1[1], Entry::Attach { .. }));
    let accepted = |(_, entry): &(_, Entry)| matches!(entry, Entry::HandBackAccept { .. });
    assert!(
        !domain.entries.iter().any(accepted),
        "the LMA never saw it elsewhere"
    );
}
