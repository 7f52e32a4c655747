//! `describe` shows what the decoder sees, and never more.

use std::net::Ipv6Addr;

use etherparse::PacketBuilder;
use pmipv6::wire::describe::{Field, Start, describe, describe_from, render_text};
use pmipv6::wire::{Checksum, Numbering, decode};
use proptest::prelude::*;

use super::arbitrary;
use super::golden::{self, Golden, messages, options};
use super::packets::over_ipv6 as frame;

fn problems(fields: &[Field]) -> Vec<String> {
    let all = fields.iter().flat_map(Field::walk);
    all.filter_map(|field| field.problem.clone()).collect()
}

/// Problems of the octets, without what a receiver would answer to a well-formed message.
fn wire_problems(fields: &[Field]) -> Vec<String> {
    let all = fields.iter().flat_map(Field::walk);
    all.filter(|field| field.name != "Verdict")
        .filter_map(|field| field.problem.clone())
        .collect()
}

fn find<'a>(fields: &'a [Field], name: &str) -> &'a Field {
    let mut all = fields.iter().flat_map(Field::walk);
    all.find(|field| field.name == name)
        .unwrap_or_else(|| panic!("no {name} in\n{}", render_text(fields)))
}

fn named(name: &str) -> Golden {
    let mut goldens = messages::all();
    let index = goldens.iter().position(|golden| golden.name == name);
    goldens.swap_remove(index.expect("golden"))
}

fn addresses() -> (Ipv6Addr, Ipv6Addr) {
    match golden::checksum() {
        Checksum::PseudoHeader {
            source,
            destination,
        } => (source, destination),
        Checksum::Ignored => panic!("a pseudo-header"),
    }
}

#[test]
fn every_golden_is_named_to_the_last_octet() {
    for golden in messages::all().iter().chain(&options::all()) {
        let octets = golden.octets();
        let fields = describe(&Numbering::default(), &octets);
        assert_eq!(
            wire_problems(&fields),
            Vec::<String>::new(),
            "{}",
            golden.name
        );
        let [header] = &fields[..] else {
            panic!("{}: {} layers", golden.name, fields.len());
        };
        assert_eq!(header.value, golden.message.message_type().name());
        let end = header.children.iter().fold(0, |end, child| {
            assert_eq!(child.offset, end, "{} {}", golden.name, child.name);
            assert!(!child.name.contains("Unknown") || golden.name.contains("unknown"));
            child.offset + child.length
        });
        assert_eq!(end, octets.len(), "{}", golden.name);
    }
}

#[test]
fn ro_setup_in_a_frame_reads_as_the_draft_does() {
    let fields = describe(
        &Numbering::default(),
        &frame(&named("mh-244-ro-setup").octets()),
    );
    assert_eq!(problems(&fields), Vec::<String>::new());
    let layers: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(layers, ["Ethernet", "IPv6", "Mobility Header"]);
    assert_eq!(fields[2].value, "RO Setup");
    assert_eq!(fields[2].offset, 54);
    assert_eq!(find(&fields, "RO_Lifetime").value, "300 s");
    assert_eq!(find(&fields, "MAG IPv6 Address").value, "2001:db8:0:b::2");
    assert_eq!(
        find(&fields, "Verdict").value,
        "2001:db8:1::/64 to 2001:db8:2::/64"
    );
    assert!(find(&fields, "Checksum").value.ends_with("(correct)"));
}

#[test]
fn text_is_one_line_a_field() {
    let octets = named("mh-247-ro-refresh-ack").octets();
    let text = render_text(&describe(&Numbering::default(), &octets));
    let expected = "\
0000  Mobility Header: RO Refresh Ack
0000    Payload Proto: 59 (No Next Header)
0001    Header Len: 1
0002    MH Type: 247
0003    Reserved: 0x00
0004    Checksum: 0x6e27 (not verified: no addresses)
0006    Sequence #: 260
0008    Flags: 0x00
0009    Status: 131 (No such localized routing state)
000a    RO_Lifetime: 300 s
000c    PadN: 4 octets
0010    Verdict: understood
";
    assert_eq!(text, expected);
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let setup = named("mh-244-ro-setup").octets();
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = setup.clone();
        change(&mut octets);
        describe(&Numbering::default(), &frame(&octets))
    };
    let checksum = broken(&|octets| octets[7] ^= 1);
    let problem = find(&checksum, "Checksum").problem.clone().expect("wrong");
    assert!(problem.starts_with("checksum 0x"), "{problem}");

    let truncated = broken(&|octets| octets.truncate(50));
    let problem = find(&truncated, "Mobility Header").problem.clone();
    assert_eq!(
        problem.as_deref(),
        Some("Mobility Header truncated: 50 octets, 80 needed")
    );

    let unknown = broken(&|octets| octets[2] = 99);
    let problem = find(&unknown, "MH Type").problem.clone();
    assert_eq!(problem.as_deref(), Some("unrecognized MH Type 99"));

    let lying = broken(&|octets| octets[13] = 200);
    let problem = find(&lying, "Home Network Prefix").problem.clone();
    let expected =
        "option 22 at octet 12: length 200 runs past the end of the header, 66 octets left";
    assert_eq!(problem.as_deref(), Some(expected));

    let payload = broken(&|octets| octets[0] = 6);
    let problem = find(&payload, "Payload Proto").problem.clone();
    assert_eq!(problem.as_deref(), Some("Payload Proto 6, must be 59"));
}

#[test]
fn ip_lengths_that_lie_are_told() {
    let mut frame = frame(&named("mh-244-ro-setup").octets());
    frame[14 + 5] += 9;
    let fields = describe(&Numbering::default(), &frame);
    let problem = find(&fields, "Payload Length").problem.as_deref();
    assert_eq!(problem, Some("89 octets claimed, 80 there"));
    frame[14 + 5] -= 18;
    let fields = describe(&Numbering::default(), &frame);
    let problem = find(&fields, "Mobility Header").problem.as_deref();
    assert_eq!(
        problem,
        Some("Mobility Header truncated: 71 octets, 80 needed")
    );
    assert_eq!(find(&fields, "Padding").value, "9 octets");
}

#[test]
fn what_the_receiver_would_answer_is_the_verdict() {
    let update = [59, 1, 5, 0, 0, 0, 0, 1, 0x82, 0, 0, 1, 1, 2, 0, 0];
    let fields = describe(&Numbering::default(), &update);
    let problem = find(&fields, "Verdict").problem.as_deref();
    assert_eq!(problem, Some("status 160 (MISSING_MN_IDENTIFIER_OPTION)"));
    let trigger = [59, 1, 240, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 0, 0];
    let fields = describe(&Numbering::default(), &trigger);
    let problem = find(&fields, "Verdict").problem.as_deref();
    let expected = "status 136 (Missing or malformed option): \
                    no Home Network Prefix or IPv4 Home Address option of the source";
    assert_eq!(problem, Some(expected));
}

/// RFC 5844 and RFC 5555: the first nibble behind UDP says what it is.
#[test]
fn l_63_udp_ports_are_told_apart_by_the_first_nibble() {
    let setup = named("mh-244-ro-setup").octets();
    let over_udp = |port, payload: &[u8]| {
        let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(port, port);
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).expect("room");
        let fields = describe(&Numbering::default(), &packet);
        assert_eq!(problems(&fields), Vec::<String>::new());
        fields
            .into_iter()
            .map(|field| field.name)
            .collect::<Vec<_>>()
    };
    for port in [5436, 5437, 4191] {
        assert_eq!(over_udp(port, &setup), ["IPv4", "UDP", "Mobility Header"]);
    }
    let inner = &frame(&setup)[14..];
    assert_eq!(
        over_udp(4191, inner),
        ["IPv4", "UDP", "IPv6", "Mobility Header"]
    );
    let tlv = [&[0, 41, 0, inner.len() as u8][..], inner].concat();
    assert_eq!(
        over_udp(5437, &tlv),
        ["IPv4", "UDP", "TLV header", "IPv6", "Mobility Header"]
    );
    assert_eq!(over_udp(9999, &setup), ["IPv4", "UDP", "Payload"]);
}

#[test]
fn a_control_message_without_udp_checksum_is_told() {
    let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(5436, 5436);
    let mut packet = Vec::new();
    builder
        .write(&mut packet, &named("mh-244-ro-setup").octets())
        .expect("room");
    packet[26..28].fill(0);
    let fields = describe(&Numbering::default(), &packet);
    let udp = fields
        .iter()
        .find(|field| field.name == "UDP")
        .expect("UDP");
    let problem = udp.children[3].problem.as_deref();
    assert_eq!(
        problem,
        Some("zero, but it must be used (RFC 5844 section 4.1.3.2)")
    );
    packet[26..28].fill(0x55);
    let fields = describe(&Numbering::default(), &packet);
    assert_eq!(problems(&fields), ["wrong"]);
}

fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = addresses();
    let mut packet = vec![0x60, 0, 0, 0, 0, payload.len() as u8, next_header, 64];
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(payload);
    packet
}

#[test]
fn tunnels_and_extension_headers_are_followed() {
    let names = |packet: &[u8]| {
        let fields = describe_from(Start::Ip, &Numbering::default(), packet);
        assert_eq!(
            problems(&fields),
            Vec::<String>::new(),
            "{}",
            render_text(&fields)
        );
        fields
            .into_iter()
            .map(|field| field.name)
            .collect::<Vec<_>>()
    };
    let inner = ipv6(59, &[]);
    // Destination Options with the Tunnel Encapsulation Limit (RFC 2473 section 4.1.1).
    let limited = ipv6(60, &[&[41, 0, 4, 1, 4, 1, 1, 0][..], &inner].concat());
    assert_eq!(names(&limited), ["IPv6", "Destination Options", "IPv6"]);
    let fields = describe(&Numbering::default(), &limited);
    assert_eq!(find(&fields, "Tunnel Encapsulation Limit").value, "4");
    let gre = ipv6(
        47,
        &[&[0x20, 0, 0x86, 0xdd, 0, 0, 0x05, 0x39][..], &inner].concat(),
    );
    assert_eq!(names(&gre), ["IPv6", "GRE", "IPv6"]);
    assert_eq!(
        find(&describe(&Numbering::default(), &gre), "Key").value,
        "1337"
    );
    let esp = ipv6(50, &[0, 0, 1, 1, 0, 0, 0, 1, 9, 9, 9, 9]);
    assert_eq!(
        names(&esp),
        ["IPv6", "Encapsulating Security Payload", "Protected data"]
    );
    let data = describe(&Numbering::default(), &esp);
    let value = &find(&data, "Protected data").value;
    assert_eq!(value, "4 octets, not opened: nobody here has the keys");
    let fragment = ipv6(44, &[135, 0, 0, 8, 0, 0, 0, 1, 1, 2, 3]);
    assert_eq!(names(&fragment), ["IPv6", "Fragment", "Fragment data"]);
}

/// RFC 6275 section 6.1.1: the Home Address option stands in for the source.
#[test]
fn home_address_option_enters_the_checksum() {
    let (_, destination) = addresses();
    let source: Ipv6Addr = "2001:db8:1::9".parse().expect("address");
    let checksum = Checksum::PseudoHeader {
        source,
        destination,
    };
    let message = named("mh-005-binding-update-to-a-correspondent").message;
    let octets = pmipv6::wire::encode(&Numbering::default(), checksum, &message).expect("fits");
    let options = [
        &[135, 2, 1, 2, 0, 0, 201, 16][..],
        &source.octets(),
        &octets,
    ]
    .concat();
    let fields = describe(&Numbering::default(), &ipv6(60, &options));
    assert_eq!(
        problems(&fields),
        Vec::<String>::new(),
        "{}",
        render_text(&fields)
    );
    assert_eq!(find(&fields, "Home Address").value, "2001:db8:1::9");
}

#[test]
fn tunnels_in_tunnels_end() {
    let mut packet = ipv6(59, &[]);
    for _ in 0..40 {
        let mut outer = ipv6(41, &[]);
        outer[4..6].copy_from_slice(&(packet.len() as u16).to_be_bytes());
        outer.extend(packet);
        packet = outer;
    }
    let fields = describe(&Numbering::default(), &packet);
    assert_eq!(fields.len(), 24);
    assert_eq!(problems(&fields), ["more than 24 layers"]);
}

#[test]
fn a_mac_address_that_looks_like_ip_is_still_a_mac_address() {
    // The frame starts with 62:62:62:62:62:62.
    let mut swapped = frame(&named("mh-244-ro-setup").octets());
    swapped[..6].fill(0x62);
    assert_eq!(
        describe(&Numbering::default(), &swapped)[0].name,
        "Ethernet"
    );
    swapped[..6].fill(0x3b);
    assert_eq!(
        describe(&Numbering::default(), &swapped)[0].name,
        "Ethernet"
    );
    assert_eq!(
        describe(&Numbering::default(), &swapped[14..])[0].name,
        "IPv6"
    );
}

#[test]
fn json_has_name_value_offset_length() {
    let fields = describe(
        &Numbering::default(),
        &named("mh-000-binding-refresh-request").octets(),
    );
    let json = serde_json::to_value(&fields).expect("JSON");
    assert_eq!(json[0]["name"], "Mobility Header");
    assert_eq!(json[0]["children"][2]["name"], "MH Type");
    assert_eq!(json[0]["children"][2]["offset"], 2);
    assert_eq!(json[0]["children"][2]["length"], 1);
    assert!(json[0].get("problem").is_none());
    let back: Vec<Field> = serde_json::from_value(json).expect("fields");
    assert_eq!(back, fields);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_packets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        for start in [Start::Guess, Start::Ethernet, Start::Ip, Start::MobilityHeader] {
            let fields = describe_from(start, &Numbering::default(), &octets);
            for field in fields.iter().flat_map(Field::walk) {
                prop_assert!(field.offset + field.length <= octets.len(), "{:?}", field);
            }
            prop_assert!(octets.is_empty() || !render_text(&fields).is_empty());
        }
    }

    /// The decoder refuses exactly what the description finds fault with.
    #[test]
    fn problems_are_the_decoders(
        numbering in arbitrary::numbering(),
        message in arbitrary::message(),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let mut octets = pmipv6::wire::encode(&numbering, golden::checksum(), &message).expect("fits");
        let at = at.index(octets.len());
        octets[at] = octet;
        let decoded = decode(&numbering, golden::checksum(), &octets);
        let fields = describe_from(Start::Ethernet, &numbering, &frame(&octets));
        let found = wire_problems(&fields);
        prop_assert_eq!(decoded.is_err(), !found.is_empty(), "{:?} {:?}", decoded, found);
        if let Err(error) = decoded {
            prop_assert!(found.contains(&error.to_string()), "{:?} not in {:?}", error, found);
        }
    }
}
