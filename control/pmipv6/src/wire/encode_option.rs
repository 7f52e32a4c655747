//! Mobility options to octets, with their alignment.

use std::net::IpAddr;

use bytes::BufMut;

use super::decode_option::{
    DHCP_S, IPV4_BITS, IPV4_HOA_P, LMA_CODE_IPV4, LMA_CODE_IPV6, MAG_ADDRESS_BITS, NAT_F,
    REDIRECT_K, REDIRECT_N, is_known,
};
use super::encode::refuse;
use super::error::WireError;
use super::iana::{experimental_subtype, option as iana};
use super::option::MobilityOption;

/// Most data that an option's length octet can count.
pub(super) const MAX_OPTION_DATA: usize = 255;

/// Where an option's type octet may stand: at `modulo * n + rest` from the start of the Mobility Header.
struct Alignment {
    modulo: usize,
    rest: usize,
}

const ANY: Alignment = at(1, 0);

const fn at(modulo: usize, rest: usize) -> Alignment {
    Alignment { modulo, rest }
}

/// Octets of padding in front of an option that would otherwise stand at `offset`.
pub(super) fn padding_before(option: &MobilityOption, offset: usize) -> usize {
    let Alignment { modulo, rest } = option.alignment();
    (modulo + rest - offset % modulo) % modulo
}

/// Whether an option may stand at this offset.
pub(super) fn is_aligned(option: &MobilityOption, offset: usize) -> bool {
    padding_before(option, offset) == 0
}

/// Pad1 for one octet, PadN for more (RFC 6275 sections 6.2.2, 6.2.3).
pub(super) fn emit_padding(octets: usize, out: &mut impl BufMut) {
    match octets {
        0 => {}
        1 => out.put_u8(iana::PAD1),
        // At most 7: the largest modulo is 8.
        n => {
            out.put_u8(iana::PADN);
            out.put_u8((n - 2) as u8);
            out.put_bytes(0, n - 2);
        }
    }
}

impl MobilityOption {
    /// Option type.
    #[must_use]
    pub const fn option_type(&self) -> u8 {
        match self {
            Self::BindingRefreshAdvice(_) => iana::BINDING_REFRESH_ADVICE,
            Self::AlternateCareOfAddress(_) => iana::ALTERNATE_CARE_OF_ADDRESS,
            Self::NonceIndices { .. } => iana::NONCE_INDICES,
            Self::BindingAuthorizationData(_) => iana::BINDING_AUTHORIZATION_DATA,
            Self::MnId { .. } => iana::MN_ID,
            Self::Experimental(_) => iana::EXPERIMENTAL,
            Self::VendorSpecific { .. } => iana::VENDOR_SPECIFIC,
            Self::HomeNetworkPrefix(_) => iana::HOME_NETWORK_PREFIX,
            Self::HandoffIndicator(_) => iana::HANDOFF_INDICATOR,
            Self::AccessTechnologyType(_) => iana::ACCESS_TECHNOLOGY_TYPE,
            Self::MnLinkLayerId(_) => iana::MN_LINK_LAYER_ID,
            Self::LinkLocalAddress(_) => iana::LINK_LOCAL_ADDRESS,
            Self::Timestamp(_) => iana::TIMESTAMP,
            Self::RestartCounter(_) => iana::RESTART_COUNTER,
            Self::Ipv4HomeAddress { .. } => iana::IPV4_HOME_ADDRESS,
            Self::Ipv4AddressAck { .. } => iana::IPV4_ADDRESS_ACK,
            Self::NatDetection { .. } => iana::NAT_DETECTION,
            Self::Ipv4CareOfAddress(_) => iana::IPV4_CARE_OF_ADDRESS,
            Self::GreKey(_) => iana::GRE_KEY,
            Self::Ipv4HomeAddressRequest { .. } => iana::IPV4_HOME_ADDRESS_REQUEST,
            Self::Ipv4HomeAddressReply { .. } => iana::IPV4_HOME_ADDRESS_REPLY,
            Self::Ipv4DefaultRouter(_) => iana::IPV4_DEFAULT_ROUTER,
            Self::Ipv4DhcpSupportMode { .. } => iana::IPV4_DHCP_SUPPORT_MODE,
            Self::LmaAddress(_) => iana::LMA_ADDRESS,
            Self::RedirectCapability => iana::REDIRECT_CAPABILITY,
            Self::Redirect(_) => iana::REDIRECT,
            Self::LoadInformation(_) => iana::LOAD_INFORMATION,
            Self::AlternateIpv4CareOfAddress(_) => iana::ALTERNATE_IPV4_CARE_OF_ADDRESS,
            Self::MagIpv6Address(_) => iana::MAG_IPV6_ADDRESS,
            Self::AccessNetworkId(_) => iana::ACCESS_NETWORK_ID,
            Self::DelegatedMobileNetworkPrefix(_) => iana::DELEGATED_MOBILE_NETWORK_PREFIX,
            Self::LmaUserPlaneAddress(_) => iana::LMA_USER_PLANE_ADDRESS,
            Self::Unknown { option_type, .. } => *option_type,
        }
    }

    /// Octets after the length octet.
    #[must_use]
    pub fn data_len(&self) -> usize {
        match self {
            Self::BindingRefreshAdvice(_)
            | Self::HandoffIndicator(_)
            | Self::AccessTechnologyType(_)
            | Self::GreKey(None)
            | Self::Ipv4DhcpSupportMode { .. }
            | Self::RedirectCapability
            | Self::LmaUserPlaneAddress(None) => 2,
            Self::NonceIndices { .. }
            | Self::RestartCounter(_)
            | Self::AlternateIpv4CareOfAddress(_) => 4,
            Self::Ipv4HomeAddress { .. }
            | Self::Ipv4AddressAck { .. }
            | Self::NatDetection { .. }
            | Self::Ipv4CareOfAddress(_)
            | Self::GreKey(Some(_))
            | Self::Ipv4HomeAddressRequest { .. }
            | Self::Ipv4HomeAddressReply { .. }
            | Self::Ipv4DefaultRouter(_)
            | Self::LmaAddress(IpAddr::V4(_))
            | Self::Redirect(IpAddr::V4(_))
            | Self::LmaUserPlaneAddress(Some(IpAddr::V4(_))) => 6,
            Self::Timestamp(_) => 8,
            Self::BindingAuthorizationData(_) => 12,
            Self::AlternateCareOfAddress(_) | Self::LinkLocalAddress(_) => 16,
            Self::HomeNetworkPrefix(_)
            | Self::MagIpv6Address(_)
            | Self::LmaAddress(IpAddr::V6(_))
            | Self::Redirect(IpAddr::V6(_))
            | Self::LmaUserPlaneAddress(Some(IpAddr::V6(_))) => 18,
            Self::MnId { identifier, .. } => 1 + identifier.len(),
            Self::VendorSpecific { data, .. } => 5 + data.len(),
            Self::MnLinkLayerId(identifier) => 2 + identifier.len(),
            Self::Experimental(data)
            | Self::LoadInformation(data)
            | Self::AccessNetworkId(data)
            | Self::DelegatedMobileNetworkPrefix(data)
            | Self::Unknown { data, .. } => data.len(),
        }
    }

    /// The alignment that the option's RFC asks of a sender.
    fn alignment(&self) -> Alignment {
        match self {
            Self::BindingRefreshAdvice(_) | Self::NonceIndices { .. } => at(2, 0),
            Self::AlternateCareOfAddress(_) | Self::LinkLocalAddress(_) => at(8, 6),
            // RFC 6275 section 6.2.7 names no alignment: this one makes the option end the message.
            Self::BindingAuthorizationData(_)
            | Self::Timestamp(_)
            | Self::DelegatedMobileNetworkPrefix(_)
            | Self::LmaUserPlaneAddress(_) => at(8, 2),
            Self::HomeNetworkPrefix(_) | Self::MagIpv6Address(_) => at(8, 4),
            Self::RestartCounter(_) | Self::AlternateIpv4CareOfAddress(_) => at(4, 2),
            Self::Ipv4HomeAddress { .. }
            | Self::Ipv4AddressAck { .. }
            | Self::NatDetection { .. }
            | Self::Ipv4CareOfAddress(_)
            | Self::GreKey(_)
            | Self::Ipv4HomeAddressRequest { .. }
            | Self::Ipv4HomeAddressReply { .. }
            | Self::Ipv4DefaultRouter(_)
            | Self::RedirectCapability
            | Self::Redirect(_)
            | Self::LoadInformation(_) => at(4, 0),
            Self::MnLinkLayerId(identifier) => link_layer_alignment(identifier.len()),
            Self::Experimental(data) => experimental_alignment(data),
            Self::MnId { .. }
            | Self::VendorSpecific { .. }
            | Self::HandoffIndicator(_)
            | Self::AccessTechnologyType(_)
            | Self::Ipv4DhcpSupportMode { .. }
            | Self::LmaAddress(_)
            | Self::AccessNetworkId(_)
            | Self::Unknown { .. } => ANY,
        }
    }

    /// Refuses what has no octets.
    pub(super) fn check(&self) -> Result<(), WireError> {
        let name = || iana::name(self.option_type());
        if self.data_len() > MAX_OPTION_DATA {
            let problem = format!(
                "{} octets of data, at most {MAX_OPTION_DATA}",
                self.data_len()
            );
            return Err(refuse(name(), problem));
        }
        match self {
            Self::Ipv4HomeAddress { prefix_len, .. }
            | Self::Ipv4AddressAck { prefix_len, .. }
            | Self::Ipv4HomeAddressRequest { prefix_len, .. }
            | Self::Ipv4HomeAddressReply { prefix_len, .. }
                if *prefix_len > IPV4_BITS =>
            {
                Err(refuse(
                    name(),
                    format!("prefix length {prefix_len}, at most 32"),
                ))
            }
            Self::Unknown { option_type, .. } if is_known(*option_type) => {
                Err(refuse(name(), "has a variant of its own"))
            }
            _ => Ok(()),
        }
    }

    /// Appends type, length and data; [`MobilityOption::check`] said that they fit.
    pub(super) fn emit(&self, out: &mut impl BufMut) {
        out.put_u8(self.option_type());
        out.put_u8(self.data_len() as u8);
        match self {
            Self::BindingRefreshAdvice(interval) => out.put_u16(*interval),
            Self::NonceIndices { home, care_of } => {
                out.put_u16(*home);
                out.put_u16(*care_of);
            }
            Self::BindingAuthorizationData(authenticator) => out.put_slice(authenticator),
            Self::MnId {
                subtype,
                identifier,
            } => {
                out.put_u8(*subtype);
                out.put_slice(identifier);
            }
            Self::VendorSpecific {
                vendor,
                subtype,
                data,
            } => {
                out.put_u32(*vendor);
                out.put_u8(*subtype);
                out.put_slice(data);
            }
            Self::HandoffIndicator(value) | Self::AccessTechnologyType(value) => {
                out.put_slice(&[0, *value]);
            }
            Self::MnLinkLayerId(identifier) => {
                out.put_u16(0);
                out.put_slice(identifier);
            }
            Self::Timestamp(value) => out.put_u64(*value),
            Self::RestartCounter(value) => out.put_u32(*value),
            Self::GreKey(key) => {
                out.put_u16(0);
                if let Some(key) = key {
                    out.put_u32(*key);
                }
            }
            Self::Ipv4DhcpSupportMode { server } => {
                out.put_slice(&[0, if *server { DHCP_S } else { 0 }]);
            }
            Self::RedirectCapability => out.put_u16(0),
            Self::Experimental(data)
            | Self::LoadInformation(data)
            | Self::AccessNetworkId(data)
            | Self::DelegatedMobileNetworkPrefix(data)
            | Self::Unknown { data, .. } => out.put_slice(data),
            _ => self.emit_address(out),
        }
    }

    /// The options that end in an address: what stands before it, then the address.
    fn emit_address(&self, out: &mut impl BufMut) {
        let (before, address): (&[u8], IpAddr) = match self {
            Self::AlternateCareOfAddress(address) | Self::LinkLocalAddress(address) => {
                (&[], (*address).into())
            }
            Self::AlternateIpv4CareOfAddress(address) => (&[], (*address).into()),
            Self::HomeNetworkPrefix(prefix) => (&[0, prefix.prefix_len()], prefix.addr().into()),
            Self::MagIpv6Address(address) => (&[0, MAG_ADDRESS_BITS], (*address).into()),
            Self::Ipv4HomeAddress {
                prefix_len,
                prefix_request,
                address,
            } => {
                let flag = if *prefix_request { IPV4_HOA_P } else { 0 };
                (&[*prefix_len << 2 | flag, 0], (*address).into())
            }
            Self::Ipv4HomeAddressRequest {
                prefix_len,
                address,
            } => (&[*prefix_len << 2, 0], (*address).into()),
            Self::Ipv4AddressAck {
                status,
                prefix_len,
                address,
            }
            | Self::Ipv4HomeAddressReply {
                status,
                prefix_len,
                address,
            } => (&[*status, *prefix_len << 2], (*address).into()),
            Self::NatDetection {
                force_udp,
                refresh_time_s,
            } => {
                out.put_slice(&[if *force_udp { NAT_F } else { 0 }, 0]);
                return out.put_u32(*refresh_time_s);
            }
            Self::Ipv4CareOfAddress(address) | Self::Ipv4DefaultRouter(address) => {
                (&[0, 0], (*address).into())
            }
            Self::LmaAddress(address) => {
                let code = if address.is_ipv6() {
                    LMA_CODE_IPV6
                } else {
                    LMA_CODE_IPV4
                };
                (&[code, 0], *address)
            }
            Self::Redirect(address) => {
                let flag = if address.is_ipv6() {
                    REDIRECT_K
                } else {
                    REDIRECT_N
                };
                (&[flag, 0], *address)
            }
            Self::LmaUserPlaneAddress(Some(address)) => (&[0, 0], *address),
            _ => return out.put_bytes(0, self.data_len()),
        };
        out.put_slice(before);
        match address {
            IpAddr::V4(address) => out.put_slice(&address.octets()),
            IpAddr::V6(address) => out.put_slice(&address.octets()),
        }
    }
}

/// RFC 5213 section 8.6: "aligned appropriately", so the identifier, four octets in, stands at a
/// multiple of the largest power of two that its length is a multiple of.
fn link_layer_alignment(identifier_len: usize) -> Alignment {
    match identifier_len {
        0 => ANY,
        n if n.is_multiple_of(8) => at(8, 4),
        n if n.is_multiple_of(4) => at(4, 0),
        n if n.is_multiple_of(2) => at(2, 0),
        _ => ANY,
    }
}

/// Options of draft-jeong align like those that they resemble; other experiments do not.
fn experimental_alignment(data: &[u8]) -> Alignment {
    match (data.first(), data.len()) {
        (Some(&(experimental_subtype::IPV6_CN_HNP | experimental_subtype::IPV6_RO_ACK)), 18) => {
            at(8, 4)
        }
        (Some(&(experimental_subtype::IPV4_CN_HAO | experimental_subtype::IPV4_RO_ACK)), 6) => {
            at(4, 0)
        }
        _ => ANY,
    }
}
