//! From a schedule that fails to the smallest one found that fails in the same way.

use super::layout::Build;
use super::network::Faults;
use super::schedule::{Schedule, kind_of};

/// Which parts of a generated schedule are kept: together with the seed, the whole reproduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Indices of the operations kept.
    pub operations: Vec<usize>,
    /// Faults kept: `loss`, `duplicate`, `reorder`, `lag`, `delay`.
    pub faults: Vec<&'static str>,
}

/// Every fault that can be taken out of a schedule.
pub const FAULTS: [&str; 5] = ["loss", "duplicate", "reorder", "lag", "delay"];

impl Selection {
    /// Everything.
    #[must_use]
    pub fn all(schedule: &Schedule) -> Self {
        Self {
            operations: (0..schedule.operations.len()).collect(),
            faults: FAULTS.to_vec(),
        }
    }

    /// Reads what [`Selection::environment`] writes.
    #[must_use]
    pub fn parse(schedule: &Schedule, keep: Option<&str>, faults: Option<&str>) -> Self {
        let mut selection = Self::all(schedule);
        if let Some(keep) = keep {
            selection.operations = keep.split(',').filter_map(|n| n.parse().ok()).collect();
        }
        if let Some(faults) = faults {
            let named: Vec<&str> = faults.split(',').collect();
            selection.faults.retain(|fault| named.contains(fault));
        }
        selection
    }

    /// The environment that reproduces it.
    #[must_use]
    pub fn environment(&self, seed: u64) -> String {
        let operations: Vec<String> = self.operations.iter().map(usize::to_string).collect();
        format!(
            "CROWFLY_SIM_SEED={seed} CROWFLY_SIM_KEEP={} CROWFLY_SIM_FAULTS={}",
            operations.join(","),
            self.faults.join(",")
        )
    }

    /// The part of the schedule.
    #[must_use]
    pub fn apply(&self, schedule: &Schedule) -> Schedule {
        let mut part = schedule.clone();
        part.operations = self
            .operations
            .iter()
            .filter_map(|index| schedule.operations.get(*index).cloned())
            .collect();
        let keeps = |fault| self.faults.contains(&fault);
        if !keeps("loss") {
            part.faults.loss_ppm = 0;
        }
        if !keeps("duplicate") {
            part.faults.duplicate_ppm = 0;
        }
        if !keeps("reorder") {
            part.faults.reorder_ppm = 0;
        }
        if !keeps("lag") {
            part.layout.lag_max_us = 0;
            part.layout.workers = 1;
        }
        if !keeps("delay") {
            part.faults.delay_max_us = Faults::NONE.delay_min_us;
        }
        part
    }
}

/// Takes out operations and faults while the schedule still fails in the same way; `tries` bounds the
/// runs.
#[must_use]
pub fn shrink(schedule: &Schedule, build: &Build<'_>, tries: usize) -> Selection {
    let wanted = kind_of(&schedule.run(build, false));
    let mut best = Selection::all(schedule);
    let mut left = tries;
    let mut fails = |selection: &Selection| {
        left = left.saturating_sub(1);
        left > 0
            && wanted.is_some()
            && kind_of(&selection.apply(schedule).run(build, false)) == wanted
    };
    for fault in FAULTS {
        let mut fewer = best.clone();
        fewer.faults.retain(|kept| *kept != fault);
        if fails(&fewer) {
            best = fewer;
        }
    }
    let mut chunk = best.operations.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let mut dropped = false;
        while at < best.operations.len() {
            let mut fewer = best.clone();
            let end = (at + chunk).min(fewer.operations.len());
            fewer.operations.drain(at..end);
            if fails(&fewer) {
                best = fewer;
                dropped = true;
            } else {
                at += chunk;
            }
        }
        chunk = match (chunk, dropped) {
            (1, true) => 1,
            _ => chunk / 2,
        };
    }
    best
}
