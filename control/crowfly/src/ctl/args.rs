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
  crowflyctl status                        who it is, its ports and workers, what needs attention
  crowflyctl bindings                      its mobile nodes
  crowflyctl paths                         who talks past the anchor, and who not, and why
  crowflyctl stats --filter '*drop*'       what it throws away, by reason

Words: a MAG (mobile access gateway) sees mobile nodes come, and registers each at its LMA
(local mobility anchor) by its MN-ID: that is a binding. The LMA gives it a home: a home network
prefix (HNP), an IPv4 home address, or both. Packets between two homes go through the LMA, until
a localized path takes them from MAG to MAG.

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
DPDK's own tool finds the same numbers where EAL runs without --no-telemetry:
`dpdk-telemetry.py -f FILE-PREFIX`, then /crowfly/stats.

Exit status:
  0  done
  1  the node refused or did not answer in time, `decode` found a bad packet, `replay` a
     difference; the reason is on standard error
  2  no such node, or wrong usage";

/// Heading of the options that stand with every command.
const EVERYWHERE: &str = "With every command";

/// Asks a Crowfly node what it does, and tells it what to do.
#[derive(Debug, Parser)]
#[command(name = "crowflyctl", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(super) struct Args {
    /// The node's control socket, `crowfly`'s --control-socket; `trace` takes several
    #[arg(short, long = "socket", value_name = "PATH", default_value = DEFAULT_PATH, global = true, help_heading = EVERYWHERE)]
    pub(super) sockets: Vec<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) json: bool,
    /// How long to wait for the node's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, global = true, help_heading = EVERYWHERE, value_parser = clap::value_parser!(u64).range(1..=86_400))]
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
                "this command asks one node: give -s once".to_owned(),
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
    /// Role, addresses, uptime, ports with link state, workers with rate and load, alarms
    Status,
    /// MAG: a mobile node is here; register it, and wait until the binding stands or is refused
    Attach(AttachArgs),
    /// MAG: a mobile node has left; de-register it
    Detach(MnArgs),
    /// MAG: `mn attach` and `mn detach`, the same as `attach` and `detach`
    #[command(subcommand)]
    Mn(MnCommand),
    /// The mobile nodes: the binding cache of an LMA, the binding update list of a MAG
    Bindings(PageArgs),
    /// One binding in full; LMA: end bindings
    #[command(subcommand)]
    Binding(BindingCommand),
    /// Localized paths, and pairs that talk without one and why
    Paths(PageArgs),
    /// One path in full; set one up or take one down by hand
    #[command(subcommand)]
    Path(PathCommand),
    /// The recent signalling of two mobile nodes that talk, as a sequence chart
    ///
    /// One node has its own legs only; with -s for each node they become one chart, by the time of their
    /// clocks.
    Trace(TraceArgs),
    /// The MAGs and LMAs that this node speaks to: reachability, heartbeat, keys
    Peers(PageArgs),
    /// Counters by dotted name, one for each reason to drop a packet among them
    Stats(StatsArgs),
    /// How long things take: answers of peers, set-up of paths, updates of workers, bursts of packets
    Latency,
    /// State, counters and latencies as a text page for Prometheus
    ///
    /// The textfile collector of its node exporter takes it: `crowflyctl metrics > crowfly.prom`, renamed into its
    /// folder. Numbers are those of `status`, `stats` and `latency`, under the same names.
    Metrics,
    /// Prints what happens, as it happens: mobile nodes, paths, peers, alarms
    Events(EventsArgs),
    /// The configuration: show what runs, or read the file again
    #[command(subcommand)]
    Config(ConfigCommand),
    /// What the node logs: shows the filter, or sets it until the next start
    LogLevel {
        /// `error`, `warn`, `info`, `debug`, `trace`, or by module: `warn,pmipv6=debug`
        filter: Option<String>,
    },
    /// Calls any method of the control socket and prints the answer as JSON
    Raw {
        /// A method: version, status, mn.attach, mn.detach, binding.list, binding.show, binding.revoke,
        /// binding.revoke_all, path.list, path.show, path.trace, path.request, path.remove, peer.list, stats, latency,
        /// config.show, config.reload, log.level
        method: String,
        /// Its parameters, a JSON object: '{"mn_id": "mn1@example.com"}'
        #[arg(default_value = "{}", hide_default_value = true)]
        params: String,
    },
    /// Prints packets as a node understands them, and what is wrong with bad ones; needs no node
    Decode(DecodeArgs),
    /// Feeds what `crowfly --record FILE` has recorded to the protocol engine again, and compares what
    /// comes out; needs no node
    Replay {
        /// What `crowfly --record` has written
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
    #[arg(long, value_name = "NAME|NUMBER")]
    pub(super) port: PortRef,
    /// The mobile node's link-layer address, 02:00:00:00:00:01
    #[arg(long)]
    pub(super) mac: MacAddr,
    /// 802.1Q VLAN identifier on the port, 1 to 4094
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4094))]
    pub(super) vlan: Option<u16>,
    /// Access Technology Type, by number or name: 802.3, 802.11, e-utran ...
    #[arg(long, value_name = "TYPE", default_value = "802.3")]
    pub(super) att: AccessTechnologyType,
    /// How it came (Handoff Indicator), by number or name: new-interface, between-interfaces, between-mags, unknown
    #[arg(long, value_name = "HOW", default_value = "unknown")]
    pub(super) hi: HandoffIndicator,
    /// IPv4 alone, no home network prefix; needs --ipv4-hoa
    #[arg(long, requires = "ipv4_hoa", conflicts_with = "hnps")]
    pub(super) no_ipv6: bool,
    /// Home network prefix to ask for; several times for several; the LMA chooses where not given
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
    /// Home of the source: the mobile node's address, or its home network prefix
    pub(super) source: String,
    /// Home of the destination, the same
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
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(super) offset: usize,
    /// At most this many; all where not given
    #[arg(long, value_name = "NUMBER")]
    pub(super) limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatsArgs {
    /// Only counters whose whole name matches: `*` stands for any characters, `?` for one; quote it for the shell
    #[arg(long, value_name = "GLOB")]
    pub(super) filter: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    /// Go on until interrupted (that is the default)
    #[arg(long)]
    follow: bool,
    /// Stop after this many
    #[arg(long, value_name = "NUMBER", conflicts_with = "follow")]
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
    #[arg(long, value_name = "TYPE", default_value_t = 240, value_parser = clap::value_parser!(u8).range(24..=244))]
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
