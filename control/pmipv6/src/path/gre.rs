//! GRE keys (RFC 5845): whether tunnels have them, and which are in use here.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rng::Rng;

/// Whether tunnels are GRE with keys (RFC 5845 section 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gre {
    /// Never; a peer that offers a key is told that none is needed (status 2).
    #[default]
    Off,
    /// Where the peer has a key too.
    Optional,
    /// Always; a peer without a key is refused (status 163, or 137 for a path).
    Required,
}

/// Keys that this node receives with: no two of its tunnels share one.
#[derive(Debug, Default)]
pub(crate) struct KeysInUse(BTreeSet<u32>);

impl KeysInUse {
    /// A key that no tunnel here has. They are far fewer than there are keys, so the search is short.
    pub(crate) fn choose(&mut self, rng: &mut Rng) -> u32 {
        loop {
            let key = rng.next_u64() as u32;
            if key != 0 && self.0.insert(key) {
                return key;
            }
        }
    }

    pub(crate) fn give_back(&mut self, key: u32) {
        self.0.remove(&key);
    }
}
