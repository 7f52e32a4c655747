//! `crowflyctl trace` and `crowflyctl replay` as a process.

mod common;

use std::fs::File;
use std::net::Ipv6Addr;
use std::process::{Command, Output};
use std::time::Duration;

use common::{Folder, Node, Reaction};
use crowfly::record::{EngineConfig, Given, Header, Recorder, Step};
use crowfly::socket::{Limits, Method};
use pcap_file::pcap::{PcapPacket, PcapWriter};
use pmipv6::io::{Input, Now};
use pmipv6::mag;
use serde_json::{Value, json};

const HERE: &str = "2001:db8:100::/64";
const THERE: &str = "2001:db8:100:1::/64";
const MAG1: &str = "2001:db8:f::11";
const MAG2: &str = "2001:db8:f::12";

fn crowflyctl(words: &[&str]) -> (i32, String, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_crowflyctl"))
        .args(words)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = command.unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A node that has seen one message.
fn node(name: &'static str, address: &'static str, seen: &'static str, at_us: u64) -> Node {
    let view = json!({
        "node_id": name, "role": "mag", "address": address, "source": HERE, "destination": THERE,
        "legs": [{
            "at_us": at_us, "of": "pair", "seen": seen, "from": MAG2, "to": MAG1,
            "message": "RO Setup", "sequence": 7, "status": null, "lifetime_s": 300,
            "handover": false, "mn_id": null,
        }],
    });
    Node::start(Limits::default(), move |method| {
        assert!(matches!(method, Method::PathTrace(_)), "{method:?}");
        Reaction::Answer(Ok(view.clone()))
    })
}

#[test]
fn several_nodes_become_one_chart() {
    let mag1 = node("mag1", MAG1, "received", 1_700_000_000_000_400);
    let mag2 = node("mag2", MAG2, "sent", 1_700_000_000_000_000);
    let (one, two) = (mag1.path(), mag2.path());
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let words = ["trace", HERE, THERE, "-s", one, "-s", two];
    let (status, text, complaints) = crowflyctl(&words);
    assert_eq!((status, complaints.as_str()), (0, ""), "{text}");
    assert!(text.contains("mag1") && text.contains("mag2"), "{text}");
    assert!(text.contains("#7, 300 s, 0.400 ms"), "{text}");
    let (status, text, _) = crowflyctl(&[&["--json"], &words[..]].concat());
    assert_eq!(status, 0);
    let chart: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(chart["rows"].as_array().unwrap().len(), 1);
    assert_eq!(chart["rows"][0]["transit_us"], 400);
    let (status, _, complaints) = crowflyctl(&["status", "-s", one, "-s", two]);
    assert_eq!(status, 2, "{complaints}");
    let (status, _, complaints) = crowflyctl(&["trace", "x", THERE, "--pcap", "/dev/null"]);
    assert_eq!(status, 2, "{complaints}");
}

/// An IPv6 packet in Ethernet with this next header.
fn frame(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let ends = [MAG2, MAG1].map(|end| end.parse::<Ipv6Addr>().unwrap().octets());
    let ipv6 = [0x60, 0, 0, 0, length[0], length[1], next_header, 64];
    [
        &[0; 12],
        &[0x86, 0xdd][..],
        &ipv6,
        ends.as_flattened(),
        payload,
    ]
    .concat()
}

#[test]
fn a_capture_in_esp_says_that_it_was_not_opened() {
    let folder = Folder::new();
    let path = folder.0.join("esp.pcap");
    let mut writer = PcapWriter::new(File::create(&path).unwrap()).unwrap();
    for number in 0..3_u8 {
        let octets = frame(50, &[0, 0, 1, 1, 0, 0, 0, number, 9, 9, 9, 9]);
        let (time, length) = (Duration::from_secs(1), octets.len() as u32);
        let packet = PcapPacket::new(time, length, &octets);
        writer.write_packet(&packet).unwrap();
    }
    drop(writer);
    let words = ["trace", HERE, THERE, "--pcap", path.to_str().unwrap()];
    let (status, text, complaints) = crowflyctl(&words);
    assert_eq!((status, complaints.as_str()), (0, ""), "{text}");
    assert!(
        text.starts_with("no signalling of this pair is known\n3 packets"),
        "{text}"
    );
    assert!(text.contains("are ESP and were not opened"), "{text}");
    let (_, text, _) = crowflyctl(&[&["--json"], &words[..]].concat());
    let chart: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&chart["sealed"], &chart["rows"]), (&json!(3), &json!([])));
}

fn record(folder: &Folder) -> std::path::PathBuf {
    let file = folder.0.join("record");
    let config = EngineConfig::Mag(mag::Config::default().into());
    let mut engine = config.engine(5);
    let mut recorder = Recorder::create(&file, 1 << 20, &Header::new("mag9", 5, config)).unwrap();
    let now = serde_json::from_value::<Now>(json!({
        "mono": { "secs": 1, "nanos": 0 }, "wall": { "secs": 1_700_000_000, "nanos": 0 },
    }));
    let now = now.unwrap();
    for input in [Input::Timeout, Input::Applied(99), Input::Shutdown] {
        let (given, mut outputs) = (Given::Input(input), Vec::new());
        given.clone().feed(engine.as_mut(), now, &mut outputs);
        recorder.step(&Step {
            now,
            given,
            outputs,
        });
    }
    recorder.finish();
    file
}

#[test]
fn a_replay_needs_no_node_and_says_what_differs() {
    let folder = Folder::new();
    let file = record(&folder);
    let path = file.to_str().unwrap();
    let (status, text, complaints) = crowflyctl(&["replay", path]);
    assert_eq!((status, complaints.as_str()), (0, ""), "{text}");
    assert!(text.contains("mag9: 3 inputs fed"), "{text}");
    let changed = std::fs::read_to_string(&file).unwrap();
    let invented = r#""outputs":[{"Program":{"number":1,"entry":{"Detach":{"home":"::/64"}}}}]"#;
    let changed = changed.replacen(r#""outputs":[]"#, invented, 1);
    std::fs::write(&file, changed).unwrap();
    let (status, text, complaints) = crowflyctl(&["replay", path]);
    assert_eq!(status, 1, "{text}");
    assert!(complaints.contains("line 2"), "{complaints}");
    assert!(
        text.contains("Detach") && text.contains("replayed  nothing"),
        "{text}"
    );
    let (status, text, _) = crowflyctl(&["--json", "replay", path]);
    let outcome: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &outcome["equal"]), (1, &json!(false)));
    assert_eq!(outcome["difference"]["replayed"], Value::Null);
    let (status, ..) = crowflyctl(&["replay", "/nowhere"]);
    assert_eq!(status, 2);
    let (status, _, complaints) = crowflyctl(&["replay", "/dev/null"]);
    assert_eq!(status, 2);
    assert!(complaints.contains("no record"), "{complaints}");
}
