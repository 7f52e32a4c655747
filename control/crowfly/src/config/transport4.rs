//! IPv4 between the nodes: which peers are reached by it, and how (RFC 5844 section 4, RFC 5555 section 4).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::error::Complaint;
use super::locate::KeyPath;
use super::{Config, PeerPrefix, Port, PortRole, Role};

/// IPv4 transport.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ipv4Transport {
    /// Peers that are reached by IPv4; all others are reached by IPv6. Where several rows name a peer, the
    /// one with the longest prefix counts.
    #[schemars(length(max = 65_536))]
    pub peers: Vec<Ipv4Peer>,
    /// NATKATIMEOUT (RFC 5555 section 6): how long a NAT remembers, as nodes behind one are told.
    #[schemars(range(min = 1, max = 86_400))]
    pub nat_keepalive_s: u32,
    /// MAG: ForceIPv4UDPEncapsulationSupport (RFC 5844 section 4.2.1): tunnels go in UDP port 5437.
    pub force_udp_encapsulation: bool,
    /// LMA: AcceptForcedIPv4UDPEncapsulationRequest (RFC 5844 section 4.1.3.1); if not, a MAG that forces it
    /// is refused with status 129.
    pub accept_forced_udp_encapsulation: bool,
    /// This node is behind a NAT: it begins in UDP port 4191 (RFC 5555 section 4.1), not in port 5436, and needs
    /// to where signalling is in ESP, which has no port that a NAT could tell.
    pub behind_nat: bool,
}

impl Default for Ipv4Transport {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            nat_keepalive_s: 110,
            force_udp_encapsulation: false,
            accept_forced_udp_encapsulation: false,
            behind_nat: false,
        }
    }
}

/// Peers that are reached by IPv4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ipv4Peer {
    /// Their names: LMAA or Proxy-CoA, or a prefix of many.
    pub peer: PeerPrefix,
    /// Their IPv4 addresses: one, or a prefix of many. Of many, which is whose is learnt from their messages.
    pub address: Ipv4Prefix,
    /// Our address towards them, one of a transport port; none: the one on their link, or on the gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Ipv4Addr>,
    /// Addresses that a NAT may give them. None: where a NAT changes their address, they are refused.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub nat: Vec<Ipv4Prefix>,
}

impl Ipv4Transport {
    /// The row that says how a peer is reached by IPv4; none: by IPv6.
    #[must_use]
    pub fn row_of(&self, peer: Ipv6Addr) -> Option<&Ipv4Peer> {
        let rows = self.peers.iter().filter(|row| row.peer.0.contains(&peer));
        rows.max_by_key(|row| row.peer.0.prefix_len())
    }
}

impl Ipv4Peer {
    /// Our address towards these peers; none: nothing leads there.
    #[must_use]
    pub fn local_of(&self, config: &Config) -> Option<Ipv4Addr> {
        if self.local.is_some() {
            return self.local;
        }
        let transport = || {
            config
                .ports
                .iter()
                .filter(|port| port.has(PortRole::Transport))
        };
        let on_link = transport()
            .flat_map(Port::ipv4)
            .find(|own| own.contains(&self.address.0));
        let by_gateway = || {
            let port = transport().find(|port| port.gateway4.is_some())?;
            let gateway = port.gateway4?;
            port.ipv4().find(|own| own.contains(&gateway))
        };
        on_link.or_else(by_gateway).map(|own| own.addr())
    }
}

/// IPv4 addresses: one, or all of a prefix. `198.51.100.11` or `198.51.100.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv4Prefix(pub Ipv4Net);

impl TryFrom<String> for Ipv4Prefix {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self(Ipv4Net::from(address)));
        }
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is not an IPv4 address or prefix"))
    }
}

impl From<Ipv4Prefix> for String {
    fn from(prefix: Ipv4Prefix) -> Self {
        match prefix.0.prefix_len() {
            32 => prefix.0.addr().to_string(),
            _ => prefix.0.to_string(),
        }
    }
}

impl JsonSchema for Ipv4Prefix {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ipv4Prefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{1,3}([.][0-9]{1,3}){3}(/[0-9]{1,2})?$",
            "examples": ["198.51.100.11", "198.51.100.0/24"]
        })
    }
}

impl Config {
    /// Whether some row says how this peer is reached by IPv4.
    pub(super) fn is_reached_by_ipv4(&self, peer: Ipv6Addr) -> bool {
        self.ipv4_transport.row_of(peer).is_some()
    }
}

/// What is wrong with IPv4 transport.
pub(super) fn check(config: &Config) -> Vec<Complaint> {
    let transport = &config.ipv4_transport;
    let path = KeyPath::default().key("ipv4_transport");
    let mut complaints = Vec::new();
    let mut complain = |path: KeyPath, reason: &str| {
        let reason = reason.to_owned();
        complaints.push(Complaint { path, reason });
    };
    if transport.force_udp_encapsulation && config.role != Role::Mag {
        let reason = "only a mag forces it; an lma has accept_forced_udp_encapsulation";
        complain(path.key("force_udp_encapsulation"), reason);
    }
    if transport.accept_forced_udp_encapsulation && config.role != Role::Lma {
        let reason = "only an lma accepts it; a mag has force_udp_encapsulation";
        complain(path.key("accept_forced_udp_encapsulation"), reason);
    }
    let mut seen = BTreeSet::new();
    for (index, row) in transport.peers.iter().enumerate() {
        let path = path.key("peers").index(index);
        if row.peer.0.trunc() != row.peer.0 {
            complain(path.key("peer"), "has bits beyond its length");
        }
        if !seen.insert(row.peer.0.trunc()) {
            complain(path.key("peer"), "stands here twice");
        }
        if own_ipv6(config).any(|own| IpNet::from(own) == IpNet::V6(row.peer.0)) {
            complain(path.key("peer"), "this is the node itself");
        }
        for (at, prefix) in addresses_of(row, &path) {
            if let Some(reason) = prefix_problem(prefix.0) {
                complain(at.clone(), reason);
            }
            if own_ipv4(config).any(|own| Ipv4Net::from(own) == prefix.0) {
                complain(at, "this is the node's own address");
            }
        }
        match (row.local, row.local_of(config)) {
            (Some(local), _) if !own_ipv4(config).any(|own| own == local) => {
                complain(path.key("local"), "no transport port has this address");
            }
            (_, None) => {
                let reason =
                    "no transport port reaches it: in no on-link IPv4 prefix, and no gateway4";
                complain(path.key("address"), reason);
            }
            _ => {}
        }
    }
    complaints
}

fn addresses_of(row: &Ipv4Peer, path: &KeyPath) -> Vec<(KeyPath, Ipv4Prefix)> {
    let nats = row.nat.iter().enumerate();
    let nats = nats.map(|(index, nat)| (path.key("nat").index(index), *nat));
    std::iter::once((path.key("address"), row.address))
        .chain(nats)
        .collect()
}

fn own_ipv4(config: &Config) -> impl Iterator<Item = Ipv4Addr> + '_ {
    let transport = config
        .ports
        .iter()
        .filter(|port| port.has(PortRole::Transport));
    transport.flat_map(|port| port.ipv4().map(|own| own.addr()))
}

fn own_ipv6(config: &Config) -> impl Iterator<Item = std::net::IpAddr> + '_ {
    config
        .transport_addresses()
        .map(|(_, own)| own.addr().into())
}

fn prefix_problem(prefix: Ipv4Net) -> Option<&'static str> {
    if prefix.trunc() != prefix {
        return Some("has bits beyond its length");
    }
    if prefix.prefix_len() == 0 {
        return Some("all of IPv4 is nobody's address");
    }
    ipv4_problem(prefix.addr()).filter(|_| prefix.prefix_len() == 32)
}

/// Why an IPv4 address cannot be a node's, if it cannot.
pub(super) fn ipv4_problem(address: Ipv4Addr) -> Option<&'static str> {
    let nobodys = address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_loopback();
    nobodys.then_some("not a unicast address of a node")
}

/// Why an address with its on-link prefix cannot be an interface's, if it cannot (RFC 1122
/// section 3.2.1.3).
pub(super) fn interface_problem(own: Ipv4Net) -> Option<&'static str> {
    let names_all = own.addr() == own.network() || own.addr() == own.broadcast();
    match own.prefix_len() {
        0 => Some("an on-link prefix of length 0 covers everything"),
        1..=30 if names_all => Some("the network's own address or its broadcast address"),
        _ => ipv4_problem(own.addr()),
    }
}
