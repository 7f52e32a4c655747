//! What the authenticator of a Binding Authorization Data covers (RFC 6275 section 6.2.7).

use super::checksum::CHECKSUM_AT;
use super::decode::{HEADER_LEN, whole_header};
use super::iana::option::BINDING_AUTHORIZATION_DATA;

/// Octets of the authenticator of return routability.
pub const AUTHENTICATOR_OCTETS: usize = 12;

/// "MH Data" of an encoded Mobility Header that ends in Binding Authorization Data: the whole header with
/// the Checksum as zero, without the authenticator, but with the option's type and length. Behind it the
/// authenticator that the header carries now.
///
/// None if the header is cut, or does not end in that option.
#[must_use]
pub fn authenticated_data(bytes: &[u8]) -> Option<(Vec<u8>, [u8; AUTHENTICATOR_OCTETS])> {
    let header = whole_header(bytes).ok()?;
    let (covered, authenticator) = header.split_last_chunk::<AUTHENTICATOR_OCTETS>()?;
    // Message data of 6 octets at least, then the option: nothing shorter ends in one.
    let option = covered.get(2 * HEADER_LEN..)?;
    if !option.ends_with(&[BINDING_AUTHORIZATION_DATA, AUTHENTICATOR_OCTETS as u8]) {
        return None;
    }
    let mut covered = covered.to_vec();
    covered[CHECKSUM_AT..HEADER_LEN].fill(0);
    Some((covered, *authenticator))
}
