//! RFC 5846: an LMA takes bindings away, a MAG lets go of them.

use pmipv6::io::{Answer, Command, Event, Output, Refusal};
use pmipv6::wire::message::BindingRevocation;
use pmipv6::wire::{Message, MobilityOption, options};

use crate::harness::*;

fn revoke(domain: &mut Domain, mn_id: &str) -> u64 {
    let token = domain.command(
        "lma1",
        Command::Revoke {
            mn_id: mn_id.to_owned(),
        },
    );
    domain.settle();
    token
}

fn revocations(domain: &Domain) -> Vec<BindingRevocation> {
    let revocation = |sent: &Sent| match &sent.message {
        Message::BindingRevocation(message) => Some(message.clone()),
        _ => None,
    };
    domain.trace.iter().filter_map(revocation).collect()
}

fn is_bri(sent: &Sent) -> bool {
    matches!(&sent.message, Message::BindingRevocation(message) if message.revocation_type == 1)
}

fn is_bra(sent: &Sent) -> bool {
    matches!(&sent.message, Message::BindingRevocation(message) if message.revocation_type == 2)
}

fn indication(trigger: u8, flags: u16, options: Vec<MobilityOption>) -> BindingRevocation {
    BindingRevocation {
        revocation_type: 1,
        trigger_or_status: trigger,
        sequence: 500 + u16::from(trigger),
        flags,
        options,
    }
}

/// Status of the BRA that `mag1` gives.
fn status_of(domain: &mut Domain, source: &str, message: BindingRevocation) -> u8 {
    domain.trace.clear();
    domain.inject(source, "mag1", Message::BindingRevocation(message));
    let answers = revocations(domain);
    answers
        .last()
        .filter(|ack| ack.revocation_type == 2)
        .expect("a BRA")
        .trigger_or_status
}

#[test]
fn rfc5846_9_1_revocation_ends_the_service_of_an_mn() {
    let mut domain = domain();
    let one = domain.attach("mag1", "mn1@lma1", 1);
    let other = domain.attach("mag2", "mn3@lma1", 1);
    domain.talk("lma1", host(&home(&one)), host(&home(&other)));
    domain.trace.clear();
    let token = revoke(&mut domain, "mn1@lma1");
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Revoked)));
    let [bri, bra] = &revocations(&domain)[..2] else {
        panic!()
    };
    assert_eq!(
        (bri.revocation_type, bri.trigger_or_status, bri.flags),
        (1, 1, BindingRevocation::P)
    );
    assert_eq!(options::nai(&bri.options), Some("mn1@lma1"));
    let hnps: Vec<_> = options::home_network_prefixes(&bri.options)
        .map(ipnet::IpNet::V6)
        .collect();
    assert_eq!(hnps, one.hnps);
    assert_eq!(
        (bra.revocation_type, bra.trigger_or_status, bra.sequence),
        (2, 0, bri.sequence)
    );
    assert!(domain.bindings("mag1").is_empty() && domain.table("mag1").homes.is_empty());
    assert!(domain.table("mag1").has_no_path());
    assert!(matches!(
        domain.advertised.last(),
        Some((_, Output::Withdraw { .. }))
    ));
    assert!(!domain.table("lma1").bound.contains_key(&home(&one)));
    let revoked = |event: &&(_, Event)| matches!(&event.1, Event::Detach { reason, .. } if reason == "revoked");
    assert_eq!(domain.events.iter().filter(revoked).count(), 2);
}

#[test]
fn rfc5846_9_1_an_ipv4_only_binding_is_named_by_option_36_with_v() {
    let mut domain = domain_with(
        |_| {},
        |lma| {
            let profile = pmipv6::lma::Profile {
                ipv6: false,
                ..Default::default()
            };
            lma.profiles = [("mn1@lma1".to_owned(), profile)].into();
        },
    );
    let mut request = attach_request("mn1@lma1", 1);
    request.ipv4_hoa = Some("0.0.0.0".parse().unwrap());
    domain.command("mag1", Command::Attach(request));
    domain.settle();
    let hoa = domain.bindings("mag1")[0]
        .ipv4_hoa
        .expect("IPv4 service")
        .addr();
    let token = revoke(&mut domain, "mn1@lma1");
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Revoked)));
    let bri = &revocations(&domain)[0];
    assert_eq!(bri.flags, BindingRevocation::P | BindingRevocation::V);
    assert_eq!(
        options::ipv4_home_address_request(&bri.options).map(std::net::IpAddr::V4),
        Some(hoa)
    );
    assert!(domain.bindings("mag1").is_empty());
}

#[test]
fn rfc5846_6_1_a_lost_bri_is_sent_once_more_and_a_lost_bra_is_given_again() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag1", "mn3@lma1", 1);
    for (mn_id, lost) in [
        ("mn1@lma1", is_bri as fn(&Sent) -> bool),
        ("mn3@lma1", is_bra),
    ] {
        domain.trace.clear();
        domain.lose = lose(1, lost);
        let token = revoke(&mut domain, mn_id);
        assert_eq!(domain.reply(token), None);
        domain.seconds(1);
        domain.settle();
        assert_eq!(domain.reply(token), Some(&Ok(Answer::Revoked)), "{mn_id}");
        let numbers: Vec<u16> = revocations(&domain).iter().map(|m| m.sequence).collect();
        assert!(
            numbers.len() > 2 && numbers.iter().all(|number| *number == numbers[0]),
            "one exchange, with a repetition: {numbers:?}"
        );
        assert_eq!(revocations(&domain).last().unwrap().trigger_or_status, 0);
    }
}

#[test]
fn rfc5846_6_1_a_silent_mag_costs_the_binding_all_the_same_and_the_operator_is_told() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.dead.insert(address("mag1"));
    domain.trace.clear();
    let token = revoke(&mut domain, "mn1@lma1");
    domain.seconds(10);
    let at: Vec<u128> = domain
        .trace
        .iter()
        .map(|sent| sent.at.as_millis() / 100 * 100)
        .collect();
    assert_eq!(at.len(), 2);
    assert_eq!(at[1] - at[0], 1_000);
    let Some(Err(Refusal { name, .. })) = domain.reply(token) else {
        panic!()
    };
    assert_eq!(name, "mag-silent");
    assert!(domain.bindings("lma1").is_empty());
}

#[test]
fn revoking_an_unknown_mn_is_refused_by_name() {
    let mut domain = domain();
    let token = revoke(&mut domain, "mn1@lma1");
    assert!(matches!(domain.reply(token), Some(Err(refusal)) if refusal.name == "no-such-binding"));
    let token = domain.command(
        "mag1",
        Command::Revoke {
            mn_id: "mn1@lma1".to_owned(),
        },
    );
    assert!(matches!(domain.reply(token), Some(Err(refusal)) if refusal.name == "not-an-lma"));
}

#[test]
fn rfc5846_5_1_g_takes_all_bindings_of_one_mag_with_one_message() {
    let mut domain = domain();
    for (mag, mn_id) in [
        ("mag1", "mn1@lma1"),
        ("mag1", "mn3@lma1"),
        ("mag2", "mn5@lma1"),
        ("mag1", "mn2@lma2"),
    ] {
        domain.attach(mag, mn_id, 1);
    }
    domain.trace.clear();
    let token = domain.command(
        "lma1",
        Command::RevokeAll {
            mag: address("mag1"),
        },
    );
    domain.settle();
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Revoked)));
    let bri = &revocations(&domain)[0];
    assert_eq!(
        (bri.trigger_or_status, bri.flags),
        (128, BindingRevocation::P | BindingRevocation::G)
    );
    let left = |domain: &Domain, node: &str| -> Vec<String> {
        domain
            .bindings(node)
            .into_iter()
            .map(|view| view.mn_id)
            .collect()
    };
    assert_eq!(left(&domain, "lma1"), ["mn5@lma1"]);
    assert_eq!(
        left(&domain, "mag1"),
        ["mn2@lma2"],
        "another LMA's MN stays"
    );
}

#[test]
fn rfc5846_9_2_1_a_mag_may_say_that_all_its_mns_are_gone() {
    let mut domain = domain();
    domain.attach("mag1", "mn1@lma1", 1);
    domain.attach("mag2", "mn3@lma1", 1);
    let all = BindingRevocation::P | BindingRevocation::G;
    for (flags, trigger, status, left) in [
        (BindingRevocation::P, 128, 134, 2),
        (all, 1, 133, 2),
        (all, 128, 0, 1),
        (all, 128, 128, 1),
    ] {
        domain.trace.clear();
        domain.inject(
            "mag1",
            "lma1",
            Message::BindingRevocation(indication(trigger, flags, Vec::new())),
        );
        let ack = revocations(&domain).last().cloned().expect("a BRA");
        assert_eq!((ack.revocation_type, ack.trigger_or_status), (2, status));
        assert_eq!(domain.bindings("lma1").len(), left);
    }
}

#[test]
fn rfc5846_10_1_1_each_check_of_a_mag_has_its_status() {
    let mut domain = domain();
    let view = domain.attach("mag1", "mn1@lma1", 1);
    let ipnet::IpNet::V6(hnp) = home(&view) else {
        panic!()
    };
    let named = vec![
        MobilityOption::nai("mn1@lma1"),
        MobilityOption::HomeNetworkPrefix(hnp),
    ];
    let other = vec![
        MobilityOption::nai("mn1@lma1"),
        MobilityOption::HomeNetworkPrefix("2001:db8:1:99::/64".parse().unwrap()),
    ];
    let (p, v, g) = (
        BindingRevocation::P,
        BindingRevocation::V,
        BindingRevocation::G,
    );
    let nobody = vec![MobilityOption::nai("mn9@lma1")];
    for (source, message, status) in [
        ("lma1", indication(1, 0, named.clone()), 134),
        ("lma1", indication(99, p, named.clone()), 133),
        ("lma1", indication(1, p, Vec::new()), 131),
        ("lma1", indication(1, p, nobody), 128),
        ("lma1", indication(1, p, other), 128),
        ("lma2", indication(1, p, named.clone()), 128),
        ("lma1", indication(1, p | v, named.clone()), 129),
        ("mag2", indication(128, p | g, Vec::new()), 130),
        ("lma1", indication(129, p | g, Vec::new()), 131),
        ("lma1", indication(2, p | g, Vec::new()), 133),
        ("lma1", indication(7, p, named.clone()), 132),
    ] {
        let what = format!("{message:?}");
        assert_eq!(
            status_of(&mut domain, source, message),
            status,
            "{source} {what}"
        );
        assert_eq!(domain.bindings("mag1").len(), 1);
    }
    assert_eq!(status_of(&mut domain, "lma1", indication(1, p, named)), 0);
    assert!(domain.bindings("mag1").is_empty());
}

#[test]
fn seed_3162_a_previous_mag_that_retransmits_does_not_take_the_binding_back() {
    let mut domain = domain_with(|_| {}, |lma| lma.revoke_at_previous_mag = true);
    // The PBA to mag1 is lost, so mag1 goes on asking, while the MN moves on to mag2.
    let to_mag1 = address("mag1");
    domain.lose = Some(Box::new(move |sent| {
        sent.destination == to_mag1 && matches!(sent.message, Message::BindingAck(_))
    }));
    domain.command("mag1", Command::Attach(attach_request("mn1@lma1", 1)));
    domain.pass(std::time::Duration::from_millis(500));
    let view = domain.attach("mag2", "mn1@lma1", 3);
    domain.seconds(9);
    assert_eq!(
        domain.table("lma1").bound[&home(&view)],
        Some(address("mag2"))
    );
    assert!(domain.bindings("mag1").is_empty());
    assert_eq!(domain.bindings("mag2").len(), 1);
}

#[test]
fn rfc5846_10_1_1_an_mn_that_has_come_back_is_not_taken_away_by_the_bri_of_its_leaving() {
    let mut domain = domain_with(|_| {}, |lma| lma.revoke_at_previous_mag = true);
    domain.attach("mag1", "mn1@lma1", 1);
    domain.seconds(1);
    domain.lose = lose(1, is_bri);
    domain.attach("mag2", "mn1@lma1", 3);
    // The BRI is lost; before it is sent again the MN is back, and mag1 has forgotten nothing.
    domain.detach_quietly("mag1", "mn1@lma1");
    domain.attach("mag1", "mn1@lma1", 3);
    domain.seconds(5);
    assert_eq!(domain.bindings("mag1").len(), 1);
    assert_eq!(domain.bindings("lma1")[0].proxy_coa, Some(address("mag1")));
}
