//! Wire formats: the Mobility Header (RFC 6275 section 6.1), its messages and its options.
//!
//! One struct a message, `parse(emit(x)) == x`. [`decode` and `encode` are the only doors.

pub mod message;
pub mod option;

mod error;

pub use error::WireError;
pub use message::Message;
pub use option::MobilityOption;
