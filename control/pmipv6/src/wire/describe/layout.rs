//! Field tables, and the reader that turns octets into [`Field`]s by them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Field;
use crate::wire::timestamp_to_duration;

/// One row of a field table: name, bits (0 is all that is left), and how to show it.
pub(super) struct Row(pub(super) &'static str, pub(super) usize, pub(super) Show);

/// How a value is shown.
#[derive(Clone, Copy)]
pub(super) enum Show {
    /// Decimal.
    Number,
    /// Hexadecimal.
    Hex,
    /// A code with its name.
    Code(fn(u8) -> &'static str),
    /// A 16-bit code with its name.
    Code16(fn(u16) -> &'static str),
    /// Single bits with their names, most significant first.
    Flags(&'static [(u64, &'static str)]),
    /// Lifetime in units of 4 s.
    FourSeconds,
    /// Lifetime in seconds, 0xFFFF infinite (RFC 6705 section 10.1).
    Seconds,
    /// RFC 5213 section 8.8.
    Timestamp,
    /// An address: 4 or 16 octets.
    Address,
    /// Octets with colons between.
    Octets,
    /// Text where it is printable, else octets.
    Text,
}

/// Reads `bytes`, which start at `offset` of the packet; ends where the octets end.
pub(super) fn read(rows: &[Row], bytes: &[u8], offset: usize) -> Vec<Field> {
    let mut fields = Vec::with_capacity(rows.len());
    let mut bit = 0;
    for Row(name, bits, show) in rows {
        let left = bytes.len() * 8 - bit;
        let bits = if *bits == 0 { left } else { *bits };
        if bits > left {
            break;
        }
        let octets = bit / 8..(bit + bits).div_ceil(8);
        let value = match *show {
            Show::Address | Show::Octets | Show::Text => show_octets(*show, &bytes[octets.clone()]),
            show => show_number(show, number(bytes, bit, bits), bits),
        };
        fields.push(Field {
            name: (*name).to_owned(),
            value,
            offset: offset + octets.start,
            length: octets.len(),
            children: Vec::new(),
            problem: None,
        });
        bit += bits;
    }
    fields
}

/// At most 64 bits, big-endian.
fn number(bytes: &[u8], start: usize, bits: usize) -> u64 {
    (start..start + bits).fold(0, |value, bit| {
        value << 1 | u64::from(bytes[bit / 8] >> (7 - bit % 8) & 1)
    })
}

fn show_number(show: Show, value: u64, bits: usize) -> String {
    match show {
        Show::Hex => format!("{value:#0width$x}", width = 2 + bits.div_ceil(4)),
        Show::Code(name) => format!("{value} ({})", u8::try_from(value).map_or("", name)),
        Show::Code16(name) => format!("{value:#06x} ({})", u16::try_from(value).map_or("", name)),
        Show::Flags(flags) => {
            let set = flags.iter().filter(|(mask, _)| value & mask != 0);
            let names: Vec<_> = set.map(|(_, name)| *name).collect();
            let number = show_number(Show::Hex, value, bits);
            if names.is_empty() {
                return number;
            }
            format!("{number} ({})", names.join(", "))
        }
        Show::FourSeconds => format!("{value} ({} s)", value * 4),
        Show::Seconds if value == 0xffff => format!("{value} (infinite)"),
        Show::Seconds => format!("{value} s"),
        Show::Timestamp => {
            let since_1970 = timestamp_to_duration(value);
            format!(
                "{}.{:06} s since 1970-01-01 UTC",
                since_1970.as_secs(),
                since_1970.subsec_micros()
            )
        }
        _ => value.to_string(),
    }
}

fn show_octets(show: Show, octets: &[u8]) -> String {
    if matches!(show, Show::Address) {
        if let Ok(address) = <[u8; 16]>::try_from(octets) {
            return Ipv6Addr::from(address).to_string();
        }
        if let Ok(address) = <[u8; 4]>::try_from(octets) {
            return Ipv4Addr::from(address).to_string();
        }
    }
    if matches!(show, Show::Text) && octets.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        return String::from_utf8_lossy(octets).into_owned();
    }
    let octets: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}
