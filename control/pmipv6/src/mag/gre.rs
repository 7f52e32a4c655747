//! GRE keys (RFC 5845): of the tunnel to an MN's LMA, and of a path to another MAG (HL-29).

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::localized::REFUSED;
use crate::io::{Entry, GreKeys};
use crate::path::{Gre, PathId};
use crate::wire::message::{BindingAck, RoRequest};
use crate::wire::{MobilityOption, options};

impl MobileAccessGateway {
    /// The key that our LMA shall use for an MN (section 5.1): kept while the MN is here.
    pub(super) fn key_for_lma(&mut self, mn_id: &str) -> Option<MobilityOption> {
        if self.config.gre == Gre::Off {
            return None;
        }
        let entry = self.bindings.get_mut(mn_id)?;
        let choose = || self.gre_keys.choose(&mut self.node.rng);
        let key = *entry.gre_receive.get_or_insert_with(choose);
        Some(MobilityOption::GreKey(Some(key)))
    }

    /// Whether a PBA lacks the key without which we do not send.
    pub(super) fn lacks_key(&self, ack: &BindingAck) -> bool {
        let key = options::gre_key(&ack.options);
        self.config.gre == Gre::Required && ack.status < REFUSED && key.is_none()
    }

    /// Takes the keys that a PBA agrees to; true if they are others than before.
    pub(super) fn agree_on_keys(&mut self, mn_id: &str, ack: &BindingAck) -> bool {
        let off = self.config.gre == Gre::Off;
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return false;
        };
        let keys = options::gre_key(&ack.options)
            .filter(|_| !off)
            .map(|theirs| GreKeys {
                send: theirs,
                receive: theirs.and(entry.gre_receive),
            });
        std::mem::replace(&mut entry.gre, keys) != keys
    }

    /// Says the keys of an MN's homes, before the entries that use them.
    pub(super) fn program_keys(&mut self, homes: &[IpNet], keys: Option<GreKeys>, changed: bool) {
        if keys.is_none() && !changed {
            return;
        }
        for home in homes {
            self.node.program(Entry::GreKeys {
                home: *home,
                remote: None,
                keys,
            });
        }
    }

    /// Whether an RO Setup lacks the key without which we take no path.
    pub(super) fn setup_lacks_key(&self, request: &RoRequest) -> bool {
        self.config.gre == Gre::Required && options::gre_key(&request.options).is_none()
    }

    /// The key that the other MAG of a path shall use; the one of a path that stands is kept.
    pub(super) fn key_for_peer(&mut self, id: PathId) -> Option<MobilityOption> {
        if self.config.gre == Gre::Off {
            return None;
        }
        let path = self.paths.get_mut(id)?;
        let kept = path.gre.and_then(|keys| keys.receive);
        let key = kept.unwrap_or_else(|| self.gre_keys.choose(&mut self.node.rng));
        let send = path.gre.and_then(|keys| keys.send);
        path.gre = Some(GreKeys {
            send,
            receive: Some(key),
        });
        Some(MobilityOption::GreKey(Some(key)))
    }

    /// What the other MAG's Setup or Setup Ack says: its key, or that it does without. True if the path is
    /// another than it was, so that both halves have to be set anew.
    pub(super) fn take_peer_key(&mut self, id: PathId, said: &[MobilityOption]) -> bool {
        let theirs = options::gre_key(said).filter(|_| self.config.gre != Gre::Off);
        let Some(path) = self.paths.get_mut(id) else {
            return false;
        };
        let before = path.gre;
        path.gre = theirs.map(|send| GreKeys {
            send,
            receive: before
                .and_then(|keys| keys.receive)
                .filter(|_| send.is_some()),
        });
        let kept = path.gre.and_then(|keys| keys.receive);
        if let Some(own) = before
            .and_then(|keys| keys.receive)
            .filter(|own| Some(*own) != kept)
        {
            self.gre_keys.give_back(own);
        }
        path.gre != before
    }

    /// Says the keys of a path's halves, before the entries that use them.
    pub(super) fn program_path_keys(&mut self, id: PathId) {
        let Some(path) = self.paths.get_mut(id) else {
            return;
        };
        if path.gre == path.gre_told {
            return;
        }
        path.gre_told = path.gre;
        let (keys, halves) = (path.gre, path.halves());
        for (home, remote) in halves {
            self.node.program(Entry::GreKeys {
                home,
                remote: Some(remote),
                keys,
            });
        }
    }

    /// The path is no more: its key is free.
    pub(super) fn give_back_path_key(&mut self, id: PathId) {
        let key = self.paths.get(id).and_then(|path| path.gre?.receive);
        if let Some(key) = key {
            self.gre_keys.give_back(key);
        }
    }
}
