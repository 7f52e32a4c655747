//! Frames by hand, so that what the worker emits is compared with something it did not compute.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const OWN: &str = "2001:db8:ffff::1";
pub(super) const OWN_IPV4: &str = "198.51.100.1";
pub(super) const LMA: &str = "2001:db8:ffff::a";
pub(super) const LMA_IPV4: &str = "198.51.100.10";
pub(super) const PEER: &str = "2001:db8:ffff::b";
/// A home and an address in it.
pub(super) const MN1_HOME: &str = "2001:db8:1::/64";
pub(super) const MN1: &str = "2001:db8:1::1";
pub(super) const MN2_HOME: &str = "2001:db8:2::/64";
pub(super) const MN2: &str = "2001:db8:2::2";
/// Somewhere in the Internet.
pub(super) const CN: &str = "2001:db8:cccc::c";

pub(super) fn our_mac(port: u16) -> [u8; 6] {
    [2, 0, 0, 0, 0, port as u8]
}

pub(super) fn router_mac(port: u16) -> [u8; 6] {
    [2, 0, 0, 0, 1, port as u8]
}

pub(super) fn mn_mac(mn: u8) -> [u8; 6] {
    [2, 0, 0, 0, 2, mn]
}

/// An IPv6 packet; the rest of its header is zero.
#[derive(Debug, Clone)]
pub(super) struct V6 {
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    pub(super) next_header: u8,
    pub(super) hop_limit: u8,
    pub(super) ecn: u8,
    pub(super) flow_label: u32,
    pub(super) payload: Vec<u8>,
}

impl V6 {
    /// A UDP packet with eight octets of data.
    pub(super) fn udp(source: &str, destination: &str) -> Self {
        let udp = [0x12, 0x34, 0x56, 0x78, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        Self::new(source, destination, 17, &udp)
    }

    pub(super) fn new(source: &str, destination: &str, next_header: u8, payload: &[u8]) -> Self {
        Self {
            source: source.parse().expect("an address"),
            destination: destination.parse().expect("an address"),
            next_header,
            hop_limit: 64,
            ecn: 0,
            flow_label: 0,
            payload: payload.to_vec(),
        }
    }

    pub(super) fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.hop_limit = hop_limit;
        self
    }

    pub(super) fn ecn(mut self, ecn: u8) -> Self {
        self.ecn = ecn;
        self
    }

    pub(super) fn flow_label(mut self, flow_label: u32) -> Self {
        self.flow_label = flow_label;
        self
    }

    /// Makes the whole packet so long.
    pub(super) fn octets(mut self, octets: usize) -> Self {
        self.payload.resize(octets - 40, 0x5a);
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let word = 6 << 28 | u32::from(self.ecn) << 20 | self.flow_label;
        let mut bytes = word.to_be_bytes().to_vec();
        bytes.extend((self.payload.len() as u16).to_be_bytes());
        bytes.extend([self.next_header, self.hop_limit]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(&self.payload);
        bytes
    }

    /// In a tunnel packet.
    pub(super) fn inside(&self, source: &str, destination: &str) -> Self {
        Self::new(source, destination, 41, &self.bytes())
    }
}

/// An IPv4 packet by etherparse.
pub(super) fn v4(source: &str, destination: &str, ttl: u8, octets: usize, df: bool) -> Vec<u8> {
    let mut packet = V4::new(source, destination, 17, &vec![0; octets - 20]);
    (packet.ttl, packet.df) = (ttl, df);
    packet.bytes()
}

/// An IPv4 packet; its header is etherparse's.
#[derive(Debug, Clone)]
pub(super) struct V4 {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) protocol: u8,
    pub(super) ttl: u8,
    pub(super) ecn: u8,
    pub(super) df: bool,
    pub(super) identification: u16,
    pub(super) payload: Vec<u8>,
}

impl V4 {
    pub(super) fn new(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Self {
        Self {
            source: source.parse().expect("an address"),
            destination: destination.parse().expect("an address"),
            protocol,
            ttl: 64,
            ecn: 0,
            df: false,
            identification: 0,
            payload: payload.to_vec(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut header = etherparse::Ipv4Header::new(
            self.payload.len() as u16,
            self.ttl,
            etherparse::IpNumber(self.protocol),
            self.source.octets(),
            self.destination.octets(),
        )
        .expect("a length");
        header.dont_fragment = self.df;
        header.identification = self.identification;
        header.ecn = etherparse::IpEcn::try_new(self.ecn).expect("two bits");
        header.header_checksum = header.calc_header_checksum();
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(&self.payload);
        bytes
    }
}

/// A UDP datagram without checksum.
pub(super) fn udp(source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let octets = 8 + payload.len() as u16;
    let mut bytes = Vec::new();
    for word in [source_port, destination_port, octets, 0] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// A GRE packet around an IP packet.
pub(super) fn gre(key: Option<u32>, packet: &[u8]) -> Vec<u8> {
    let flags: u16 = if key.is_some() { 0x2000 } else { 0 };
    let mut bytes = flags.to_be_bytes().to_vec();
    bytes.extend(kind(packet).to_be_bytes());
    bytes.extend(key.iter().flat_map(|key| key.to_be_bytes()));
    bytes.extend(packet);
    bytes
}

/// RFC 5845 section 7.
pub(super) fn tlv(next_header: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, next_header];
    bytes.extend((rest.len() as u16).to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// A frame that one node has sent, as its peer gets it from the router between them.
pub(super) fn relayed(port: u16, frame: &[u8]) -> Vec<u8> {
    from_router(port, &frame[14..])
}

pub(super) fn ethernet(destination: [u8; 6], source: [u8; 6], kind: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = destination.to_vec();
    bytes.extend(source);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// From a mobile node to its gateway.
pub(super) fn from_mn(mn: u8, packet: &[u8]) -> Vec<u8> {
    ethernet(our_mac(super::ACCESS), mn_mac(mn), kind(packet), packet)
}

/// From the gateway to a mobile node.
pub(super) fn to_mn(mn: u8, packet: &[u8]) -> Vec<u8> {
    ethernet(mn_mac(mn), our_mac(super::ACCESS), kind(packet), packet)
}

pub(super) fn tagged(vlan: u16, frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame[..12].to_vec();
    bytes.extend([0x81, 0]);
    bytes.extend(vlan.to_be_bytes());
    bytes.extend(&frame[12..]);
    bytes
}

/// To us, from the router on a port.
pub(super) fn from_router(port: u16, packet: &[u8]) -> Vec<u8> {
    ethernet(our_mac(port), router_mac(port), kind(packet), packet)
}

/// From us, to the router on a port.
pub(super) fn to_router(port: u16, packet: &[u8]) -> Vec<u8> {
    ethernet(router_mac(port), our_mac(port), kind(packet), packet)
}

fn kind(packet: &[u8]) -> u16 {
    match packet.first() {
        Some(first) if first >> 4 == 4 => 0x0800,
        _ => 0x86dd,
    }
}

/// The flow label of a tunnelled frame, which is the worker's to choose.
pub(super) fn outer_label(frame: &[u8]) -> u32 {
    u32::from_be_bytes([frame[14], frame[15], frame[16], frame[17]]) & 0x000f_ffff
}
