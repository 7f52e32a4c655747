//! Pairs that are left alone for a while, because their set-up failed (HL-14).

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;

use super::config::Config;
use super::ends::is_v6;
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
    pairs: BTreeMap<Pair, HeldOff>,
    /// How many ends of pairs there are by address family and prefix length.
    lengths: BTreeMap<(bool, u8), usize>,
}

type Pair = (IpNet, IpNet);

impl HoldOff {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            first: Duration::from_secs(config.hold_off_s.into()),
            longest: Duration::from_secs(config.max_hold_off_s.into()),
            pairs: BTreeMap::new(),
            lengths: BTreeMap::new(),
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
        let held = HeldOff {
            until,
            length,
            why,
            source,
            destination,
        };
        if self.pairs.insert(key, held).is_none() {
            for end in [key.0, key.1] {
                *self.lengths.entry(kind(&end)).or_default() += 1;
            }
        }
        length
    }

    /// Whether the pair is to be left alone. Of an MN that is another LMA's only an address may be known: what holds
    /// for its home holds for that.
    pub(crate) fn holds(&self, now: Duration, a: IpNet, b: IpNet) -> bool {
        let mut held = self.covering(a, b).filter_map(|key| self.pairs.get(&key));
        held.any(|held| held.until > now)
    }

    /// A set-up succeeded, or an operator wants another try.
    pub(crate) fn clear(&mut self, a: IpNet, b: IpNet) {
        let keys: Vec<Pair> = self.covering(a, b).collect();
        for key in keys {
            self.forget(&key);
        }
    }

    /// The keys of these two ends, and of any two that hold them: a few, as there are few lengths.
    fn covering(&self, a: IpNet, b: IpNet) -> impl Iterator<Item = Pair> {
        let others = self.holders(b);
        self.holders(a)
            .into_iter()
            .flat_map(move |a| others.clone().into_iter().map(move |b| unordered(a, b)))
    }

    fn holders(&self, net: IpNet) -> Vec<IpNet> {
        let (family, length) = kind(&net);
        let lengths = self.lengths.range((family, 0)..=(family, length));
        let holders = lengths.filter_map(|((_, length), _)| {
            let holder = IpNet::new(net.addr(), *length).ok()?;
            Some(holder.trunc())
        });
        holders.collect()
    }

    fn forget(&mut self, key: &Pair) {
        if self.pairs.remove(key).is_none() {
            return;
        }
        for end in [key.0, key.1] {
            let kind = kind(&end);
            let left = self.lengths.get(&kind).map_or(0, |count| count - 1);
            match left {
                0 => self.lengths.remove(&kind),
                _ => self.lengths.insert(kind, left),
            };
        }
    }

    /// Failures double only while they follow on one another: one is forgotten when a pair had as long
    /// again without any.
    fn forget_old(&mut self, now: Duration) {
        if self.pairs.len() < MAX_HELD_OFF {
            return;
        }
        let is_old = |held: &HeldOff| held.until + held.length <= now;
        let old = self.pairs.iter().filter(|(_, held)| is_old(held));
        let old: Vec<Pair> = old.map(|(key, _)| *key).collect();
        for key in old {
            self.forget(&key);
        }
        while self.pairs.len() >= MAX_HELD_OFF {
            let first = self.pairs.iter().min_by_key(|(_, held)| held.until);
            let Some(key) = first.map(|(key, _)| *key) else {
                return;
            };
            self.forget(&key);
        }
    }

    /// Pairs that are left alone now.
    pub(crate) fn iter(&self, now: Duration) -> impl Iterator<Item = &HeldOff> {
        self.pairs.values().filter(move |held| held.until > now)
    }
}

fn kind(net: &IpNet) -> (bool, u8) {
    (is_v6(net), net.prefix_len())
}
