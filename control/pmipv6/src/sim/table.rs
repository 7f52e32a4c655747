//! A small map for the way of packets: most domains have a handful of entries a table, and to compare them one by
//! one for equality is quicker than to order addresses.

/// Tables up to this size are looked through.
const FEW: usize = 16;

/// A map, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        let entries = Vec::new();
        Self { entries }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let mut table = Self::default();
        for (key, value) in iter {
            table.insert(key, value);
        }
        table
    }
}

impl<K: Ord, V> Table<K, V> {
    fn find(&self, key: &K) -> Option<usize> {
        match self.entries.len() {
            0..=FEW => self.entries.iter().position(|(of, _)| of == key),
            _ => self.place(key).ok(),
        }
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.entries.binary_search_by(|(of, _)| of.cmp(key))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|at| &self.entries[at].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).map(|at| &mut self.entries[at].1)
    }

    /// True if the key has a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_some()
    }

    /// Sets the value of a key; answers the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes the value of a key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).map(|at| self.entries.remove(at).1)
    }

    /// Keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::Rng;

    #[test]
    fn it_is_a_map_in_order_whatever_its_size() {
        for most in [4, 200] {
            let (mut table, mut model) = (Table::default(), BTreeMap::new());
            let mut rng = Rng::new(most);
            for n in 0..5_000 {
                let key = rng.range(0, most);
                match rng.index(3) {
                    0 => assert_eq!(table.remove(&key), model.remove(&key)),
                    1 => assert_eq!(table.insert(key, n), model.insert(key, n)),
                    _ => assert_eq!(table.get(&key), model.get(&key)),
                }
                assert_eq!(table.contains_key(&key), model.contains_key(&key));
                assert_eq!(table.len(), model.len());
                assert!(table.iter().eq(model.iter()));
            }
        }
    }
}
