//! Fragmenting an outer packet (RFC 791 section 3.2, RFC 8200 section 4.5): whole copies, no shared buffers.

use crate::packet::Buffer;
use crate::packet::header::{ETHERNET, IPV4, IPV6, NH_FRAGMENT, ipv4_sum};
use crate::stats::DropReason;

/// Most fragments of one packet; what would need more is dropped and counted.
pub(crate) const MAX_FRAGMENTS: usize = 8;
/// Octets of a Fragment header.
const FRAGMENT: usize = 8;
/// More fragments follow: of IPv4 and of IPv6.
const MORE_IPV4: u16 = 0x2000;
const MORE_IPV6: u16 = 1;

/// A packet of the node's own making that goes in fragments: Ethernet, then IPv4 without options, or IPv6
/// whose extension headers are all for the destination.
struct Whole<'f> {
    headers: &'f [u8],
    payload: &'f [u8],
    is_ipv4: bool,
    identification: u32,
}

impl<'f> Whole<'f> {
    fn new(frame: &'f [u8], identification: u32) -> Option<Self> {
        let is_ipv4 = frame.get(ETHERNET)? >> 4 == 4;
        let headers = ETHERNET + if is_ipv4 { IPV4 } else { IPV6 };
        let (headers, payload) = frame.split_at_checked(headers)?;
        Some(Self {
            headers,
            payload,
            is_ipv4,
            identification,
        })
    }

    /// Octets of the payload in every fragment but the last, for fragments of so many octets; none when that
    /// is too few.
    fn step(&self, octets: usize) -> Option<usize> {
        let headers = self.headers.len() - ETHERNET + self.more_headers();
        let step = octets.checked_sub(headers)? & !7;
        (step > 0).then_some(step)
    }

    fn more_headers(&self) -> usize {
        if self.is_ipv4 { 0 } else { FRAGMENT }
    }

    /// Octets of the frame of a fragment.
    fn frame_octets(&self, payload: usize) -> usize {
        self.headers.len() + self.more_headers() + payload
    }

    /// Writes the fragment whose payload begins at `from`.
    fn write(&self, from: usize, payload: usize, frame: &mut [u8]) {
        let (headers, rest) = frame.split_at_mut(self.headers.len());
        headers.copy_from_slice(self.headers);
        let more = from + payload < self.payload.len();
        let ip = &mut headers[ETHERNET..];
        let (fragment, data) = rest.split_at_mut(self.more_headers());
        if self.is_ipv4 {
            let flag = if more { MORE_IPV4 } else { 0 };
            ip[2..4].copy_from_slice(&((IPV4 + payload) as u16).to_be_bytes());
            ip[6..8].copy_from_slice(&((from / 8) as u16 | flag).to_be_bytes());
            ip[10..12].fill(0);
            let sum = ipv4_sum(ip);
            ip[10..12].copy_from_slice(&(!sum).to_be_bytes());
        } else {
            let flag = if more { MORE_IPV6 } else { 0 };
            ip[4..6].copy_from_slice(&((FRAGMENT + payload) as u16).to_be_bytes());
            fragment[0] = std::mem::replace(&mut ip[6], NH_FRAGMENT);
            fragment[1] = 0;
            fragment[2..4].copy_from_slice(&(from as u16 | flag).to_be_bytes());
            fragment[4..8].copy_from_slice(&self.identification.to_be_bytes());
        }
        data.copy_from_slice(&self.payload[from..from + payload]);
    }
}

/// Cuts a frame into fragments whose IP packets are of at most `octets`: all of them, in order, or none.
///
/// # Errors
/// More than [`MAX_FRAGMENTS`] would be needed, or buffers have run out.
#[cold]
pub(crate) fn fragment<B: Buffer>(
    frame: &B,
    octets: u16,
    identification: u32,
) -> Result<[Option<B>; MAX_FRAGMENTS], DropReason> {
    let mut fragments = [const { None }; MAX_FRAGMENTS];
    let whole = Whole::new(frame.data(), identification).ok_or(DropReason::NeedsOuterFragment)?;
    let step = whole
        .step(usize::from(octets))
        .filter(|step| whole.payload.len() <= step * MAX_FRAGMENTS)
        .ok_or(DropReason::NeedsOuterFragment)?;
    let starts = (0..whole.payload.len()).step_by(step);
    for (place, from) in fragments.iter_mut().zip(starts) {
        let payload = step.min(whole.payload.len() - from);
        let mut buffer = frame
            .fresh(whole.frame_octets(payload))
            .ok_or(DropReason::NoBuffer)?;
        whole.write(from, payload, buffer.data_mut());
        *place = Some(buffer);
    }
    Ok(fragments)
}
