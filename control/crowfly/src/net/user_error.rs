//! ICMP errors about user packets of IPv4, and about those from tunnels that are not IPv6 in IPv6: they go
//! back by their destination, into whatever tunnel leads there (RFC 2473 section 8, RFC 1812 section 4.3.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dataplane::IcmpError as UserError;

use super::frame::open;
use super::icmp::IcmpError;
use super::tunnel_error::{answer_ipv4, answer_ipv6, inner_at};
use super::{Action, Net};

/// Next header of an IPv6 packet in a tunnel.
const IPV6: u8 = 41;

impl Net {
    /// A user packet, as received, that needs an ICMP error from the box. False, and nothing is done, when it
    /// is an IPv6 packet that came as it is, or in an IPv6 packet.
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
        // A MAG's anchor would refuse what is no home's.
        let allowed = at == 0 || self.config.answer_into_tunnels;
        let own = self.config.ports.iter().flat_map(|port| &port.addresses);
        let own = own.map(|own| own.addr()).next();
        match answer(error, &ip[at..], own).filter(|_| allowed) {
            Some(packet) => self.send_by_destination(now, &packet, out),
            None => self.counters.drop_icmp_forbidden += 1,
        }
        true
    }

    /// Where the user packet begins; none where that is not for here.
    fn user_packet_at(&self, ip: &[u8]) -> Option<usize> {
        let destination: IpAddr = if ip.first()? >> 4 == 4 {
            Ipv4Addr::from(*ip.get(16..)?.first_chunk::<4>()?).into()
        } else {
            Ipv6Addr::from(*ip.get(24..)?.first_chunk::<16>()?).into()
        };
        let mut ports = self.config.ports.iter();
        let is_own = ports.any(|port| match destination {
            IpAddr::V4(address) => port.addresses4.iter().any(|own| own.addr() == address),
            IpAddr::V6(address) => port.addresses.iter().any(|own| own.addr() == address),
        });
        match (is_own, destination) {
            (false, IpAddr::V4(_)) => Some(0),
            (false, IpAddr::V6(_)) => None,
            (true, IpAddr::V6(_)) if ip[6] == IPV6 => None,
            (true, _) => {
                let (_, at) = inner_at(ip)?;
                (at < ip.len()).then_some(at)
            }
        }
    }
}

/// The ICMP error for a user packet of either family.
fn answer(error: UserError, packet: &[u8], own: Option<Ipv6Addr>) -> Option<Vec<u8>> {
    if packet.first()? >> 4 == 4 {
        let (kind, mtu_bytes) = match error {
            UserError::TooBig { mtu_bytes } => ([3, 4], mtu_bytes),
            UserError::HopLimit => ([11, 0], 0),
            UserError::Unreachable => ([3, 1], 0),
            UserError::EncapsulationLimit { .. } => return None,
        };
        return answer_ipv4(kind, mtu_bytes, packet);
    }
    let error = match error {
        UserError::TooBig { mtu_bytes } => IcmpError::packet_too_big(u32::from(mtu_bytes)),
        UserError::HopLimit => IcmpError::hop_limit(),
        UserError::Unreachable => IcmpError::unreachable(),
        UserError::EncapsulationLimit { pointer } => {
            IcmpError::parameter_problem(u32::from(pointer))
        }
    };
    answer_ipv6(error, packet, own?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

    #[test]
    fn each_error_has_its_type_and_code_in_either_family() {
        let mut ipv4 = vec![0x45, 0, 0, 28, 0, 0, 0x40, 0, 1, 17, 0, 0];
        ipv4.extend([10, 0, 0, 1, 192, 0, 2, 1, 0, 9, 0, 7, 0, 8, 0, 0]);
        let mut ipv6 = vec![0x60, 0, 0, 0, 0, 0, 59, 1, 0x20, 1, 0xd, 0xb8];
        ipv6.resize(40, 1);
        let too_big = UserError::TooBig { mtu_bytes: 1460 };
        for (error, wanted, wanted_ipv6) in [
            (too_big, Some([3, 4, 0x05, 0xb4]), [2, 0, 0x05, 0xb4]),
            (UserError::HopLimit, Some([11, 0, 0, 0]), [3, 0, 0, 0]),
            (UserError::Unreachable, Some([3, 1, 0, 0]), [1, 3, 0, 0]),
            (
                UserError::EncapsulationLimit { pointer: 44 },
                None,
                [4, 0, 0, 44],
            ),
        ] {
            let octets = |packet: Vec<u8>, at: usize| {
                [packet[at], packet[at + 1], packet[at + 6], packet[at + 7]]
            };
            let made = answer(error, &ipv4, Some(OWN)).map(|packet| octets(packet, 20));
            assert_eq!(made, wanted);
            let made = answer(error, &ipv6, Some(OWN)).map(|packet| octets(packet, 40));
            assert_eq!(made, Some(wanted_ipv6));
            assert_eq!(answer(error, &ipv6, None), None);
        }
    }
}
