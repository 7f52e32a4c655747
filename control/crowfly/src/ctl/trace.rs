//! `crowflyctl trace`: what several nodes, or a capture, have seen of one pair, as one chart.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::wire::describe::Start;
use pmipv6::wire::iana::{NEXT_HEADER_MH, PORT_DSMIPV6, PORT_PMIP6_CNTL};
use pmipv6::wire::{self, Checksum, Message, Numbering};

use super::args::{Args, TraceArgs};
use super::call::pair;
use super::capture::{Capture, Packet};
use super::client::Client;
use super::error::Failure;
use crate::trace::{Chart, Trace, View, draw, merge};

const ETHERNET_BYTES: usize = 14;
const VLAN_TAG_BYTES: usize = 4;
const IPV6_BYTES: usize = 40;
/// Without options.
const IPV4_BYTES: usize = 20;
const UDP_BYTES: usize = 8;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_ESP: u8 = 50;

/// What of a capture may be signalling.
enum Found {
    /// A good message in the clear.
    Message(IpAddr, IpAddr, Message),
    /// A packet in ESP (RFC 4303): what is in it is for those who have the keys.
    Sealed,
}

/// Asks each node, or reads the capture, and draws.
pub(super) fn run(args: &Args, trace: &TraceArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (views, sealed) = match &trace.pcap {
        Some(file) => {
            let (view, sealed) = of_capture(file, trace)?;
            (vec![view], sealed)
        }
        None => {
            let asked = args.sockets.iter().map(|socket| ask(args, socket, trace));
            (asked.collect::<Result<_, _>>()?, 0)
        }
    };
    let chart = Chart {
        sealed,
        ..merge(&views)
    };
    match args.json {
        true => {
            let chart = serde_json::to_string(&chart).map_err(std::io::Error::from)?;
            writeln!(out, "{chart}")?;
        }
        false => draw(&chart, out)?,
    }
    Ok(())
}

fn ask(args: &Args, socket: &Path, trace: &TraceArgs) -> Result<View, Failure> {
    let mut client = Client::connect(socket, args.timeout())?;
    let answer = client.call("path.trace", pair(&trace.pair))?;
    serde_json::from_value(answer).map_err(|error| Failure::Stranger(error.to_string()))
}

/// What a capture shows, and how many packets in ESP there are in it. Where it was taken at several nodes, a message
/// stands in it once for each.
fn of_capture(path: &Path, trace: &TraceArgs) -> Result<(View, u64), Failure> {
    let wrong = |reason: String| Failure::Usage(format!("{}: {reason}", path.display()));
    let end = |text: &str| -> Result<IpNet, Failure> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let parsed = address.or_else(|_| text.parse());
        parsed.map_err(|_| Failure::Usage(format!("{text:?} is neither an address nor a prefix")))
    };
    let (source, destination) = (end(&trace.pair.source)?, end(&trace.pair.destination)?);
    let file = File::open(path).map_err(|source| Failure::File {
        path: path.to_path_buf(),
        source,
    })?;
    let mut capture = Capture::open(path, file)
        .map_err(Failure::Usage)?
        .ok_or_else(|| wrong("no capture (pcap, pcapng)".to_owned()))?;
    let numbering = trace.numbering.into();
    let (mut kept, mut sealed) = (Trace::default(), 0);
    while let Some(packet) = capture.next_packet() {
        let packet = packet.map_err(wrong)?;
        let time = packet.time.unwrap_or(Duration::ZERO);
        match signalling(&numbering, &packet) {
            Some(Found::Message(from, to, message)) => kept.sent(time, from, to, &message),
            Some(Found::Sealed) => sealed += 1,
            None => {}
        }
    }
    let view = View {
        node_id: path.display().to_string(),
        role: "capture".to_owned(),
        address: None,
        source,
        destination,
        legs: kept.of_pair(&source, &destination),
    };
    Ok((view, sealed))
}

/// The signalling of a packet, where it carries any.
fn signalling(numbering: &Numbering, packet: &Packet) -> Option<Found> {
    let mut octets = packet.octets.as_slice();
    if packet.start == Start::Ethernet {
        let tagged = octets.get(12..14)? == [0x81, 0x00];
        let skipped = ETHERNET_BYTES + if tagged { VLAN_TAG_BYTES } else { 0 };
        octets = octets.get(skipped..)?;
    }
    match octets.first()? >> 4 {
        4 => over_ipv4(numbering, octets),
        6 => over_ipv6(numbering, octets),
        _ => None,
    }
}

fn over_ipv6(numbering: &Numbering, octets: &[u8]) -> Option<Found> {
    let header: &[u8; IPV6_BYTES] = octets.first_chunk()?;
    match (header[0] >> 4, header[6]) {
        (6, NEXT_HEADER_MH) => {}
        (6, PROTOCOL_ESP) => return Some(Found::Sealed),
        _ => return None,
    }
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = octets.get(IPV6_BYTES..IPV6_BYTES + length)?;
    let address = |at: usize| -> Option<Ipv6Addr> {
        let octets: [u8; 16] = header.get(at..at + 16)?.try_into().ok()?;
        Some(octets.into())
    };
    let (source, destination) = (address(8)?, address(24)?);
    let checksum = Checksum::PseudoHeader {
        source,
        destination,
    };
    let message = wire::decode(numbering, checksum, payload).ok()?;
    Some(Found::Message(source.into(), destination.into(), message))
}

/// In UDP port 5436, which names nodes by their IPv4 addresses (RFC 5844 section 4.1.3.2), or as an IPv6 packet in
/// port 4191 (RFC 5555 section 4.1).
fn over_ipv4(numbering: &Numbering, octets: &[u8]) -> Option<Found> {
    let header: &[u8; IPV4_BYTES] = octets.first_chunk()?;
    if header[9] == PROTOCOL_ESP {
        return Some(Found::Sealed);
    }
    let udp = octets.get(4 * usize::from(header[0] & 0x0F)..)?;
    let field = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    let ports = [field(0)?, field(2)?];
    let payload = udp.get(UDP_BYTES..usize::from(field(4)?))?;
    if header[9] != PROTOCOL_UDP {
        return None;
    }
    if ports.contains(&PORT_DSMIPV6) {
        return over_ipv6(numbering, payload);
    }
    if !ports.contains(&PORT_PMIP6_CNTL) {
        return None;
    }
    let address = |at: usize| -> Option<Ipv4Addr> {
        let octets: [u8; 4] = header.get(at..at + 4)?.try_into().ok()?;
        Some(octets.into())
    };
    let message = wire::decode(numbering, Checksum::Ignored, payload).ok()?;
    Some(Found::Message(
        address(12)?.into(),
        address(16)?.into(),
        message,
    ))
}
