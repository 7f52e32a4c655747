//! What the box itself sends: Mobility Headers and ESP in IPv6, ICMPv6, and the way of any packet to its neighbour.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use pmipv6::io::Via;
use smoltcp::wire::IpProtocol;

use super::frame::{self, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Envelope, IPV6_LEN, build_ipv6, close};
use super::icmp::IcmpError;
use super::transport4::esp_over_ipv4;
use super::{Action, ESP, HOP_LIMIT, MOBILITY_HEADER, Net};

impl Net {
    /// Sends a Mobility Header from one of our addresses.
    pub fn send_mobility_header(
        &mut self,
        now: Duration,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let protocol = IpProtocol::from(MOBILITY_HEADER);
        if self.send_ipv6(now, source, destination, protocol, octets, out) {
            self.counters.tx_mobility_header += 1;
        }
    }

    /// Sends an ESP packet, from its ESP header on, from one of our addresses: in IPv6, in IPv4, or in an
    /// IPv6 packet of these addresses in UDP port 4191.
    pub fn send_esp(
        &mut self,
        now: Duration,
        via: Via,
        (source, destination): (IpAddr, IpAddr),
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let protocol = IpProtocol::from(ESP);
        let sent = match (via, source, destination) {
            (Via::Ipv6, IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.send_ipv6(now, source, destination, protocol, octets, out)
            }
            _ => {
                let packet = esp_over_ipv4(via, (source, destination), octets);
                self.send_ipv4(now, packet, out)
            }
        };
        if sent {
            self.counters.tx_esp += 1;
        }
    }

    /// ICMPv6 Parameter Problem, code 0, about the Mobility Header handed out last (RFC 6275
    /// section 9.2); `pointer` counts from its start.
    pub fn parameter_problem(
        &mut self,
        now: Duration,
        destination: Ipv6Addr,
        pointer: u32,
        out: &mut Vec<Action>,
    ) {
        let Some((envelope, packet)) = self.last_signalling.take() else {
            return;
        };
        let Some((repr, _)) = frame::ipv6(&packet) else {
            return;
        };
        if repr.src_addr == destination {
            let error = IcmpError::parameter_problem(IPV6_LEN as u32 + pointer);
            self.send_error(now, envelope, repr.dst_addr, error, &packet, out);
        }
    }

    /// Sends an IPv6 packet to where its destination is reached; false when it was dropped at once.
    pub(super) fn send_ipv6(
        &mut self,
        now: Duration,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: IpProtocol,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) -> bool {
        match build_ipv6(source, destination, protocol, HOP_LIMIT, payload) {
            Some(packet) => self.send_packet(now, destination.into(), packet, out),
            None => {
                self.counters.drop_too_long += 1;
                false
            }
        }
    }

    /// Sends an IP packet to where its destination is reached; false when it was dropped at once.
    pub(super) fn send_packet(
        &mut self,
        now: Duration,
        destination: IpAddr,
        packet: Vec<u8>,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(key) = self.route(destination) else {
            self.counters.drop_no_route += 1;
            return false;
        };
        let mtu = self
            .port(key.0)
            .map_or(0, |port| usize::from(port.mtu_bytes));
        if packet.len() > mtu {
            self.counters.drop_too_long += 1;
            return false;
        }
        let mut effects = Vec::new();
        self.neighbours.send(now, key, packet, &mut effects);
        self.carry_out(effects, out);
        true
    }
}

pub(super) fn transmit(envelope: Envelope, packet: &[u8], out: &mut Vec<Action>) {
    let ethertype = match packet.first() {
        Some(first) if first >> 4 == 4 => ETHERTYPE_IPV4,
        _ => ETHERTYPE_IPV6,
    };
    let frame = close(envelope, ethertype, packet);
    out.push(Action::Transmit {
        port: envelope.port,
        frame,
    });
}

pub(super) fn transmit_icmpv6(
    envelope: Envelope,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    message: &[u8],
    out: &mut Vec<Action>,
) {
    if let Some(packet) = build_ipv6(source, destination, IpProtocol::Icmpv6, hop_limit, message) {
        transmit(envelope, &packet, out);
    }
}
