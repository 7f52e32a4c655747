//! Pairs that are left alone for a while, because their set-up failed (HL-14).

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;

use super::config::Config;
use super::table::unordered;

/// Most pairs remembered; beyond, the one that ends first is forgotten.
const MAX_HELD_OFF: usize = 65_536;

/// Why a pair that talks has no path.
#[derive(Debug, Clone)]
pub(crate) struct HeldOff {
    pub(crate) until: Duration,
    /// How long the last hold-off was: the next is twice that.
    length: Duration,
    pub(crate) why: String,
    pub(crate) source: IpNet,
    pub(crate) destination: IpNet,
}

#[derive(Debug)]
pub(crate) struct HoldOff {
    first: Duration,
    longest: Duration,
    pairs: BTreeMap<(IpNet, IpNet), HeldOff>,
}

impl HoldOff {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            first: Duration::from_secs(config.hold_off_s.into()),
            longest: Duration::from_secs(config.max_hold_off_s.into()),
            pairs: BTreeMap::new(),
        }
    }

    /// A set-up failed. Returns how long the pair is left alone.
    pub(crate) fn failed(
        &mut self,
        now: Duration,
        source: IpNet,
        destination: IpNet,
        why: String,
    ) -> Duration {
        let key = unordered(source, destination);
        let length = self
            .pairs
            .get(&key)
            .map_or(self.first, |held| (held.length * 2).min(self.longest));
        self.put(now, source, destination, length, why)
    }

    /// The pair is not to be localized now, and trying again would not be a second failure.
    pub(crate) fn refuse(&mut self, now: Duration, source: IpNet, destination: IpNet, why: String) {
        self.put(now, source, destination, self.first, why);
    }

    fn put(
        &mut self,
        now: Duration,
        source: IpNet,
        destination: IpNet,
        length: Duration,
        why: String,
    ) -> Duration {
        self.forget_old(now);
        let until = now + length;
        let key = unordered(source, destination);
        self.pairs.insert(
            key,
            HeldOff {
                until,
                length,
                why,
                source,
                destination,
            },
        );
        length
    }

    /// Whether the pair is to be left alone.
    pub(crate) fn holds(&self, now: Duration, a: IpNet, b: IpNet) -> bool {
        self.pairs
            .get(&unordered(a, b))
            .is_some_and(|held| held.until > now)
    }

    /// A set-up succeeded, or an operator wants another try.
    pub(crate) fn clear(&mut self, a: IpNet, b: IpNet) {
        self.pairs.remove(&unordered(a, b));
    }

    /// Failures double only while they follow on one another: one is forgotten when a pair had as long
    /// again without any.
    fn forget_old(&mut self, now: Duration) {
        if self.pairs.len() < MAX_HELD_OFF {
            return;
        }
        self.pairs.retain(|_, held| held.until + held.length > now);
        while self.pairs.len() >= MAX_HELD_OFF {
            let first = self.pairs.iter().min_by_key(|(_, held)| held.until);
            let Some(key) = first.map(|(key, _)| *key) else {
                return;
            };
            self.pairs.remove(&key);
        }
    }

    /// Pairs that are left alone now.
    pub(crate) fn iter(&self, now: Duration) -> impl Iterator<Item = &HeldOff> {
        self.pairs.values().filter(move |held| held.until > now)
    }
}
