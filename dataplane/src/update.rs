//! What control tells a worker: one [`Update`] is one change, applied whole or not at all.
//!
//! Updates are plain `Copy` values, so a worker neither allocates nor frees when it applies one. The
//! caller keeps the order: a tunnel or link is set before an entry points to its slot, and cleared after
//! the last one that did (rule 3 of the house: a packet is moved by a complete entry or by none).

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use ipnet::IpNet;

/// An update with its number; numbers rise by one from 1.
#[derive(Debug, Clone, Copy)]
pub struct Numbered {
    /// Published as "applied" once every earlier update has been applied too.
    pub number: u64,
    /// The change.
    pub update: Update,
}

/// Index of a tunnel, chosen by control, below `WorkerConfig::tunnels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TunnelSlot(pub u32);

/// Index of an access link, chosen by control, below `WorkerConfig::links`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkSlot(pub u32);

/// Index of a path's packet and byte counters, chosen by control, below `WorkerConfig::paths`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathSlot(pub u32);

/// A realm: an address space of its own for IPv4 homes, so that two of different realms may be the same. Which
/// realm a packet is of, its tunnel's GRE key says, or its port (RFC 5845 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(NonZeroU16);

impl Realm {
    /// Highest number of a realm.
    pub const MAX: u16 = 4_095;

    /// The realm of a number from 1 to [`Self::MAX`]; none for any other.
    #[must_use]
    #[inline]
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) if number.get() <= Self::MAX => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

/// One change of a worker's state. Setting what is there replaces it in one step.
#[derive(Debug, Clone, Copy)]
pub enum Update {
    /// Set a tunnel.
    Tunnel {
        /// Slot.
        slot: TunnelSlot,
        /// What it is.
        tunnel: TunnelSpec,
    },
    /// Clear a tunnel that nothing points to.
    TunnelClear {
        /// Slot.
        slot: TunnelSlot,
    },
    /// Set an access link.
    Link {
        /// Slot.
        slot: LinkSlot,
        /// What it is.
        link: LinkSpec,
    },
    /// Clear a link that nothing points to.
    LinkClear {
        /// Slot.
        slot: LinkSlot,
    },
    /// Set what happens to traffic from and to a home.
    Home {
        /// An HNP, or an IPv4 home address as a /32.
        home: IpNet,
        /// What happens.
        action: HomeAction,
    },
    /// Forget a home.
    HomeClear {
        /// An HNP, or an IPv4 home address as a /32.
        home: IpNet,
    },
    /// Set what happens to traffic from and to an IPv4 home of a realm. No pair is ever looked up for it.
    RealmHome {
        /// Its realm.
        realm: Realm,
        /// The address.
        address: Ipv4Addr,
        /// What happens.
        action: HomeAction,
    },
    /// Forget an IPv4 home of a realm.
    RealmHomeClear {
        /// Its realm.
        realm: Realm,
        /// The address.
        address: Ipv4Addr,
    },
    /// IPv4 packets out of this tunnel are of a realm, or of none; clearing the tunnel forgets it. Said before
    /// anything of the realm points to the tunnel.
    TunnelRealm {
        /// Slot, set or not yet set.
        slot: TunnelSlot,
        /// The realm.
        realm: Option<Realm>,
    },
    /// LMA: the next hop of a realm's own network.
    RealmNetwork {
        /// The realm.
        realm: Realm,
        /// Port and link-layer addresses; none while the neighbour is not resolved.
        next_hop: Option<NextHop>,
    },
    /// Set what happens to packets from one home to another, in that direction.
    Pair {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// What happens.
        action: PairAction,
        /// Where its packets are counted.
        path: PathSlot,
    },
    /// Forget a pair.
    PairClear {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
    },
    /// LMA: the next hop towards the network.
    NetworkNextHop {
        /// Port and link-layer addresses; none while the neighbour is not resolved.
        next_hop: Option<NextHop>,
    },
    /// Nothing; its number can be waited for.
    Fence,
}

/// What stands between the outer IP header and what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encapsulation {
    /// Nothing: IPv6- and IPv4-in-IPv6 (RFC 2473), IPv6-in-IPv4 (RFC 4213) and IPv4-in-IPv4 (RFC 2003), by
    /// the family of the tunnel's addresses.
    #[default]
    Ip,
    /// UDP, over IPv4 only (RFC 5844 section 4.1.3, RFC 5555 section 4.1). Other local ports than 5437 and
    /// 4191 are refused: nothing is received there.
    Udp {
        /// Ours: 5437, or 4191 where a NAT is on the way.
        local_port: u16,
        /// The peer's, as it is seen here: 5437, or what the NAT made of it.
        remote_port: u16,
    },
}

/// Keys of a GRE tunnel (RFC 2890), each chosen by the one that receives with it (RFC 5845).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GreKeys {
    /// In what we send; none: without a key.
    pub send: Option<u32>,
    /// In what we accept; none: without a key.
    pub receive: Option<u32>,
}

/// A tunnel: a prepared header, and who may send to us through it. Setting its slot again rebinds it in one
/// step, for instance to the port that a NAT gives the peer now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelSpec {
    /// Outer source: our address.
    pub local: IpAddr,
    /// Outer destination, and the only outer source accepted from the tunnel; of the family of `local`.
    pub remote: IpAddr,
    /// What follows the outer IP header.
    pub encapsulation: Encapsulation,
    /// GRE (RFC 2784), directly over IP or, over UDP, behind a TLV header (RFC 5845 section 7); a packet
    /// is taken from this tunnel only if it comes as one is sent, with the key to be received.
    pub gre: Option<GreKeys>,
    /// Tunnel encapsulation limit put in front of every packet, over IPv6 only (RFC 2473 section 4.1.1).
    /// One found in the packet itself goes before it, whatever stands here.
    pub encapsulation_limit: Option<u8>,
    /// Outer hop limit or TTL.
    pub hop_limit: u8,
    /// Largest inner packet, octets: the path's MTU less all that this tunnel adds (RFC 2473 section 7,
    /// RFC 4213 section 3.2.1).
    pub mtu_bytes: u16,
    /// Where it leaves; none while the neighbour is not resolved: packets are dropped and counted.
    pub next_hop: Option<NextHop>,
}

/// An Ethernet next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextHop {
    /// DPDK port number.
    pub port: u16,
    /// Our link-layer address there.
    pub source_mac: [u8; 6],
    /// The neighbour's.
    pub destination_mac: [u8; 6],
}

/// An access link (point-to-point: one MN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSpec {
    /// DPDK port number.
    pub port: u16,
    /// 802.1Q VLAN identifier.
    pub vlan: Option<u16>,
    /// Our link-layer address: the domain's fixed one (RFC 6543).
    pub source_mac: [u8; 6],
    /// The MN's; also the only source accepted on the link.
    pub mn_mac: [u8; 6],
    /// Largest IP packet on the link, octets.
    pub mtu_bytes: u16,
    /// The MN's IPv4 default router, which is the node itself: packets to it are punted (RFC 5844 section 3.3.3).
    pub router: Option<Ipv4Addr>,
}

/// What happens to traffic from and to a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeAction {
    /// MAG: attached here. From `link` only; up into `lma` unless a pair says otherwise; down from `lma`
    /// or from a tunnel that a pair allows.
    Attached {
        /// Access link.
        link: LinkSlot,
        /// Tunnel to the anchor.
        lma: TunnelSlot,
    },
    /// LMA: anchored here, at present behind this tunnel.
    Anchored {
        /// Tunnel to the MAG.
        mag: TunnelSlot,
    },
    /// LMA: anchored here, but its traffic is dropped and counted.
    Suspended,
    /// LMA: anchored at a peer LMA; forwarded to the network, but reported when an own home talks to it.
    PeerAnchored,
}

/// What happens to packets of a (source, destination) pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairAction {
    /// MAG: from the access link into this tunnel instead of the anchor's.
    Send {
        /// Tunnel to the other MAG.
        tunnel: TunnelSlot,
    },
    /// MAG: accepted from this tunnel, beside the anchor's, and delivered to the destination's link.
    Receive {
        /// Tunnel of the other MAG.
        tunnel: TunnelSlot,
    },
    /// MAG: both ends attached here; from link to link.
    Local,
    /// MAG: the destination has left, and the other MAG may not know yet: what still comes out of
    /// `arrived` goes into `tunnel` (HL-34).
    HandBack {
        /// Tunnel of the other MAG.
        arrived: TunnelSlot,
        /// Tunnel to the destination's anchor.
        tunnel: TunnelSlot,
    },
    /// LMA: accepted from this tunnel too, although the source is not behind it, and forwarded to where
    /// the destination is now, but never back into this tunnel (HL-34).
    HandBackAccept {
        /// Tunnel of the destination's previous MAG.
        tunnel: TunnelSlot,
    },
}

/// An address of the box itself: what is addressed to it is a tunnel packet or is punted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress {
    /// DPDK port number.
    pub port: u16,
    /// Address.
    pub address: IpAddr,
}
