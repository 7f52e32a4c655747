//! Mobile Access Gateway (RFC 5213 section 6).

mod config;

pub use config::Config;

use std::time::Duration;

use crate::io::{BindingView, Engine, Input, Now, Output, PathView, PeerView};

/// The MAG's protocol engine.
///
/// Hand in [`Input::Timeout`] once at start. After [`Input::Shutdown`] it is done when
/// [`Engine::bindings`] is empty, at the latest after INITIAL_BINDACK_TIMEOUT.
#[derive(Debug)]
pub struct MobileAccessGateway {
    config: Config,
    seed: u64,
}

impl MobileAccessGateway {
    /// A MAG without MNs. The seed feeds everything random; same seed, same run.
    pub fn new(config: Config, seed: u64) -> Self {
        Self { config, seed }
    }

    /// What runs now.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine for MobileAccessGateway {
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
