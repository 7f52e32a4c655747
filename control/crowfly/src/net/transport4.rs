//! IPv4 on transport and network ports: ARP, echo, and the ways of Mobility Headers over IPv4.
//!
//! Read first: RFC 826 (ARP), RFC 5844 sections 4.1.3.2 and 4.2.2.1 (a bare Mobility Header in UDP port 5436,
//! its own checksum zero, UDP's mandatory) and figures 11 and 13 (the same in ESP), RFC 5555 section 4.1 (an IPv6
//! packet in UDP port 4191).
//!
//! ```text
//!   ARP ─────▶ neighbour cache, the one of Neighbour Discovery
//!   ICMPv4 ──▶ echo
//!   UDP 5436 ──▶ first nibble 3: Mobility Header      (Via::Ipv4)
//!   UDP 4191 ──▶ first nibble 6: IPv6 ──▶ its header, or ESP  (Via::Nat)
//!   ESP ───────▶ opened elsewhere ──▶ UDP 5436        (Via::Ipv4)
//!   UDP 67 ──▶ a DHCP server's answer to the relay agent (access4)
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use pmipv6::io::Via;
use smoltcp::wire::{DHCP_SERVER_PORT, IpProtocol, Ipv4Repr};

use super::arp::Arp;
use super::frame::{ETHERTYPE_ARP, Envelope, IPV6_LEN, build_ipv6, close, ipv6};
use super::ipv4::{Datagram, build_ipv4, build_udp, echo_reply, ipv4, udp};
use super::neighbour::Key;
use super::{Action, ESP, HOP_LIMIT, MOBILITY_HEADER, Net, NetPort};

/// UDP port of signalling (RFC 5844 section 4.1).
const SIGNALLING_PORT: u16 = 5436;
/// UDP port of signalling and data where there is a NAT (RFC 5555 section 4.1).
const NAT_PORT: u16 = 4191;
/// Link-layer address of everybody.
const BROADCAST: [u8; 6] = [0xff; 6];
/// First nibble of a bare Mobility Header: its Payload Proto is 59 (RFC 6275 section 6.1.1).
const MOBILITY_HEADER_NIBBLE: u8 = 3;
/// First nibble of an IPv6 packet.
const IPV6_NIBBLE: u8 = 6;
/// ICMPv4 types of errors: 3 to 5, 11, 12 (RFC 792).
const ICMP_ERRORS: [u8; 5] = [3, 4, 5, 11, 12];

impl NetPort {
    /// Our IPv4 address on the link of `neighbour`, or any.
    fn ipv4_towards(&self, neighbour: Ipv4Addr) -> Option<Ipv4Addr> {
        let addresses = &self.addresses4;
        let on_link = addresses.iter().find(|own| own.contains(&neighbour));
        on_link.or(addresses.first()).map(ipnet::Ipv4Net::addr)
    }

    fn has_ipv4(&self, address: Ipv4Addr) -> bool {
        self.addresses4.iter().any(|own| own.addr() == address)
    }

    fn on_link_ipv4(&self, address: Ipv4Addr) -> bool {
        self.addresses4.iter().any(|own| own.contains(&address))
    }
}

impl Net {
    /// ARP from a port without mobile nodes (RFC 826): answered for our own addresses; who asks and who
    /// answers is known from then on.
    pub(super) fn receive_arp(
        &mut self,
        now: Duration,
        envelope: Envelope,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some(arp) = Arp::parse(payload).filter(|arp| arp.sender_mac == envelope.source) else {
            self.counters.drop_malformed += 1;
            return;
        };
        let Some(port) = self.port(envelope.port) else {
            return;
        };
        let (asked_us, mac) = (port.has_ipv4(arp.target), port.mac);
        // A probe says no address (RFC 5227 section 1.1), and none of ours is a neighbour's.
        let a_neighbour = port.on_link_ipv4(arp.sender) && !port.has_ipv4(arp.sender);
        let key = (envelope.port, IpAddr::V4(arp.sender));
        let mut effects = Vec::new();
        if a_neighbour && arp.is_request && asked_us {
            self.neighbours
                .solicited_by(now, key, arp.sender_mac, &mut effects);
        } else if a_neighbour {
            let solicited = !arp.is_request && asked_us;
            let mac = Some(arp.sender_mac);
            self.neighbours
                .advertised(now, key, mac, (solicited, true), &mut effects);
        }
        self.carry_out(effects, out);
        match (asked_us, arp.is_request) {
            (true, true) => {
                self.counters.rx_arp_request += 1;
                self.counters.tx_arp_reply += 1;
                let reply = arp.reply(mac);
                let frame = close(envelope.reply_from(mac), ETHERTYPE_ARP, &reply);
                let port = envelope.port;
                out.push(Action::Transmit { port, frame });
            }
            (true, false) => self.counters.rx_arp_reply += 1,
            (false, _) => self.counters.rx_ignored += 1,
        }
    }

    /// An ARP request: to everybody, or to the neighbour whose link-layer address is thought to be known.
    pub(super) fn ask_arp(
        &mut self,
        (number, target): (u16, Ipv4Addr),
        mac: Option<[u8; 6]>,
        out: &mut Vec<Action>,
    ) {
        let Some(port) = self.port(number) else {
            return;
        };
        let Some(sender) = port.ipv4_towards(target) else {
            return;
        };
        let arp = Arp {
            is_request: true,
            sender_mac: port.mac,
            sender,
            target_mac: [0; 6],
            target,
        };
        let envelope = Envelope {
            port: number,
            vlan: None,
            source: port.mac,
            destination: mac.unwrap_or(BROADCAST),
        };
        self.counters.tx_arp_request += 1;
        let frame = close(envelope, ETHERTYPE_ARP, &arp.emit());
        out.push(Action::Transmit {
            port: number,
            frame,
        });
    }

    /// An IPv4 packet to the box itself from a port without mobile nodes.
    pub(super) fn receive_ipv4(
        &mut self,
        now: Duration,
        envelope: Envelope,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some((header, data)) = ipv4(payload) else {
            self.counters.drop_malformed += 1;
            return;
        };
        if !self.is_own_ipv4(header.dst_addr) {
            self.counters.drop_not_ours += 1;
            return;
        }
        if !is_unicast(header.src_addr) {
            self.counters.drop_source += 1;
            return;
        }
        match u8::from(header.next_header) {
            ESP => {
                let via = plain(header.dst_addr, SocketAddrV4::new(header.src_addr, 0));
                let addresses = (header.src_addr.into(), header.dst_addr.into());
                self.receive_esp(addresses, via, data, out);
            }
            _ if header.next_header == IpProtocol::Icmp => {
                self.receive_icmpv4(envelope, &header, data, out);
            }
            _ if header.next_header == IpProtocol::Udp && is_to_relay_agent(data) => {
                self.receive_dhcp_reply(now, &header, data, out);
            }
            _ if header.next_header == IpProtocol::Udp => {
                self.receive_udp(header.src_addr, header.dst_addr, data, out);
            }
            _ => self.counters.drop_protocol += 1,
        }
    }

    /// A UDP datagram to one of our addresses, its header first: signalling, or nothing of ours.
    pub fn receive_udp(
        &mut self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some(datagram) = udp(source, destination, octets) else {
            self.counters.drop_udp_checksum += 1;
            return;
        };
        let remote = SocketAddrV4::new(source, datagram.source_port);
        match (datagram.destination_port, nibble(&datagram)) {
            (SIGNALLING_PORT, MOBILITY_HEADER_NIBBLE) => {
                self.counters.rx_mobility_header += 1;
                // No ICMPv6 error can quote it.
                self.last_signalling = None;
                out.push(Action::MobilityHeader {
                    source: source.into(),
                    destination: destination.into(),
                    via: plain(destination, remote),
                    octets: datagram.payload.to_vec(),
                });
            }
            (NAT_PORT, IPV6_NIBBLE) => self.receive_in_udp(destination, remote, datagram, out),
            (SIGNALLING_PORT | NAT_PORT, _) => self.counters.drop_udp_payload += 1,
            _ => self.counters.drop_protocol += 1,
        }
    }

    /// What was in an ESP packet over IPv4, its UDP header first (RFC 5844 figures 11 and 13): the Mobility
    /// Header, and how it came. None, and counted, where it is anything else.
    pub fn open_udp<'a>(
        &mut self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        octets: &'a [u8],
    ) -> Option<(Via, &'a [u8])> {
        let Some(datagram) = udp(source, destination, octets) else {
            self.counters.drop_udp_checksum += 1;
            return None;
        };
        match (datagram.destination_port, nibble(&datagram)) {
            (SIGNALLING_PORT, MOBILITY_HEADER_NIBBLE) => {
                let remote = SocketAddrV4::new(source, datagram.source_port);
                Some((plain(destination, remote), datagram.payload))
            }
            _ => {
                self.counters.drop_udp_payload += 1;
                None
            }
        }
    }

    fn receive_esp(
        &mut self,
        (source, destination): (IpAddr, IpAddr),
        via: Via,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        self.counters.rx_esp += 1;
        self.last_signalling = None;
        out.push(Action::Esp {
            source,
            destination,
            via,
            octets: octets.to_vec(),
        });
    }

    /// An IPv6 packet in UDP port 4191: its Mobility Header or ESP packet, addressed to us by name (RFC 5555 section 4.1).
    fn receive_in_udp(
        &mut self,
        local: Ipv4Addr,
        remote: SocketAddrV4,
        datagram: Datagram<'_>,
        out: &mut Vec<Action>,
    ) {
        let Some((header, packet)) = ipv6(datagram.payload) else {
            self.counters.drop_malformed += 1;
            return;
        };
        let source = header.src_addr;
        if source.is_multicast() || source.is_unspecified() || source.is_loopback() {
            self.counters.drop_source += 1;
            return;
        }
        if !self.is_own(header.dst_addr) {
            self.counters.drop_not_ours += 1;
            return;
        }
        match u8::from(header.next_header) {
            MOBILITY_HEADER => {
                self.counters.rx_mobility_header += 1;
                self.last_signalling = None;
                out.push(Action::MobilityHeader {
                    source: source.into(),
                    destination: header.dst_addr.into(),
                    via: Via::Nat { local, remote },
                    octets: packet[IPV6_LEN..].to_vec(),
                });
            }
            ESP => {
                let (addresses, via) = (
                    (source.into(), header.dst_addr.into()),
                    Via::Nat { local, remote },
                );
                self.receive_esp(addresses, via, &packet[IPV6_LEN..], out);
            }
            _ => self.counters.drop_protocol += 1,
        }
    }

    fn receive_icmpv4(
        &mut self,
        envelope: Envelope,
        header: &Ipv4Repr,
        message: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some(reply) = echo_reply(message) else {
            match message.first() {
                Some(kind) if ICMP_ERRORS.contains(kind) => self.counters.rx_icmp_error += 1,
                _ => self.counters.rx_ignored += 1,
            }
            return;
        };
        self.counters.rx_echo_request += 1;
        let (ours, theirs) = (header.dst_addr, header.src_addr);
        let Some(packet) = build_ipv4(ours, theirs, IpProtocol::Icmp, &reply) else {
            return;
        };
        self.counters.tx_echo_reply += 1;
        // Back to where it came from: whoever asks need not be a neighbour of the cache.
        if let Some(port) = self.port(envelope.port) {
            let back = envelope.reply_from(port.mac);
            super::send::transmit(back, &packet, out);
        }
    }

    /// Sends a Mobility Header over IPv4: bare, or in an IPv6 packet of these addresses.
    pub fn send_over_ipv4(
        &mut self,
        now: Duration,
        via: Via,
        (source, destination): (IpAddr, IpAddr),
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let packet = match via {
            Via::Ipv6 => None,
            Via::Ipv4 { local, remote, .. } => signalling_datagram(local, remote, octets)
                .and_then(|udp| build_ipv4(local, *remote.ip(), IpProtocol::Udp, &udp))
                .map(|packet| (*remote.ip(), packet)),
            Via::Nat { local, remote } => {
                let addresses = (source, destination);
                past_nat((local, remote), addresses, MOBILITY_HEADER, octets)
            }
        };
        if self.send_ipv4(now, packet, out) {
            self.counters.tx_mobility_header += 1;
        }
    }

    /// Sends an IPv4 packet to this address; none: it did not fit one. False when it was dropped at once.
    pub(super) fn send_ipv4(
        &mut self,
        now: Duration,
        packet: Option<(Ipv4Addr, Vec<u8>)>,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some((remote, packet)) = packet else {
            self.counters.drop_too_long += 1;
            return false;
        };
        self.send_packet(now, remote.into(), packet, out)
    }

    /// The neighbour that leads to an IPv4 address: itself on a link of ours, or a gateway.
    pub(super) fn route_ipv4(&self, destination: Ipv4Addr) -> Option<Key> {
        let ports = &self.config.ports;
        if let Some(port) = ports.iter().find(|port| port.on_link_ipv4(destination)) {
            return Some((port.number, IpAddr::V4(destination)));
        }
        let transport_first = ports.iter().filter(|port| port.transport).chain(ports);
        transport_first
            .filter_map(|port| Some((port.number, IpAddr::V4(port.gateway4?))))
            .next()
    }

    /// Our IPv4 address towards a remote one.
    pub(super) fn ipv4_source_towards(&self, remote: Ipv4Addr) -> Option<Ipv4Addr> {
        let (port, IpAddr::V4(next)) = self.route_ipv4(remote)? else {
            return None;
        };
        self.port(port)?.ipv4_towards(next)
    }

    fn is_own_ipv4(&self, address: Ipv4Addr) -> bool {
        self.config.ports.iter().any(|port| port.has_ipv4(address))
    }
}

/// A Mobility Header in a UDP datagram of port 5436, its header first; none where it does not fit one.
pub fn signalling_datagram(
    local: Ipv4Addr,
    remote: SocketAddrV4,
    mobility_header: &[u8],
) -> Option<Vec<u8>> {
    build_udp(
        SocketAddrV4::new(local, SIGNALLING_PORT),
        remote,
        mobility_header,
    )
}

/// An ESP packet in an IPv4 packet, and where that goes: bare, or in an IPv6 packet in UDP where there is a NAT.
pub(super) fn esp_over_ipv4(
    via: Via,
    addresses: (IpAddr, IpAddr),
    octets: &[u8],
) -> Option<(Ipv4Addr, Vec<u8>)> {
    match via {
        Via::Ipv6 => None,
        Via::Ipv4 { local, remote, .. } => {
            build_ipv4(local, *remote.ip(), IpProtocol::from(ESP), octets)
                .map(|packet| (*remote.ip(), packet))
        }
        Via::Nat { local, remote } => past_nat((local, remote), addresses, ESP, octets),
    }
}

/// What goes past a NAT: in an IPv6 packet of these addresses, in UDP port 4191 (RFC 5555 section 4.1).
fn past_nat(
    (local, remote): (Ipv4Addr, SocketAddrV4),
    addresses: (IpAddr, IpAddr),
    next_header: u8,
    octets: &[u8],
) -> Option<(Ipv4Addr, Vec<u8>)> {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = addresses else {
        return None;
    };
    let next_header = IpProtocol::from(next_header);
    let inner = build_ipv6(source, destination, next_header, HOP_LIMIT, octets)?;
    let udp = build_udp(SocketAddrV4::new(local, NAT_PORT), remote, &inner)?;
    let packet = build_ipv4(local, *remote.ip(), IpProtocol::Udp, &udp)?;
    Some((*remote.ip(), packet))
}

/// Without a NAT; whether data goes in UDP is not for a message to show.
const fn plain(local: Ipv4Addr, remote: SocketAddrV4) -> Via {
    Via::Ipv4 {
        local,
        remote,
        udp_data: false,
    }
}

/// What a datagram's payload is.
fn nibble(datagram: &Datagram<'_>) -> u8 {
    datagram.payload.first().map_or(0, |octet| octet >> 4)
}

/// To the port of DHCP servers, which is the relay agents' too (RFC 1542 section 4.1.2).
fn is_to_relay_agent(datagram: &[u8]) -> bool {
    datagram.get(2..4) == Some(&DHCP_SERVER_PORT.to_be_bytes())
}

fn is_unicast(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_loopback())
}
