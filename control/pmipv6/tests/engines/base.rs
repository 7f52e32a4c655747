//! RFC 5213, the rest: unknown handoffs, local routing at the MAG, old peers, clocks; RFC 5845: GRE keys.

use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{Command, Entry, Event, GreKeys, Input};
use pmipv6::path::{Gre, PeerSettings};
use pmipv6::wire::message::{BindingAck, BindingUpdate};
use pmipv6::wire::{Message, MobilityOption, options};

use crate::harness::*;

fn with_mac(mn_id: &str, hi: u8, last: u8) -> pmipv6::io::AttachRequest {
    let mut request = attach_request(mn_id, hi);
    request.link = link(1, last);
    request
}

fn attach_start(domain: &mut Domain, mag: &str, request: pmipv6::io::AttachRequest) -> u64 {
    let token = domain.command(mag, Command::Attach(request));
    domain.settle();
    token
}

fn statuses(domain: &Domain) -> Vec<u8> {
    let status = |sent: &Sent| match &sent.message {
        Message::BindingAck(ack) => Some(ack.status),
        _ => None,
    };
    domain.trace.iter().filter_map(status).collect()
}

#[test]
fn rfc5213_5_4_1_2_unknown_handoff_waits_for_the_old_mag_and_keeps_the_home() {
    let mut domain = domain();
    let before = domain.attach("mag1", "mn1@lma1", 1);
    let token = attach_start(&mut domain, "mag2", with_mac("mn1@lma1", 4, 77));
    assert_eq!(domain.reply(token), None);
    domain.pass(Duration::from_millis(700));
    domain.detach_quietly("mag1", "mn1@lma1");
    let after = domain.bindings("mag2");
    assert_eq!(after[0].hnps, before.hnps);
    assert_eq!(domain.bindings("lma1").len(), 1);
    assert_eq!(
        domain.table("lma1").bound[&home(&before)],
        Some(address("mag2"))
    );
    assert!(domain.reply(token).is_some());
}

#[test]
fn rfc5213_5_4_1_2_unknown_handoff_becomes_a_session_of_its_own_after_1500_ms() {
    let mut domain = domain();
    let before = domain.attach("mag1", "mn1@lma1", 1);
    let token = attach_start(&mut domain, "mag2", with_mac("mn1@lma1", 4, 77));
    domain.pass(Duration::from_millis(1_400));
    assert_eq!(domain.reply(token), None);
    domain.pass(Duration::from_millis(200));
    assert!(matches!(domain.reply(token), Some(Ok(_))));
    assert_eq!(domain.bindings("lma1").len(), 2);
    assert_ne!(domain.bindings("mag2")[0].hnps, before.hnps);
    assert_eq!(
        domain.table("lma1").bound[&home(&before)],
        Some(address("mag1"))
    );
}

#[test]
fn rfc5213_9_1_max_delay_before_new_bce_assign_0_does_not_wait() {
    let mut domain = domain_with(|_| {}, |lma| lma.max_delay_before_new_bce_assign_ms = 0);
    domain.attach("mag1", "mn1@lma1", 1);
    let token = attach_start(&mut domain, "mag2", with_mac("mn1@lma1", 4, 77));
    assert!(matches!(domain.reply(token), Some(Ok(_))));
    assert_eq!(domain.bindings("lma1").len(), 2);
}

#[test]
fn rfc5213_6_10_3_two_mns_of_one_mag_are_switched_there() {
    let mut domain = domain_with(|mag| mag.enable_mag_local_routing = true, |_| {});
    let one = home(&domain.attach("mag1", "mn1@lma1", 1));
    let other = home(&domain.attach("mag1", "mn2@lma2", 1));
    domain.take_trace();
    domain.talk("mag1", host(&one), host(&other));
    domain.talk("mag1", host(&other), host(&one));
    let table = domain.table("mag1");
    assert!(table.local.contains(&(one, other)) && table.local.contains(&(other, one)));
    assert_eq!(table.local.len(), 2);
    assert!(domain.take_trace().is_empty(), "nobody is asked");
    assert_eq!(domain.paths("mag1")[0].method, "mag-local");
    domain.detach_quietly("mag1", "mn2@lma2");
    assert!(domain.table("mag1").has_no_path());
}

#[test]
fn rfc5213_6_10_3_local_routing_is_off_by_default_and_obeys_policy() {
    let mut off = domain();
    let mut denied = domain_with(
        |mag| {
            mag.enable_mag_local_routing = true;
            mag.localized_routing.denied = vec![net("2001:db8:2::/48")];
        },
        |_| {},
    );
    for domain in [&mut off, &mut denied] {
        let one = home(&domain.attach("mag1", "mn1@lma1", 1));
        let other = home(&domain.attach("mag1", "mn2@lma2", 1));
        domain.talk("mag1", host(&one), host(&other));
        assert!(domain.table("mag1").has_no_path());
    }
}

#[test]
fn rfc5213_6_10_3_an_ro_init_takes_local_switching_over() {
    let mut domain = domain_with(|mag| mag.enable_mag_local_routing = true, |_| {});
    let one = home(&domain.attach("mag1", "mn1@lma1", 1));
    let other = home(&domain.attach("mag1", "mn3@lma1", 1));
    domain.talk("mag1", host(&one), host(&other));
    domain.talk("lma1", host(&one), host(&other));
    assert_eq!(domain.table("mag1").local.len(), 2);
    domain.detach_quietly("mag1", "mn1@lma1");
    assert!(domain.table("mag1").has_no_path());
}

fn bare_ack(update: &BindingUpdate, hnp: &str, complete: bool) -> BindingAck {
    let mut options = vec![
        MobilityOption::nai("mn1@lma1"),
        MobilityOption::HomeNetworkPrefix(hnp.parse().unwrap()),
    ];
    if complete {
        options.push(MobilityOption::HandoffIndicator(1));
        options.push(MobilityOption::AccessTechnologyType(4));
    }
    BindingAck {
        status: 0,
        flags: BindingAck::P,
        sequence: update.sequence,
        lifetime: 900,
        options,
    }
}

#[test]
fn old_lma_pba_without_hi_and_att_and_an_hnp_of_128_bits_are_taken_only_where_the_peer_is_known_to_be_old()
 {
    for lenient in [false, true] {
        let mut domain = domain_with(
            |mag| {
                let settings = PeerSettings {
                    lenient,
                    ..PeerSettings::default()
                };
                mag.peer_settings = [(address("lma1"), settings)].into();
            },
            |_| {},
        );
        domain.dead.insert(address("lma1"));
        attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
        let Message::BindingUpdate(update) = domain.trace[0].message.clone() else {
            panic!()
        };
        let ack = bare_ack(&update, "2001:db8:1:7::/128", false);
        domain.inject("lma1", "mag1", Message::BindingAck(ack));
        let homes = domain.table("mag1").homes;
        match lenient {
            true => assert!(homes.contains(&net("2001:db8:1:7::/64")), "{homes:?}"),
            false => assert!(homes.is_empty()),
        }
    }
}

#[test]
fn old_mag_hnp_of_128_bits_is_taken_for_its_prefix() {
    let old = PeerSettings {
        lenient: true,
        ..PeerSettings::default()
    };
    let mut domain = domain_with(
        |_| {},
        |lma| lma.peer_settings = [(address("mag1"), old)].into(),
    );
    let mut request = attach_request("mn1@lma1", 1);
    request.hnps = vec!["2001:db8:1:77::/128".parse().unwrap()];
    attach_start(&mut domain, "mag1", request);
    assert_eq!(domain.bindings("lma1")[0].hnps, [net("2001:db8:1:77::/64")]);
}

#[test]
fn rfc6275_6_2_1_registrations_with_options_anywhere_are_taken_only_from_peers_known_to_be_old() {
    let old = PeerSettings {
        lenient: true,
        ..PeerSettings::default()
    };
    for lenient in [false, true] {
        let settings = || lenient.then_some((address("lma1"), old)).into_iter();
        let of_mag = || lenient.then_some((address("mag1"), old)).into_iter();
        let mut domain = domain_with(
            |mag| mag.peer_settings = settings().collect(),
            |lma| lma.peer_settings = of_mag().collect(),
        );
        domain.unaligned = true;
        attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
        let dropped = domain.counter("lma1", "pmipv6.drop.unaligned-options");
        assert_eq!(domain.bindings("lma1").len(), usize::from(lenient));
        assert_eq!(dropped, u64::from(!lenient));
        // The PBA in its turn.
        domain.unaligned = false;
        domain.lose = Some(Box::new(|sent| {
            matches!(sent.message, Message::BindingAck(_))
        }));
        domain.seconds(2);
        domain.lose = None;
        domain.unaligned = true;
        let ack = domain
            .trace
            .iter()
            .rev()
            .find_map(|sent| match &sent.message {
                Message::BindingAck(ack) => Some(ack.clone()),
                _ => None,
            });
        domain.inject("lma1", "mag1", Message::BindingAck(ack.expect("a PBA")));
        assert_eq!(!domain.table("mag1").homes.is_empty(), lenient);
    }
}

#[test]
fn rfc5213_5_5_ordering_is_chosen_per_peer() {
    let by_number = PeerSettings {
        timestamp_based_approach_in_use: Some(false),
        ..PeerSettings::default()
    };
    let mut domain = domain_with(
        |mag| mag.peer_settings = [(address("lma2"), by_number)].into(),
        |lma| lma.peer_settings = [(address("mag2"), by_number)].into(),
    );
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag1", "mn2@lma2", 1);
    domain.attach("mag2", "mn3@lma1", 1);
    let stamped: Vec<bool> = domain
        .trace
        .iter()
        .filter_map(|sent| match &sent.message {
            Message::BindingUpdate(m) => Some(options::timestamp(&m.options).is_some()),
            Message::BindingAck(m) => Some(options::timestamp(&m.options).is_some()),
            _ => None,
        })
        .collect();
    // The last LMA does not look at mag2's Timestamp option, and does not send it back.
    assert_eq!(stamped, [true, true, false, false, true, false]);
}

#[test]
fn rfc5213_6_9_1_2_156_does_not_end_a_binding_that_stands() {
    let mut domain = domain_with(|mag| mag.binding_lifetime_s = 1_000, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    domain
        .skew
        .insert(address("mag1"), Duration::from_secs(3_600));
    domain.trace.clear();
    domain.seconds(803);
    assert_eq!(statuses(&domain), [156]);
    assert_eq!(domain.bindings("mag1")[0].state, "registered");
    let alarm = |event: &(_, Event)| matches!(&event.1, Event::Alarm { name, .. } if name == "clock-differs");
    assert!(domain.events.iter().any(alarm));
    // Somebody sets the clock right.
    domain.skew.clear();
    domain.seconds(40);
    assert_eq!(statuses(&domain).last(), Some(&0));
}

#[test]
fn rfc5213_5_5_156_a_mag_with_a_clock_an_hour_off_is_refused() {
    let mut domain = domain();
    domain
        .skew
        .insert(address("mag1"), Duration::from_secs(3_600));
    let token = attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    assert!(matches!(domain.reply(token), Some(Err(refusal)) if refusal.status == Some(156)));
    let mut domain = domain_with(
        |_| {},
        |lma| lma.mobile_node_generated_timestamp_in_use = true,
    );
    domain
        .skew
        .insert(address("mag1"), Duration::from_secs(3_600));
    domain.attach("mag1", "mn1@lma1", 1);
}

#[test]
fn rfc5213_6_9_1_2_156_to_a_pbu_that_was_late_is_tried_again_with_a_fresh_timestamp() {
    let mut domain = domain();
    domain.lose = Some(Box::new(|_| true));
    let token = attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    domain.lose = None;
    let Message::BindingUpdate(update) = domain.trace[0].message.clone() else {
        panic!("no PBU");
    };
    domain.pass(Duration::from_millis(400));
    domain.inject("mag1", "lma1", Message::BindingUpdate(update));
    assert_eq!(statuses(&domain), [156, 0]);
    assert!(matches!(domain.reply(token), Some(Ok(_))));
}

#[test]
fn rfc5213_6_9_1_2_156_from_an_lma_that_always_says_so_ends() {
    // 350 ms: hardly more than the window, and no way is that long.
    for (ahead, behind) in [(350, 0), (0, 350)] {
        let mut domain = domain();
        domain
            .skew
            .insert(address("mag1"), Duration::from_millis(ahead));
        domain
            .behind
            .insert(address("mag1"), Duration::from_millis(behind));
        let token = attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
        assert_eq!(statuses(&domain), [156]);
        assert!(matches!(domain.reply(token), Some(Err(_))));
    }
}

#[test]
fn rfc5213_6_9_4_unreachable_mn_is_detached() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag1", "mn3@lma1", 1);
    domain.input("mag1", Input::Unreachable { link: link(1, 1) });
    domain.seconds(2);
    let left: Vec<_> = domain
        .bindings("mag1")
        .into_iter()
        .map(|view| view.mn_id)
        .collect();
    assert_eq!(left, ["mn3@lma1"]);
    let gone = |event: &(_, Event)| matches!(&event.1, Event::Detach { reason, .. } if reason == "unreachable");
    assert!(domain.events.iter().any(gone));
}

#[test]
fn rfc5213_6_8_link_local_address_is_assigned_and_kept_over_a_handover() {
    let mut domain = domain_with(|mag| mag.fixed_link_local = None, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag2", "mn1@lma1", 3);
    let assigned: Vec<_> = domain
        .trace
        .iter()
        .filter_map(|sent| match &sent.message {
            Message::BindingAck(ack) => options::link_local_address(&ack.options),
            _ => None,
        })
        .collect();
    assert_eq!(assigned.len(), 2);
    assert!(assigned[0] == assigned[1] && assigned[0].is_unicast_link_local());
}

fn keys(domain: &Domain, node: &str) -> Vec<(IpNet, Option<IpNet>, Option<GreKeys>)> {
    let at = address(node);
    let key = |(from, entry): &(_, Entry)| match entry {
        Entry::GreKeys { home, remote, keys } if *from == at => Some((*home, *remote, *keys)),
        _ => None,
    };
    domain.entries.iter().filter_map(key).collect()
}

#[test]
fn rfc5845_5_keys_are_agreed_and_told_before_the_entries_that_use_them() {
    let mut domain = domain_with(|mag| mag.gre = Gre::Optional, |lma| lma.gre = Gre::Required);
    let one = home(&domain.attach("mag1", "mn1@lma1", 1));
    let at_mag = keys(&domain, "mag1")[0].2.unwrap();
    let at_lma = keys(&domain, "lma1")[0].2.unwrap();
    assert_eq!((at_mag.send, at_mag.receive), (at_lma.receive, at_lma.send));
    assert!(at_mag.send.is_some() && at_mag.receive.is_some());
    let order = |node: &str| -> Vec<&Entry> {
        let of = |(from, _): &&(_, Entry)| *from == address(node);
        domain
            .entries
            .iter()
            .filter(of)
            .map(|(_, entry)| entry)
            .collect()
    };
    assert!(matches!(
        order("mag1")[..],
        [Entry::GreKeys { .. }, Entry::Attach { .. }]
    ));
    domain.entries.clear();
    // The new MAG has another key; the LMA keeps its own.
    domain.attach("mag2", "mn1@lma1", 3);
    let moved = keys(&domain, "lma1")[0];
    assert_eq!((moved.0, moved.2.unwrap().receive), (one, at_lma.receive));
    assert_ne!(moved.2.unwrap().send, at_lma.send);
    domain.entries.clear();
    domain.seconds(3_000);
    assert!(keys(&domain, "lma1").is_empty(), "an extension keeps them");
}

#[test]
fn rfc5845_163_a_mag_without_a_key_is_refused_where_one_is_required() {
    let mut domain = domain_with(|_| {}, |lma| lma.gre = Gre::Required);
    let token = attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    assert!(matches!(domain.reply(token), Some(Err(refusal)) if refusal.status == Some(163)));
}

#[test]
fn rfc5845_2_an_lma_without_gre_says_so_and_serves_the_mn() {
    let mut domain = domain_with(|mag| mag.gre = Gre::Optional, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    assert_eq!(statuses(&domain), [2]);
    assert!(keys(&domain, "mag1").is_empty() && keys(&domain, "lma1").is_empty());
    let mut domain = domain_with(|mag| mag.gre = Gre::Required, |_| {});
    let token = attach_start(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    assert!(matches!(domain.reply(token), Some(Err(refusal)) if refusal.name == "gre-required"));
    domain.seconds(11);
    assert!(domain.bindings("lma1").is_empty());
}

#[test]
fn hl_29_a_path_between_mags_has_keys_of_its_own() {
    let mut domain = domain_with(|mag| mag.gre = Gre::Optional, |lma| lma.gre = Gre::Optional);
    let one = home(&domain.attach("mag1", "mn1@lma1", 1));
    let other = home(&domain.attach("mag2", "mn3@lma1", 1));
    domain.entries.clear();
    domain.talk("lma1", host(&one), host(&other));
    let last = |node: &str| keys(&domain, node).into_iter().next_back().unwrap();
    let (near, far) = (last("mag1"), last("mag2"));
    assert_eq!((near.0, near.1), (one, Some(other)));
    assert_eq!((far.0, far.1), (other, Some(one)));
    let (near, far) = (near.2.unwrap(), far.2.unwrap());
    assert_eq!((near.send, near.receive), (far.receive, far.send));
    assert!(near.send.is_some() && near.receive.is_some());
    let first = |node: &str| {
        let of = |(from, _): &&(_, Entry)| *from == address(node);
        domain
            .entries
            .iter()
            .find(of)
            .map(|(_, entry)| entry.clone())
    };
    assert!(matches!(first("mag1"), Some(Entry::GreKeys { .. })));
    assert!(matches!(first("mag2"), Some(Entry::GreKeys { .. })));
}

#[test]
fn hl_29_a_path_to_a_mag_without_gre_goes_without_or_not_at_all() {
    for (gre, sends) in [(Gre::Optional, true), (Gre::Required, false)] {
        let mut domain = domain_with(
            |mag| {
                mag.gre = if mag.address == address("mag1") {
                    gre
                } else {
                    Gre::Off
                }
            },
            |lma| lma.gre = Gre::Optional,
        );
        let one = home(&domain.attach("mag1", "mn1@lma1", 1));
        let other = home(&domain.attach("mag2", "mn3@lma1", 1));
        domain.talk("lma1", host(&one), host(&other));
        assert_eq!(
            domain.table("mag1").send.contains_key(&(one, other)),
            sends,
            "{gre:?}"
        );
        assert_eq!(
            domain.table("mag2").send.contains_key(&(other, one)),
            sends,
            "{gre:?}"
        );
    }
}
