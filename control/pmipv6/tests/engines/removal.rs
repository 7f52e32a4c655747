//! Paths that are removed on purpose stay away for a while, at both LMAs (HL-14, HL-21).

use ipnet::IpNet;
use pmipv6::io::{Answer, Command};
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;

use crate::harness::*;
use crate::single_lma;
use crate::two_lmas::{attach_dual, localized};

/// Longer than the first hold-off.
const HELD_OFF_S: u64 = 61;

fn remove(domain: &mut Domain, node: &str, source: IpNet, destination: IpNet) {
    let token = domain.command(
        node,
        Command::PathRemove {
            source,
            destination,
        },
    );
    domain.settle();
    assert_eq!(domain.reply(token), Some(&Ok(Answer::PathRemoved)));
}

/// Both MNs send a packet that their LMAs see; returns what is said about it.
fn both_talk(domain: &mut Domain, source: IpNet, destination: IpNet) -> Vec<String> {
    domain.take_trace();
    domain.talk("lma2", host(&destination), host(&source));
    domain.talk("lma1", host(&source), host(&destination));
    domain.take_trace()
}

/// Why pairs have no path, without how long they are held off.
fn why(domain: &Domain, node: &str) -> Vec<String> {
    let whys = domain.paths(node).into_iter().filter_map(|path| path.why);
    let reason = |why: String| {
        let (reason, length) = why.split_once("; held off for ").expect(&why);
        assert!(
            length.starts_with("59 s") || length.starts_with("60 s"),
            "{why}"
        );
        reason.to_owned()
    };
    whys.map(reason).collect()
}

fn path_is_up(domain: &Domain) -> bool {
    let nodes = ["lma1", "lma2", "mag1", "mag2"];
    nodes.iter().all(|node| domain.states(node) == ["active"])
}

#[test]
fn hl_21_hl_14_removal_at_one_lma_holds_at_the_other_too() {
    for (here, there) in [("lma1", "lma2"), ("lma2", "lma1")] {
        let mut domain = domain();
        let (source, destination) = localized(&mut domain);
        remove(&mut domain, here, source, destination);
        let said = both_talk(&mut domain, source, destination);
        assert!(said.is_empty(), "removed at {here}: {said:?}");
        assert_eq!(why(&domain, here), ["removed"], "{here}");
        assert_eq!(why(&domain, there), ["ended by the peer LMA"], "{there}");
        domain.seconds(HELD_OFF_S);
        assert!(!both_talk(&mut domain, source, destination).is_empty());
        assert!(path_is_up(&domain), "removed at {here}");
    }
}

#[test]
fn hl_21_hl_14_removal_at_a_mag_holds_at_both_lmas() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    remove(&mut domain, "mag2", source, destination);
    let said = both_talk(&mut domain, source, destination);
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn hl_14_a_trigger_of_the_peer_lma_ends_the_hold_off_at_once() {
    for (here, there) in [("lma1", "lma2"), ("lma2", "lma1")] {
        let mut domain = domain();
        let (source, destination) = localized(&mut domain);
        remove(&mut domain, here, source, destination);
        let (from, to) = match here {
            "lma1" => (source, destination),
            _ => (destination, source),
        };
        let ask = Command::PathRequest {
            source: host(&from).into(),
            destination: host(&to).into(),
        };
        domain.command(here, ask);
        domain.settle();
        assert!(path_is_up(&domain), "by hand at {here}");
        assert!(why(&domain, there).is_empty(), "{:?}", why(&domain, there));
    }
}

/// A set-up that fails right after is the first failure, not the second.
#[test]
fn hl_14_what_the_peer_ended_does_not_double_a_hold_off() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    remove(&mut domain, "lma1", source, destination);
    domain.lose = lose(9, |sent| is_request(sent, RoKind::Setup));
    let (from, to) = (host(&source).into(), host(&destination).into());
    domain.command(
        "lma1",
        Command::PathRequest {
            source: from,
            destination: to,
        },
    );
    domain.seconds(5);
    let held = domain.paths("lma2").into_iter().find_map(|path| path.why);
    let held = held.expect("the set-up failed");
    let left = held.split_whitespace().rev().nth(1);
    let left: Option<u64> = left.and_then(|seconds| seconds.parse().ok());
    assert!(left.is_some_and(|seconds| seconds <= 60), "{held}");
}

#[test]
fn hl_21_removal_at_both_lmas_at_once() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    for lma in ["lma1", "lma2"] {
        domain.command(
            lma,
            Command::PathRemove {
                source,
                destination,
            },
        );
    }
    domain.settle();
    let said = both_talk(&mut domain, source, destination);
    assert!(said.is_empty(), "{said:?}");
    for node in ["lma1", "lma2"] {
        assert_eq!(why(&domain, node), ["removed"], "{node}");
    }
}

/// Nothing was decided about the pair: RO Trigger with lifetime 0 has H, and the next packet brings the path back.
#[test]
fn hl_21_an_mn_that_leaves_is_no_reason_to_hold_its_pairs_off() {
    for (mag, mn_id, other_lma) in [("mag1", "mn1@lma1", "lma2"), ("mag2", "mn2@lma2", "lma1")] {
        let mut domain = domain();
        let (source, destination) = localized(&mut domain);
        domain.detach(mag, mn_id);
        domain.seconds(12);
        let goodbyes: Vec<bool> = domain
            .trace
            .iter()
            .filter(|sent| is_request(sent, RoKind::Trigger))
            .filter_map(|sent| match &sent.message {
                Message::RoRequest(request) if request.lifetime == 0 => Some(request.handover),
                _ => None,
            })
            .collect();
        assert_eq!(goodbyes, [true], "{mn_id} left");
        assert!(why(&domain, other_lma).is_empty(), "{mn_id} left");
        domain.attach(mag, mn_id, 1);
        let (from, to) = match other_lma {
            "lma1" => (source, destination),
            _ => (destination, source),
        };
        domain.talk(other_lma, host(&from), host(&to));
        assert!(path_is_up(&domain), "{mn_id} is back");
    }
}

/// A peer LMA that has no part in a path neither ends it nor holds it off.
#[test]
fn l_74_hl_21_only_the_other_lma_of_a_path_ends_it() {
    let mut domain = domain();
    single_lma::localized(&mut domain);
    let init = domain.trace[0].message.clone();
    let Message::RoRequest(mut goodbye) = init else {
        panic!("RO Init is a request")
    };
    (goodbye.kind, goodbye.lifetime) = (RoKind::Trigger, 0);
    domain.inject("lma2", "lma1", Message::RoRequest(goodbye));
    let answer = domain.take_trace().pop();
    assert_eq!(
        answer.as_deref(),
        Some("lma1 > lma2 Trigger Ack status 138")
    );
    assert_eq!(domain.states("lma1"), ["active"]);
    assert!(why(&domain, "lma1").is_empty());
}

#[test]
fn l_58_hl_21_a_dual_stack_path_that_is_removed_is_held_off_in_both_families() {
    let mut domain = domain();
    let (hnp1, hoa1) = attach_dual(&mut domain, "mag1", "mn1@lma1");
    let (hnp2, hoa2) = attach_dual(&mut domain, "mag2", "mn3@lma1");
    domain.talk("lma1", host(&hnp1), host(&hnp2));
    remove(&mut domain, "lma1", hnp1, hnp2);
    domain.take_trace();
    domain.talk("lma1", host(&hnp1), host(&hnp2));
    domain.talk("lma1", host(&hoa1), host(&hoa2));
    assert!(domain.take_trace().is_empty());
    assert_eq!(why(&domain, "lma1").len(), 2, "one line a family");
}
