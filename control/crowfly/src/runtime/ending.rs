//! The orderly end of a node.

use std::time::Duration;

use pmipv6::io::Input;

use super::control::Control;
use crate::config::Role;

/// Longest wait for the answers to what the role owes its peers at the end.
pub(super) const MAX_SHUTDOWN: Duration = Duration::from_secs(3);
/// Wait for the workers to send what was injected last.
const LAST_WORDS: Duration = Duration::from_millis(20);

impl Control {
    /// Tells the peers what the role owes them, and waits for their answers, but not for ever.
    pub(super) fn shut_down(&mut self) {
        tracing::info!("shutting down");
        self.inbox.push_back(Input::Shutdown);
        self.settle();
        let limit = self.clock.mono() + MAX_SHUTDOWN;
        loop {
            let more = self.turn();
            let now = self.clock.now();
            // An LMA's bindings are its MAGs' to end; a MAG's are gone when its LMAs have answered.
            let owes = self.config.role == Role::Mag && !self.engine.bindings(now).is_empty();
            if !owes || now.mono >= limit {
                break;
            }
            self.wait(more);
        }
        self.server.flush();
        self.gate.close();
        std::thread::sleep(LAST_WORDS);
    }

    /// Stops the workers, closes the ports, ends DPDK.
    pub(super) fn end(mut self) {
        self.lcores.stop();
        let Self {
            lcores,
            server,
            recorder,
            program,
            ports,
            mempool,
            ..
        } = self;
        drop(server);
        if let Some(recorder) = recorder {
            recorder.finish();
        }
        drop(program);
        drop(ports);
        drop(mempool);
        lcores.end();
        tracing::info!("ended");
    }
}
