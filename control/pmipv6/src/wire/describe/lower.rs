//! Field tables and names of the layers under the Mobility Header.

use super::layout::{Row, Show};

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(super) const ETHERTYPE_VLAN: u16 = 0x8100;
pub(super) const ETHERTYPE_QINQ: u16 = 0x88a8;

pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const ICMP: u8 = 1;
pub(super) const IPV4: u8 = 4;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const GRE: u8 = 47;
pub(super) const ESP: u8 = 50;
pub(super) const ICMPV6: u8 = 58;
pub(super) const DESTINATION_OPTIONS: u8 = 60;

const NEXT_HEADER: Row = Row("Next Header", 8, Show::Code(protocol_name));

pub(super) const ETHERNET: &[Row] = &[
    Row("Destination", 48, Show::Octets),
    Row("Source", 48, Show::Octets),
    Row("EtherType", 16, Show::Code16(ethertype_name)),
];

pub(super) const VLAN: &[Row] = &[
    Row("PCP", 3, Show::Number),
    Row("DEI", 1, Show::Number),
    Row("VLAN Identifier", 12, Show::Number),
    Row("EtherType", 16, Show::Code16(ethertype_name)),
];

pub(super) const IPV6_HEADER: &[Row] = &[
    Row("Version", 4, Show::Number),
    Row("Traffic Class", 8, Show::Hex),
    Row("Flow Label", 20, Show::Hex),
    Row("Payload Length", 16, Show::Number),
    NEXT_HEADER,
    Row("Hop Limit", 8, Show::Number),
    Row("Source Address", 128, Show::Address),
    Row("Destination Address", 128, Show::Address),
];

pub(super) const IPV4_HEADER: &[Row] = &[
    Row("Version", 4, Show::Number),
    Row("IHL", 4, Show::Number),
    Row("Type of Service", 8, Show::Hex),
    Row("Total Length", 16, Show::Number),
    Row("Identification", 16, Show::Hex),
    Row("Flags", 3, Show::Flags(&[(2, "DF"), (1, "MF")])),
    Row("Fragment Offset", 13, Show::Number),
    Row("Time to Live", 8, Show::Number),
    Row("Protocol", 8, Show::Code(protocol_name)),
    Row("Header Checksum", 16, Show::Hex),
    Row("Source Address", 32, Show::Address),
    Row("Destination Address", 32, Show::Address),
];

pub(super) const UDP_HEADER: &[Row] = &[
    Row("Source Port", 16, Show::Number),
    Row("Destination Port", 16, Show::Number),
    Row("Length", 16, Show::Number),
    Row("Checksum", 16, Show::Hex),
];

/// RFC 5845 section 7.
pub(super) const TLV_HEADER: &[Row] = &[
    Row("Type", 4, Show::Number),
    Row("Reserved", 4, Show::Hex),
    NEXT_HEADER,
    Row("Length", 16, Show::Number),
];

pub(super) const GRE_HEADER: &[Row] = &[
    Row(
        "Flags",
        13,
        Show::Flags(&[(0x1000, "C"), (0x0400, "K"), (0x0200, "S")]),
    ),
    Row("Version", 3, Show::Number),
    Row("Protocol Type", 16, Show::Code16(ethertype_name)),
];

pub(super) const ESP_HEADER: &[Row] = &[
    Row("Security Parameters Index (SPI)", 32, Show::Hex),
    Row("Sequence Number", 32, Show::Number),
];

pub(super) const ICMPV6_HEADER: &[Row] = &[
    Row("Type", 8, Show::Code(icmpv6_name)),
    Row("Code", 8, Show::Number),
    Row("Checksum", 16, Show::Hex),
];

pub(super) const EXTENSION: &[Row] = &[NEXT_HEADER, Row("Hdr Ext Len", 8, Show::Number)];

pub(super) const ROUTING_HEADER: &[Row] = &[
    NEXT_HEADER,
    Row("Hdr Ext Len", 8, Show::Number),
    Row("Routing Type", 8, Show::Number),
    Row("Segments Left", 8, Show::Number),
    Row("Reserved", 32, Show::Hex),
    Row("Home Address", 128, Show::Address),
];

pub(super) const FRAGMENT_HEADER: &[Row] = &[
    NEXT_HEADER,
    Row("Reserved", 8, Show::Hex),
    Row("Fragment Offset", 13, Show::Number),
    Row("Res", 2, Show::Hex),
    Row("M", 1, Show::Number),
    Row("Identification", 32, Show::Hex),
];

/// Tunnel Encapsulation Limit (RFC 2473 section 4.1.1).
pub(super) const OPTION_ENCAPSULATION_LIMIT: u8 = 4;
/// Home Address (RFC 6275 section 6.3).
pub(super) const OPTION_HOME_ADDRESS: u8 = 201;

/// Name of an IP protocol or IPv6 extension header.
pub(super) const fn protocol_name(code: u8) -> &'static str {
    match code {
        HOP_BY_HOP => "Hop-by-Hop Options",
        ICMP => "ICMP",
        IPV4 => "IPv4",
        6 => "TCP",
        UDP => "UDP",
        IPV6 => "IPv6",
        ROUTING => "Routing",
        FRAGMENT => "Fragment",
        GRE => "GRE",
        ESP => "Encapsulating Security Payload",
        51 => "Authentication Header",
        ICMPV6 => "ICMPv6",
        crate::wire::iana::NO_NEXT_HEADER => "No Next Header",
        DESTINATION_OPTIONS => "Destination Options",
        132 => "SCTP",
        crate::wire::iana::NEXT_HEADER_MH => "Mobility Header",
        _ => "unknown",
    }
}

const fn ethertype_name(code: u16) -> &'static str {
    match code {
        ETHERTYPE_IPV4 => "IPv4",
        0x0806 => "ARP",
        ETHERTYPE_VLAN => "802.1Q",
        ETHERTYPE_IPV6 => "IPv6",
        ETHERTYPE_QINQ => "802.1ad",
        _ => "unknown",
    }
}

/// Name of an ICMPv6 type.
pub(super) const fn icmpv6_name(code: u8) -> &'static str {
    match code {
        1 => "Destination Unreachable",
        2 => "Packet Too Big",
        3 => "Time Exceeded",
        4 => "Parameter Problem",
        128 => "Echo Request",
        129 => "Echo Reply",
        130 => "Multicast Listener Query",
        131 => "Multicast Listener Report",
        132 => "Multicast Listener Done",
        133 => "Router Solicitation",
        134 => "Router Advertisement",
        135 => "Neighbor Solicitation",
        136 => "Neighbor Advertisement",
        137 => "Redirect",
        143 => "Version 2 Multicast Listener Report",
        144 => "Home Agent Address Discovery Request",
        145 => "Home Agent Address Discovery Reply",
        146 => "Mobile Prefix Solicitation",
        147 => "Mobile Prefix Advertisement",
        _ => "unknown",
    }
}
