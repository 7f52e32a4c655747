//! ARP on an access link (RFC 826; proxying as in RFC 1027): for the default router, and for the rest of
//! the home subnet, whose other MNs are not on this link. Never for the MN's own address: its address
//! conflict detection (RFC 5227) must stay unanswered.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use pmipv6::io::Ipv4Service;
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress};

/// An ARP packet as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) is_request: bool,
    pub(super) sender_mac: [u8; 6],
    /// Unspecified in a probe (RFC 5227 section 1.1).
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
}

impl Query {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let packet = ArpPacket::new_checked(payload).ok()?;
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        } = ArpRepr::parse(&packet).ok()?
        else {
            return None;
        };
        Some(Self {
            is_request: operation == ArpOperation::Request,
            sender_mac: source_hardware_addr.0,
            sender: source_protocol_addr,
            target: target_protocol_addr,
        })
    }

    /// "`target` is at `mac`."
    pub(super) fn reply(&self, mac: [u8; 6]) -> Vec<u8> {
        let repr = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: EthernetAddress(mac),
            source_protocol_addr: self.target,
            target_hardware_addr: EthernetAddress(self.sender_mac),
            target_protocol_addr: self.sender,
        };
        let mut packet = vec![0; repr.buffer_len()];
        repr.emit(&mut ArpPacket::new_unchecked(&mut packet));
        packet
    }
}

/// Whether the MN reaches `target` through us.
pub(super) fn is_ours(target: Ipv4Addr, service: &Ipv4Service, subnet: &Ipv4Net) -> bool {
    if target == service.address {
        return false;
    }
    // All of a subnet of two addresses are hosts (RFC 3021).
    let is_host =
        subnet.prefix_len() >= 31 || (target != subnet.network() && target != subnet.broadcast());
    target == service.default_router || (subnet.contains(&target) && is_host)
}
