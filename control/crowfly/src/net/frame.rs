//! Ethernet frames with an optional 802.1Q tag, and the IPv6 packets in them.

use std::net::Ipv6Addr;

use smoltcp::wire::{IpProtocol, Ipv6Packet, Ipv6Repr};

/// Octets of an Ethernet header without a tag.
const ETHERNET_LEN: usize = 14;
/// Octets of an 802.1Q tag.
const TAG_LEN: usize = 4;
/// EtherType of an 802.1Q tag.
const TPID: u16 = 0x8100;
/// EtherType of IPv4.
pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub(super) const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Octets of an IPv6 header.
pub(super) const IPV6_LEN: usize = 40;
/// VLAN identifier in a tag's control information.
const VLAN_MASK: u16 = 0x0fff;

/// Where a frame came from or goes to: everything of it but the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) port: u16,
    pub(super) vlan: Option<u16>,
    pub(super) source: [u8; 6],
    pub(super) destination: [u8; 6],
}

impl Envelope {
    /// The way back, from our link-layer address.
    pub(super) fn reply_from(self, ours: [u8; 6]) -> Self {
        Self {
            source: ours,
            destination: self.source,
            ..self
        }
    }
}

/// Takes a frame apart: its envelope, its EtherType, its payload.
pub(super) fn open(port: u16, frame: &[u8]) -> Option<(Envelope, u16, &[u8])> {
    let (header, rest) = frame.split_first_chunk::<ETHERNET_LEN>()?;
    let destination = header[..6].try_into().ok()?;
    let source = header[6..12].try_into().ok()?;
    let ethertype = u16::from_be_bytes([header[12], header[13]]);
    if ethertype != TPID {
        return Some((
            Envelope {
                port,
                vlan: None,
                source,
                destination,
            },
            ethertype,
            rest,
        ));
    }
    let (tag, payload) = rest.split_first_chunk::<TAG_LEN>()?;
    let vlan = Some(u16::from_be_bytes([tag[0], tag[1]]) & VLAN_MASK);
    let ethertype = u16::from_be_bytes([tag[2], tag[3]]);
    Some((
        Envelope {
            port,
            vlan,
            source,
            destination,
        },
        ethertype,
        payload,
    ))
}

/// The IPv6 packet of a frame's payload, without the padding behind it.
pub(super) fn ipv6(payload: &[u8]) -> Option<(Ipv6Repr, &[u8])> {
    let packet = Ipv6Packet::new_checked(payload).ok()?;
    let repr = Ipv6Repr::parse(&packet).ok()?;
    Some((repr, &payload[..packet.total_len()]))
}

/// Puts a packet into a frame.
pub(super) fn close(envelope: Envelope, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHERNET_LEN + TAG_LEN + packet.len());
    frame.extend_from_slice(&envelope.destination);
    frame.extend_from_slice(&envelope.source);
    if let Some(vlan) = envelope.vlan {
        frame.extend_from_slice(&TPID.to_be_bytes());
        frame.extend_from_slice(&(vlan & VLAN_MASK).to_be_bytes());
    }
    frame.extend_from_slice(&ethertype.to_be_bytes());
    frame.extend_from_slice(packet);
    frame
}

/// An IPv6 packet; none when the payload does not fit one.
pub(super) fn build_ipv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next_header: IpProtocol,
    hop_limit: u8,
    payload: &[u8],
) -> Option<Vec<u8>> {
    u16::try_from(payload.len()).ok()?;
    let repr = Ipv6Repr {
        src_addr: source,
        dst_addr: destination,
        next_header,
        payload_len: payload.len(),
        hop_limit,
    };
    let mut packet = vec![0; IPV6_LEN + payload.len()];
    repr.emit(&mut Ipv6Packet::new_unchecked(&mut packet[..]));
    packet[IPV6_LEN..].copy_from_slice(payload);
    Some(packet)
}

/// Link-layer address of an IPv6 multicast group (RFC 2464 section 7).
pub(super) fn multicast_mac(group: Ipv6Addr) -> [u8; 6] {
    let octets = group.octets();
    [0x33, 0x33, octets[12], octets[13], octets[14], octets[15]]
}

/// Solicited-node multicast address (RFC 4291 section 2.7.1).
pub(super) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let octets = address.octets();
    let low = u16::from_be_bytes([octets[14], octets[15]]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(octets[13]), low)
}

/// Link-local address of a link-layer address (RFC 4291 appendix A).
pub(crate) fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        word(a ^ 2, b),
        word(c, 0xff),
        word(0xfe, d),
        word(e, f),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagged_frame_comes_back_as_it_was() {
        let envelope = Envelope {
            port: 3,
            vlan: Some(7),
            source: [1; 6],
            destination: [2; 6],
        };
        let frame = close(envelope, ETHERTYPE_IPV6, b"packet");
        assert_eq!(frame[12..18], [0x81, 0, 0, 7, 0x86, 0xdd]);
        assert_eq!(
            open(3, &frame),
            Some((envelope, ETHERTYPE_IPV6, &b"packet"[..]))
        );
        assert_eq!(open(3, &frame[..17]), None);
    }

    #[test]
    fn derived_addresses_are_those_of_the_rfcs() {
        let address: Ipv6Addr = "2001:db8::1:800:200e:8c6c".parse().unwrap();
        assert_eq!(solicited_node(address).to_string(), "ff02::1:ff0e:8c6c");
        assert_eq!(
            multicast_mac(solicited_node(address)),
            [0x33, 0x33, 0xff, 0x0e, 0x8c, 0x6c]
        );
        assert_eq!(
            link_local([0, 0, 0x5e, 0, 0x52, 0x13]).to_string(),
            "fe80::200:5eff:fe00:5213",
            "RFC 6543"
        );
    }
}
