//! The MN's IPv4 default router, which is the MAG itself (RFC 5844 section 3.3.3): it answers its ping (RFC 1122
//! section 3.2.2.6), and speaks nothing else but DHCP.

use std::time::Duration;

use smoltcp::wire::{DHCP_SERVER_PORT, IpProtocol};

use super::super::frame::{ETHERTYPE_IPV4, Envelope};
use super::super::ipv4::{build_ipv4, echo_reply, ipv4};
use super::super::{Action, Net};
use super::{Ipv4Links, Refused};

/// What an IPv4 packet of an MN to the box itself is, by protocol and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Dhcp,
    Icmp,
    /// Nothing that a default router speaks.
    Other,
}

/// See [`Spoken`]; what is cut off is DHCP, which says what is wrong with it.
pub(super) fn spoken(packet: &[u8]) -> Spoken {
    let header = packet
        .first()
        .map_or(0, |first| usize::from(first & 15) * 4);
    let port = packet.get(header + 2..header + 4);
    match packet.get(9).map(|protocol| IpProtocol::from(*protocol)) {
        Some(IpProtocol::Icmp) => Spoken::Icmp,
        Some(IpProtocol::Udp) if port.is_none_or(|port| port == DHCP_SERVER_PORT.to_be_bytes()) => {
            Spoken::Dhcp
        }
        Some(_) => Spoken::Other,
        None => Spoken::Dhcp,
    }
}

impl Ipv4Links {
    /// The IPv4 packet that answers an Echo Request of the link's MN to its default router; none where it is
    /// another ICMP message.
    fn echo(
        &mut self,
        now: Duration,
        envelope: &Envelope,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Refused> {
        let (header, message) = ipv4(payload).ok_or(Refused::Malformed)?;
        let (_, served) = self.served(now, envelope)?;
        let (ours, theirs) = (served.service.default_router, served.service.address);
        if (header.src_addr, header.dst_addr) != (theirs, ours) {
            return Err(Refused::ForeignSender);
        }
        let Some(reply) = echo_reply(message) else {
            return Ok(None);
        };
        if !served.rate.take(now) {
            return Err(Refused::RateLimit);
        }
        Ok(build_ipv4(ours, theirs, IpProtocol::Icmp, &reply))
    }
}

impl Net {
    /// ICMP from an access link to the box itself.
    pub(super) fn receive_access_icmp(
        &mut self,
        now: Duration,
        envelope: Envelope,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) {
        let counters = &mut self.counters;
        match self.ipv4_links.echo(now, &envelope, payload) {
            Ok(Some(packet)) => {
                counters.rx_echo_request += 1;
                counters.tx_echo_reply += 1;
                self.answer_ipv4(envelope, ETHERTYPE_IPV4, &packet, out);
            }
            Ok(None) => counters.rx_ignored += 1,
            Err(Refused::RateLimit) => counters.drop_access_rate += 1,
            Err(Refused::Malformed) => counters.drop_malformed += 1,
            Err(_) => counters.drop_not_ours += 1,
        }
    }
}
