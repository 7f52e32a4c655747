//! What an engine was handed, and what it answered: recorded by a running node, fed again by
//! `crowflyctl replay`.
//!
//! ```text
//!   node:    Now + Input ─▶ engine ─▶ outputs ─▶ Recorder ─▶ FILE
//!   replay:  FILE ─▶ Now + Input ─▶ engine of the same configuration and seed ─▶ equal outputs?
//! ```
//!
//! A record is JSON, one object a line: a [`Header`], then a [`Step`] for every input. Engines do no IO and
//! draw their random numbers from the seed, so a step that comes out differently is a fault: of the engine,
//! or of a record that was changed. A record names every mobile node, and its seed foretells sequence
//! numbers: it is readable by its owner only.

mod recorder;
mod replay;

#[cfg(test)]
mod tests;

use pmipv6::io::{Engine, Input, Now, Output};
use pmipv6::{lma, mag, path};
use serde::{Deserialize, Serialize};

pub use recorder::{RecordError, Recorder};
pub use replay::{Difference, Outcome, ReplayError, replay};

/// Version of this format; another one is not read.
pub const FORMAT: u32 = 1;

/// The first line: everything that the engine was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub crowfly_record: u32,
    /// Version of the program that recorded.
    pub version: String,
    /// Name of the node.
    pub node_id: String,
    /// Seed of the engine's random numbers.
    pub seed: u64,
    /// The engine's settings; there are no secrets in them.
    pub engine: EngineConfig,
}

/// The settings of the engine of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineConfig {
    /// A Mobile Access Gateway.
    Mag(Box<mag::Config>),
    /// A Local Mobility Anchor.
    Lma(Box<lma::Config>),
}

/// Every other line: one input, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The time that was handed in with it.
    pub now: Now,
    /// What was handed in.
    pub given: Given,
    /// What came out, in order.
    pub outputs: Vec<Output>,
}

/// What an engine was handed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// An input.
    Input(Input),
    /// Other settings of localized routing (`config.reload`).
    LocalizedRouting(path::Config),
}

impl EngineConfig {
    /// Says which start of the node this is (RFC 5847 section 3.2).
    pub fn set_restart_counter(&mut self, counter: u32) {
        let heartbeat = match self {
            Self::Mag(config) => &mut config.heartbeat,
            Self::Lma(config) => &mut config.heartbeat,
        };
        heartbeat.restart_counter = Some(counter);
    }

    /// The engine of the role.
    #[must_use]
    pub fn engine(&self, seed: u64) -> Box<dyn Engine> {
        match self {
            Self::Mag(config) => {
                Box::new(mag::MobileAccessGateway::new(config.as_ref().clone(), seed))
            }
            Self::Lma(config) => {
                Box::new(lma::LocalMobilityAnchor::new(config.as_ref().clone(), seed))
            }
        }
    }
}

impl Header {
    /// Of an engine that this program makes now.
    #[must_use]
    pub fn new(node_id: &str, seed: u64, engine: EngineConfig) -> Self {
        Self {
            crowfly_record: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node_id: node_id.to_owned(),
            seed,
            engine,
        }
    }
}

impl Given {
    /// Hands it to an engine; false: the engine does not take these settings while it runs.
    pub fn feed(self, engine: &mut dyn Engine, now: Now, outputs: &mut Vec<Output>) -> bool {
        match self {
            Self::Input(input) => {
                engine.handle(now, input, outputs);
                true
            }
            Self::LocalizedRouting(settings) => engine.set_localized_routing(&settings),
        }
    }
}
