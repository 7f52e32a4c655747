//! draft-loureiro section 5: what each message carries, and what happens when it does not.

use pmipv6::io::Input;
use pmipv6::wire::message::{RoAck, RoKind, RoRequest};
use pmipv6::wire::{Message, MobilityOption, WireError, options};

use crate::harness::*;
use crate::single_lma::localized;

/// Every RO message of a set-up, a refresh and, with two LMAs, a trigger.
fn all_messages() -> Vec<Message> {
    let mut domain = domain();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    domain.trace.clear();
    domain.talk("lma1", host(&source), host(&destination));
    domain.carry("mag1", source, destination, 1);
    domain.seconds(241);
    domain
        .trace
        .iter()
        .map(|sent| sent.message.clone())
        .collect()
}

#[test]
fn l_16_to_l_24_l_28_l_61_every_message_names_both_ends_and_a_lifetime() {
    let messages = all_messages();
    assert_eq!(messages.len(), 8, "{messages:?}");
    for message in &messages {
        let (options, lifetime, mag) = match message {
            Message::RoRequest(request) => {
                let mag = request.kind != RoKind::Refresh;
                (&request.options, request.lifetime, mag)
            }
            Message::RoAck(ack) => {
                assert_eq!(ack.status, 0);
                (&ack.options, ack.lifetime, false)
            }
            other => panic!("{other:?}"),
        };
        assert!((290..=300).contains(&lifetime), "{message:?}");
        assert_eq!(
            options::home_network_prefixes(options).count(),
            2,
            "{message:?}"
        );
        assert_eq!(
            options::mag_ipv6_address(options).is_some(),
            mag,
            "{message:?}"
        );
    }
}

#[test]
fn l_26_mag_addr_is_the_source_mag_in_trigger_and_init_the_sender_in_setup() {
    for message in all_messages() {
        let Message::RoRequest(request) = message else {
            continue;
        };
        let expected = match request.kind {
            RoKind::Trigger | RoKind::Init => Some(MAG1),
            RoKind::Setup => Some(MAG2),
            _ => None,
        };
        let found = options::mag_ipv6_address(&request.options).map(|mag| mag.to_string());
        assert_eq!(found.as_deref(), expected);
    }
}

/// The Init of a set-up that was lost on its way, to be sent in other shapes.
fn init() -> (Domain, RoRequest) {
    let mut domain = domain();
    domain.lose = lose(9, |sent| is_request(sent, RoKind::Init));
    localized(&mut domain);
    let Message::RoRequest(request) = domain.trace[0].message.clone() else {
        panic!()
    };
    domain.lose = None;
    domain.trace.clear();
    domain.entries.clear();
    (domain, request)
}

fn last_ack(domain: &Domain) -> Option<RoAck> {
    domain
        .trace
        .iter()
        .rev()
        .find_map(|sent| match &sent.message {
            Message::RoAck(ack) => Some(ack.clone()),
            _ => None,
        })
}

#[test]
fn l_30_each_mandatory_option_of_init_missing_is_136() {
    for missing in 0..3 {
        let (mut domain, mut request) = init();
        request.options.remove(missing);
        domain.inject("lma1", "mag2", Message::RoRequest(request));
        assert_eq!(last_ack(&domain).unwrap().status, 136);
        assert!(domain.entries.is_empty());
        assert_eq!(domain.trace.len(), 2);
    }
}

#[test]
fn l_30_each_mandatory_option_of_setup_missing_is_136() {
    for missing in 0..3 {
        let (mut domain, mut request) = init();
        request.kind = RoKind::Setup;
        request.options.remove(missing);
        domain.inject("mag2", "mag1", Message::RoRequest(request));
        assert_eq!(last_ack(&domain).unwrap().status, 136);
        assert!(domain.entries.is_empty());
    }
}

#[test]
fn l_30_refresh_and_trigger_without_a_prefix_are_136() {
    for (kind, source) in [
        (RoKind::Refresh, "mag1"),
        (RoKind::Trigger, "lma2"),
        (RoKind::Request, "mag1"),
    ] {
        let (mut domain, mut request) = init();
        request.kind = kind;
        request.options.remove(0);
        domain.inject(source, "lma1", Message::RoRequest(request));
        assert_eq!(last_ack(&domain).unwrap().status, 136, "{kind:?}");
    }
}

#[test]
fn l_10_hl_30_proxy_mode_is_137() {
    let (mut domain, mut request) = init();
    request.proxy_mode = true;
    domain.inject("lma1", "mag2", Message::RoRequest(request));
    assert_eq!(last_ack(&domain).unwrap().status, 137);
    assert!(domain.entries.is_empty());
}

#[test]
fn hl_17_older_or_equal_timestamp_is_135() {
    let mut domain = domain();
    localized(&mut domain);
    let Message::RoRequest(mut init) = domain.trace[0].message.clone() else {
        panic!()
    };
    domain.entries.clear();
    init.sequence = init.sequence.wrapping_add(1_000);
    domain.inject("lma1", "mag2", Message::RoRequest(init.clone()));
    assert_eq!(last_ack(&domain).unwrap().status, 135);
    let mut setup = init;
    setup.kind = RoKind::Setup;
    setup.options[2] = MobilityOption::MagIpv6Address(MAG2.parse().unwrap());
    domain.inject("mag2", "mag1", Message::RoRequest(setup));
    assert_eq!(last_ack(&domain).unwrap().status, 135);
    assert!(domain.entries.is_empty());
}

#[test]
fn hl_17_a_stale_setup_after_the_path_has_gone_is_135() {
    let mut domain = domain();
    localized(&mut domain);
    let Message::RoRequest(mut setup) = domain.trace[1].message.clone() else {
        panic!()
    };
    domain.detach("mag2", "mn3@lma1");
    assert!(domain.paths("mag1").is_empty());
    domain.entries.clear();
    setup.sequence = setup.sequence.wrapping_add(1_000);
    domain.inject("mag2", "mag1", Message::RoRequest(setup));
    assert_eq!(last_ack(&domain).unwrap().status, 135);
    assert!(domain.entries.is_empty());
}

#[test]
fn l_25_messages_on_the_wrong_interface_get_binding_error_2() {
    let (mut domain, request) = init();
    let cases = [
        ("lma1", "mag2", RoKind::Trigger),
        ("mag1", "mag2", RoKind::Refresh),
        ("mag1", "mag2", RoKind::Request),
        ("mag1", "lma1", RoKind::Setup),
        ("lma2", "lma1", RoKind::Init),
        ("mag1", "lma1", RoKind::Query),
    ];
    for (source, destination, kind) in cases {
        let message = RoRequest {
            kind,
            ..request.clone()
        };
        domain.inject(source, destination, Message::RoRequest(message));
        let last = domain.take_trace().pop().unwrap();
        assert_eq!(
            last,
            format!("{destination} > {source} BE status 2"),
            "{kind:?}"
        );
    }
    assert!(domain.entries.is_empty());
}

#[test]
fn acks_to_nothing_are_counted_drops() {
    let (mut domain, request) = init();
    for (source, destination, kind) in [
        ("mag2", "lma1", RoKind::Init),
        ("lma2", "lma1", RoKind::Trigger),
        ("mag1", "mag2", RoKind::Setup),
        ("lma1", "mag2", RoKind::Refresh),
        ("lma1", "mag2", RoKind::Request),
    ] {
        let ack = RoAck {
            kind,
            sequence: request.sequence.wrapping_sub(99),
            unsolicited: false,
            status: 0,
            lifetime: 65_535,
            options: request.options.clone(),
        };
        let before = domain.counter(destination, "pmipv6.drop.ack-to-nothing");
        domain.inject(source, destination, Message::RoAck(ack));
        assert_eq!(
            domain.counter(destination, "pmipv6.drop.ack-to-nothing"),
            before + 1
        );
    }
    assert!(domain.entries.is_empty());
}

#[test]
fn hl_21_lifetime_0_for_what_is_not_there_is_131() {
    for (source, destination, kind) in [
        ("lma1", "mag2", RoKind::Init),
        ("mag1", "mag2", RoKind::Setup),
    ] {
        let (mut domain, mut request) = init();
        request.kind = kind;
        request.lifetime = 0;
        domain.inject(source, destination, Message::RoRequest(request));
        assert_eq!(last_ack(&domain).unwrap().status, 131);
    }
}

#[test]
fn rfc6275_9_2_malformed_messages_are_answered_as_the_rfc_says() {
    let (mut domain, _) = init();
    let malformed = |domain: &mut Domain, error: WireError| {
        let input = Input::Malformed {
            source: address("mag1"),
            destination: address("mag2"),
            via: pmipv6::io::Via::Ipv6,
            error,
        };
        domain.input("mag2", input);
        domain.settle();
        domain.take_trace()
    };
    assert_eq!(
        malformed(&mut domain, WireError::UnknownType(99)),
        ["mag2 > mag1 BE status 2"]
    );
    assert!(
        malformed(
            &mut domain,
            WireError::Checksum {
                found: 1,
                computed: 2
            }
        )
        .is_empty()
    );
    assert!(malformed(&mut domain, WireError::PayloadProto(6)).is_empty());
    assert_eq!(domain.counter("mag2", "pmipv6.tx.parameter-problem"), 1);
    for counter in ["unknown-type", "checksum", "payload-proto"] {
        assert_eq!(domain.counter("mag2", &format!("pmipv6.drop.{counter}")), 1);
    }
    for _ in 0..50 {
        malformed(&mut domain, WireError::UnknownType(99));
    }
    assert_eq!(
        domain.counter("mag2", "pmipv6.tx.binding-error"),
        9,
        "no more than ten errors a second"
    );
}

#[test]
fn l_2_no_message_ever_goes_to_an_mn() {
    let mut domain = domain();
    let (source, destination) = localized(&mut domain);
    domain.carry("mag1", source, destination, 1);
    domain.seconds(241);
    domain.detach("mag2", "mn3@lma1");
    let known = names();
    assert!(
        domain
            .trace
            .iter()
            .all(|sent| known.contains_key(&sent.destination))
    );
    let trace = domain.take_trace();
    for kind in ["Init", "Setup", "Setup Ack", "Init Ack", "Refresh"] {
        let kind = format!(" {kind} ");
        assert!(
            trace.iter().any(|line| format!("{line} ").contains(&kind)),
            "{trace:?}"
        );
    }
}
