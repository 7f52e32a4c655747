//! Packets out of a capture file, one at a time.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};
use pmipv6::wire::describe::Start;

/// The first four octets of a pcap file: micro- or nanoseconds, in either byte order.
const PCAP_MAGIC: [[u8; 4]; 4] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
];

/// The first four octets of a pcapng file.
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// One captured packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// Since 1970-01-01 UTC.
    pub(super) time: Option<Duration>,
    /// What starts at the first octet.
    pub(super) start: Start,
    /// What was captured of it.
    pub(super) octets: Vec<u8>,
    /// Octets on the wire, where that is more.
    pub(super) original_octets: u32,
}

/// A capture file.
pub(super) enum Capture {
    Pcap(Box<PcapReader<File>>),
    PcapNg(Box<PcapNgReader<File>>),
}

impl Capture {
    /// Opens a capture file; none if the file is something else, and is still at its start.
    pub(super) fn open(path: &Path, mut file: File) -> Result<Option<Self>, String> {
        let named = |error| format!("{}: {error}", path.display());
        let mut magic = [0; 4];
        let length = file.read(&mut magic).map_err(named)?;
        file.rewind().map_err(named)?;
        let capture = match magic {
            _ if length < magic.len() => return Ok(None),
            PCAPNG_MAGIC => PcapNgReader::new(file).map(|reader| Self::PcapNg(Box::new(reader))),
            magic if PCAP_MAGIC.contains(&magic) => {
                PcapReader::new(file).map(|reader| Self::Pcap(Box::new(reader)))
            }
            _ => return Ok(None),
        };
        match capture {
            Ok(capture) => Ok(Some(capture)),
            Err(error) => Err(format!("{}: {}", path.display(), reason(&error))),
        }
    }

    /// The next packet. After an error there is no next.
    pub(super) fn next_packet(&mut self) -> Option<Result<Packet, String>> {
        match self {
            Self::Pcap(reader) => {
                let header = reader.header();
                let packet = match reader.next_raw_packet()? {
                    Ok(packet) => packet,
                    Err(error) => return Some(Err(reason(&error))),
                };
                let unit_ns = match header.ts_resolution {
                    TsResolution::MicroSecond => 1000,
                    TsResolution::NanoSecond => 1,
                };
                let nanoseconds = u64::from(packet.ts_frac) * unit_ns;
                let time =
                    Duration::from_secs(packet.ts_sec.into()) + Duration::from_nanos(nanoseconds);
                let original = packet.orig_len;
                Some(strip(header.datalink, &packet.data, Some(time), original))
            }
            Self::PcapNg(reader) => next_of_pcapng(reader),
        }
    }
}

fn next_of_pcapng(reader: &mut PcapNgReader<File>) -> Option<Result<Packet, String>> {
    loop {
        let block = match reader.next_block()? {
            Ok(block) => block.into_owned(),
            Err(error) => return Some(Err(reason(&error))),
        };
        let (interface, octets, time, original) = match block {
            Block::EnhancedPacket(packet) => (
                packet.interface_id,
                packet.data,
                Some(packet.timestamp),
                packet.original_len,
            ),
            Block::SimplePacket(packet) => (0, packet.data, None, packet.original_len),
            _ => continue,
        };
        let interface = usize::try_from(interface).unwrap_or(usize::MAX);
        return Some(match reader.interfaces().get(interface) {
            Some(interface) => strip(interface.linktype, &octets, time, original),
            None => Err(format!(
                "a packet is of interface {interface}, which the file does not describe"
            )),
        });
    }
}

/// Takes off what a capture on "any" puts before the packet.
fn strip(
    link: DataLink,
    octets: &[u8],
    time: Option<Duration>,
    original_octets: u32,
) -> Result<Packet, String> {
    /// LINKTYPE_LINUX_SLL2, which the capture library has no name for.
    const LINUX_SLL2: u32 = 276;
    let (start, skipped) = match link {
        DataLink::ETHERNET => (Start::Ethernet, 0),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => (Start::Ip, 0),
        DataLink::NULL | DataLink::LOOP => (Start::Ip, 4),
        DataLink::LINUX_SLL => (Start::Ip, 16),
        other if u32::from(other) == LINUX_SLL2 => (Start::Ip, 20),
        other => {
            let number = u32::from(other);
            return Err(format!(
                "link type {number} ({other:?}) is not one that a node has"
            ));
        }
    };
    let octets = octets.get(skipped..).unwrap_or_default().to_vec();
    let skipped = u32::try_from(skipped).unwrap_or(0);
    Ok(Packet {
        time,
        start,
        octets,
        original_octets: original_octets.saturating_sub(skipped),
    })
}

fn reason(error: &PcapError) -> String {
    match error {
        PcapError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => {
            "the capture ends in the middle of a packet, or a length in it lies".to_owned()
        }
        PcapError::IoError(io) => io.to_string(),
        PcapError::IncompleteBuffer => "the capture ends in the middle of a packet".to_owned(),
        other => other.to_string(),
    }
}
