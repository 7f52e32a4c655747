//! What the MAG tells mobile nodes unasked: Router Advertisements (RFC 5213 section 6.9.3), and the question whether
//! they are there.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};
use pmipv6::io::Link;
use smoltcp::wire::{EthernetAddress, Icmpv6Repr, NdiscRepr};

use super::access::{self, Advertisement};
use super::frame::Envelope;
use super::send::transmit_icmpv6;
use super::{ALL_NODES, Action, ND_HOP_LIMIT, Net};

impl Net {
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

    /// Router Advertisements to MNs: to all nodes in the address, to one MN on the link (RFC 6085), or
    /// to the address that solicited.
    pub(super) fn send_advertisements(
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

    /// A Neighbour Solicitation to an MN, by unicast (RFC 4861 section 7.3.3).
    pub(super) fn solicit_mn(&mut self, link: Link, target: Ipv6Addr, out: &mut Vec<Action>) {
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
