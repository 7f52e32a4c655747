//! The clock that the engines are handed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pmipv6::io::Now;

/// Monotonic time since the node's start, and wall-clock time for the Timestamp option.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Since the node's start.
    pub(super) fn mono(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn now(&self) -> Now {
        // A clock before 1970 is no clock; a peer will say so with status 156.
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono: self.mono(),
            wall,
        }
    }
}
