//! `config.reload`: reads the file again, applies what may change while the node runs, and refuses the
//! rest by name.

use super::control::Control;
use super::protection::EXHAUSTED;
use super::wiring;
use crate::config::{Change, Config, changes};
use crate::record::Given;
use crate::socket::RpcError;
use crate::socket::answer::Reloaded;

impl Control {
    /// Takes over what may change; what may not keeps its value.
    pub(super) fn reload(&mut self) -> Result<Reloaded, RpcError> {
        let mut new = Config::load(&self.options.config)
            .map_err(|error| RpcError::refused("invalid-configuration", error.to_string()))?;
        let takes_security = self.reload_security(&mut new)?;
        let routing = self.new_routing(&new);
        let settings = Given::LocalizedRouting(wiring::localized_routing(&routing));
        // Settings alone bring nothing forth.
        let takes_routing = self.hand_to_engine(settings, &mut Vec::new());
        let (applied, refused): (Vec<Change>, Vec<Change>) =
            changes(&self.config, &new).into_iter().partition(|change| {
                let security = change.key.starts_with(SECURITY) && takes_security;
                security && change.key != STATE_FILE
                    || may_change(&change.key) && (takes_routing || change.key == LOG_FILTER)
            });
        if applied.iter().any(|change| change.key == LOG_FILTER) {
            self.logging
                .set(&new.log.filter)
                .map_err(|reason| RpcError::refused("invalid-configuration", reason))?;
            self.config.log = new.log;
        }
        if takes_routing {
            self.config.localized_routing = routing.localized_routing;
        }
        if let (Some(running), Some(mut security)) = (&mut self.config.security, new.security) {
            security.state_file.clone_from(&running.state_file);
            *running = security;
        }
        for change in &applied {
            tracing::info!(key = change.key, to = %change.to, "configuration changed");
        }
        Ok(Reloaded { applied, refused })
    }

    /// Takes new keys, peers and policies over, all or none. False: signalling goes on as it is, because
    /// it is or would be unprotected, which needs a restart.
    fn reload_security(&mut self, new: &mut Config) -> Result<bool, RpcError> {
        let (Some(_), Some(security)) = (&self.config.security, &mut new.security) else {
            return Ok(false);
        };
        let taken = self.gate.configure(security);
        security.forget_keys();
        taken.map_err(|reason| RpcError::refused("invalid-configuration", reason))?;
        // Who still has none left says so with the next message.
        self.alarms.clear(EXHAUSTED);
        self.keep_sequence_numbers(false);
        Ok(true)
    }

    /// What runs, with that part of the new settings of localized routing that is the engine's.
    fn new_routing(&self, new: &Config) -> Config {
        let mut routing = self.config.clone();
        let running = std::mem::replace(
            &mut routing.localized_routing,
            new.localized_routing.clone(),
        );
        routing.localized_routing.detect = running.detect;
        routing.localized_routing.mag_requested = running.mag_requested;
        routing
    }
}

const LOG_FILTER: &str = "log.filter";
const SECURITY: &str = "security.";
const STATE_FILE: &str = "security.state_file";
const LOCALIZED_ROUTING: &str = "localized_routing.";

/// Keys that a running node takes over. Detection is the workers', and they are told once.
fn may_change(key: &str) -> bool {
    let detection =
        key.starts_with("localized_routing.detect") || key == "localized_routing.mag_requested";
    key == LOG_FILTER || key.starts_with(LOCALIZED_ROUTING) && !detection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_are_told_once_needs_a_restart() {
        assert!(may_change("log.filter") && may_change("localized_routing.enabled"));
        for key in [
            "localized_routing.detect.after_packets",
            "localized_routing.mag_requested",
            "role",
        ] {
            assert!(!may_change(key), "{key}");
        }
    }
}
