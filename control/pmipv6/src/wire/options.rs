//! What a message's options say: the first option of a kind, or all of them, in the order of the message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use super::iana::mn_id_subtype;
use super::option::MobilityOption;

/// A Home Network Prefix that asks the LMA to choose (RFC 5213 section 8.3): `::/0`, ALL_ZERO.
pub const ALL_ZERO_HNP: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);

/// Whether a Home Network Prefix asks for allocation: the prefix is zero, whatever its length.
#[must_use]
pub fn is_all_zero(prefix: &Ipv6Net) -> bool {
    prefix.addr().is_unspecified()
}

impl MobilityOption {
    /// A Mobile Node Identifier that holds an NAI.
    #[must_use]
    pub fn nai(nai: &str) -> Self {
        Self::MnId {
            subtype: mn_id_subtype::NAI,
            identifier: nai.as_bytes().to_vec(),
        }
    }

    /// An IPv4 Home Address as RO and LR messages name an endpoint: a whole address, no prefix asked for.
    #[must_use]
    pub const fn ipv4_hoa(address: Ipv4Addr) -> Self {
        Self::Ipv4HomeAddress {
            prefix_len: super::decode_option::IPV4_BITS,
            prefix_request: false,
            address,
        }
    }
}

/// Accessors of the first option of a kind: `name(options) -> Option<value>`.
macro_rules! first {
    ($($(#[$doc:meta])* $name:ident: $value:ty = $pattern:pat => $result:expr;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(options: &[MobilityOption]) -> Option<$value> {
            options.iter().find_map(|option| match option {
                $pattern => Some($result),
                _ => None,
            })
        })*
    };
}

first! {
    /// Subtype and identifier of the Mobile Node Identifier.
    mn_id: (u8, &[u8]) = MobilityOption::MnId { subtype, identifier } => (*subtype, identifier.as_slice());
    /// Handoff Indicator.
    handoff_indicator: u8 = MobilityOption::HandoffIndicator(value) => *value;
    /// Access Technology Type.
    access_technology_type: u8 = MobilityOption::AccessTechnologyType(value) => *value;
    /// Identifier of the Mobile Node Link-layer Identifier.
    mn_link_layer_id: &[u8] = MobilityOption::MnLinkLayerId(identifier) => identifier.as_slice();
    /// Link-local Address.
    link_local_address: Ipv6Addr = MobilityOption::LinkLocalAddress(address) => *address;
    /// Timestamp, in units of 1/65536 s; see [`timestamp_to_duration`](super::timestamp_to_duration).
    timestamp: u64 = MobilityOption::Timestamp(value) => *value;
    /// Restart Counter.
    restart_counter: u32 = MobilityOption::RestartCounter(value) => *value;
    /// Alternate Care-of Address.
    alternate_care_of_address: Ipv6Addr = MobilityOption::AlternateCareOfAddress(address) => *address;
    /// Home and care-of nonce index.
    nonce_indices: (u16, u16) = MobilityOption::NonceIndices { home, care_of } => (*home, *care_of);
    /// Authenticator of the Binding Authorization Data.
    binding_authorization_data: &[u8; 12] = MobilityOption::BindingAuthorizationData(value) => value;
    /// Binding Refresh Advice, in units of 4 s.
    binding_refresh_advice: u16 = MobilityOption::BindingRefreshAdvice(value) => *value;
    /// Address of the IPv4 Home Address Request.
    ipv4_home_address_request: Ipv4Addr =
        MobilityOption::Ipv4HomeAddressRequest { address, .. } => *address;
    /// Status and address of the IPv4 Home Address Reply.
    ipv4_home_address_reply: (u8, Ipv4Addr) =
        MobilityOption::Ipv4HomeAddressReply { status, address, .. } => (*status, *address);
    /// IPv4 Default-Router Address.
    ipv4_default_router: Ipv4Addr = MobilityOption::Ipv4DefaultRouter(address) => *address;
    /// Whether the MAG is to be the DHCP server.
    ipv4_dhcp_server: bool = MobilityOption::Ipv4DhcpSupportMode { server } => *server;
    /// IPv4 Care-of Address.
    ipv4_care_of_address: Ipv4Addr = MobilityOption::Ipv4CareOfAddress(address) => *address;
    /// Alternate IPv4 Care-of Address.
    alternate_ipv4_care_of_address: Ipv4Addr =
        MobilityOption::AlternateIpv4CareOfAddress(address) => *address;
    /// F flag and refresh time (seconds) of the NAT Detection.
    nat_detection: (bool, u32) =
        MobilityOption::NatDetection { force_udp, refresh_time_s } => (*force_udp, *refresh_time_s);
    /// GRE Key; the inner none is GRE without keys.
    gre_key: Option<u32> = MobilityOption::GreKey(key) => *key;
    /// MAG IPv6 Address, the drafts' MAG-ADDR.
    mag_ipv6_address: Ipv6Addr = MobilityOption::MagIpv6Address(address) => *address;
    /// LMA Address.
    lma_address: IpAddr = MobilityOption::LmaAddress(address) => *address;
    /// Redirect.
    redirect: IpAddr = MobilityOption::Redirect(address) => *address;
}

/// The Mobile Node Identifier as an NAI; none if it has another subtype, is empty or not UTF-8.
#[must_use]
pub fn nai(options: &[MobilityOption]) -> Option<&str> {
    let (subtype, identifier) = mn_id(options)?;
    let nai = std::str::from_utf8(identifier).ok()?;
    (subtype == mn_id_subtype::NAI && !nai.is_empty()).then_some(nai)
}

/// Every Home Network Prefix, as it stands in the option: host bits are kept.
pub fn home_network_prefixes(options: &[MobilityOption]) -> impl Iterator<Item = Ipv6Net> + '_ {
    options.iter().filter_map(|option| match option {
        MobilityOption::HomeNetworkPrefix(prefix) => Some(*prefix),
        _ => None,
    })
}

/// Address and prefix length of every IPv4 Home Address.
pub fn ipv4_home_addresses(
    options: &[MobilityOption],
) -> impl Iterator<Item = (Ipv4Addr, u8)> + '_ {
    options.iter().filter_map(|option| match option {
        MobilityOption::Ipv4HomeAddress {
            address,
            prefix_len,
            ..
        } => Some((*address, *prefix_len)),
        _ => None,
    })
}
