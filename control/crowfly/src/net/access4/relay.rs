//! The DHCP relay agent of one MN (RFC 5844 section 3.4.2; RFC 1542 section 4.1, RFC 3046).
//!
//! Messages go directly to servers on the transport network, from the MAG's own address there, which is
//! `giaddr`: of the two ways that RFC 5844 leaves open it is the one where an answer finds back to the MAG
//! that asked. Through the tunnel to the LMA only home addresses do, and the default router's address is the
//! same at every MAG. The transport network has to be as safe as it is for signalling.
//!
//! The binding is there before any message is relayed, and with it the address: the server is told which one
//! it is (options 50 and 82), and an answer with another one goes no further. The lease time is the server's,
//! for a relay agent may not change it: a lease may outlive the binding, and is of no use then.
//!
//! ```text
//!   MN ── DISCOVER, REQUEST, … ──▶ hops + 1, giaddr, options 50 and 82 ──▶ each server
//!   MN ◀── OFFER, ACK, NAK ◀── without option 82 ◀── is it the MN's address? ◀── a server
//! ```

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use ipnet::Ipv4Net;
use pmipv6::io::{Ipv4Service, MacAddr};
use smoltcp::wire::{
    ArpHardware, DHCP_SERVER_PORT, DhcpFlags, DhcpMessageType as Kind, DhcpOpCode, DhcpPacket,
    IpProtocol, Ipv4Repr,
};

use super::super::frame::{ETHERTYPE_IPV4, Envelope};
use super::super::ipv4::{build_ipv4, build_udp, udp};
use super::super::{Action, Net};
use super::Refused;
use super::message::{FIXED_LEN, MAGIC, MIN_LEN, Request, option, packet};

/// Relay agents that a message may have passed before us (RFC 1542 section 4.1.1).
const MAX_HOPS: u8 = 16;
/// Where `hops` stands in a message (RFC 2131 section 2).
const HOPS: usize = 3;
/// Where `giaddr` stands.
const GIADDR: std::ops::Range<usize> = 24..28;
/// Option that fills (RFC 2132 section 3.1).
const PAD: u8 = 0;
/// Option behind the last one (RFC 2132 section 3.2).
const END: u8 = 255;
/// Relay Agent Information option (RFC 3046).
const RELAY_AGENT_INFORMATION: u8 = 82;

/// Sub-options of option 82.
mod sub_option {
    /// Agent Remote ID (RFC 3046 section 3.2): the address that the server is to give (RFC 5844
    /// section 3.4.2).
    pub(super) const REMOTE_ID: u8 = 2;
    /// Link Selection (RFC 3527): the home subnet, which `giaddr` is not in.
    pub(super) const LINK_SELECTION: u8 = 5;
    /// Server Identifier Override (RFC 5107): the default router, so that a client renews by way of whatever
    /// MAG it is at.
    pub(super) const SERVER_IDENTIFIER_OVERRIDE: u8 = 11;
}

/// Whether a message of the MN's client may go to a server: nothing may be said there about another address
/// than the MN's, except that a DISCOVER may ask for one in vain.
pub(super) fn check(
    service: &Ipv4Service,
    source: Ipv4Addr,
    request: &Request,
    message: &[u8],
) -> Result<(), Refused> {
    let from_client = matches!(
        request.kind,
        Kind::Discover | Kind::Request | Kind::Decline | Kind::Release | Kind::Inform
    );
    // RFC 3046 section 2.1: no client has that option.
    if !from_client || value(message, RELAY_AGENT_INFORMATION).is_some() {
        return Err(Refused::Malformed);
    }
    let is_own = |address: Ipv4Addr| address.is_unspecified() || address == service.address;
    let asks = request.kind != Kind::Discover;
    if !is_own(request.ciaddr)
        || !source.is_unspecified() && source != request.ciaddr
        || asks && !request.requested.is_none_or(is_own)
    {
        return Err(Refused::ForeignClient);
    }
    if message.get(HOPS).is_none_or(|hops| *hops >= MAX_HOPS) {
        return Err(Refused::Hops);
    }
    Ok(())
}

/// The message as it goes to a server. `message` has been parsed.
pub(super) fn to_server(
    message: &[u8],
    kind: Kind,
    service: &Ipv4Service,
    giaddr: Ipv4Addr,
) -> Vec<u8> {
    let address = service.address.octets();
    let mut added = Vec::new();
    let discovers = kind == Kind::Discover;
    if discovers {
        added.push((option::REQUESTED_ADDRESS, address.to_vec()));
    }
    let subnet = Ipv4Net::new(service.address, service.prefix_len)
        .map_or(service.address, |subnet| subnet.network());
    let mut agent = Vec::new();
    for (kind, address) in [
        (sub_option::REMOTE_ID, address),
        (sub_option::LINK_SELECTION, subnet.octets()),
        (
            sub_option::SERVER_IDENTIFIER_OVERRIDE,
            service.default_router.octets(),
        ),
    ] {
        agent.extend([kind, address.len() as u8]);
        agent.extend(address);
    }
    // Last, as RFC 3046 section 2.1 says.
    added.push((RELAY_AGENT_INFORMATION, agent));
    let drops = |kind: u8| discovers && kind == option::REQUESTED_ADDRESS;
    let mut octets = rewrite(message, drops, &added);
    octets[HOPS] = octets[HOPS].saturating_add(1);
    octets[GIADDR].copy_from_slice(&giaddr.octets());
    octets
}

/// A message of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) kind: Kind,
    pub(super) giaddr: Ipv4Addr,
    pub(super) client_mac: [u8; 6],
    /// The address of the MN that it is for: what it gives, or confirms, or, giving nothing, what we said.
    pub(super) address: Ipv4Addr,
    broadcast: bool,
    /// As it goes to the client.
    octets: Vec<u8>,
}

impl Reply {
    /// None where it is not what a server says to a client on Ethernet, or where it is for nobody: a NAK
    /// names its client's address only in option 82, which servers return (RFC 3046 section 2.2).
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let message = DhcpPacket::new_checked(octets).ok()?;
        let ethernet =
            message.hardware_type() == ArpHardware::Ethernet && message.hardware_len() == 6;
        let from_server = message.opcode() == DhcpOpCode::Reply;
        if !from_server || !ethernet || message.magic_number() != MAGIC {
            return None;
        }
        let &[kind] = value(octets, option::MESSAGE_TYPE)?.as_slice() else {
            return None;
        };
        let kind = Kind::from(kind);
        let given = message.your_ip();
        let address = match kind {
            Kind::Offer | Kind::Ack if !given.is_unspecified() => given,
            Kind::Ack => message.client_ip(),
            Kind::Nak => remote_id(&value(octets, RELAY_AGENT_INFORMATION)?)?,
            _ => return None,
        };
        Some(Self {
            kind,
            giaddr: message.relay_agent_ip(),
            client_mac: message.client_hardware_address().0,
            address,
            broadcast: message.flags().contains(DhcpFlags::BROADCAST),
            octets: rewrite(octets, |kind| kind == RELAY_AGENT_INFORMATION, &[]),
        })
    }

    /// The IPv4 packet that brings it to the client (RFC 1542 section 4.1.2).
    pub(super) fn packet(&self, service: &Ipv4Service) -> Vec<u8> {
        let to_all = self.broadcast || self.kind == Kind::Nak;
        let destination = if to_all {
            Ipv4Addr::BROADCAST
        } else {
            self.address
        };
        packet(service.default_router, destination, &self.octets)
    }
}

impl Net {
    /// Relays a message of an MN's client to every server.
    pub(super) fn relay(
        &mut self,
        now: Duration,
        request: &Request,
        message: &[u8],
        service: &Ipv4Service,
        out: &mut Vec<Action>,
    ) {
        if self.config.dhcp_servers.is_empty() {
            self.counters.drop_dhcp_no_relay += 1;
        }
        for server in self.config.dhcp_servers.clone() {
            let Some(giaddr) = self.ipv4_source_towards(server) else {
                self.counters.drop_no_route += 1;
                continue;
            };
            let message = to_server(message, request.kind, service, giaddr);
            let ends = [giaddr, server].map(|end| SocketAddrV4::new(end, DHCP_SERVER_PORT));
            let packet = build_udp(ends[0], ends[1], &message)
                .and_then(|udp| build_ipv4(giaddr, server, IpProtocol::Udp, &udp));
            let Some(packet) = packet else {
                self.counters.drop_too_long += 1;
                continue;
            };
            if self.send_packet(now, server.into(), packet, out) {
                self.counters.tx_dhcp_relayed += 1;
            }
            tracing::debug!(address = %service.address, kind = ?request.kind, %server, "DHCP relayed");
        }
    }

    /// A UDP datagram to the relay agent: from a server, for an MN whose address it has to name.
    pub(in super::super) fn receive_dhcp_reply(
        &mut self,
        now: Duration,
        header: &Ipv4Repr,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some(datagram) = udp(header.src_addr, header.dst_addr, octets) else {
            self.counters.drop_udp_checksum += 1;
            return;
        };
        if !self.config.dhcp_servers.contains(&header.src_addr) {
            self.counters.drop_dhcp_foreign_server += 1;
            return;
        }
        let Some(reply) = Reply::parse(datagram.payload) else {
            self.counters.drop_dhcp_malformed += 1;
            return;
        };
        if reply.giaddr != header.dst_addr {
            self.counters.drop_dhcp_foreign_server += 1;
            return;
        }
        let Some((link, packet)) = self.ipv4_links.relay_back(now, &reply) else {
            self.counters.drop_dhcp_foreign_offer += 1;
            // RFC 5844 section 3.4.2: the administrator is told.
            tracing::error!(server = %header.src_addr, mac = %MacAddr(reply.client_mac), address = %reply.address,
                kind = ?reply.kind, "a DHCP server gives an address that is not the mobile node's");
            return;
        };
        match reply.kind {
            Kind::Offer => self.counters.tx_dhcp_offer += 1,
            Kind::Ack => self.counters.tx_dhcp_ack += 1,
            _ => self.counters.tx_dhcp_nak += 1,
        }
        let from = Envelope {
            port: link.port,
            vlan: link.vlan,
            source: link.mac.0,
            destination: self.config.router_advertisement.mac,
        };
        self.answer_ipv4(from, ETHERTYPE_IPV4, &packet, out);
    }
}

fn value(message: &[u8], kind: u8) -> Option<Vec<u8>> {
    let packet = DhcpPacket::new_checked(message).ok()?;
    let found = packet.options().find(|option| option.kind == kind);
    found.map(|option| option.data.to_vec())
}

/// The Agent Remote ID, which is an address.
fn remote_id(mut agent: &[u8]) -> Option<Ipv4Addr> {
    while let [kind, length, rest @ ..] = agent {
        let (data, rest) = rest.split_at_checked(usize::from(*length))?;
        if *kind == sub_option::REMOTE_ID {
            return <[u8; 4]>::try_from(data).ok().map(Into::into);
        }
        agent = rest;
    }
    None
}

/// A message with some options less and some more.
fn rewrite(message: &[u8], drops: impl Fn(u8) -> bool, added: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut octets = message[..FIXED_LEN].to_vec();
    let packet = DhcpPacket::new_unchecked(message);
    let kept = packet
        .options()
        .filter(|option| !matches!(option.kind, PAD | END) && !drops(option.kind))
        .map(|option| (option.kind, option.data));
    for (kind, data) in kept.chain(added.iter().map(|(kind, data)| (*kind, data.as_slice()))) {
        // An option has 255 octets at most, and so it was read.
        octets.extend([kind, data.len() as u8]);
        octets.extend(data);
    }
    octets.push(END);
    octets.resize(octets.len().max(MIN_LEN), 0);
    octets
}
