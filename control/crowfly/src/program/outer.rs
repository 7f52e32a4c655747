//! The outer header of a tunnel, by how its peer is reached (RFC 2473, RFC 4213, RFC 5844 section 4,
//! RFC 5555 section 4.1).

use std::net::IpAddr;

use dataplane::{Encapsulation, GreKeys};
use pmipv6::io::Via;

/// UDP port of data over IPv4 where it is forced into UDP (RFC 5844 section 4.1.3).
const DATA_PORT: u16 = 5437;
/// UDP port of data and signalling where there is a NAT (RFC 5555 section 4.1).
const NAT_PORT: u16 = 4191;
/// Octets of an IPv6 header.
const IPV6_BYTES: u16 = 40;
/// Octets of an IPv4 header.
const IPV4_BYTES: u16 = 20;
/// Octets of a UDP header.
const UDP_BYTES: u16 = 8;

/// Octets of a GRE header (RFC 2784), and of its key (RFC 2890).
const GRE_BYTES: u16 = 4;
const GRE_KEY_BYTES: u16 = 4;
/// Octets of the Destination Options header that a tunnel encapsulation limit is in (RFC 2473 section 4.1.1).
const LIMIT_BYTES: u16 = 8;
/// Octets of a TLV header, in front of GRE in UDP (RFC 5845 section 7).
const TLV_BYTES: u16 = 4;

/// Most octets that a tunnel over a way of plain IPv6 adds, which is most of all, with or without GRE keys and an
/// encapsulation limit.
pub(crate) const fn most_overhead_bytes(gre: bool, limit: bool) -> u16 {
    let gre = if gre { GRE_BYTES + GRE_KEY_BYTES } else { 0 };
    let limit = if limit { LIMIT_BYTES } else { 0 };
    IPV6_BYTES + gre + limit
}

/// Everything outside the packet that a tunnel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outer {
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) encapsulation: Encapsulation,
    /// Octets that it adds.
    pub(super) overhead_bytes: u16,
}

impl Outer {
    /// The outer header to `peer`; over IPv6 it is named by its address, and we by `own`.
    pub(super) fn new(own: IpAddr, peer: IpAddr, via: Via) -> Self {
        let udp = |local_port, remote_port| Encapsulation::Udp {
            local_port,
            remote_port,
        };
        match via {
            Via::Ipv6 => Self {
                local: own,
                remote: peer,
                encapsulation: Encapsulation::Ip,
                overhead_bytes: IPV6_BYTES,
            },
            Via::Ipv4 {
                local,
                remote,
                udp_data: false,
            } => Self {
                local: local.into(),
                remote: (*remote.ip()).into(),
                encapsulation: Encapsulation::Ip,
                overhead_bytes: IPV4_BYTES,
            },
            Via::Ipv4 { local, remote, .. } => Self {
                local: local.into(),
                remote: (*remote.ip()).into(),
                encapsulation: udp(DATA_PORT, DATA_PORT),
                overhead_bytes: IPV4_BYTES + UDP_BYTES,
            },
            Via::Nat { local, remote } => Self {
                local: local.into(),
                remote: (*remote.ip()).into(),
                encapsulation: udp(NAT_PORT, remote.port()),
                overhead_bytes: IPV4_BYTES + UDP_BYTES,
            },
        }
    }

    /// The same with GRE behind it, if any.
    pub(super) fn with_gre(mut self, gre: Option<GreKeys>) -> Self {
        if let Some(keys) = gre {
            let key = keys.send.map_or(0, |_| GRE_KEY_BYTES);
            let tlv = match self.encapsulation {
                Encapsulation::Ip => 0,
                Encapsulation::Udp { .. } => TLV_BYTES,
            };
            self.overhead_bytes += tlv + GRE_BYTES + key;
        }
        self
    }

    /// The same with a tunnel encapsulation limit, for which there is a place over IPv6 alone.
    pub(super) fn with_limit(mut self, limit: bool) -> Self {
        if limit && self.remote.is_ipv6() {
            self.overhead_bytes += LIMIT_BYTES;
        }
        self
    }
}
