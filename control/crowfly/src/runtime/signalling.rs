//! Mobility Headers between the box's own IP and the engine.

use std::net::IpAddr;

use pmipv6::io::{Input, Protection, Via};
use pmipv6::wire::{self, Checksum, Message, Numbering};

/// What the engine is told about a Mobility Header from the wire.
pub(super) fn input(
    numbering: &Numbering,
    (source, destination): (IpAddr, IpAddr),
    via: Via,
    protection: Protection,
    octets: &[u8],
) -> Input {
    // Over IPv4 it is UDP's to check (RFC 5844 section 4.1.3.2).
    let checksum = pseudo_header(source, destination).unwrap_or(Checksum::Ignored);
    match wire::decode_noting_alignment(numbering, checksum, octets) {
        Ok((message, aligned)) => Input::Message {
            source,
            destination,
            via,
            protection,
            aligned,
            message,
        },
        Err(error) => Input::Malformed {
            source,
            destination,
            via,
            error,
        },
    }
}

/// A message as it goes on the wire; none where it cannot: addresses that no IPv6 packet can have, or more
/// options than a Mobility Header holds.
pub(super) fn octets(
    numbering: &Numbering,
    (source, destination): (IpAddr, IpAddr),
    via: Via,
    message: &Message,
) -> Option<Vec<u8>> {
    let checksum = match via {
        Via::Ipv4 { .. } => Checksum::Ignored,
        Via::Ipv6 | Via::Nat { .. } => pseudo_header(source, destination)?,
    };
    wire::encode(numbering, checksum, message).ok()
}

fn pseudo_header(source: IpAddr, destination: IpAddr) -> Option<Checksum> {
    match (source, destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Checksum::PseudoHeader {
            source,
            destination,
        }),
        _ => None,
    }
}
