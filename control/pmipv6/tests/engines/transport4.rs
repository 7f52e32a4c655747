//! IPv4 transport and NATs (draft-loureiro section 6.2, RFC 5844 section 4, RFC 5555 sections 3 and 4).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use pmipv6::io::{Entry, Input, Protection, Via};
use pmipv6::path::{Gre, Ipv4Peer, Ipv4Transport};
use pmipv6::wire::message::{BindingUpdate, RoKind};
use pmipv6::wire::options::{
    alternate_care_of_address, gre_key, ipv4_care_of_address, mag_ipv6_address, nat_detection,
};
use pmipv6::wire::{Message, MobilityOption};

use crate::harness::*;
use crate::network4::{NAT, SIGNALLING};
use crate::single_lma::{attached, localized};

/// Refresh time that says: no NAT.
const NO_NAT: u32 = u32::MAX;
/// What a NAT shows to the others.
pub(crate) const OUTSIDE: &str = "192.0.2.200";

pub(crate) fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// A node's address towards nodes of the other kind; MAGs have another one among themselves, and so have
/// LMAs (L-64).
pub(crate) fn towards_others(name: &str) -> Ipv4Addr {
    let last = match name.split_at(3) {
        ("lma", digit) => digit.to_owned(),
        (_, digit) => format!("1{digit}"),
    };
    v4(&format!("198.51.100.{last}"))
}

pub(crate) fn among_equals(name: &str) -> Ipv4Addr {
    let [.., last] = towards_others(name).octets();
    Ipv4Addr::new(203, 0, 113, last)
}

fn row(peer: &str, address: Ipv4Addr, local: Ipv4Addr) -> Ipv4Peer {
    Ipv4Peer {
        peer: match address_of(peer) {
            IpAddr::V6(name) => name.into(),
            IpAddr::V4(_) => panic!("peers have IPv6 names"),
        },
        address: address.into(),
        local,
        nat: Vec::new(),
    }
}

fn address_of(name: &str) -> IpAddr {
    crate::harness::address(name)
}

fn transport(own: &str) -> Ipv4Transport {
    let others = ["lma1", "lma2", "mag1", "mag2", "mag3", "mag4"];
    let others = others.into_iter().filter(|name| *name != own);
    let peers = others.map(|name| match name[..3] == own[..3] {
        true => row(name, among_equals(name), among_equals(own)),
        false => row(name, towards_others(name), towards_others(own)),
    });
    Ipv4Transport {
        peers: peers.collect(),
        ..Ipv4Transport::default()
    }
}

fn name_of(address: IpAddr) -> &'static str {
    names()[&address]
}

/// Two LMAs and four MAGs on IPv4 alone; what a NAT may show is among every node's peers' addresses.
pub(crate) fn domain4(adjust: impl Fn(&str, &mut Ipv4Transport)) -> Domain {
    domain4_in(Gre::Off, adjust)
}

/// The same, every node with or without GRE.
fn domain4_in(gre: Gre, adjust: impl Fn(&str, &mut Ipv4Transport)) -> Domain {
    let made = |own: &str| {
        let mut transport = transport(own);
        adjust(own, &mut transport);
        transport
    };
    let mut domain = domain_with(
        |mag| {
            mag.ipv4_transport = made(name_of(mag.address));
            mag.gre = gre;
        },
        |lma| {
            lma.ipv4_transport = made(name_of(lma.address));
            lma.gre = gre;
        },
    );
    for (node, name) in names().into_iter().filter(|(_, name)| *name != "stranger") {
        domain.network4.add(node, towards_others(name));
        domain.network4.add(node, among_equals(name));
    }
    domain.network4.only_ipv4 = true;
    domain
}

fn plain() -> Domain {
    domain4(|_, _| {})
}

/// Who may be behind a NAT, as those see it that are spoken to: of these names, whatever the NAT shows.
pub(crate) fn may_be_behind(names: &'static [&'static str]) -> impl Fn(&str, &mut Ipv4Transport) {
    move |_, transport| {
        for name in names {
            let IpAddr::V6(behind) = address_of(name) else {
                panic!("peers have IPv6 names")
            };
            for row in &mut transport.peers {
                if row.peer.addr() == behind {
                    row.nat = vec![v4(OUTSIDE).into()];
                }
            }
        }
    }
}

fn options(message: &Message) -> &[MobilityOption] {
    match message {
        Message::BindingUpdate(update) => &update.options,
        Message::BindingAck(ack) => &ack.options,
        Message::RoRequest(request) => &request.options,
        Message::RoAck(ack) => &ack.options,
        _ => &[],
    }
}

/// `a > b PBU` with the port of the UDP datagram that carries it.
pub(crate) fn with_ports(domain: &mut Domain) -> Vec<String> {
    let with_port = |sent: &Sent| {
        let port = match sent.via {
            Via::Ipv6 => "IPv6".to_owned(),
            Via::Ipv4 { .. } => SIGNALLING.to_string(),
            Via::Nat { .. } => NAT.to_string(),
        };
        format!("{} [{port}]", line(sent))
    };
    std::mem::take(&mut domain.trace)
        .iter()
        .map(with_port)
        .collect()
}

/// How `name` reaches `peer`, as its dataplane was told.
pub(crate) fn reach(domain: &Domain, name: &str, peer: &str) -> Via {
    let told = domain
        .entries
        .iter()
        .rev()
        .find_map(|(at, entry)| match entry {
            Entry::Reach { peer: of, via }
                if *at == address_of(name) && *of == address_of(peer) =>
            {
                Some(*via)
            }
            _ => None,
        });
    told.unwrap_or_default()
}

fn ipv4(local: Ipv4Addr, remote: Ipv4Addr) -> Via {
    Via::Ipv4 {
        local,
        remote: SocketAddrV4::new(remote, SIGNALLING),
        udp_data: false,
    }
}

pub(crate) fn nat_port(via: Via) -> u16 {
    match via {
        Via::Nat { remote, .. } if *remote.ip() == v4(OUTSIDE) => remote.port(),
        other => panic!("{other:?} is not through the NAT"),
    }
}

#[test]
fn l_63_registration_over_ipv4_says_who_and_from_where() {
    let mut domain = plain();
    domain.attach("mag1", "mn1@lma1", 1);
    let (pbu, pba) = (domain.trace[0].clone(), domain.trace[1].clone());
    let (mag, lma) = (towards_others("mag1"), towards_others("lma1"));
    assert_eq!((pbu.via, pba.via), (ipv4(mag, lma), ipv4(lma, mag)));
    let asked = options(&pbu.message);
    assert_eq!(
        (
            alternate_care_of_address(asked),
            ipv4_care_of_address(asked)
        ),
        (Some(MAG1.parse().unwrap()), Some(mag)),
        "HL-8: the name and the address"
    );
    let answered = nat_detection(options(&pba.message));
    assert_eq!(answered, Some((false, NO_NAT)), "RFC 5555 section 4.2");
    assert_eq!(reach(&domain, "mag1", "lma1"), ipv4(mag, lma));
    assert_eq!(reach(&domain, "lma1", "mag1"), ipv4(lma, mag));
    let bound = domain.table("lma1").bound;
    let at: Vec<_> = bound.into_values().collect();
    assert_eq!(at, [Some(address_of("mag1"))]);
}

#[test]
fn l_63_ls_10_two_lmas_over_ipv4_take_six_messages_all_by_port_5436() {
    let mut domain = plain();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    domain.take_trace();
    domain.talk("lma1", host(&source), host(&destination));
    let sent = domain.trace.clone();
    assert_eq!(
        with_ports(&mut domain),
        [
            "lma1 > lma2 Trigger (mag1) [5436]",
            "lma2 > mag2 Init (mag1) [5436]",
            "mag2 > mag1 Setup (mag2) [5436]",
            "mag1 > mag2 Setup Ack status 0 [5436]",
            "mag2 > lma2 Init Ack status 0 [5436]",
            "lma2 > lma1 Trigger Ack status 0 [5436]",
        ]
    );
    let care_of = |at: usize| ipv4_care_of_address(options(&sent[at].message));
    assert_eq!(care_of(0), Some(towards_others("mag1")), "HL-8: Trigger");
    assert_eq!(care_of(1), Some(towards_others("mag1")), "HL-8: Init");
    assert_eq!(care_of(2), Some(among_equals("mag2")), "HL-8: Setup");
    let named = |at: usize| mag_ipv6_address(options(&sent[at].message)).map(IpAddr::V6);
    assert_eq!(
        (named(0), named(2)),
        (Some(address_of("mag1")), Some(address_of("mag2")))
    );
    let sends = domain.table("mag1").send;
    assert_eq!(sends, [((source, destination), address_of("mag2"))].into());
}

#[test]
fn l_64_each_leg_has_its_own_address() {
    let mut domain = plain();
    localized(&mut domain);
    let source = domain.attach("mag3", "mn5@lma1", 1);
    let destination = domain.attach("mag4", "mn2@lma2", 1);
    domain.talk("lma1", host(&home(&source)), host(&home(&destination)));
    for sent in &domain.trace {
        let (from, to) = (name_of(sent.source), name_of(sent.destination));
        let Via::Ipv4 { local, remote, .. } = sent.via else {
            panic!("{} by {:?}", line(sent), sent.via);
        };
        let expected = match from[..3] == to[..3] {
            true => (among_equals(from), among_equals(to)),
            false => (towards_others(from), towards_others(to)),
        };
        assert_eq!((local, *remote.ip()), expected, "{}", line(sent));
    }
    let legs: BTreeSet<bool> = domain
        .trace
        .iter()
        .map(|sent| name_of(sent.source)[..3] == name_of(sent.destination)[..3])
        .collect();
    assert_eq!(legs.len(), 2, "both kinds of legs were seen");
}

/// One row for all MAGs, one for all their addresses: who has which is learnt.
fn by_prefix(own: &str, transport: &mut Ipv4Transport) {
    transport.peers.retain(|row| {
        let name = name_of(IpAddr::V6(row.peer.addr()));
        name.starts_with("lma")
    });
    let local = towards_others(own);
    transport.peers.push(Ipv4Peer {
        peer: "2001:db8:a::/48".parse().unwrap(),
        address: "198.51.100.0/24".parse().unwrap(),
        local,
        nat: Vec::new(),
    });
}

#[test]
fn hl_8_mags_learn_each_others_addresses_from_init_and_setup() {
    let mut domain = domain4(by_prefix);
    localized(&mut domain);
    let (one, other) = (towards_others("mag1"), towards_others("mag2"));
    assert_eq!(
        reach(&domain, "mag2", "mag1"),
        ipv4(other, one),
        "by RO Init"
    );
    assert_eq!(
        reach(&domain, "mag1", "mag2"),
        ipv4(one, other),
        "by RO Setup"
    );
    assert_eq!(
        reach(&domain, "lma1", "mag1"),
        ipv4(towards_others("lma1"), one)
    );
    assert_eq!(domain.states("mag1"), ["active"]);
}

#[test]
fn hl_8_a_mag_that_has_another_address_now_is_reached_there() {
    let mut domain = domain4(by_prefix);
    localized(&mut domain);
    // MAG1 comes back with another address, and registers its MN anew.
    let mut config = mag_config("mag1");
    let mut transport = transport("mag1");
    by_prefix("mag1", &mut transport);
    let moved = v4("198.51.100.99");
    for row in &mut transport.peers {
        row.local = moved;
    }
    config.ipv4_transport = transport;
    domain.network4.add(address_of("mag1"), moved);
    domain.add(
        "mag1",
        Box::new(pmipv6::mag::MobileAccessGateway::new(config, 77)),
    );
    domain.seconds(1);
    domain.attach("mag1", "mn1@lma1", 3);
    domain.seconds(1);
    assert_eq!(
        reach(&domain, "lma1", "mag1"),
        ipv4(towards_others("lma1"), moved)
    );
    assert_eq!(
        reach(&domain, "mag2", "mag1"),
        ipv4(towards_others("mag2"), moved)
    );
    assert_eq!(domain.states("mag2"), ["active"]);
}

#[test]
fn reach_is_applied_before_it_is_promised() {
    let mut domain = domain4(by_prefix);
    domain.held.insert(address_of("lma1"));
    let request = pmipv6::io::Command::Attach(attach_request("mn1@lma1", 1));
    domain.command("mag1", request);
    domain.settle();
    assert_eq!(domain.take_trace(), ["mag1 > lma1 PBU"]);
    let of_lma = domain
        .entries
        .iter()
        .filter(|(at, _)| *at == address_of("lma1"));
    let order: Vec<_> = of_lma
        .filter(|(_, entry)| matches!(entry, Entry::Bind { .. } | Entry::Reach { .. }))
        .map(|(_, entry)| matches!(entry, Entry::Bind { .. }))
        .collect();
    assert!(
        order.ends_with(&[false, true]),
        "the way first, then the binding: {order:?}"
    );
}

fn forced(_: &str, transport: &mut Ipv4Transport) {
    transport.force_udp_encapsulation = true;
    transport.accept_forced_udp_encapsulation = true;
}

#[test]
fn l_65_the_f_flag_puts_tunnels_into_udp_on_every_leg() {
    let mut domain = domain4(forced);
    let mut pbus = 0;
    localized(&mut domain);
    for (of, to) in [
        ("mag1", "lma1"),
        ("lma1", "mag1"),
        ("mag1", "mag2"),
        ("mag2", "mag1"),
    ] {
        let via = reach(&domain, of, to);
        let udp = matches!(via, Via::Ipv4 { udp_data: true, .. });
        assert!(udp, "{of} to {to}: {via:?}");
    }
    domain.attach("mag3", "mn5@lma1", 1);
    for sent in &domain.trace {
        match &sent.message {
            Message::BindingUpdate(update) => {
                assert_ne!(update.flags & BindingUpdate::F, 0);
                pbus += 1;
            }
            Message::BindingAck(ack) => {
                assert_eq!(nat_detection(&ack.options), Some((true, NO_NAT)));
            }
            _ => {}
        }
    }
    assert_eq!(pbus, 1);
}

#[test]
fn the_f_flag_is_refused_with_129_where_it_is_not_accepted() {
    let mut domain = domain4(|_, transport| transport.force_udp_encapsulation = true);
    let request = pmipv6::io::Command::Attach(attach_request("mn1@lma1", 1));
    let token = domain.command("mag1", request);
    domain.settle();
    assert_eq!(
        with_ports(&mut domain),
        [
            "mag1 > lma1 PBU [5436]",
            "lma1 > mag1 PBA status 129 [5436]"
        ]
    );
    let refusal = domain.reply(token).unwrap().as_ref().unwrap_err();
    assert_eq!(refusal.status, Some(129), "RFC 5844 section 4.1.3.1");
    assert!(domain.bindings("lma1").is_empty());
}

/// MAG1 is behind a NAT, towards LMAs and MAGs.
pub(crate) fn mag1_behind() -> Domain {
    let mut domain = domain4(may_be_behind(&["mag1"]));
    let outside = v4(OUTSIDE);
    domain.network4.put_behind(towards_others("mag1"), outside);
    domain.network4.put_behind(among_equals("mag1"), outside);
    domain
}

#[test]
fn l_65_a_nat_before_the_mag_is_detected_and_crossed_by_port_4191() {
    let mut domain = mag1_behind();
    domain.attach("mag1", "mn1@lma1", 1);
    let sent = domain.trace.clone();
    assert_eq!(
        with_ports(&mut domain),
        [
            "mag1 > lma1 PBU [5436]",
            "lma1 > mag1 PBA status 0 [5436]",
            "mag1 > lma1 PBU [4191]",
            "lma1 > mag1 PBA status 0 [4191]",
        ]
    );
    for pba in [&sent[1], &sent[3]] {
        assert_eq!(nat_detection(options(&pba.message)), Some((false, 110)));
    }
    let to_mag = reach(&domain, "lma1", "mag1");
    assert!(nat_port(to_mag) > 30_000, "address and port of the NAT");
    assert_eq!(
        reach(&domain, "mag1", "lma1"),
        Via::Nat {
            local: towards_others("mag1"),
            remote: SocketAddrV4::new(towards_others("lma1"), NAT),
        }
    );
    assert_eq!(domain.advertised.len(), 1, "the MN hears of it once");
    assert_eq!(domain.counter("mag1", "pmipv6.nat.detected"), 1);
    // The next MN crosses it at once.
    domain.attach("mag1", "mn3@lma1", 1);
    assert_eq!(
        with_ports(&mut domain),
        ["mag1 > lma1 PBU [4191]", "lma1 > mag1 PBA status 0 [4191]"]
    );
}

#[test]
fn l_65_the_nat_is_kept_open_within_the_refresh_time() {
    let mut domain = mag1_behind();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.take_trace();
    let before = domain.now;
    domain.seconds(109);
    let kept = domain.trace.clone();
    assert_eq!(
        with_ports(&mut domain),
        ["mag1 > lma1 PBU [4191]", "lma1 > mag1 PBA status 0 [4191]"]
    );
    assert!(kept[0].at - before < std::time::Duration::from_secs(110));
    domain.seconds(109);
    assert_eq!(with_ports(&mut domain).len(), 2, "and again");
    domain.detach("mag1", "mn1@lma1");
    domain.take_trace();
    domain.seconds(300);
    assert!(domain.take_trace().is_empty(), "nobody needs it any more");
}

#[test]
fn l_65_the_lmas_refresh_time_is_the_one_that_counts() {
    let mut domain = domain4(|own, transport| {
        may_be_behind(&["mag1"])(own, transport);
        transport.nat_keepalive_s = if own == "lma1" { 20 } else { 110 };
    });
    domain
        .network4
        .put_behind(towards_others("mag1"), v4(OUTSIDE));
    domain.attach("mag1", "mn1@lma1", 1);
    domain.take_trace();
    domain.seconds(65);
    assert_eq!(domain.take_trace().len(), 8, "every 16 seconds");
}

#[test]
fn l_65_a_nat_that_forgot_is_learnt_anew() {
    let mut domain = mag1_behind();
    domain.attach("mag1", "mn1@lma1", 1);
    let before = nat_port(reach(&domain, "lma1", "mag1"));
    domain.network4.forget();
    domain.seconds(100);
    let after = nat_port(reach(&domain, "lma1", "mag1"));
    assert_ne!(before, after);
    assert_eq!(domain.bindings("lma1").len(), 1);
    let reached = domain.counter("lma1", "pmipv6.peer.reached-otherwise");
    assert_eq!(reached, 3, "the first port, that of 4191, the new one");
}

#[test]
fn l_65_without_the_nat_the_node_goes_back_to_port_5436() {
    let mut domain = mag1_behind();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.network4 = Default::default();
    for (node, name) in names().into_iter().filter(|(_, name)| *name != "stranger") {
        domain.network4.add(node, towards_others(name));
    }
    domain.seconds(100);
    let (mag, lma) = (towards_others("mag1"), towards_others("lma1"));
    assert_eq!(reach(&domain, "mag1", "lma1"), ipv4(mag, lma));
    assert_eq!(reach(&domain, "lma1", "mag1"), ipv4(lma, mag));
    domain.take_trace();
    domain.seconds(300);
    assert!(domain.take_trace().is_empty(), "nothing to keep open");
}

/// MAG2 is behind a NAT towards the other MAGs only.
pub(crate) fn mag2_behind() -> Domain {
    mag2_behind_in(Gre::Off)
}

fn mag2_behind_in(gre: Gre) -> Domain {
    let mut domain = domain4_in(gre, |own, transport| {
        if own.starts_with("mag") {
            may_be_behind(&["mag2"])(own, transport);
        }
    });
    domain
        .network4
        .put_behind(among_equals("mag2"), v4(OUTSIDE));
    domain
}

#[test]
fn l_66_ls_11_a_nat_between_mags_is_detected_with_setup() {
    let mut domain = mag2_behind();
    let (source, destination) = attached(&mut domain);
    domain.talk("lma1", host(&source), host(&destination));
    let sent = domain.trace.clone();
    assert_eq!(
        with_ports(&mut domain),
        [
            "lma1 > mag2 Init (mag1) [5436]",
            "mag2 > mag1 Setup (mag2) [5436]",
            "mag1 > mag2 Setup Ack status 0 [5436]",
            "mag2 > mag1 Setup (mag2) [4191]",
            "mag1 > mag2 Setup Ack status 1 [4191]",
            "mag2 > lma1 Init Ack status 0 [5436]",
        ]
    );
    let setup = options(&sent[1].message);
    assert_eq!(ipv4_care_of_address(setup), Some(among_equals("mag2")));
    let answered = nat_detection(options(&sent[2].message));
    assert_eq!(answered, Some((false, 110)), "HL-28");
    assert!(nat_port(reach(&domain, "mag1", "mag2")) > 30_000);
    assert_eq!(
        reach(&domain, "mag2", "mag1"),
        Via::Nat {
            local: among_equals("mag2"),
            remote: SocketAddrV4::new(among_equals("mag1"), NAT),
        }
    );
    for node in ["lma1", "mag1", "mag2"] {
        assert_eq!(domain.states(node), ["active"], "{node}");
    }
    let sends = domain.table("mag2").send;
    assert_eq!(sends, [((destination, source), address_of("mag1"))].into());
}

/// What is said again, past the NAT and to keep it open, is said with the key that it had (RFC 5845).
#[test]
fn hl_29_l_66_a_nat_between_mags_is_crossed_with_gre_keys() {
    let mut domain = mag2_behind_in(Gre::Required);
    localized(&mut domain);
    domain.seconds(200);
    let of = |kind: &str| -> Vec<_> {
        let sent = domain
            .trace
            .iter()
            .filter(|sent| line(sent).starts_with(kind));
        sent.map(|sent| gre_key(options(&sent.message))).collect()
    };
    let (setups, acks) = (of("mag2 > mag1 Setup ("), of("mag1 > mag2 Setup Ack"));
    assert!(setups.len() >= 3 && setups[0].is_some(), "{setups:?}");
    assert!(setups.iter().all(|key| *key == setups[0]), "{setups:?}");
    assert!(
        acks[0].is_some() && acks.len() == setups.len() && acks.iter().all(|key| *key == acks[0]),
        "{acks:?}"
    );
    for node in ["lma1", "mag1", "mag2"] {
        assert_eq!(domain.states(node), ["active"], "{node}");
    }
}

#[test]
fn l_66_setup_keeps_the_nat_open_and_finds_it_again() {
    let mut domain = mag2_behind();
    localized(&mut domain);
    let (before, lifetime) = (
        nat_port(reach(&domain, "mag1", "mag2")),
        domain.paths("mag1")[0].lifetime_s,
    );
    domain.take_trace();
    domain.events.clear();
    domain.network4.forget();
    domain.seconds(100);
    assert_eq!(
        with_ports(&mut domain),
        [
            "mag2 > mag1 Setup (mag2) [4191]",
            "mag1 > mag2 Setup Ack status 1 [4191]",
        ]
    );
    assert_ne!(before, nat_port(reach(&domain, "mag1", "mag2")));
    assert!(domain.events.is_empty(), "{:?}", domain.events);
    let left = domain.paths("mag1")[0].lifetime_s;
    assert_eq!(left, lifetime - 100, "a lifetime is the LMA's to extend");
}

#[test]
fn hl_17_l_66_a_mag_that_was_left_does_not_take_the_path_back_with_its_keepalive() {
    let mut domain = mag2_behind();
    let (source, destination) = localized(&mut domain);
    // MAG2 does not get to know that MN2 has left, and goes on keeping its NAT open.
    domain.lose = ends_at(address_of("mag2"));
    domain.attach("mag3", "mn3@lma1", 3);
    domain.take_trace();
    domain.seconds(120);
    let trace = with_ports(&mut domain);
    assert!(
        trace.contains(&"mag1 > mag2 Setup Ack status 135 [4191]".to_owned()),
        "{trace:?}"
    );
    let sends = domain.table("mag1").send;
    assert_eq!(sends, [((source, destination), address_of("mag3"))].into());
    assert!(domain.table("mag2").send.is_empty());
}

#[test]
fn l_66_a_mag_that_has_lost_the_path_says_so_when_the_nat_is_kept_open() {
    let mut domain = mag2_behind();
    localized(&mut domain);
    domain.detach_quietly("mag1", "mn1@lma1");
    domain.seconds(200);
    for node in ["mag1", "mag2"] {
        assert!(domain.table(node).has_no_path(), "{node}");
    }
}

#[test]
fn l_66_a_silent_peer_behind_a_nat_costs_the_path_and_not_the_traffic() {
    let mut domain = mag2_behind();
    localized(&mut domain);
    domain.dead.insert(address_of("mag1"));
    domain.seconds(100);
    assert!(
        domain.table("mag2").send.is_empty(),
        "through the LMA again"
    );
}

#[test]
fn l_66_whoever_is_behind_a_nat_cannot_be_spoken_to_first() {
    // The source's MAG is behind it: RO Setup does not get there (HL-28), the LMA is told, and asks that MAG.
    let mut domain = mag2_behind();
    let (source, destination) = attached(&mut domain);
    domain.talk("lma1", host(&destination), host(&source));
    domain.seconds(20);
    let trace = domain.take_trace();
    let told = "mag1 > lma1 Init Ack status 132";
    let told = trace.iter().position(|line| line == told);
    let then = &trace[told.expect("RO Setup does not arrive")..];
    let asked = then.iter().any(|line| line == "lma1 > mag2 Init (mag1)");
    assert!(asked, "{trace:?}");
    for node in ["lma1", "mag1", "mag2"] {
        assert_eq!(domain.states(node), ["active"], "{node}");
    }
    // Once it has spoken itself, it can.
    let mut domain = mag2_behind();
    let (source, destination) = localized(&mut domain);
    domain.command(
        "lma1",
        pmipv6::io::Command::PathRemove {
            source,
            destination,
        },
    );
    domain.seconds(61);
    domain.take_trace();
    domain.talk("lma1", host(&destination), host(&source));
    assert_eq!(domain.states("mag1"), ["active"]);
    let trace = with_ports(&mut domain);
    assert!(
        trace.contains(&"mag1 > mag2 Setup (mag1) [4191]".to_owned()),
        "{trace:?}"
    );
}

#[test]
fn hl_28_hl_14_where_neither_way_is_open_each_is_tried_once_and_the_pair_is_held_off() {
    let mut domain = mag2_behind();
    let (source, destination) = attached(&mut domain);
    domain.lose = lose(u32::MAX, |sent| is_request(sent, RoKind::Setup));
    domain.talk("lma1", host(&destination), host(&source));
    domain.seconds(30);
    let trace = domain.take_trace();
    let mut inits: Vec<_> = trace
        .iter()
        .filter(|line| line.contains(" Init ("))
        .collect();
    inits.dedup();
    assert_eq!(
        inits,
        ["lma1 > mag1 Init (mag2)", "lma1 > mag2 Init (mag1)"]
    );
    let held = domain.paths("lma1").into_iter().find_map(|path| path.why);
    assert!(held.is_some_and(|why| why.contains("Peer MAG refused or silent")));
    for node in ["mag1", "mag2"] {
        assert!(domain.table(node).send.is_empty(), "{node}");
    }
}

/// Hands a PBU to LMA1 as it would come from `from`, with these two options.
fn pbu_from(domain: &mut Domain, from: &str, name: &str, care_of: &str) -> Vec<String> {
    let stamp = pmipv6::wire::timestamp_from_duration(
        domain.now + std::time::Duration::from_secs(1_790_000_000),
    );
    let update = BindingUpdate {
        sequence: 7,
        flags: BindingUpdate::A | BindingUpdate::P,
        lifetime: 100,
        options: vec![
            MobilityOption::nai("mn1@lma1"),
            MobilityOption::HomeNetworkPrefix("::/0".parse().unwrap()),
            MobilityOption::HandoffIndicator(1),
            MobilityOption::AccessTechnologyType(4),
            MobilityOption::Timestamp(stamp),
            MobilityOption::AlternateCareOfAddress(name.parse().unwrap()),
            MobilityOption::Ipv4CareOfAddress(v4(care_of)),
        ],
    };
    domain.take_trace();
    domain.input(
        "lma1",
        Input::Message {
            source: ip(from),
            destination: IpAddr::V4(towards_others("lma1")),
            via: Via::Ipv4 {
                local: towards_others("lma1"),
                remote: SocketAddrV4::new(v4(from), SIGNALLING),
                udp_data: false,
            },
            protection: Protection::None,
            aligned: true,
            message: Message::BindingUpdate(update),
        },
    );
    domain.trace.iter().map(line).collect()
}

#[test]
fn l_74_a_name_counts_only_from_an_address_that_it_may_have() {
    let mut domain = mag1_behind();
    let elsewhere = "192.0.2.66";
    let own = towards_others("mag1").to_string();
    for (from, name, care_of) in [
        (elsewhere, MAG1, own.as_str()),
        (elsewhere, MAG1, elsewhere),
        (own.as_str(), MAG1, elsewhere),
        (OUTSIDE, MAG2, own.as_str()),
        (own.as_str(), MAG2, own.as_str()),
    ] {
        let answer = pbu_from(&mut domain, from, name, care_of);
        assert_eq!(
            answer,
            ["lma1 > ? PBA status 154"],
            "{from} {name} {care_of}"
        );
        let Some(Via::Ipv4 { remote, .. }) = domain.trace.first().map(|sent| sent.via) else {
            panic!("it is told where it speaks from");
        };
        assert_eq!(remote.ip().to_string(), from);
    }
    assert!(domain.bindings("lma1").is_empty());
    let answer = pbu_from(&mut domain, OUTSIDE, MAG1, &own);
    assert_eq!(answer, ["lma1 > mag1 PBA status 0"]);
}

#[test]
fn l_74_who_says_no_name_has_to_have_a_peers_address() {
    let mut domain = plain();
    localized(&mut domain);
    let refresh = |from: Ipv4Addr| Input::Message {
        source: IpAddr::V4(from),
        destination: IpAddr::V4(towards_others("lma1")),
        via: ipv4_from(from),
        protection: Protection::None,
        aligned: true,
        message: Message::RoRequest(pmipv6::wire::message::RoRequest {
            kind: RoKind::Refresh,
            sequence: 9,
            handover: false,
            proxy_mode: false,
            lifetime: 100,
            options: Vec::new(),
        }),
    };
    domain.input("lma1", refresh(v4("192.0.2.66")));
    assert_eq!(domain.counter("lma1", "pmipv6.drop.not-authorised"), 1);
    domain.take_trace();
    domain.input("lma1", refresh(towards_others("mag2")));
    assert_eq!(domain.take_trace(), ["lma1 > mag2 Refresh Ack status 136"]);
}

fn ipv4_from(from: Ipv4Addr) -> Via {
    ipv4(towards_others("lma1"), from)
}

#[test]
fn what_does_not_decode_is_answered_the_way_it_came() {
    let mut domain = plain();
    let from = v4("192.0.2.66");
    domain.take_trace();
    domain.input(
        "lma1",
        Input::Malformed {
            source: IpAddr::V4(from),
            destination: IpAddr::V4(towards_others("lma1")),
            via: ipv4_from(from),
            error: pmipv6::wire::WireError::UnknownType(99),
        },
    );
    assert_eq!(domain.trace[0].via, ipv4_from(from));
    assert_eq!(domain.take_trace(), ["lma1 > ? BE status 2"]);
}
