//! The Mobility Header, field by field.

use super::layout::read;
use super::verdict::verdict;
use super::{Field, tables};
use crate::wire::checksum::CHECKSUM_AT;
use crate::wire::decode::{HEADER_LEN, UNIT, fixed_at, whole_header};
use crate::wire::decode_option::{RawOption, RawOptions, decode_option, decode_options};
use crate::wire::iana::{NO_NEXT_HEADER, mh_type, option as iana};
use crate::wire::{Checksum, MessageType, Numbering, WireError, decode};

/// Describes the Mobility Header that `bytes` start with, at `offset` of the packet. Without a checksum
/// rule the Checksum is shown and not verified.
pub(super) fn describe(
    numbering: &Numbering,
    checksum: Option<Checksum>,
    bytes: &[u8],
    offset: usize,
) -> Field {
    let whole = whole_header(bytes);
    let header = whole.as_ref().copied().unwrap_or(bytes);
    let mut field = Field {
        name: "Mobility Header".to_owned(),
        value: String::new(),
        offset,
        length: header.len(),
        children: read(tables::HEADER, header, offset),
        problem: whole.as_ref().err().map(ToString::to_string),
    };
    let [_, header_len, mh_type, ..] = *header else {
        return field;
    };
    check_checksum(&mut field, checksum, header);
    if header[0] != NO_NEXT_HEADER {
        let problem = WireError::PayloadProto(header[0]).to_string();
        flag(&mut field, "Payload Proto", problem);
    }
    let octet = |at: usize| header.get(at).copied().unwrap_or_default();
    let Some(message_type) = numbering.message_type(mh_type, octet(6), octet(7)) else {
        let name = mh_type::name(mh_type);
        name.clone_into(&mut field.value);
        flag(
            &mut field,
            "MH Type",
            WireError::UnknownType(mh_type).to_string(),
        );
        return field;
    };
    message_type.name().clone_into(&mut field.value);
    let minimum = message_type.minimum_header_len();
    if header_len < minimum {
        let error = WireError::HeaderLen {
            mh_type,
            found: header_len,
            minimum,
        };
        flag(&mut field, "Header Len", error.to_string());
    }
    message_data(&mut field, message_type, mh_type, header);
    if let Ok(message) = decode(numbering, Checksum::Ignored, bytes) {
        field
            .children
            .push(verdict(&message, offset + header.len()));
    }
    field
}

/// The fixed part and the options.
fn message_data(field: &mut Field, message_type: MessageType, mh_type: u8, header: &[u8]) {
    let fixed_at = fixed_at(mh_type);
    let offset = field.offset;
    if fixed_at > HEADER_LEN {
        let octets = header.get(HEADER_LEN..fixed_at).unwrap_or_default();
        let subtype = read(tables::RFC5096, octets, offset + HEADER_LEN);
        field.children.extend(subtype);
    }
    let Some(fixed) = header.get(fixed_at..) else {
        return;
    };
    let first = fixed.first().copied().unwrap_or_default();
    let rows = tables::fixed(message_type, first);
    field.children.extend(read(rows, fixed, offset + fixed_at));
    let options_at = fixed_at + message_type.fixed_len();
    let options = header.get(options_at..).unwrap_or_default();
    field
        .children
        .extend(describe_options(options, options_at, offset));
    // Rules between options: each is right by itself.
    let alone_right = field.children.iter().all(|child| child.problem.is_none());
    if let (true, Err(error)) = (alone_right, decode_options(options, options_at)) {
        field.problem.get_or_insert(error.to_string());
    }
}

fn describe_options(options: &[u8], start: usize, header_offset: usize) -> Vec<Field> {
    let mut fields = Vec::new();
    for raw in RawOptions::new(options, start) {
        match raw {
            Ok(raw) => fields.push(describe_option(&raw, header_offset)),
            Err(error) => fields.push(cut_option(&error, options, start, header_offset)),
        }
    }
    fields
}

fn describe_option(raw: &RawOption<'_>, header_offset: usize) -> Field {
    let offset = header_offset + raw.offset;
    let name = iana::name(raw.option_type);
    let name = if name == crate::wire::iana::UNASSIGNED {
        format!("Unknown option {}", raw.option_type)
    } else {
        name.to_owned()
    };
    if raw.option_type == iana::PAD1 {
        return leaf(name, String::new(), offset, 1);
    }
    let length = 2 + raw.data.len();
    if raw.is_padding() {
        return leaf(name, format!("{length} octets"), offset, length);
    }
    let data = read(
        tables::option(raw.option_type, raw.data),
        raw.data,
        offset + 2,
    );
    let mut children = vec![
        leaf("Type".to_owned(), raw.option_type.to_string(), offset, 1),
        leaf(
            "Length".to_owned(),
            raw.data.len().to_string(),
            offset + 1,
            1,
        ),
    ];
    let value = summary(raw, &data);
    children.extend(data);
    Field {
        children,
        problem: decode_option(raw).err().map(|error| error.to_string()),
        ..leaf(name, value, offset, length)
    }
}

/// The last field, which is the point of nearly every option.
fn summary(raw: &RawOption<'_>, data: &[Field]) -> String {
    let last = data.last().map(|field| field.value.clone());
    let value = last.unwrap_or_default();
    let prefix_len = match (raw.option_type, raw.data) {
        (iana::HOME_NETWORK_PREFIX, [_, prefix_len, ..]) => *prefix_len,
        (iana::IPV4_HOME_ADDRESS | iana::IPV4_HOME_ADDRESS_REQUEST, [first, ..]) => first >> 2,
        _ => return value,
    };
    format!("{value}/{prefix_len}")
}

/// An option whose length has no room in the header.
fn cut_option(error: &WireError, options: &[u8], start: usize, header_offset: usize) -> Field {
    let (option_type, at) = match error {
        WireError::Option {
            option_type,
            offset,
            ..
        } => (*option_type, *offset),
        _ => (0, start),
    };
    let left = (start + options.len()).saturating_sub(at);
    Field {
        problem: Some(error.to_string()),
        ..leaf(
            iana::name(option_type).to_owned(),
            String::new(),
            header_offset + at,
            left,
        )
    }
}

fn check_checksum(field: &mut Field, checksum: Option<Checksum>, header: &[u8]) {
    let Some(checksum_field) = field
        .children
        .iter_mut()
        .find(|child| child.name == "Checksum")
    else {
        return;
    };
    let Some(checksum) = checksum else {
        checksum_field.value += " (not verified: no addresses)";
        return;
    };
    if checksum == Checksum::Ignored {
        checksum_field.value += " (ignored over IPv4)";
        return;
    }
    if header.len() < UNIT.max(CHECKSUM_AT + 2) {
        return;
    }
    match checksum.verify(header) {
        Ok(()) => checksum_field.value += " (correct)",
        Err(error) => checksum_field.problem = Some(error.to_string()),
    }
}

/// Notes a problem at the child of that name.
fn flag(field: &mut Field, name: &str, problem: String) {
    if let Some(child) = field.children.iter_mut().find(|child| child.name == name) {
        child.problem = Some(problem);
    }
}

pub(super) fn leaf(name: String, value: String, offset: usize, length: usize) -> Field {
    Field {
        name,
        value,
        offset,
        length,
        children: Vec::new(),
        problem: None,
    }
}
