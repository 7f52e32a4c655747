//! IPv4 between the nodes of the domain, with NATs before some of them: a node behind one is seen under the
//! NAT's address and a port of its choice, only who was spoken to may answer, and flows that are idle are
//! forgotten (RFC 4787 sections 4.1, 4.3 and 5: address and port dependent, the strictest kind).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use crate::io::{Entry, Via};

use super::check::ViolationKind;
use super::domain::Domain;
use super::layout::Layout;
use super::network::{Micros, NodeIndex, SECOND};

/// UDP port of signalling (RFC 5844 section 4.1).
const SIGNALLING: u16 = 5436;
/// UDP port of signalling and data where there is a NAT (RFC 5555 section 4.1).
const NAT: u16 = 4191;
/// Flows that are idle for so long are forgotten; keepalives come more often.
const IDLE: Micros = 60 * SECOND;
/// NATKATIMEOUT (RFC 5555 section 6), seconds: less than [`IDLE`].
pub(super) const KEEPALIVE_S: u32 = 20;
/// Ports that NATs give begin here.
const FIRST_PORT: u16 = 30_000;

/// The NATs of a domain, one before each node that is behind one.
#[derive(Debug, Default)]
pub(super) struct Nats {
    /// By the node behind: from where, to where, and the port outside with the time of the last packet.
    flows: BTreeMap<(NodeIndex, SocketAddrV4, SocketAddrV4), (u16, Micros)>,
    given: u16,
}

/// What came over IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) node: NodeIndex,
    /// Address and port that the receiver sees.
    pub(super) from: SocketAddrV4,
    /// The receiver's own.
    pub(super) to: SocketAddrV4,
}

impl Nats {
    /// A NAT forgets its flows: the next packets of its node get other ports.
    pub(super) fn rebind(&mut self, node: NodeIndex) {
        self.flows.retain(|(behind, _, _), _| *behind != node);
    }

    /// What becomes of a datagram; none: it is lost.
    pub(super) fn carry(
        &mut self,
        layout: &Layout,
        now: Micros,
        from: NodeIndex,
        (source, destination): (SocketAddrV4, SocketAddrV4),
    ) -> Option<Arrived> {
        self.flows
            .retain(|_, (_, used)| now.saturating_sub(*used) < IDLE);
        let source = match layout.behind_nat.contains(&from) {
            true => SocketAddrV4::new(
                layout.nat_address(from),
                self.port(now, from, source, destination),
            ),
            false => source,
        };
        if let Some(node) = layout.node_at(*destination.ip()) {
            // A private address is nowhere.
            let open = !layout.behind_nat.contains(&node);
            return open.then_some(Arrived {
                node,
                from: source,
                to: destination,
            });
        }
        let flow = self
            .flows
            .iter_mut()
            .find(|((node, _, partner), (port, _))| {
                layout.nat_address(*node) == *destination.ip()
                    && *port == destination.port()
                    && *partner == source
            });
        let ((node, inside, _), (_, used)) = flow?;
        *used = now;
        Some(Arrived {
            node: *node,
            from: source,
            to: *inside,
        })
    }

    fn port(&mut self, now: Micros, node: NodeIndex, from: SocketAddrV4, to: SocketAddrV4) -> u16 {
        if let Some((port, used)) = self.flows.get_mut(&(node, from, to)) {
            *used = now;
            return *port;
        }
        self.given = self.given.max(FIRST_PORT) + 1;
        self.flows.insert((node, from, to), (self.given, now));
        self.given
    }
}

impl Domain<'_> {
    /// A message on its way: who gets it, whom it seems to come from, and how it came there. None: nobody.
    pub(super) fn way_of_message(
        &mut self,
        from: NodeIndex,
        destination: IpAddr,
        via: Via,
    ) -> Option<(NodeIndex, IpAddr, Via)> {
        let name = self.nodes[from].address;
        let (local, remote, port) = match via {
            Via::Ipv6 if self.layout.ipv4_transport => return None,
            Via::Ipv6 => {
                let to = self.addresses.get(&destination).copied()?;
                return Some((to, name, via));
            }
            Via::Ipv4 { local, remote, .. } => (local, remote, SIGNALLING),
            Via::Nat { local, remote } => (local, remote, NAT),
        };
        let source = SocketAddrV4::new(local, port);
        let arrived = self
            .nats
            .carry(&self.layout, self.now, from, (source, remote))?;
        let (local, remote) = (*arrived.to.ip(), arrived.from);
        match (via, arrived.to.port()) {
            (Via::Nat { .. }, NAT) => Some((arrived.node, name, Via::Nat { local, remote })),
            (Via::Ipv4 { udp_data, .. }, SIGNALLING) => {
                let via = Via::Ipv4 {
                    local,
                    remote,
                    udp_data,
                };
                Some((arrived.node, IpAddr::V4(*remote.ip()), via))
            }
            _ => None,
        }
    }

    /// A user packet on its way through a tunnel over IPv4: who gets it, and from where.
    pub(super) fn way_of_packet(
        &mut self,
        from: NodeIndex,
        via: Via,
    ) -> Option<(NodeIndex, SocketAddrV4)> {
        let arrived = match via {
            Via::Ipv6 => return None,
            // IP in IPv4 has no ports: it passes no NAT.
            Via::Ipv4 { local, remote, .. } => {
                let node = self.layout.node_at(*remote.ip())?;
                let hidden = |node| self.layout.behind_nat.contains(&node);
                let open = !hidden(from) && !hidden(node);
                return open.then(|| (node, SocketAddrV4::new(local, 0)));
            }
            Via::Nat { local, remote } => {
                let flow = (SocketAddrV4::new(local, NAT), remote);
                self.nats.carry(&self.layout, self.now, from, flow)?
            }
        };
        (arrived.to.port() == NAT).then_some((arrived.node, arrived.from))
    }

    /// A way leads to the peer that it is the way to.
    pub(super) fn check_way(&mut self, node: NodeIndex, entry: &Entry) {
        let Entry::Reach { peer, via } = entry else {
            return;
        };
        let remote = match via {
            Via::Ipv6 => return,
            Via::Ipv4 { remote, .. } | Via::Nat { remote, .. } => *remote.ip(),
        };
        let of_peer = self.addresses.get(peer).is_some_and(|peer| {
            remote == self.layout.ipv4_address(*peer) || remote == self.layout.nat_address(*peer)
        });
        if !of_peer {
            let text = format!("{}: {entry:?}", self.nodes[node].name);
            self.violate(ViolationKind::Unauthorised, text);
        }
    }
}

/// The peer whose tunnel packets come from this address and port.
pub(super) fn peer_at(reach: &BTreeMap<IpAddr, Via>, from: SocketAddrV4) -> Option<IpAddr> {
    let is_from = |via: &Via| match via {
        Via::Ipv6 => false,
        Via::Ipv4 { remote, .. } => remote.ip() == from.ip() && from.port() == 0,
        Via::Nat { remote, .. } => *remote == from,
    };
    reach
        .iter()
        .find(|(_, via)| is_from(via))
        .map(|(peer, _)| *peer)
}

/// Address of a node on every leg, and of the NAT before it.
pub(super) fn addresses_of(node: NodeIndex) -> (Ipv4Addr, Ipv4Addr) {
    let last = node as u8 + 1;
    (
        Ipv4Addr::new(198, 51, 100, last),
        Ipv4Addr::new(192, 0, 2, last),
    )
}
