//! A schedule: a domain, its faults and what happens to it, all from one seed; and a run of it.

use std::collections::BTreeMap;

use super::attacker::Attack;
use super::check::{Violation, ViolationKind};
use super::domain::{Domain, Stats};
use super::layout::{Build, Layout, MobileIndex, Timers};
use super::liar::Lie;
use super::mobile::{Operation, Tally};
use super::nat::KEEPALIVE_S;
use super::network::{Faults, Micros, NodeIndex, SECOND};
use super::rng::Rng;
use super::stranger::Forgery;

/// A domain, its faults and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Feeds everything random in the run.
    pub seed: u64,
    /// The domain.
    pub layout: Layout,
    /// What the network does until the domain is healed.
    pub faults: Faults,
    /// What happens, in time.
    pub operations: Vec<(Micros, Operation)>,
}

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was broken, if anything.
    pub violation: Option<Violation>,
    /// Figures.
    pub stats: Stats,
    /// What became of the packets.
    pub tally: Tally,
    /// The run in the draft's words, where it was asked for.
    pub trace: Vec<String>,
}

/// Between the first and the last random operation.
const ACTIVE: Micros = 40 * SECOND;
/// The MNs appear within this time.
const ARRIVALS: Micros = 2 * SECOND;
/// Without loss, reordering or failure, packets may be lost for this long around a handover.
const CALM_BOUND: Micros = 2 * SECOND;
/// An MN that moves on before this is hasty.
const HASTE: Micros = 3 * SECOND;
/// Whatever takes a few round trips.
const SLACK: Micros = 4 * SECOND;

impl Schedule {
    /// A random schedule.
    #[must_use]
    pub fn generate(seed: u64) -> Self {
        let mut rng = Rng::new(seed).fork(0x5c4e_d01e);
        let sizes = [
            (1, 2),
            (1, 3),
            (1, 3),
            (2, 2),
            (2, 3),
            (2, 3),
            (2, 4),
            (3, 4),
        ];
        let (lmas, mags) = sizes[rng.index(sizes.len())];
        let mut layout = Layout::new(lmas, mags, rng.range(2, 5) as usize);
        layout.workers = rng.range(1, 3) as usize;
        layout.lag_max_us = [100, 2_000, 30_000, 300_000][rng.index(4)];
        layout.ipv4 = rng.chance(250_000);
        layout.mag_detection = rng.chance(200_000);
        // Of a stream of its own, so that what came before stays as it was.
        let mut more = Rng::new(seed).fork(0x11e5);
        layout.several_hnps = more.chance(250_000);
        if more.chance(250_000) {
            layout.skew_max_us = [SECOND, 60 * SECOND, 3_600 * SECOND][more.index(3)];
        }
        let faults = random_faults(&mut rng);
        let failures = rng.chance(300_000);
        let mut schedule = Self {
            seed,
            layout,
            faults,
            operations: Vec::new(),
        };
        schedule.begin(&mut rng);
        for _ in 0..rng.range(3, 20) {
            let at = ARRIVALS + rng.range(0, ACTIVE);
            let operation = schedule.random_operation(&mut rng, failures);
            // Now and then things happen at almost the same time (L-14).
            let twin = rng.chance(400_000).then(|| {
                let later = at + rng.range(0, 50_000);
                (later, schedule.random_operation(&mut rng, failures))
            });
            schedule.operations.push((at, operation));
            schedule.operations.extend(twin);
        }
        if failures && more.chance(300_000) {
            schedule.tell_lies(&mut more);
        }
        // Of a stream of its own again.
        let mut more = Rng::new(seed).fork(0xe5b0);
        schedule.put_on_ipv4(&mut more);
        schedule.protect(&mut more);
        // Of a stream of its own again.
        let mut more = Rng::new(seed).fork(0xf0e2);
        schedule.stand_still(&mut more);
        let mut more = Rng::new(seed).fork(0x6b65);
        schedule.change_keys(&mut more);
        schedule.operations.sort_by_key(|(at, _)| *at);
        schedule
    }

    fn begin(&mut self, rng: &mut Rng) {
        for mobile in 0..self.layout.mobiles {
            let at = rng.range(0, ARRIVALS);
            let mag = self.random_mag(rng);
            self.operations.push((at, appear(mobile, mag, 0, 0)));
        }
        for _ in 0..rng.range(1, 4) {
            let at = rng.range(0, 2 * ARRIVALS);
            let talk = self.random_talk(rng);
            self.operations.push((at, talk));
        }
    }

    fn tell_lies(&mut self, rng: &mut Rng) {
        for _ in 0..rng.range(1, 3) {
            let lie = Operation::Lie {
                node: rng.index(self.layout.lmas + self.layout.mags),
                third: rng.index(self.layout.mobiles),
                lie: Lie::ALL[rng.index(Lie::ALL.len())],
                for_us: rng.range(SECOND, 30 * SECOND),
            };
            self.operations.push((ARRIVALS + rng.range(0, ACTIVE), lie));
        }
    }

    /// Some domains are on IPv4, with NATs that forget.
    fn put_on_ipv4(&mut self, rng: &mut Rng) {
        if !rng.chance(200_000) {
            return;
        }
        self.layout.ipv4_transport = true;
        let nodes = self.layout.lmas..self.layout.lmas + self.layout.mags;
        self.layout.behind_nat = nodes.filter(|_| rng.chance(400_000)).collect();
        let behind = self.layout.behind_nat.clone();
        for _ in 0..rng.range(0, 5) {
            let Some(node) = behind.get(rng.index(behind.len())).copied() else {
                return;
            };
            let at = ARRIVALS + rng.range(0, ACTIVE);
            self.operations.push((at, Operation::Rebind { node }));
        }
    }

    /// Some domains are protected, and attacked.
    fn protect(&mut self, rng: &mut Rng) {
        if !rng.chance(300_000) {
            return;
        }
        self.layout.protected = true;
        for _ in 0..rng.range(0, 10) {
            let node = rng.index(self.layout.lmas + self.layout.mags);
            let attack = Attack::ALL[rng.index(Attack::ALL.len())];
            // What comes to nothing may go on for long, also when all is healed.
            let longest = match attack {
                Attack::Delay => 20 * SECOND,
                _ => 5 * ACTIVE,
            };
            let for_us = rng.range(SECOND, longest);
            let at = rng.range(0, ARRIVALS + ACTIVE);
            let attack = Operation::Attack {
                node,
                attack,
                for_us,
            };
            self.operations.push((at, attack));
        }
    }

    /// Some protected domains get new keys.
    fn change_keys(&mut self, rng: &mut Rng) {
        if !self.layout.protected || !rng.chance(400_000) {
            return;
        }
        for _ in 0..rng.range(1, 3) {
            let at = rng.range(0, ARRIVALS + ACTIVE);
            let longest = [SECOND, 10 * SECOND][rng.index(2)];
            let apart_us = rng.range(SECOND / 10, longest);
            self.operations
                .push((at, Operation::ChangeKeys { apart_us }));
        }
    }

    /// In some domains nodes stand still for a while, now and then for longer than anything lasts.
    fn stand_still(&mut self, rng: &mut Rng) {
        if !rng.chance(200_000) {
            return;
        }
        for _ in 0..rng.range(1, 3) {
            let longest = [2 * SECOND, 20 * SECOND, 150 * SECOND][rng.index(3)];
            let freeze = Operation::Freeze {
                node: rng.index(self.layout.lmas + self.layout.mags),
                for_us: rng.range(SECOND / 10, longest),
                queue: [0, 4, 64, 1_024][rng.index(4)],
            };
            let at = ARRIVALS + rng.range(0, ACTIVE);
            self.operations.push((at, freeze));
        }
    }

    /// When the last node that stood still goes on by itself.
    fn all_go_on_at(&self) -> Micros {
        let goes_on_at = |(at, operation): &(Micros, Operation)| match operation {
            Operation::Freeze { for_us, .. } => Some(at + for_us),
            _ => None,
        };
        let times = self.operations.iter().filter_map(goes_on_at);
        times.max().unwrap_or(0)
    }

    /// Until a NAT that forgot is crossed again.
    fn nat_bound(&self) -> Micros {
        match self.layout.behind_nat.is_empty() {
            true => 0,
            false => (Micros::from(KEEPALIVE_S) + 2) * SECOND,
        }
    }

    fn random_mag(&self, rng: &mut Rng) -> NodeIndex {
        self.layout.mag(rng.index(self.layout.mags))
    }

    fn random_pair(&self, rng: &mut Rng) -> (MobileIndex, MobileIndex) {
        let one = rng.index(self.layout.mobiles);
        let step = 1 + rng.index(self.layout.mobiles - 1);
        (one, (one + step) % self.layout.mobiles)
    }

    fn random_talk(&self, rng: &mut Rng) -> Operation {
        let (source, destination) = self.random_pair(rng);
        Operation::Talk {
            source,
            destination,
            interval_us: rng.range(100_000, 900_000),
            one_way: rng.chance(200_000),
        }
    }

    fn random_operation(&self, rng: &mut Rng, failures: bool) -> Operation {
        let (source, destination) = self.random_pair(rng);
        let nodes = self.layout.lmas + self.layout.mags;
        match rng.index(if failures { 21 } else { 18 }) {
            0..=10 => {
                let away = [0, 20_000, 300_000][rng.index(3)];
                let notice = [0, 5_000, 200_000, 8 * SECOND][rng.index(4)];
                appear(
                    source,
                    self.random_mag(rng),
                    rng.range(0, away),
                    rng.range(0, notice),
                )
            }
            11 => Operation::Leave {
                mobile: source,
                notice_us: rng.range(0, SECOND),
            },
            12 | 13 => self.random_talk(rng),
            14 => Operation::Hush {
                source,
                destination,
            },
            15 => Operation::PathRequest {
                node: rng.index(nodes),
                source,
                destination,
            },
            16 => Operation::PathRemove {
                node: rng.index(nodes),
                source,
                destination,
            },
            17 => Operation::Forge {
                node: rng.index(nodes),
                source,
                destination,
                forgery: Forgery::ALL[rng.index(Forgery::ALL.len())],
            },
            18 => Operation::Crash {
                node: rng.index(nodes),
                down_us: rng.range(0, 5 * SECOND),
            },
            _ => {
                let one = rng.index(nodes);
                Operation::Partition {
                    one,
                    other: (one + 1 + rng.index(nodes - 1)) % nodes,
                    for_us: rng.range(SECOND / 10, 20 * SECOND),
                }
            }
        }
    }

    /// True when no message is lost or overtaken and nothing fails.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.faults.loss_ppm == 0
            && self.faults.reorder_ppm == 0
            && !self.operations.iter().any(|(_, op)| op.is_failure())
    }

    /// No packet between two settled MNs may be lost for longer: what the timers imply.
    #[must_use]
    pub fn blackhole_bound(&self) -> Micros {
        let timers = &self.layout.timers;
        if self.is_calm() && !self.is_hasty() {
            return CALM_BOUND + self.nat_bound();
        }
        // A MAG that has not noticed that its MN has gone sends a PBU again (RFC 5213 sections 5.5, 6.9.4) and
        // so takes the binding; an LMA that lost its bindings gets them back when they are extended.
        timers.path_bound().max(timers.binding_bound()) + Timers::EXCHANGE + SLACK
    }

    /// True when an MN moves on before the registration of its last move must be over.
    fn is_hasty(&self) -> bool {
        let mut last: BTreeMap<MobileIndex, Micros> = BTreeMap::new();
        self.operations
            .iter()
            .any(|(at, operation)| match operation {
                Operation::Appear { mobile, .. } | Operation::Leave { mobile, .. } => {
                    let before = last.insert(*mobile, *at);
                    before.is_some_and(|before| at - before < HASTE)
                }
                _ => false,
            })
    }

    /// From the last operation until everything must have come to rest.
    #[must_use]
    pub fn settle_time(&self) -> Micros {
        let timers = &self.layout.timers;
        let hold_off = Micros::from(timers.hold_off_max_s) * SECOND;
        self.blackhole_bound().max(timers.path_bound()) + hold_off + 2 * Timers::EXCHANGE + SLACK
    }

    /// From everybody's leaving until nothing may be left.
    #[must_use]
    pub fn drain_time(&self) -> Micros {
        let timers = &self.layout.timers;
        let hold_off = Micros::from(timers.hold_off_max_s) * SECOND;
        timers.binding_bound() + timers.path_bound() + hold_off + 2 * Timers::EXCHANGE + SLACK
    }

    /// Runs it to the end, or until something breaks.
    #[must_use]
    pub fn run(&self, build: &Build<'_>, trace: bool) -> Outcome {
        let mut domain = Domain::new(self.layout.clone(), self.faults, self.seed, build);
        if trace {
            domain.trace_on();
        }
        domain.blackhole_bound_us = self.blackhole_bound();
        for (at, operation) in &self.operations {
            domain.schedule(*at, operation.clone());
        }
        let last = self.operations.last().map_or(0, |(at, _)| *at);
        // Partitions and crashes end by themselves, late notices come in.
        domain.run_until((last + 20 * SECOND).max(self.all_go_on_at() + SECOND));
        domain.heal_everything();
        domain.run_until(domain.now() + self.settle_time());
        domain.run_until_applied();
        domain.check_at_rest();
        domain.hush_all();
        domain.all_leave();
        domain.run_until(domain.now() + self.drain_time());
        domain.check_empty();
        outcome(domain)
    }
}

fn outcome(mut domain: Domain<'_>) -> Outcome {
    let mut tally = Tally::default();
    for talk in domain.talks.values() {
        tally.add(&talk.tally);
    }
    Outcome {
        violation: domain.take_violation(),
        stats: std::mem::take(&mut domain.stats),
        tally,
        trace: std::mem::take(&mut domain.trace).into_lines(),
    }
}

fn appear(mobile: MobileIndex, mag: NodeIndex, away_us: Micros, notice_us: Micros) -> Operation {
    Operation::Appear {
        mobile,
        mag,
        away_us,
        notice_us,
    }
}

fn random_faults(rng: &mut Rng) -> Faults {
    let mut faults = Faults::NONE;
    faults.delay_max_us = [1_500, 5_000, 40_000][rng.index(3)];
    if rng.chance(400_000) {
        return faults;
    }
    if rng.chance(700_000) {
        faults.loss_ppm = [10_000, 50_000, 200_000][rng.index(3)];
    }
    if rng.chance(500_000) {
        faults.duplicate_ppm = [20_000, 200_000][rng.index(2)];
    }
    if rng.chance(500_000) {
        faults.reorder_ppm = [20_000, 200_000][rng.index(2)];
        faults.reorder_max_us = [20_000, 400_000, 3 * SECOND][rng.index(3)];
    }
    faults
}

/// A kind of violation, for those who look for the same one again.
#[must_use]
pub fn kind_of(outcome: &Outcome) -> Option<ViolationKind> {
    outcome.violation.as_ref().map(|violation| violation.kind)
}
