//! The neighbours that lead somewhere, kept resolved for tunnels and asked for by Neighbour Discovery or ARP.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use dataplane::NextHop;
use ipnet::Ipv6Net;
use smoltcp::wire::{EthernetAddress, Icmpv6Repr, NdiscRepr};

use super::frame::{Envelope, link_local, multicast_mac, solicited_node};
use super::neighbour::{Effect, Key};
use super::send::{transmit, transmit_icmpv6};
use super::{Action, ND_HOP_LIMIT, Net, NetPort, access};

impl Net {
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

    /// The neighbour that leads to an address: itself on a link of ours, or a gateway; the transport
    /// port's before others.
    pub(super) fn route(&self, destination: IpAddr) -> Option<Key> {
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

    pub(super) fn track_neighbour(&mut self, now: Duration, key: Key, out: &mut Vec<Action>) {
        let mut effects = Vec::new();
        self.neighbours.track(now, key, true, &mut effects);
        self.carry_out(effects, out);
    }

    pub(super) fn next_hop(&self, key: Key, mac: Option<[u8; 6]>) -> Option<NextHop> {
        let port = self.port(key.0)?;
        Some(NextHop {
            port: key.0,
            source_mac: port.mac,
            destination_mac: mac?,
        })
    }

    /// Turns what the neighbour cache wants into frames and next hops.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>, out: &mut Vec<Action>) {
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

    pub(super) fn changed(&self, key: Key, mac: Option<[u8; 6]>, out: &mut Vec<Action>) {
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
    pub(super) fn solicit(
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
}
