//! Order of decisions about a pair (HL-17): the controller's timestamp travels with Trigger, Init and
//! Setup, and what is not newer than the last one is stale. Order only, no validity window.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ipnet::IpNet;

use super::ends::{Ends, EndsExt};
use super::table::unordered;
use crate::wire::timestamp_from_duration;

/// How long the last timestamp of a pair is remembered, seconds: longer than any message can be under
/// way, retransmissions included.
const MEMORY_S: u64 = 60;
/// How far a peer's clock may be ahead of ours and is still followed: a day, in units of 1/65536 s.
const MAX_AHEAD: u64 = 86_400 << 16;
/// Most pairs remembered beyond their path.
const MAX_REMEMBERED: usize = 262_144;

/// Timestamps that only grow, whatever the wall clock does, and come after all that were heard of: the
/// LMAs of a pair decide in turn about it, and need no common time (HL-17: order only).
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: u64,
}

impl Clock {
    pub(crate) fn tick(&mut self, wall: Duration) -> u64 {
        self.last = timestamp_from_duration(wall).max(self.last + 1);
        self.last
    }

    /// Follows a peer's decision: what we decide from now on comes after it, although clocks differ.
    pub(crate) fn follow(&mut self, wall: Duration, timestamp: u64) {
        if timestamp <= timestamp_from_duration(wall).saturating_add(MAX_AHEAD) {
            self.last = self.last.max(timestamp);
        }
    }
}

/// The last timestamp acted on, per pair of homes.
#[derive(Debug, Default)]
pub(crate) struct Order {
    last: BTreeMap<(IpNet, IpNet), (u64, Duration)>,
    ageing: VecDeque<(Duration, (IpNet, IpNet))>,
}

impl Order {
    /// Whether a decision of this time comes after every earlier one about the pair.
    pub(crate) fn is_newer(&self, ends: &Ends, timestamp: u64) -> bool {
        self.last_of(ends).is_none_or(|last| timestamp > last)
    }

    /// The newest decision about the pair.
    pub(crate) fn last_of(&self, ends: &Ends) -> Option<u64> {
        ends.pairs()
            .into_iter()
            .filter_map(|(a, b)| self.last.get(&unordered(a, b)))
            .map(|(timestamp, _)| *timestamp)
            .max()
    }

    /// Notes a decision that was acted on.
    pub(crate) fn note(&mut self, now: Duration, ends: &Ends, timestamp: u64) {
        self.forget(now);
        for (a, b) in ends.pairs() {
            let pair = unordered(a, b);
            self.last.insert(pair, (timestamp, now));
            self.ageing.push_back((now, pair));
        }
    }

    fn forget(&mut self, now: Duration) {
        while let Some((noted, pair)) = self.ageing.front().copied() {
            let old = now.saturating_sub(noted).as_secs() >= MEMORY_S;
            if !old && self.ageing.len() < MAX_REMEMBERED {
                return;
            }
            self.ageing.pop_front();
            if self.last.get(&pair).is_some_and(|(_, at)| *at == noted) {
                self.last.remove(&pair);
            }
        }
    }
}
