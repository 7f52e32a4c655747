//! Whether EAL is up, and which pools it must outlive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::CleanupError;
use crate::mempool::Inner;

/// EAL's life: once only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Never,
    Up,
    Over,
}

pub(crate) struct Registry {
    state: State,
    pools: Vec<Arc<Inner>>,
    reassemblies: usize,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    state: State::Never,
    pools: Vec::new(),
    reassemblies: 0,
});

/// Whoever makes or lists what lives in EAL's memory holds this lock, so that EAL cannot end meanwhile.
pub(crate) fn lock() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn set_state(&mut self, state: State) {
        self.state = state;
    }

    pub(crate) fn add_pool(&mut self, pool: Arc<Inner>) {
        self.pools.push(pool);
    }

    pub(crate) fn add_reassembly(&mut self) {
        self.reassemblies += 1;
    }

    pub(crate) fn remove_reassembly(&mut self) {
        self.reassemblies -= 1;
    }

    /// Whether nothing points into EAL's memory any more. Without a handle nobody can take packets, ports
    /// hold handles, and a packet that somebody still has is missing from its pool.
    pub(crate) fn unused(&self) -> Result<(), CleanupError> {
        if self.reassemblies > 0 {
            let count = self.reassemblies;
            return Err(CleanupError::ReassembliesHeld { count });
        }
        for pool in &self.pools {
            if Arc::strong_count(pool) > 1 {
                return Err(CleanupError::MempoolHeld { pool: pool.name() });
            }
            let count = pool.in_use();
            if count > 0 {
                let pool = pool.name();
                return Err(CleanupError::MbufsHeld { pool, count });
            }
        }
        Ok(())
    }

    pub(crate) fn forget_pools(&mut self) {
        self.pools.clear();
    }
}
