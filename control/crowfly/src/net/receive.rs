//! What workers hand to control: Neighbour Discovery, echo, Mobility Headers, and user packets that need
//! an ICMP error.

use std::net::Ipv6Addr;
use std::time::Duration;

use dataplane::IcmpError as UserError;
use pmipv6::io::{Link, MacAddr, Via};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, Icmpv6Message, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Repr,
    NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
};

use super::frame::{
    ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Envelope, IPV6_LEN, build_ipv6, ipv6,
    link_local, multicast_mac, open, solicited_node,
};
use super::icmp::{IcmpError, may_answer};
use super::send::{transmit, transmit_icmpv6};
use super::{ALL_NODES, Action, ESP, HOP_LIMIT, MOBILITY_HEADER, ND_HOP_LIMIT, Net, access};

/// Next header of an IPv6 packet in a tunnel (RFC 2473 section 3).
const IPV6: u8 = 41;
/// Next header of an IPv4 packet in a tunnel.
const IPV4: u8 = 4;

impl Net {
    /// A frame for the box itself.
    pub fn receive(&mut self, now: Duration, port: u16, frame: &[u8], out: &mut Vec<Action>) {
        let Some((envelope, ethertype, payload)) = open(port, frame) else {
            self.counters.drop_malformed += 1;
            return;
        };
        match ethertype {
            ETHERTYPE_ARP if self.is_access(port) => {
                return self.receive_access_arp(now, envelope, payload, out);
            }
            ETHERTYPE_IPV4 if self.is_access(port) => {
                return self.receive_access_ipv4(now, envelope, payload, out);
            }
            ETHERTYPE_ARP => return self.receive_arp(now, envelope, payload, out),
            ETHERTYPE_IPV4 => return self.receive_ipv4(now, envelope, payload, out),
            _ => {}
        }
        if ethertype != ETHERTYPE_IPV6 {
            // Whatever else lives on the link.
            self.counters.rx_ignored += 1;
            return;
        }
        let Some((repr, packet)) = ipv6(payload) else {
            self.counters.drop_malformed += 1;
            return;
        };
        match u8::from(repr.next_header) {
            MOBILITY_HEADER | ESP => self.receive_signalling(envelope, &repr, packet, out),
            // MLD comes behind a Hop-by-Hop header (RFC 2710 section 3): no group is ours to report.
            0 if repr.dst_addr.is_multicast() => self.counters.rx_ignored += 1,
            _ if repr.next_header == IpProtocol::Icmpv6 => {
                self.receive_icmpv6(now, envelope, &repr, &packet[IPV6_LEN..], out);
            }
            _ => self.counters.drop_protocol += 1,
        }
    }

    /// A user packet, as received, that needs an ICMP error from the box.
    pub fn user_error(
        &mut self,
        now: Duration,
        port: u16,
        frame: &[u8],
        error: UserError,
        out: &mut Vec<Action>,
    ) {
        let opened = open(port, frame).filter(|(_, ethertype, _)| *ethertype == ETHERTYPE_IPV6);
        let Some((envelope, repr, packet)) =
            opened.and_then(|(envelope, _, payload)| ipv6(payload).map(|(r, p)| (envelope, r, p)))
        else {
            self.counters.drop_icmp_forbidden += 1;
            return;
        };
        let error = match error {
            UserError::TooBig { mtu_bytes } => IcmpError::packet_too_big(u32::from(mtu_bytes)),
            UserError::HopLimit => IcmpError::hop_limit(),
            UserError::Unreachable => IcmpError::unreachable(),
            UserError::EncapsulationLimit { pointer } => {
                IcmpError::parameter_problem(u32::from(pointer))
            }
        };
        let tunnelled =
            matches!(u8::from(repr.next_header), IPV4 | IPV6) && self.is_own(repr.dst_addr);
        match (tunnelled, self.own_address()) {
            (false, Some(source)) => self.send_error(now, envelope, source, error, packet, out),
            (true, _) if self.config.answer_into_tunnels => {
                self.send_error_into_tunnel(now, envelope, &repr, error, &packet[IPV6_LEN..], out);
            }
            _ => self.counters.drop_icmp_forbidden += 1,
        }
    }

    /// An ICMPv6 error from `source` back to where the packet came from.
    pub(super) fn send_error(
        &mut self,
        now: Duration,
        envelope: Envelope,
        source: Ipv6Addr,
        error: IcmpError,
        invoking: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some((destination, message)) = self.error_message(now, source, error, invoking) else {
            return;
        };
        let back = envelope.reply_from(self.mac_on(envelope.port));
        transmit_icmpv6(back, source, destination, HOP_LIMIT, &message, out);
    }

    /// The same for a packet that came out of a tunnel: the error goes back into it (RFC 2473 section 8).
    fn send_error_into_tunnel(
        &mut self,
        now: Duration,
        envelope: Envelope,
        outer: &Ipv6Repr,
        error: IcmpError,
        invoking: &[u8],
        out: &mut Vec<Action>,
    ) {
        let source = outer.dst_addr;
        let Some((destination, message)) = self.error_message(now, source, error, invoking) else {
            return;
        };
        let inner = build_ipv6(source, destination, IpProtocol::Icmpv6, HOP_LIMIT, &message);
        let wrapped = inner.and_then(|inner| {
            build_ipv6(
                source,
                outer.src_addr,
                IpProtocol::from(IPV6),
                HOP_LIMIT,
                &inner,
            )
        });
        if let Some(packet) = wrapped {
            transmit(
                envelope.reply_from(self.mac_on(envelope.port)),
                &packet,
                out,
            );
        }
    }

    fn error_message(
        &mut self,
        now: Duration,
        source: Ipv6Addr,
        error: IcmpError,
        invoking: &[u8],
    ) -> Option<(Ipv6Addr, Vec<u8>)> {
        if !may_answer(invoking, error) {
            self.counters.drop_icmp_forbidden += 1;
            return None;
        }
        if !self.errors.take(now) {
            self.counters.drop_icmp_rate += 1;
            return None;
        }
        let (repr, _) = ipv6(invoking)?;
        self.counters.tx_icmp_error += 1;
        Some((repr.src_addr, error.emit(source, repr.src_addr, invoking)))
    }

    fn receive_signalling(
        &mut self,
        envelope: Envelope,
        repr: &Ipv6Repr,
        packet: &[u8],
        out: &mut Vec<Action>,
    ) {
        let protected = u8::from(repr.next_header) == ESP;
        if protected {
            self.counters.rx_esp += 1;
        } else {
            self.counters.rx_mobility_header += 1;
        }
        let (source, destination) = (repr.src_addr, repr.dst_addr);
        if source.is_multicast() || source.is_unspecified() || source.is_loopback() {
            self.counters.drop_source += 1;
            return;
        }
        if !self.is_own(destination) {
            self.counters.drop_not_ours += 1;
            return;
        }
        let octets = packet[IPV6_LEN..].to_vec();
        if protected {
            // Nothing of what was protected goes back in the clear.
            self.last_signalling = None;
            out.push(Action::Esp {
                source: source.into(),
                destination: destination.into(),
                via: Via::Ipv6,
                octets,
            });
            return;
        }
        self.last_signalling = Some((envelope, packet.to_vec()));
        out.push(Action::MobilityHeader {
            source: source.into(),
            destination: destination.into(),
            via: Via::Ipv6,
            octets,
        });
    }

    fn receive_icmpv6(
        &mut self,
        now: Duration,
        envelope: Envelope,
        ip: &Ipv6Repr,
        message: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Ok(packet) = Icmpv6Packet::new_checked(message) else {
            self.counters.drop_malformed += 1;
            return;
        };
        if packet.msg_type().is_ndisc() && (ip.hop_limit != ND_HOP_LIMIT || packet.msg_code() != 0)
        {
            self.counters.drop_not_from_link += 1;
            return;
        }
        let checksums = ChecksumCapabilities::default();
        if packet.msg_type().is_error() && packet.msg_type() != Icmpv6Message::Redirect {
            self.counters.rx_icmp_error += 1;
            return;
        }
        match Icmpv6Repr::parse(&ip.src_addr, &ip.dst_addr, &packet, &checksums) {
            Ok(Icmpv6Repr::Ndisc(message)) => self.receive_ndisc(now, envelope, ip, message, out),
            Ok(Icmpv6Repr::EchoRequest {
                ident,
                seq_no,
                data,
            }) => {
                self.counters.rx_echo_request += 1;
                let reply = Icmpv6Repr::EchoReply {
                    ident,
                    seq_no,
                    data,
                };
                self.echo_reply(envelope, ip, &reply, out);
            }
            Ok(_) => self.counters.rx_ignored += 1,
            Err(_) => self.counters.drop_malformed += 1,
        }
    }

    fn echo_reply(
        &mut self,
        envelope: Envelope,
        ip: &Ipv6Repr,
        reply: &Icmpv6Repr<'_>,
        out: &mut Vec<Action>,
    ) {
        let ours = self.is_own(ip.dst_addr) || self.mac_of(envelope.port, ip.dst_addr).is_some();
        let stranger = ip.src_addr.is_unspecified() || ip.src_addr.is_multicast();
        if !ours || stranger {
            self.counters.drop_not_ours += 1;
            return;
        }
        let message = access::emit(reply, ip.dst_addr, ip.src_addr);
        self.counters.tx_echo_reply += 1;
        let ours = self
            .mac_of(envelope.port, ip.dst_addr)
            .unwrap_or(self.mac_on(envelope.port));
        let back = envelope.reply_from(ours);
        transmit_icmpv6(back, ip.dst_addr, ip.src_addr, HOP_LIMIT, &message, out);
    }

    fn receive_ndisc(
        &mut self,
        now: Duration,
        envelope: Envelope,
        ip: &Ipv6Repr,
        message: NdiscRepr<'_>,
        out: &mut Vec<Action>,
    ) {
        self.hear(now, envelope, ip, &message);
        match message {
            NdiscRepr::NeighborSolicit {
                target_addr,
                lladdr,
            } => {
                let mac = lladdr.and_then(mac_of_option);
                self.neighbour_solicited(now, envelope, ip, target_addr, mac, out);
            }
            NdiscRepr::NeighborAdvert {
                flags,
                target_addr,
                lladdr,
            } => {
                self.counters.rx_neighbour_advert += 1;
                let solicited = flags.contains(NdiscNeighborFlags::SOLICITED);
                let overrides = flags.contains(NdiscNeighborFlags::OVERRIDE);
                let mac = lladdr.and_then(mac_of_option);
                let (key, mut effects) = ((envelope.port, target_addr.into()), Vec::new());
                let how = (solicited && !ip.dst_addr.is_multicast(), overrides);
                self.neighbours.advertised(now, key, mac, how, &mut effects);
                self.carry_out(effects, out);
            }
            NdiscRepr::RouterSolicit { .. } => self.router_solicited(envelope, ip, out),
            // We are told our routers by the configuration.
            NdiscRepr::RouterAdvert { .. } | NdiscRepr::Redirect { .. } => {
                self.counters.rx_ignored += 1;
            }
        }
    }

    /// An MN that speaks is there, and shows an address of its own: where it speaks from, or what it
    /// claims by duplicate address detection.
    fn hear(&mut self, now: Duration, envelope: Envelope, ip: &Ipv6Repr, message: &NdiscRepr<'_>) {
        if !self.is_access(envelope.port) {
            return;
        }
        let address = match message {
            NdiscRepr::NeighborSolicit { target_addr, .. } if ip.src_addr.is_unspecified() => {
                *target_addr
            }
            NdiscRepr::NeighborAdvert { target_addr, .. } => *target_addr,
            _ => ip.src_addr,
        };
        let link = Link {
            port: envelope.port,
            vlan: envelope.vlan,
            mac: MacAddr(envelope.source),
        };
        self.reachability.heard(now, link, address);
    }

    /// RFC 4861 section 7.2.3 and 7.2.4. Only our own addresses are answered for: an MN's duplicate
    /// address detection of its own addresses must stay unanswered (RFC 5213 section 6.8).
    fn neighbour_solicited(
        &mut self,
        now: Duration,
        envelope: Envelope,
        ip: &Ipv6Repr,
        target: Ipv6Addr,
        mac: Option<[u8; 6]>,
        out: &mut Vec<Action>,
    ) {
        let detection = ip.src_addr.is_unspecified();
        if detection && (mac.is_some() || ip.dst_addr != solicited_node(target)) {
            self.counters.drop_malformed += 1;
            return;
        }
        let Some(ours) = self.mac_of(envelope.port, target) else {
            self.counters.rx_ignored += 1;
            return;
        };
        self.counters.rx_neighbour_solicit += 1;
        // An access link has its one MN's address from its registration.
        if let Some(mac) = mac.filter(|_| !self.is_access(envelope.port)) {
            let mut effects = Vec::new();
            self.neighbours.solicited_by(
                now,
                (envelope.port, ip.src_addr.into()),
                mac,
                &mut effects,
            );
            self.carry_out(effects, out);
        }
        let mut flags = NdiscNeighborFlags::ROUTER | NdiscNeighborFlags::OVERRIDE;
        flags.set(NdiscNeighborFlags::SOLICITED, !detection);
        let lladdr = Some(EthernetAddress(ours).into());
        let repr = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags,
            target_addr: target,
            lladdr,
        });
        let destination = if detection { ALL_NODES } else { ip.src_addr };
        let mut back = envelope.reply_from(ours);
        if detection && !self.is_access(envelope.port) {
            back.destination = multicast_mac(ALL_NODES);
        }
        let message = access::emit(&repr, target, destination);
        self.counters.tx_neighbour_advert += 1;
        transmit_icmpv6(back, target, destination, ND_HOP_LIMIT, &message, out);
    }

    fn router_solicited(&mut self, envelope: Envelope, ip: &Ipv6Repr, out: &mut Vec<Action>) {
        let mac = MacAddr(envelope.source);
        let link = Link {
            port: envelope.port,
            vlan: envelope.vlan,
            mac,
        };
        let mut due = Vec::new();
        if !self.links.solicited(link, &mut due) {
            self.counters.drop_unknown_link += 1;
            return;
        }
        self.counters.rx_router_solicit += 1;
        let to = Some(ip.src_addr).filter(|source| !source.is_unspecified());
        self.send_advertisements(due, to, out);
    }

    /// Our link-layer address for an address of ours on this port; none for anybody else's address.
    fn mac_of(&self, port: u16, address: Ipv6Addr) -> Option<[u8; 6]> {
        let port = self.port(port)?;
        if port.access_link_local == Some(address) {
            return Some(self.config.router_advertisement.mac);
        }
        let routed = port.transport || port.network;
        let ours = port.addresses.iter().any(|own| own.addr() == address)
            || routed && link_local(port.mac) == address;
        ours.then_some(port.mac)
    }

    /// Our link-layer address on a port.
    fn mac_on(&self, port: u16) -> [u8; 6] {
        match self.port(port) {
            Some(port) if port.access_link_local.is_none() => port.mac,
            _ => self.config.router_advertisement.mac,
        }
    }

    fn is_access(&self, port: u16) -> bool {
        self.port(port)
            .is_some_and(|port| port.access_link_local.is_some())
    }

    pub(super) fn is_own(&self, address: Ipv6Addr) -> bool {
        let ports = &self.config.ports;
        ports
            .iter()
            .any(|port| port.addresses.iter().any(|own| own.addr() == address))
    }

    /// The address that errors come from.
    fn own_address(&self) -> Option<Ipv6Addr> {
        let ports = &self.config.ports;
        ports
            .iter()
            .find_map(|port| port.addresses.first())
            .map(|own| own.addr())
    }
}

fn mac_of_option(address: RawHardwareAddress) -> Option<[u8; 6]> {
    address.as_bytes().get(..6)?.try_into().ok()
}
