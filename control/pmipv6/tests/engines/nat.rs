//! NATs before MAGs: who speaks first, and who keeps the NAT open (HL-28; L-65, L-66, LS-11; RFC 5555
//! sections 4.1 to 4.3).

use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{Command, Input, PathView};
use pmipv6::path::Ipv4Transport;
use pmipv6::wire::message::{RoKind, RoRequest};
use pmipv6::wire::options::{mag_ipv6_address, nat_detection, timestamp};
use pmipv6::wire::{Message, MobilityOption};

use crate::harness::*;
use crate::single_lma::{attached, localized};
use crate::transport4::*;

/// What another NAT shows to the others.
const ELSEWHERE: &str = "192.0.2.201";

/// These MAGs are behind NATs, each with the address that its NAT shows, towards everybody.
fn behind(nats: &'static [(&'static str, &'static str)]) -> Domain {
    let may_be = |_: &str, transport: &mut Ipv4Transport| {
        for (name, outside) in nats {
            for row in &mut transport.peers {
                if std::net::IpAddr::V6(row.peer.addr()) == address(name) {
                    row.nat = vec![v4(outside).into()];
                }
            }
        }
    };
    let mut domain = domain4(may_be);
    for (name, outside) in nats {
        domain
            .network4
            .put_behind(towards_others(name), v4(outside));
        domain.network4.put_behind(among_equals(name), v4(outside));
    }
    domain
}

fn mag1() -> Domain {
    behind(&[("mag1", OUTSIDE)])
}

fn both() -> Domain {
    behind(&[("mag1", OUTSIDE), ("mag2", ELSEWHERE)])
}

/// A pair of two LMAs: MN1 at MAG1, MN2 at MAG2.
fn of_two_lmas(domain: &mut Domain) -> (IpNet, IpNet) {
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    domain.take_trace();
    (source, destination)
}

fn assert_active(domain: &Domain, nodes: &[&str]) {
    for node in nodes {
        assert_eq!(domain.states(node), ["active"], "{node}");
    }
}

/// Both LMAs name this one.
#[track_caller]
fn assert_controlled_by(domain: &Domain, lma: &str) {
    for node in ["lma1", "lma2"] {
        let controller = domain.paths(node)[0].controller;
        assert_eq!(controller, Some(address(lma)), "{node}");
    }
}

fn why(domain: &Domain, node: &str) -> String {
    let paths: Vec<PathView> = domain.paths(node);
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths[0].why.clone().unwrap_or_default()
}

/// A path that MAG1 set up with MAG2, which is behind a NAT and has spoken before.
fn set_up_by_the_open_one(domain: &mut Domain) {
    let (source, destination) = localized(domain);
    let removed = Command::PathRemove {
        source,
        destination,
    };
    domain.command("lma1", removed);
    domain.seconds(61);
    domain.take_trace();
    domain.talk("lma1", host(&destination), host(&source));
    let sent = domain.take_trace();
    assert!(
        sent.contains(&"mag1 > mag2 Setup (mag1)".to_owned()),
        "{sent:?}"
    );
    assert_active(domain, &["lma1", "mag1", "mag2"]);
}

#[test]
fn l_66_ls_11_whoever_is_behind_the_nat_keeps_it_open_whoever_set_the_path_up() {
    let mut domain = mag2_behind();
    set_up_by_the_open_one(&mut domain);
    let before = nat_port(reach(&domain, "mag1", "mag2"));
    domain.network4.forget();
    domain.seconds(100);
    assert_eq!(
        with_ports(&mut domain),
        [
            "mag2 > mag1 Setup (mag2) [4191]",
            "mag1 > mag2 Setup Ack status 1 [4191]",
        ],
        "one that speaks is enough, and it is the one that the other cannot reach"
    );
    assert_ne!(before, nat_port(reach(&domain, "mag1", "mag2")));
    assert_active(&domain, &["mag1", "mag2"]);
    domain.seconds(100);
    assert_eq!(with_ports(&mut domain).len(), 2, "and again");
}

#[test]
fn l_66_the_setup_ack_says_where_the_nat_is() {
    let mut domain = mag2_behind();
    set_up_by_the_open_one(&mut domain);
    domain.network4.forget();
    domain.seconds(100);
    let answer = domain.trace.iter().find(|sent| is_ack(sent, RoKind::Setup));
    let Message::RoAck(ack) = &answer.expect("RO Setup Ack").message else {
        panic!("an acknowledgement")
    };
    assert_eq!(nat_detection(&ack.options), Some((false, 110)));
    assert_eq!(domain.counter("mag1", "pmipv6.nat.keepalive"), 0);
}

#[test]
fn l_66_hl_17_what_keeps_a_nat_open_is_no_new_decision() {
    // MAG3 says that it has the pair, as one that had it before and has slept.
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    let (table, paths) = (domain.table("mag1"), domain.paths("mag1"));
    let IpNet::V6(ours) = source else { panic!() };
    let IpNet::V6(theirs) = destination else {
        panic!()
    };
    let options = vec![
        MobilityOption::HomeNetworkPrefix(ours),
        MobilityOption::HomeNetworkPrefix(theirs),
        MobilityOption::MagIpv6Address(MAG3.parse().unwrap()),
    ];
    let setup = RoRequest {
        kind: RoKind::Setup,
        sequence: 77,
        handover: false,
        proxy_mode: false,
        lifetime: 300,
        options,
    };
    domain.take_trace();
    domain.inject("mag3", "mag1", Message::RoRequest(setup));
    assert_eq!(
        domain.take_trace(),
        [
            "mag3 > mag1 Setup (mag3)",
            "mag1 > mag3 Setup Ack status 135"
        ]
    );
    assert_eq!((domain.table("mag1"), domain.paths("mag1")), (table, paths));
}

#[test]
fn l_66_one_path_that_the_peer_has_lost_does_not_close_the_nat_to_the_others() {
    let mut domain = mag2_behind();
    localized(&mut domain);
    let one = home(&domain.attach("mag1", "mn5@lma1", 1));
    let other = home(&domain.attach("mag2", "mn7@lma1", 1));
    domain.talk("lma1", host(&one), host(&other));
    // MN1 leaves MAG1, and MAG2 is not told of it.
    domain.lose = Some(Box::new(
        |sent: &Sent| matches!(&sent.message, Message::RoRequest(request) if request.lifetime == 0),
    ));
    domain.detach_quietly("mag1", "mn1@lma1");
    domain.seconds(20);
    domain.take_trace();
    domain.network4.forget();
    domain.seconds(220);
    let port = nat_port(reach(&domain, "mag1", "mag2"));
    let refused = |line: &&String| line.starts_with("mag1 > mag2 Setup Ack status 129");
    let kept = |line: &&String| line.starts_with("mag1 > mag2 Setup Ack status 1 ");
    let sent = with_ports(&mut domain);
    assert!(sent.iter().filter(refused).count() <= 1, "{sent:?}");
    assert!(sent.iter().filter(kept).count() >= 1, "{sent:?}");
    domain.network4.forget();
    domain.seconds(100);
    assert_ne!(port, nat_port(reach(&domain, "mag1", "mag2")), "{sent:?}");
}

#[test]
fn l_65_ls_11_the_mag_behind_a_nat_gets_init_and_speaks_first() {
    let mut domain = mag1();
    let (source, destination) = attached(&mut domain);
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(
        with_ports(&mut domain),
        [
            "lma1 > mag1 Init (mag2) [4191]",
            "mag1 > mag2 Setup (mag1) [5436]",
            "mag2 > mag1 Setup Ack status 0 [5436]",
            "mag1 > mag2 Setup (mag1) [4191]",
            "mag2 > mag1 Setup Ack status 1 [4191]",
            "mag1 > lma1 Init Ack status 0 [4191]",
        ]
    );
    assert_active(&domain, &["lma1", "mag1", "mag2"]);
    let sends = domain.table("mag1").send;
    assert_eq!(sends, [((source, destination), address("mag2"))].into());
    assert_eq!(domain.counter("lma1", "pmipv6.lr.roles-exchanged"), 1);
    // The other direction needs no exchange.
    let mut domain = mag1();
    let (source, destination) = attached(&mut domain);
    domain.talk("lma1", host(&destination), host(&source));
    assert_active(&domain, &["lma1", "mag1", "mag2"]);
    assert_eq!(domain.counter("lma1", "pmipv6.lr.roles-exchanged"), 0);
}

#[test]
fn l_65_l_47_an_mn_that_moves_behind_a_nat_is_followed() {
    let mut domain = mag1();
    let source = home(&domain.attach("mag3", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn3@lma1", 1));
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.states("mag2"), ["active"]);
    domain.take_trace();
    domain.attach("mag1", "mn1@lma1", 3);
    domain.detach_quietly("mag3", "mn1@lma1");
    assert_active(&domain, &["lma1", "mag1", "mag2"]);
    let sends = domain.table("mag2").send;
    assert_eq!(sends, [((destination, source), address("mag1"))].into());
    assert!(domain.table("mag3").has_no_path());
    // And out again.
    domain.attach("mag4", "mn1@lma1", 3);
    domain.detach_quietly("mag1", "mn1@lma1");
    assert_active(&domain, &["lma1", "mag2", "mag4"]);
    assert!(domain.table("mag1").has_no_path());
}

#[test]
fn l_65_between_two_nats_the_pair_stays_with_the_lma_and_says_why() {
    let mut domain = both();
    let (source, destination) = attached(&mut domain);
    domain.talk("lma1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty(), "nobody can speak first");
    assert!(why(&domain, "lma1").contains("both MAGs are behind NATs"));
    // An MN that moves behind the second NAT loses its path, and not its traffic.
    let mut domain = both();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag3", "mn3@lma1", 1));
    domain.talk("lma1", host(&source), host(&destination));
    assert_active(&domain, &["lma1", "mag1", "mag3"]);
    domain.attach("mag2", "mn3@lma1", 3);
    domain.detach_quietly("mag3", "mn3@lma1");
    domain.seconds(20);
    for node in ["mag1", "mag2", "mag3"] {
        assert!(domain.table(node).has_no_path(), "{node}");
    }
    assert!(why(&domain, "lma1").contains("both MAGs are behind NATs"));
}

#[test]
fn l_65_neighbours_behind_one_nat_need_not_cross_it() {
    // Only the LMAs see the NAT's address; the MAGs know each other's own ones.
    let mut domain = domain4(|own, transport| {
        if own.starts_with("lma") {
            may_be_behind(&["mag1", "mag2"])(own, transport);
        }
    });
    for name in ["mag1", "mag2"] {
        let outside = v4(OUTSIDE);
        domain.network4.put_behind(towards_others(name), outside);
        domain.network4.put_behind(among_equals(name), outside);
    }
    localized(&mut domain);
    assert_active(&domain, &["lma1", "mag1", "mag2"]);
    assert_eq!(domain.counter("lma1", "pmipv6.lr.roles-exchanged"), 0);
}

#[test]
fn l_65_ls_11_of_two_lmas_the_one_of_the_mag_behind_the_nat_controls() {
    let mut domain = mag1();
    let (source, destination) = of_two_lmas(&mut domain);
    domain.talk("lma1", host(&source), host(&destination));
    let marked = |sent: &Sent| match &sent.message {
        Message::RoRequest(request) if request.kind == RoKind::Trigger => {
            Some(nat_detection(&request.options).is_some())
        }
        _ => None,
    };
    let marks: Vec<bool> = domain.trace.iter().filter_map(marked).collect();
    assert_eq!(marks, [true, false], "option 31 beside MAG-ADDR");
    assert_eq!(
        with_ports(&mut domain),
        [
            "lma1 > lma2 Trigger (mag1) [5436]",
            "lma2 > lma1 Trigger Ack status 134 [5436]",
            "lma2 > lma1 Trigger (mag2) [5436]",
            "lma1 > mag1 Init (mag2) [4191]",
            "mag1 > mag2 Setup (mag1) [5436]",
            "mag2 > mag1 Setup Ack status 0 [5436]",
            "mag1 > mag2 Setup (mag1) [4191]",
            "mag2 > mag1 Setup Ack status 1 [4191]",
            "mag1 > lma1 Init Ack status 0 [4191]",
            "lma1 > lma2 Trigger Ack status 0 [5436]",
        ]
    );
    assert_active(&domain, &["lma1", "lma2", "mag1", "mag2"]);
    assert_controlled_by(&domain, "lma1");
}

#[test]
fn l_65_the_lma_with_the_higher_address_turns_the_roles_too() {
    let mut domain = mag2_behind_all();
    let (source, destination) = of_two_lmas(&mut domain);
    domain.talk("lma2", host(&destination), host(&source));
    assert_active(&domain, &["lma1", "lma2", "mag1", "mag2"]);
    assert_controlled_by(&domain, "lma2");
}

fn mag2_behind_all() -> Domain {
    behind(&[("mag2", OUTSIDE)])
}

#[test]
fn l_65_hl_16_crossed_triggers_and_a_nat_end_with_one_controller() {
    for nat in ["mag1", "mag2"] {
        let mut domain = match nat {
            "mag1" => mag1(),
            _ => mag2_behind_all(),
        };
        let (source, destination) = of_two_lmas(&mut domain);
        let (one, other) = (host(&source), host(&destination));
        let talks = |source, destination| Input::PairTalks {
            source,
            destination,
            packets: 1,
            realm: None,
        };
        domain.input("lma1", talks(one, other));
        domain.input("lma2", talks(other, one));
        domain.seconds(5);
        assert_active(&domain, &["lma1", "lma2", "mag1", "mag2"]);
        assert_controlled_by(&domain, if nat == "mag1" { "lma1" } else { "lma2" });
    }
}

#[test]
fn l_65_hl_16_the_trigger_back_may_overtake_the_refusal() {
    let mut domain = mag1();
    let (source, destination) = of_two_lmas(&mut domain);
    // The refusal is lost and comes with the retransmission, after the peer's own trigger.
    domain.lose = lose(1, |sent| is_ack(sent, RoKind::Trigger));
    domain.talk("lma1", host(&source), host(&destination));
    domain.seconds(10);
    assert_active(&domain, &["lma1", "lma2", "mag1", "mag2"]);
    assert_controlled_by(&domain, "lma1");
}

#[test]
fn l_65_l_52_with_two_lmas_an_mn_that_moves_behind_a_nat_is_followed() {
    let mut domain = mag1();
    let source = home(&domain.attach("mag3", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(domain.paths("lma1")[0].controller, Some(address("lma2")));
    domain.attach("mag1", "mn1@lma1", 3);
    domain.detach_quietly("mag3", "mn1@lma1");
    domain.seconds(5);
    assert_active(&domain, &["lma1", "lma2", "mag1", "mag2"]);
    let sends = domain.table("mag2").send;
    assert_eq!(sends, [((destination, source), address("mag1"))].into());
    assert_controlled_by(&domain, "lma1");
    // Both go on, each in its turn.
    domain.attach("mag4", "mn2@lma2", 3);
    domain.detach_quietly("mag2", "mn2@lma2");
    domain.seconds(5);
    assert_active(&domain, &["lma1", "lma2", "mag1", "mag4"]);
}

#[test]
fn l_65_with_two_lmas_and_two_nats_both_say_why() {
    let mut domain = both();
    let (source, destination) = of_two_lmas(&mut domain);
    domain.talk("lma1", host(&source), host(&destination));
    assert_eq!(
        domain.take_trace(),
        [
            "lma1 > lma2 Trigger (mag1)",
            "lma2 > lma1 Trigger Ack status 137"
        ]
    );
    for node in ["lma1", "lma2"] {
        let why = why(&domain, node);
        assert!(why.contains("both MAGs are behind NATs"), "{node}: {why}");
    }
    // A path that stood is taken down when the second NAT comes into its way.
    let mut domain = both();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag3", "mn2@lma2", 1));
    domain.talk("lma1", host(&source), host(&destination));
    assert_active(&domain, &["lma1", "lma2", "mag1", "mag3"]);
    domain.attach("mag2", "mn2@lma2", 3);
    domain.detach_quietly("mag3", "mn2@lma2");
    domain.seconds(20);
    for node in ["mag1", "mag2", "mag3"] {
        assert!(domain.table(node).has_no_path(), "{node}");
    }
}

#[test]
fn l_65_ls_13_two_lmas_and_one_mag_behind_a_nat() {
    let mut domain = mag1();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag1", "mn2@lma2", 1));
    domain.talk("lma1", host(&source), host(&destination));
    assert_active(&domain, &["lma1", "lma2", "mag1"]);
    assert_eq!(domain.table("mag1").local.len(), 2);
}

#[test]
fn l_66_the_setup_that_keeps_a_nat_open_is_in_the_senders_words() {
    let mut domain = mag2_behind();
    set_up_by_the_open_one(&mut domain);
    domain.seconds(100);
    let setup = domain
        .trace
        .iter()
        .find(|sent| is_request(sent, RoKind::Setup));
    let setup = setup.expect("an RO Setup");
    let Message::RoRequest(request) = &setup.message else {
        panic!("a request")
    };
    // Its sender serves the destination (L-20), and it is no decision (HL-17).
    assert_eq!(
        mag_ipv6_address(&request.options).map(Into::into),
        Some(address("mag2"))
    );
    assert_eq!(timestamp(&request.options), None);
    let of_mag2 = domain.bindings("mag2")[0].hnps[0];
    let named = pmipv6::wire::ro::Endpoints::from_options(&request.options).unwrap();
    assert_eq!(named.destination.homes, [of_mag2]);
    assert!(setup.at > Duration::from_secs(61));
}
