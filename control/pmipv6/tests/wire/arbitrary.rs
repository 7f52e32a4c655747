//! Every message and option that has octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;
use pmipv6::wire::message::{
    BindingAck, BindingError, BindingRefreshRequest, BindingRevocation, BindingUpdate, Heartbeat,
    LocalizedRoutingAck, LocalizedRoutingInitiation, RoAck, RoKind, RoRequest, Test, TestInit,
    TestKind,
};
use pmipv6::wire::{Checksum, Message, MobilityOption, Numbering};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Types that have no variant of their own, and are not padding.
const UNKNOWN_TYPES: [u8; 8] = [6, 9, 17, 40, 53, 71, 200, 255];

pub(crate) fn numbering() -> impl Strategy<Value = Numbering> {
    (24..=244_u8, any::<bool>()).prop_map(|(mh_base, rfc5096)| Numbering { mh_base, rfc5096 })
}

pub(crate) fn checksum() -> impl Strategy<Value = Checksum> {
    prop_oneof![
        Just(Checksum::Ignored),
        (ipv6(), ipv6()).prop_map(|(source, destination)| Checksum::PseudoHeader {
            source,
            destination,
        }),
    ]
}

fn ipv6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from_bits)
}

fn ipv4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from_bits)
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![ipv4().prop_map(IpAddr::from), ipv6().prop_map(IpAddr::from)]
}

fn octets(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..=24), 1 => vec(any::<u8>(), longest)]
}

/// Everything but Binding Authorization Data, which has its place at the end.
fn option_anywhere() -> impl Strategy<Value = MobilityOption> {
    use MobilityOption as O;
    prop_oneof![
        option_rfc5213(),
        option_ipv4(),
        option_other(),
        (0..UNKNOWN_TYPES.len(), octets(255)).prop_map(|(index, data)| O::Unknown {
            option_type: UNKNOWN_TYPES[index],
            data
        })
    ]
}

fn option_rfc5213() -> impl Strategy<Value = MobilityOption> {
    use MobilityOption as O;
    prop_oneof![
        (any::<u8>(), octets(254)).prop_map(|(subtype, identifier)| O::MnId {
            subtype,
            identifier
        }),
        (ipv6(), 0..=128_u8).prop_map(|(address, len)| O::HomeNetworkPrefix(
            Ipv6Net::new(address, len).expect("at most 128")
        )),
        any::<u8>().prop_map(O::HandoffIndicator),
        any::<u8>().prop_map(O::AccessTechnologyType),
        octets(253).prop_map(O::MnLinkLayerId),
        ipv6().prop_map(O::LinkLocalAddress),
        any::<u64>().prop_map(O::Timestamp),
    ]
}

fn option_ipv4() -> impl Strategy<Value = MobilityOption> {
    use MobilityOption as O;
    prop_oneof![
        (0..=32_u8, any::<bool>(), ipv4()).prop_map(|(prefix_len, prefix_request, address)| {
            O::Ipv4HomeAddress {
                prefix_len,
                prefix_request,
                address,
            }
        }),
        (any::<u8>(), 0..=32_u8, ipv4()).prop_map(|(status, prefix_len, address)| {
            O::Ipv4AddressAck {
                status,
                prefix_len,
                address,
            }
        }),
        (any::<bool>(), any::<u32>()).prop_map(|(force_udp, refresh_time_s)| O::NatDetection {
            force_udp,
            refresh_time_s
        }),
        ipv4().prop_map(O::Ipv4CareOfAddress),
        (0..=32_u8, ipv4()).prop_map(|(prefix_len, address)| O::Ipv4HomeAddressRequest {
            prefix_len,
            address
        }),
        (any::<u8>(), 0..=32_u8, ipv4()).prop_map(|(status, prefix_len, address)| {
            O::Ipv4HomeAddressReply {
                status,
                prefix_len,
                address,
            }
        }),
        ipv4().prop_map(O::Ipv4DefaultRouter),
        any::<bool>().prop_map(|server| O::Ipv4DhcpSupportMode { server }),
        ipv4().prop_map(O::AlternateIpv4CareOfAddress),
    ]
}

fn option_other() -> impl Strategy<Value = MobilityOption> {
    use MobilityOption as O;
    prop_oneof![
        any::<u16>().prop_map(O::BindingRefreshAdvice),
        ipv6().prop_map(O::AlternateCareOfAddress),
        (any::<u16>(), any::<u16>()).prop_map(|(home, care_of)| O::NonceIndices { home, care_of }),
        octets(255).prop_map(O::Experimental),
        (any::<u32>(), any::<u8>(), octets(250)).prop_map(|(vendor, subtype, data)| {
            O::VendorSpecific {
                vendor,
                subtype,
                data,
            }
        }),
        any::<u32>().prop_map(O::RestartCounter),
        option::of(any::<u32>()).prop_map(O::GreKey),
        ip().prop_map(O::LmaAddress),
        Just(O::RedirectCapability),
        ip().prop_map(O::Redirect),
        octets(255).prop_map(O::LoadInformation),
        ipv6().prop_map(O::MagIpv6Address),
        octets(255).prop_map(O::AccessNetworkId),
        octets(255).prop_map(O::DelegatedMobileNetworkPrefix),
        option::of(ip()).prop_map(O::LmaUserPlaneAddress),
    ]
}

/// At most 6 options: together they fit the longest Mobility Header.
pub(crate) fn options() -> impl Strategy<Value = Vec<MobilityOption>> {
    (vec(option_anywhere(), 0..=6), option::of(any::<[u8; 12]>())).prop_map(
        |(mut options, authenticator)| {
            options.extend(authenticator.map(MobilityOption::BindingAuthorizationData));
            options
        },
    )
}

fn ro_kind() -> impl Strategy<Value = RoKind> {
    prop_oneof![
        Just(RoKind::Trigger),
        Just(RoKind::Init),
        Just(RoKind::Setup),
        Just(RoKind::Refresh),
        Just(RoKind::Request),
        Just(RoKind::Query),
    ]
}

fn test_kind() -> impl Strategy<Value = TestKind> {
    prop_oneof![Just(TestKind::Home), Just(TestKind::CareOf)]
}

pub(crate) fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        message_rfc6275(),
        message_pmipv6(),
        message_localized_routing()
    ]
}

fn message_rfc6275() -> impl Strategy<Value = Message> {
    prop_oneof![
        options().prop_map(|options| {
            Message::BindingRefreshRequest(BindingRefreshRequest { options })
        }),
        (test_kind(), any::<u64>(), options()).prop_map(|(kind, cookie, options)| {
            Message::TestInit(TestInit {
                kind,
                cookie,
                options,
            })
        }),
        (
            test_kind(),
            any::<u16>(),
            any::<u64>(),
            any::<u64>(),
            options()
        )
            .prop_map(|(kind, nonce_index, cookie, token, options)| {
                Message::Test(Test {
                    kind,
                    nonce_index,
                    cookie,
                    token,
                    options,
                })
            }),
        (any::<u16>(), any::<u16>(), any::<u16>(), options()).prop_map(
            |(sequence, flags, lifetime, options)| {
                Message::BindingUpdate(BindingUpdate {
                    sequence,
                    flags,
                    lifetime,
                    options,
                })
            }
        ),
        (
            any::<u8>(),
            any::<u8>(),
            any::<u16>(),
            any::<u16>(),
            options()
        )
            .prop_map(|(status, flags, sequence, lifetime, options)| {
                Message::BindingAck(BindingAck {
                    status,
                    flags,
                    sequence,
                    lifetime,
                    options,
                })
            }),
        (any::<u8>(), ipv6(), options()).prop_map(|(status, home_address, options)| {
            Message::BindingError(BindingError {
                status,
                home_address,
                options,
            })
        }),
    ]
}

fn message_pmipv6() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any::<bool>(), any::<bool>(), any::<u32>(), options()).prop_map(
            |(unsolicited, response, sequence, options)| {
                Message::Heartbeat(Heartbeat {
                    unsolicited,
                    response,
                    sequence,
                    options,
                })
            }
        ),
        (
            any::<u8>(),
            any::<u8>(),
            any::<u16>(),
            any::<u16>(),
            options()
        )
            .prop_map(
                |(revocation_type, trigger_or_status, sequence, flags, options)| {
                    Message::BindingRevocation(BindingRevocation {
                        revocation_type,
                        trigger_or_status,
                        sequence,
                        flags,
                        options,
                    })
                }
            ),
    ]
}

fn message_localized_routing() -> impl Strategy<Value = Message> {
    let fixed = || (any::<u16>(), any::<bool>(), any::<u8>(), any::<u16>());
    prop_oneof![
        (fixed(), options()).prop_map(|((sequence, _, _, lifetime), options)| {
            Message::LocalizedRoutingInitiation(LocalizedRoutingInitiation {
                sequence,
                lifetime,
                options,
            })
        }),
        (fixed(), options()).prop_map(|((sequence, unsolicited, status, lifetime), options)| {
            Message::LocalizedRoutingAck(LocalizedRoutingAck {
                sequence,
                unsolicited,
                status,
                lifetime,
                options,
            })
        }),
        (ro_kind(), fixed(), any::<bool>(), options()).prop_map(
            |(kind, (sequence, handover, _, lifetime), proxy_mode, options)| {
                Message::RoRequest(RoRequest {
                    kind,
                    sequence,
                    handover,
                    proxy_mode,
                    lifetime,
                    options,
                })
            }
        ),
        (ro_kind(), fixed(), options()).prop_map(
            |(kind, (sequence, unsolicited, status, lifetime), options)| {
                Message::RoAck(RoAck {
                    kind,
                    sequence,
                    unsolicited,
                    status,
                    lifetime,
                    options,
                })
            }
        ),
    ]
}
