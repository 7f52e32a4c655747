//! The box's own IP: neighbour discovery, Router Advertisements, echo, ICMP errors and the way of
//! Mobility Headers, for the packets that workers hand to control.
//!
//! Sans-IO like the engines: frames and the time go in, [`Action`]s come out. Read first: RFC 4861
//! (neighbour discovery), RFC 4443 (ICMPv6), RFC 5213 sections 6.2 and 6.9 (the MAG's access link),
//! RFC 6543 (its addresses).

mod access;
mod access4;
mod arp;
mod counters;
mod frame;
mod icmp;
mod ipv4;
mod neighbour;
mod path_mtu;
mod reachability;
mod receive;
mod transport4;
mod tunnel_error;
mod user_error;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dataplane::{NextHop, Realm};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use pmipv6::io::{Link, Via};
use smoltcp::wire::{EthernetAddress, Icmpv6Repr, IpProtocol, NdiscRepr};

pub use access::RouterAdvertisementConfig;
pub use counters::Counters;
pub use path_mtu::TooBig;
pub use transport4::signalling_datagram;

use access::{AccessLinks, Advertisement};
use access4::{Ipv4Config, Ipv4Links};
pub(crate) use frame::link_local;

use frame::{
    ETHERTYPE_IPV4, ETHERTYPE_IPV6, Envelope, IPV6_LEN, build_ipv6, close, multicast_mac,
    solicited_node,
};
use icmp::{IcmpError, TokenBucket};
use neighbour::{Effect, Key, Neighbours};
use path_mtu::PathMtus;
use reachability::{Due, Reachability};
use transport4::esp_over_ipv4;

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
    /// LMA: ICMP errors about packets from a tunnel go back into it. A MAG's anchor would refuse them:
    /// their source is no home.
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

    /// A tunnel to `remote` exists now: keeps its next hop resolved, and says what it is at present.
    pub fn track(
        &mut self,
        now: Duration,
        remote: IpAddr,
        out: &mut Vec<Action>,
    ) -> Option<NextHop> {
        let Some(key) = self.route(remote) else {
            self.counters.drop_no_route += 1;
            return None;
        };
        self.tracked.insert(remote, key);
        self.track_neighbour(now, key, out);
        self.next_hop(key, self.neighbours.mac(key))
    }

    /// No tunnel to `remote` exists any more.
    pub fn untrack(&mut self, now: Duration, remote: IpAddr, out: &mut Vec<Action>) {
        let Some(key) = self.tracked.remove(&remote) else {
            return;
        };
        self.path_mtus.forget(remote);
        let to_network = self.networks.iter().any(|(_, through)| *through == key);
        let in_use = to_network || self.tracked.values().any(|other| *other == key);
        if !in_use {
            let mut effects = Vec::new();
            self.neighbours.track(now, key, false, &mut effects);
            self.carry_out(effects, out);
        }
    }

    /// Sends a Mobility Header from one of our addresses.
    pub fn send_mobility_header(
        &mut self,
        now: Duration,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let protocol = IpProtocol::from(MOBILITY_HEADER);
        if self.send_ipv6(now, source, destination, protocol, octets, out) {
            self.counters.tx_mobility_header += 1;
        }
    }

    /// Sends an ESP packet, from its ESP header on, from one of our addresses: in IPv6, in IPv4, or in an
    /// IPv6 packet of these addresses in UDP port 4191.
    pub fn send_esp(
        &mut self,
        now: Duration,
        via: Via,
        (source, destination): (IpAddr, IpAddr),
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let protocol = IpProtocol::from(ESP);
        let sent = match (via, source, destination) {
            (Via::Ipv6, IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.send_ipv6(now, source, destination, protocol, octets, out)
            }
            _ => {
                let packet = esp_over_ipv4(via, (source, destination), octets);
                self.send_ipv4(now, packet, out)
            }
        };
        if sent {
            self.counters.tx_esp += 1;
        }
    }

    /// ICMPv6 Parameter Problem, code 0, about the Mobility Header handed out last (RFC 6275
    /// section 9.2); `pointer` counts from its start.
    pub fn parameter_problem(
        &mut self,
        now: Duration,
        destination: Ipv6Addr,
        pointer: u32,
        out: &mut Vec<Action>,
    ) {
        let Some((envelope, packet)) = self.last_signalling.take() else {
            return;
        };
        let Some((repr, _)) = frame::ipv6(&packet) else {
            return;
        };
        if repr.src_addr == destination {
            let error = IcmpError::parameter_problem(IPV6_LEN as u32 + pointer);
            self.send_error(now, envelope, repr.dst_addr, error, &packet, out);
        }
    }

    /// Advertises home network prefixes on an access link from now on; IPv4 home addresses among
    /// `prefixes` are none of a Router Advertisement's business.
    pub fn advertise(
        &mut self,
        now: Duration,
        link: Link,
        prefixes: &[IpNet],
        link_local: Ipv6Addr,
        lifetime_s: u32,
        out: &mut Vec<Action>,
    ) {
        let mut due = Vec::new();
        if !self.links.advertise(
            now,
            link,
            only_ipv6(prefixes),
            link_local,
            lifetime_s,
            &mut due,
        ) {
            self.counters.drop_links_full += 1;
        }
        self.reachability.attached(now, link);
        self.send_advertisements(due, None, out);
    }

    /// Advertises these prefixes no more, and says so once.
    pub fn withdraw(
        &mut self,
        link: Link,
        prefixes: &[IpNet],
        link_local: Ipv6Addr,
        out: &mut Vec<Action>,
    ) {
        let mut due = Vec::new();
        self.links
            .withdraw(link, &only_ipv6(prefixes), link_local, &mut due);
        if !self.links.contains(link) {
            self.reachability.detached(link);
        }
        self.send_advertisements(due, None, out);
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

    /// The neighbour that leads to an address: itself on a link of ours, or a gateway; the transport
    /// port's before others.
    fn route(&self, destination: IpAddr) -> Option<Key> {
        let destination = match destination {
            IpAddr::V6(destination) => destination,
            IpAddr::V4(destination) => return self.route_ipv4(destination),
        };
        let on_link = |port: &&NetPort| port.addresses.iter().any(|own| own.contains(&destination));
        let ports = &self.config.ports;
        if let Some(port) = ports.iter().find(on_link) {
            return Some((port.number, destination.into()));
        }
        let transport_first = ports.iter().filter(|port| port.transport).chain(ports);
        transport_first
            .filter_map(|port| Some((port.number, IpAddr::V6(port.gateway?))))
            .next()
    }

    fn port(&self, number: u16) -> Option<&NetPort> {
        self.config.ports.iter().find(|port| port.number == number)
    }

    fn track_neighbour(&mut self, now: Duration, key: Key, out: &mut Vec<Action>) {
        let mut effects = Vec::new();
        self.neighbours.track(now, key, true, &mut effects);
        self.carry_out(effects, out);
    }

    fn next_hop(&self, key: Key, mac: Option<[u8; 6]>) -> Option<NextHop> {
        let port = self.port(key.0)?;
        Some(NextHop {
            port: key.0,
            source_mac: port.mac,
            destination_mac: mac?,
        })
    }

    /// Sends an IPv6 packet to where its destination is reached; false when it was dropped at once.
    fn send_ipv6(
        &mut self,
        now: Duration,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: IpProtocol,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) -> bool {
        match build_ipv6(source, destination, protocol, HOP_LIMIT, payload) {
            Some(packet) => self.send_packet(now, destination.into(), packet, out),
            None => {
                self.counters.drop_too_long += 1;
                false
            }
        }
    }

    /// Sends an IP packet to where its destination is reached; false when it was dropped at once.
    fn send_packet(
        &mut self,
        now: Duration,
        destination: IpAddr,
        packet: Vec<u8>,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(key) = self.route(destination) else {
            self.counters.drop_no_route += 1;
            return false;
        };
        let mtu = self
            .port(key.0)
            .map_or(0, |port| usize::from(port.mtu_bytes));
        if packet.len() > mtu {
            self.counters.drop_too_long += 1;
            return false;
        }
        let mut effects = Vec::new();
        self.neighbours.send(now, key, packet, &mut effects);
        self.carry_out(effects, out);
        true
    }

    /// Turns what the neighbour cache wants into frames and next hops.
    fn carry_out(&mut self, effects: Vec<Effect>, out: &mut Vec<Action>) {
        for effect in effects {
            match effect {
                Effect::Solicit {
                    key: (port, IpAddr::V6(target)),
                    mac,
                } => self.solicit((port, target), mac, out),
                Effect::Solicit {
                    key: (port, IpAddr::V4(target)),
                    mac,
                } => self.ask_arp((port, target), mac, out),
                Effect::Send {
                    key: (number, _),
                    mac,
                    packet,
                } => {
                    let Some(source) = self.port(number).map(|port| port.mac) else {
                        continue;
                    };
                    let to = Envelope {
                        port: number,
                        vlan: None,
                        source,
                        destination: mac,
                    };
                    transmit(to, &packet, out);
                }
                Effect::Changed { key, mac } => self.changed(key, mac, out),
                Effect::Unresolved { packets } => self.counters.drop_unresolved += packets,
                Effect::QueueFull => self.counters.drop_queue_full += 1,
                Effect::CacheFull => self.counters.drop_cache_full += 1,
            }
        }
    }

    fn changed(&self, key: Key, mac: Option<[u8; 6]>, out: &mut Vec<Action>) {
        let next_hop = self.next_hop(key, mac);
        let remotes = self.tracked.iter().filter(|(_, through)| **through == key);
        out.extend(remotes.map(|(remote, _)| Action::NextHop {
            remote: *remote,
            next_hop,
        }));
        let networks = self.networks.iter().filter(|(_, through)| *through == key);
        out.extend(networks.map(|(realm, _)| Action::NetworkNextHop {
            realm: *realm,
            next_hop,
        }));
    }

    /// A Neighbour Solicitation (RFC 4861 section 7.2.2).
    fn solicit(
        &mut self,
        (number, target): (u16, Ipv6Addr),
        mac: Option<[u8; 6]>,
        out: &mut Vec<Action>,
    ) {
        let Some(port) = self.port(number) else {
            return;
        };
        let on_link = port.addresses.iter().find(|own| own.contains(&target));
        let source = on_link.map_or_else(|| link_local(port.mac), Ipv6Net::addr);
        let destination = if mac.is_some() {
            target
        } else {
            solicited_node(target)
        };
        let envelope = Envelope {
            port: number,
            vlan: None,
            source: port.mac,
            destination: mac.unwrap_or_else(|| multicast_mac(destination)),
        };
        let repr = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: target,
            lladdr: Some(EthernetAddress(port.mac).into()),
        });
        let message = access::emit(&repr, source, destination);
        self.counters.tx_neighbour_solicit += 1;
        transmit_icmpv6(envelope, source, destination, ND_HOP_LIMIT, &message, out);
    }

    /// A Neighbour Solicitation to an MN, by unicast (RFC 4861 section 7.3.3).
    fn solicit_mn(&mut self, link: Link, target: Ipv6Addr, out: &mut Vec<Action>) {
        let ours = self.port(link.port).and_then(|port| port.access_link_local);
        let Some(source) = ours else {
            return;
        };
        let mac = self.config.router_advertisement.mac;
        let envelope = Envelope {
            port: link.port,
            vlan: link.vlan,
            source: mac,
            destination: link.mac.0,
        };
        let repr = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: target,
            lladdr: Some(EthernetAddress(mac).into()),
        });
        let message = access::emit(&repr, source, target);
        self.counters.tx_neighbour_solicit += 1;
        transmit_icmpv6(envelope, source, target, ND_HOP_LIMIT, &message, out);
    }

    /// Router Advertisements to MNs: to all nodes in the address, to one MN on the link (RFC 6085), or
    /// to the address that solicited.
    fn send_advertisements(
        &mut self,
        due: Vec<Advertisement>,
        to: Option<Ipv6Addr>,
        out: &mut Vec<Action>,
    ) {
        let destination = to.unwrap_or(ALL_NODES);
        for advertisement in due {
            let message = self.links.message(&advertisement, destination);
            let envelope = Envelope {
                port: advertisement.link.port,
                vlan: advertisement.link.vlan,
                source: self.config.router_advertisement.mac,
                destination: advertisement.link.mac.0,
            };
            self.counters.tx_router_advert += 1;
            let source = advertisement.link_local;
            transmit_icmpv6(envelope, source, destination, ND_HOP_LIMIT, &message, out);
        }
    }
}

fn ipv4_config(config: &NetConfig) -> Ipv4Config {
    Ipv4Config {
        mac: config.router_advertisement.mac,
        mtu_bytes: config.router_advertisement.mtu_bytes,
        dns_servers: config.dns_servers.clone(),
    }
}

/// Each IPv6 prefix once.
fn only_ipv6(prefixes: &[IpNet]) -> Vec<Ipv6Net> {
    let mut seen = HashSet::new();
    let ipv6 = prefixes.iter().filter_map(|prefix| match prefix {
        IpNet::V6(prefix) => Some(prefix.trunc()),
        IpNet::V4(_) => None,
    });
    ipv6.filter(|prefix| seen.insert(*prefix)).collect()
}

fn transmit(envelope: Envelope, packet: &[u8], out: &mut Vec<Action>) {
    let ethertype = match packet.first() {
        Some(first) if first >> 4 == 4 => ETHERTYPE_IPV4,
        _ => ETHERTYPE_IPV6,
    };
    let frame = close(envelope, ethertype, packet);
    out.push(Action::Transmit {
        port: envelope.port,
        frame,
    });
}

fn transmit_icmpv6(
    envelope: Envelope,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    message: &[u8],
    out: &mut Vec<Action>,
) {
    if let Some(packet) = build_ipv6(source, destination, IpProtocol::Icmpv6, hop_limit, message) {
        transmit(envelope, &packet, out);
    }
}
