//! Slot numbers that the workers' tables are indexed with.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Slots below a capacity, one a key, each counted by the entries that point to it.
#[derive(Debug)]
pub(super) struct Slots<K> {
    by_key: HashMap<K, Counted>,
    free: Vec<u32>,
    unused: u32,
    capacity: u32,
}

#[derive(Debug)]
struct Counted {
    slot: u32,
    references: u32,
}

/// A slot that an entry may point to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acquired {
    pub(super) slot: u32,
    /// The first reference: the caller sets the slot before it points to it.
    pub(super) fresh: bool,
}

impl<K: Eq + Hash> Slots<K> {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            by_key: HashMap::new(),
            free: Vec::new(),
            unused: 0,
            capacity,
        }
    }

    /// One more reference to the key's slot; none when every slot is taken.
    pub(super) fn acquire(&mut self, key: K) -> Option<Acquired> {
        if let Some(counted) = self.by_key.get_mut(&key) {
            counted.references += 1;
            return Some(Acquired {
                slot: counted.slot,
                fresh: false,
            });
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.unused < self.capacity => {
                self.unused += 1;
                self.unused - 1
            }
            None => return None,
        };
        self.by_key.insert(
            key,
            Counted {
                slot,
                references: 1,
            },
        );
        Some(Acquired { slot, fresh: true })
    }

    /// One reference less; the slot, when it was the last one and the caller has to clear it.
    pub(super) fn release(&mut self, key: &K) -> Option<u32> {
        let counted = self.by_key.get_mut(key)?;
        counted.references -= 1;
        if counted.references > 0 {
            return None;
        }
        let slot = counted.slot;
        self.by_key.remove(key);
        self.free.push(slot);
        Some(slot)
    }

    /// The key's slot, if it has one.
    pub(super) fn get(&self, key: &K) -> Option<u32> {
        self.by_key.get(key).map(|counted| counted.slot)
    }

    /// Every key with its slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, u32)> {
        self.by_key.iter().map(|(key, counted)| (key, counted.slot))
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}

/// Slots of path counters. Workers may count on a slot until they have applied the pair's removal, so a
/// slot rests until then: a new path starts from counters that nobody else moves.
#[derive(Debug)]
pub(super) struct PathSlots {
    free: Vec<u32>,
    unused: u32,
    capacity: u32,
    /// Slots with the number of the update that removed their pair, oldest first.
    resting: VecDeque<(u64, u32)>,
}

impl PathSlots {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            free: Vec::new(),
            unused: 0,
            capacity,
            resting: VecDeque::new(),
        }
    }

    /// A slot that no worker counts on; none when all are taken or resting.
    pub(super) fn allocate(&mut self, applied: u64) -> Option<u32> {
        while let Some(&(number, slot)) = self.resting.front() {
            if number > applied {
                break;
            }
            self.resting.pop_front();
            self.free.push(slot);
        }
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        if self.unused < self.capacity {
            self.unused += 1;
            return Some(self.unused - 1);
        }
        None
    }

    /// Gives the slot back; `removed_by` is the number of the update after which no worker counts on it.
    pub(super) fn release(&mut self, slot: u32, removed_by: u64) {
        self.resting.push_back((removed_by, slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_cleared_with_its_last_reference_and_used_again() {
        let mut slots = Slots::new(1);
        assert_eq!(
            slots.acquire("a"),
            Some(Acquired {
                slot: 0,
                fresh: true
            })
        );
        assert_eq!(
            slots.acquire("a"),
            Some(Acquired {
                slot: 0,
                fresh: false
            })
        );
        assert_eq!(slots.acquire("b"), None);
        assert_eq!(slots.release(&"a"), None);
        assert_eq!(slots.release(&"a"), Some(0));
        assert_eq!(
            slots.acquire("b"),
            Some(Acquired {
                slot: 0,
                fresh: true
            })
        );
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(&"b", 0)]);
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_path_slot_rests_until_its_removal_is_applied() {
        let mut paths = PathSlots::new(1);
        assert_eq!(paths.allocate(0), Some(0));
        paths.release(0, 7);
        assert_eq!(paths.allocate(6), None);
        assert_eq!(paths.allocate(7), Some(0));
    }
}
