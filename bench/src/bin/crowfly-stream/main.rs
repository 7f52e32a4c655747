//! One end of a pair of constant streams: sends numbered UDP packets at a steady rate and records what it
//! receives of the other end's, by sequence number.
//!
//! Lines on standard input: `start` and `stop` the sending, `report` prints one line of JSON. The end of
//! standard input ends the program. Times are of the machine's clock, so both ends have to be on one machine.

mod record;

use std::io::{BufRead, ErrorKind};
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};

use crate::record::{MAX_PACKETS, Record};

/// First octets of a payload: what else comes is not of a stream.
const MAGIC: u32 = 0x4352_4f57;
/// Magic, stream, sequence number, time of sending.
const HEADER_BYTES: usize = 24;
/// Largest payload, octets.
const MAX_PAYLOAD_BYTES: usize = 1400;
/// What may wait in the socket while the receiver has no processor.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// The sender wakes so often; at 10,000 packets a second it sends ten at a time.
const TICK: Duration = Duration::from_millis(1);

/// Sends a stream of numbered packets and records the one that comes back.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// Address to send from
    #[arg(long)]
    local: Ipv6Addr,
    /// Address to send to
    #[arg(long)]
    peer: Ipv6Addr,
    /// UDP port of both ends
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Packets a second
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Octets of UDP payload
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(HEADER_BYTES as i64..=MAX_PAYLOAD_BYTES as i64))]
    payload_bytes: u16,
    /// Number of the stream that is sent
    #[arg(long)]
    stream: u32,
    /// Number of the stream that is expected
    #[arg(long)]
    expect: u32,
    /// Times without a packet that are listed, milliseconds
    #[arg(long, default_value_t = 5)]
    gap_ms: u64,
}

/// What the sender tells the others.
#[derive(Debug, Default)]
struct Sender {
    running: AtomicBool,
    /// Packets that the socket took.
    sent: AtomicU64,
    /// Tries that it did not take; their numbers are used again.
    refused: AtomicU64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let socket = open(&arguments).with_context(|| arguments.local.to_string())?;
    let sender = Arc::new(Sender::default());
    let record = Arc::new(Mutex::new(Record::new(arguments.gap_ms * 1_000_000)));
    {
        let (arguments, socket, sender) =
            (arguments.clone(), socket.try_clone()?, Arc::clone(&sender));
        std::thread::spawn(move || send(&arguments, &socket, &sender));
    }
    {
        let (record, expect) = (Arc::clone(&record), arguments.expect);
        std::thread::spawn(move || receive(&socket, expect, &record));
    }
    for line in std::io::stdin().lock().lines() {
        match line?.trim() {
            "start" => sender.running.store(true, Ordering::Relaxed),
            "stop" => sender.running.store(false, Ordering::Relaxed),
            "report" => {
                let mut report = record
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .report();
                report["sent"] = json!(sender.sent.load(Ordering::Relaxed));
                report["refused"] = json!(sender.refused.load(Ordering::Relaxed));
                println!("{report}");
            }
            other => anyhow::bail!("{other}: not start, stop or report"),
        }
    }
    Ok(())
}

fn open(arguments: &Arguments) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.bind(&SocketAddrV6::new(arguments.local, arguments.port, 0, 0).into())?;
    Ok(socket.into())
}

/// Now, in nanoseconds since 1970.
fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn send(arguments: &Arguments, socket: &UdpSocket, sender: &Sender) {
    let peer = SocketAddrV6::new(arguments.peer, arguments.port, 0, 0);
    let mut payload = vec![0; usize::from(arguments.payload_bytes)];
    payload[..4].copy_from_slice(&MAGIC.to_be_bytes());
    payload[4..8].copy_from_slice(&arguments.stream.to_be_bytes());
    let mut sequence = 0_u64;
    loop {
        let (began, first) = (Instant::now(), sequence);
        while sender.running.load(Ordering::Relaxed) && sequence < MAX_PACKETS {
            let due = first + (began.elapsed().as_secs_f64() * f64::from(arguments.rate)) as u64;
            while sequence < due {
                payload[8..16].copy_from_slice(&sequence.to_be_bytes());
                payload[16..24].copy_from_slice(&now_ns().to_be_bytes());
                if socket.send_to(&payload, peer).is_err() {
                    sender.refused.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                sequence += 1;
                sender.sent.store(sequence, Ordering::Relaxed);
            }
            std::thread::sleep(TICK);
        }
        std::thread::sleep(TICK);
    }
}

fn receive(socket: &UdpSocket, expect: u32, record: &Mutex<Record>) {
    let mut buffer = [0; MAX_PAYLOAD_BYTES + 1];
    loop {
        let size = match socket.recv(&mut buffer) {
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                eprintln!("crowfly-stream: {error}");
                std::process::exit(1);
            }
        };
        let at_ns = now_ns();
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        match read(&buffer[..size]) {
            Some((stream, sequence, sent_ns)) if stream == expect => {
                record.packet(sequence, sent_ns, at_ns)
            }
            _ => record.foreign(),
        }
    }
}

/// Stream, sequence number and time of sending.
fn read(payload: &[u8]) -> Option<(u32, u64, u64)> {
    let (magic, rest) = payload.split_first_chunk::<4>()?;
    let (stream, rest) = rest.split_first_chunk::<4>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (sent_ns, _) = rest.split_first_chunk::<8>()?;
    (u32::from_be_bytes(*magic) == MAGIC).then(|| {
        (
            u32::from_be_bytes(*stream),
            u64::from_be_bytes(*sequence),
            u64::from_be_bytes(*sent_ns),
        )
    })
}
