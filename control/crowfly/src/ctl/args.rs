//! The command line.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use ipnet::Ipv6Net;
use pmipv6::io::MacAddr;
use pmipv6::wire::Numbering;

use super::error::Failure;
use crate::socket::{AccessTechnologyType, DEFAULT_PATH, EVENT_NAMES, HandoffIndicator, PortRef};

const AFTER_HELP: &str = "\
A first look at a node:
  crowflyctl status                        who it is, its ports and workers
  crowflyctl bindings                      its mobile nodes
  crowflyctl paths                         who talks past the anchor, and who not, and why
  crowflyctl stats --filter '*drop*'       what it throws away, by reason

A mobile node comes, moves and goes, at the MAG that sees it:
  crowflyctl attach mn1@example.com --port access --mac 02:00:00:00:00:01
  crowflyctl attach mn1@example.com --port access --mac 02:00:00:00:00:01 --hi between-mags
  crowflyctl detach mn1@example.com

What happens, as it happens; and what has happened between two mobile nodes, seen by three nodes:
  crowflyctl events --follow
  crowflyctl trace 2001:db8:100::/64 2001:db8:100:1::/64 -s mag1.sock -s lma.sock -s mag2.sock

A packet, without any node:
  crowflyctl decode 60 00 00 00 00 10 87 40 ...
  crowflyctl decode capture.pcap

What a node was handed and answered, played again, without any node:
  crowfly ... -- --config mag.json --record mag.record
  crowflyctl replay mag.record

Several nodes on one machine have a socket each:
  crowflyctl -s /run/crowfly/mag1.sock status

For programs: --json prints what the node answered, one line, errors as {\"error\": ...}.

Exit status:
  0  done
  1  the node refused, `decode` found a bad packet, `replay` a difference; the reason is on standard error
  2  no such node, or wrong usage";

/// Asks a Crowfly node what it does, and tells it what to do.
#[derive(Debug, Parser)]
#[command(name = "crowflyctl", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(super) struct Args {
    /// The node's control socket; `trace` takes several
    #[arg(short, long = "socket", value_name = "PATH", default_value = DEFAULT_PATH, global = true)]
    pub(super) sockets: Vec<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// How long to wait for the node's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, global = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout_s: u64,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Args {
    /// The one node that a command is for.
    pub(super) fn socket(&self) -> Result<&Path, Failure> {
        match self.sockets.as_slice() {
            [one] => Ok(one),
            _ => Err(Failure::Usage(
                "this command is for one node: one -s".to_owned(),
            )),
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The node's name, role and versions
    Version,
    /// Role, addresses, uptime, ports with link state, workers with rate and load, update backlog
    Status,
    /// MAG: a mobile node is here; register it, and wait until the binding stands or is refused
    Attach(AttachArgs),
    /// MAG: a mobile node has left; de-register it
    Detach(MnArgs),
    /// MAG: `mn attach` and `mn detach`, the same as attach and detach
    #[command(subcommand)]
    Mn(MnCommand),
    /// The mobile nodes: the binding cache of an LMA, the binding update list of a MAG
    Bindings(PageArgs),
    /// One binding
    #[command(subcommand)]
    Binding(BindingCommand),
    /// Localized paths, and pairs that talk without one and why
    Paths(PageArgs),
    /// One path
    #[command(subcommand)]
    Path(PathCommand),
    /// The recent signalling of a pair and its mobile nodes, as a sequence chart
    ///
    /// One node has its own legs only; with -s for each node they become one chart, by the time of their
    /// clocks.
    Trace(TraceArgs),
    /// The nodes that this one speaks to
    Peers(PageArgs),
    /// Counters by dotted name, one for each reason to drop a packet among them
    Stats(StatsArgs),
    /// How long things take: signalling, path set-up, updates, bursts
    Latency,
    /// State, counters and latencies as a text page for Prometheus
    ///
    /// The textfile collector of its node exporter takes it: `crowflyctl metrics > crowfly.prom`, renamed into its
    /// folder. Numbers are those of `status`, `stats` and `latency`, under the same names.
    Metrics,
    /// Prints what happens, as it happens
    Events(EventsArgs),
    /// The configuration that runs
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The tracing filter: shows it, or sets it until the next start
    LogLevel {
        /// `info`, `warn,pmipv6=debug` ...; shows what it is where not given
        filter: Option<String>,
    },
    /// Calls any method of the control socket and prints the answer as JSON
    Raw {
        /// `binding.list`, `mn.attach` ...
        method: String,
        /// Parameters, a JSON object
        #[arg(default_value = "{}", hide_default_value = true)]
        params: String,
    },
    /// Prints packets as a node understands them, and what is wrong with bad ones; needs no node
    Decode(DecodeArgs),
    /// Feeds what `crowfly --record FILE` has recorded to the protocol engine again, and compares what
    /// comes out; needs no node
    Replay {
        /// The record
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum MnCommand {
    /// A mobile node is here; register it, and wait until the binding stands or is refused
    Attach(AttachArgs),
    /// A mobile node has left; de-register it
    Detach(MnArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum BindingCommand {
    /// The mobile nodes, as `bindings`
    List(PageArgs),
    /// One binding, in full
    Show(MnArgs),
    /// LMA: revoke a binding (RFC 5846)
    Revoke(MnArgs),
    /// LMA: revoke all bindings of a MAG with one message (RFC 5846)
    RevokeAll(MagArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum PathCommand {
    /// Paths, as `paths`
    List(PageArgs),
    /// The path of one pair, in full
    Show(PairArgs),
    /// Set a path up by hand
    Request(PairArgs),
    /// Take a path down by hand
    Remove(PairArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// What runs now, defaults included
    Show,
    /// Read the file again: apply what may change, name what needs a restart
    Reload,
}

#[derive(Debug, clap::Args)]
pub(super) struct AttachArgs {
    /// MN-ID, an NAI: mn1@example.com
    pub(super) mn_id: String,
    /// Access port: its name in the configuration, or its number
    #[arg(long)]
    pub(super) port: PortRef,
    /// The mobile node's link-layer address
    #[arg(long)]
    pub(super) mac: MacAddr,
    /// 802.1Q VLAN identifier on the port, 1 to 4094
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4094))]
    pub(super) vlan: Option<u16>,
    /// Access Technology Type, by number or name: 802.3, 802.11, e-utran ...
    #[arg(long, default_value = "802.3")]
    pub(super) att: AccessTechnologyType,
    /// Handoff Indicator, by number or name: new-interface, between-interfaces, between-mags, unknown
    #[arg(long, default_value = "unknown")]
    pub(super) hi: HandoffIndicator,
    /// IPv4 alone, no home network prefix; needs --ipv4-hoa
    #[arg(long, requires = "ipv4_hoa", conflicts_with = "hnps")]
    pub(super) no_ipv6: bool,
    /// Home network prefix to ask for; may be given several times; the LMA chooses where not given
    #[arg(long = "hnp", value_name = "PREFIX")]
    pub(super) hnps: Vec<Ipv6Net>,
    /// IPv4 home address to ask for, 0.0.0.0 for any; no IPv4 service where not given
    #[arg(long, value_name = "ADDRESS")]
    pub(super) ipv4_hoa: Option<Ipv4Addr>,
}

#[derive(Debug, clap::Args)]
pub(super) struct MnArgs {
    /// MN-ID, an NAI: mn1@example.com
    pub(super) mn_id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct MagArgs {
    /// The MAG's address: 2001:db8:f::11
    pub(super) mag: std::net::IpAddr,
}

#[derive(Debug, clap::Args)]
pub(super) struct PairArgs {
    /// Home of the source: address or prefix
    pub(super) source: String,
    /// Home of the destination: address or prefix
    pub(super) destination: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct TraceArgs {
    #[command(flatten)]
    pub(super) pair: PairArgs,
    /// Read the signalling from a .pcap or .pcapng file instead; needs no node
    #[arg(long, value_name = "FILE")]
    pub(super) pcap: Option<PathBuf>,
    #[command(flatten)]
    pub(super) numbering: NumberingArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct PageArgs {
    /// Skip this many
    #[arg(long, default_value_t = 0)]
    pub(super) offset: usize,
    /// At most this many; all where not given
    #[arg(long)]
    pub(super) limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatsArgs {
    /// Counters whose names match: `*` stands for any run of characters, `?` for any one
    #[arg(long, value_name = "GLOB")]
    pub(super) filter: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    /// Go on until interrupted (that is the default)
    #[arg(long)]
    follow: bool,
    /// Stop after this many
    #[arg(long, conflicts_with = "follow")]
    pub(super) count: Option<u64>,
    /// Only these, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(EVENT_NAMES))]
    pub(super) only: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct DecodeArgs {
    /// A .pcap or .pcapng file, or a packet in hex (spaces, colons and newlines are skipped), or `-` for
    /// hex on standard input
    #[arg(required = true, value_name = "HEX|FILE")]
    pub(super) input: Vec<String>,
    #[command(flatten)]
    pub(super) numbering: NumberingArgs,
}

/// How captures number the RO messages.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct NumberingArgs {
    /// First Mobility Header type of the RO messages, `domain.mh_base` of the nodes' configuration
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u8).range(24..=244))]
    pub(super) mh_base: u8,
    /// RO messages are inside the Experimental Mobility Header (`domain.mh_mode` is `rfc5096`)
    #[arg(long)]
    pub(super) rfc5096: bool,
}

impl From<NumberingArgs> for Numbering {
    fn from(args: NumberingArgs) -> Self {
        Self {
            mh_base: args.mh_base,
            rfc5096: args.rfc5096,
        }
    }
}
