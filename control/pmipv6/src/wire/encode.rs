//! Messages to octets.

use bytes::BufMut;

use super::checksum::{CHECKSUM_AT, Checksum};
use super::decode::{ACK_U, HEADER_LEN, HEARTBEAT_R, HEARTBEAT_U, REQUEST_H, REQUEST_X, UNIT};
use super::encode_option::{MAX_OPTION_DATA, emit_padding, padding_before};
use super::error::WireError;
use super::iana;
use super::message::{
    BindingAck, BindingError, BindingRevocation, BindingUpdate, Heartbeat, LocalizedRoutingAck,
    LocalizedRoutingInitiation, Message, RoAck, RoRequest, Test, TestInit,
};
use super::numbering::{Numbering, RFC5096_VERSION};
use super::option::MobilityOption;

/// Longest Mobility Header: Header Len is one octet.
pub const MAX_HEADER_OCTETS: usize = 256 * UNIT;

/// Encodes a message as a whole Mobility Header: options aligned each by its own rule, padded to a
/// multiple of 8 octets, Checksum filled in.
///
/// # Errors
/// [`WireError::Field`] for what has no place on the wire: a message beyond [`MAX_HEADER_OCTETS`], an
/// option's data beyond 255 octets, an IPv4 prefix length above 32, Binding Authorization Data that is
/// not the last option, an `Unknown` option of a type that is known, RO messages with an `mh_base` out
/// of range.
pub fn encode(
    numbering: &Numbering,
    checksum: Checksum,
    message: &Message,
) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(TYPICAL_OCTETS);
    let message_type = message.message_type();
    let (mh_type, subtype) = numbering.code(message_type).ok_or_else(|| {
        let base = numbering.mh_base;
        refuse(
            "MH Type",
            format!("{base} has no room for {}", message_type.name()),
        )
    })?;
    out.put_slice(&[iana::NO_NEXT_HEADER, 0, mh_type, 0, 0, 0]);
    if let Some(subtype) = subtype {
        out.put_slice(&[subtype, RFC5096_VERSION]);
    }
    message.emit_fixed(&mut out);
    emit_options(message.options(), &mut out)?;
    if out.len() > MAX_HEADER_OCTETS {
        let problem = format!("{} octets, at most {MAX_HEADER_OCTETS}", out.len());
        return Err(refuse("Header Len", problem));
    }
    // A multiple of 8, at least 8 and at most 2048.
    out[1] = (out.len() / UNIT - 1) as u8;
    let sum = checksum.compute(&out);
    out[CHECKSUM_AT..HEADER_LEN].copy_from_slice(&sum.to_be_bytes());
    Ok(out)
}

/// Room for a Proxy Binding Update with the usual options.
const TYPICAL_OCTETS: usize = 256;

/// Every option behind the padding that its alignment wants, then padding to a multiple of 8.
fn emit_options(options: &[MobilityOption], out: &mut Vec<u8>) -> Result<(), WireError> {
    for (index, option) in options.iter().enumerate() {
        option.check()?;
        let last = index + 1 == options.len();
        if !last && matches!(option, MobilityOption::BindingAuthorizationData(_)) {
            return Err(refuse(
                "Binding Authorization Data",
                "must be the last option",
            ));
        }
        emit_padding(padding_before(option, out.len()), out);
        option.emit(out);
        // Every option is at least one octet longer than nothing: the loop ends near the limit.
        if out.len() > MAX_HEADER_OCTETS + MAX_OPTION_DATA {
            break;
        }
    }
    emit_padding(out.len().next_multiple_of(UNIT) - out.len(), out);
    Ok(())
}

/// What the encoder has no octets for.
pub(super) fn refuse(field: &str, problem: impl Into<String>) -> WireError {
    WireError::Field {
        field: field.to_owned(),
        problem: problem.into(),
    }
}

impl Message {
    /// Appends the fixed part of the message data, from octet 6 (octet 8 in RFC 5096 mode).
    fn emit_fixed(&self, out: &mut impl BufMut) {
        match self {
            Self::BindingRefreshRequest(_) => out.put_u16(0),
            Self::TestInit(message) => message.emit_fixed(out),
            Self::Test(message) => message.emit_fixed(out),
            Self::BindingUpdate(message) => message.emit_fixed(out),
            Self::BindingAck(message) => message.emit_fixed(out),
            Self::BindingError(message) => message.emit_fixed(out),
            Self::Heartbeat(message) => message.emit_fixed(out),
            Self::BindingRevocation(message) => message.emit_fixed(out),
            Self::LocalizedRoutingInitiation(message) => message.emit_fixed(out),
            Self::LocalizedRoutingAck(message) => message.emit_fixed(out),
            Self::RoRequest(message) => message.emit_fixed(out),
            Self::RoAck(message) => message.emit_fixed(out),
        }
    }
}

impl TestInit {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u16(0);
        out.put_u64(self.cookie);
    }
}

impl Test {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u16(self.nonce_index);
        out.put_u64(self.cookie);
        out.put_u64(self.token);
    }
}

impl BindingUpdate {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u16(self.sequence);
        out.put_u16(self.flags);
        out.put_u16(self.lifetime);
    }
}

impl BindingAck {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u8(self.status);
        out.put_u8(self.flags);
        out.put_u16(self.sequence);
        out.put_u16(self.lifetime);
    }
}

impl BindingError {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u8(self.status);
        out.put_u8(0);
        out.put_slice(&self.home_address.octets());
    }
}

impl Heartbeat {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        let unsolicited = if self.unsolicited { HEARTBEAT_U } else { 0 };
        let response = if self.response { HEARTBEAT_R } else { 0 };
        out.put_u16(unsolicited | response);
        out.put_u32(self.sequence);
    }
}

impl BindingRevocation {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u8(self.revocation_type);
        out.put_u8(self.trigger_or_status);
        out.put_u16(self.sequence);
        out.put_u16(self.flags);
    }
}

impl LocalizedRoutingInitiation {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u16(self.sequence);
        out.put_u16(0);
        out.put_u16(self.lifetime);
    }
}

impl LocalizedRoutingAck {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u16(self.sequence);
        out.put_u8(if self.unsolicited { ACK_U } else { 0 });
        out.put_u8(self.status);
        out.put_u16(self.lifetime);
    }
}

impl RoRequest {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        let handover = if self.handover { REQUEST_H } else { 0 };
        let proxy_mode = if self.proxy_mode { REQUEST_X } else { 0 };
        out.put_u16(self.sequence);
        out.put_u8(handover | proxy_mode);
        out.put_u8(0);
        out.put_u16(self.lifetime);
    }
}

impl RoAck {
    fn emit_fixed(&self, out: &mut impl BufMut) {
        out.put_u16(self.sequence);
        out.put_u8(if self.unsolicited { ACK_U } else { 0 });
        out.put_u8(self.status);
        out.put_u16(self.lifetime);
    }
}
