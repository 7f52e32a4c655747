//! What a worker tells control: mbufs that are not user traffic, and facts.

use std::net::IpAddr;

use dpdk::Mbuf;

use crate::update::Realm;

/// A packet for the control thread, whole, as received.
#[derive(Debug)]
pub struct Punt<B = Mbuf> {
    /// The frame, from its Ethernet header.
    pub mbuf: B,
    /// Port it came from.
    pub port: u16,
    /// Why it is not user traffic.
    pub reason: PuntReason,
    /// For an ICMP error: the realm of the packet, which the error is to be sent in ([`by_destination`]).
    pub realm: Option<Realm>,
}

/// A packet from the control thread, whole, from its Ethernet header.
#[derive(Debug)]
pub struct Inject<B = Mbuf> {
    /// The frame.
    pub mbuf: B,
    /// Port to send it on, or [`BY_DESTINATION`], or [`by_destination`] in a realm.
    pub port: u16,
}

/// Instead of a port: the IP packet in the frame goes where one to its destination goes, as if the node were
/// a router in front of itself. To the link of an attached home, into the tunnel of an anchored one in
/// whatever form that has, or to the network; one hop is counted. The frame's addresses mean nothing. So an
/// ICMP error about a user packet finds its way back to where that came from.
pub const BY_DESTINATION: u16 = u16::MAX;

/// [`BY_DESTINATION`] among the homes of a realm, and on its network.
#[must_use]
pub const fn by_destination(realm: Option<Realm>) -> u16 {
    match realm {
        Some(realm) => BY_DESTINATION - realm.number(),
        None => BY_DESTINATION,
    }
}

/// Whether a packet of control's goes by its destination, and in which realm.
pub(crate) const fn goes_by_destination(port: u16) -> Option<Option<Realm>> {
    let number = BY_DESTINATION - port;
    match number {
        0 => Some(None),
        1..=Realm::MAX => Some(Realm::new(number)),
        _ => None,
    }
}

/// Why a packet goes to control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PuntReason {
    /// Neighbour Discovery, MLD or ARP on any port.
    Neighbour,
    /// To an own address, next header 135 or 50 (or UDP 5436, 4191).
    Signalling,
    /// DHCPv4 to a server, from an access link, wherever it is addressed (RFC 5844 section 3.4). Whether
    /// its source may speak there is control's to check.
    Dhcp,
    /// To an own address, anything else that is not a tunnel packet.
    Local,
    /// ICMP error, of either version, that quotes a packet which we put into a tunnel: to be told to the
    /// source of what was in it (RFC 2473 section 8). Nothing is checked but that the quoted source is ours.
    TunnelError,
    /// User packet that was dropped and needs an ICMP error from the box: the error is control's to build.
    /// The frame is as received: from a tunnel, it still has its outer header.
    IcmpError(IcmpError),
}

/// Which ICMP error a user packet needs. The punted frame is the packet as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpError {
    /// ICMPv6 type 2 / ICMPv4 3/4 with this MTU.
    TooBig {
        /// Octets.
        mtu_bytes: u16,
    },
    /// ICMPv6 3/0 / ICMPv4 11/0.
    HopLimit,
    /// ICMPv6 1/3: the destination is not attached (RFC 2473 section 8).
    Unreachable,
    /// ICMPv6 4/0: the packet may not be put into another tunnel (RFC 2473 section 4.1.1).
    EncapsulationLimit {
        /// Of the limit, octets from the start of the user packet.
        pointer: u16,
    },
}

/// A fact, small and `Copy`; when the ring is full it is counted and dropped, because the next packet
/// raises it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Packets from one mobile address to another pass through this node without a path.
    PairTalks {
        /// Source address.
        source: IpAddr,
        /// Destination address.
        destination: IpAddr,
        /// The realm of both, which are IPv4 then.
        realm: Option<Realm>,
        /// Packets since the last report of the pair.
        packets: u32,
    },
    /// A tunnel has packets but no next hop.
    TunnelUnresolved {
        /// Its remote address.
        remote: IpAddr,
    },
    /// A table is full: an update was not applied (its number still counts as applied).
    TableFull {
        /// `home`, `pair`.
        table: &'static str,
        /// Number of the update.
        number: u64,
    },
}
