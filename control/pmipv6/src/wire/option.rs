//! Mobility options (RFC 6275 section 6.2 and the RFCs named at each variant).

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

/// A mobility option. Pad1 and PadN are not represented: the encoder places them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MobilityOption {
    /// 2, RFC 6275 section 6.2.4: interval in units of 4 s.
    BindingRefreshAdvice(u16),
    /// 3, RFC 6275 section 6.2.5.
    AlternateCareOfAddress(Ipv6Addr),
    /// 4, RFC 6275 section 6.2.6.
    NonceIndices {
        /// Home nonce index.
        home: u16,
        /// Care-of nonce index.
        care_of: u16,
    },
    /// 5, RFC 6275 section 6.2.7: always the last option.
    BindingAuthorizationData([u8; 12]),
    /// 8, RFC 4283: subtype (1 is an NAI) and identifier.
    MnId {
        /// Subtype.
        subtype: u8,
        /// Identifier, any octets.
        identifier: Vec<u8>,
    },
    /// 18 with a sub-type of draft-jeong (wire.md section 11), or opaque.
    Experimental(Vec<u8>),
    /// 19, RFC 5094: vendor id, sub-type, data.
    VendorSpecific {
        /// SMI enterprise number.
        vendor: u32,
        /// Vendor's sub-type.
        subtype: u8,
        /// Vendor's data.
        data: Vec<u8>,
    },
    /// 22, RFC 5213 section 8.3; all-zero asks for allocation.
    HomeNetworkPrefix(Ipv6Net),
    /// 23, RFC 5213 section 8.4.
    HandoffIndicator(u8),
    /// 24, RFC 5213 section 8.5.
    AccessTechnologyType(u8),
    /// 25, RFC 5213 section 8.6.
    MnLinkLayerId(Vec<u8>),
    /// 26, RFC 5213 section 8.7.
    LinkLocalAddress(Ipv6Addr),
    /// 27, RFC 5213 section 8.8: 48 bits of seconds since 1970, 16 bits of 1/65536 s.
    Timestamp(u64),
    /// 28, RFC 5847 section 3.4.
    RestartCounter(u32),
    /// 29, RFC 5555 section 3.1.1.
    Ipv4HomeAddress {
        /// Prefix length, 0 to 32.
        prefix_len: u8,
        /// P flag: a prefix is asked for.
        prefix_request: bool,
        /// Address.
        address: Ipv4Addr,
    },
    /// 30, RFC 5555 section 3.2.1.
    Ipv4AddressAck {
        /// Status.
        status: u8,
        /// Prefix length.
        prefix_len: u8,
        /// Address.
        address: Ipv4Addr,
    },
    /// 31, RFC 5555 section 3.2.2.
    NatDetection {
        /// F flag: UDP encapsulation is forced.
        force_udp: bool,
        /// Keepalive interval, seconds; 0 ignore, all ones none needed.
        refresh_time_s: u32,
    },
    /// 32, RFC 5555 section 3.1.2.
    Ipv4CareOfAddress(Ipv4Addr),
    /// 33, RFC 5845 section 6.1: none means GRE without keys.
    GreKey(Option<u32>),
    /// 36, RFC 5844 section 3.3.1.
    Ipv4HomeAddressRequest {
        /// Prefix length.
        prefix_len: u8,
        /// Address, 0.0.0.0 asks for allocation.
        address: Ipv4Addr,
    },
    /// 37, RFC 5844 section 3.3.2.
    Ipv4HomeAddressReply {
        /// Status.
        status: u8,
        /// Prefix length.
        prefix_len: u8,
        /// Address.
        address: Ipv4Addr,
    },
    /// 38, RFC 5844 section 3.3.3.
    Ipv4DefaultRouter(Ipv4Addr),
    /// 39, RFC 5844 section 3.3.4: the MAG is the DHCP server (S=1).
    Ipv4DhcpSupportMode {
        /// S flag.
        server: bool,
    },
    /// 41, RFC 5949 section 6.2.2.
    LmaAddress(std::net::IpAddr),
    /// 46, RFC 6463 section 4.1.
    RedirectCapability,
    /// 47, RFC 6463 section 4.2.
    Redirect(std::net::IpAddr),
    /// 48, RFC 6463 section 4.3, opaque here.
    LoadInformation(Vec<u8>),
    /// 49, RFC 6463 section 4.4.
    AlternateIpv4CareOfAddress(Ipv4Addr),
    /// 51, RFC 6705 section 11.1: the drafts' MAG-ADDR (HL-7).
    MagIpv6Address(Ipv6Addr),
    /// 52, RFC 6757: sub-options, opaque here.
    AccessNetworkId(Vec<u8>),
    /// 55, RFC 7148, opaque here.
    DelegatedMobileNetworkPrefix(Vec<u8>),
    /// 59, RFC 7389 section 4; none asks for one.
    LmaUserPlaneAddress(Option<std::net::IpAddr>),
    /// Any other type: kept, not lost.
    Unknown {
        /// Option type.
        option_type: u8,
        /// Option data.
        data: Vec<u8>,
    },
}
