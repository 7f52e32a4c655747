//! What needs an operator: told once when it begins, listed in `status` as long as it lasts.

use std::collections::BTreeMap;

use pmipv6::io::Event;

/// Alarms by name.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    standing: BTreeMap<&'static str, String>,
}

impl Alarms {
    /// The alarm stands from now on; the event to tell, where it did not before.
    pub(super) fn raise(&mut self, name: &'static str, text: String) -> Option<Event> {
        let new = self.standing.insert(name, text.clone()).is_none();
        new.then(|| Event::Alarm {
            name: name.to_owned(),
            text,
        })
    }

    /// The alarm stands no more.
    pub(super) fn clear(&mut self, name: &str) {
        self.standing.remove(name);
    }

    /// One sentence each.
    pub(super) fn list(&self) -> Vec<String> {
        self.standing.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_told_when_it_begins_and_listed_while_it_lasts() {
        let mut alarms = Alarms::default();
        assert!(alarms.raise("backlog", "1 waits".to_owned()).is_some());
        assert!(alarms.raise("backlog", "2 wait".to_owned()).is_none());
        assert_eq!(alarms.list(), ["2 wait"]);
        alarms.clear("backlog");
        assert!(alarms.list().is_empty());
        assert!(alarms.raise("backlog", "1 waits".to_owned()).is_some());
    }
}
