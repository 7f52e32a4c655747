//! Fragmenting a packet (RFC 791 section 3.2, RFC 8200 section 4.5): whole copies, no shared buffers.

use crate::packet::Buffer;
use crate::packet::header::{
    ETHERNET, ETHERTYPE_VLAN, IPV4, IPV6, NH_FRAGMENT, VLAN_TAG, ipv4_sum, u16_at,
};
use crate::stats::DropReason;

/// Most fragments of one packet; what would need more is dropped and counted.
pub(crate) const MAX_FRAGMENTS: usize = 8;
/// Octets of a Fragment header.
const FRAGMENT: usize = 8;
/// More fragments follow: of IPv4 and of IPv6.
const MORE_IPV4: u16 = 0x2000;
const MORE_IPV6: u16 = 1;
/// Where a part of an IPv4 packet begins in it, in eight octets.
const OFFSET_IPV4: u16 = 0x1fff;
/// IPv4 option: every fragment has a copy of it (RFC 791 section 3.1).
const COPIED: u8 = 0x80;
/// IPv4 options: there are no more, and none.
const OPTION_END: u8 = 0;
const OPTION_NONE: u8 = 1;

/// Whose packet is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    /// The node's own around a user's: IPv4 without options, or IPv6 whose extension headers are all for the
    /// destination.
    Tunnel,
    /// A user's, of IPv4: perhaps with options, perhaps a fragment itself.
    User,
}

impl Whole {
    /// Why one is dropped that would be too many fragments.
    fn too_many(self) -> DropReason {
        match self {
            Self::Tunnel => DropReason::NeedsOuterFragment,
            Self::User => DropReason::NeedsFragment,
        }
    }
}

/// A packet that goes in fragments.
struct Cut<'f> {
    /// Ethernet and IP.
    headers: &'f [u8],
    payload: &'f [u8],
    /// Where the IP header begins.
    ip: usize,
    is_ipv4: bool,
    /// IPv4: what it says of fragments itself.
    part: u16,
    /// IPv6: of its fragments.
    identification: u32,
}

impl<'f> Cut<'f> {
    /// None where it is no such packet, or would be longer than any.
    fn new(frame: &'f [u8], identification: u32) -> Option<Self> {
        let ip = match u16_at(frame, 12) {
            ETHERTYPE_VLAN => ETHERNET + VLAN_TAG,
            _ => ETHERNET,
        };
        let first = *frame.get(ip)?;
        let is_ipv4 = first >> 4 == 4;
        let header = if is_ipv4 {
            usize::from(first & 15) * 4
        } else {
            IPV6
        };
        let (headers, payload) = frame.split_at_checked(ip + header)?;
        let part = if is_ipv4 { u16_at(headers, ip + 6) } else { 0 };
        let end = usize::from(part & OFFSET_IPV4) + payload.len() / 8;
        (header >= IPV4 && end <= usize::from(OFFSET_IPV4)).then_some(Self {
            headers,
            payload,
            ip,
            is_ipv4,
            part,
            identification,
        })
    }

    /// Octets of the payload in every fragment but the last, for fragments of so many octets; none when that
    /// is too few.
    fn step(&self, octets: usize) -> Option<usize> {
        let headers = self.headers.len() - self.ip + self.more_headers();
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
        let ip = &mut headers[self.ip..];
        let (fragment, data) = rest.split_at_mut(self.more_headers());
        if self.is_ipv4 {
            let more = more || self.part & MORE_IPV4 != 0;
            let flag = if more { MORE_IPV4 } else { 0 };
            let offset = (self.part & OFFSET_IPV4) + (from / 8) as u16;
            let octets = (ip.len() + payload) as u16;
            ip[2..4].copy_from_slice(&octets.to_be_bytes());
            ip[6..8].copy_from_slice(&(offset | flag).to_be_bytes());
            if from > 0 {
                blank_options(&mut ip[IPV4..]);
            }
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

/// Makes nothing of the options that only the first fragment has. What follows one that is not right stays: that is
/// for the destination to judge.
fn blank_options(mut options: &mut [u8]) {
    while let Some(&kind) = options.first() {
        let octets = match kind {
            OPTION_END => return,
            OPTION_NONE => 1,
            _ => usize::from(options.get(1).copied().unwrap_or(0)).max(1),
        };
        let Some((option, rest)) = options.split_at_mut_checked(octets) else {
            return;
        };
        if kind & COPIED == 0 {
            option.fill(OPTION_NONE);
        }
        options = rest;
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
    of: Whole,
) -> Result<[Option<B>; MAX_FRAGMENTS], DropReason> {
    let mut fragments = [const { None }; MAX_FRAGMENTS];
    let cut = Cut::new(frame.data(), identification).ok_or(of.too_many())?;
    let step = cut
        .step(usize::from(octets))
        .filter(|step| cut.payload.len() <= step * MAX_FRAGMENTS)
        .ok_or(of.too_many())?;
    let starts = (0..cut.payload.len()).step_by(step);
    for (place, from) in fragments.iter_mut().zip(starts) {
        let payload = step.min(cut.payload.len() - from);
        let mut buffer = frame
            .fresh(cut.frame_octets(payload))
            .ok_or(DropReason::NoBuffer)?;
        cut.write(from, payload, buffer.data_mut());
        *place = Some(buffer);
    }
    Ok(fragments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fragments_keep_the_options_that_are_copied() {
        // Record Route, Loose Source Route, padding; the end of the list; what is not right.
        for (before, after) in [
            (
                vec![7, 3, 4, 0x83, 7, 4, 1, 2, 3, 4, 1, 0],
                vec![1, 1, 1, 0x83, 7, 4, 1, 2, 3, 4, 1, 0],
            ),
            (vec![0, 7, 3, 4], vec![0, 7, 3, 4]),
            (vec![7, 0, 1, 7], vec![1, 0, 1, 7]),
            (vec![7, 9, 4, 0], vec![7, 9, 4, 0]),
            (vec![1, 1, 1, 7], vec![1, 1, 1, 1]),
        ] {
            let mut options = before.clone();
            blank_options(&mut options);
            assert_eq!(options, after, "{before:?}");
        }
    }
}
