//! Mobility Headers between the box's own IP and the engine.

use std::net::{IpAddr, Ipv6Addr};

use pmipv6::io::{Input, Protection, Via};
use pmipv6::wire::{self, Checksum, Message, Numbering};

/// What the engine is told about a Mobility Header from the wire.
pub(super) fn input(
    numbering: &Numbering,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    octets: &[u8],
) -> Input {
    let checksum = Checksum::PseudoHeader {
        source,
        destination,
    };
    let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
    match wire::decode(numbering, checksum, octets) {
        Ok(message) => Input::Message {
            source,
            destination,
            via: Via::Ipv6,
            protection: Protection::None,
            message,
        },
        Err(error) => Input::Malformed {
            source,
            destination,
            via: Via::Ipv6,
            error,
        },
    }
}

/// A message as it goes on the wire; none where it cannot: an address that is not IPv6, or more options
/// than a Mobility Header holds.
pub(super) fn octets(
    numbering: &Numbering,
    source: IpAddr,
    destination: IpAddr,
    message: &Message,
) -> Option<(Ipv6Addr, Ipv6Addr, Vec<u8>)> {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (source, destination) else {
        return None;
    };
    let checksum = Checksum::PseudoHeader {
        source,
        destination,
    };
    let octets = wire::encode(numbering, checksum, message).ok()?;
    Some((source, destination, octets))
}
