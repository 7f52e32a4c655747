//! GRE keys of an MN's tunnel, anchor's side (RFC 5845 section 5.3).

use super::LocalMobilityAnchor;
use super::config::Profile;
use super::state::BindingId;
use super::update::Update;
use crate::io::{Entry, GreKeys};
use crate::path::Gre;
use crate::wire::iana::status;

impl LocalMobilityAnchor {
    /// Status 163 for a MAG without a key where one must be; an MN of a realm is told by nothing else.
    pub(super) fn check_gre(&self, profile: &Profile, update: &Update) -> Result<(), u8> {
        let keyed = self.config.gre != Gre::Off && matches!(update.gre, Some(Some(_)));
        let missing = self.config.gre == Gre::Required && update.gre.is_none()
            || profile.realm.is_some() && !keyed;
        match missing && update.lifetime_s > 0 {
            true => Err(status::GRE_KEY_OPTION_REQUIRED),
            false => Ok(()),
        }
    }

    /// Agrees on the keys of a session; true if they are others than before.
    pub(super) fn agree_on_keys(&mut self, id: BindingId, update: &Update) -> bool {
        let Some(entry) = self.bindings.get_mut(&id) else {
            return false;
        };
        let own = entry.gre.and_then(|keys| keys.receive);
        let keys = match update.gre.filter(|_| self.config.gre != Gre::Off) {
            // GRE without keys, both ways.
            Some(None) => Some(GreKeys {
                send: None,
                receive: None,
            }),
            Some(Some(theirs)) => {
                let choose = || self.gre_keys.choose(&mut self.node.rng);
                let receive = Some(own.unwrap_or_else(choose));
                Some(GreKeys {
                    send: Some(theirs),
                    receive,
                })
            }
            None => None,
        };
        let kept = keys.and_then(|keys| keys.receive);
        if let Some(own) = own.filter(|own| Some(*own) != kept) {
            self.gre_keys.give_back(own);
        }
        std::mem::replace(&mut entry.gre, keys) != keys
    }

    /// Says the keys of a session's homes, before the entries that use them.
    pub(super) fn program_keys(&mut self, id: BindingId, changed: bool) {
        let Some(entry) = self.bindings.get(&id) else {
            return;
        };
        let (keys, homes) = (entry.gre, entry.homes.clone());
        if keys.is_none() && !changed {
            return;
        }
        for home in homes {
            self.node.program(Entry::GreKeys {
                home,
                remote: None,
                keys,
            });
        }
    }
}
