//! An exact-match table of fixed capacity whose bucket is a cache line.
//!
//! A key lives in its home bucket or, that one being full, in the next with room. Every bucket counts the
//! keys that went past it, so a look-up stops at the first bucket that none went past (nearly always the
//! first), a removal leaves no tombstone, and the table holds whatever fits its slots.

use super::prefetch::prefetch;

/// The table holds its capacity already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Bits of a value that belong to the tag.
const TAG_SHIFT: u32 = 30;
const INDEX_MASK: u32 = (1 << TAG_SHIFT) - 1;
/// A slot without a key: an index that no entry has.
const EMPTY: u32 = u32::MAX;

/// What a table is keyed by.
pub(crate) trait Key: Copy + Eq + Default {
    /// Well mixed in all its bits.
    fn hashed(self) -> u64;
}

/// Folded 128-bit product: one multiplication mixes 128 bits to 64.
#[inline(always)]
pub(crate) fn mix(left: u64, right: u64) -> u64 {
    let product =
        u128::from(left ^ 0x9e37_79b9_7f4a_7c15) * u128::from(right ^ 0xd6e8_feb8_6659_fd93);
    (product as u64) ^ (product >> 64) as u64
}

impl Key for u64 {
    #[inline(always)]
    fn hashed(self) -> u64 {
        mix(self, 0)
    }
}

impl Key for u128 {
    #[inline(always)]
    fn hashed(self) -> u64 {
        mix(mix(self as u64, 0), (self >> 64) as u64)
    }
}

impl Key for [u128; 2] {
    #[inline(always)]
    fn hashed(self) -> u64 {
        mix(self[0].hashed(), self[1].hashed())
    }
}

#[derive(Debug, Clone)]
#[repr(C, align(64))]
struct Bucket<K, const SLOTS: usize> {
    keys: [K; SLOTS],
    values: [u32; SLOTS],
    /// Keys of this or an earlier home bucket that were put into a later one.
    passed: u32,
}

impl<K: Key, const SLOTS: usize> Bucket<K, SLOTS> {
    const IS_A_LINE: () = assert!(size_of::<Self>() == 64, "a bucket is a cache line");

    /// The slot that holds the key. Without a branch a slot: a key is in one at most.
    #[inline(always)]
    fn find(&self, key: K, tag: u32) -> Option<(usize, u32)> {
        let mut found = None;
        for slot in 0..SLOTS {
            let value = self.values[slot];
            if self.keys[slot] == key && value >> TAG_SHIFT == tag && value != EMPTY {
                found = Some((slot, value & INDEX_MASK));
            }
        }
        found
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Table<K, const SLOTS: usize> {
    buckets: Box<[Bucket<K, SLOTS>]>,
    mask: usize,
    len: usize,
    capacity: usize,
}

impl<K: Key, const SLOTS: usize> Table<K, SLOTS> {
    /// For so many keys. At most half of the slots are used, so few keys pass their bucket.
    pub(crate) fn new(capacity: u32) -> Self {
        const { Bucket::<K, SLOTS>::IS_A_LINE };
        let capacity = capacity as usize;
        let count = (2 * capacity).div_ceil(SLOTS).next_power_of_two();
        let empty = Bucket {
            keys: [K::default(); SLOTS],
            values: [EMPTY; SLOTS],
            passed: 0,
        };
        Self {
            buckets: vec![empty; count].into_boxed_slice(),
            mask: count - 1,
            len: 0,
            capacity,
        }
    }

    /// Asks the cache for the key's home bucket.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        prefetch(&self.buckets[hash as usize & self.mask]);
    }

    /// The index stored under the key and tag, its hash being known.
    #[inline(always)]
    pub(crate) fn get(&self, hash: u64, key: K, tag: u32) -> Option<u32> {
        let home = hash as usize & self.mask;
        let bucket = &self.buckets[home];
        match bucket.find(key, tag) {
            Some((_, index)) => Some(index),
            None if bucket.passed == 0 => None,
            None => self.locate_after(home, key, tag).map(|(_, _, index)| index),
        }
    }

    /// Bucket, slot and index of a key that is not in its home bucket.
    #[cold]
    fn locate_after(&self, home: usize, key: K, tag: u32) -> Option<(usize, usize, u32)> {
        for step in 1..self.buckets.len() {
            let at = (home + step) & self.mask;
            let bucket = &self.buckets[at];
            if let Some((slot, index)) = bucket.find(key, tag) {
                return Some((at, slot, index));
            }
            if bucket.passed == 0 {
                return None;
            }
        }
        None
    }

    /// Stores an index (30 bits) under a key and a tag (2 bits) that are not there yet.
    pub(crate) fn insert(&mut self, key: K, tag: u32, index: u32) -> Result<(), Full> {
        if self.len == self.capacity {
            return Err(Full);
        }
        let value = (tag << TAG_SHIFT) | (index & INDEX_MASK);
        let mut at = key.hashed() as usize & self.mask;
        // Ends: fewer keys than slots.
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(slot) = bucket.values.iter().position(|value| *value == EMPTY) {
                bucket.keys[slot] = key;
                bucket.values[slot] = value;
                self.len += 1;
                return Ok(());
            }
            bucket.passed += 1;
            at = (at + 1) & self.mask;
        }
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, key: K, tag: u32) -> Option<u32> {
        let home = key.hashed() as usize & self.mask;
        let (at, slot, index) = match self.buckets[home].find(key, tag) {
            Some((slot, index)) => (home, slot, index),
            None => self.locate_after(home, key, tag)?,
        };
        let mut passed = home;
        while passed != at {
            self.buckets[passed].passed -= 1;
            passed = (passed + 1) & self.mask;
        }
        self.buckets[at].values[slot] = EMPTY;
        self.len -= 1;
        Some(index)
    }

    /// Keys in the table.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// All keys in one bucket: the worst that can happen.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    struct Clash(u64);

    impl Key for Clash {
        fn hashed(self) -> u64 {
            7
        }
    }

    fn check_against_model<K: Key + std::hash::Hash + std::fmt::Debug, const SLOTS: usize>(
        capacity: u32,
        steps: &[(bool, u64, u32)],
        key_of: impl Fn(u64) -> K,
    ) {
        let mut table = Table::<K, SLOTS>::new(capacity);
        let mut model = HashMap::new();
        for (n, (add, number, tag)) in steps.iter().enumerate() {
            let key = key_of(*number);
            let held = model.get(&(key, *tag)).copied();
            assert_eq!(table.get(key.hashed(), key, *tag), held);
            if !add {
                assert_eq!(table.remove(key, *tag), model.remove(&(key, *tag)));
            } else if held.is_none() {
                let fits = model.len() < capacity as usize;
                assert_eq!(table.insert(key, *tag, n as u32).is_ok(), fits);
                if fits {
                    model.insert((key, *tag), n as u32);
                }
            }
            assert_eq!(table.len(), model.len());
        }
        for ((key, tag), index) in &model {
            assert_eq!(table.get(key.hashed(), *key, *tag), Some(*index));
        }
        for (key, tag) in model.keys() {
            table.remove(*key, *tag);
        }
        let clean = |bucket: &Bucket<K, SLOTS>| {
            bucket.passed == 0 && bucket.values.iter().all(|value| *value == EMPTY)
        };
        assert!(table.buckets.iter().all(clean), "something was left behind");
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(
            steps in prop::collection::vec((any::<bool>(), 0_u64..24, 0_u32..4), 0..400),
        ) {
            check_against_model::<u64, 5>(12, &steps, |number| number);
            check_against_model::<u128, 3>(12, &steps, |number| u128::from(number) << 60);
            check_against_model::<[u128; 2], 1>(12, &steps, |number| [u128::from(number), 9]);
            check_against_model::<Clash, 5>(12, &steps, Clash);
        }
    }

    #[test]
    fn holds_its_capacity_whatever_the_keys() {
        let mut table = Table::<Clash, 5>::new(300);
        for number in 0..300 {
            assert_eq!(table.insert(Clash(number), 0, number as u32), Ok(()));
        }
        assert_eq!(table.insert(Clash(300), 0, 0), Err(Full));
        for number in 0..300 {
            assert_eq!(table.get(7, Clash(number), 0), Some(number as u32));
        }
    }

    #[test]
    fn neighbouring_prefixes_spread() {
        let mut table = Table::<u64, 5>::new(100_000);
        for number in 0..100_000_u64 {
            table
                .insert((0x2001_0db8 << 32) | number, 0, 0)
                .expect("room");
        }
        let past: u32 = table
            .buckets
            .iter()
            .filter(|bucket| bucket.passed > 0)
            .count() as u32;
        assert!(past < 100_000 / 20, "{past} buckets overflow");
    }
}
