//! draft-loureiro section 10, L-74: who may do what.

use pmipv6::io::{Input, Protection, Via};
use pmipv6::wire::message::{RoKind, RoRequest};
use pmipv6::wire::{Message, MobilityOption};

use crate::harness::*;
use crate::single_lma::attached;

fn request(domain: &mut Domain, kind: RoKind, mag: &str) -> RoRequest {
    let (source, destination) = attached(domain);
    domain.entries.clear();
    let hnp = |home: ipnet::IpNet| match home {
        ipnet::IpNet::V6(hnp) => MobilityOption::HomeNetworkPrefix(hnp),
        ipnet::IpNet::V4(_) => panic!(),
    };
    RoRequest {
        kind,
        sequence: 1,
        handover: false,
        proxy_mode: false,
        lifetime: 300,
        options: vec![
            hnp(source),
            hnp(destination),
            MobilityOption::MagIpv6Address(mag.parse().unwrap()),
        ],
    }
}

fn ack_status(domain: &Domain) -> Option<u8> {
    domain
        .trace
        .iter()
        .rev()
        .find_map(|sent| match &sent.message {
            Message::RoAck(ack) => Some(ack.status),
            _ => None,
        })
}

#[test]
fn l_74_strangers_are_counted_drops_without_an_answer() {
    for (kind, target) in [
        (RoKind::Init, "mag2"),
        (RoKind::Setup, "mag1"),
        (RoKind::Trigger, "lma1"),
        (RoKind::Refresh, "lma1"),
    ] {
        let mut domain = domain();
        let message = request(&mut domain, kind, MAG1);
        domain.trace.clear();
        domain.inject("stranger", target, Message::RoRequest(message));
        assert_eq!(domain.trace.len(), 1, "{kind:?}");
        assert_eq!(domain.counter(target, "pmipv6.drop.not-authorised"), 1);
        assert!(domain.entries.is_empty() && domain.paths(target).is_empty());
    }
}

#[test]
fn l_74_a_mag_cannot_speak_as_an_lma() {
    let mut domain = domain();
    let message = request(&mut domain, RoKind::Init, MAG1);
    domain.inject("mag3", "mag2", Message::RoRequest(message));
    assert_eq!(domain.counter("mag2", "pmipv6.drop.not-authorised"), 1);
    assert!(domain.entries.is_empty());
}

#[test]
fn l_74_an_lma_that_is_not_the_mns_is_138() {
    let mut domain = domain();
    let message = request(&mut domain, RoKind::Init, MAG1);
    domain.inject("lma2", "mag2", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(138));
    assert!(domain.entries.is_empty());
}

#[test]
fn l_74_init_that_names_a_mag_outside_the_domain_is_138() {
    let mut domain = domain();
    let message = request(&mut domain, RoKind::Init, "2001:db8:bad::1");
    domain.inject("lma1", "mag2", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(138));
}

#[test]
fn l_74_setup_in_the_name_of_another_mag_is_138() {
    let mut domain = domain();
    let message = request(&mut domain, RoKind::Setup, MAG2);
    domain.inject("mag3", "mag1", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(138));
    assert!(domain.entries.is_empty());
}

#[test]
fn l_74_setup_for_a_whole_network_is_refused() {
    let mut domain = domain();
    let mut message = request(&mut domain, RoKind::Setup, MAG2);
    message.options[1] = MobilityOption::HomeNetworkPrefix("2000::/3".parse().unwrap());
    domain.inject("mag2", "mag1", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(136));
    assert!(domain.entries.is_empty());
}

#[test]
fn l_74_refresh_by_a_mag_that_serves_neither_end_is_138() {
    let mut domain = domain();
    let mut message = request(&mut domain, RoKind::Refresh, MAG1);
    let (source, destination) = {
        let paths = domain.bindings("lma1");
        (paths[0].hnps[0], paths[1].hnps[0])
    };
    domain.talk("lma1", host(&source), host(&destination));
    message.options.pop();
    domain.inject("mag3", "lma1", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(138));
}

#[test]
fn l_74_trigger_for_a_prefix_that_is_not_the_senders_is_138() {
    let mut domain = domain();
    let message = request(&mut domain, RoKind::Trigger, MAG1);
    domain.inject("lma2", "lma1", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(138));
    assert!(domain.paths("lma1").is_empty());
}

#[test]
fn l_74_goodbye_from_a_mag_that_is_not_the_peer_changes_nothing() {
    let mut domain = domain();
    let (source, destination) = crate::single_lma::localized(&mut domain);
    let Message::RoRequest(mut message) = domain.trace[1].message.clone() else {
        panic!()
    };
    domain.entries.clear();
    message.sequence = 9;
    message.lifetime = 0;
    domain.inject("mag3", "mag1", Message::RoRequest(message));
    assert_eq!(ack_status(&domain), Some(131));
    assert!(domain.entries.is_empty());
    assert_eq!(domain.paths("mag1")[0].source, source);
    assert_eq!(domain.paths("mag1")[0].destination, destination);
}

#[test]
fn l_67_clear_text_is_dropped_where_protection_is_required() {
    let mut domain = domain_with(|mag| mag.require_protection = true, |_| {});
    let message = request_without_binding();
    let input = |protection| Input::Message {
        via: Via::Ipv6,
        source: address("lma1"),
        destination: address("mag2"),
        protection,
        aligned: true,
        message: Message::RoRequest(message.clone()),
    };
    domain.input("mag2", input(Protection::None));
    domain.settle();
    assert!(domain.trace.is_empty());
    assert_eq!(domain.counter("mag2", "pmipv6.drop.unprotected"), 1);
    domain.input("mag2", input(Protection::Esp));
    domain.settle();
    assert_eq!(domain.take_trace(), ["mag2 > lma1 Init Ack status 129"]);
}

fn request_without_binding() -> RoRequest {
    let hnp = |text: &str| MobilityOption::HomeNetworkPrefix(text.parse().unwrap());
    RoRequest {
        kind: RoKind::Init,
        sequence: 1,
        handover: false,
        proxy_mode: false,
        lifetime: 300,
        options: vec![
            hnp("2001:db8:1:1::/64"),
            hnp("2001:db8:1:2::/64"),
            MobilityOption::MagIpv6Address(MAG1.parse().unwrap()),
        ],
    }
}

#[test]
fn pbu_of_a_mag_that_is_not_authorised_is_154() {
    let mut domain = domain();
    attached(&mut domain);
    let token = domain.command(
        "mag1",
        pmipv6::io::Command::Attach(attach_request("mn5@lma1", 1)),
    );
    let Message::BindingUpdate(update) = domain.trace[0].message.clone() else {
        panic!("{token}")
    };
    domain.settle();
    domain.take_trace();
    domain.inject("stranger", "lma1", Message::BindingUpdate(update));
    assert_eq!(domain.take_trace()[1], "lma1 > stranger PBA status 154");
}

#[test]
fn l_12_a_mag_never_sends_setup_without_init() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain);
    domain.talk("mag1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty());
}
