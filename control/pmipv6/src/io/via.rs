//! How peers are reached, and how their messages are protected.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

/// How a message reached us (RFC 4301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// In the clear.
    None,
    /// Inside ESP of a security association that belongs to the message's source.
    Esp,
}

/// How a peer is reached: its signalling, and the tunnel beside it. The engine names a peer by its IPv6
/// address everywhere (RFC 6279 section 3.3); what is under way between the two is told by
/// [`Entry::Reach`](super::Entry::Reach), and is [`Via::Ipv6`] until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Via {
    /// IPv6: the Mobility Header is the payload, tunnels are IP-in-IPv6.
    #[default]
    Ipv6,
    /// IPv4 without a NAT (RFC 5844 section 4): signalling in UDP port 5436, tunnels IP-in-IPv4.
    Ipv4 {
        /// Our address on this leg (L-64).
        local: Ipv4Addr,
        /// The peer's address, and the UDP port that it sends its signalling from.
        remote: SocketAddrV4,
        /// Data goes in UDP port 5437 (RFC 5844 section 4.1.3: the F flag).
        udp_data: bool,
    },
    /// IPv4 with a NAT on the way (RFC 5555 section 4.1): UDP port 4191 carries the IPv6 packets of the
    /// signalling and the packets of the tunnel, on one port pair.
    Nat {
        /// Our address on this leg.
        local: Ipv4Addr,
        /// The peer's address and port as they are seen here, after the NAT.
        remote: SocketAddrV4,
    },
}
