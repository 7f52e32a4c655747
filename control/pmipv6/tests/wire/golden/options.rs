//! One golden for every option and every form of it, alone in a Binding Refresh Request, so that it
//! starts at octet 8 or behind padding.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pmipv6::wire::message::BindingRefreshRequest;
use pmipv6::wire::{Message, MobilityOption, RoOption};

use super::Golden;

const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xa, 0, 0, 0, 1);
const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// All of them.
pub(crate) fn all() -> Vec<Golden> {
    [rfc6275(), rfc5213(), ipv4(), others(), draft_jeong()]
        .into_iter()
        .flatten()
        .map(|(name, hex, option)| Golden {
            name,
            hex,
            message: Message::BindingRefreshRequest(BindingRefreshRequest {
                options: vec![option],
            }),
        })
        .collect()
}

type Row = (&'static str, &'static str, MobilityOption);

fn rfc6275() -> Vec<Row> {
    use MobilityOption as O;
    vec![
        (
            "option-02-binding-refresh-advice",
            "3b010000 00000000  02020064 01020000",
            O::BindingRefreshAdvice(100),
        ),
        (
            "option-03-alternate-care-of-address",
            "3b030000 00000000  01040000 0000 0310 20010db8 0000000a 00000000 00000001",
            O::AlternateCareOfAddress(V6),
        ),
        (
            "option-04-nonce-indices",
            "3b010000 00000000  04040001 0002 0100",
            O::NonceIndices {
                home: 1,
                care_of: 2,
            },
        ),
        (
            "option-05-binding-authorization-data",
            "3b020000 00000000  0100 050c a1a2a3a4 a5a6a7a8 a9aaabac",
            O::BindingAuthorizationData([
                0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac,
            ]),
        ),
        (
            "option-08-mobile-node-identifier",
            "3b010000 00000000  080401 614062 0100",
            O::nai("a@b"),
        ),
        (
            "option-08-mobile-node-identifier-empty",
            "3b010000 00000000  080101 0103000000",
            O::nai(""),
        ),
        (
            "option-08-mobile-node-identifier-eui-48",
            "3b020000 00000000  080705 02000000 0001 0105 0000000000",
            O::MnId {
                subtype: 5,
                identifier: vec![2, 0, 0, 0, 0, 1],
            },
        ),
        (
            "option-18-experimental",
            "3b010000 00000000  1203 ff0102 010100",
            O::Experimental(vec![0xff, 1, 2]),
        ),
        (
            "option-19-vendor-specific",
            "3b020000 00000000  1307 000028af 01 aabb 01050000 000000",
            O::VendorSpecific {
                vendor: 10415,
                subtype: 1,
                data: vec![0xaa, 0xbb],
            },
        ),
    ]
}

fn rfc5213() -> Vec<Row> {
    use MobilityOption as O;
    vec![
        (
            "option-22-home-network-prefix",
            "3b030000 00000000  01020000 16120040 20010db8 00010000 00000000 00000000",
            O::HomeNetworkPrefix("2001:db8:1::/64".parse().expect("prefix")),
        ),
        (
            "option-22-home-network-prefix-all-zero",
            "3b030000 00000000  01020000 16120000 00000000 00000000 00000000 00000000",
            O::HomeNetworkPrefix(pmipv6::wire::options::ALL_ZERO_HNP),
        ),
        (
            "option-23-handoff-indicator",
            "3b010000 00000000  17020003 01020000",
            O::HandoffIndicator(3),
        ),
        (
            "option-24-access-technology-type",
            "3b010000 00000000  18020004 01020000",
            O::AccessTechnologyType(4),
        ),
        (
            "option-25-mn-link-layer-identifier",
            "3b020000 00000000  1908 0000 02000000 0001 010400000000",
            O::MnLinkLayerId(vec![2, 0, 0, 0, 0, 1]),
        ),
        (
            "option-25-mn-link-layer-identifier-eui-64",
            "3b020000 00000000  01020000 190a 0000 01020304 05060708",
            O::MnLinkLayerId(vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ),
        (
            "option-26-link-local-address",
            "3b030000 00000000  01040000 0000 1a10 fe800000 00000000 02005eff fe005213",
            O::LinkLocalAddress("fe80::200:5eff:fe00:5213".parse().expect("address")),
        ),
        (
            "option-27-timestamp",
            "3b020000 00000000  0100 1b08 00001234 56784000 01020000",
            O::Timestamp(0x0000_1234_5678_4000),
        ),
        (
            "option-28-restart-counter",
            "3b010000 00000000  0100 1c04 0000002a",
            O::RestartCounter(42),
        ),
    ]
}

fn ipv4() -> Vec<Row> {
    use MobilityOption as O;
    vec![
        (
            "option-29-ipv4-home-address",
            "3b010000 00000000  1d06 8000 c0000201",
            O::ipv4_hoa(V4),
        ),
        (
            "option-29-ipv4-home-address-prefix",
            "3b010000 00000000  1d06 6200 c0000201",
            O::Ipv4HomeAddress {
                prefix_len: 24,
                prefix_request: true,
                address: V4,
            },
        ),
        (
            "option-30-ipv4-address-acknowledgement",
            "3b010000 00000000  1e06 8480 c0000201",
            O::Ipv4AddressAck {
                status: 132,
                prefix_len: 32,
                address: V4,
            },
        ),
        (
            "option-31-nat-detection",
            "3b010000 00000000  1f06 8000 0000006e",
            O::NatDetection {
                force_udp: true,
                refresh_time_s: 110,
            },
        ),
        (
            "option-32-ipv4-care-of-address",
            "3b010000 00000000  2006 0000 c0000201",
            O::Ipv4CareOfAddress(V4),
        ),
        (
            "option-33-gre-key",
            "3b010000 00000000  2106 0000 00000539",
            O::GreKey(Some(1337)),
        ),
        (
            "option-33-gre-key-none",
            "3b010000 00000000  2102 0000 01020000",
            O::GreKey(None),
        ),
        (
            "option-36-ipv4-home-address-request",
            "3b010000 00000000  2406 8000 c0000201",
            O::Ipv4HomeAddressRequest {
                prefix_len: 32,
                address: V4,
            },
        ),
        (
            "option-36-ipv4-home-address-request-any",
            "3b010000 00000000  2406 0000 00000000",
            O::Ipv4HomeAddressRequest {
                prefix_len: 0,
                address: Ipv4Addr::UNSPECIFIED,
            },
        ),
        (
            "option-37-ipv4-home-address-reply",
            "3b010000 00000000  2506 8060 c0000201",
            O::Ipv4HomeAddressReply {
                status: 128,
                prefix_len: 24,
                address: V4,
            },
        ),
        (
            "option-38-ipv4-default-router-address",
            "3b010000 00000000  2606 0000 c0000201",
            O::Ipv4DefaultRouter(V4),
        ),
        (
            "option-39-ipv4-dhcp-support-mode",
            "3b010000 00000000  2702 0001 01020000",
            O::Ipv4DhcpSupportMode { server: true },
        ),
        (
            "option-49-alternate-ipv4-care-of-address",
            "3b010000 00000000  0100 3104 c0000201",
            O::AlternateIpv4CareOfAddress(V4),
        ),
    ]
}

fn others() -> Vec<Row> {
    use MobilityOption as O;
    vec![
        (
            "option-41-lma-address-ipv6",
            "3b030000 00000000  2912 0100 20010db8 0000000a 00000000 00000001 01020000",
            O::LmaAddress(IpAddr::V6(V6)),
        ),
        (
            "option-41-lma-address-ipv4",
            "3b010000 00000000  2906 0200 c0000201",
            O::LmaAddress(IpAddr::V4(V4)),
        ),
        (
            "option-46-redirect-capability",
            "3b010000 00000000  2e02 0000 01020000",
            O::RedirectCapability,
        ),
        (
            "option-47-redirect-ipv6",
            "3b030000 00000000  2f12 8000 20010db8 0000000a 00000000 00000001 01020000",
            O::Redirect(IpAddr::V6(V6)),
        ),
        (
            "option-47-redirect-ipv4",
            "3b010000 00000000  2f06 4000 c0000201",
            O::Redirect(IpAddr::V4(V4)),
        ),
        (
            "option-48-load-information",
            "3b010000 00000000  3004 01020304 0100",
            O::LoadInformation(vec![1, 2, 3, 4]),
        ),
        (
            "option-51-mag-ipv6-address",
            "3b030000 00000000  01020000 33120080 20010db8 0000000a 00000000 00000001",
            O::MagIpv6Address(V6),
        ),
        (
            "option-52-access-network-identifier",
            "3b010000 00000000  3404 01020304 0100",
            O::AccessNetworkId(vec![1, 2, 3, 4]),
        ),
        (
            "option-55-delegated-mobile-network-prefix",
            "3b020000 00000000  0100 3706 8018 c0000200 010400000000",
            O::DelegatedMobileNetworkPrefix(vec![0x80, 24, 192, 0, 2, 0]),
        ),
        (
            "option-59-lma-user-plane-address-ipv6",
            "3b030000 00000000  0100 3b12 0000 20010db8 0000000a 00000000 00000001 0100",
            O::LmaUserPlaneAddress(Some(IpAddr::V6(V6))),
        ),
        (
            "option-59-lma-user-plane-address-ipv4",
            "3b020000 00000000  0100 3b06 0000 c0000201 010400000000",
            O::LmaUserPlaneAddress(Some(IpAddr::V4(V4))),
        ),
        (
            "option-59-lma-user-plane-address-none",
            "3b010000 00000000  0100 3b02 0000 0100",
            O::LmaUserPlaneAddress(None),
        ),
        (
            "option-200-unknown",
            "3b010000 00000000  c802 beef 01020000",
            O::Unknown {
                option_type: 200,
                data: vec![0xbe, 0xef],
            },
        ),
    ]
}

/// HJ-1: sub-types of the Experimental option.
fn draft_jeong() -> Vec<Row> {
    vec![
        (
            "option-18-1-ipv6-cn-hnp",
            "3b030000 00000000  01020000 12120140 20010db8 0000000a 00000000 00000001",
            RoOption::Ipv6CnHnp {
                prefix_len: 64,
                prefix: V6,
            }
            .into(),
        ),
        (
            "option-18-2-ipv4-cn-hao",
            "3b010000 00000000  12060220 c0000201",
            RoOption::Ipv4CnHao {
                prefix_len: 32,
                address: V4,
            }
            .into(),
        ),
        (
            "option-18-3-ipv6-ro-ack",
            "3b030000 00000000  01020000 12120380 20010db8 0000000a 00000000 00000001",
            RoOption::Ipv6RoAck {
                status: 128,
                address: V6,
            }
            .into(),
        ),
        (
            "option-18-4-ipv4-ro-ack",
            "3b010000 00000000  12060400 c0000201",
            RoOption::Ipv4RoAck {
                status: 0,
                address: V4,
            }
            .into(),
        ),
    ]
}
