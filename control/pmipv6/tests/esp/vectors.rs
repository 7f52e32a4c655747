//! Packets that scapy made (`make_vectors.py`): ours are the same to the octet, and we open theirs (L-68,
//! L-69).

use pmipv6::esp::{InboundAssociation, KeyMaterial, OutboundAssociation, Parameters, Suite};
use serde::Deserialize;

use crate::common::Fixed;

#[derive(Deserialize)]
struct Vector {
    suite: Suite,
    family: String,
    key: String,
    spi: u32,
    extended: bool,
    sequence: u64,
    epoch: u32,
    iv: String,
    next_header: u8,
    payload: String,
    packet: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

impl Vector {
    fn name(&self) -> String {
        format!("{} {} {:#x}", self.suite, self.family, self.sequence)
    }

    fn parameters<'a>(&self, key: &'a KeyMaterial) -> Parameters<'a> {
        Parameters {
            spi: self.spi,
            suite: self.suite,
            key,
            extended_sequence_numbers: self.extended,
        }
    }
}

#[test]
fn the_vectors_cover_every_suite_with_both_kinds_of_sequence_numbers() {
    for suite in Suite::ALL {
        for extended in [false, true] {
            let mut of = vectors().into_iter();
            assert!(of.any(|v| v.suite == suite && v.extended == extended));
        }
    }
}

#[test]
fn l_68_our_packets_are_those_of_another_implementation_to_the_octet() {
    for vector in vectors() {
        let key = KeyMaterial::from_hex(&vector.key).unwrap();
        let mut association =
            OutboundAssociation::new(vector.parameters(&key), vector.epoch).unwrap();
        association.resume(vector.sequence - 1);
        association.reserve(vector.sequence);
        let payload = octets(&vector.payload);
        let mut iv = Fixed(octets(&vector.iv));
        let sealed = association.seal(vector.next_header, &payload, &mut iv);
        assert_eq!(sealed.unwrap(), octets(&vector.packet), "{}", vector.name());
    }
}

#[test]
fn l_68_packets_of_another_implementation_open() {
    for vector in vectors() {
        let key = KeyMaterial::from_hex(&vector.key).unwrap();
        let mut association = InboundAssociation::new(vector.parameters(&key), 64).unwrap();
        association.resume(64, vector.sequence - 1);
        let opened = association.open(&octets(&vector.packet)).unwrap();
        assert_eq!(opened.next_header, vector.next_header, "{}", vector.name());
        assert_eq!(opened.payload, octets(&vector.payload), "{}", vector.name());
        assert_eq!(association.top(), vector.sequence);
    }
}
