//! Pairs: what happens to packets from one home to another.

use super::NONE;
use super::hash::{Full, Key, Table};
use super::prefix::{Lengths, Prefix};
use super::slab::Slab;

/// What happens to a pair's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PairKind {
    /// From the access link into the pair's tunnel.
    Send,
    /// From the pair's tunnel to the access link.
    Receive,
    /// From link to link.
    #[default]
    Local,
    /// From another MAG's tunnel back to the anchor's: the destination has left.
    HandBack,
    /// From the pair's tunnel to where the destination is now.
    HandBackAccept,
}

/// One pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(16))]
pub(crate) struct PairEntry {
    pub(crate) kind: PairKind,
    /// [`NONE`] for `Local`.
    pub(crate) tunnel: u32,
    /// `HandBack`: where its packets come from; [`NONE`] for every other kind.
    pub(crate) arrived: u32,
    pub(crate) path: u32,
}

const _: () = assert!(size_of::<PairEntry>() == 16, "four entries a cache line");

impl Default for PairEntry {
    fn default() -> Self {
        Self {
            kind: PairKind::Local,
            tunnel: NONE,
            arrived: NONE,
            path: NONE,
        }
    }
}

/// Both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PairKey {
    pub(crate) source: Prefix,
    pub(crate) destination: Prefix,
}

impl PairKey {
    #[inline(always)]
    fn is_narrow(self) -> bool {
        self.source.is_narrow() && self.destination.is_narrow()
    }

    #[inline(always)]
    fn narrow(self) -> (u128, u32) {
        let (source, source_tag) = self.source.narrow();
        let (destination, destination_tag) = self.destination.narrow();
        (
            u128::from(source) << 64 | u128::from(destination),
            source_tag << 1 | destination_tag,
        )
    }

    fn wide(self) -> ([u128; 2], u32) {
        let (source, source_tag) = self.source.wide();
        let (destination, destination_tag) = self.destination.wide();
        ([source, destination], source_tag << 1 | destination_tag)
    }

    fn lengths(self) -> (u8, u8) {
        (self.source.length, self.destination.length)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Pairs {
    narrow: Table<u128, 3>,
    wide: Table<[u128; 2], 1>,
    entries: Slab<PairEntry>,
    lengths: Lengths<(u8, u8)>,
}

impl Pairs {
    pub(crate) fn new(capacity: u32, wide_capacity: u32) -> Self {
        Self {
            narrow: Table::new(capacity),
            wide: Table::new(wide_capacity),
            entries: Slab::new(capacity),
            lengths: Lengths::new(),
        }
    }

    /// Asks the cache for where the pair would be found.
    #[inline(always)]
    pub(crate) fn prefetch(&self, source: u128, destination: u128) {
        let Some((source_length, destination_length)) = self.lengths.first() else {
            return;
        };
        let key = PairKey {
            source: Prefix::of(source, source_length),
            destination: Prefix::of(destination, destination_length),
        };
        if key.is_narrow() {
            self.narrow.prefetch(key.narrow().0.hashed());
        } else {
            self.wide.prefetch(key.wide().0.hashed());
        }
    }

    /// The pair that holds both addresses, the longest source first, then the longest destination.
    #[inline]
    pub(crate) fn find(&self, source: u128, destination: u128) -> Option<&PairEntry> {
        self.lengths
            .iter()
            .find_map(|(source_length, destination_length)| {
                self.index_of(PairKey {
                    source: Prefix::of(source, source_length),
                    destination: Prefix::of(destination, destination_length),
                })
            })
            .and_then(|index| self.entries.get(index))
    }

    #[inline(always)]
    fn index_of(&self, key: PairKey) -> Option<u32> {
        if key.is_narrow() {
            let (key, tag) = key.narrow();
            self.narrow.get(key.hashed(), key, tag)
        } else {
            let (key, tag) = key.wide();
            self.wide.get(key.hashed(), key, tag)
        }
    }

    /// The very pair.
    pub(crate) fn get(&self, key: PairKey) -> Option<&PairEntry> {
        self.entries.get(self.index_of(key)?)
    }

    /// Sets a pair, in one step when it was there.
    pub(crate) fn set(&mut self, key: PairKey, entry: PairEntry) -> Result<(), Full> {
        let index = match self.index_of(key) {
            Some(index) => index,
            None => self.claim(key)?,
        };
        if let Some(place) = self.entries.get_mut(index) {
            *place = entry;
        }
        Ok(())
    }

    fn claim(&mut self, key: PairKey) -> Result<u32, Full> {
        if !self.lengths.has_room(key.lengths()) {
            return Err(Full);
        }
        let index = self.entries.claim()?;
        let stored = if key.is_narrow() {
            let (key, tag) = key.narrow();
            self.narrow.insert(key, tag, index)
        } else {
            let (key, tag) = key.wide();
            self.wide.insert(key, tag, index)
        };
        if let Err(full) = stored {
            self.entries.release(index);
            return Err(full);
        }
        self.lengths.add(key.lengths());
        Ok(index)
    }

    /// Forgets a pair; what it was.
    pub(crate) fn remove(&mut self, key: PairKey) -> Option<PairEntry> {
        let index = if key.is_narrow() {
            let (key, tag) = key.narrow();
            self.narrow.remove(key, tag)
        } else {
            let (key, tag) = key.wide();
            self.wide.remove(key, tag)
        }?;
        let entry = self.entries.get(index).copied();
        self.entries.release(index);
        self.lengths.remove(key.lengths());
        entry
    }
}
