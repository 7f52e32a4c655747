//! Octets written by hand from the field tables of the RFCs, with what they mean.

pub(crate) mod messages;
pub(crate) mod options;

use pmipv6::wire::{Checksum, Message, Numbering, decode, encode};

/// One message and its octets.
pub(crate) struct Golden {
    /// Unique, fit for a file name.
    pub(crate) name: &'static str,
    /// Hexadecimal digits and white space.
    pub(crate) hex: &'static str,
    /// What the octets mean.
    pub(crate) message: Message,
}

impl Golden {
    /// The octets.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let digits: Vec<u8> = self.hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        assert_eq!(digits.len() % 2, 0, "{}", self.name);
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16);
        digits
            .chunks(2)
            .map(|digits| pair(digits).expect("hex"))
            .collect()
    }

    fn check(&self, numbering: &Numbering, checksum: Checksum) {
        let octets = self.octets();
        let encoded = encode(numbering, checksum, &self.message).expect("fits");
        assert_eq!(hex(&encoded), hex(&octets), "{}", self.name);
        let decoded = decode(numbering, checksum, &octets);
        assert_eq!(decoded.as_ref(), Ok(&self.message), "{}", self.name);
    }
}

/// The addresses under every golden checksum.
pub(crate) fn checksum() -> Checksum {
    Checksum::PseudoHeader {
        source: "2001:db8:0:a::1".parse().expect("address"),
        destination: "2001:db8:0:b::2".parse().expect("address"),
    }
}

/// The subtypes of RFC 5096 instead of MH types.
pub(crate) fn rfc5096() -> Numbering {
    Numbering {
        rfc5096: true,
        ..Numbering::default()
    }
}

fn hex(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    octets
        .chunks(4)
        .map(|word| word.concat())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_message_has_its_octets() {
    let goldens = messages::all();
    for golden in &goldens {
        golden.check(&Numbering::default(), checksum());
    }
    let mut types: Vec<_> = goldens
        .iter()
        .map(|golden| golden.message.message_type())
        .collect();
    types.sort();
    types.dedup();
    // 14 of the RFCs (HoTI, CoTI, HoT, CoT apart), 12 of draft-loureiro and HJ-9.
    assert_eq!(types.len(), 12 + 12);
}

#[test]
fn rfc5096_puts_a_subtype_in_front() {
    messages::rfc5096_setup().check(&rfc5096(), checksum());
}

#[test]
fn every_option_has_its_octets() {
    let goldens = options::all();
    for golden in &goldens {
        golden.check(&Numbering::default(), Checksum::Ignored);
    }
    let seen = |option_type: u8| {
        goldens
            .iter()
            .any(|golden| golden.message.options()[0].option_type() == option_type)
    };
    let known = [2, 3, 4, 5, 8, 18, 19]
        .into_iter()
        .chain(22..=33)
        .chain(36..=39)
        .chain([41, 46, 47, 48, 49, 51, 52, 55, 59]);
    let missing: Vec<u8> = known.filter(|option_type| !seen(*option_type)).collect();
    assert_eq!(missing, [0_u8; 0]);
}
