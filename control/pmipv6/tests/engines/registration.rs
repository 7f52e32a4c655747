//! RFC 5213: registration, extension, handover, de-registration, and every way they fail.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{Answer, Command, Engine, Entry, Event, Input, Output, Refusal};
use pmipv6::lma::{LocalMobilityAnchor, Profile};
use pmipv6::wire::message::{BindingAck, BindingUpdate};
use pmipv6::wire::{Message, MobilityOption, options};

use crate::harness::*;

fn refusal(domain: &Domain, token: u64) -> Refusal {
    match domain.reply(token) {
        Some(Err(refusal)) => refusal.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

fn attach_token(domain: &mut Domain, mag: &str, request: pmipv6::io::AttachRequest) -> u64 {
    let token = domain.command(mag, Command::Attach(request));
    domain.settle();
    token
}

#[test]
fn rfc5213_6_9_attach_registers_advertises_and_answers() {
    let mut domain = domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 PBU", "lma1 > mag1 PBA status 0"]
    );
    assert_eq!(view.hnps.len(), 1);
    assert!(net("2001:db8:1::/48").contains(&view.hnps[0]));
    assert_eq!(view.lma, Some(address("lma1")));
    assert_eq!(view.lifetime_s, 3_600);
    assert!(domain.table("mag1").homes.contains(&view.hnps[0]));
    assert_eq!(
        domain.table("lma1").bound[&view.hnps[0]],
        Some(address("mag1"))
    );
    let advertised = matches!(
        &domain.advertised[..],
        [(_, Output::Advertise { prefixes, lifetime_s: 3_600, .. })] if *prefixes == view.hnps
    );
    assert!(advertised, "{:?}", domain.advertised);
}

#[test]
fn rfc5213_6_9_1_5_pbu_carries_every_mandatory_option() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    let Message::BindingUpdate(update) = &domain.trace[0].message else {
        panic!("no PBU");
    };
    assert_eq!(update.flags, BindingUpdate::A | BindingUpdate::P);
    assert_eq!(update.lifetime, 900);
    assert_eq!(options::nai(&update.options), Some("mn1@lma1"));
    let hnps: Vec<_> = options::home_network_prefixes(&update.options).collect();
    assert_eq!(hnps, [options::ALL_ZERO_HNP]);
    assert_eq!(options::handoff_indicator(&update.options), Some(1));
    assert_eq!(options::access_technology_type(&update.options), Some(4));
    assert_eq!(
        options::mn_link_layer_id(&update.options),
        Some(&[2, 0, 0, 0, 0, 1][..])
    );
    assert!(options::timestamp(&update.options).is_some());
    assert_eq!(options::link_local_address(&update.options), None);
}

#[test]
fn house_rule_1_pba_and_advertisement_wait_for_their_updates() {
    let mut domain = domain();
    domain.held.insert(address("lma1"));
    let token = attach_token(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    assert_eq!(domain.take_trace(), ["mag1 > lma1 PBU"]);
    domain.held.clear();
    domain.held.insert(address("mag1"));
    domain.input("lma1", Input::Applied(3));
    domain.settle();
    assert_eq!(domain.take_trace(), ["lma1 > mag1 PBA status 0"]);
    assert!(domain.reply(token).is_none() && domain.advertised.is_empty());
    domain.held.clear();
    domain.input("mag1", Input::Timeout);
    assert!(domain.reply(token).is_some());
    assert_eq!(domain.advertised.len(), 1);
}

#[test]
fn rfc5213_6_9_4_pbu_retransmits_with_doubling_and_fresh_numbers() {
    let mut domain = domain_with(|mag| mag.attach_timeout_ms = 200_000, |_| {});
    domain.dead.insert(address("lma1"));
    attach_token(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    domain.seconds(130);
    let at: Vec<u64> = domain.trace.iter().map(|sent| sent.at.as_secs()).collect();
    assert_eq!(at, [0, 1, 3, 7, 15, 31, 63, 95, 127]);
    let stamps: Vec<_> = domain
        .trace
        .iter()
        .map(|sent| match &sent.message {
            Message::BindingUpdate(update) => {
                (update.sequence, options::timestamp(&update.options))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(
        stamps
            .windows(2)
            .all(|pair| pair[0].0.wrapping_add(1) == pair[1].0 && pair[0].1 < pair[1].1)
    );
}

#[test]
fn silent_lma_is_reported_by_name_and_state_is_as_before() {
    let mut domain = domain();
    domain.dead.insert(address("lma1"));
    let token = attach_token(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    domain.seconds(9);
    assert!(domain.reply(token).is_none());
    domain.seconds(2);
    assert_eq!(refusal(&domain, token).name, "lma-silent");
    assert!(domain.bindings("mag1").is_empty());
    assert!(domain.entries.iter().all(|(at, _)| *at != address("mag1")));
    assert_eq!(domain.engine("mag1").next_deadline(), None);
    let down = |event: &(_, Event)| matches!(event.1, Event::PeerDown { .. });
    assert!(domain.events.iter().any(down));
}

#[test]
fn second_attach_of_the_same_mn_is_refused() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.take_trace();
    let token = attach_token(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    assert_eq!(refusal(&domain, token).name, "already-attached");
    assert!(domain.take_trace().is_empty());
}

#[test]
fn another_mn_on_the_same_link_is_refused() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    let mut request = attach_request("mn3@lma1", 1);
    request.link = link(1, 1);
    let token = attach_token(&mut domain, "mag1", request);
    assert_eq!(refusal(&domain, token).name, "link-in-use");
}

#[test]
fn mn_changes_its_link_at_the_same_mag_and_keeps_its_home() {
    let mut domain = domain();
    let before = domain.attach("mag1", "mn1@lma1", 1);
    let mut request = attach_request("mn1@lma1", 3);
    request.link = link(2, 1);
    let token = attach_token(&mut domain, "mag1", request);
    let Some(Ok(Answer::Attached(after))) = domain.reply(token) else {
        panic!("{:?}", domain.reply(token));
    };
    assert_eq!(after.hnps, before.hnps);
    assert_eq!(after.link, Some(link(2, 1)));
    assert_eq!(domain.bindings("lma1").len(), 1);
}

#[test]
fn hnp_taken_by_another_mn_is_refused_155_by_name() {
    let mut domain = domain();
    let taken = domain.attach("mag1", "mn1@lma1", 1);
    let IpNet::V6(hnp) = taken.hnps[0] else {
        panic!()
    };
    let mut request = attach_request("mn3@lma1", 1);
    request.hnps = vec![hnp];
    let token = attach_token(&mut domain, "mag2", request);
    let refused = refusal(&domain, token);
    assert_eq!(
        (refused.status, refused.name.as_str()),
        (Some(155), "NOT_AUTHORIZED_FOR_HOME_NETWORK_PREFIX")
    );
    assert!(domain.bindings("mag2").is_empty() && domain.advertised.len() == 1);
    assert_eq!(domain.bindings("lma1").len(), 1);
}

#[test]
fn requested_prefix_of_the_pool_is_granted() {
    let mut domain = domain();
    let mut request = attach_request("mn1@lma1", 1);
    request.hnps = vec!["2001:db8:1:77::/64".parse().unwrap()];
    let token = attach_token(&mut domain, "mag1", request);
    let Some(Ok(Answer::Attached(view))) = domain.reply(token) else {
        panic!()
    };
    assert_eq!(view.hnps, [net("2001:db8:1:77::/64")]);
}

#[test]
fn rfc5213_6_9_1_3_re_registration_extends_before_the_lifetime_ends() {
    let mut domain = domain_with(|mag| mag.binding_lifetime_s = 100, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    domain.take_trace();
    domain.seconds(81);
    let Message::BindingUpdate(update) = &domain.trace[0].message else {
        panic!()
    };
    assert_eq!(options::handoff_indicator(&update.options), Some(5));
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 PBU", "lma1 > mag1 PBA status 0"]
    );
    domain.seconds(500);
    assert_eq!(domain.bindings("lma1")[0].state, "registered");
    assert_eq!(
        domain
            .entries
            .iter()
            .filter(|(_, e)| matches!(e, Entry::Attach { .. }))
            .count(),
        1
    );
}

#[test]
fn binding_expires_at_both_ends_when_the_lma_is_dead() {
    let mut domain = domain_with(|mag| mag.binding_lifetime_s = 100, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    domain.dead.insert(address("lma1"));
    domain.seconds(101);
    assert!(domain.bindings("mag1").is_empty());
    assert!(domain.table("mag1").homes.is_empty());
    let expired = |event: &(_, Event)| matches!(&event.1, Event::Detach { reason, .. } if reason == "expired");
    assert!(domain.events.iter().any(expired));
    assert!(matches!(
        domain.advertised.last(),
        Some((_, Output::Withdraw { .. }))
    ));
}

#[test]
fn rfc5213_5_3_5_de_registration_suspends_then_deletes() {
    let mut domain = domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.take_trace();
    domain.detach("mag1", "mn1@lma1");
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 PBU 0", "lma1 > mag1 PBA status 0"]
    );
    assert!(domain.bindings("mag1").is_empty());
    assert_eq!(domain.table("lma1").bound[&view.hnps[0]], None);
    assert_eq!(domain.bindings("lma1")[0].state, "waiting-deletion");
    domain.seconds(11);
    assert!(domain.bindings("lma1").is_empty());
    assert!(domain.table("lma1").bound.is_empty());
}

#[test]
fn rfc5213_6_9_1_4_de_registration_without_answer_ends_after_initial_bindack_timeout() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.dead.insert(address("lma1"));
    let token = domain.command(
        "mag1",
        Command::Detach {
            mn_id: "mn1@lma1".to_owned(),
        },
    );
    domain.pass(Duration::from_millis(900));
    assert_eq!(domain.bindings("mag1")[0].state, "deregistering");
    domain.pass(Duration::from_millis(200));
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Detached)));
    assert!(domain.bindings("mag1").is_empty());
}

#[test]
fn rfc5213_5_3_5_de_registration_from_another_mag_is_ignored() {
    let mut domain = domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag2", "mn1@lma1", 3);
    domain.take_trace();
    let token = domain.command(
        "mag1",
        Command::Detach {
            mn_id: "mn1@lma1".to_owned(),
        },
    );
    domain.seconds(2);
    assert_eq!(domain.take_trace(), ["mag1 > lma1 PBU 0"]);
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Detached)));
    assert_eq!(
        domain.counter("lma1", "pmipv6.drop.deregistration-from-other-mag"),
        1
    );
    assert_eq!(
        domain.table("lma1").bound[&view.hnps[0]],
        Some(address("mag2"))
    );
}

#[test]
fn rfc5213_5_3_4_handover_keeps_the_home_and_moves_the_tunnel_in_one_step() {
    let mut domain = domain();
    let before = domain.attach("mag1", "mn1@lma1", 1);
    domain.entries.clear();
    let after = domain.attach("mag3", "mn1@lma1", 3);
    assert_eq!(after.hnps, before.hnps);
    let at_lma: Vec<&Entry> = domain
        .entries
        .iter()
        .filter(|(at, _)| *at == address("lma1"))
        .map(|(_, e)| e)
        .collect();
    assert_eq!(
        at_lma,
        [&Entry::Bind {
            home: before.hnps[0],
            proxy_coa: address("mag3")
        }]
    );
    let handover = Event::Handover {
        mn_id: "mn1@lma1".to_owned(),
        from: address("mag1"),
        to: address("mag3"),
    };
    assert!(domain.events.contains(&(address("lma1"), handover)));
}

#[test]
fn extension_by_the_previous_mag_does_not_take_the_binding_back() {
    let mut domain = domain_with(|mag| mag.binding_lifetime_s = 100, |_| {});
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(50);
    domain.attach("mag3", "mn1@lma1", 3);
    domain.take_trace();
    domain.seconds(31);
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 PBU", "lma1 > mag1 PBA status 129"]
    );
    assert!(domain.bindings("mag1").is_empty());
    assert_eq!(
        domain.table("lma1").bound[&view.hnps[0]],
        Some(address("mag3"))
    );
}

#[test]
fn pool_exhausted_is_refused_130() {
    let mut domain = domain_with(
        |_| {},
        |lma| lma.hnp_pools = vec!["2001:db8:1::/63".parse().unwrap()],
    );
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag1", "mn3@lma1", 1);
    let token = attach_token(&mut domain, "mag1", attach_request("mn5@lma1", 1));
    let refused = refusal(&domain, token);
    assert_eq!(
        (refused.status, refused.name.as_str()),
        (Some(130), "Insufficient resources")
    );
}

#[test]
fn prefix_is_free_again_after_deletion() {
    let mut domain = domain_with(
        |_| {},
        |lma| lma.hnp_pools = vec!["2001:db8:1::/64".parse().unwrap()],
    );
    let first = domain.attach("mag1", "mn1@lma1", 1);
    domain.detach("mag1", "mn1@lma1");
    domain.seconds(11);
    assert_eq!(domain.attach("mag2", "mn3@lma1", 1).hnps, first.hnps);
}

fn profiles(lma: &mut pmipv6::lma::Config) {
    let profile = Profile::default;
    lma.accept_unknown_mns = false;
    lma.profiles = [
        (
            "mn1@lma1".to_owned(),
            Profile {
                hnps: vec!["2001:db8:1:aa::/64".parse().unwrap()],
                ..profile()
            },
        ),
        (
            "mn3@lma1".to_owned(),
            Profile {
                enabled: false,
                ..profile()
            },
        ),
        (
            "mn5@lma1".to_owned(),
            Profile {
                ipv6: false,
                ..profile()
            },
        ),
    ]
    .into();
}

#[test]
fn statuses_152_153_172_come_from_the_profile() {
    let mut domain = domain_with(|_| {}, profiles);
    assert_eq!(
        domain.attach("mag1", "mn1@lma1", 1).hnps,
        [net("2001:db8:1:aa::/64")]
    );
    for (mn_id, status) in [("mn3@lma1", 152), ("mn7@lma1", 153), ("mn5@lma1", 172)] {
        let token = attach_token(&mut domain, "mag1", attach_request(mn_id, 1));
        assert_eq!(refusal(&domain, token).status, Some(status), "{mn_id}");
    }
}

fn answer_to(domain: &mut Domain, update: BindingUpdate) -> Option<BindingAck> {
    domain.trace.clear();
    domain.inject("mag1", "lma1", Message::BindingUpdate(update));
    domain.trace.iter().find_map(|sent| match &sent.message {
        Message::BindingAck(ack) => Some(ack.clone()),
        _ => None,
    })
}

fn complete_update(domain: &Domain) -> BindingUpdate {
    let wall = Duration::from_secs(1_790_000_000) + domain.now;
    BindingUpdate {
        sequence: 7,
        flags: BindingUpdate::A | BindingUpdate::P,
        lifetime: 100,
        options: vec![
            MobilityOption::nai("mn9@lma1"),
            MobilityOption::HomeNetworkPrefix(options::ALL_ZERO_HNP),
            MobilityOption::HandoffIndicator(1),
            MobilityOption::AccessTechnologyType(4),
            MobilityOption::Timestamp(pmipv6::wire::timestamp_from_duration(wall)),
        ],
    }
}

#[test]
fn rfc5213_5_3_1_each_mandatory_option_missing_has_its_status() {
    let mut domain = domain();
    for (missing, status) in [(0, 160), (1, 158), (2, 161), (3, 162)] {
        let mut update = complete_update(&domain);
        update.options.remove(missing);
        let ack = answer_to(&mut domain, update).expect("a PBA");
        assert_eq!((ack.status, ack.sequence, ack.lifetime), (status, 7, 0));
        assert!(options::handoff_indicator(&ack.options).is_some());
    }
    assert!(domain.bindings("lma1").is_empty());
    let update = complete_update(&domain);
    assert_eq!(
        answer_to(&mut domain, update).map(|ack| ack.status),
        Some(0)
    );
}

#[test]
fn rfc5213_5_5_timestamps_156_outside_the_window_157_not_newer() {
    let mut domain = domain();
    let update = complete_update(&domain);
    assert_eq!(answer_to(&mut domain, update.clone()).unwrap().status, 0);
    let again = answer_to(&mut domain, update.clone()).unwrap();
    assert_eq!(again.status, 157);
    let now = pmipv6::wire::timestamp_from_duration(Duration::from_secs(1_790_000_000));
    assert!(
        options::timestamp(&again.options).unwrap() >= now,
        "157 brings the LMA's time"
    );
    let mut ahead = update;
    ahead.options.pop();
    ahead
        .options
        .push(MobilityOption::Timestamp(now + (2 << 16)));
    assert_eq!(answer_to(&mut domain, ahead).unwrap().status, 156);
}

#[test]
fn rfc6275_9_5_1_sequence_numbers_order_where_there_is_no_timestamp() {
    let mut domain = domain();
    let mut update = complete_update(&domain);
    update.options.pop();
    assert_eq!(answer_to(&mut domain, update.clone()).unwrap().status, 0);
    for (sequence, status) in [(7, 135), (6, 135), (7u16.wrapping_sub(32_768), 135), (8, 0)] {
        update.sequence = sequence;
        let ack = answer_to(&mut domain, update.clone()).unwrap();
        assert_eq!(ack.status, status, "{sequence}");
        assert_eq!(options::timestamp(&ack.options), None);
        if status == 135 {
            assert_eq!(ack.sequence, 7);
        }
    }
}

#[test]
fn rfc5213_5_5_a_mag_without_timestamps_adopts_the_number_of_135() {
    let mut domain = domain_with(|mag| mag.timestamp_based_approach_in_use = false, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    for mag in ["mag2", "mag3", "mag4", "mag1"] {
        // Each has its own numbers; whichever is behind learns the LMA's.
        if mag != "mag1" {
            domain.attach(mag, "mn1@lma1", 3);
        }
    }
    assert_eq!(
        domain.table("lma1").bound.values().next(),
        Some(&Some(address("mag4")))
    );
}

#[test]
fn rfc5213_6_9_1_2_157_is_tried_again_at_once() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    // A clock that stands still: the same timestamp as the first registration's.
    domain.detach("mag1", "mn1@lma1");
    domain.take_trace();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    assert_eq!(view.state, "registered");
}

#[test]
fn rfc5213_5_4_1_1_prefix_set_that_differs_is_refused_159() {
    let mut domain = domain();
    let view = domain.attach("mag1", "mn9@lma1", 1);
    let IpNet::V6(hnp) = view.hnps[0] else {
        panic!()
    };
    domain.pass(Duration::from_millis(10));
    let mut update = complete_update(&domain);
    update.options[1] = MobilityOption::HomeNetworkPrefix(hnp);
    update.options.insert(
        2,
        MobilityOption::HomeNetworkPrefix("2001:db8:1:99::/64".parse().unwrap()),
    );
    assert_eq!(answer_to(&mut domain, update).unwrap().status, 159);
}

#[test]
fn rfc5213_6_9_1_2_pba_that_echoes_other_values_is_ignored() {
    let mut domain = domain();
    domain.dead.insert(address("lma1"));
    attach_token(&mut domain, "mag1", attach_request("mn1@lma1", 1));
    let Message::BindingUpdate(update) = domain.trace[0].message.clone() else {
        panic!()
    };
    let ack = BindingAck {
        status: 0,
        flags: BindingAck::P,
        sequence: update.sequence,
        lifetime: 900,
        options: vec![
            MobilityOption::nai("mn1@lma1"),
            MobilityOption::HomeNetworkPrefix("2001:db8:1:1::/64".parse().unwrap()),
            MobilityOption::HandoffIndicator(2),
            MobilityOption::AccessTechnologyType(4),
        ],
    };
    domain.inject("lma1", "mag1", Message::BindingAck(ack.clone()));
    assert_eq!(domain.counter("mag1", "pmipv6.drop.pba-mismatch"), 1);
    let wrong_number = BindingAck {
        sequence: update.sequence.wrapping_add(9),
        ..ack
    };
    domain.inject("lma1", "mag1", Message::BindingAck(wrong_number));
    assert_eq!(domain.counter("mag1", "pmipv6.drop.pba-unmatched"), 1);
    assert!(domain.table("mag1").homes.is_empty());
}

#[test]
fn rfc5213_6_9_4_link_down_detaches_every_mn_on_the_port() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag1", "mn3@lma1", 1);
    domain.take_trace();
    domain.input("mag1", Input::LinkDown { port: 1 });
    domain.settle();
    let trace = domain.take_trace();
    assert_eq!(
        trace.iter().filter(|line| line.ends_with("PBU 0")).count(),
        2
    );
    assert!(domain.bindings("mag1").is_empty());
}

#[test]
fn shutdown_tells_the_lma() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.take_trace();
    domain.input("mag1", Input::Shutdown);
    domain.settle();
    assert_eq!(
        domain.take_trace(),
        ["mag1 > lma1 PBU 0", "lma1 > mag1 PBA status 0"]
    );
    assert!(domain.bindings("mag1").is_empty());
    let token = attach_token(&mut domain, "mag1", attach_request("mn3@lma1", 1));
    assert_eq!(refusal(&domain, token).name, "shutting-down");
}

#[test]
fn mn_is_back_after_an_lma_lost_its_state() {
    let mut domain = domain_with(|mag| mag.binding_lifetime_s = 100, |_| {});
    let view = domain.attach("mag1", "mn1@lma1", 1);
    domain.add(
        "lma1",
        Box::new(LocalMobilityAnchor::new(lma_config("lma1"), 9)),
    );
    domain.seconds(81);
    assert_eq!(domain.bindings("lma1")[0].hnps, view.hnps);
}

#[test]
fn rfc5844_ipv4_home_address_is_assigned_with_its_router() {
    let mut domain = domain();
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    let token = attach_token(&mut domain, "mag1", request);
    let Some(Ok(Answer::Attached(view))) = domain.reply(token) else {
        panic!()
    };
    assert!(
        view.ipv4_hoa
            .is_some_and(|hoa| net("10.1.0.0/24").contains(&hoa))
    );
    assert_eq!(view.hnps.len(), 1);
    let Message::BindingAck(ack) = &domain.trace[1].message else {
        panic!()
    };
    assert_eq!(
        options::ipv4_default_router(&ack.options),
        Some("10.1.0.1".parse().unwrap())
    );
    assert_eq!(domain.table("lma1").bound.len(), 2);
    assert_eq!(domain.table("mag1").homes.len(), 2);
}

#[test]
fn rfc5844_mn_that_may_have_ipv4_only_gets_that() {
    let mut domain = domain_with(|_| {}, profiles);
    let mut request = attach_request("mn5@lma1", 1);
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    let token = attach_token(&mut domain, "mag1", request);
    let Some(Ok(Answer::Attached(view))) = domain.reply(token) else {
        panic!("{:?}", domain.reply(token))
    };
    assert!(view.hnps.is_empty() && view.ipv4_hoa.is_some());
    domain.seconds(3_000);
    assert_eq!(
        domain.bindings("mag1").len(),
        1,
        "and keeps it when it is extended"
    );
}

#[test]
fn several_prefixes_of_a_profile_are_all_bound() {
    let mut domain = domain_with(
        |_| {},
        |lma| {
            let hnps = vec![
                "2001:db8:1:a::/64".parse().unwrap(),
                "2001:db8:1:b::/64".parse().unwrap(),
            ];
            lma.profiles = [(
                "mn1@lma1".to_owned(),
                Profile {
                    hnps,
                    ..Profile::default()
                },
            )]
            .into();
        },
    );
    assert_eq!(domain.attach("mag1", "mn1@lma1", 1).hnps.len(), 2);
    assert_eq!(domain.attach("mag2", "mn1@lma1", 3).hnps.len(), 2);
    assert_eq!(domain.table("mag2").homes.len(), 2);
}

#[test]
fn engines_are_deterministic() {
    let run = || {
        let mut domain = domain();
        domain.attach("mag1", "mn1@lma1", 1);
        domain.seconds(4_000);
        domain
            .trace
            .iter()
            .map(|sent| (sent.at, format!("{:?}", sent.message)))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let _: Option<&dyn Engine> = None;
}

fn served(domain: &Domain) -> Vec<String> {
    let line = |(at, output): &(IpAddr, Output)| match output {
        Output::ServeIpv4 { link, service, .. } => {
            let (address, router) = (service.address, service.default_router);
            format!(
                "{at} serves {address}/{} {router} {:?} on port {}",
                service.prefix_len, service.dhcp, link.port
            )
        }
        Output::EndIpv4 { link, address } => format!("{at} ends {address} on port {}", link.port),
        other => panic!("{other:?}"),
    };
    domain.served.iter().map(line).collect()
}

/// RFC 5844 sections 3.1.2.1 and 3.4: no prefix is asked for, options 37 to 39 say what the MAG serves.
#[test]
fn rfc5844_ipv4_only_is_served_and_ends_with_the_binding() {
    let mut domain = domain();
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv6 = false;
    request.ipv4_hoa = Some("10.1.0.9".parse().unwrap());
    let token = attach_token(&mut domain, "mag1", request.clone());
    let Some(Ok(Answer::Attached(view))) = domain.reply(token) else {
        panic!("{:?}", domain.reply(token))
    };
    assert_eq!(
        (view.hnps.len(), view.ipv4_hoa),
        (0, Some(net("10.1.0.9/32")))
    );
    let (Message::BindingUpdate(update), Message::BindingAck(ack)) =
        (&domain.trace[0].message, &domain.trace[1].message)
    else {
        panic!()
    };
    assert_eq!(options::home_network_prefixes(&update.options).count(), 0);
    assert_eq!(options::ipv4_dhcp_server(&ack.options), Some(true));
    let mag1 = address("mag1");
    let serves = format!("{mag1} serves 10.1.0.9/24 10.1.0.1 Server on port 1");
    assert_eq!(served(&domain), std::slice::from_ref(&serves));
    assert!(domain.advertised.is_empty());
    domain.seconds(2_900);
    assert_eq!(
        served(&domain),
        [serves.clone(), serves.clone()],
        "extended"
    );
    // To another link of the same MAG: without the home address named, it is found by the MN.
    request.link = link(2, 1);
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    let token = attach_token(&mut domain, "mag1", request);
    assert!(matches!(domain.reply(token), Some(Ok(_))));
    let moved = serves.replace("port 1", "port 2");
    assert_eq!(
        served(&domain)[2..],
        [format!("{mag1} ends 10.1.0.9 on port 1"), moved]
    );
    let token = domain.command(
        "mag1",
        Command::Detach {
            mn_id: "mn1@lma1".to_owned(),
        },
    );
    domain.settle();
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Detached)));
    assert_eq!(
        served(&domain)[4..],
        [format!("{mag1} ends 10.1.0.9 on port 2")]
    );
}

#[test]
fn rfc5844_an_ipv4_only_mn_keeps_its_address_at_the_next_mag() {
    let mut domain = domain();
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv6 = false;
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    let token = attach_token(&mut domain, "mag1", request.clone());
    let Some(Ok(Answer::Attached(first))) = domain.reply(token).cloned() else {
        panic!()
    };
    request.hi = 3;
    let token = attach_token(&mut domain, "mag3", request);
    let Some(Ok(Answer::Attached(second))) = domain.reply(token) else {
        panic!("{:?}", domain.reply(token))
    };
    assert_eq!(first.ipv4_hoa, second.ipv4_hoa);
    let parts = |line: &String| line.split_once(' ').unwrap().1.to_owned();
    let lines = served(&domain);
    assert_eq!(
        parts(&lines[0]),
        parts(&lines[1]),
        "the same router and server at every MAG"
    );
}

#[test]
fn rfc5844_the_domain_says_who_is_dhcp_server_and_which_router() {
    let mut domain = domain_with(
        |_| {},
        |lma| {
            lma.dhcp = pmipv6::io::DhcpMode::Relay;
            lma.ipv4_default_routers = lma
                .ipv4_pools
                .iter()
                .map(|pool| (*pool, pool.hosts().last().unwrap()))
                .collect();
        },
    );
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv4_hoa = Some("10.1.0.1".parse().unwrap());
    attach_token(&mut domain, "mag1", request);
    let mag1 = address("mag1");
    let expected = format!("{mag1} serves 10.1.0.1/24 10.1.0.254 Relay on port 1");
    assert_eq!(served(&domain), [expected]);
}

#[test]
fn attach_has_to_ask_for_something() {
    let mut domain = domain();
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv6 = false;
    let token = attach_token(&mut domain, "mag1", request);
    assert_eq!(refusal(&domain, token).name, "nothing-to-register");
}

/// Seed 106015 of the simulator: a late answer to an older PBU.
#[test]
fn rfc5213_6_9_4_deregistration_is_sent_again_whatever_older_answers_say() {
    let mut domain = domain_with(|mag| mag.timestamp_based_approach_in_use = false, |_| {});
    domain.attach("mag1", "mn1@lma1", 1);
    domain.dead.insert(address("lma1"));
    let detach = Command::Detach {
        mn_id: "mn1@lma1".to_owned(),
    };
    let token = domain.command("mag1", detach);
    let late = BindingAck {
        status: 135,
        flags: BindingAck::P,
        sequence: 4_711,
        lifetime: 0,
        options: vec![
            MobilityOption::nai("mn1@lma1"),
            MobilityOption::HandoffIndicator(3),
            MobilityOption::AccessTechnologyType(4),
        ],
    };
    domain.inject("lma1", "mag1", Message::BindingAck(late));
    assert_eq!(domain.counter("mag1", "pmipv6.drop.pba-mismatch"), 1);
    domain.dead.clear();
    domain.seconds(30);
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Detached)));
    assert!(domain.bindings("mag1").is_empty());
}

/// RFC 5844 section 3.3.3: who has no default router to be cannot serve; the address is forwarded all the same.
#[test]
fn rfc5844_an_address_without_a_default_router_is_forwarded_and_not_served() {
    let mut domain = domain_with(
        |_| {},
        |lma| {
            let profile = Profile {
                ipv4_hoa: Some("192.0.2.1".parse().unwrap()),
                ..Profile::default()
            };
            lma.profiles = [("mn1@lma1".to_owned(), profile)].into();
        },
    );
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    attach_token(&mut domain, "mag1", request);
    assert!(domain.table("mag1").homes.contains(&net("192.0.2.1/32")));
    assert!(domain.served.is_empty());
    assert_eq!(
        domain.counter("mag1", "pmipv6.registration.ipv4-not-served"),
        1
    );
}
