//! Homes: what happens to traffic from and to an HNP or an IPv4 home address.

use super::NONE;
use super::hash::{Full, Key, Table};
use super::prefix::{Lengths, Prefix};
use super::slab::Slab;
use crate::update::Realm;

/// What a home is to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum HomeKind {
    /// Nothing: the entry stands only because pairs refer to it.
    #[default]
    Absent,
    /// MAG: behind a link.
    Attached,
    /// LMA: behind a tunnel.
    Anchored,
    /// LMA: nowhere at present.
    Suspended,
    /// LMA: at a peer.
    PeerAnchored,
}

/// The access link as the entry's owner sees it, copied into the entry so that a packet touches one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LinkCopy {
    pub(crate) is_set: bool,
    pub(crate) port: u16,
    pub(crate) vlan: u16,
    pub(crate) mtu_bytes: u16,
    pub(crate) source_mac: [u8; 6],
    pub(crate) mn_mac: [u8; 6],
    /// The MN's IPv4 default router; 0: none.
    pub(crate) router: u32,
}

/// One home, one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct HomeEntry {
    pub(crate) kind: HomeKind,
    pub(crate) link: LinkCopy,
    /// Attached: the anchor's. Anchored: the MAG's.
    pub(crate) tunnel: u32,
    pub(crate) link_slot: u32,
    /// Neighbours in the list of homes on the same link.
    pub(crate) next_on_link: u32,
    pub(crate) previous_on_link: u32,
    /// Pairs whose source this is and that send from here: without any, no pair is looked up.
    pub(crate) pairs: u32,
    /// An IPv4 home of a realm: its realm, and its address.
    pub(crate) realm: Option<Realm>,
    pub(crate) address: u32,
}

const _: () = assert!(size_of::<HomeEntry>() == 64, "an entry is a cache line");

impl Default for HomeEntry {
    fn default() -> Self {
        Self {
            kind: HomeKind::Absent,
            link: LinkCopy::default(),
            tunnel: NONE,
            link_slot: NONE,
            next_on_link: NONE,
            previous_on_link: NONE,
            pairs: 0,
            realm: None,
            address: 0,
        }
    }
}

impl HomeEntry {
    /// What tells its packets on their way up, where it is of a realm and attached: another home may have its
    /// address, but not on its link.
    pub(crate) fn uplink(&self) -> Option<u128> {
        let attached = self.kind == HomeKind::Attached && self.link.is_set;
        let link = (self.link.port, self.link.vlan, self.link.mn_mac);
        (attached && self.realm.is_some()).then(|| uplink_key(self.address, link))
    }
}

/// An IPv4 address on a link: port, VLAN, link-layer address.
pub(crate) fn uplink_key(address: u32, (port, vlan, mac): (u16, u16, [u8; 6])) -> u128 {
    let [a, b, c, d, e, f] = mac.map(u128::from);
    let mac = a << 40 | b << 32 | c << 24 | d << 16 | e << 8 | f;
    u128::from(address) << 80 | u128::from(port) << 64 | u128::from(vlan) << 48 | mac
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Homes {
    narrow: Table<u64, 5>,
    wide: Table<u128, 3>,
    entries: Slab<HomeEntry>,
    lengths: Lengths<u8>,
    ipv4_lengths: Lengths<u8>,
    /// Attached homes of realms by their link and address.
    uplinks: Table<u128, 3>,
}

impl Homes {
    pub(crate) fn new(capacity: u32, wide_capacity: u32, realm_capacity: u32) -> Self {
        Self {
            uplinks: Table::new(realm_capacity),
            narrow: Table::new(capacity),
            wide: Table::new(wide_capacity),
            entries: Slab::new(capacity),
            lengths: Lengths::new(),
            ipv4_lengths: Lengths::new(),
        }
    }

    #[inline(always)]
    fn lengths(&self, prefix_is_ipv4: bool) -> &Lengths<u8> {
        if prefix_is_ipv4 {
            &self.ipv4_lengths
        } else {
            &self.lengths
        }
    }

    /// Asks the cache for where the address would be found, and says its hash for [`Self::find`].
    #[inline(always)]
    pub(crate) fn prefetch(&self, address: u128, ipv4: bool) -> u64 {
        let Some(length) = self.lengths(ipv4).first() else {
            return 0;
        };
        let prefix = Prefix::of(address, length);
        if prefix.is_narrow() {
            let hash = prefix.narrow().0.hashed();
            self.narrow.prefetch(hash);
            hash
        } else {
            let hash = prefix.wide().0.hashed();
            self.wide.prefetch(hash);
            hash
        }
    }

    /// Index of the longest home that holds the address, or [`NONE`]; `hash` is what
    /// [`Self::prefetch`] said.
    #[inline(always)]
    pub(crate) fn find(&self, address: u128, ipv4: bool, hash: u64) -> u32 {
        let lengths = self.lengths(ipv4);
        let Some(length) = lengths.first() else {
            return NONE;
        };
        let prefix = Prefix::of(address, length);
        let found = if prefix.is_narrow() {
            let (key, tag) = prefix.narrow();
            self.narrow.get(hash, key, tag)
        } else {
            let (key, tag) = prefix.wide();
            self.wide.get(hash, key, tag)
        };
        match found {
            Some(index) if lengths.is_single() || self.is_home(index) => index,
            None if lengths.is_single() => NONE,
            _ => self.find_shorter(address, lengths),
        }
    }

    #[cold]
    fn find_shorter(&self, address: u128, lengths: &Lengths<u8>) -> u32 {
        lengths
            .iter()
            .skip(1)
            .filter_map(|length| self.index_of(Prefix::of(address, length)))
            .find(|index| self.is_home(*index))
            .unwrap_or(NONE)
    }

    /// An entry that only pairs keep must not hide a shorter home. (Where one length is in use it hides
    /// nothing, and the entry need not be read yet.)
    fn is_home(&self, index: u32) -> bool {
        self.entries
            .get(index)
            .is_some_and(|entry| entry.kind != HomeKind::Absent)
    }

    /// Asks the cache for an entry.
    #[inline(always)]
    pub(crate) fn prefetch_entry(&self, index: u32) {
        self.entries.prefetch(index);
    }

    /// The entry, if there is one.
    #[inline(always)]
    pub(crate) fn entry(&self, index: u32) -> Option<&HomeEntry> {
        self.entries.get(index)
    }

    pub(crate) fn entry_mut(&mut self, index: u32) -> Option<&mut HomeEntry> {
        self.entries.get_mut(index)
    }

    /// Index of the very prefix.
    #[inline]
    pub(crate) fn index_of(&self, prefix: Prefix) -> Option<u32> {
        if prefix.is_narrow() {
            let (key, tag) = prefix.narrow();
            self.narrow.get(key.hashed(), key, tag)
        } else {
            let (key, tag) = prefix.wide();
            self.wide.get(key.hashed(), key, tag)
        }
    }

    /// Index of the prefix, which gets an `Absent` entry when it had none.
    pub(crate) fn claim(&mut self, prefix: Prefix) -> Result<u32, Full> {
        if let Some(index) = self.index_of(prefix) {
            return Ok(index);
        }
        if !self.lengths(prefix.is_ipv4()).has_room(prefix.length) {
            return Err(Full);
        }
        let index = self.entries.claim()?;
        let stored = if prefix.is_narrow() {
            let (key, tag) = prefix.narrow();
            self.narrow.insert(key, tag, index)
        } else {
            let (key, tag) = prefix.wide();
            self.wide.insert(key, tag, index)
        };
        if let Err(full) = stored {
            self.entries.release(index);
            return Err(full);
        }
        self.lengths_mut(prefix.is_ipv4()).add(prefix.length);
        Ok(index)
    }

    /// Forgets a prefix that is `Absent` and that no pair keeps.
    pub(crate) fn release_unused(&mut self, prefix: Prefix) {
        let Some(index) = self.index_of(prefix) else {
            return;
        };
        let unused = |entry: &HomeEntry| entry.kind == HomeKind::Absent && entry.pairs == 0;
        if !self.entries.get(index).is_some_and(unused) {
            return;
        }
        if prefix.is_narrow() {
            let (key, tag) = prefix.narrow();
            self.narrow.remove(key, tag);
        } else {
            let (key, tag) = prefix.wide();
            self.wide.remove(key, tag);
        }
        self.entries.release(index);
        self.lengths_mut(prefix.is_ipv4()).remove(prefix.length);
    }

    /// Index of the attached home of a realm that sends from this link with this address.
    #[cold]
    pub(crate) fn find_uplink(&self, address: u32, link: (u16, u16, [u8; 6])) -> Option<u32> {
        let key = uplink_key(address, link);
        self.uplinks.get(key.hashed(), key, 0)
    }

    /// An entry's link is about to change, or to go.
    pub(crate) fn forget_uplink(&mut self, index: u32) {
        let key = self.entries.get(index).and_then(HomeEntry::uplink);
        if let Some(key) = key.filter(|key| self.uplinks.get(key.hashed(), *key, 0) == Some(index))
        {
            self.uplinks.remove(key, 0);
        }
    }

    /// An entry has its link. One link has one home of an address: the later one is it.
    pub(crate) fn learn_uplink(&mut self, index: u32) -> Result<(), Full> {
        let Some(key) = self.entries.get(index).and_then(HomeEntry::uplink) else {
            return Ok(());
        };
        self.uplinks.remove(key, 0);
        self.uplinks.insert(key, 0, index)
    }

    fn lengths_mut(&mut self, ipv4: bool) -> &mut Lengths<u8> {
        if ipv4 {
            &mut self.ipv4_lengths
        } else {
            &mut self.lengths
        }
    }
}
