//! What must hold for any octets. The fuzz targets run these, and so does a test over the corpora.
#![allow(dead_code, reason = "each target uses one of them")]

use pmipv6::wire::describe::{Field, Start, describe_from, render_text};
use pmipv6::wire::ro::Endpoints;
use pmipv6::wire::{Checksum, Numbering, WireError, decode as decode_header, encode};

const NUMBERINGS: [Numbering; 2] = [
    Numbering {
        mh_base: Numbering::DEFAULT_BASE,
        rfc5096: false,
    },
    Numbering {
        mh_base: Numbering::DEFAULT_BASE,
        rfc5096: true,
    },
];

/// What decodes is encoded and decoded to the same message.
pub(crate) fn decode(data: &[u8]) {
    for numbering in &NUMBERINGS {
        let Ok(message) = decode_header(numbering, Checksum::Ignored, data) else {
            continue;
        };
        match encode(numbering, Checksum::Ignored, &message) {
            Ok(octets) => {
                let again = decode_header(numbering, Checksum::Ignored, &octets);
                assert_eq!(again.as_ref(), Ok(&message));
            }
            // Options that stood without alignment may need padding that has no room.
            Err(WireError::Field { field, .. }) => assert_eq!(field, "Header Len"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// No field outside the packet; a fault is found exactly where the decoder finds one.
pub(crate) fn describe(data: &[u8]) {
    for numbering in &NUMBERINGS {
        for start in [Start::Guess, Start::Ethernet, Start::Ip] {
            let fields = describe_from(start, numbering, data);
            let mut all = fields.iter().flat_map(Field::walk);
            assert!(all.all(|field| field.offset + field.length <= data.len()));
            assert_eq!(fields.is_empty(), render_text(&fields).is_empty());
        }
        let header = describe_from(Start::MobilityHeader, numbering, data);
        let mut all = header.iter().flat_map(Field::walk);
        let fault = all.any(|field| field.problem.is_some() && field.name != "Verdict");
        let decoded = decode_header(numbering, Checksum::Ignored, data);
        assert_eq!(
            fault,
            decoded.is_err(),
            "{decoded:?}\n{}",
            render_text(&header)
        );
    }
}

/// Two ends that were read are written and read as the same.
pub(crate) fn endpoints(data: &[u8]) {
    let Ok(message) = decode_header(&NUMBERINGS[0], Checksum::Ignored, data) else {
        return;
    };
    let Ok(ends) = Endpoints::from_options(message.options()) else {
        return;
    };
    let options = ends
        .to_options(None, None)
        .expect("what was read can be written");
    assert_eq!(Endpoints::from_options(&options), Ok(ends));
}
