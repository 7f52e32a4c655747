//! Octets to messages.

use std::net::Ipv6Addr;

use bytes::Buf;

use super::checksum::Checksum;
use super::decode_option::decode_options;
use super::error::WireError;
use super::iana;
use super::message::{
    BindingAck, BindingError, BindingRefreshRequest, BindingRevocation, BindingUpdate, Heartbeat,
    LocalizedRoutingAck, LocalizedRoutingInitiation, Message, RoAck, RoRequest, Test, TestInit,
};
use super::numbering::{MessageType, Numbering};
use super::option::MobilityOption;

/// Octets in front of the message data.
pub(super) const HEADER_LEN: usize = 6;
/// Octets of the smallest Mobility Header, and the unit of Header Len.
pub(super) const UNIT: usize = 8;

/// Decodes one Mobility Header, checking in the order of RFC 6275 section 9.2: length of the packet,
/// checksum (silent discard), MH Type (Binding Error), Payload Proto and Header Len (ICMPv6 Parameter
/// Problem), then the message.
///
/// Octets after the header are ignored: nothing follows a Payload Proto of 59 (RFC 8200 section 4.7).
/// Options may stand in any order and at any alignment, unknown ones are kept; an option whose length
/// its type does not allow is an error, and so is Binding Authorization Data that is not the last.
///
/// # Errors
/// The first thing that is wrong, by field.
pub fn decode(
    numbering: &Numbering,
    checksum: Checksum,
    bytes: &[u8],
) -> Result<Message, WireError> {
    decode_noting_alignment(numbering, checksum, bytes).map(|(message, _)| message)
}

/// As [`decode`]; also whether each option stands where its RFC wants it, which senders have to see to and
/// receivers need not insist on (RFC 6275 section 6.2.1).
///
/// # Errors
/// As [`decode`].
pub fn decode_noting_alignment(
    numbering: &Numbering,
    checksum: Checksum,
    bytes: &[u8],
) -> Result<(Message, bool), WireError> {
    let header = whole_header(bytes)?;
    checksum.verify(header)?;
    let [payload_proto, header_len, mh_type] = [header[0], header[1], header[2]];
    let message_type = numbering
        .message_type(mh_type, header[6], header[7])
        .ok_or(WireError::UnknownType(mh_type))?;
    if payload_proto != iana::NO_NEXT_HEADER {
        return Err(WireError::PayloadProto(payload_proto));
    }
    let minimum = message_type.minimum_header_len();
    if header_len < minimum {
        return Err(WireError::HeaderLen {
            mh_type,
            found: header_len,
            minimum,
        });
    }
    let fixed_at = fixed_at(mh_type);
    let (fixed, options) = header[fixed_at..].split_at(message_type.fixed_len());
    let (options, aligned) = decode_options(options, fixed_at + fixed.len())?;
    Ok((decode_fixed(message_type, fixed, options), aligned))
}

/// Cuts the Mobility Header out of `bytes` by its Header Len.
pub(super) fn whole_header(bytes: &[u8]) -> Result<&[u8], WireError> {
    let have = bytes.len();
    let need = match bytes.get(1) {
        Some(header_len) => (usize::from(*header_len) + 1) * UNIT,
        None => UNIT,
    };
    bytes.get(..need).ok_or(WireError::Truncated { need, have })
}

/// Where the fixed part starts: the subtype and version octets of RFC 5096 stand in front of it.
pub(super) const fn fixed_at(mh_type: u8) -> usize {
    if mh_type == iana::mh_type::EXPERIMENTAL {
        HEADER_LEN + 2
    } else {
        HEADER_LEN
    }
}

/// Reads the fixed part, which is as long as [`MessageType::fixed_len`] says.
fn decode_fixed(
    message_type: MessageType,
    mut fixed: &[u8],
    options: Vec<MobilityOption>,
) -> Message {
    let at = &mut fixed;
    match message_type {
        MessageType::BindingRefreshRequest => {
            Message::BindingRefreshRequest(BindingRefreshRequest { options })
        }
        MessageType::TestInit(kind) => {
            at.advance(2);
            Message::TestInit(TestInit {
                kind,
                cookie: at.get_u64(),
                options,
            })
        }
        MessageType::Test(kind) => Message::Test(Test {
            kind,
            nonce_index: at.get_u16(),
            cookie: at.get_u64(),
            token: at.get_u64(),
            options,
        }),
        MessageType::BindingUpdate => Message::BindingUpdate(BindingUpdate {
            sequence: at.get_u16(),
            flags: at.get_u16(),
            lifetime: at.get_u16(),
            options,
        }),
        MessageType::BindingAck => Message::BindingAck(BindingAck {
            status: at.get_u8(),
            flags: at.get_u8(),
            sequence: at.get_u16(),
            lifetime: at.get_u16(),
            options,
        }),
        MessageType::BindingError => {
            let status = at.get_u8();
            at.advance(1);
            Message::BindingError(BindingError {
                status,
                home_address: Ipv6Addr::from_bits(at.get_u128()),
                options,
            })
        }
        MessageType::Heartbeat => {
            let flags = at.get_u16();
            Message::Heartbeat(Heartbeat {
                unsolicited: flags & HEARTBEAT_U != 0,
                response: flags & HEARTBEAT_R != 0,
                sequence: at.get_u32(),
                options,
            })
        }
        MessageType::BindingRevocation => Message::BindingRevocation(BindingRevocation {
            revocation_type: at.get_u8(),
            trigger_or_status: at.get_u8(),
            sequence: at.get_u16(),
            flags: at.get_u16(),
            options,
        }),
        MessageType::LocalizedRoutingInitiation
        | MessageType::LocalizedRoutingAck
        | MessageType::RoRequest(_)
        | MessageType::RoAck(_) => decode_localized_routing(message_type, at, options),
    }
}

/// RFC 6705 section 10, and the RO messages, which have the same fixed part (HL-3).
fn decode_localized_routing(
    message_type: MessageType,
    at: &mut &[u8],
    options: Vec<MobilityOption>,
) -> Message {
    let sequence = at.get_u16();
    let flags = at.get_u8();
    let status = at.get_u8();
    let lifetime = at.get_u16();
    let unsolicited = flags & ACK_U != 0;
    match message_type {
        MessageType::RoRequest(kind) => Message::RoRequest(RoRequest {
            kind,
            sequence,
            handover: flags & REQUEST_H != 0,
            proxy_mode: flags & REQUEST_X != 0,
            lifetime,
            options,
        }),
        MessageType::RoAck(kind) => Message::RoAck(RoAck {
            kind,
            sequence,
            unsolicited,
            status,
            lifetime,
            options,
        }),
        MessageType::LocalizedRoutingAck => Message::LocalizedRoutingAck(LocalizedRoutingAck {
            sequence,
            unsolicited,
            status,
            lifetime,
            options,
        }),
        _ => Message::LocalizedRoutingInitiation(LocalizedRoutingInitiation {
            sequence,
            lifetime,
            options,
        }),
    }
}

/// U flag of a Heartbeat (RFC 5847 section 3.3).
pub(super) const HEARTBEAT_U: u16 = 0x0002;
/// R flag of a Heartbeat.
pub(super) const HEARTBEAT_R: u16 = 0x0001;
/// U flag of LRA and RO acknowledgements, first octet after the sequence number.
pub(super) const ACK_U: u8 = 0x80;
/// H flag of RO requests.
pub(super) const REQUEST_H: u8 = 0x80;
/// X flag of RO requests.
pub(super) const REQUEST_X: u8 = 0x40;
