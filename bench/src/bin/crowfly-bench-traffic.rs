//! Writes a capture file with one frame for every mobile node, in random order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use crowfly_bench::domain::{Direction, HOMES_MAX};
use crowfly_bench::{frame, pcap, shuffle};

/// Writes the traffic of the forwarding rig: one frame for every mobile node, in random order.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which way the frames go
    #[arg(long)]
    direction: Direction,
    /// Mobile nodes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOMES_MAX)))]
    homes: u32,
    /// LMAs that they are spread over
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    anchors: u32,
    /// Decides the order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file to write
    out: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let path = &arguments.out;
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    pcap::header(&mut out)?;
    for node in shuffle::shuffled(arguments.homes, arguments.seed) {
        let frame = frame::frame(arguments.direction, node, arguments.anchors);
        pcap::frame(&mut out, &frame)?;
    }
    out.flush()
        .with_context(|| format!("cannot write {}", path.display()))
}
