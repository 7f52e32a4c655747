//! DHCP messages (RFC 2131 section 2, options of RFC 2132) in UDP in IPv4.

use std::net::Ipv4Addr;

use pmipv6::io::Ipv4Service;
use smoltcp::wire::{
    ArpHardware, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpFlags, DhcpMessageType as Kind,
    DhcpOpCode, DhcpOption, DhcpPacket, EthernetAddress, IpAddress, IpProtocol, Ipv4Packet,
    Ipv4Repr, UdpPacket,
};

use super::Ipv4Config;
use super::lease::Answer;

/// Magic cookie in front of the options (RFC 2131 section 3).
pub(super) const MAGIC: u32 = 0x6382_5363;
/// Octets of a message without options: the fixed part and the cookie.
pub(super) const FIXED_LEN: usize = 240;
/// Shortest message that every client takes (RFC 1542 section 2.1).
pub(super) const MIN_LEN: usize = 300;
/// Octets of a UDP header.
const UDP_LEN: usize = 8;
/// Octets of an IPv4 header without options.
const IPV4_LEN: usize = 20;
/// TTL of what the box itself sends on the link.
const TTL: u8 = 64;

/// Option numbers (RFC 2132).
pub(super) mod option {
    pub(super) const SUBNET_MASK: u8 = 1;
    pub(super) const ROUTER: u8 = 3;
    pub(super) const DOMAIN_NAME_SERVER: u8 = 6;
    pub(super) const INTERFACE_MTU: u8 = 26;
    pub(in super::super) const REQUESTED_ADDRESS: u8 = 50;
    pub(super) const LEASE_TIME: u8 = 51;
    pub(in super::super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const SERVER_IDENTIFIER: u8 = 54;
    pub(super) const RENEWAL_TIME: u8 = 58;
    pub(super) const REBINDING_TIME: u8 = 59;
    pub(super) const CLIENT_IDENTIFIER: u8 = 61;
}

/// A UDP datagram to a DHCP server.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    pub(super) fn parse(packet: &'a [u8]) -> Option<Self> {
        let ip = Ipv4Packet::new_checked(packet).ok()?;
        let whole = !ip.more_frags() && ip.frag_offset() == 0;
        let header = usize::from(ip.header_len());
        let right = ip.version() == 4 && header >= IPV4_LEN && ip.verify_checksum();
        if !right || !whole || ip.next_header() != IpProtocol::Udp {
            return None;
        }
        let (source, destination) = (ip.src_addr(), ip.dst_addr());
        let udp = packet.get(header..usize::from(ip.total_len()))?;
        let udp = UdpPacket::new_checked(udp).ok()?;
        let (from, to) = (IpAddress::Ipv4(source), IpAddress::Ipv4(destination));
        if udp.dst_port() != DHCP_SERVER_PORT || !udp.verify_checksum(&from, &to) {
            return None;
        }
        Some(Self {
            source,
            destination,
            payload: udp.payload(),
        })
    }
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) transaction: u32,
    pub(super) broadcast: bool,
    pub(super) ciaddr: Ipv4Addr,
    pub(super) client_mac: [u8; 6],
    pub(super) requested: Option<Ipv4Addr>,
    pub(super) server: Option<Ipv4Addr>,
    /// Client identifier, as it is.
    pub(super) client_id: Option<Vec<u8>>,
}

impl Request {
    /// None where it is not a message that a client on the link can send: an address option that is no
    /// address, a relay agent on the way, another hardware type.
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let packet = DhcpPacket::new_checked(octets).ok()?;
        let ethernet =
            packet.hardware_type() == ArpHardware::Ethernet && packet.hardware_len() == 6;
        let from_client = packet.opcode() == DhcpOpCode::Request;
        let relayed = !packet.relay_agent_ip().is_unspecified();
        if !from_client || !ethernet || relayed || packet.magic_number() != MAGIC {
            return None;
        }
        let value = |kind: u8| packet.options().find(|option| option.kind == kind);
        let address = |kind: u8| match value(kind) {
            None => Some(None),
            Some(option) => <[u8; 4]>::try_from(option.data)
                .ok()
                .map(|a| Some(a.into())),
        };
        let &[kind] = value(option::MESSAGE_TYPE)?.data else {
            return None;
        };
        let client_id = value(option::CLIENT_IDENTIFIER).map(|option| option.data.to_vec());
        Some(Self {
            kind: kind.into(),
            transaction: packet.transaction_id(),
            broadcast: packet.flags().contains(DhcpFlags::BROADCAST),
            ciaddr: packet.client_ip(),
            client_mac: packet.client_hardware_address().0,
            requested: address(option::REQUESTED_ADDRESS)?,
            server: address(option::SERVER_IDENTIFIER)?,
            client_id: client_id.filter(|id| !id.is_empty()),
        })
    }

    /// What a client is known by: its identifier, or its hardware type and address (RFC 2131 section 4.2).
    pub(super) fn client(&self) -> Vec<u8> {
        self.client_id.clone().unwrap_or_else(|| {
            let mut client = vec![1];
            client.extend(self.client_mac);
            client
        })
    }
}

/// The IPv4 packet that answers; none where no answer is due. `left_s` is what is left of the binding.
pub(super) fn reply(
    request: &Request,
    answer: Answer,
    service: &Ipv4Service,
    config: &Ipv4Config,
    left_s: u32,
) -> Option<Vec<u8>> {
    let kind = match answer {
        Answer::Offer => Kind::Offer,
        Answer::Lease | Answer::Inform => Kind::Ack,
        Answer::Nak => Kind::Nak,
        Answer::Nothing => return None,
    };
    let router = service.default_router.octets();
    let mut options = vec![
        (option::MESSAGE_TYPE, vec![u8::from(kind)]),
        (option::SERVER_IDENTIFIER, router.to_vec()),
    ];
    if matches!(answer, Answer::Offer | Answer::Lease) {
        // T1 and T2 at 1/2 and 7/8 (RFC 2131 section 4.4.5).
        let seconds = [left_s, left_s / 2, (u64::from(left_s) * 7 / 8) as u32];
        let kinds = [
            option::LEASE_TIME,
            option::RENEWAL_TIME,
            option::REBINDING_TIME,
        ];
        let times = kinds.into_iter().zip(seconds);
        options.extend(times.map(|(kind, s)| (kind, s.to_be_bytes().to_vec())));
    }
    if answer != Answer::Nak {
        options.extend(network(service, config));
    }
    // RFC 6842: the client's identifier comes back.
    let echoed = request.client_id.clone();
    options.extend(echoed.map(|id| (option::CLIENT_IDENTIFIER, id)));
    let given = match answer {
        Answer::Offer | Answer::Lease => service.address,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    let octets = emit(request, answer, given, &options);
    let destination = match answer {
        Answer::Nak => Ipv4Addr::BROADCAST,
        _ if !request.ciaddr.is_unspecified() => request.ciaddr,
        _ if request.broadcast => Ipv4Addr::BROADCAST,
        _ => service.address,
    };
    Some(packet(service.default_router, destination, &octets))
}

/// What a host has to know of the link, however it got its address.
fn network(service: &Ipv4Service, config: &Ipv4Config) -> Vec<(u8, Vec<u8>)> {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(service.prefix_len))
        .unwrap_or(0);
    let servers = config.dns_servers.iter();
    let servers: Vec<u8> = servers.flat_map(|server| server.octets()).collect();
    let mut options = vec![
        (option::SUBNET_MASK, mask.to_be_bytes().to_vec()),
        (option::ROUTER, service.default_router.octets().to_vec()),
        (
            option::INTERFACE_MTU,
            config.mtu_bytes.to_be_bytes().to_vec(),
        ),
    ];
    if !servers.is_empty() {
        options.push((option::DOMAIN_NAME_SERVER, servers));
    }
    options
}

/// RFC 2131 table 3.
fn emit(request: &Request, answer: Answer, given: Ipv4Addr, options: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let length = options
        .iter()
        .map(|(_, data)| 2 + data.len())
        .sum::<usize>();
    let mut octets = vec![0; (FIXED_LEN + length + 1).max(MIN_LEN)];
    let mut packet = DhcpPacket::new_unchecked(&mut octets[..]);
    packet.set_opcode(DhcpOpCode::Reply);
    packet.set_hardware_type(ArpHardware::Ethernet);
    packet.set_hardware_len(6);
    packet.set_transaction_id(request.transaction);
    packet.set_client_hardware_address(EthernetAddress(request.client_mac));
    packet.set_magic_number(MAGIC);
    packet.set_your_ip(given);
    if request.broadcast {
        packet.set_flags(DhcpFlags::BROADCAST);
    }
    if matches!(answer, Answer::Lease | Answer::Inform) {
        packet.set_client_ip(request.ciaddr);
    }
    let mut writer = packet.options_mut();
    for (kind, data) in options {
        let fits = writer.emit(DhcpOption { kind: *kind, data });
        debug_assert!(fits.is_ok(), "there is room for every option");
    }
    let ended = writer.end();
    debug_assert!(ended.is_ok(), "and for the end");
    octets
}

/// UDP from server to client in IPv4.
pub(super) fn packet(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let udp_len = UDP_LEN + payload.len();
    let mut octets = vec![0; IPV4_LEN + udp_len];
    let repr = Ipv4Repr {
        src_addr: source,
        dst_addr: destination,
        next_header: IpProtocol::Udp,
        payload_len: udp_len,
        hop_limit: TTL,
    };
    let mut ip = Ipv4Packet::new_unchecked(&mut octets[..]);
    repr.emit(&mut ip, &smoltcp::phy::ChecksumCapabilities::default());
    let mut udp = UdpPacket::new_unchecked(ip.payload_mut());
    udp.set_src_port(DHCP_SERVER_PORT);
    udp.set_dst_port(DHCP_CLIENT_PORT);
    // A message is shorter than 2,000 octets: no option is longer than 255.
    udp.set_len(udp_len as u16);
    udp.payload_mut().copy_from_slice(payload);
    udp.fill_checksum(&IpAddress::Ipv4(source), &IpAddress::Ipv4(destination));
    octets
}
