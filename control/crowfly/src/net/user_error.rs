//! ICMP errors about user packets of IPv4, and about those from tunnels: they go back by their destination, into
//! whatever tunnel leads there (RFC 2473 section 8, RFC 1812 section 4.3.2).
//!
//! A gateway's go through its anchor, or another gateway, and those take nothing from it that is no home's (RFC 5213
//! section 5.6.2, L-75). So the error about a packet to a mobile node comes from the router of its link, by an
//! address that is within the home: the Subnet-Router anycast address of the prefix (RFC 4291 section 2.6.1). An IPv4
//! home is one address alone, and the gateway speaks in its name.
//!
//! ```text
//!   IPv6 to a home ─▶ Action::Undelivered ─▶ which home is it of? ─▶ undelivered ─▶ by its destination
//! ```

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dataplane::IcmpError as UserError;
use ipnet::IpNet;

use super::frame::{IPV6_LEN, open};
use super::icmp::IcmpError;
use super::ipv4::IPV4_LEN;
use super::tunnel_error::{DUMMY_ADDRESS, answer_ipv4, answer_ipv6, inner_at};
use super::{Action, Net};

/// Next header of an IPv6 packet in a tunnel.
const IPV6: u8 = 41;
/// No ICMP error quotes more.
const MAX_QUOTED_BYTES: usize = 1280;

/// An IPv6 packet out of a tunnel that did not go on to the home where its destination is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Its destination.
    pub destination: Ipv6Addr,
    /// As much of it as an error quotes.
    packet: Vec<u8>,
    error: UserError,
}

impl Net {
    /// A user packet, as received, that needs an ICMP error from the box. False, and nothing is done, when it
    /// is an IPv6 packet that came as it is, or at an LMA in an IPv6 packet.
    pub fn other_user_error(
        &mut self,
        now: Duration,
        port: u16,
        frame: &[u8],
        error: UserError,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some((_, _, ip)) = open(port, frame) else {
            return false;
        };
        let Some(at) = self.user_packet_at(ip) else {
            return false;
        };
        if at > 0 && !self.config.answer_into_tunnels {
            self.not_delivered(now, error, &ip[at..], out);
            return true;
        }
        let own = self.config.ports.iter().flat_map(|port| &port.addresses);
        let own = own.map(|own| own.addr()).next();
        let sources = Sources {
            ipv6: own,
            ipv4: DUMMY_ADDRESS,
        };
        self.send_answer(now, answer(error, &ip[at..], sources), out);
        true
    }

    /// A gateway's: what is too big for the link of its destination, or has no hop left.
    fn not_delivered(
        &mut self,
        now: Duration,
        error: UserError,
        packet: &[u8],
        out: &mut Vec<Action>,
    ) {
        let from_home = matches!(error, UserError::TooBig { .. } | UserError::HopLimit);
        match destination(packet).filter(|_| from_home) {
            Some(IpAddr::V4(home)) => {
                let sources = Sources {
                    ipv6: None,
                    ipv4: home,
                };
                self.send_answer(now, answer(error, packet, sources), out);
            }
            Some(IpAddr::V6(destination)) => out.push(Action::Undelivered(Undelivered {
                destination,
                packet: packet[..packet.len().min(MAX_QUOTED_BYTES)].to_vec(),
                error,
            })),
            // Nobody is there to speak for.
            None => self.counters.drop_icmp_forbidden += 1,
        }
    }

    /// Tells the source of a packet that was for a home, if that is still attached here.
    pub fn undelivered(
        &mut self,
        now: Duration,
        home: Option<IpNet>,
        undelivered: &Undelivered,
        out: &mut Vec<Action>,
    ) {
        let Undelivered { packet, error, .. } = undelivered;
        let router = match home {
            Some(IpNet::V6(prefix)) => Some(prefix.network()),
            Some(IpNet::V4(_)) | None => None,
        };
        let sources = Sources {
            ipv6: router,
            ipv4: DUMMY_ADDRESS,
        };
        self.send_answer(now, answer(*error, packet, sources), out);
    }

    fn send_answer(&mut self, now: Duration, answer: Option<Vec<u8>>, out: &mut Vec<Action>) {
        match answer {
            Some(packet) => self.send_by_destination(now, &packet, out),
            None => self.counters.drop_icmp_forbidden += 1,
        }
    }

    /// Where the user packet begins; none where that is not for here.
    fn user_packet_at(&self, ip: &[u8]) -> Option<usize> {
        let destination = destination(ip)?;
        let mut ports = self.config.ports.iter();
        let is_own = ports.any(|port| match destination {
            IpAddr::V4(address) => port.addresses4.iter().any(|own| own.addr() == address),
            IpAddr::V6(address) => port.addresses.iter().any(|own| own.addr() == address),
        });
        match (is_own, destination) {
            (false, IpAddr::V4(_)) => Some(0),
            (false, IpAddr::V6(_)) => None,
            (true, IpAddr::V6(_)) if ip[6] == IPV6 && self.config.answer_into_tunnels => None,
            (true, _) => {
                let (_, at) = inner_at(ip)?;
                (at < ip.len()).then_some(at)
            }
        }
    }
}

/// Where errors of either family come from.
#[derive(Debug, Clone, Copy)]
struct Sources {
    ipv6: Option<Ipv6Addr>,
    ipv4: Ipv4Addr,
}

/// Destination of an IP packet of which the beginning is there.
fn destination(ip: &[u8]) -> Option<IpAddr> {
    if ip.first()? >> 4 == 4 {
        let header = ip.first_chunk::<IPV4_LEN>()?;
        return Some(Ipv4Addr::from(*header.last_chunk::<4>()?).into());
    }
    let header = ip.first_chunk::<IPV6_LEN>()?;
    Some(Ipv6Addr::from(*header.last_chunk::<16>()?).into())
}

/// The ICMP error for a user packet of either family.
fn answer(error: UserError, packet: &[u8], sources: Sources) -> Option<Vec<u8>> {
    if packet.first()? >> 4 == 4 {
        let (kind, mtu_bytes) = match error {
            UserError::TooBig { mtu_bytes } => ([3, 4], mtu_bytes),
            UserError::HopLimit => ([11, 0], 0),
            UserError::Unreachable => ([3, 1], 0),
            UserError::EncapsulationLimit { .. } => return None,
        };
        return answer_ipv4(sources.ipv4, kind, mtu_bytes, packet);
    }
    let error = match error {
        UserError::TooBig { mtu_bytes } => IcmpError::packet_too_big(u32::from(mtu_bytes)),
        UserError::HopLimit => IcmpError::hop_limit(),
        UserError::Unreachable => IcmpError::unreachable(),
        UserError::EncapsulationLimit { pointer } => {
            IcmpError::parameter_problem(u32::from(pointer))
        }
    };
    answer_ipv6(error, packet, sources.ipv6?)
}
