//! Realms: MNs with one IPv4 home address, told apart by GRE keys (RFC 5845 section 3).

use std::net::Ipv4Addr;

use ipnet::IpNet;
use pmipv6::io::{
    Answer, AttachRequest, BindingView, Command, Entry, Event, Input, KeyPair, Output, Realm,
    RealmHome, RealmState, Refusal,
};
use pmipv6::lma::{self, LocalMobilityAnchor, Profile};
use pmipv6::mag::MobileAccessGateway;
use pmipv6::path::Gre;
use pmipv6::wire::Message;

use crate::harness::*;

/// The one host address of a pool of four, beside its router.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const BLUE: &str = "mn1@lma1";
const RED: &str = "mn3@lma1";
/// Also of red.
const RED_2: &str = "mn5@lma1";
/// Of no realm.
const PLAIN: &str = "mn7@lma1";

/// Two realms with one pool each, which is the same; red has another one beside it.
fn with_realms(lma: &mut lma::Config) {
    lma.gre = Gre::Optional;
    let realm = |name: &str, pools: &[&str]| lma::Realm {
        name: name.to_owned(),
        ipv4_pools: pools.iter().map(|pool| pool.parse().unwrap()).collect(),
        ..lma::Realm::default()
    };
    lma.realms = vec![
        realm("blue", &["10.0.0.0/30"]),
        realm("red", &["10.0.0.0/30", "10.0.1.0/24"]),
    ];
    for (mn_id, realm) in [(BLUE, "blue"), (RED, "red"), (RED_2, "red")] {
        let profile = Profile {
            realm: Some(realm.to_owned()),
            ..Profile::default()
        };
        lma.profiles.insert(mn_id.to_owned(), profile);
    }
}

fn domain() -> Domain {
    domain_with(|mag| mag.gre = Gre::Optional, with_realms)
}

fn request(mn_id: &str, hi: u8) -> AttachRequest {
    AttachRequest {
        ipv4_hoa: Some(Ipv4Addr::UNSPECIFIED),
        ipv6: false,
        ..attach_request(mn_id, hi)
    }
}

fn try_attach(domain: &mut Domain, mag: &str, request: AttachRequest) -> Result<Answer, Refusal> {
    let token = domain.command(mag, Command::Attach(request));
    domain.settle();
    domain.reply(token).cloned().expect("an answer")
}

fn attach(domain: &mut Domain, mag: &str, mn_id: &str, hi: u8) -> BindingView {
    match try_attach(domain, mag, request(mn_id, hi)) {
        Ok(Answer::Attached(view)) => view,
        other => panic!("{mn_id} at {mag}: {other:?}"),
    }
}

/// What a node was told of homes of realms, oldest first.
fn told(domain: &Domain, node: &str) -> Vec<(RealmHome, RealmState)> {
    let of_realm = |(at, entry): &(_, Entry)| match entry {
        Entry::Realm { home, state } if *at == address(node) => Some((*home, *state)),
        _ => None,
    };
    domain.entries.iter().filter_map(of_realm).collect()
}

fn in_realm(number: u16) -> RealmHome {
    RealmHome {
        realm: Realm::new(number).unwrap(),
        address: ADDRESS,
    }
}

fn bound(domain: &Domain, home: RealmHome) -> (&'static str, KeyPair) {
    let last = told(domain, "lma1")
        .into_iter()
        .rfind(|(of, _)| *of == home);
    match last {
        Some((_, RealmState::Bound { proxy_coa, keys })) => (names()[&proxy_coa], keys),
        other => panic!("{other:?}"),
    }
}

fn mirrored(keys: KeyPair) -> KeyPair {
    KeyPair {
        send: keys.receive,
        receive: keys.send,
    }
}

/// The keys with which a MAG was told of the address as that of an MN alone.
fn keys_alone(domain: &Domain, mag: &str) -> KeyPair {
    let home = IpNet::from(std::net::IpAddr::V4(ADDRESS));
    let mut keys = domain.entries.iter().filter_map(|(at, entry)| match entry {
        Entry::GreKeys {
            home: of,
            remote: None,
            keys,
        } if *at == address(mag) && *of == home => keys.and_then(|keys| keys.pair()),
        _ => None,
    });
    keys.next_back().expect("keys of the address")
}

#[test]
fn rfc5845_3_two_realms_give_one_address_to_two_mns_of_one_mag() {
    let mut domain = domain();
    let one = attach(&mut domain, "mag1", BLUE, 1);
    let other = attach(&mut domain, "mag1", RED, 1);
    let home = IpNet::from(std::net::IpAddr::V4(ADDRESS));
    assert_eq!((one.ipv4_hoa, other.ipv4_hoa), (Some(home), Some(home)));
    let at_lma = domain.bindings("lma1");
    let shown: Vec<_> = at_lma
        .iter()
        .map(|view| (view.ipv4_hoa, view.realm.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [(Some(home), Some("blue")), (Some(home), Some("red"))]
    );
    // The LMA knows both by realm and key, and no home without a realm.
    let (blue, red) = (bound(&domain, in_realm(1)), bound(&domain, in_realm(2)));
    assert_eq!((blue.0, red.0), ("mag1", "mag1"));
    assert!(domain.table("lma1").bound.is_empty());
    // The MAG has the first alone, and the second by link and key.
    assert_eq!(domain.table("mag1").homes, [home].into());
    assert_eq!(keys_alone(&domain, "mag1"), mirrored(blue.1));
    let [(of, RealmState::Attached { link, lma, keys })] = told(&domain, "mag1")[..] else {
        panic!("{:?}", told(&domain, "mag1"));
    };
    assert_eq!((of.address, lma), (ADDRESS, address("lma1")));
    assert_eq!((keys, link), (mirrored(red.1), other.link.unwrap()));
    let all = [blue.1.send, blue.1.receive, red.1.send, red.1.receive];
    assert_eq!(std::collections::BTreeSet::from(all).len(), 4);
    // IPv4 is served on both links.
    let links: Vec<_> = domain
        .served
        .iter()
        .filter_map(|(_, output)| match output {
            Output::ServeIpv4 { link, service, .. } if service.address == ADDRESS => Some(*link),
            _ => None,
        })
        .collect();
    assert_eq!(links, [one.link.unwrap(), other.link.unwrap()]);
    let homes = |event: &Event| match event {
        Event::Attach { homes, .. } => Some(homes.clone()),
        _ => None,
    };
    let attached: Vec<_> = domain.events.iter().filter_map(|(_, e)| homes(e)).collect();
    assert_eq!(attached, vec![vec![home]; 4], "as operators see it");
}

#[test]
fn rfc5845_3_an_extension_keeps_both_and_programs_nothing() {
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", RED, 1);
    domain.entries.clear();
    domain.seconds(10_000);
    let anew = |(_, entry): &(_, Entry)| !matches!(entry, Entry::GreKeys { .. });
    assert!(!domain.entries.iter().any(anew), "{:?}", domain.entries);
    assert_eq!(domain.bindings("lma1").len(), 2);
    assert_eq!(domain.bindings("mag1").len(), 2);
}

#[test]
fn rfc5845_3_each_of_two_mns_may_go_and_the_other_stays() {
    let home = IpNet::from(std::net::IpAddr::V4(ADDRESS));
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    let other = attach(&mut domain, "mag1", RED, 1);
    domain.entries.clear();
    domain.detach("mag1", BLUE);
    assert_eq!(told(&domain, "mag1"), []);
    assert_eq!(
        told(&domain, "lma1"),
        [(in_realm(1), RealmState::Suspended)]
    );
    domain.seconds(11);
    assert_eq!(
        told(&domain, "lma1")[1..],
        [(in_realm(1), RealmState::Gone)]
    );
    // Whoever comes next has the address alone again, and gets what was given back.
    domain.entries.clear();
    attach(&mut domain, "mag1", BLUE, 1);
    assert_eq!(domain.table("mag1").homes, [home].into());
    domain.detach("mag1", RED);
    let shared = told(&domain, "mag1");
    assert!(matches!(shared[..], [(of, RealmState::Gone)] if of.address == ADDRESS));
    let ended = |(_, output): &(_, Output)| match output {
        Output::EndIpv4 { link, address } => Some((*link, *address)),
        _ => None,
    };
    let ended: Vec<_> = domain.served.iter().filter_map(ended).collect();
    assert_eq!(ended.last(), Some(&(other.link.unwrap(), ADDRESS)));
    assert_eq!(domain.table("mag1").homes, [home].into());
}

#[test]
fn rfc5845_3_a_handover_takes_address_and_realm_along() {
    let home = IpNet::from(std::net::IpAddr::V4(ADDRESS));
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", RED, 1);
    let before = bound(&domain, in_realm(2)).1;
    domain.entries.clear();
    let moved = attach(&mut domain, "mag2", RED, 3);
    assert_eq!(moved.ipv4_hoa, Some(home));
    let (mag, keys) = bound(&domain, in_realm(2));
    assert_eq!((mag, keys.receive), ("mag2", before.receive));
    assert_ne!(keys.send, before.send);
    // There it is the only one.
    assert_eq!(keys_alone(&domain, "mag2"), mirrored(keys));
    assert_eq!(domain.table("mag2").homes, [home].into());
    domain.detach_quietly("mag1", RED);
    assert!(matches!(told(&domain, "mag1")[..], [(_, RealmState::Gone)]));
    assert_eq!(bound(&domain, in_realm(2)).0, "mag2");
    // And back, to where the other one still is.
    attach(&mut domain, "mag1", RED, 3);
    assert_eq!(bound(&domain, in_realm(2)).0, "mag1");
    assert!(matches!(
        told(&domain, "mag1").last(),
        Some((_, RealmState::Attached { .. }))
    ));
}

/// An LMA that has lost everything gets both bindings again with their extensions, and says other keys.
#[test]
fn rfc5845_3_an_lma_that_starts_anew_knows_both_again() {
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", RED, 1);
    let before = [1, 2].map(|realm| bound(&domain, in_realm(realm)).1);
    let mut config = lma_config("lma1");
    with_realms(&mut config);
    domain.entries.clear();
    domain.add("lma1", Box::new(LocalMobilityAnchor::new(config, 7_000)));
    domain.seconds(3_000);
    let after = [1, 2].map(|realm| bound(&domain, in_realm(realm)).1);
    for (before, after) in before.into_iter().zip(after) {
        assert_eq!(before.send, after.send, "the MAG keeps its own");
        assert_ne!(before.receive, after.receive);
    }
    assert_eq!(keys_alone(&domain, "mag1"), mirrored(after[0]));
    let Some((_, RealmState::Attached { keys, .. })) = told(&domain, "mag1").last().copied() else {
        panic!("{:?}", told(&domain, "mag1"));
    };
    assert_eq!(keys, mirrored(after[1]));
}

#[test]
fn rfc5845_3_a_mag_that_starts_anew_says_other_keys() {
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", RED, 1);
    let before = bound(&domain, in_realm(2)).1;
    let mut config = mag_config("mag1");
    config.gre = Gre::Optional;
    domain.entries.clear();
    domain.add("mag1", Box::new(MobileAccessGateway::new(config, 7_000)));
    domain.seconds(1);
    // Red comes first this time, and has the address alone.
    attach(&mut domain, "mag1", RED, 1);
    attach(&mut domain, "mag1", BLUE, 1);
    let red = bound(&domain, in_realm(2)).1;
    assert_ne!(red.send, before.send);
    assert_eq!(red.receive, before.receive);
    assert_eq!(keys_alone(&domain, "mag1"), mirrored(red));
    assert_eq!(told(&domain, "mag1").len(), 1);
    assert_eq!(domain.bindings("lma1").len(), 2);
}

#[test]
fn rfc5845_3_within_a_realm_an_address_is_given_once() {
    let mut domain = domain();
    let one = attach(&mut domain, "mag1", RED, 1);
    let other = attach(&mut domain, "mag2", RED_2, 1);
    assert_ne!(one.ipv4_hoa, other.ipv4_hoa);
    let named = AttachRequest {
        ipv4_hoa: Some(ADDRESS),
        ..request(RED_2, 1)
    };
    domain.detach("mag2", RED_2);
    domain.seconds(11);
    let refused = try_attach(&mut domain, "mag2", named).unwrap_err();
    assert_eq!(refused.status, Some(171));
}

#[test]
fn rfc4282_2_1_an_mn_without_a_profile_is_of_the_realm_of_its_nai() {
    let adjust = |lma: &mut lma::Config| {
        with_realms(lma);
        lma.profiles.remove(RED);
        lma.profiles.insert(PLAIN.to_owned(), Profile::default());
        lma.realms[1].nai_realms = vec!["Lma1".to_owned()];
    };
    let mut domain = domain_with(|mag| mag.gre = Gre::Optional, adjust);
    for (mag, mn_id) in [("mag1", BLUE), ("mag1", RED), ("mag2", PLAIN)] {
        attach(&mut domain, mag, mn_id, 1);
    }
    let realms: Vec<_> = domain
        .bindings("lma1")
        .into_iter()
        .map(|view| view.realm)
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        realms,
        [named("blue"), named("red"), None],
        "profiles say more"
    );
    // It is found again where its address is all that names it.
    domain.entries.clear();
    domain.seconds(3_000);
    assert_eq!(told(&domain, "lma1"), []);
    assert_eq!(domain.bindings("lma1").len(), 3);
}

#[test]
fn rfc5845_163_an_mn_of_a_realm_without_a_key_is_refused() {
    for (mag_gre, lma_gre) in [(Gre::Off, Gre::Optional), (Gre::Optional, Gre::Off)] {
        let adjust = |lma: &mut lma::Config| {
            with_realms(lma);
            lma.gre = lma_gre;
        };
        let mut domain = domain_with(|mag| mag.gre = mag_gre, adjust);
        let refused = try_attach(&mut domain, "mag1", request(BLUE, 1)).unwrap_err();
        assert_eq!(refused.status, Some(163));
        assert_eq!(told(&domain, "lma1"), []);
        attach(&mut domain, "mag1", PLAIN, 1);
    }
}

#[test]
fn a_mag_without_keys_refuses_what_another_mn_here_has() {
    // Two LMAs that know nothing of each other, and give out the same.
    let adjust = |lma: &mut lma::Config| {
        lma.ipv4_pools = vec!["10.0.0.0/30".parse().unwrap()];
        lma.peer_lmas.clear();
    };
    let mut domain = domain_with(|_| {}, adjust);
    attach(&mut domain, "mag1", BLUE, 1);
    let refused = try_attach(&mut domain, "mag1", request("mn2@lma2", 1)).unwrap_err();
    assert_eq!(refused.name, "address-taken");
    domain.seconds(11);
    assert!(domain.bindings("lma2").is_empty(), "the LMA is told");
    let mut domain = domain_with(
        |mag| mag.gre = Gre::Optional,
        |lma| {
            adjust(lma);
            lma.gre = Gre::Optional;
        },
    );
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", "mn2@lma2", 1);
    assert_eq!(told(&domain, "mag1").len(), 1);
}

#[test]
fn l_29_ipv4_homes_of_realms_have_no_path_and_the_operator_reads_why() {
    let mut domain = domain();
    attach(&mut domain, "mag1", RED, 1);
    let other = attach(&mut domain, "mag2", RED_2, 1);
    domain.trace.clear();
    let there = other.ipv4_hoa.unwrap();
    let talks = Input::PairTalks {
        realm: Realm::new(2),
        source: ADDRESS.into(),
        destination: there.addr(),
        packets: 1,
    };
    domain.input("lma1", talks);
    domain.settle();
    assert_eq!(domain.take_trace(), Vec::<String>::new());
    let views = domain.paths("lma1");
    let [view] = &views[..] else {
        panic!("{views:?}");
    };
    assert_eq!(view.state, "none");
    assert!(view.why.as_ref().unwrap().contains("realm"));
    assert_eq!(domain.counter("lma1", "pmipv6.lr.realm"), 1);
    let command = Command::PathRequest {
        source: IpNet::from(std::net::IpAddr::V4(ADDRESS)),
        destination: there,
    };
    let token = domain.command("lma1", command.clone());
    let refused = domain.reply(token).unwrap().clone().unwrap_err();
    assert_eq!(refused.name, "realm");
    // A MAG that asks is told that it may not.
    domain.command("mag1", command);
    domain.settle();
    let asked = domain.take_trace();
    assert_eq!(
        asked,
        [
            "mag1 > lma1 Request".to_owned(),
            "lma1 > mag1 Request Ack status 128".to_owned()
        ],
    );
}

#[test]
fn l_29_the_prefixes_of_an_mn_of_a_realm_are_localized_as_ever() {
    let mut domain = domain();
    let both = |mn_id: &str| AttachRequest {
        ipv6: true,
        ..request(mn_id, 1)
    };
    let mut homes = Vec::new();
    for (mag, mn_id) in [("mag1", RED), ("mag2", RED_2)] {
        let Ok(Answer::Attached(view)) = try_attach(&mut domain, mag, both(mn_id)) else {
            panic!("{mn_id}");
        };
        homes.push(home(&view));
    }
    domain.talk("lma1", host(&homes[0]), host(&homes[1]));
    let pairs: Vec<_> = domain.table("mag1").send.into_keys().collect();
    assert_eq!(pairs, [(homes[0], homes[1])], "the prefixes, and no more");
    domain.detach("mag1", RED);
    assert!(domain.table("mag2").has_no_path());
}

#[test]
fn rfc5213_6_10_3_a_mag_switches_no_ipv4_homes_that_may_be_of_two_realms() {
    let mut domain = domain_with(
        |mag| {
            mag.gre = Gre::Optional;
            mag.enable_mag_local_routing = true;
        },
        with_realms,
    );
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", RED, 1);
    let other = attach(&mut domain, "mag1", RED_2, 1).ipv4_hoa.unwrap();
    domain.talk("mag1", ADDRESS.into(), other.addr());
    assert!(domain.table("mag1").has_no_path());
    let why = domain.paths("mag1")[0].why.clone().unwrap();
    assert!(why.contains("two realms"), "{why}");
    let counter = "pmipv6.local-routing.realm-unknown";
    assert_eq!(domain.counter("mag1", counter), 1);
}

#[test]
fn rfc5846_an_ipv4_home_of_a_realm_is_revoked_at_its_mn_alone() {
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    attach(&mut domain, "mag1", RED, 1);
    domain.entries.clear();
    let mn_id = RED.to_owned();
    let token = domain.command("lma1", Command::Revoke { mn_id });
    domain.settle();
    assert_eq!(domain.reply(token), Some(&Ok(Answer::Revoked)));
    let named = |message: &Message| match message {
        Message::BindingRevocation(message) => Some(message.options.len()),
        _ => None,
    };
    let revocations = domain.trace.iter().filter_map(|sent| named(&sent.message));
    assert_eq!(revocations.collect::<Vec<_>>(), [2, 2], "MN-ID and address");
    assert!(matches!(told(&domain, "mag1")[..], [(_, RealmState::Gone)]));
    assert_eq!(told(&domain, "lma1"), [(in_realm(2), RealmState::Gone)]);
    assert_eq!(domain.bindings("mag1").len(), 1);
}

#[test]
fn rfc5844_an_address_added_to_a_session_of_a_realm_is_of_the_realm() {
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    let alone = AttachRequest {
        ipv6: true,
        ipv4_hoa: None,
        ..request(RED, 1)
    };
    assert!(try_attach(&mut domain, "mag1", alone).is_ok());
    assert_eq!(told(&domain, "mag1"), []);
    let both = AttachRequest {
        ipv6: true,
        ..request(RED, 3)
    };
    let Ok(Answer::Attached(view)) = try_attach(&mut domain, "mag2", both) else {
        panic!("not attached");
    };
    assert_eq!(view.ipv4_hoa.unwrap().addr(), std::net::IpAddr::V4(ADDRESS));
    assert_eq!(bound(&domain, in_realm(2)).0, "mag2");
}

/// RFC 6275 section 6.1.8: status 130, insufficient resources.
#[test]
fn rfc5213_5_3_no_room_for_a_home_of_a_realm_is_a_refused_registration() {
    let mut domain = domain();
    attach(&mut domain, "mag1", BLUE, 1);
    domain.no_room = Some(Box::new(|at, entry| {
        let state = match entry {
            Entry::Realm { state, .. } => Some(state),
            _ => None,
        };
        at == address("lma1") && matches!(state, Some(RealmState::Bound { .. }))
    }));
    let refused = try_attach(&mut domain, "mag2", request(RED, 1)).unwrap_err();
    assert_eq!(refused.status, Some(130), "{refused:?}");
    assert_eq!(domain.bindings("lma1").len(), 1, "the other realm's");
    domain.no_room = None;
    attach(&mut domain, "mag2", RED, 1);
    assert_eq!(domain.bindings("lma1").len(), 2);
}
