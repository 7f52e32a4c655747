//! Fragments of packets to ourselves (RFC 791, RFC 8200 section 4.5): checked here, kept by the platform's
//! table, and forwarded as the packets that they were.

use super::platform::{Platform, Reassembly};
use crate::config::ReassemblyConfig;
use crate::packet::Buffer;
use crate::packet::header::{ETHERNET, ETHERTYPE_VLAN, IPV4, IPV6, NH_FRAGMENT, VLAN_TAG, u16_at};
use crate::stats::{Counter, DropReason, Tally};

/// Octets of a Fragment header.
const FRAGMENT: usize = 8;
/// Largest IPv6 payload, and largest IPv4 packet.
const MAX_OCTETS: usize = u16::MAX as usize;

/// The table, once there is EAL to make it of.
pub(super) struct Reassembler<P: Platform> {
    table: Option<P::Reassembly>,
    config: ReassemblyConfig,
}

/// What a fragment turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A part of a packet.
    Part,
    /// A whole packet behind a Fragment header, which goes its way alone (RFC 6946).
    Atomic,
}

impl<P: Platform> Reassembler<P> {
    pub(super) fn new(config: ReassemblyConfig) -> Self {
        Self {
            table: None,
            config,
        }
    }

    /// Makes the table, if it is not there. Without memory for it, fragments are dropped and counted.
    pub(super) fn ready(&mut self) {
        if self.table.is_none() {
            let timeout = P::cycles_per_s() / 1_000 * u64::from(self.config.timeout_ms);
            self.table = P::Reassembly::new(self.config.packets, timeout);
        }
    }

    /// Takes a fragment; the packet, in one segment, if it is whole now.
    pub(super) fn take(
        &mut self,
        mut fragment: P::Buffer,
        now_cycles: u64,
        tally: &mut Tally,
    ) -> Option<P::Buffer> {
        let ip_offset = ip_offset(fragment.data());
        let kind = match check(&mut fragment, ip_offset) {
            Ok(kind) => kind,
            Err(reason) => {
                tally.drop(reason, 1);
                return None;
            }
        };
        if kind == Kind::Atomic {
            strip(&mut fragment, ip_offset);
            return Some(fragment);
        }
        let taken = match &mut self.table {
            Some(table) => table.take(fragment, ip_offset, now_cycles),
            None => Err(fragment),
        };
        let Ok(taken) = taken else {
            tally.drop(DropReason::OuterFragment, 1);
            return None;
        };
        tally.add(Counter::ReassemblyFragments, 1);
        tally.drop(DropReason::Reassembly, u64::from(taken.given_up));
        let mut whole = taken.whole?;
        tally.add(Counter::ReassemblyPackets, 1);
        if !whole.linearize() {
            tally.drop(DropReason::Segmented, 1);
            return None;
        }
        Some(whole)
    }

    /// Gives up what has waited too long.
    #[inline]
    pub(super) fn expire(&mut self, tally: &mut Tally) {
        if let Some(table) = &mut self.table
            && table.held() > 0
        {
            let given_up = table.expire(P::cycles());
            tally.drop(DropReason::Reassembly, u64::from(given_up));
        }
    }
}

/// Where the IP header begins: behind one tag at most, as classification has seen.
fn ip_offset(frame: &[u8]) -> usize {
    match u16_at(frame, 12) {
        ETHERTYPE_VLAN => ETHERNET + VLAN_TAG,
        _ => ETHERNET,
    }
}

/// Checks a fragment by its own headers, and takes away what follows it in the frame. Classification has
/// checked that the IP header and the packet's length are there.
fn check<B: Buffer>(fragment: &mut B, ip_offset: usize) -> Result<Kind, DropReason> {
    let ip = fragment.data().get(ip_offset..).unwrap_or_default();
    let is_ipv4 = ip.first().is_some_and(|first| first >> 4 == 4);
    // In octets: where the data ends, where it begins, from where in the packet, whether more follow.
    let (end, start, from, more) = if is_ipv4 {
        let word = u16_at(ip, 6);
        let header = usize::from(ip[0] & 0x0f) * 4;
        let from = usize::from(word & 0x1fff) * 8;
        (usize::from(u16_at(ip, 2)), header, from, word & 0x2000 != 0)
    } else {
        if ip.get(6) != Some(&NH_FRAGMENT) {
            // Behind other extension headers: nobody has a reason to do that to a packet to us.
            return Err(DropReason::OuterFragment);
        }
        let word = u16_at(ip, IPV6 + 2);
        let end = IPV6 + usize::from(u16_at(ip, 4));
        (end, IPV6 + FRAGMENT, usize::from(word & !7), word & 1 != 0)
    };
    let payload = end.checked_sub(start).ok_or(DropReason::Truncated)?;
    let whole = from + payload + if is_ipv4 { IPV4 } else { 0 };
    let unfit = payload == 0 || more && payload % 8 != 0 || whole > MAX_OCTETS;
    let padding = ip.len().checked_sub(end).ok_or(DropReason::Truncated)?;
    let atomic = from == 0 && !more;
    if unfit && !atomic {
        return Err(DropReason::FragmentHeader);
    }
    fragment.shrink_back(padding);
    Ok(if atomic { Kind::Atomic } else { Kind::Part })
}

/// Takes the Fragment header out of an IPv6 packet.
fn strip<B: Buffer>(packet: &mut B, ip_offset: usize) {
    let data = packet.data_mut();
    let Some(&next_header) = data.get(ip_offset + IPV6) else {
        return;
    };
    let octets = u16_at(data, ip_offset + 4) - FRAGMENT as u16;
    data[ip_offset + 4..ip_offset + 6].copy_from_slice(&octets.to_be_bytes());
    data[ip_offset + 6] = next_header;
    data.copy_within(..ip_offset + IPV6, FRAGMENT);
    packet.shrink_front(FRAGMENT);
}
