//! Single associations: what is sealed opens again, and nothing else does.

use pmipv6::esp::{
    ConfigError, Discard, Entropy, InboundAssociation, KeyMaterial, OutboundAssociation,
    Parameters, Suite,
};
use proptest::prelude::*;

use crate::common::{Fixed, entropy, key, message};

const SPI: u32 = 0x1001;

fn parameters(suite: Suite, key: &KeyMaterial, extended: bool) -> Parameters<'_> {
    Parameters {
        spi: SPI,
        suite,
        key,
        extended_sequence_numbers: extended,
    }
}

/// Both ends of an association that goes on after `last`.
fn pair(suite: Suite, extended: bool, last: u64) -> (OutboundAssociation, InboundAssociation) {
    let key = key(suite, 1);
    let parameters = parameters(suite, &key, extended);
    let mut out = OutboundAssociation::new(parameters, 1).unwrap();
    let mut inward = InboundAssociation::new(parameters, 64).unwrap();
    out.resume(last);
    out.reserve(u64::MAX);
    inward.resume(64, last);
    (out, inward)
}

fn any_suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(
        suite in any_suite(),
        extended: bool,
        last in 0_u64..0xffff_0000,
        next_header in prop::sample::select(vec![135_u8, 17, 6]),
        payload in prop::collection::vec(any::<u8>(), 0..300),
        iv: [u8; 16],
    ) {
        let (mut out, mut inward) = pair(suite, extended, last);
        let packet = out.seal(next_header, &payload, &mut Fixed(iv.to_vec())).unwrap();
        let opened = inward.open(&packet).unwrap();
        prop_assert_eq!(opened.next_header, next_header);
        prop_assert_eq!(opened.payload, payload);
        prop_assert_eq!(inward.open(&packet), Err(Discard::Replayed));
    }

    #[test]
    fn l_74_a_packet_with_one_bit_changed_does_not_open(
        suite in any_suite(),
        extended: bool,
        payload in prop::collection::vec(any::<u8>(), 0..80),
        at: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let (mut out, mut inward) = pair(suite, extended, 9);
        let mut packet = out.seal(135, &payload, &mut entropy()).unwrap();
        let at = at.index(packet.len());
        packet[at] ^= 1 << bit;
        let refused = inward.open(&packet).unwrap_err();
        let expected = match at {
            0..4 => [Discard::UnknownSpi; 2],
            // Another sequence number may be an old one, but is never the right one.
            4..8 => [Discard::BadIcv, Discard::Replayed],
            _ => [Discard::BadIcv; 2],
        };
        prop_assert!(expected.contains(&refused), "{refused:?} at {at}");
        prop_assert_eq!(inward.top(), 9, "the window must not move");
    }

    #[test]
    fn arbitrary_octets_do_not_open(
        suite in any_suite(),
        extended: bool,
        mut packet in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (_, mut inward) = pair(suite, extended, 9);
        prop_assert!(inward.open(&packet).is_err());
        if packet.len() >= 4 {
            packet[..4].copy_from_slice(&SPI.to_be_bytes());
            prop_assert!(inward.open(&packet).is_err());
        }
        prop_assert_eq!(inward.top(), 9);
    }
}

#[test]
fn every_truncation_is_refused() {
    for suite in Suite::ALL {
        let (mut out, mut inward) = pair(suite, true, 0);
        let packet = out.seal(135, &message(5), &mut entropy()).unwrap();
        for length in 0..packet.len() {
            let refused = inward.open(&packet[..length]).unwrap_err();
            let expected = [Discard::Truncated, Discard::BadIcv];
            assert!(expected.contains(&refused), "{suite} {length} {refused:?}");
        }
        let mut longer = packet.clone();
        longer.push(0);
        assert!(inward.open(&longer).is_err());
        assert!(
            inward.open(&packet).is_ok(),
            "none of them moved the window"
        );
    }
}

#[test]
fn keys_that_differ_by_one_bit_do_not_open_each_others_packets() {
    for suite in Suite::ALL {
        let (mut out, _) = pair(suite, false, 0);
        let packet = out.seal(135, &message(5), &mut entropy()).unwrap();
        let octets: Vec<u8> = (0..suite.key_len())
            .map(|at| 31_u8.wrapping_add(at as u8))
            .collect();
        let opens = |octets: &[u8]| {
            let key = KeyMaterial::new(octets);
            let mut inward = InboundAssociation::new(parameters(suite, &key, false), 64).unwrap();
            inward.open(&packet)
        };
        assert!(opens(&octets).is_ok());
        for bit in 0..octets.len() * 8 {
            let mut other = octets.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let result = opens(&other);
            // A wrong encryption key beside a right integrity key decrypts to noise, and the trailer of
            // noise is hardly ever right: what remains is never the message.
            let opened = result.as_ref().map(|opened| opened.payload == message(5));
            assert_ne!(opened, Ok(true), "{suite}, bit {bit}");
        }
    }
}

#[test]
fn the_kind_of_sequence_numbers_is_part_of_the_key() {
    for suite in Suite::ALL {
        let (mut out, _) = pair(suite, true, 0);
        let (_, mut inward) = pair(suite, false, 0);
        let packet = out.seal(135, &message(5), &mut entropy()).unwrap();
        assert_eq!(inward.open(&packet), Err(Discard::BadIcv), "{suite}");
    }
}

#[test]
fn extended_sequence_numbers_pass_the_end_of_their_low_half() {
    for suite in Suite::ALL {
        let (mut out, mut inward) = pair(suite, true, (1 << 32) - 3);
        let packets: Vec<_> = (0..6)
            .map(|_| out.seal(135, &message(5), &mut entropy()).unwrap())
            .collect();
        // Out of order across the edge: 2^32+1 first, then what was before it.
        for at in [3, 0, 1, 2, 5, 4] {
            assert!(inward.open(&packets[at]).is_ok(), "{suite}, packet {at}");
        }
        assert_eq!(inward.top(), (1 << 32) + 3);
        for packet in &packets {
            assert_eq!(inward.open(packet), Err(Discard::Replayed), "{suite}");
        }
    }
}

#[test]
fn a_jump_within_the_low_half_is_followed() {
    let (mut out, mut inward) = pair(Suite::Aes128Gcm16, true, 5);
    out.resume(5 + (1 << 31));
    let packet = out.seal(135, &message(5), &mut entropy()).unwrap();
    assert!(
        inward.open(&packet).is_ok(),
        "a sender that lost numbers at a restart"
    );
}

#[test]
fn the_last_sequence_number_is_the_last() {
    for (extended, end) in [(false, u64::from(u32::MAX)), (true, u64::MAX)] {
        let (mut out, mut inward) = pair(Suite::NullHmacSha256, extended, end - 1);
        let packet = out.seal(135, &message(5), &mut entropy()).unwrap();
        assert!(inward.open(&packet).is_ok());
        for _ in 0..2 {
            let sealed = out.seal(135, &message(5), &mut entropy());
            assert_eq!(sealed, Err(Discard::SequenceExhausted), "{extended}");
        }
    }
}

#[test]
fn nothing_is_sealed_with_a_number_that_is_not_reserved() {
    let suite = Suite::Aes128Gcm16;
    let key = key(suite, 1);
    let mut out = OutboundAssociation::new(parameters(suite, &key, true), 1).unwrap();
    let seal = |out: &mut OutboundAssociation| out.seal(135, &message(5), &mut entropy());
    assert_eq!(seal(&mut out), Err(Discard::NotReserved));
    out.reserve(2);
    assert!(seal(&mut out).is_ok() && seal(&mut out).is_ok());
    assert_eq!(seal(&mut out), Err(Discard::NotReserved));
    assert_eq!(out.last(), 2);
}

#[test]
fn an_iv_is_never_used_twice_by_one_key() {
    let iv = |packet: &[u8]| packet[8..16].to_vec();
    let mut seen = std::collections::HashSet::new();
    for epoch in [1, 2, 3] {
        let suite = Suite::Aes256Gcm16;
        let key = key(suite, 1);
        // A sender that starts again without anything that was saved.
        let mut out = OutboundAssociation::new(parameters(suite, &key, true), epoch).unwrap();
        out.reserve(100);
        for _ in 0..100 {
            let packet = out.seal(135, &message(5), &mut entropy()).unwrap();
            assert!(seen.insert(iv(&packet)));
        }
    }
}

#[test]
fn without_randomness_cbc_does_not_seal() {
    struct Nothing;
    impl Entropy for Nothing {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), pmipv6::esp::NoEntropy> {
            Err(pmipv6::esp::NoEntropy)
        }
    }
    let (mut out, _) = pair(Suite::Aes128CbcHmacSha256, true, 0);
    let sealed = out.seal(135, &message(5), &mut Nothing);
    assert_eq!(sealed, Err(Discard::NoEntropy));
    assert_eq!(out.last(), 0, "no number is lost");
}

#[test]
fn reserved_spis_and_keys_of_another_length_are_refused() {
    for suite in Suite::ALL {
        let right = key(suite, 1);
        let with = |spi, key: &KeyMaterial| {
            let parameters = Parameters {
                spi,
                suite,
                key,
                extended_sequence_numbers: true,
            };
            let out = OutboundAssociation::new(parameters, 1).map(drop);
            let inward = InboundAssociation::new(parameters, 64).map(drop);
            assert_eq!(out, inward);
            out
        };
        for spi in [0, 1, 255] {
            assert_eq!(with(spi, &right), Err(ConfigError::ReservedSpi(spi)));
        }
        assert_eq!(with(256, &right), Ok(()));
        for found in [0, suite.key_len() - 1, suite.key_len() + 1] {
            let needed = suite.key_len();
            let wrong = ConfigError::KeyLength {
                suite,
                needed,
                found,
            };
            let key = KeyMaterial::new(&vec![1; found]);
            assert_eq!(with(256, &key), Err(wrong));
        }
    }
}

#[test]
fn nothing_shows_a_key() {
    let suite = Suite::Aes128Gcm16;
    let key = KeyMaterial::from_hex(&"a7".repeat(20)).unwrap();
    let parameters = parameters(suite, &key, true);
    let out = OutboundAssociation::new(parameters, 1).unwrap();
    let inward = InboundAssociation::new(parameters, 64).unwrap();
    let shown = format!("{key:?} {parameters:?} {out:?} {inward:?}");
    assert!(
        !shown.to_lowercase().contains("a7a7") && !shown.contains("167"),
        "{shown}"
    );
}
