//! The door of the protocol engines: one enum in, one enum out, and the state that operators may look at.
//!
//! ```text
//!   Message / Malformed ──┐                        ┌── Send             (a Mobility Header message)
//!   Command ──────────────┤                        ├── Program          (numbered forwarding state)
//!   Applied(n), NoRoom ───┼──▶ engine.handle() ────┼── Reply, Notify    (to operators)
//!   PairTalks, Activity ──┤                        ├── Advertise        (Router Advertisement to an MN)
//!   Timeout ──────────────┘                        ├── ServeIpv4        (ARP and DHCP for an MN)
//!                                                  └── Probe            (is this path in use?)
//! ```

mod command;
mod entry;
mod event;
mod link;
mod realm;
mod service;
mod via;
mod view;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::wire::{Message, WireError};

pub use command::{Answer, AttachRequest, Command, Refusal, Token};
pub use entry::{Entry, GreKeys, UpdateNumber};
pub use event::Event;
pub use link::{Link, MacAddr};
pub use realm::{KeyPair, Realm, RealmHome, RealmState};
pub use service::{DhcpMode, Ipv4Service};
pub use via::{Protection, Via};
pub use view::{BindingView, HeartbeatView, PathView, PeerView};

/// The time, handed in with every input: the engine has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Now {
    /// Monotonic, since an epoch of the caller's; all deadlines count in it.
    pub mono: Duration,
    /// Wall clock since 1970-01-01 UTC, for the Timestamp option only (RFC 5213 section 8.8).
    pub wall: Duration,
}

/// What goes into an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A Mobility Header message from the transport network, addressed to this node.
    Message {
        /// Source address of the IPv6 packet that carries it; over plain IPv4 ([`Via::Ipv4`]), where there
        /// is none, the IPv4 source.
        source: IpAddr,
        /// Destination address, one of ours.
        destination: IpAddr,
        /// How it came: the outer addresses as they are on the wire here.
        via: Via,
        /// Whether ESP protected it.
        protection: Protection,
        /// Whether its options are aligned, see [`crate::wire::decode_noting_alignment`].
        #[serde(default = "yes")]
        aligned: bool,
        /// The decoded message.
        message: Message,
    },
    /// A Mobility Header that does not decode: counted, and answered where RFC 6275 section 9.2 says so.
    Malformed {
        /// Source address on the wire.
        source: IpAddr,
        /// Destination address on the wire, one of ours.
        destination: IpAddr,
        /// How it came, as for [`Input::Message`].
        #[serde(default)]
        via: Via,
        /// What is wrong with it.
        error: WireError,
    },
    /// An operator's command; answered by [`Output::Reply`] with the same token, at once or later.
    Command {
        /// Chosen by the caller, returned with the reply.
        token: Token,
        /// What to do.
        command: Command,
    },
    /// Every worker has applied every update up to and including this number.
    Applied(UpdateNumber),
    /// The tables of the workers have no room for this entry: forwarding is as it was before. Its number
    /// counts as applied in its turn; where this comes before that, nothing was promised on it yet.
    NoRoom {
        /// The entry of [`Output::Program`].
        entry: Entry,
    },
    /// The dataplane saw a packet between two mobile addresses go through this node, and no path entry
    /// took it (LMA: inner packet of the tunnel; MAG: uplink packet, where MAG detection is on).
    PairTalks {
        /// Source address of the packet.
        source: IpAddr,
        /// Destination address of the packet.
        destination: IpAddr,
        /// The realm of both, where they are IPv4 homes of one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        realm: Option<Realm>,
        /// Packets seen since the last report of the pair, at least 1.
        packets: u64,
    },
    /// The answer to [`Output::Probe`].
    Activity {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// Packets sent and received on the path since it was installed.
        packets: u64,
        /// Bytes sent and received on the path since it was installed.
        bytes: u64,
    },
    /// A port lost its link: every MN on it has gone (RFC 5213 section 6.9.4).
    LinkDown {
        /// DPDK port number.
        port: u16,
    },
    /// The MN on an access link does not answer Neighbor Unreachability Detection any more: it has gone
    /// (RFC 5213 section 6.9.4).
    Unreachable {
        /// Access link.
        link: Link,
    },
    /// Time passed; deadlines that are due fire.
    Timeout,
    /// The process is about to end: tell the peers what the role owes them.
    Shutdown,
}

/// What comes out of an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// Send a Mobility Header message. Any update that it stands on has been applied.
    Send {
        /// Our address to send from.
        source: IpAddr,
        /// The peer: its IPv6 address; its IPv4 address where [`Via::Ipv4`] is all that is known of it.
        destination: IpAddr,
        /// How it goes. [`Via::Ipv4`] and [`Via::Nat`] say between which IPv4 addresses; `source` and
        /// `destination` are then those of the IPv6 packet in UDP, if there is one.
        #[serde(default)]
        via: Via,
        /// What to send.
        message: Message,
    },
    /// ICMPv6 Parameter Problem, code 0, about the malformed message just handed in
    /// (RFC 6275 section 9.2).
    ParameterProblem {
        /// The peer.
        destination: IpAddr,
        /// Offset of the offending octet from the start of the Mobility Header.
        pointer: u32,
    },
    /// Change the forwarding state of every worker; numbers rise by one from 1.
    Program {
        /// This update's number.
        number: UpdateNumber,
        /// The change.
        entry: Entry,
    },
    /// Answer to [`Input::Command`].
    Reply {
        /// The command's token.
        token: Token,
        /// The result.
        result: Result<Answer, Refusal>,
    },
    /// Tell operators.
    Notify(Event),
    /// Advertise the home network on an access link: one unicast Router Advertisement now, and the
    /// answers to Router Solicitations from now on (RFC 5213 sections 6.2, 6.9.2).
    Advertise {
        /// Access link.
        link: Link,
        /// Prefixes to advertise.
        prefixes: Vec<IpNet>,
        /// The MAG's link-local address on the link.
        link_local: Ipv6Addr,
        /// Valid and preferred lifetime of the prefixes, seconds.
        lifetime_s: u32,
    },
    /// Stop advertising; one last Router Advertisement with lifetimes 0 (RFC 5213 section 6.12).
    Withdraw {
        /// Access link.
        link: Link,
        /// Prefixes that are gone.
        prefixes: Vec<IpNet>,
        /// The MAG's link-local address on the link.
        link_local: Ipv6Addr,
    },
    /// Serve IPv4 on an access link from now on: ARP, and the MN's address by DHCP (RFC 5844 section 3.4).
    /// Said again with every extension of the binding.
    ServeIpv4 {
        /// Access link.
        link: Link,
        /// What the MN is given.
        service: Ipv4Service,
        /// What is left of the binding, seconds: no lease outlives it.
        lifetime_s: u32,
    },
    /// Serve IPv4 no more.
    EndIpv4 {
        /// Access link.
        link: Link,
        /// The IPv4 home address that was served.
        address: Ipv4Addr,
    },
    /// Ask the dataplane how much traffic a path has carried; answered by [`Input::Activity`].
    Probe {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
}

/// What recordings leave out that were made before there was such a field.
const fn yes() -> bool {
    true
}

/// A protocol engine: a MAG, an LMA or a correspondent gateway.
pub trait Engine {
    /// Takes one input and appends what follows from it to `out`.
    fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>);
    /// The monotonic time of the next deadline; the caller hands in [`Input::Timeout`] then.
    fn next_deadline(&self) -> Option<Duration>;
    /// Bindings, ordered by MN-ID.
    fn bindings(&self, now: Now) -> Vec<BindingView>;
    /// Paths and pairs that talk without one.
    fn paths(&self, now: Now) -> Vec<PathView>;
    /// Peers: address, `up` / `down` / `unknown`, whether they know localized routing.
    fn peers(&self, now: Now) -> Vec<PeerView>;
    /// Every counter by dotted name (`pmipv6.rx.pba`, `pmipv6.drop.stale-sequence` ...), ordered by name.
    fn counters(&self) -> Vec<(&'static str, u64)>;
    /// Takes over other settings of localized routing while it runs; paths that stand keep what they were
    /// set up with. False: this engine needs a restart for that.
    fn set_localized_routing(&mut self, _settings: &crate::path::Config) -> bool {
        false
    }
}
