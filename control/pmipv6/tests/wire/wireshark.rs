//! `configs/wireshark/crowfly.lua` in tshark, and tshark's own view of the standard messages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pmipv6::wire::message::{RoAck, RoRequest};
use pmipv6::wire::{Checksum, Message, MobilityOption, Numbering, encode, options};
use serde_json::Value;

use super::golden::{self, Golden, messages};
use super::packets::{over_ipv6, over_udp};

/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;
/// Ethernet, IPv6.
const HEADER_AT: u64 = 14 + 40;

/// A capture file that goes away with the test.
struct Capture(PathBuf);

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The classic format: one header, then length and octets of every frame.
fn capture(name: &str, frames: &[Vec<u8>]) -> Capture {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, ETHERNET] {
        file.extend(u32::to_le_bytes(word));
    }
    for frame in frames {
        let len = u32::try_from(frame.len()).expect("short");
        for word in [0, 0, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    let path = std::env::temp_dir().join(format!("crowfly-{}-{name}.pcap", std::process::id()));
    fs::write(&path, file).expect("capture file");
    Capture(path)
}

/// The layers of every frame, each field with its octets.
fn tshark(name: &str, frames: &[Vec<u8>], more: &[&str]) -> Vec<Value> {
    let capture = capture(name, frames);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/wireshark/crowfly.lua");
    let output = Command::new("tshark")
        .arg("-X")
        .arg(format!("lua_script:{}", script.display()))
        .args(["-T", "json", "-x", "--no-duplicate-keys"])
        .args(more)
        .arg("-r")
        .arg(&capture.0)
        .output()
        .expect("tshark must be installed for this test: apt-get install tshark");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    assert!(
        !errors.contains("Lua:") && !errors.contains("lua:"),
        "{errors}"
    );
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(packets.len(), frames.len());
    packets
        .into_iter()
        .map(|mut packet| packet["_source"]["layers"].take())
        .collect()
}

/// Every value under a key, at any depth, in order.
fn values<'a>(tree: &'a Value, key: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    match tree {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::Array(all) if name == key => found.extend(all),
                    _ if name == key => found.push(value),
                    _ => found.extend(values(value, key)),
                }
            }
        }
        Value::Array(all) => found.extend(all.iter().flat_map(|value| values(value, key))),
        _ => {}
    }
    found
}

fn texts(tree: &Value, key: &str) -> Vec<String> {
    let all = values(tree, key).into_iter();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn one(tree: &Value, key: &str) -> String {
    let mut all = texts(tree, key);
    assert_eq!(all.len(), 1, "{key} in {tree:#}");
    all.remove(0)
}

/// Octets that a field without fields below it covers; position and length are in `NAME_raw`.
fn covered(tree: &Value, octets: &mut BTreeSet<u64>) {
    let Value::Object(map) = tree else {
        if let Value::Array(all) = tree {
            all.iter().for_each(|value| covered(value, octets));
        }
        return;
    };
    for (name, value) in map {
        let Some(field) = name.strip_suffix("_raw") else {
            covered(value, octets);
            continue;
        };
        if matches!(field, "mip6ro" | "mip6ro.option") {
            continue;
        }
        // One field is [hex, position, length, ...], several are a list of those.
        let fields = match value.get(0) {
            Some(Value::Array(_)) => value.as_array().cloned().unwrap_or_default(),
            _ => vec![value.clone()],
        };
        for field in fields {
            let number = |index: usize| field[index].as_u64().expect("a number");
            octets.extend(number(1)..number(1) + number(2));
        }
    }
}

fn is_ours(golden: &Golden) -> bool {
    matches!(
        golden.message,
        Message::RoRequest(_)
            | Message::RoAck(_)
            | Message::LocalizedRoutingInitiation(_)
            | Message::LocalizedRoutingAck(_)
    )
}

fn assert_sound(name: &str, layers: &Value) {
    assert!(
        values(layers, "_ws.malformed").is_empty(),
        "{name}: {layers:#}"
    );
    assert!(
        values(layers, "_ws.lua.error").is_empty(),
        "{name}: {layers:#}"
    );
    assert!(
        values(layers, "_ws.expert").is_empty(),
        "{name}: {layers:#}"
    );
}

#[test]
fn every_ro_message_is_dissected_to_the_last_octet() {
    let goldens: Vec<Golden> = messages::all().into_iter().filter(is_ours).collect();
    assert_eq!(goldens.len(), 14);
    let frames: Vec<_> = goldens
        .iter()
        .map(|golden| over_ipv6(&golden.octets()))
        .collect();
    for (golden, layers) in goldens.iter().zip(tshark("ro", &frames, &[])) {
        assert_sound(golden.name, &layers);
        let ours = &layers["mip6ro"];
        assert_eq!(
            one(ours, "mip6ro.message"),
            golden.message.message_type().name()
        );
        assert_eq!(
            one(ours, "mip6ro.checksum.status"),
            "correct",
            "{}",
            golden.name
        );
        assert_fixed_part(&golden.message, ours);
        assert_options(golden.message.options(), ours);
        let mut octets = BTreeSet::new();
        covered(ours, &mut octets);
        let end = HEADER_AT + golden.octets().len() as u64;
        assert_eq!(octets, (HEADER_AT..end).collect(), "{}", golden.name);
    }
}

fn assert_fixed_part(message: &Message, ours: &Value) {
    let number = |key| one(ours, key).parse::<u16>().expect("a number");
    match message {
        Message::RoRequest(RoRequest {
            sequence,
            handover,
            proxy_mode,
            lifetime,
            ..
        }) => {
            assert_eq!(number("mip6ro.sequence"), *sequence);
            assert_eq!(number("mip6ro.h"), u16::from(*handover));
            assert_eq!(number("mip6ro.x"), u16::from(*proxy_mode));
            assert_eq!(number("mip6ro.lifetime"), *lifetime);
        }
        Message::RoAck(RoAck {
            sequence,
            unsolicited,
            status,
            lifetime,
            ..
        }) => {
            assert_eq!(number("mip6ro.sequence"), *sequence);
            assert_eq!(number("mip6ro.u"), u16::from(*unsolicited));
            assert_eq!(number("mip6ro.status"), u16::from(*status));
            assert_eq!(number("mip6ro.lifetime"), *lifetime);
        }
        Message::LocalizedRoutingAck(ack) => {
            assert_eq!(number("mip6ro.sequence"), ack.sequence);
            assert_eq!(number("mip6ro.lra_status"), u16::from(ack.status));
            assert_eq!(number("mip6ro.lifetime"), ack.lifetime);
        }
        _ => assert_eq!(number("mip6ro.lifetime"), 300),
    }
}

fn assert_options(list: &[MobilityOption], ours: &Value) {
    let prefixes: Vec<_> = options::home_network_prefixes(list)
        .map(|prefix| prefix.addr().to_string())
        .collect();
    assert_eq!(texts(ours, "mip6ro.hnp"), prefixes);
    let mag: Vec<_> = options::mag_ipv6_address(list)
        .map(|address| address.to_string())
        .into_iter()
        .collect();
    assert_eq!(texts(ours, "mip6ro.mag"), mag);
    let homes: Vec<_> = options::ipv4_home_addresses(list)
        .map(|(address, _)| address.to_string())
        .collect();
    assert_eq!(texts(ours, "mip6ro.ipv4.hoa"), homes);
}

/// Every option that is known, inside a message of ours.
#[test]
fn every_option_is_dissected_in_an_ro_message() {
    let frames: Vec<_> = golden::options::all()
        .into_iter()
        .map(|golden| {
            let message = Message::RoAck(RoAck {
                kind: pmipv6::wire::message::RoKind::Init,
                sequence: 1,
                unsolicited: false,
                status: 0,
                lifetime: 1,
                options: golden.message.options().to_vec(),
            });
            let octets = encode(&Numbering::default(), golden::checksum(), &message);
            over_ipv6(&octets.expect("fits"))
        })
        .collect();
    for (golden, layers) in golden::options::all()
        .iter()
        .zip(tshark("options", &frames, &[]))
    {
        assert_sound(golden.name, &layers);
        let option_type = golden.message.options()[0].option_type().to_string();
        let types = texts(&layers["mip6ro"], "mip6ro.option.type");
        assert!(types.contains(&option_type), "{}: {types:?}", golden.name);
        let mut octets = BTreeSet::new();
        covered(&layers["mip6ro"], &mut octets);
        // HI, ATT and Redirect flags leave no octet out either.
        let last = octets.last().copied().unwrap_or_default();
        assert_eq!(octets.len() as u64, last + 1 - HEADER_AT, "{}", golden.name);
    }
}

#[test]
fn faults_are_flagged() {
    let golden = |name: &str| {
        let mut goldens = messages::all().into_iter();
        let golden = goldens.find(|golden| golden.name == name);
        golden.expect("golden").octets()
    };
    let mut checksum = golden("mh-244-ro-setup");
    checksum[4] ^= 0xff;
    let mut cut = golden("mh-244-ro-setup");
    cut[13] = 200;
    let mut length = golden("mh-244-ro-setup");
    length[61] = 10;
    // Not ours, and Wireshark's own dissector runs out of octets.
    let malformed = golden("mh-003-home-test")[..16].to_vec();
    let frames = [checksum, cut, length, malformed].map(|octets| over_ipv6(&octets));
    let layers = tshark("faults", &frames, &[]);
    let faults = ["checksum_bad", "cut", "option_length", "malformed"];
    for (layers, fault) in layers.iter().zip(faults) {
        let found = values(layers, &format!("mip6ro.{fault}"));
        assert!(!found.is_empty(), "{fault}: {layers:#}");
        assert!(!layers.to_string().contains("Lua Error"), "{layers:#}");
    }
}

#[test]
fn l_63_messages_over_ipv4_are_dissected() {
    let goldens = messages::all();
    let setup = goldens
        .iter()
        .find(|golden| golden.name == "mh-244-ro-setup")
        .expect("golden");
    let bare = encode(&Numbering::default(), Checksum::Ignored, &setup.message).expect("fits");
    let in_ipv6 = over_ipv6(&setup.octets())[14..].to_vec();
    let tlv = [&[0, 41, 0, in_ipv6.len() as u8][..], &in_ipv6].concat();
    let frames = [
        over_udp(5436, &bare),
        over_udp(4191, &bare),
        over_udp(4191, &in_ipv6),
        over_udp(5437, &tlv),
    ];
    let status = [
        "ignored over IPv4",
        "ignored over IPv4",
        "correct",
        "correct",
    ];
    for (layers, status) in tshark("udp", &frames, &[]).iter().zip(status) {
        assert_sound(status, layers);
        assert_eq!(one(layers, "mip6ro.message"), "RO Setup");
        assert_eq!(one(layers, "mip6ro.checksum.status"), status);
    }
}

#[test]
fn preferences_follow_the_numbering() {
    let rfc5096 = [over_ipv6(&messages::rfc5096_setup().octets())];
    let layers = tshark("rfc5096", &rfc5096, &["-o", "mip6ro.rfc5096:TRUE"]);
    assert_sound("rfc5096", &layers[0]);
    assert_eq!(one(&layers[0], "mip6ro.message"), "RO Setup");
    assert_eq!(one(&layers[0], "mip6ro.sequence"), "259");
    let numbering = Numbering {
        mh_base: 200,
        rfc5096: false,
    };
    let message = messages::rfc5096_setup().message;
    let octets = encode(&numbering, golden::checksum(), &message).expect("fits");
    let layers = tshark("base", &[over_ipv6(&octets)], &["-o", "mip6ro.mh_base:200"]);
    assert_eq!(one(&layers[0], "mip6ro.message"), "RO Setup");
}

/// The other messages stay with Wireshark, which reads from our octets what we meant.
#[test]
fn wireshark_agrees_on_the_standard_messages() {
    let goldens: Vec<_> = messages::all()
        .into_iter()
        .filter(|golden| !is_ours(golden))
        .collect();
    let frames: Vec<_> = goldens
        .iter()
        .map(|golden| over_ipv6(&golden.octets()))
        .collect();
    for (golden, layers) in goldens.iter().zip(tshark("standard", &frames, &[])) {
        assert!(
            values(&layers, "_ws.malformed").is_empty(),
            "{}: {layers:#}",
            golden.name
        );
        assert!(layers.get("mip6ro").is_none(), "{}", golden.name);
        match &golden.message {
            Message::BindingUpdate(update) => {
                assert_eq!(one(&layers, "mip6.bu.seqnr"), update.sequence.to_string());
                assert_eq!(
                    one(&layers, "mip6.bu.lifetime"),
                    update.lifetime.to_string()
                );
            }
            Message::BindingAck(ack) => {
                assert_eq!(one(&layers, "mip6.ba.seqnr"), ack.sequence.to_string());
                assert_eq!(one(&layers, "mip6.ba.status"), ack.status.to_string());
            }
            Message::Heartbeat(heartbeat) => {
                assert_eq!(
                    one(&layers, "mip6.hb.seqnr"),
                    heartbeat.sequence.to_string()
                );
            }
            _ => {}
        }
    }
}
