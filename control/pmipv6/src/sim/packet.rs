//! A user packet's walk through the modelled forwarding state, hop by hop, each hop's state read when
//! the packet gets there.

use std::net::{IpAddr, SocketAddrV4};

use ipnet::IpNet;

use crate::io::Link;

use super::forwarding::Forwarding;
use super::layout::MobileIndex;
use super::network::NodeIndex;

/// How a packet came to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// From an MN on this link.
    Access(Link),
    /// Out of a tunnel, from this outer source.
    Tunnel(IpAddr),
    /// Out of a tunnel over IPv4, from this address and port.
    Tunnel4(SocketAddrV4),
    /// From the network side, not in a tunnel.
    Network,
}

/// Where a node sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Into the tunnel of a localized path.
    Path(IpAddr),
    /// Into a tunnel between MAG and LMA.
    Anchor(IpAddr),
    /// Out to the network.
    Route,
    /// To the MN on this link; true: as a localized path has it.
    Deliver(Link, bool),
    /// Not forwarded.
    Drop(Loss),
}

/// Why a packet was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// The MN that wants to send is not on a link of any MAG.
    SenderAway,
    /// MAG, access: the source is not a home of that link.
    SourceNotAttached,
    /// MAG, tunnel: the destination is not attached here.
    DestinationNotAttached,
    /// MAG, tunnel: the outer source is neither the home's LMA nor the MAG of a path of the pair.
    TunnelSource,
    /// LMA, tunnel: the outer source is not the inner source's Proxy CoA.
    NotItsProxyCoa,
    /// LMA: the destination is not bound here.
    NotBound,
    /// LMA: source or destination is suspended.
    Suspended,
    /// Delivered on a link that the MN has left.
    LeftLink,
    /// Delivered to the MN that has the destination's home now.
    HomeReassigned,
    /// The network could not carry it.
    Partitioned,
    /// The node was down.
    NodeDown,
    /// No node owns the prefix or the address.
    NoRoute,
    /// The node stood still.
    NodeFrozen,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// At the right MN; true: over a localized path, without any anchor.
    Delivered {
        /// No LMA saw it.
        localized: bool,
    },
    /// Not delivered.
    Lost(Loss),
    /// Came back to a node that had forwarded it, or took too many hops.
    Looped,
    /// At an MN that it is not for.
    WrongNode,
}

/// Most nodes a packet may pass: two MAGs and two LMAs, and two more for a hand-back (HL-34).
pub const MAX_HOPS: usize = 6;

/// Octets of a modelled packet.
pub const PACKET_BYTES: u64 = 100;

/// What a MAG does with a packet.
pub fn at_mag(table: &mut Forwarding, arrival: Arrival, from: IpNet, to: IpNet) -> Verdict {
    match arrival {
        Arrival::Access(link) => uplink(table, link, from, to),
        Arrival::Tunnel(outer) => downlink(table, outer, from, to),
        // From nobody that is known.
        Arrival::Tunnel4(_) => Verdict::Drop(Loss::TunnelSource),
        Arrival::Network => Verdict::Drop(Loss::NoRoute),
    }
}

fn uplink(table: &mut Forwarding, link: Link, from: IpNet, to: IpNet) -> Verdict {
    let lma = match table.attached.get(&from) {
        Some((own, lma)) if *own == link => *lma,
        _ => return Verdict::Drop(Loss::SourceNotAttached),
    };
    if table.local.contains_key(&(from, to)) {
        table.count((from, to), PACKET_BYTES);
        return match table.attached.get(&to) {
            Some((link, _)) => Verdict::Deliver(*link, true),
            None => Verdict::Drop(Loss::DestinationNotAttached),
        };
    }
    if let Some(peer) = table.send.get(&(from, to)).copied() {
        table.count((from, to), PACKET_BYTES);
        return Verdict::Path(peer);
    }
    Verdict::Anchor(lma)
}

fn downlink(table: &mut Forwarding, outer: IpAddr, from: IpNet, to: IpNet) -> Verdict {
    let Some((link, lma)) = table.attached.get(&to).copied() else {
        // HL-34: the MN has left, and its peer's MAG does not know yet.
        if let Some((_, lma)) = table
            .hand_back
            .get(&(to, from))
            .filter(|(peer, _)| *peer == outer)
        {
            return Verdict::Anchor(*lma);
        }
        return Verdict::Drop(Loss::DestinationNotAttached);
    };
    if outer == lma {
        return Verdict::Deliver(link, false);
    }
    if table.receive.get(&(to, from)) == Some(&outer) {
        table.count((to, from), PACKET_BYTES);
        return Verdict::Deliver(link, true);
    }
    Verdict::Drop(Loss::TunnelSource)
}

/// What an LMA does with a packet. The pair is to be reported when the verdict forwards a packet that
/// came out of a tunnel toward a mobile destination: see [`is_mobile`].
pub fn at_lma(table: &Forwarding, arrival: Arrival, from: IpNet, to: IpNet) -> Verdict {
    if let Arrival::Tunnel4(_) = arrival {
        return Verdict::Drop(Loss::TunnelSource);
    }
    if let Arrival::Tunnel(outer) = arrival {
        match table.bound.get(&from) {
            Some(bound) if bound.suspended => return Verdict::Drop(Loss::Suspended),
            Some(bound) if bound.proxy_coa == outer => {}
            _ if table.hand_back_accept.get(&(from, to)) == Some(&outer) => {
                return at_lma_handed_back(table, outer, to);
            }
            _ => return Verdict::Drop(Loss::NotItsProxyCoa),
        }
    }
    match table.bound.get(&to) {
        Some(bound) if bound.suspended => Verdict::Drop(Loss::Suspended),
        Some(bound) => Verdict::Anchor(bound.proxy_coa),
        None if arrival == Arrival::Network => Verdict::Drop(Loss::NotBound),
        None => Verdict::Route,
    }
}

/// HL-34: on to where the MN is now, never back to where the packet came from.
fn at_lma_handed_back(table: &Forwarding, from: IpAddr, to: IpNet) -> Verdict {
    match table.bound.get(&to) {
        Some(bound) if bound.suspended => Verdict::Drop(Loss::Suspended),
        Some(bound) if bound.proxy_coa == from => Verdict::Drop(Loss::NotItsProxyCoa),
        Some(bound) => Verdict::Anchor(bound.proxy_coa),
        None => Verdict::Drop(Loss::NotBound),
    }
}

/// True when the LMA has the destination bound or knows which LMA has it.
#[must_use]
pub fn is_mobile(table: &Forwarding, home: IpNet) -> bool {
    table.bound.contains_key(&home) || table.anchors.keys().any(|prefix| prefix.contains(&home))
}

/// A packet on its way.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Who sent it.
    pub source: MobileIndex,
    /// Whom it is for.
    pub destination: MobileIndex,
    /// Home of its source address.
    pub from: IpNet,
    /// Home of its destination address.
    pub to: IpNet,
    /// An LMA saw it.
    pub anchored: bool,
    visited: [Option<(NodeIndex, Arrival)>; MAX_HOPS],
}

impl Packet {
    /// A packet that has been nowhere yet.
    #[must_use]
    pub fn new(source: MobileIndex, destination: MobileIndex, from: IpNet, to: IpNet) -> Self {
        Self {
            source,
            destination,
            from,
            to,
            anchored: false,
            visited: [None; MAX_HOPS],
        }
    }

    /// Notes a node; false when it has been there in this very way, or has passed too many.
    pub fn visit(&mut self, node: NodeIndex, arrival: Arrival) -> bool {
        for slot in &mut self.visited {
            match slot {
                Some(seen) if *seen == (node, arrival) => return false,
                Some(_) => {}
                None => {
                    *slot = Some((node, arrival));
                    return true;
                }
            }
        }
        false
    }
}

impl std::fmt::Display for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (source, destination) = (self.source + 1, self.destination + 1);
        write!(f, "packet MN{source}->MN{destination}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Entry, MacAddr};

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn link(last: u8) -> Link {
        Link {
            port: 0,
            vlan: None,
            mac: MacAddr([2, 0, 0, 0, 0, last]),
        }
    }

    fn table(entries: &[Entry]) -> Forwarding {
        let mut table = Forwarding::default();
        for entry in entries {
            table.apply(entry).unwrap();
        }
        table
    }

    fn attach(home: &str, last: u8) -> Entry {
        Entry::Attach {
            home: net(home),
            link: link(last),
            lma: ip("2001:db8::a"),
        }
    }

    #[test]
    fn l_60_a_mag_decides_on_the_pair_and_checks_the_source() {
        let (a, b, c) = (
            net("2001:db8:1::/64"),
            net("2001:db8:2::/64"),
            net("2001:db8:3::/64"),
        );
        let peer = ip("2001:db8::b");
        let mut mag = table(&[
            attach("2001:db8:1::/64", 1),
            attach("2001:db8:3::/64", 3),
            Entry::PathReceive {
                local: a,
                remote: b,
                peer,
            },
            Entry::PathSend {
                local: a,
                remote: b,
                peer,
            },
        ]);
        let mut up = |from, to, last| at_mag(&mut mag, Arrival::Access(link(last)), from, to);
        assert_eq!(up(a, b, 1), Verdict::Path(peer));
        assert_eq!(up(c, b, 3), Verdict::Anchor(ip("2001:db8::a")));
        assert_eq!(up(a, b, 3), Verdict::Drop(Loss::SourceNotAttached));
    }

    #[test]
    fn l_75_a_mag_takes_tunnel_packets_from_the_lma_and_from_the_pairs_mag_alone() {
        let (a, b, c) = (
            net("2001:db8:1::/64"),
            net("2001:db8:2::/64"),
            net("2001:db8:3::/64"),
        );
        let (lma, peer) = (ip("2001:db8::a"), ip("2001:db8::b"));
        let mut mag = table(&[
            attach("2001:db8:1::/64", 1),
            Entry::PathReceive {
                local: a,
                remote: b,
                peer,
            },
        ]);
        let mut down = |outer, from| at_mag(&mut mag, Arrival::Tunnel(outer), from, a);
        assert_eq!(down(lma, c), Verdict::Deliver(link(1), false));
        assert_eq!(down(peer, b), Verdict::Deliver(link(1), true));
        assert_eq!(down(peer, c), Verdict::Drop(Loss::TunnelSource));
        assert_eq!(
            down(ip("2001:db8::c"), b),
            Verdict::Drop(Loss::TunnelSource)
        );
    }

    #[test]
    fn an_lma_checks_the_proxy_coa_and_drops_for_the_suspended() {
        let (a, b) = (net("2001:db8:1::/64"), net("2001:db8:2::/64"));
        let (mag1, mag2) = (ip("2001:db8::1"), ip("2001:db8::2"));
        let mut lma = table(&[
            Entry::Bind {
                home: a,
                proxy_coa: mag1,
            },
            Entry::Bind {
                home: b,
                proxy_coa: mag2,
            },
        ]);
        assert_eq!(
            at_lma(&lma, Arrival::Tunnel(mag1), a, b),
            Verdict::Anchor(mag2)
        );
        assert_eq!(
            at_lma(&lma, Arrival::Tunnel(mag2), a, b),
            Verdict::Drop(Loss::NotItsProxyCoa)
        );
        lma.apply(&Entry::Suspend { home: b }).unwrap();
        assert_eq!(
            at_lma(&lma, Arrival::Tunnel(mag1), a, b),
            Verdict::Drop(Loss::Suspended)
        );
        assert_eq!(
            at_lma(&lma, Arrival::Network, b, net("2001:db8:9::/64")),
            Verdict::Drop(Loss::NotBound)
        );
    }

    #[test]
    fn a_packet_that_comes_by_again_in_the_same_way_has_looped() {
        let (a, b) = (net("2001:db8:1::/64"), net("2001:db8:2::/64"));
        let mut packet = Packet::new(0, 1, a, b);
        let tunnel = Arrival::Tunnel(ip("2001:db8::b"));
        assert!(packet.visit(1, Arrival::Access(link(1))));
        assert!(packet.visit(2, tunnel));
        assert!(
            packet.visit(1, tunnel),
            "MAG, LMA and the same MAG again is no loop"
        );
        assert!(!packet.visit(2, tunnel));
    }
}
