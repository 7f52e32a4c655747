//! ARP packets for IPv4 on Ethernet (RFC 826), of access links and of the transport network.

use std::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress};

/// An ARP packet for IPv4 on Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arp {
    pub(super) is_request: bool,
    pub(super) sender_mac: [u8; 6],
    /// Unspecified in a probe (RFC 5227 section 1.1).
    pub(super) sender: Ipv4Addr,
    pub(super) target_mac: [u8; 6],
    pub(super) target: Ipv4Addr,
}

impl Arp {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let packet = ArpPacket::new_checked(payload).ok()?;
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_hardware_addr,
            target_protocol_addr,
        } = ArpRepr::parse(&packet).ok()?
        else {
            return None;
        };
        Some(Self {
            is_request: operation == ArpOperation::Request,
            sender_mac: source_hardware_addr.0,
            sender: source_protocol_addr,
            target_mac: target_hardware_addr.0,
            target: target_protocol_addr,
        })
    }

    /// "`target` is at `mac`."
    pub(super) fn reply(&self, mac: [u8; 6]) -> Vec<u8> {
        let reply = Self {
            is_request: false,
            sender_mac: mac,
            sender: self.target,
            target_mac: self.sender_mac,
            target: self.sender,
        };
        reply.emit()
    }

    pub(super) fn emit(&self) -> Vec<u8> {
        let repr = ArpRepr::EthernetIpv4 {
            operation: match self.is_request {
                true => ArpOperation::Request,
                false => ArpOperation::Reply,
            },
            source_hardware_addr: EthernetAddress(self.sender_mac),
            source_protocol_addr: self.sender,
            target_hardware_addr: EthernetAddress(self.target_mac),
            target_protocol_addr: self.target,
        };
        let mut packet = vec![0; repr.buffer_len()];
        repr.emit(&mut ArpPacket::new_unchecked(&mut packet[..]));
        packet
    }
}
