//! HL-9 to HL-11: which option belongs to which end.

use std::net::Ipv4Addr;

use ipnet::IpNet;
use pmipv6::wire::MobilityOption;
use pmipv6::wire::ro::{End, Endpoints, EndpointsError, Group, mag_address};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::arbitrary;

fn hnp(prefix: &str) -> MobilityOption {
    MobilityOption::HomeNetworkPrefix(prefix.parse().expect("prefix"))
}

fn hoa(address: &str) -> MobilityOption {
    MobilityOption::ipv4_hoa(address.parse().expect("address"))
}

fn group(mn_id: Option<&str>, homes: &[&str]) -> Group {
    Group {
        mn_id: mn_id.map(str::to_owned),
        homes: homes
            .iter()
            .map(|home| home.parse().expect("home"))
            .collect(),
    }
}

fn read(options: &[MobilityOption]) -> Result<Endpoints, EndpointsError> {
    Endpoints::from_options(options)
}

#[test]
fn hl_9_order_says_source_then_destination() {
    let mag = MobilityOption::MagIpv6Address("2001:db8::1".parse().expect("address"));
    let options = [hnp("2001:db8:1::/64"), mag, hnp("2001:db8:2::/64")];
    let expected = Endpoints {
        source: group(None, &["2001:db8:1::/64"]),
        destination: group(None, &["2001:db8:2::/64"]),
    };
    assert_eq!(read(&options), Ok(expected));
    assert_eq!(
        mag_address(&options),
        Ok("2001:db8::1".parse().expect("address"))
    );
    assert_eq!(mag_address(&[]), Err(EndpointsError::MissingMagAddress));
}

#[test]
fn hl_9_ipv4_homes_follow_the_same_order() {
    let expected = Endpoints {
        source: group(None, &["2001:db8:1::/64", "10.0.0.1/32"]),
        destination: group(None, &["2001:db8:2::/64", "10.0.0.2/32"]),
    };
    let by_kind = [
        hnp("2001:db8:1::/64"),
        hnp("2001:db8:2::/64"),
        hoa("10.0.0.1"),
        hoa("10.0.0.2"),
    ];
    let by_end = [
        hnp("2001:db8:1::/64"),
        hoa("10.0.0.1"),
        hnp("2001:db8:2::/64"),
        hoa("10.0.0.2"),
    ];
    assert_eq!(read(&by_kind).as_ref(), Ok(&expected));
    assert_eq!(read(&by_end), Ok(expected));
}

#[test]
fn hl_10_mn_ids_open_groups_of_several_homes() {
    let options = [
        MobilityOption::nai("a@example"),
        hnp("2001:db8:1::/64"),
        hnp("2001:db8:11::/64"),
        MobilityOption::nai(""),
        hnp("2001:db8:2::/64"),
        hoa("10.0.0.2"),
    ];
    let expected = Endpoints {
        source: group(Some("a@example"), &["2001:db8:1::/64", "2001:db8:11::/64"]),
        destination: group(None, &["2001:db8:2::/64", "10.0.0.2/32"]),
    };
    assert_eq!(read(&options).as_ref(), Ok(&expected));
    assert_eq!(expected.to_options(None, None), Ok(options.to_vec()));
}

#[test]
fn hl_9_one_mn_id_names_the_end_behind_it() {
    let nai = MobilityOption::nai("a@example");
    let (source, destination) = (hnp("2001:db8:1::/64"), hnp("2001:db8:2::/64"));
    let first = read(&[nai.clone(), source.clone(), destination.clone()]).expect("two ends");
    assert_eq!(first.source.mn_id.as_deref(), Some("a@example"));
    assert_eq!(first.destination.mn_id, None);
    let second = read(&[source, nai, destination]).expect("two ends");
    assert_eq!(second.source.mn_id, None);
    assert_eq!(second.destination.mn_id.as_deref(), Some("a@example"));
}

#[test]
fn hl_9_what_is_missing_is_named() {
    let one = || hnp("2001:db8:1::/64");
    assert_eq!(read(&[]), Err(EndpointsError::Missing(End::Source)));
    assert_eq!(
        read(&[one()]),
        Err(EndpointsError::Unpaired("Home Network Prefix"))
    );
    assert_eq!(
        read(&[one(), one(), hoa("10.0.0.1")]),
        Err(EndpointsError::Unpaired("IPv4 Home Address"))
    );
    let ambiguous = EndpointsError::Ambiguous {
        name: "Home Network Prefix",
        count: 3,
    };
    assert_eq!(read(&[one(), one(), one()]), Err(ambiguous));
    let nai = || MobilityOption::nai("a@example");
    assert_eq!(
        read(&[nai(), one(), nai()]),
        Err(EndpointsError::Missing(End::Destination))
    );
    assert_eq!(
        read(&[nai(), one(), nai(), one(), nai()]),
        Err(EndpointsError::TooManyGroups(3))
    );
    assert_eq!(
        read(&[one(), nai(), one(), nai(), one()]),
        Err(EndpointsError::BeforeFirstGroup("Home Network Prefix"))
    );
    let imsi = MobilityOption::MnId {
        subtype: 3,
        identifier: b"1".to_vec(),
    };
    let not_nai = EndpointsError::NotAnNai {
        end: End::Destination,
        subtype: 3,
    };
    assert_eq!(read(&[nai(), one(), imsi, one()]), Err(not_nai));
    assert_eq!(
        read(&[nai(), one(), nai(), hoa("10.0.0.1")]),
        Err(EndpointsError::NoCommonFamily)
    );
}

#[test]
fn hl_11_a_network_is_not_a_home() {
    let one = || hnp("2001:db8:1::/64");
    let zero = hnp("::/0");
    assert!(matches!(
        read(&[one(), zero]),
        Err(EndpointsError::NotAHome(_))
    ));
    let network = MobilityOption::Ipv4HomeAddress {
        prefix_len: 24,
        prefix_request: false,
        address: Ipv4Addr::new(10, 0, 0, 1),
    };
    let error = read(&[hoa("10.0.0.2"), network]).expect_err("a network");
    assert_eq!(error.to_string(), "10.0.0.1/24 is not the home of one node");
}

fn home() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (1..u128::MAX, 1..=128_u8).prop_map(|(bits, len)| {
            let bits = bits | 1 << 127;
            IpNet::new(std::net::Ipv6Addr::from_bits(bits).into(), len)
                .expect("at most 128")
                .trunc()
        }),
        (1..u32::MAX)
            .prop_map(|bits| IpNet::from(std::net::IpAddr::from(Ipv4Addr::from_bits(bits)))),
    ]
}

fn any_group() -> impl Strategy<Value = Group> {
    (option::of("[a-z]{1,8}@example"), vec(home(), 0..4)).prop_map(|(mn_id, mut homes)| {
        homes.sort_by_key(|home| matches!(home, IpNet::V4(_)));
        Group { mn_id, homes }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hl_9_what_is_written_is_read(source in any_group(), destination in any_group()) {
        let endpoints = Endpoints { source, destination };
        let mag = "2001:db8::1".parse().expect("address");
        match endpoints.to_options(Some(mag), Some(7)) {
            Ok(options) => {
                prop_assert_eq!(mag_address(&options), Ok(mag));
                prop_assert_eq!(Endpoints::from_options(&options), Ok(endpoints));
            }
            Err(error) => {
                let refused = matches!(error, EndpointsError::Missing(_) | EndpointsError::NoCommonFamily);
                prop_assert!(refused, "{}", error);
            }
        }
    }

    #[test]
    fn hl_9_arbitrary_options_never_panic(options in arbitrary::options()) {
        if let Ok(endpoints) = Endpoints::from_options(&options) {
            let written = endpoints.to_options(None, None).expect("what was read can be written");
            prop_assert_eq!(Endpoints::from_options(&written), Ok(endpoints));
        }
    }
}
