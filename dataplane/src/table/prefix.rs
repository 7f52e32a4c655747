//! Prefixes as keys, and the lengths that are in use.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::packet::header::{ipv4_key, is_ipv4_key, realm_bits};
use crate::update::Realm;

/// Longest prefix that has the short key.
pub(crate) const NARROW_BITS: u8 = 64;
/// Different lengths (or pairs of lengths) that may be in use at once: each costs a look-up.
pub(crate) const MAX_LENGTHS: usize = 16;

/// A prefix in look-up form: host bits zero; IPv4 in its own corner of the IPv6 space, 96 bits longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) bits: u128,
    pub(crate) length: u8,
}

impl Prefix {
    /// Of an address, the first `length` bits (at least 1).
    #[inline(always)]
    pub(crate) fn of(address: u128, length: u8) -> Self {
        let mask = u128::MAX << (128 - u32::from(length)).min(127);
        Self {
            bits: address & mask,
            length,
        }
    }

    #[inline(always)]
    pub(crate) fn is_narrow(self) -> bool {
        self.length <= NARROW_BITS
    }

    #[inline(always)]
    pub(crate) fn is_ipv4(self) -> bool {
        is_ipv4_key(self.bits)
    }

    /// Key of 64 bits and tag of one. A prefix shorter than /64 has a one behind its last bit, which
    /// tells 2001:db8::/32 from 2001:db8::/48, and a tag that tells both from a /64.
    #[inline(always)]
    pub(crate) fn narrow(self) -> (u64, u32) {
        let bits = (self.bits >> 64) as u64;
        if self.length == NARROW_BITS {
            (bits, 0)
        } else {
            (bits | 1 << (63 - u32::from(self.length)).min(63), 1)
        }
    }

    /// Key of 128 bits and tag of one, in the same manner.
    #[inline(always)]
    pub(crate) fn wide(self) -> (u128, u32) {
        if self.length == 128 {
            (self.bits, 0)
        } else {
            (self.bits | 1 << (127 - u32::from(self.length)).min(127), 1)
        }
    }
}

impl Prefix {
    /// Of an IPv4 home of a realm.
    pub(crate) fn of_realm(realm: Realm, address: Ipv4Addr) -> Self {
        Self {
            bits: ipv4_key(address.into()) | realm_bits(Some(realm)),
            length: 128,
        }
    }
}

impl From<IpNet> for Prefix {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V6(net) => Self::of(net.addr().into(), net.prefix_len().max(1)),
            IpNet::V4(net) => Self::of(ipv4_key(net.addr().into()), net.prefix_len() + 96),
        }
    }
}

/// Lengths in use, longest first, each with the number of its users.
#[derive(Debug)]
pub(crate) struct Lengths<L> {
    in_use: [(L, u32); MAX_LENGTHS],
    count: usize,
}

impl<L: Copy + Ord + Default> Lengths<L> {
    pub(crate) fn new() -> Self {
        Self {
            in_use: [(L::default(), 0); MAX_LENGTHS],
            count: 0,
        }
    }

    /// The longest.
    #[inline(always)]
    pub(crate) fn first(&self) -> Option<L> {
        (self.count > 0).then_some(self.in_use[0].0)
    }

    /// Whether one look-up is all.
    #[inline(always)]
    pub(crate) fn is_single(&self) -> bool {
        self.count == 1
    }

    /// Longest first.
    #[inline(always)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = L> + '_ {
        self.in_use[..self.count.min(MAX_LENGTHS)]
            .iter()
            .map(|(length, _)| *length)
    }

    /// Whether one more user of the length fits.
    pub(crate) fn has_room(&self, length: L) -> bool {
        self.count < MAX_LENGTHS || self.iter().any(|used| used == length)
    }

    /// One user more.
    pub(crate) fn add(&mut self, length: L) {
        let used = &mut self.in_use[..self.count];
        if let Some((_, users)) = used.iter_mut().find(|(used, _)| *used == length) {
            *users += 1;
        } else if self.count < MAX_LENGTHS {
            self.in_use[self.count] = (length, 1);
            self.count += 1;
            self.in_use[..self.count]
                .sort_unstable_by_key(|(length, _)| std::cmp::Reverse(*length));
        }
    }

    /// One user less.
    pub(crate) fn remove(&mut self, length: L) {
        let used = &mut self.in_use[..self.count];
        let Some(at) = used.iter().position(|(used, _)| *used == length) else {
            return;
        };
        used[at].1 -= 1;
        if used[at].1 == 0 {
            used[at..].rotate_left(1);
            self.count -= 1;
        }
    }
}
