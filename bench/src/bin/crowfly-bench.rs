//! Runs one worker on port 0 and prints its rate as one line of JSON.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use crowfly_bench::domain::{Direction, HOMES_MAX};
use crowfly_bench::measure::{self, Plan};
use dpdk::Eal;

/// Forwards what port 0 replays, as a MAG, and prints the rate. EAL's options come first:
/// crowfly-bench -l 0,1 --no-pci --in-memory --vdev net_pcap0,rx_pcap=FILE,infinite_rx=1 -- OPTIONS
#[derive(Debug, Parser)]
#[command(verbatim_doc_comment)]
struct Arguments {
    /// Which way the frames of the file go
    #[arg(long)]
    direction: Direction,
    /// Mobile nodes, as in the file
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOMES_MAX)))]
    homes: u32,
    /// LMAs, as in the file
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    anchors: u32,
    /// Packets asked of the port at once
    #[arg(long, default_value_t = 32)]
    burst: usize,
    /// Octets of a packet buffer, its headroom included
    #[arg(long, default_value_t = 384)]
    mbuf_bytes: u16,
    /// Look for pairs that talk, as a MAG that requests localized routing does
    #[arg(long)]
    detect: bool,
    /// Before counting begins
    #[arg(long, default_value_t = 1000)]
    warm_up_ms: u64,
    /// Of counting
    #[arg(long, default_value_t = 3000)]
    measure_ms: u64,
}

fn main() -> Result<()> {
    let all = std::env::args().collect::<Vec<_>>();
    // Without the dashes there are no EAL options, only a question: answer it without EAL.
    let Some(dashes) = all.iter().position(|argument| argument == "--") else {
        Arguments::parse();
        anyhow::bail!("EAL's options and -- come first; see --help");
    };
    let own = all.iter().take(1).chain(&all[dashes + 1..]);
    let arguments = Arguments::parse_from(own);
    let (eal, _) = Eal::init(&all[..=dashes])?;
    if let Some(failed) = eal.failed_devices().first() {
        anyhow::bail!("{} did not come up: {}", failed.device, failed.reason);
    }
    let plan = Plan {
        direction: arguments.direction,
        homes: arguments.homes,
        anchors: arguments.anchors,
        burst_packets: arguments.burst,
        mbuf_bytes: arguments.mbuf_bytes,
        detect: arguments.detect,
        warm_up: Duration::from_millis(arguments.warm_up_ms),
        measure: Duration::from_millis(arguments.measure_ms),
    };
    let result = measure::run(&eal, &plan)?;
    println!("{result}");
    eal.cleanup().context("after the measurement")
}
