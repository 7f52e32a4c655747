//! Entries by index, of fixed capacity.

use super::hash::Full;
use super::prefetch::prefetch;

/// Entries by index; the indexes of free ones wait in a list, so nothing is allocated after creation.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Box<[T]>,
    free: Vec<u32>,
}

impl<T: Clone + Default> Slab<T> {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            entries: vec![T::default(); capacity as usize].into_boxed_slice(),
            free: (0..capacity).rev().collect(),
        }
    }

    /// An index that was free.
    pub(crate) fn claim(&mut self) -> Result<u32, Full> {
        self.free.pop().ok_or(Full)
    }

    /// Frees an index and forgets its entry.
    pub(crate) fn release(&mut self, index: u32) {
        if let Some(entry) = self.entries.get_mut(index as usize) {
            *entry = T::default();
            debug_assert!(self.free.len() < self.entries.len(), "released twice");
            self.free.push(index);
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)
    }

    #[inline(always)]
    pub(crate) fn prefetch(&self, index: u32) {
        if let Some(entry) = self.entries.get(index as usize) {
            prefetch(entry);
        }
    }
}
