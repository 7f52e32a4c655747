//! What the workers were told and may still refuse. A worker names the update that its table had no room for;
//! the engine has to hear of the entry that became that update.

use std::collections::VecDeque;

use pmipv6::io::Entry;

/// Entries remembered; the oldest is forgotten first, as if it had been taken.
const MAX_REMEMBERED: usize = 65_536;

/// Entries with the numbers of the updates that they became, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Programmed(VecDeque<Told>);

#[derive(Debug)]
struct Told {
    /// Number of the entry's last update; the first is the one after `before`.
    last: u64,
    before: u64,
    entry: Entry,
}

impl Programmed {
    /// `entry` has become the updates after `before` up to `last`, which may be none.
    pub(super) fn note(&mut self, before: u64, last: u64, entry: Entry) {
        if before == last {
            return;
        }
        if self.0.len() == MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Told {
            last,
            before,
            entry,
        });
    }

    /// The entry that became this update, told once however many workers refuse it; none: it was no entry's, or
    /// is long forgotten.
    pub(super) fn refused(&mut self, number: u64) -> Option<Entry> {
        let at = self.0.partition_point(|told| told.last < number);
        let found = self.0.get(at).is_some_and(|told| told.before < number);
        found.then(|| self.0.remove(at))?.map(|told| told.entry)
    }

    /// Whatever workers had to say of the updates up to `applied` was heard.
    pub(super) fn forget(&mut self, applied: u64) {
        while self.0.front().is_some_and(|told| told.last <= applied) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unbind(number: u8) -> Entry {
        let home = format!("2001:db8:{number:x}::/64").parse().unwrap();
        Entry::Unbind { home }
    }

    /// Three entries: updates 1 and 2, none, and 5; 3 and 4 were a next hop's.
    fn three() -> Programmed {
        let mut programmed = Programmed::default();
        programmed.note(0, 2, unbind(1));
        programmed.note(2, 2, unbind(2));
        programmed.note(4, 5, unbind(3));
        programmed
    }

    #[test]
    fn l_35_a_refused_update_is_the_refusal_of_its_entry_once() {
        for number in [1, 2] {
            let mut programmed = three();
            assert_eq!(programmed.refused(number), Some(unbind(1)));
            assert_eq!(programmed.refused(number), None, "another worker's word");
            assert_eq!(programmed.refused(5), Some(unbind(3)));
        }
        let mut programmed = three();
        for number in [0, 3, 4, 6] {
            assert_eq!(programmed.refused(number), None, "{number} is no entry's");
        }
    }

    #[test]
    fn what_was_applied_and_heard_of_is_forgotten() {
        let mut programmed = three();
        programmed.forget(1);
        assert_eq!(programmed.refused(1), Some(unbind(1)), "half of it");
        programmed.forget(4);
        assert_eq!(programmed.0.len(), 1);
        programmed.forget(5);
        assert_eq!(programmed.refused(5), None);
    }

    #[test]
    fn what_is_never_applied_is_bounded() {
        let mut programmed = Programmed::default();
        let updates = MAX_REMEMBERED as u64 + 7;
        for number in 0..updates {
            programmed.note(number, number + 1, unbind(1));
        }
        assert_eq!(programmed.0.len(), MAX_REMEMBERED);
        assert_eq!(programmed.refused(7), None);
        assert_eq!(programmed.refused(8), Some(unbind(1)));
    }
}
