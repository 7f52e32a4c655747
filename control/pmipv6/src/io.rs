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

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::wire::{Message, WireError};

/// The time, handed in with every input: the engine has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Now {
    /// Monotonic, since an epoch of the caller's; all deadlines count in it.
    pub mono: Duration,
    /// Wall clock since 1970-01-01 UTC, for the Timestamp option only (RFC 5213 section 8.8).
    pub wall: Duration,
}

/// A MAC address, in wire order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

/// A mobile node's access link: a port, optionally a VLAN on it, and the MN's link-layer address. The
/// link is point-to-point by definition (RFC 5213 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// DPDK port number.
    pub port: u16,
    /// 802.1Q VLAN identifier, 1 to 4094.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// The MN's address on the link.
    pub mac: MacAddr,
}

/// How a message reached us (RFC 4301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// In the clear.
    None,
    /// Inside ESP of a security association that belongs to the message's source.
    Esp,
}

/// How a peer is reached: its signalling, and the tunnel beside it. The engine names a peer by its IPv6
/// address everywhere (RFC 6279 section 3.3); what is under way between the two is told by
/// [`Entry::Reach`], and is [`Via::Ipv6`] until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Via {
    /// IPv6: the Mobility Header is the payload, tunnels are IP-in-IPv6.
    #[default]
    Ipv6,
    /// IPv4 without a NAT (RFC 5844 section 4): signalling in UDP port 5436, tunnels IP-in-IPv4.
    Ipv4 {
        /// Our address on this leg (L-64).
        local: Ipv4Addr,
        /// The peer's address, and the UDP port that it sends its signalling from.
        remote: SocketAddrV4,
        /// Data goes in UDP port 5437 (RFC 5844 section 4.1.3: the F flag).
        udp_data: bool,
    },
    /// IPv4 with a NAT on the way (RFC 5555 section 4.1): UDP port 4191 carries the IPv6 packets of the
    /// signalling and the packets of the tunnel, on one port pair.
    Nat {
        /// Our address on this leg.
        local: Ipv4Addr,
        /// The peer's address and port as they are seen here, after the NAT.
        remote: SocketAddrV4,
    },
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

/// IPv4 on an access link, as the LMA grants it (RFC 5844 sections 3.3.2 to 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ipv4Service {
    /// IPv4 home address of the MN (option 37).
    pub address: Ipv4Addr,
    /// Length of its home subnet's prefix, bits (option 37).
    pub prefix_len: u8,
    /// Its default router, which the MAG is to it (option 38).
    pub default_router: Ipv4Addr,
    /// Who answers DHCP (option 39).
    pub dhcp: DhcpMode,
}

/// Whose the DHCP server of an MN is (RFC 5844 section 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DhcpMode {
    /// The MAG is the server: the S flag.
    #[default]
    Server,
    /// The MAG is a relay agent; also where the LMA does not say.
    Relay,
}

/// Keys of a GRE tunnel (RFC 5845 section 6.1), each chosen by the one that receives with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GreKeys {
    /// In what we send; none: GRE without a key.
    pub send: Option<u32>,
    /// In what we accept; none: GRE without a key.
    pub receive: Option<u32>,
}

/// Number of an update of forwarding state, from 1, without gaps.
pub type UpdateNumber = u64;

/// The caller's handle on a command.
pub type Token = u64;

/// One change of forwarding state, in the protocol's nouns. `home` is an IPv6 Home Network Prefix or an
/// IPv4 home address as a /32. Installing what is there replaces it in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// MAG: `home` is attached on `link`; without a path its traffic goes through the tunnel to `lma`,
    /// and only from there is traffic for it accepted.
    Attach {
        /// The MN's prefix or address.
        home: IpNet,
        /// Its access link.
        link: Link,
        /// Its anchor.
        lma: IpAddr,
    },
    /// MAG: `home` is not here any more.
    Detach {
        /// The MN's prefix or address.
        home: IpNet,
    },
    /// LMA: `home` is bound to `proxy_coa`.
    Bind {
        /// The MN's prefix or address.
        home: IpNet,
        /// The MAG's Proxy Care-of Address.
        proxy_coa: IpAddr,
    },
    /// LMA: `home` keeps its entry but its traffic is dropped and counted (RFC 5213 section 5.3.5:
    /// MinDelayBeforeBCEDelete).
    Suspend {
        /// The MN's prefix or address.
        home: IpNet,
    },
    /// LMA: `home` is bound no more.
    Unbind {
        /// The MN's prefix or address.
        home: IpNet,
    },
    /// MAG: the receiving half of a path (HL-31): packets from `remote` to `local` are accepted from the
    /// tunnel of `peer`.
    PathReceive {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// The other side's MAG.
        peer: IpAddr,
    },
    /// MAG: the receiving half goes.
    PathReceiveRemove {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
    /// MAG: the sending half of a path: packets from `local` to `remote` go into the tunnel to `peer`.
    PathSend {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// The other side's MAG.
        peer: IpAddr,
    },
    /// MAG: the sending half goes; packets take the tunnel to the LMA again.
    PathSendRemove {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
    /// MAG: both ends of the path are attached here; packets from `from` to `to` are switched locally.
    PathLocal {
        /// Source home.
        from: IpNet,
        /// Destination home.
        to: IpNet,
    },
    /// MAG: the local switching of that direction goes.
    PathLocalRemove {
        /// Source home.
        from: IpNet,
        /// Destination home.
        to: IpNet,
    },
    /// MAG: `local` has left and had a path (HL-34): its packets from `remote` that still come out of the
    /// tunnel of `peer` go into the tunnel to `lma`.
    HandBack {
        /// The home that was here.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// The other side's MAG.
        peer: IpAddr,
        /// The anchor of `local`.
        lma: IpAddr,
    },
    /// MAG: the hand-back goes.
    HandBackRemove {
        /// The home that was here.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
    /// LMA: packets from `source` to `destination` are accepted from the tunnel of `from` too, where
    /// `destination` was bound until just now, and forwarded to where it is bound (HL-34).
    HandBackAccept {
        /// Home of the sender, which is not at `from`.
        source: IpNet,
        /// Home of the MN that has moved.
        destination: IpNet,
        /// Its previous MAG.
        from: IpAddr,
    },
    /// LMA: that goes.
    HandBackAcceptRemove {
        /// Home of the sender.
        source: IpNet,
        /// Home of the MN that has moved.
        destination: IpNet,
    },
    /// `peer` is reached this way from now on: what is sent to it, and every tunnel to it that stands.
    Reach {
        /// The peer, as the other entries name it.
        peer: IpAddr,
        /// How.
        via: Via,
    },
    /// GRE keys (RFC 5845) of the tunnel of `home`, or, where `remote` is given, of the path between the
    /// two. They take effect with the next entry that sets that tunnel or path, in one step with it, and are
    /// forgotten when `home` goes, or with the last half of the path.
    GreKeys {
        /// The MN's prefix or address; of a path, this side's home.
        home: IpNet,
        /// Of a path, the other side's home.
        remote: Option<IpNet>,
        /// The keys; none: no GRE.
        keys: Option<GreKeys>,
    },
    /// LMA: addresses in `prefix` are anchored at another LMA, so pairs with them are reported too.
    PeerAnchor {
        /// Prefix served by the peer.
        prefix: IpNet,
        /// The peer LMA.
        lma: IpAddr,
    },
}

/// An operator's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// MAG: an MN has attached; register it. Answered when the binding stands or is refused.
    Attach(AttachRequest),
    /// MAG: the MN has left; de-register it.
    Detach {
        /// NAI of the MN.
        mn_id: String,
    },
    /// LMA: take an MN's bindings away (RFC 5846).
    Revoke {
        /// NAI of the MN.
        mn_id: String,
    },
    /// LMA: take all bindings of a MAG away at once (RFC 5846 section 5.1: G flag).
    RevokeAll {
        /// The MAG.
        mag: IpAddr,
    },
    /// MAG, LMA: set up a path between two addresses or prefixes by hand.
    PathRequest {
        /// One end.
        source: IpNet,
        /// The other end.
        destination: IpNet,
    },
    /// MAG, LMA: take a path down.
    PathRemove {
        /// One end.
        source: IpNet,
        /// The other end.
        destination: IpNet,
    },
}

/// Who attaches, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRequest {
    /// NAI (RFC 4283 subtype 1).
    pub mn_id: String,
    /// Access link.
    pub link: Link,
    /// Access Technology Type (RFC 5213 section 8.5).
    pub att: u8,
    /// Handoff Indicator (RFC 5213 section 8.4).
    pub hi: u8,
    /// Ask for IPv6 service; if not, the MN is to have IPv4 alone (RFC 5844 section 3.1.2.1).
    #[serde(default = "yes")]
    pub ipv6: bool,
    /// Ask for these prefixes; none: let the LMA choose.
    pub hnps: Vec<ipnet::Ipv6Net>,
    /// Ask for this IPv4 home address (0.0.0.0: let the LMA choose); none: no IPv4 service.
    pub ipv4_hoa: Option<std::net::Ipv4Addr>,
}

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The binding stands.
    Attached(BindingView),
    /// The binding is gone.
    Detached,
    /// The binding is revoked, and its MAG has said so.
    Revoked,
    /// The path is being set up, or stands.
    PathRequested,
    /// The path is being taken down.
    PathRemoved,
}

/// A command that was refused; state is as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Status of the PBA or of the RO ack where a peer refused; none where this node did.
    pub status: Option<u8>,
    /// The RFC's name of the status, or this node's reason in kebab-case.
    pub name: String,
    /// One sentence for a person.
    pub text: String,
}

/// One binding, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingView {
    /// NAI of the MN.
    pub mn_id: String,
    /// Home network prefixes.
    pub hnps: Vec<IpNet>,
    /// IPv4 home address.
    pub ipv4_hoa: Option<IpNet>,
    /// LMA: the MAG that serves the MN.
    pub proxy_coa: Option<IpAddr>,
    /// MAG: the anchor.
    pub lma: Option<IpAddr>,
    /// MAG: the access link.
    pub link: Option<Link>,
    /// Seconds until the binding ends.
    pub lifetime_s: u64,
    /// `registering`, `registered`, `deregistering`, `waiting-deletion` ...
    pub state: String,
}

/// One localized path, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathView {
    /// Home of the source MN: whose packet triggered the path.
    pub source: IpNet,
    /// Home of the destination MN.
    pub destination: IpNet,
    /// `localized`, `return-routability`, `quick`.
    pub method: String,
    /// The LMA that controls the pair, where known.
    pub controller: Option<IpAddr>,
    /// MAG: the other side's MAG. LMA: the source's MAG.
    pub peer: Option<IpAddr>,
    /// `setting-up`, `active`, `receiving-only`, `none` ...
    pub state: String,
    /// Seconds until the path ends.
    pub lifetime_s: u64,
    /// When there is no path for a pair that talks: why, in one line.
    pub why: Option<String>,
}

/// What operators are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An MN is registered.
    Attach {
        /// NAI of the MN.
        mn_id: String,
        /// Its homes.
        homes: Vec<IpNet>,
        /// MAG: the LMA. LMA: the MAG.
        peer: IpAddr,
    },
    /// An MN is gone.
    Detach {
        /// NAI of the MN.
        mn_id: String,
        /// Why.
        reason: String,
    },
    /// LMA: an MN moved between MAGs.
    Handover {
        /// NAI of the MN.
        mn_id: String,
        /// Previous MAG.
        from: IpAddr,
        /// New MAG.
        to: IpAddr,
    },
    /// A path carries packets.
    PathUp {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// MAG: the other MAG. LMA: none.
        peer: Option<IpAddr>,
        /// From the first trigger to the last ack, microseconds.
        setup_us: u64,
    },
    /// A path is gone.
    PathDown {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// `expired`, `detached`, `removed`, `replaced`, `peer`.
        reason: String,
    },
    /// A path was not set up.
    PathRefused {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// Status of wire.md section 10.1, where a peer refused.
        status: Option<u8>,
        /// Why, in one line.
        reason: String,
    },
    /// A peer answers (again).
    PeerUp {
        /// The peer.
        peer: IpAddr,
    },
    /// A peer does not answer.
    PeerDown {
        /// The peer.
        peer: IpAddr,
        /// Why.
        reason: String,
    },
    /// A peer has lost its state (RFC 5847 section 3.2).
    PeerRestarted {
        /// The peer.
        peer: IpAddr,
    },
    /// Something needs an operator.
    Alarm {
        /// Name in kebab-case.
        name: String,
        /// One sentence.
        text: String,
    },
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

/// One peer, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its address.
    pub address: IpAddr,
    /// `lma`, `mag`.
    pub role: String,
    /// `up`, `down`, `unknown`.
    pub state: String,
    /// False for an hour after it answered an RO message with Binding Error 2 (HL-15).
    pub localized_routing: bool,
    /// What its heartbeats say; none: none were exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeats: Option<HeartbeatView>,
}

/// Heartbeats of one peer (RFC 5847), as operators see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatView {
    /// `asked`, `answered`, `missing` (some requests are unanswered), `silent` (as many as are allowed),
    /// `not-supported`, `idle` (no binding with the peer).
    pub state: String,
    /// Requests running that were not answered.
    pub missed: u8,
    /// Its Restart Counter.
    pub restart_counter: Option<u32>,
}

fn yes() -> bool {
    true
}

impl std::fmt::Display for MacAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl std::fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for MacAddr {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2);
            *octet = part
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| format!("{text:?} is not a MAC address like 00:00:5e:00:52:13"))?;
        }
        match parts.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(format!("{text:?} has more than six octets")),
        }
    }
}

impl TryFrom<String> for MacAddr {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}
