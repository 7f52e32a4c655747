//! IPv4 between the nodes of the harness, with NATs: each node has its own address, a node behind a NAT is
//! seen under the NAT's address and a port of its choice, and only who was spoken to may answer
//! (RFC 4787 sections 4.1, 5: address and port dependent, the strictest kind).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use pmipv6::io::Via;

/// UDP port of signalling (RFC 5844 section 4.1).
pub(crate) const SIGNALLING: u16 = 5436;
/// UDP port behind a NAT (RFC 5555 section 4.1).
pub(crate) const NAT: u16 = 4191;

/// A UDP flow: from where, to where.
type Flow = (SocketAddrV4, SocketAddrV4);

#[derive(Debug, Default)]
pub(crate) struct Network4 {
    /// Nodes by their own address.
    nodes: BTreeMap<Ipv4Addr, IpAddr>,
    /// The NAT that a node is behind, by the node's own address.
    behind: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// What NATs remember: the flow of the node behind, by the port that it has outside.
    flows: BTreeMap<(Ipv4Addr, u16), Flow>,
    last_port: u16,
    /// IPv6 leads nowhere.
    pub(crate) only_ipv4: bool,
}

/// A message as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The node that gets it.
    pub(crate) node: IpAddr,
    pub(crate) source: IpAddr,
    pub(crate) via: Via,
}

impl Network4 {
    pub(crate) fn add(&mut self, node: IpAddr, address: Ipv4Addr) {
        self.nodes.insert(address, node);
    }

    pub(crate) fn put_behind(&mut self, address: Ipv4Addr, nat: Ipv4Addr) {
        self.behind.insert(address, nat);
    }

    /// Every NAT forgets its flows; new ones get other ports.
    pub(crate) fn forget(&mut self) {
        self.flows.clear();
    }

    /// What becomes of a message; none: it is lost.
    pub(crate) fn carry(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        via: Via,
    ) -> Option<Arrival> {
        let (local, remote, port) = match via {
            Via::Ipv6 if self.only_ipv4 => return None,
            Via::Ipv6 => {
                return Some(Arrival {
                    node: destination,
                    source,
                    via,
                });
            }
            Via::Ipv4 { local, remote, .. } => (local, remote, SIGNALLING),
            Via::Nat { local, remote } => (local, remote, NAT),
        };
        let from = self.outside(SocketAddrV4::new(local, port), remote);
        let to = self.inside(from, remote)?;
        let node = *self.nodes.get(to.ip())?;
        let (local, remote) = (*to.ip(), from);
        let arrival = match (via, to.port()) {
            (Via::Ipv4 { .. }, SIGNALLING) => Arrival {
                node,
                source: IpAddr::V4(*from.ip()),
                via: Via::Ipv4 {
                    local,
                    remote,
                    udp_data: false,
                },
            },
            (Via::Nat { .. }, NAT) => Arrival {
                node,
                source,
                via: Via::Nat { local, remote },
            },
            _ => return None,
        };
        Some(arrival)
    }

    /// The source as it is seen outside.
    fn outside(&mut self, from: SocketAddrV4, to: SocketAddrV4) -> SocketAddrV4 {
        let Some(nat) = self.behind.get(from.ip()).copied() else {
            return from;
        };
        // A node behind the same NAT is spoken to without it.
        if self.behind.get(to.ip()) == Some(&nat) {
            return from;
        }
        let known = self
            .flows
            .iter()
            .find(|((of, _), flow)| *of == nat && **flow == (from, to));
        if let Some(((_, port), _)) = known {
            return SocketAddrV4::new(nat, *port);
        }
        self.last_port = self.last_port.max(30_000) + 1;
        self.flows.insert((nat, self.last_port), (from, to));
        SocketAddrV4::new(nat, self.last_port)
    }

    /// The destination as it is inside; none where a NAT lets nothing in.
    fn inside(&self, from: SocketAddrV4, to: SocketAddrV4) -> Option<SocketAddrV4> {
        if self.behind.values().any(|nat| nat == to.ip()) {
            let (inside, partner) = self.flows.get(&(*to.ip(), to.port()))?;
            return (*partner == from).then_some(*inside);
        }
        // A private address is nowhere.
        let hidden = self.behind.get(to.ip()).is_some_and(|nat| {
            let nat_of_sender = self.behind.get(from.ip());
            nat_of_sender != Some(nat)
        });
        (!hidden).then_some(to)
    }
}
