//! Realms: IPv4 home addresses that several MNs have (RFC 5845 section 3).

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Entry;
use super::{GreKeys, Link};

/// A realm: IPv4 home addresses of its own, which other realms may have too (RFC 5845 section 3). What tells
/// their packets apart is the GRE key. At an LMA it is a realm of the configuration; at a MAG, which knows no
/// realms, a number that tells MNs of one address apart, and means nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Realm(NonZeroU16);

impl Realm {
    /// Highest number of a realm.
    pub const MAX: u16 = 4_095;

    /// The realm of a number from 1 to [`Self::MAX`]; none for any other.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) if number.get() <= Self::MAX => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for Realm {
    type Error = String;
    fn try_from(number: u16) -> Result<Self, String> {
        Self::new(number).ok_or_else(|| format!("realms have numbers from 1 to {}", Self::MAX))
    }
}

impl From<Realm> for u16 {
    fn from(realm: Realm) -> Self {
        realm.number()
    }
}

/// An IPv4 home address of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RealmHome {
    /// Its realm.
    pub realm: Realm,
    /// The address.
    pub address: Ipv4Addr,
}

/// The GRE keys that tell packets of an MN from those of all others; a realm's homes have both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyPair {
    /// In what we send.
    pub send: u32,
    /// In what we accept.
    pub receive: u32,
}

impl GreKeys {
    /// Both keys; none where one is missing.
    pub const fn pair(self) -> Option<KeyPair> {
        match (self.send, self.receive) {
            (Some(send), Some(receive)) => Some(KeyPair { send, receive }),
            _ => None,
        }
    }
}

impl From<KeyPair> for GreKeys {
    fn from(keys: KeyPair) -> Self {
        Self {
            send: Some(keys.send),
            receive: Some(keys.receive),
        }
    }
}

/// What becomes of an IPv4 home address of a realm, in one step with the keys of its tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RealmState {
    /// MAG: as [`Entry::Attach`].
    Attached {
        /// Its access link.
        link: Link,
        /// Its anchor.
        lma: IpAddr,
        /// Of the tunnel to the anchor.
        keys: KeyPair,
    },
    /// LMA: as [`Entry::Bind`].
    Bound {
        /// The MAG's Proxy Care-of Address.
        proxy_coa: IpAddr,
        /// Of the tunnel to the MAG.
        keys: KeyPair,
    },
    /// LMA: as [`Entry::Suspend`].
    Suspended,
    /// It is not here, or not bound, any more.
    Gone,
}
