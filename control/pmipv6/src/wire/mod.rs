//! Wire formats: the Mobility Header (RFC 6275 section 6.1), its messages and its options.
//!
//! One struct a message, `decode(encode(x)) == x`. [`decode`] and [`encode`] are the only doors.

pub mod iana;
pub mod message;
pub mod option;

mod checksum;
mod decode;
mod decode_option;
mod encode;
mod encode_option;
mod error;
mod numbering;

pub use checksum::Checksum;
pub use decode::decode;
pub use encode::{MAX_HEADER_OCTETS, encode};
pub use error::WireError;
pub use message::Message;
pub use numbering::{MessageType, Numbering};
pub use option::MobilityOption;
