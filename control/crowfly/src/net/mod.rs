//! The box's own IP: neighbour discovery, Router Advertisements, echo, ICMP errors and the way of
//! Mobility Headers, for the packets that workers hand to control.
//!
//! Sans-IO like the engines: frames and the time go in, [`Action`]s come out. Read first: RFC 4861
//! (neighbour discovery), RFC 4443 (ICMPv6), RFC 5213 sections 6.2 and 6.9 (the MAG's access link),
//! RFC 6543 (its addresses).

mod access;
mod access4;
mod advertise;
mod arp;
mod counters;
mod frame;
mod icmp;
mod ipv4;
mod neighbour;
mod next_hop;
mod path_mtu;
mod reachability;
mod receive;
mod send;
mod transport4;
mod tunnel_error;
mod user_error;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dataplane::{NextHop, Realm};
use ipnet::{Ipv4Net, Ipv6Net};
use pmipv6::io::{Link, Via};

pub use access::RouterAdvertisementConfig;
pub use counters::Counters;
pub use path_mtu::TooBig;
pub use transport4::signalling_datagram;
pub use user_error::Undelivered;

use access::AccessLinks;
use access4::{Ipv4Config, Ipv4Links};
pub(crate) use frame::link_local;

use frame::Envelope;
use icmp::TokenBucket;
use neighbour::{Key, Neighbours};
use path_mtu::PathMtus;
use reachability::{Due, Reachability};

/// Next header of the Mobility Header (RFC 6275 section 6.1.1).
const MOBILITY_HEADER: u8 = 135;
/// Next header of ESP (RFC 4303 section 2).
const ESP: u8 = 50;
/// Hop limit of Neighbour Discovery, on send and on receipt (RFC 4861 section 7.1).
const ND_HOP_LIMIT: u8 = 255;
/// Hop limit of what the box itself sends off the link.
const HOP_LIMIT: u8 = 64;
/// All nodes on the link (RFC 4291 section 2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// A port as the box's own IP sees it.
#[derive(Debug, Clone)]
pub struct NetPort {
    /// DPDK port number.
    pub number: u16,
    /// Link-layer address of the port.
    pub mac: [u8; 6],
    /// Largest IP packet, octets.
    pub mtu_bytes: u16,
    /// Our addresses with their on-link prefixes.
    pub addresses: Vec<Ipv6Net>,
    /// Router for what no on-link prefix covers.
    pub gateway: Option<Ipv6Addr>,
    /// Our IPv4 addresses with their on-link prefixes.
    pub addresses4: Vec<Ipv4Net>,
    /// IPv4 router for what no on-link prefix covers.
    pub gateway4: Option<Ipv4Addr>,
    /// Access port: the MAG's fixed link-local address.
    pub access_link_local: Option<Ipv6Addr>,
    /// Signalling and tunnels leave here.
    pub transport: bool,
    /// LMA: user packets to the Internet leave here.
    pub network: bool,
    /// LMA: only those of this realm.
    pub realm: Option<Realm>,
}

/// What the box's own IP is made with.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The ports.
    pub ports: Vec<NetPort>,
    /// Port, address and link-layer address of neighbours that need no discovery.
    pub neighbours: Vec<(u16, IpAddr, [u8; 6])>,
    /// Discovered neighbours that are remembered.
    pub max_neighbours: usize,
    /// Access links that are advertised on.
    pub max_links: usize,
    /// What Router Advertisements say.
    pub router_advertisement: RouterAdvertisementConfig,
    /// An MN that was not heard of for so long is asked whether it is there; zero: never.
    pub unreachability_detection: Duration,
    /// Domain name servers that MNs are told of by DHCP.
    pub dns_servers: Vec<Ipv4Addr>,
    /// DHCP servers that MNs' messages are relayed to.
    pub dhcp_servers: Vec<Ipv4Addr>,
    /// LMA: ICMP errors about packets from a tunnel come from an address of its own. A MAG's anchor would refuse
    /// those: they come from the home that the packet was for.
    pub answer_into_tunnels: bool,
}

/// What follows from a packet, a command or the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a frame, whole.
    Transmit {
        /// DPDK port number.
        port: u16,
        /// From the Ethernet header on.
        frame: Vec<u8>,
    },
    /// A Mobility Header came for us; nothing of it is checked yet.
    MobilityHeader {
        /// Source address of the IPv6 packet; of the IPv4 packet where there is no other.
        source: IpAddr,
        /// Destination address of the same packet, one of ours.
        destination: IpAddr,
        /// How it came.
        via: Via,
        /// The header, from Payload Proto on.
        octets: Vec<u8>,
    },
    /// An ESP packet came for us; nothing of it is checked yet.
    Esp {
        /// Source address of the IP packet.
        source: IpAddr,
        /// Destination address of the same packet, one of ours.
        destination: IpAddr,
        /// How it came; over plain IPv4 the peer's port is within, and here 0.
        via: Via,
        /// From the ESP header on.
        octets: Vec<u8>,
    },
    /// The next hop of a tracked remote address is another one now, or none.
    NextHop {
        /// Remote address of tunnels.
        remote: IpAddr,
        /// Where they leave.
        next_hop: Option<NextHop>,
    },
    /// The MN on an access link does not answer any more.
    Unreachable {
        /// Its link.
        link: Link,
    },
    /// A router takes no larger packets on the way to a tunnel's other end, if it quotes what the entries send
    /// that way: [`Net::path_mtu`] is to be told.
    TooBig(TooBig),
    /// MAG: a packet from a tunnel did not go on to a home: [`Net::undelivered`] is to be told which.
    Undelivered(Undelivered),
    /// The MTU of the way to a tunnel's other end is another one now.
    PathMtu {
        /// Remote address of tunnels.
        remote: IpAddr,
        /// Largest packet, octets; none: what its first link takes.
        mtu_bytes: Option<u16>,
    },
    /// LMA: the next hop towards the network is another one now, or none.
    NetworkNextHop {
        /// Whose network it is; none: of what is of no realm.
        realm: Option<Realm>,
        /// Where user packets leave.
        next_hop: Option<NextHop>,
    },
}

/// The box's own IP.
#[derive(Debug)]
pub struct Net {
    config: NetConfig,
    neighbours: Neighbours,
    links: AccessLinks,
    ipv4_links: Ipv4Links,
    reachability: Reachability,
    /// Remote addresses of tunnels, with the neighbour that leads there.
    tracked: HashMap<IpAddr, Key>,
    /// LMA: the neighbours that lead to the networks of realms, and of none.
    networks: Vec<(Option<Realm>, Key)>,
    path_mtus: PathMtus,
    errors: TokenBucket,
    /// The packet of the Mobility Header handed out last, for an error about it.
    last_signalling: Option<(Envelope, Vec<u8>)>,
    counters: Counters,
}

impl Net {
    /// The box's own IP at its start; [`Net::start`] sends what it begins with.
    #[must_use]
    pub fn new(config: NetConfig) -> Self {
        let mut neighbours = Neighbours::new(config.max_neighbours);
        for (port, address, mac) in &config.neighbours {
            neighbours.set_static((*port, *address), *mac);
        }
        Self {
            neighbours,
            links: AccessLinks::new(config.router_advertisement, config.max_links),
            reachability: Reachability::new(config.unreachability_detection),
            ipv4_links: Ipv4Links::new(ipv4_config(&config), config.max_links),
            tracked: HashMap::new(),
            networks: Vec::new(),
            path_mtus: PathMtus::default(),
            errors: TokenBucket::new(),
            last_signalling: None,
            counters: Counters::default(),
            config,
        }
    }

    /// Resolves the gateway towards each network: one of a realm, which has IPv4 alone, may have no other.
    pub fn start(&mut self, now: Duration, out: &mut Vec<Action>) {
        for port in self.config.ports.iter().filter(|port| port.network) {
            let ipv6 = port.gateway.map(IpAddr::V6);
            let ipv4 = port.gateway4.map(IpAddr::V4);
            let gateway = if port.realm.is_some() {
                ipv4.or(ipv6)
            } else {
                ipv6
            };
            let known = self.networks.iter().any(|(realm, _)| *realm == port.realm);
            if let Some(gateway) = gateway.filter(|_| !known) {
                self.networks.push((port.realm, (port.number, gateway)));
            }
        }
        for (realm, key) in self.networks.clone() {
            self.track_neighbour(now, key, out);
            if let Some(mac) = self.neighbours.mac(key) {
                let next_hop = self.next_hop(key, Some(mac));
                out.push(Action::NetworkNextHop { realm, next_hop });
            }
        }
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Duration, out: &mut Vec<Action>) {
        let mut effects = Vec::new();
        self.neighbours.timeout(now, &mut effects);
        self.carry_out(effects, out);
        let mut due = Vec::new();
        self.links.timeout(now, &mut due);
        self.send_advertisements(due, None, out);
        self.expire_path_mtus(now, out);
        for due in self.reachability.timeout(now) {
            match due {
                Due::Solicit(link, address) => self.solicit_mn(link, address, out),
                Due::Gone(link) => out.push(Action::Unreachable { link }),
            }
        }
    }

    /// When [`Net::timeout`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let deadlines = [
            self.neighbours.next_deadline(),
            self.links.next_deadline(),
            self.reachability.next_deadline(),
            self.path_mtus.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Counters and gauges by dotted name.
    #[must_use]
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let mut all = self.counters.list();
        all.push(("net.access-links", self.links.len() as u64));
        all.push(("net.access-links-ipv4", self.ipv4_links.len() as u64));
        all.push(("net.neighbours", self.neighbours.len() as u64));
        all.push(("net.path-mtus", self.path_mtus.len() as u64));
        all
    }

    fn port(&self, number: u16) -> Option<&NetPort> {
        self.config.ports.iter().find(|port| port.number == number)
    }
}

fn ipv4_config(config: &NetConfig) -> Ipv4Config {
    Ipv4Config {
        mac: config.router_advertisement.mac,
        mtu_bytes: config.router_advertisement.mtu_bytes,
        dns_servers: config.dns_servers.clone(),
    }
}
