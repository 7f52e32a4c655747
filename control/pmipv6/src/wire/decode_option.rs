//! Octets to mobility options (RFC 6275 section 6.2.1 and the RFC named at each variant).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Buf;
use ipnet::Ipv6Net;

use super::encode_option::is_aligned;
use super::error::WireError;
use super::iana::option as iana;
use super::option::MobilityOption;

/// Longest IPv4 prefix, bits.
pub(super) const IPV4_BITS: u8 = 32;
/// The Address Length that RFC 6705 section 11.1 demands, bits.
pub(super) const MAG_ADDRESS_BITS: u8 = 128;

/// Decodes the options of a message, and says whether all are aligned; `start` is where they begin in the
/// Mobility Header.
pub(super) fn decode_options(
    bytes: &[u8],
    start: usize,
) -> Result<(Vec<MobilityOption>, bool), WireError> {
    let mut options = Vec::new();
    let mut aligned = true;
    let mut authenticated = None;
    for raw in RawOptions::new(bytes, start) {
        let raw = raw?;
        if raw.is_padding() {
            continue;
        }
        if let Some(bad) = authenticated {
            return Err(RawOption::error(&bad, "is not the last option"));
        }
        if raw.option_type == iana::BINDING_AUTHORIZATION_DATA {
            authenticated = Some(raw);
        }
        let option = decode_option(&raw)?;
        aligned &= is_aligned(&option, raw.offset);
        options.push(option);
    }
    Ok((options, aligned))
}

/// An option as it stands in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawOption<'a> {
    /// Type.
    pub(super) option_type: u8,
    /// Where the type octet is in the Mobility Header.
    pub(super) offset: usize,
    /// Data after the length octet; empty for Pad1.
    pub(super) data: &'a [u8],
}

impl RawOption<'_> {
    /// Pad1 or PadN.
    pub(super) const fn is_padding(&self) -> bool {
        matches!(self.option_type, iana::PAD1 | iana::PADN)
    }

    /// An error that names this option.
    pub(super) fn error(&self, problem: impl Into<String>) -> WireError {
        WireError::Option {
            option_type: self.option_type,
            offset: self.offset,
            // The data is at most 255 octets: it was cut by the length octet.
            length: self.data.len() as u8,
            problem: problem.into(),
        }
    }
}

/// Walks type, length, data to the end of the header; ends after the first error.
pub(super) struct RawOptions<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> RawOptions<'a> {
    /// `start` is where `bytes` begin in the Mobility Header.
    pub(super) const fn new(bytes: &'a [u8], start: usize) -> Self {
        Self {
            rest: bytes,
            offset: start,
        }
    }
}

impl<'a> Iterator for RawOptions<'a> {
    type Item = Result<RawOption<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let (&option_type, after_type) = rest.split_first()?;
        let offset = self.offset;
        if option_type == iana::PAD1 {
            self.rest = after_type;
            self.offset += 1;
            return Some(Ok(RawOption {
                option_type,
                offset,
                data: &[],
            }));
        }
        let cut = |length, problem: String| {
            Some(Err(WireError::Option {
                option_type,
                offset,
                length,
                problem,
            }))
        };
        let Some((&length, after_length)) = after_type.split_first() else {
            return cut(
                0,
                "is missing: the header ends after the option type".to_owned(),
            );
        };
        let Some((data, after)) = after_length.split_at_checked(usize::from(length)) else {
            let left = after_length.len();
            return cut(
                length,
                format!("runs past the end of the header, {left} octets left"),
            );
        };
        self.rest = after;
        self.offset += 2 + data.len();
        Some(Ok(RawOption {
            option_type,
            offset,
            data,
        }))
    }
}

/// Decodes one option that is not padding.
pub(super) fn decode_option(raw: &RawOption<'_>) -> Result<MobilityOption, WireError> {
    use MobilityOption as O;
    let mut at = raw.data;
    let option = match raw.option_type {
        iana::BINDING_REFRESH_ADVICE => {
            exactly(raw, 2)?;
            O::BindingRefreshAdvice(at.get_u16())
        }
        iana::ALTERNATE_CARE_OF_ADDRESS => O::AlternateCareOfAddress(ipv6(raw, 0)?),
        iana::NONCE_INDICES => {
            exactly(raw, 4)?;
            O::NonceIndices {
                home: at.get_u16(),
                care_of: at.get_u16(),
            }
        }
        iana::BINDING_AUTHORIZATION_DATA => {
            O::BindingAuthorizationData(raw.data.try_into().map_err(|_| raw.error("must be 12"))?)
        }
        iana::MN_ID => {
            at_least(raw, 1)?;
            O::MnId {
                subtype: at.get_u8(),
                identifier: at.to_vec(),
            }
        }
        iana::EXPERIMENTAL => O::Experimental(at.to_vec()),
        iana::VENDOR_SPECIFIC => {
            at_least(raw, 5)?;
            O::VendorSpecific {
                vendor: at.get_u32(),
                subtype: at.get_u8(),
                data: at.to_vec(),
            }
        }
        iana::RESTART_COUNTER => {
            exactly(raw, 4)?;
            O::RestartCounter(at.get_u32())
        }
        iana::LOAD_INFORMATION => O::LoadInformation(at.to_vec()),
        iana::ACCESS_NETWORK_ID => O::AccessNetworkId(at.to_vec()),
        22..=27 => decode_rfc5213(raw)?,
        29..=32 | 36..=39 | iana::ALTERNATE_IPV4_CARE_OF_ADDRESS => decode_ipv4(raw)?,
        iana::GRE_KEY => match raw.data.len() {
            2 => O::GreKey(None),
            6 => {
                at.advance(2);
                O::GreKey(Some(at.get_u32()))
            }
            _ => return Err(raw.error("must be 2 or 6")),
        },
        iana::LMA_ADDRESS | iana::REDIRECT => decode_lma(raw)?,
        iana::REDIRECT_CAPABILITY => {
            exactly(raw, 2)?;
            O::RedirectCapability
        }
        iana::MAG_IPV6_ADDRESS => {
            let address = ipv6(raw, 2)?;
            if raw.data[1] != MAG_ADDRESS_BITS {
                return Err(raw.error(format!("Address Length is {}, must be 128", raw.data[1])));
            }
            O::MagIpv6Address(address)
        }
        iana::DELEGATED_MOBILE_NETWORK_PREFIX => O::DelegatedMobileNetworkPrefix(at.to_vec()),
        iana::LMA_USER_PLANE_ADDRESS => O::LmaUserPlaneAddress(match raw.data.len() {
            2 => None,
            6 => Some(ipv4(raw, 2)?.into()),
            18 => Some(ipv6(raw, 2)?.into()),
            _ => return Err(raw.error("must be 2, 6 or 18")),
        }),
        option_type => O::Unknown {
            option_type,
            data: at.to_vec(),
        },
    };
    Ok(option)
}

/// Whether [`decode_option`] has a variant of its own for this type, or it is padding.
pub(super) const fn is_known(option_type: u8) -> bool {
    matches!(
        option_type,
        0..=5 | 8 | 18 | 19 | 22..=33 | 36..=39 | 41 | 46..=49 | 51 | 52 | 55 | 59
    )
}

/// RFC 5213 section 8.
fn decode_rfc5213(raw: &RawOption<'_>) -> Result<MobilityOption, WireError> {
    use MobilityOption as O;
    let mut at = raw.data;
    Ok(match raw.option_type {
        iana::HOME_NETWORK_PREFIX => {
            let address = ipv6(raw, 2)?;
            let prefix_len = raw.data[1];
            let prefix = Ipv6Net::new(address, prefix_len)
                .map_err(|_| raw.error(format!("Prefix Length is {prefix_len}, at most 128")))?;
            O::HomeNetworkPrefix(prefix)
        }
        iana::HANDOFF_INDICATOR => {
            exactly(raw, 2)?;
            O::HandoffIndicator(raw.data[1])
        }
        iana::ACCESS_TECHNOLOGY_TYPE => {
            exactly(raw, 2)?;
            O::AccessTechnologyType(raw.data[1])
        }
        iana::MN_LINK_LAYER_ID => {
            at_least(raw, 2)?;
            O::MnLinkLayerId(raw.data[2..].to_vec())
        }
        iana::LINK_LOCAL_ADDRESS => O::LinkLocalAddress(ipv6(raw, 0)?),
        _ => {
            exactly(raw, 8)?;
            O::Timestamp(at.get_u64())
        }
    })
}

/// The IPv4 options of RFC 5555, RFC 5844 and RFC 6463.
fn decode_ipv4(raw: &RawOption<'_>) -> Result<MobilityOption, WireError> {
    use MobilityOption as O;
    if raw.option_type == iana::IPV4_DHCP_SUPPORT_MODE {
        exactly(raw, 2)?;
        return Ok(O::Ipv4DhcpSupportMode {
            server: raw.data[1] & DHCP_S != 0,
        });
    }
    if raw.option_type == iana::ALTERNATE_IPV4_CARE_OF_ADDRESS {
        return Ok(O::AlternateIpv4CareOfAddress(ipv4(raw, 0)?));
    }
    let address = ipv4(raw, 2)?;
    let [first, second] = [raw.data[0], raw.data[1]];
    Ok(match raw.option_type {
        iana::IPV4_HOME_ADDRESS => O::Ipv4HomeAddress {
            prefix_len: ipv4_prefix_len(raw, first)?,
            prefix_request: first & IPV4_HOA_P != 0,
            address,
        },
        iana::IPV4_ADDRESS_ACK => O::Ipv4AddressAck {
            status: first,
            prefix_len: ipv4_prefix_len(raw, second)?,
            address,
        },
        iana::NAT_DETECTION => O::NatDetection {
            force_udp: first & NAT_F != 0,
            refresh_time_s: address.to_bits(),
        },
        iana::IPV4_CARE_OF_ADDRESS => O::Ipv4CareOfAddress(address),
        iana::IPV4_HOME_ADDRESS_REQUEST => O::Ipv4HomeAddressRequest {
            prefix_len: ipv4_prefix_len(raw, first)?,
            address,
        },
        iana::IPV4_HOME_ADDRESS_REPLY => O::Ipv4HomeAddressReply {
            status: first,
            prefix_len: ipv4_prefix_len(raw, second)?,
            address,
        },
        _ => O::Ipv4DefaultRouter(address),
    })
}

/// LMA Address (RFC 5949 section 6.2.2) and Redirect (RFC 6463 section 4.2).
fn decode_lma(raw: &RawOption<'_>) -> Result<MobilityOption, WireError> {
    at_least(raw, 2)?;
    let redirect = raw.option_type == iana::REDIRECT;
    let (is_ipv6, is_ipv4) = if redirect {
        (raw.data[0] & REDIRECT_K != 0, raw.data[0] & REDIRECT_N != 0)
    } else {
        (raw.data[0] == LMA_CODE_IPV6, raw.data[0] == LMA_CODE_IPV4)
    };
    let address: IpAddr = match (is_ipv6, is_ipv4) {
        (true, false) => ipv6(raw, 2)?.into(),
        (false, true) => ipv4(raw, 2)?.into(),
        _ if redirect => return Err(raw.error("exactly one of the flags K and N must be set")),
        _ => return Err(raw.error(format!("Option-Code is {}, must be 1 or 2", raw.data[0]))),
    };
    Ok(if redirect {
        MobilityOption::Redirect(address)
    } else {
        MobilityOption::LmaAddress(address)
    })
}

/// S flag of IPv4 DHCP Support Mode, second octet.
pub(super) const DHCP_S: u8 = 0x01;
/// P flag of IPv4 Home Address, first octet.
pub(super) const IPV4_HOA_P: u8 = 0x02;
/// F flag of NAT Detection, first octet.
pub(super) const NAT_F: u8 = 0x80;
/// K flag of Redirect: IPv6.
pub(super) const REDIRECT_K: u8 = 0x80;
/// N flag of Redirect: IPv4.
pub(super) const REDIRECT_N: u8 = 0x40;
/// Option-Code of LMA Address: IPv6.
pub(super) const LMA_CODE_IPV6: u8 = 1;
/// Option-Code of LMA Address: IPv4.
pub(super) const LMA_CODE_IPV4: u8 = 2;

fn exactly(raw: &RawOption<'_>, length: usize) -> Result<(), WireError> {
    if raw.data.len() == length {
        return Ok(());
    }
    Err(raw.error(format!("must be {length}")))
}

fn at_least(raw: &RawOption<'_>, length: usize) -> Result<(), WireError> {
    if raw.data.len() >= length {
        return Ok(());
    }
    Err(raw.error(format!("must be at least {length}")))
}

/// The IPv6 address that ends the option, `at` octets into the data.
fn ipv6(raw: &RawOption<'_>, at: usize) -> Result<Ipv6Addr, WireError> {
    exactly(raw, at + 16)?;
    Ok(Ipv6Addr::from_bits((&raw.data[at..]).get_u128()))
}

/// The IPv4 address that ends the option, `at` octets into the data.
fn ipv4(raw: &RawOption<'_>, at: usize) -> Result<Ipv4Addr, WireError> {
    exactly(raw, at + 4)?;
    Ok(Ipv4Addr::from_bits((&raw.data[at..]).get_u32()))
}

/// A prefix length in the upper six bits.
fn ipv4_prefix_len(raw: &RawOption<'_>, octet: u8) -> Result<u8, WireError> {
    let prefix_len = octet >> 2;
    if prefix_len <= IPV4_BITS {
        return Ok(prefix_len);
    }
    Err(raw.error(format!("Prefix-len is {prefix_len}, at most 32")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_those_with_a_variant() {
        for option_type in 2..=u8::MAX {
            let data = [0; 18];
            let results: Vec<_> = (0..=data.len())
                .map(|length| {
                    decode_option(&RawOption {
                        option_type,
                        offset: 0,
                        data: &data[..length],
                    })
                })
                .collect();
            let unknown =
                |result: &Result<_, _>| matches!(result, Ok(MobilityOption::Unknown { .. }));
            assert_eq!(
                results.iter().all(unknown),
                !is_known(option_type),
                "{option_type}"
            );
            assert_eq!(
                results.iter().any(unknown),
                !is_known(option_type),
                "{option_type}"
            );
        }
    }
}
