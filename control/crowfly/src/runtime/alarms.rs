//! What needs an operator: told once when it begins, listed in `status` as long as it lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use pmipv6::io::Event;

/// Alarms by name.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    standing: BTreeMap<&'static str, Standing>,
}

#[derive(Debug)]
struct Standing {
    text: String,
    /// When it ends by itself; none: when somebody says so.
    until: Option<Duration>,
}

impl Alarms {
    /// The alarm stands from now on; the event to tell, where it did not before.
    pub(super) fn raise(&mut self, name: &'static str, text: String) -> Option<Event> {
        self.stand(name, text, None)
    }

    /// The same for something that happens rather than lasts: the alarm stands until then, or for longer where it
    /// happens again.
    pub(super) fn raise_until(
        &mut self,
        until: Duration,
        name: &'static str,
        text: String,
    ) -> Option<Event> {
        self.stand(name, text, Some(until))
    }

    fn stand(
        &mut self,
        name: &'static str,
        text: String,
        until: Option<Duration>,
    ) -> Option<Event> {
        let standing = Standing {
            text: text.clone(),
            until,
        };
        let new = self.standing.insert(name, standing).is_none();
        new.then(|| Event::Alarm {
            name: name.to_owned(),
            text,
        })
    }

    /// Ends what has stood for its time.
    pub(super) fn expire(&mut self, now: Duration) {
        let stands = |standing: &Standing| standing.until.is_none_or(|until| now < until);
        self.standing.retain(|_, standing| stands(standing));
    }

    /// The alarm stands no more.
    pub(super) fn clear(&mut self, name: &str) {
        self.standing.remove(name);
    }

    /// One sentence each.
    pub(super) fn list(&self) -> Vec<String> {
        let standing = self.standing.values();
        standing.map(|of| of.text.clone()).collect()
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
    #[test]
    fn what_happens_is_listed_for_its_time() {
        let (mut alarms, at) = (Alarms::default(), Duration::from_secs);
        let full = |until: u64, alarms: &mut Alarms| {
            let text = "a table is full".to_owned();
            alarms.raise_until(at(until), "table-full", text).is_some()
        };
        assert!(full(60, &mut alarms));
        assert!(!full(90, &mut alarms), "told once");
        assert!(alarms.raise("lasting", "it lasts".to_owned()).is_some());
        alarms.expire(at(89));
        assert_eq!(alarms.list().len(), 2);
        alarms.expire(at(90));
        assert_eq!(alarms.list(), ["it lasts"]);
        assert!(full(200, &mut alarms));
    }
}
