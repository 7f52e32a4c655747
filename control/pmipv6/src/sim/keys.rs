//! Keys that change while messages are in flight: the operator gives every node a new configuration, one after
//! the other, and a node that is down or stands still takes it when it is back.
//!
//! ```text
//!   stage 0   generation 1
//!   stage 1   generation 1, and 2 to receive with
//!   stage 2   both; the newer one to send with
//!   stage 3   generation 2, and so on
//! ```
//!
//! A stage begins when every node has reached the one before it.

use crate::esp::Spi;

use super::check::ViolationKind;
use super::domain::Domain;
use super::event::Event;
use super::gate::{FIRST_SPI, GateFault, config};
use super::network::{Micros, NodeIndex};

/// Stages of one change.
const STAGES: u32 = 3;
/// SPIs of one generation.
const SPIS: Spi = 0x1_0000;

/// The SPI of a generation, of what is the SPI of the first one.
pub(super) fn spi_in(generation: u32, first: Spi) -> Spi {
    first + SPIS * (generation - 1)
}

/// The generation that an SPI is of.
pub(super) fn generation_of(spi: Spi) -> u32 {
    1 + spi.saturating_sub(FIRST_SPI) / SPIS
}

/// The generations at a stage, and whether they are sent with. A node that lacks patience has done with the
/// old one before the others have.
pub(super) fn generations(stage: u32, fault: Option<GateFault>) -> Vec<(u32, bool)> {
    let old = oldest(stage);
    match stage % STAGES {
        0 => vec![(old, true)],
        _ if fault == Some(GateFault::DropsOldKeys) => vec![(old + 1, true)],
        1 => vec![(old, true), (old + 1, false)],
        _ => vec![(old, true), (old + 1, true)],
    }
}

/// The oldest generation that is taken at a stage.
pub(super) fn oldest(stage: u32) -> u32 {
    1 + stage / STAGES
}

impl Domain<'_> {
    /// The operator changes all keys, stage by stage; unless that is going on.
    pub(super) fn change_keys(&mut self, apart_us: Micros) {
        let stage = self.nodes[0].stage;
        let at_rest = |stage: u32| stage.is_multiple_of(STAGES);
        if self.layout.protected && at_rest(stage) && self.all_are_at(stage) {
            let stage = stage + 1;
            self.after(0, Event::KeyStage { stage, apart_us });
        }
    }

    fn all_are_at(&self, stage: u32) -> bool {
        self.nodes.iter().all(|node| node.stage == stage)
    }

    /// Every node gets to a stage, soon.
    pub(super) fn begin_key_stage(&mut self, stage: u32, apart_us: Micros) {
        if self.nodes.iter().any(|node| node.stage >= stage) {
            return;
        }
        if !self.all_are_at(stage - 1) {
            // Somebody does not take it.
            return self.after(apart_us, Event::KeyStage { stage, apart_us });
        }
        for node in 0..self.nodes.len() {
            let delay = self.rng_keys.range(0, apart_us);
            self.after(delay, Event::Reload { node, stage });
        }
        if !stage.is_multiple_of(STAGES) {
            let stage = stage + 1;
            self.after(2 * apart_us, Event::KeyStage { stage, apart_us });
        }
    }

    /// A node takes over another configuration; one that is down reads it when it starts.
    pub(super) fn reload(&mut self, index: NodeIndex, stage: u32) {
        self.nodes[index].stage = stage;
        self.trace.line(self.now, |_| {
            let generations = generations(stage, self.layout.gate_fault);
            format!("-- {} has keys {generations:?}", self.nodes[index].name)
        });
        let config = config(&self.layout, index, stage);
        let Some(gate) = &mut self.nodes[index].gate else {
            return;
        };
        match gate.boundary.configure(&config) {
            Ok(()) => self.save(index),
            Err(error) => self.violate(ViolationKind::Protection, error.to_string()),
        }
    }
}
