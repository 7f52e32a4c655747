//! Numbers of forwarding updates, and what has to wait until they are applied.
//!
//! The first rule of the house: a message that promises a route leaves only after every worker has
//! applied the updates that the promise stands on.

use std::collections::BTreeMap;

use crate::io::UpdateNumber;

#[derive(Debug)]
pub(crate) struct Updates<D> {
    last: UpdateNumber,
    applied: UpdateNumber,
    /// By the update they wait for, then in the order in which they were held back.
    waiting: BTreeMap<(UpdateNumber, u64), D>,
    order: u64,
}

impl<D> Updates<D> {
    pub(crate) fn new() -> Self {
        Self {
            last: 0,
            applied: 0,
            waiting: BTreeMap::new(),
            order: 0,
        }
    }

    pub(crate) fn next_number(&mut self) -> UpdateNumber {
        self.last += 1;
        self.last
    }

    pub(crate) fn last(&self) -> UpdateNumber {
        self.last
    }

    /// Holds `deferred` back until `number` is applied; gives it back if it is already.
    pub(crate) fn hold(&mut self, number: UpdateNumber, deferred: D) -> Option<D> {
        if number <= self.applied {
            return Some(deferred);
        }
        self.order += 1;
        self.waiting.insert((number, self.order), deferred);
        None
    }

    /// What is held back, to be changed before it goes out.
    pub(crate) fn waiting_mut(&mut self) -> impl Iterator<Item = &mut D> {
        self.waiting.values_mut()
    }

    /// Drops what is held back and `unwanted`; whether there was any.
    pub(crate) fn drop_waiting(&mut self, unwanted: impl Fn(&D) -> bool) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|_, deferred| !unwanted(deferred));
        self.waiting.len() < before
    }

    /// Notes what is applied; a number that was never given out is not believed.
    pub(crate) fn applied(&mut self, number: UpdateNumber) -> bool {
        let believable = number <= self.last;
        if believable {
            self.applied = self.applied.max(number);
        }
        believable
    }

    /// The next of what was held back and need not wait any more.
    pub(crate) fn release(&mut self) -> Option<D> {
        let ((number, _), _) = self.waiting.first_key_value()?;
        if *number > self.applied {
            return None;
        }
        self.waiting.pop_first().map(|(_, deferred)| deferred)
    }
}
