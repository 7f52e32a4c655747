//! Local Mobility Anchor (RFC 5213 section 5).

mod config;

pub use config::{Config, PeerLma, Profile};

use std::time::Duration;

use crate::io::{BindingView, Engine, Input, Now, Output, PathView, PeerView};

/// The LMA's protocol engine.
///
/// Hand in [`Input::Timeout`] once at start: the prefixes of peer LMAs are programmed then.
#[derive(Debug)]
pub struct LocalMobilityAnchor {
    config: Config,
    seed: u64,
}

impl LocalMobilityAnchor {
    /// An LMA without bindings. The seed feeds everything random; same seed, same run.
    pub fn new(config: Config, seed: u64) -> Self {
        Self { config, seed }
    }

    /// What runs now.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine for LocalMobilityAnchor {
    fn handle(&mut self, _now: Now, _input: Input, _out: &mut Vec<Output>) {
        self.seed = self.seed.wrapping_add(1);
    }
    fn next_deadline(&self) -> Option<Duration> {
        None
    }
    fn bindings(&self, _now: Now) -> Vec<BindingView> {
        Vec::new()
    }
    fn paths(&self, _now: Now) -> Vec<PathView> {
        Vec::new()
    }
    fn peers(&self, _now: Now) -> Vec<PeerView> {
        Vec::new()
    }
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}
