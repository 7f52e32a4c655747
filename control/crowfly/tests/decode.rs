//! `crowflyctl decode`: good packets, bad packets, and captures that lie.

mod common;

use std::fs::File;
use std::io::Write;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use common::Folder;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use pcap_file::{DataLink, Endianness, TsResolution};
use pmipv6::wire::message::Heartbeat;
use pmipv6::wire::{Checksum, Message, Numbering, encode};
use proptest::prelude::*;
use serde_json::Value;

const SOURCE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x11);
const DESTINATION: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);

/// A Heartbeat in IPv6.
fn packet() -> Vec<u8> {
    let message = Message::Heartbeat(Heartbeat {
        unsolicited: false,
        response: false,
        sequence: 0x1234_5678,
        options: Vec::new(),
    });
    let checksum = Checksum::PseudoHeader {
        source: SOURCE,
        destination: DESTINATION,
    };
    let header = encode(&Numbering::default(), checksum, &message).unwrap();
    let length = u8::try_from(header.len()).unwrap();
    let mut packet = vec![0x60, 0, 0, 0, 0, length, 135, 64];
    packet.extend(SOURCE.octets());
    packet.extend(DESTINATION.octets());
    packet.extend(header);
    packet
}

fn frame() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
    frame.extend(packet());
    frame
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

struct Ran {
    status: i32,
    out: String,
    complaints: String,
}

fn decode(words: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crowflyctl"))
        .arg("decode")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may have seen enough before the end.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        complaints: String::from_utf8(output.stderr).unwrap(),
    }
}

fn decode_file(path: &Path, words: &[&str]) -> Ran {
    let mut all = vec![path.to_str().unwrap()];
    all.extend(words);
    decode(&all, "")
}

fn write_pcap(path: &Path, datalink: DataLink, packets: &[Vec<u8>]) {
    let header = PcapHeader {
        datalink,
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(File::create(path).unwrap(), header).unwrap();
    for (number, packet) in packets.iter().enumerate() {
        let time = Duration::from_millis(1_500 + number as u64);
        let length = u32::try_from(packet.len()).unwrap();
        writer
            .write_packet(&PcapPacket::new(time, length, packet))
            .unwrap();
    }
}

fn capture(folder: &Folder) -> PathBuf {
    folder.0.join("x.cap")
}

#[test]
fn a_good_packet_is_printed_by_field() {
    let text = hex(&packet());
    let spaced: Vec<String> = packet()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let words: Vec<&str> = spaced.iter().map(String::as_str).collect();
    let colons = spaced.join(":");
    for ran in [
        decode(&[&text], ""),
        decode(&words, ""),
        decode(&[&colons], ""),
        decode(&["-"], &format!("{}\n{}\n", &text[..40], &text[40..])),
        decode(&[&hex(&frame())], ""),
    ] {
        assert_eq!(
            (ran.status, ran.complaints.as_str()),
            (0, ""),
            "{}",
            ran.out
        );
        assert!(ran.out.contains("Heartbeat"), "{}", ran.out);
        assert!(ran.out.contains("2001:db8:f::11"), "{}", ran.out);
    }
}

#[test]
fn json_has_layers_and_problems() {
    let ran = decode(&["--json", &hex(&packet())], "");
    assert_eq!(ran.status, 0);
    let described: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(described["octets"], packet().len());
    assert!(described["layers"].as_array().unwrap().len() >= 2);
    assert_eq!(described["problems"], serde_json::json!([]));
}

#[test]
fn a_bad_packet_is_exit_status_1_and_says_what_is_wrong() {
    let mut wrong = packet();
    *wrong.last_mut().unwrap() ^= 1;
    let ran = decode(&[&hex(&wrong)], "");
    assert_eq!(ran.status, 1);
    assert!(ran.out.to_lowercase().contains("checksum"), "{}", ran.out);
    assert!(ran.out.contains('!'), "{}", ran.out);
    assert_eq!(ran.complaints, "crowflyctl: the packet is bad\n");
    let ran = decode(&["--json", &hex(&wrong)], "");
    assert_eq!(ran.status, 1);
    let described: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(!described["problems"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_no_packet_is_exit_status_2() {
    let folder = Folder::new();
    let file = capture(&folder);
    std::fs::write(&file, b"\x00\xff\xfe binary").unwrap();
    let file = file.to_str().unwrap();
    let long = "00".repeat(600_000);
    for (words, input, reason) in [
        (&["zz"][..], "", "'z', is not a hex digit"),
        (&["600"], "", "odd number"),
        (&[""], "", "no octets"),
        (&["-"], "", "no octets"),
        (&["-"], "hello", "'h'"),
        (&["-"], &long, "too long"),
        (&["missing.pcap"], "", "missing.pcap: No such file"),
        (&["/"], "", "/: "),
        (&[file], "", "neither a capture"),
        (&["--mh-base", "245", "00"], "", "245"),
    ] {
        let ran = decode(words, input);
        assert_eq!(ran.status, 2, "{words:?}: {}", ran.complaints);
        assert!(
            ran.complaints.contains(reason),
            "{words:?}: {}",
            ran.complaints
        );
        assert_eq!(ran.out, "");
    }
}

#[test]
fn ro_messages_are_found_where_the_domain_has_them() {
    let refused = hex(&[59, 1, 100, 0, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 0]);
    let ran = decode(&[&refused], "");
    assert!(!ran.out.contains("RO "), "{}", ran.out);
    let ran = decode(&["--mh-base", "98", &refused], "");
    assert!(ran.out.contains("RO Init"), "{}", ran.out);
}

#[test]
fn captures_of_every_kind_of_link_are_read() {
    let folder = Folder::new();
    let path = capture(&folder);
    let behind = |octets: usize| [vec![0; octets], packet()].concat();
    for (link, octets) in [
        (DataLink::ETHERNET, frame()),
        (DataLink::RAW, packet()),
        (DataLink::IPV6, packet()),
        (DataLink::LINUX_SLL, behind(16)),
        (DataLink::from(276), behind(20)),
        (DataLink::NULL, behind(4)),
    ] {
        write_pcap(&path, link, &[octets.clone(), octets]);
        let ran = decode_file(&path, &[]);
        assert_eq!(
            (ran.status, ran.complaints.as_str()),
            (0, ""),
            "{link:?}: {}",
            ran.out
        );
        assert!(
            ran.out.matches("Heartbeat").count() >= 2,
            "{link:?}: {}",
            ran.out
        );
        assert!(ran.out.starts_with("packet 1, 1.500000 s, "), "{}", ran.out);
        let ran = decode_file(&path, &["--json"]);
        assert_eq!(ran.out.lines().count(), 2, "an object a packet");
    }
    write_pcap(&path, DataLink::IEEE802_11, &[packet()]);
    let ran = decode_file(&path, &[]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.complaints.contains("link type 105"),
        "{}",
        ran.complaints
    );
}

#[test]
fn pcapng_is_read() {
    let folder = Folder::new();
    let path = capture(&folder);
    for endianness in [Endianness::Little, Endianness::Big] {
        let file = File::create(&path).unwrap();
        let mut writer = PcapNgWriter::with_endianness(file, endianness).unwrap();
        for linktype in [DataLink::RAW, DataLink::ETHERNET] {
            writer
                .write_pcapng_block(InterfaceDescriptionBlock {
                    linktype,
                    snaplen: 0,
                    options: Vec::new(),
                })
                .unwrap();
        }
        for (interface_id, data) in [(1, frame()), (0, packet())] {
            writer
                .write_pcapng_block(EnhancedPacketBlock {
                    interface_id,
                    timestamp: Duration::from_secs(1),
                    original_len: u32::try_from(data.len()).unwrap(),
                    data: data.into(),
                    options: Vec::new(),
                })
                .unwrap();
        }
        drop(writer);
        let ran = decode_file(&path, &[]);
        assert_eq!(
            (ran.status, ran.complaints.as_str()),
            (0, ""),
            "{}",
            ran.out
        );
        assert!(ran.out.contains("packet 2"), "{}", ran.out);
    }
}

#[test]
fn a_capture_with_a_snap_length_says_what_is_missing() {
    let folder = Folder::new();
    let path = capture(&folder);
    let header = PcapHeader {
        datalink: DataLink::RAW,
        snaplen: 48,
        ts_resolution: TsResolution::NanoSecond,
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(File::create(&path).unwrap(), header).unwrap();
    let packet = packet();
    let short = &packet[..48];
    let raw = RawPcapPacket {
        ts_sec: 1,
        ts_frac: 5,
        incl_len: 48,
        orig_len: u32::try_from(packet.len()).unwrap(),
        data: short.into(),
    };
    writer.write_raw_packet(&raw).unwrap();
    drop(writer);
    let ran = decode_file(&path, &[]);
    assert_eq!(ran.status, 1, "{}", ran.complaints);
    assert!(
        ran.out.contains("only 48 of 56 octets were captured"),
        "{}",
        ran.out
    );
}

#[test]
fn a_capture_cut_short_prints_what_it_has() {
    let folder = Folder::new();
    let path = capture(&folder);
    write_pcap(&path, DataLink::RAW, &[packet(), packet()]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let ran = decode_file(&path, &[]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.out.contains("packet 1") && !ran.out.contains("packet 2"),
        "{}",
        ran.out
    );
    assert!(
        ran.complaints.contains("after packet 1: the capture ends"),
        "{}",
        ran.complaints
    );
}

#[test]
fn an_empty_capture_is_no_error() {
    let folder = Folder::new();
    let path = capture(&folder);
    write_pcap(&path, DataLink::RAW, &[]);
    let ran = decode_file(&path, &[]);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
}

/// A little capture of each format.
fn seeds(folder: &Folder) -> [Vec<u8>; 2] {
    let path = capture(folder);
    write_pcap(&path, DataLink::ETHERNET, &[frame(), frame()]);
    let pcap = std::fs::read(&path).unwrap();
    let file = File::create(&path).unwrap();
    let mut writer = PcapNgWriter::with_endianness(file, Endianness::Little).unwrap();
    let interface = InterfaceDescriptionBlock {
        linktype: DataLink::ETHERNET,
        snaplen: 0,
        options: Vec::new(),
    };
    writer.write_pcapng_block(interface).unwrap();
    let packet = EnhancedPacketBlock {
        interface_id: 0,
        timestamp: Duration::from_secs(1),
        original_len: u32::try_from(frame().len()).unwrap(),
        data: frame().into(),
        options: Vec::new(),
    };
    writer.write_pcapng_block(packet).unwrap();
    drop(writer);
    [pcap, std::fs::read(&path).unwrap()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever a capture says, the tool says something about it and ends.
    #[test]
    fn no_capture_hurts(
        which in 0_usize..2,
        changes in proptest::collection::vec((0_usize..400, any::<u8>()), 0..12),
        length in 0_usize..400,
    ) {
        let folder = Folder::new();
        let mut octets = seeds(&folder)[which].clone();
        for (at, value) in changes {
            let at = at % octets.len();
            octets[at] = value;
        }
        octets.truncate(length.max(4));
        let path = capture(&folder);
        std::fs::write(&path, octets).unwrap();
        let words = ["crowflyctl", "decode", path.to_str().unwrap()];
        let (mut out, mut complaints) = (Vec::new(), Vec::new());
        let status = crowfly::ctl::run(words.map(Into::into), &mut out, &mut complaints);
        prop_assert_eq!(status == ExitCode::SUCCESS, complaints.is_empty());
    }
}
