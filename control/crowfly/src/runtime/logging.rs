//! Logs, to standard error, with a filter that can change while the node runs.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

/// The running filter.
#[derive(Debug)]
pub(super) struct Logging {
    handle: Option<Handle<EnvFilter, Registry>>,
    filter: String,
}

impl Logging {
    /// Starts logging; the configuration's check has parsed the filter before.
    pub(super) fn start(filter: &str) -> Self {
        let (layer, handle) = reload::Layer::new(EnvFilter::new(filter));
        let stderr = fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false);
        // A second subscriber in one process is a test's; its logs stay with the first.
        let started = tracing_subscriber::registry()
            .with(layer)
            .with(stderr)
            .try_init()
            .is_ok();
        Self {
            handle: started.then_some(handle),
            filter: filter.to_owned(),
        }
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    /// Takes another filter, or says in one sentence what is wrong with it.
    pub(super) fn set(&mut self, filter: &str) -> Result<(), String> {
        let parsed = EnvFilter::builder()
            .parse(filter)
            .map_err(|error| error.to_string())?;
        if let Some(handle) = &self.handle {
            handle.reload(parsed).map_err(|error| error.to_string())?;
        }
        filter.clone_into(&mut self.filter);
        Ok(())
    }
}
