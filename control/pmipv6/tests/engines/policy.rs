//! Which peers may share a path (draft-loureiro section 8: the LMA enforces): MAGs and LMAs that policy names
//! stay on the anchor's path, whoever triggers, and also after a handover.

use ipnet::IpNet;
use pmipv6::{lma, mag, path};

use crate::harness::*;

fn deny(name: &str) -> Vec<IpNet> {
    vec![IpNet::from(address(name))]
}

fn lma_denies(node: &'static str) -> impl Fn(&mut lma::Config) {
    move |lma| lma.localized_routing.denied_peers = deny(node)
}

fn mag_denies(at: &'static str, node: &'static str) -> impl Fn(&mut mag::Config) {
    move |mag| {
        if mag.address == address(at) {
            mag.localized_routing.denied_peers = deny(node);
        }
    }
}

/// MN1 at MAG1 and the other MN at MAG2.
fn attached(domain: &mut Domain, other: &str) -> (IpNet, IpNet) {
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", other, 1));
    domain.take_trace();
    (source, destination)
}

#[test]
fn l_12_no_path_ends_at_a_mag_that_the_lma_denies_and_the_reason_says_so() {
    for denied in ["mag1", "mag2"] {
        let mut domain = domain_with(|_| {}, lma_denies(denied));
        let (source, destination) = attached(&mut domain, "mn3@lma1");
        domain.talk("lma1", host(&source), host(&destination));
        assert!(domain.take_trace().is_empty());
        assert_eq!(domain.counter("lma1", "pmipv6.lr.policy"), 1);
        let why = domain.paths("lma1")[0].why.clone().unwrap();
        assert!(
            why.contains("policy of the") && why.contains("MAG"),
            "{why}"
        );
    }
}

#[test]
fn l_12_no_pair_is_handed_to_an_lma_that_policy_denies() {
    let mut domain = domain_with(|_| {}, lma_denies("lma2"));
    let (source, destination) = attached(&mut domain, "mn2@lma2");
    domain.talk("lma1", host(&source), host(&destination));
    assert!(domain.take_trace().is_empty());
    let why = domain.paths("lma1")[0].why.clone().unwrap();
    assert!(why.contains("policy of the peer LMA"), "{why}");
}

#[test]
fn l_12_a_trigger_of_a_denied_lma_or_for_a_denied_mag_is_answered_128() {
    for denied in ["lma1", "mag1"] {
        let mut domain = domain_with(
            |_| {},
            |lma| {
                if lma.address == address("lma2") {
                    lma.localized_routing.denied_peers = deny(denied);
                }
            },
        );
        let (source, destination) = attached(&mut domain, "mn2@lma2");
        domain.talk("lma1", host(&source), host(&destination));
        let trace = domain.take_trace();
        assert_eq!(
            trace,
            [
                "lma1 > lma2 Trigger (mag1)",
                "lma2 > lma1 Trigger Ack status 128"
            ]
        );
    }
}

#[test]
fn l_12_mags_refuse_peers_that_their_own_policy_denies() {
    let mut asked = domain_with(mag_denies("mag2", "mag1"), |_| {});
    let (source, destination) = attached(&mut asked, "mn3@lma1");
    asked.talk("lma1", host(&source), host(&destination));
    assert_eq!(
        asked.take_trace(),
        ["lma1 > mag2 Init (mag1)", "mag2 > lma1 Init Ack status 128"]
    );
    let mut set_up = domain_with(mag_denies("mag1", "mag2"), |_| {});
    let (source, destination) = attached(&mut set_up, "mn3@lma1");
    set_up.talk("lma1", host(&source), host(&destination));
    assert_eq!(
        set_up.take_trace(),
        [
            "lma1 > mag2 Init (mag1)",
            "mag2 > mag1 Setup (mag2)",
            "mag1 > mag2 Setup Ack status 128",
            "mag2 > lma1 Init Ack status 132",
        ]
    );
    for domain in [asked, set_up] {
        assert!(domain.table("mag1").has_no_path() && domain.table("mag2").has_no_path());
    }
}

#[test]
fn l_12_l_47_a_path_does_not_follow_its_mn_to_a_denied_mag() {
    let mut domain = domain_with(|_| {}, lma_denies("mag3"));
    let (source, destination) = attached(&mut domain, "mn3@lma1");
    domain.talk("lma1", host(&source), host(&destination));
    assert!(!domain.table("mag2").send.is_empty(), "the path is up");
    domain.attach("mag3", "mn1@lma1", 3);
    domain.settle();
    assert!(domain.table("mag2").send.is_empty() && domain.table("mag3").has_no_path());
    let reason = domain.paths("lma1")[0].why.clone().unwrap();
    assert!(reason.contains("policy of an MN's MAG"), "{reason}");
}

#[test]
fn l_12_l_52_a_path_of_two_lmas_does_not_follow_its_mn_to_a_denied_mag() {
    let mut domain = domain_with(|_| {}, lma_denies("mag3"));
    let (source, destination) = attached(&mut domain, "mn2@lma2");
    domain.talk("lma1", host(&source), host(&destination));
    assert!(!domain.table("mag2").send.is_empty(), "the path is up");
    domain.attach("mag3", "mn1@lma1", 3);
    domain.settle();
    assert!(domain.table("mag2").send.is_empty() && domain.table("mag3").has_no_path());
}

#[test]
fn l_12_l_55_a_mag_that_refuses_the_new_mag_does_not_go_on_sending_to_the_old_one() {
    let mut domain = domain_with(mag_denies("mag1", "mag3"), |_| {});
    let (source, destination) = attached(&mut domain, "mn3@lma1");
    domain.talk("lma1", host(&source), host(&destination));
    assert!(!domain.table("mag1").send.is_empty(), "the path is up");
    domain.attach("mag3", "mn3@lma1", 3);
    domain.settle();
    let sent = domain.take_trace();
    assert!(
        sent.contains(&"mag1 > mag3 Setup Ack status 128".to_owned()),
        "{sent:?}"
    );
    assert!(
        domain.table("mag1").send.is_empty(),
        "{:?}",
        domain.table("mag1").send
    );
    domain.seconds(12);
    for node in ["mag1", "mag2", "mag3"] {
        assert!(domain.table(node).has_no_path(), "{node}");
    }
}

/// What an operator may change under a path of MN1 at MAG1.
fn changes() -> [path::Config; 4] {
    let with = |change: fn(&mut path::Config)| {
        let mut settings = path::Config::default();
        change(&mut settings);
        settings
    };
    [
        with(|settings| settings.enabled = false),
        with(|settings| settings.denied = vec![net("2001:db8:1::/48")]),
        with(|settings| settings.denied_peers = deny("mag1")),
        with(|settings| settings.denied_peers = deny("mag2")),
    ]
}

#[test]
fn l_12_a_path_that_policy_forbids_from_now_on_ends() {
    for other in ["mn3@lma1", "mn2@lma2"] {
        for settings in changes() {
            let mut domain = domain();
            let (source, destination) = attached(&mut domain, other);
            domain.talk("lma1", host(&source), host(&destination));
            assert!(!domain.table("mag1").send.is_empty(), "the path is up");
            let controller = if other == "mn2@lma2" { "lma2" } else { "lma1" };
            domain.reconfigure(controller, &settings);
            domain.seconds(12);
            for mag in ["mag1", "mag2"] {
                assert!(domain.table(mag).has_no_path(), "{mag}: {settings:?}");
            }
            // At two LMAs the other one may control it the other way round, and knows its MAG alone.
            if controller == "lma1" {
                domain.talk("lma1", host(&destination), host(&source));
                assert!(domain.table("mag1").has_no_path(), "{settings:?}");
            }
        }
    }
}

#[test]
fn l_12_a_mag_ends_what_its_own_policy_forbids_from_now_on() {
    let [off, denied, _, denied_peer] = changes();
    for settings in [off, denied, denied_peer] {
        let mut domain = domain();
        let (source, destination) = attached(&mut domain, "mn3@lma1");
        domain.talk("lma1", host(&source), host(&destination));
        domain.reconfigure("mag1", &settings);
        domain.seconds(12);
        for mag in ["mag1", "mag2"] {
            assert!(domain.table(mag).has_no_path(), "{mag}: {settings:?}");
        }
    }
}

#[test]
fn l_12_what_policy_still_allows_stays() {
    let mut domain = domain();
    let (source, destination) = attached(&mut domain, "mn2@lma2");
    domain.talk("lma1", host(&source), host(&destination));
    let settings = path::Config {
        denied: vec![net("2001:db8:99::/48")],
        denied_peers: deny("mag3"),
        ..path::Config::default()
    };
    domain.take_trace();
    for node in ["lma1", "lma2", "mag1", "mag2"] {
        domain.reconfigure(node, &settings);
    }
    assert!(domain.take_trace().is_empty());
    assert!(!domain.table("mag1").send.is_empty() && !domain.table("mag2").send.is_empty());
}
