//! Deadlines inside an engine: set, moved, cancelled and taken when due, in an order that depends on
//! nothing but the deadlines and keys.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Timers<K> {
    at: BTreeMap<K, Duration>,
    due: BTreeSet<(Duration, K)>,
}

impl<K: Ord + Clone> Timers<K> {
    pub(crate) fn new() -> Self {
        Self {
            at: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// Sets the deadline of `key`, replacing an earlier one.
    pub(crate) fn set(&mut self, key: K, at: Duration) {
        self.cancel(&key);
        self.due.insert((at, key.clone()));
        self.at.insert(key, at);
    }

    pub(crate) fn cancel(&mut self, key: &K) {
        if let Some(at) = self.at.remove(key) {
            self.due.remove(&(at, key.clone()));
        }
    }

    /// Whether `key` has a deadline.
    pub(crate) fn is_set(&self, key: &K) -> bool {
        self.at.contains_key(key)
    }

    /// Takes the earliest deadline that is not later than `now`.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<K> {
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.at.remove(&key);
        Some(key)
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }
}
