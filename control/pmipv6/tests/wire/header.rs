//! The header's own rules (RFC 6275 section 9.2), and what the authenticator covers (section 6.2.7).

use pmipv6::wire::message::BindingUpdate;
use pmipv6::wire::{
    Checksum, Message, MobilityOption, Numbering, RoOption, WireError, authenticated_data, decode,
    encode,
};

use super::golden::{self, messages};

fn setup() -> Vec<u8> {
    let goldens = messages::all();
    let setup = goldens
        .iter()
        .find(|golden| golden.name == "mh-244-ro-setup");
    setup.expect("golden").octets()
}

/// Octets that break every rule from the `first` on.
fn broken_from(first: usize) -> Vec<u8> {
    let mut octets = setup();
    if first <= 4 {
        // Length of the first option.
        octets[13] = 255;
    }
    if first <= 3 {
        octets[1] = 0;
        octets.truncate(8);
    }
    if first <= 2 {
        octets[0] = 6;
    }
    if first <= 1 {
        octets[2] = 99;
    }
    let sum = if first == 0 {
        0
    } else {
        golden::checksum().compute(&octets)
    };
    octets[4..6].copy_from_slice(&sum.to_be_bytes());
    octets
}

#[test]
fn the_first_broken_rule_is_the_one_that_counts() {
    let error = |first| {
        decode(
            &Numbering::default(),
            golden::checksum(),
            &broken_from(first),
        )
    };
    assert!(matches!(
        error(0),
        Err(WireError::Checksum { found: 0, .. })
    ));
    assert_eq!(error(1), Err(WireError::UnknownType(99)));
    assert_eq!(error(2), Err(WireError::PayloadProto(6)));
    let header_len = WireError::HeaderLen {
        mh_type: 244,
        found: 0,
        minimum: 1,
    };
    assert_eq!(error(3), Err(header_len));
    assert!(matches!(
        error(4),
        Err(WireError::Option {
            option_type: 22,
            offset: 12,
            length: 255,
            ..
        })
    ));
    assert!(error(5).is_ok());
}

#[test]
fn checksum_covers_both_addresses() {
    let Checksum::PseudoHeader {
        source,
        destination,
    } = golden::checksum()
    else {
        panic!("a pseudo-header");
    };
    let other = "2001:db8::99".parse().expect("address");
    for wrong in [(source, other), (other, destination)] {
        let checksum = Checksum::PseudoHeader {
            source: wrong.0,
            destination: wrong.1,
        };
        let result = decode(&Numbering::default(), checksum, &setup());
        assert!(matches!(result, Err(WireError::Checksum { .. })));
    }
}

#[test]
fn over_ipv4_the_checksum_is_zero_and_ignored() {
    let message = decode(&Numbering::default(), golden::checksum(), &setup()).expect("valid");
    let octets = encode(&Numbering::default(), Checksum::Ignored, &message).expect("fits");
    assert_eq!(octets[4..6], [0, 0]);
    assert_eq!(
        decode(&Numbering::default(), Checksum::Ignored, &octets),
        Ok(message.clone())
    );
    assert_eq!(
        decode(&Numbering::default(), Checksum::Ignored, &setup()),
        Ok(message)
    );
}

#[test]
fn ro_types_follow_mh_base() {
    let numbering = Numbering {
        mh_base: 200,
        rfc5096: false,
    };
    let message = decode(&Numbering::default(), Checksum::Ignored, &setup()).expect("valid");
    let octets = encode(&numbering, Checksum::Ignored, &message).expect("fits");
    assert_eq!(octets[2], 204);
    let unknown = |mh_type| Err(WireError::UnknownType(mh_type));
    assert_eq!(
        decode(&Numbering::default(), Checksum::Ignored, &octets),
        unknown(204)
    );
    assert_eq!(
        decode(&golden::rfc5096(), Checksum::Ignored, &setup()),
        unknown(244)
    );
    let mut experimental = messages::rfc5096_setup().octets();
    assert_eq!(
        decode(&Numbering::default(), Checksum::Ignored, &experimental),
        unknown(11)
    );
    experimental[6] = 12;
    assert_eq!(
        decode(&golden::rfc5096(), Checksum::Ignored, &experimental),
        unknown(11)
    );
}

#[test]
fn mh_base_leaves_assigned_types_alone() {
    let valid = |mh_base| {
        Numbering {
            mh_base,
            rfc5096: false,
        }
        .is_valid()
    };
    assert!(valid(24) && valid(244) && Numbering::default().is_valid());
    assert!(!valid(23) && !valid(245));
    let message = decode(&Numbering::default(), Checksum::Ignored, &setup()).expect("valid");
    let out_of_range = Numbering {
        mh_base: 250,
        rfc5096: false,
    };
    let result = encode(&out_of_range, Checksum::Ignored, &message);
    assert!(matches!(result, Err(WireError::Field { field, .. }) if field == "MH Type"));
}

#[test]
fn authenticator_covers_all_but_itself_with_a_zero_checksum() {
    let message = Message::BindingUpdate(BindingUpdate {
        sequence: 1,
        flags: BindingUpdate::A,
        lifetime: 105,
        options: vec![
            MobilityOption::NonceIndices {
                home: 7,
                care_of: 8,
            },
            MobilityOption::BindingAuthorizationData([0xee; 12]),
        ],
    });
    let octets = encode(&Numbering::default(), golden::checksum(), &message).expect("fits");
    let (covered, authenticator) = authenticated_data(&octets).expect("authenticated");
    assert_eq!(authenticator, [0xee; 12]);
    let expected = [
        0x3b, 3, 5, 0, 0, 0, 0, 1, 0x80, 0, 0, 105, 4, 4, 0, 7, 0, 8, 5, 12,
    ];
    assert_eq!(covered, expected);
    assert_eq!(authenticated_data(&setup()), None);
    assert_eq!(authenticated_data(&octets[..31]), None);
}

#[test]
fn binding_authorization_data_must_be_last() {
    // Binding Refresh Request with option 5, then a Handoff Indicator.
    let octets = [
        &[59, 3, 0, 0, 0, 0, 0, 0, 1, 0, 5, 12][..],
        &[0; 12],
        &[23, 2, 0, 1, 1, 2, 0, 0],
    ]
    .concat();
    let result = decode(&Numbering::default(), Checksum::Ignored, &octets);
    assert!(
        matches!(
            result,
            Err(WireError::Option {
                option_type: 5,
                offset: 10,
                ..
            })
        ),
        "{result:?}"
    );
}

#[test]
fn hj_1_options_are_read_from_the_experimental_option() {
    let option = RoOption::Ipv6CnHnp {
        prefix_len: 64,
        prefix: "2001:db8:2::".parse().expect("address"),
    };
    let foreign = MobilityOption::Experimental(vec![1, 64, 0]);
    let too_long = MobilityOption::Experimental([&[2, 33][..], &[10, 0, 0, 1]].concat());
    let options = [foreign, option.into(), too_long];
    assert_eq!(RoOption::all(&options).collect::<Vec<_>>(), [option]);
}

/// RFC 6275 section 6.2.1: a receiver does not insist on alignment, order, or knowing every option.
#[test]
fn options_may_stand_anywhere() {
    let octets = [
        &[59, 5, 5, 0, 0, 0, 0, 1, 0x82, 0, 0, 1][..],
        // HNP at 12 + 1, behind a Pad1; unknown 99; ATT; PadN with garbage.
        &[
            0, 22, 18, 0, 64, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        &[99, 3, 1, 2, 3, 24, 2, 0, 4, 1, 4, 9, 9, 9, 9],
    ]
    .concat();
    let message = decode(&Numbering::default(), Checksum::Ignored, &octets).expect("lenient");
    let expected = [
        MobilityOption::HomeNetworkPrefix("2001:db8:1::/64".parse().expect("prefix")),
        MobilityOption::Unknown {
            option_type: 99,
            data: vec![1, 2, 3],
        },
        MobilityOption::AccessTechnologyType(4),
    ];
    assert_eq!(message.options(), expected);
}
