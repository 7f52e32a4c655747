//! The transport network between the nodes: delay, jitter, loss, duplication, reordering, partition.

use std::collections::{BTreeMap, BTreeSet};

use super::rng::Rng;

/// Virtual time, microseconds since the start of the run.
pub type Micros = u64;

/// One second of virtual time.
pub const SECOND: Micros = 1_000_000;

/// Which node, by its place in [`super::Domain::nodes`].
pub type NodeIndex = usize;

/// What the network does to messages and packets. Probabilities in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Least one-way delay.
    pub delay_min_us: Micros,
    /// Greatest one-way delay without reordering.
    pub delay_max_us: Micros,
    /// Messages lost.
    pub loss_ppm: u32,
    /// Messages delivered twice.
    pub duplicate_ppm: u32,
    /// Messages that may be overtaken.
    pub reorder_ppm: u32,
    /// How late such a message may be.
    pub reorder_max_us: Micros,
}

impl Faults {
    /// A healthy transport network: a few milliseconds, in order, nothing lost.
    pub const NONE: Self = Self {
        delay_min_us: 1_000,
        delay_max_us: 5_000,
        loss_ppm: 0,
        duplicate_ppm: 0,
        reorder_ppm: 0,
        reorder_max_us: 0,
    };
}

/// What becomes of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Lost: by chance.
    Lost,
    /// Lost: the two nodes cannot reach each other.
    Partitioned,
    /// Arrives then, and perhaps once more.
    Arrives(Micros, Option<Micros>),
}

/// The network's state.
#[derive(Debug)]
pub struct Network {
    faults: Faults,
    partitions: BTreeSet<(NodeIndex, NodeIndex)>,
    /// Latest arrival per direction, for what is not reordered stays in order.
    latest: BTreeMap<(NodeIndex, NodeIndex), Micros>,
    rng: Rng,
}

fn unordered(a: NodeIndex, b: NodeIndex) -> (NodeIndex, NodeIndex) {
    (a.min(b), a.max(b))
}

impl Network {
    /// A network with these faults; `rng` is its own.
    #[must_use]
    pub fn new(faults: Faults, rng: Rng) -> Self {
        Self {
            faults,
            partitions: BTreeSet::new(),
            latest: BTreeMap::new(),
            rng,
        }
    }

    /// Changes what the network does from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Cuts the two nodes off each other, both ways.
    pub fn partition(&mut self, a: NodeIndex, b: NodeIndex) {
        self.partitions.insert(unordered(a, b));
    }

    /// Joins the two nodes again.
    pub fn heal(&mut self, a: NodeIndex, b: NodeIndex) {
        self.partitions.remove(&unordered(a, b));
    }

    /// True when the two nodes cannot reach each other.
    #[must_use]
    pub fn is_partitioned(&self, a: NodeIndex, b: NodeIndex) -> bool {
        self.partitions.contains(&unordered(a, b))
    }

    /// True while any two nodes cannot reach each other.
    #[must_use]
    pub fn any_partition(&self) -> bool {
        !self.partitions.is_empty()
    }

    /// Sends one signalling message.
    pub fn send_message(&mut self, now: Micros, from: NodeIndex, to: NodeIndex) -> Fate {
        if self.is_partitioned(from, to) {
            return Fate::Partitioned;
        }
        if self.rng.chance(self.faults.loss_ppm) {
            return Fate::Lost;
        }
        let first = self.arrival(now, from, to);
        let second = self
            .rng
            .chance(self.faults.duplicate_ppm)
            .then(|| self.arrival(now, from, to));
        Fate::Arrives(first, second)
    }

    /// Sends one user packet: it is delayed but never lost by chance, so that every loss has a cause
    /// in the forwarding state or in a partition. None when partitioned.
    pub fn send_packet(&mut self, now: Micros, from: NodeIndex, to: NodeIndex) -> Option<Micros> {
        if self.is_partitioned(from, to) {
            return None;
        }
        Some(now + self.delay())
    }

    fn delay(&mut self) -> Micros {
        self.rng
            .range(self.faults.delay_min_us, self.faults.delay_max_us)
    }

    fn arrival(&mut self, now: Micros, from: NodeIndex, to: NodeIndex) -> Micros {
        let at = now + self.delay();
        if self.rng.chance(self.faults.reorder_ppm) {
            return at + self.rng.range(0, self.faults.reorder_max_us);
        }
        let latest = self.latest.entry((from, to)).or_insert(0);
        *latest = at.max(*latest);
        *latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(faults: Faults) -> Network {
        Network::new(faults, Rng::new(3))
    }

    #[test]
    fn without_faults_everything_arrives_once_and_in_order() {
        let mut network = network(Faults::NONE);
        let mut last = 0;
        for n in 0..1000 {
            let Fate::Arrives(at, None) = network.send_message(n * 10, 0, 1) else {
                panic!("lost or duplicated")
            };
            assert!(at >= last && at > n * 10);
            last = at;
        }
    }

    #[test]
    fn loss_duplication_and_reordering_happen_as_often_as_asked() {
        let mut network = network(Faults {
            loss_ppm: 200_000,
            duplicate_ppm: 200_000,
            reorder_ppm: 200_000,
            reorder_max_us: 100_000,
            ..Faults::NONE
        });
        let (mut lost, mut twice, mut overtaken, mut last) = (0, 0, 0, 0);
        for n in 0..10_000 {
            match network.send_message(n * 10, 0, 1) {
                Fate::Arrives(at, second) => {
                    twice += u32::from(second.is_some());
                    overtaken += u32::from(at < last);
                    last = last.max(at);
                }
                _ => lost += 1,
            }
        }
        assert!((1_700..2_300).contains(&lost), "{lost}");
        assert!((1_300..1_900).contains(&twice), "{twice}");
        assert!(overtaken > 1_000, "{overtaken}");
    }

    #[test]
    fn a_partition_cuts_both_ways_and_heals() {
        let mut network = network(Faults::NONE);
        network.partition(1, 0);
        assert_eq!(network.send_message(0, 0, 1), Fate::Partitioned);
        assert_eq!(network.send_packet(0, 1, 0), None);
        assert!(network.send_packet(0, 1, 2).is_some());
        network.heal(0, 1);
        assert!(matches!(network.send_message(0, 0, 1), Fate::Arrives(..)));
    }
}
