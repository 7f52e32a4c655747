//! Round trips, and packets that lie.

use pmipv6::wire::{
    Checksum, MAX_HEADER_OCTETS, MobilityOption, Numbering, WireError, decode,
    decode_noting_alignment, encode,
};
use proptest::prelude::*;

use super::arbitrary;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decode_of_encode_is_the_message(
        numbering in arbitrary::numbering(),
        checksum in arbitrary::checksum(),
        message in arbitrary::message(),
    ) {
        let octets = encode(&numbering, checksum, &message).expect("fits");
        prop_assert_eq!(octets.len() % 8, 0);
        prop_assert!(octets.len() <= MAX_HEADER_OCTETS);
        prop_assert_eq!(octets.len(), (usize::from(octets[1]) + 1) * 8);
        // What we send is aligned.
        let decoded = decode_noting_alignment(&numbering, checksum, &octets);
        prop_assert_eq!(decoded, Ok((message, true)));
    }

    /// RFC 8200 section 4.7: what follows a next header of 59 is ignored.
    #[test]
    fn octets_after_the_header_are_ignored(
        message in arbitrary::message(),
        tail in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let numbering = Numbering::default();
        let mut octets = encode(&numbering, Checksum::Ignored, &message).expect("fits");
        octets.extend(tail);
        prop_assert_eq!(decode(&numbering, Checksum::Ignored, &octets), Ok(message));
    }

    #[test]
    fn arbitrary_octets_never_panic(
        numbering in arbitrary::numbering(),
        octets in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = decode(&numbering, Checksum::Ignored, &octets);
    }

    /// One octet changed: an error that says what, or another message that round-trips in its turn.
    #[test]
    fn mutated_messages_never_panic(
        message in arbitrary::message(),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let numbering = Numbering::default();
        let mut octets = encode(&numbering, Checksum::Ignored, &message).expect("fits");
        let at = at.index(octets.len());
        octets[at] = octet;
        match decode(&numbering, Checksum::Ignored, &octets) {
            Ok(other) => {
                // Misaligned options may need padding that makes the message too long: then it is refused.
                if let Ok(again) = encode(&numbering, Checksum::Ignored, &other) {
                    prop_assert_eq!(decode(&numbering, Checksum::Ignored, &again), Ok(other));
                }
            }
            Err(error) => prop_assert!(names_its_field(&error), "{}", error),
        }
    }

    #[test]
    fn every_truncation_is_told(message in arbitrary::message(), at in any::<prop::sample::Index>()) {
        let numbering = Numbering::default();
        let octets = encode(&numbering, Checksum::Ignored, &message).expect("fits");
        let have = at.index(octets.len());
        let need = if have < 2 { 8 } else { octets.len() };
        prop_assert_eq!(
            decode(&numbering, Checksum::Ignored, &octets[..have]),
            Err(WireError::Truncated { need, have })
        );
    }

    /// One's complement: any change of one 16-bit word but 0x0000 to 0xffff or back is seen.
    #[test]
    fn a_changed_octet_fails_the_checksum(
        message in arbitrary::message(),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let checksum = Checksum::PseudoHeader {
            source: "2001:db8::1".parse().expect("address"),
            destination: "2001:db8::2".parse().expect("address"),
        };
        let numbering = Numbering::default();
        let mut octets = encode(&numbering, checksum, &message).expect("fits");
        let at = at.index(octets.len());
        octets[at] ^= change;
        let result = decode(&numbering, checksum, &octets);
        let seen = matches!(result, Err(WireError::Checksum { .. } | WireError::Truncated { .. }));
        // A shorter Header Len leaves out octets, which may sum to the difference.
        prop_assert!(seen || at == 1, "{:?}", result);
    }

    /// Six octets are left for the data: more is refused, whatever the type.
    #[test]
    fn an_option_without_room_is_refused(option_type in 1..=255_u8, length in 7..=255_u8) {
        let octets = [59, 1, 0, 0, 0, 0, 0, 0, option_type, length, 0, 0, 0, 0, 0, 0];
        let result = decode(&Numbering::default(), Checksum::Ignored, &octets);
        let told = matches!(
            result,
            Err(WireError::Option { option_type: t, offset: 8, length: l, .. })
                if t == option_type && l == length
        );
        prop_assert!(told, "{:?}", result);
    }
}

fn names_its_field(error: &WireError) -> bool {
    match error {
        WireError::Field { field, problem } => !field.is_empty() && !problem.is_empty(),
        WireError::Option { problem, .. } => !problem.is_empty(),
        WireError::Checksum { .. } => false,
        _ => true,
    }
}

#[test]
fn what_has_no_octets_is_refused() {
    let refused = |option: MobilityOption| {
        let message = pmipv6::wire::Message::BindingRefreshRequest(
            pmipv6::wire::message::BindingRefreshRequest {
                options: vec![option],
            },
        );
        match encode(&Numbering::default(), Checksum::Ignored, &message) {
            Err(WireError::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    let mn_id = MobilityOption::MnId {
        subtype: 1,
        identifier: vec![b'a'; 255],
    };
    assert_eq!(refused(mn_id), "Mobile Node Identifier");
    let known = MobilityOption::Unknown {
        option_type: 22,
        data: vec![],
    };
    assert_eq!(refused(known), "Home Network Prefix");
    let hoa = MobilityOption::Ipv4HomeAddressRequest {
        prefix_len: 33,
        address: std::net::Ipv4Addr::UNSPECIFIED,
    };
    assert_eq!(refused(hoa), "IPv4 Home Address Request");
}

#[test]
fn the_longest_header_is_2048_octets() {
    let update = |count: usize, last: usize| {
        let mut options = vec![MobilityOption::Experimental(vec![0; 253]); count];
        options.push(MobilityOption::Experimental(vec![0; last]));
        let message = pmipv6::wire::Message::BindingUpdate(pmipv6::wire::message::BindingUpdate {
            sequence: 0,
            flags: 0,
            lifetime: 0,
            options,
        });
        encode(&Numbering::default(), Checksum::Ignored, &message)
    };
    // 12 + 7 * 255 + 2 + 249 = 2048
    assert_eq!(update(7, 249).expect("fits").len(), MAX_HEADER_OCTETS);
    assert!(matches!(update(7, 250), Err(WireError::Field { field, .. }) if field == "Header Len"));
    assert!(update(1000, 0).is_err());
}
