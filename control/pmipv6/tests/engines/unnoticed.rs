//! Handovers that the previous MAG has not noticed: it is told to hand back what still comes for the MN instead of
//! putting it on a link that the MN has left (HL-20, HL-34).

use ipnet::IpNet;
use pmipv6::io::Entry;
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;

use crate::harness::*;
use crate::{single_lma, two_lmas};

/// The MN of `home`, here from `previous` to another MAG, and the other end of its path.
struct Moved {
    mn_id: &'static str,
    lma: &'static str,
    previous: &'static str,
    peer: &'static str,
    home: IpNet,
    other: IpNet,
    /// Whether the MN's LMA controls the path.
    controlled: bool,
}

/// Each kind of handover of an MN whose LMA controls the path.
fn each_controlled(check: impl Fn(&mut Domain, &Moved)) {
    each_kind(|domain, moved| {
        if moved.controlled {
            check(domain, moved);
        }
    });
}

/// Each kind of handover: source and destination, one LMA and two.
fn each_kind(check: impl Fn(&mut Domain, &Moved)) {
    for two in [false, true] {
        for source_moves in [true, false] {
            let mut domain = domain();
            let (source, destination) = match two {
                true => two_lmas::localized(&mut domain),
                false => single_lma::localized(&mut domain),
            };
            let moved = match (source_moves, two) {
                (true, _) => Moved {
                    mn_id: "mn1@lma1",
                    lma: "lma1",
                    previous: "mag1",
                    peer: "mag2",
                    home: source,
                    other: destination,
                    controlled: !two,
                },
                (false, two) => Moved {
                    mn_id: if two { "mn2@lma2" } else { "mn3@lma1" },
                    lma: if two { "lma2" } else { "lma1" },
                    previous: "mag2",
                    peer: "mag1",
                    home: destination,
                    other: source,
                    controlled: true,
                },
            };
            domain.take_trace();
            domain.entries.clear();
            check(&mut domain, &moved);
        }
    }
}

#[test]
fn hl_20_hl_34_a_mag_that_did_not_notice_is_told_to_hand_back() {
    each_controlled(|domain, moved| {
        domain.attach("mag3", moved.mn_id, 3);
        let told = format!("{} > {} Init 0 (", moved.lma, moved.previous);
        let trace = domain.take_trace();
        assert!(
            trace.iter().any(|line| line.starts_with(&told)),
            "{told}: {trace:?}"
        );
        let back = Entry::HandBack {
            local: moved.home,
            remote: moved.other,
            peer: address(moved.peer),
            lma: address(moved.lma),
        };
        let at_previous = (address(moved.previous), back);
        assert!(domain.entries.contains(&at_previous), "{}", moved.mn_id);
        for node in ["mag3", moved.peer] {
            assert_eq!(domain.states(node), ["active"], "{} moved", moved.mn_id);
        }
        assert!(domain.paths(moved.previous).is_empty());
    });
}

/// Rule 1 of the joint: what the previous MAG is promised to be taken is taken.
#[test]
fn hl_34_the_lma_accepts_before_it_asks() {
    each_controlled(|domain, moved| {
        domain.held.insert(address(moved.lma));
        domain.command(
            "mag3",
            pmipv6::io::Command::Attach(attach_request(moved.mn_id, 3)),
        );
        domain.settle();
        let asked = |sent: &Sent| {
            is_request(sent, RoKind::Init) && sent.destination == address(moved.previous)
        };
        let accepts = |(_, entry): &(_, Entry)| matches!(entry, Entry::HandBackAccept { .. });
        assert!(domain.entries.iter().any(accepts));
        assert!(
            !domain.trace.iter().any(asked),
            "nothing is applied at {}",
            moved.lma
        );
    });
}

/// It is no end of the path at any other node: whatever the order of arrival, the pair is where the MNs are.
#[test]
fn hl_17_hl_20_told_late_it_changes_nothing() {
    each_controlled(|domain, moved| {
        let previous = address(moved.previous);
        domain.lose = lose(1, move |sent| {
            is_request(sent, RoKind::Init) && sent.destination == previous
        });
        domain.attach("mag3", moved.mn_id, 3);
        let told = domain.trace.iter().find(|sent| {
            is_request(sent, RoKind::Init) && sent.destination == address(moved.previous)
        });
        let late = told.expect("RO Init 0").message.clone();
        domain.detach_quietly(moved.previous, moved.mn_id);
        domain.attach(moved.previous, moved.mn_id, 3);
        assert_eq!(domain.states(moved.previous), ["active"]);
        let Message::RoRequest(mut request) = late else {
            panic!("RO Init is a request")
        };
        request.sequence = request.sequence.wrapping_sub(1);
        domain.inject(moved.lma, moved.previous, Message::RoRequest(request));
        for node in [moved.previous, moved.peer] {
            assert_eq!(domain.states(node), ["active"], "{} came back", moved.mn_id);
        }
    });
}

/// An MN that de-registers has told its previous MAG itself.
#[test]
fn l_47_a_mag_that_has_deregistered_the_mn_is_told_nothing() {
    each_kind(|domain, moved| {
        domain.detach(moved.previous, moved.mn_id);
        domain.take_trace();
        domain.attach("mag3", moved.mn_id, 3);
        let told = format!("{} > {} Init 0", moved.lma, moved.previous);
        let trace = domain.take_trace();
        assert!(
            !trace.iter().any(|line| line.starts_with(&told)),
            "{trace:?}"
        );
    });
}

/// The controller alone says RO Init, whoever moves.
#[test]
fn l_4_the_other_lma_says_no_ro_init() {
    each_kind(|domain, moved| {
        domain.attach("mag3", moved.mn_id, 3);
        let trace = domain.take_trace();
        let mut inits = trace.iter().filter(|line| line.contains(" Init "));
        let at_delegate = |line: &String| !moved.controlled && line.contains(moved.lma);
        assert!(!inits.any(at_delegate), "{trace:?}");
        for node in ["mag3", moved.peer] {
            assert_eq!(domain.states(node), ["active"], "{} moved", moved.mn_id);
        }
    });
}
