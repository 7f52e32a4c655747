//! Wire formats: the Mobility Header (RFC 6275 section 6.1), its messages and its options.
//!
//! One struct a message, `decode(encode(x)) == x`. [`decode`] and [`encode`] are the only doors.

pub mod describe;
pub mod iana;
pub mod message;
pub mod option;
pub mod options;
pub mod ro;

mod authenticator;
mod checksum;
mod decode;
mod decode_option;
mod encode;
mod encode_option;
mod error;
mod experimental;
mod numbering;
mod timestamp;

pub use authenticator::{AUTHENTICATOR_OCTETS, authenticated_data};
pub use checksum::Checksum;
pub use decode::{decode, decode_noting_alignment};
pub use encode::{MAX_HEADER_OCTETS, encode};
pub use error::WireError;
pub use experimental::RoOption;
pub use message::Message;
pub use numbering::{MessageType, Numbering};
pub use option::MobilityOption;
pub use timestamp::{timestamp_from_duration, timestamp_to_duration};
