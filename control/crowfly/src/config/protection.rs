//! Protected signalling: peers, their roles and keys, and what is protected (RFC 4301 section 4.4,
//! RFC 5213 section 4).

mod check;
mod key_file;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::esp::{self, KeyMaterial, Suite};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use check::check;
pub(super) use key_file::check_mode;
use text::{ActionSchema, DirectionSchema, SuiteSchema};

/// Peers, keys and policies; with `"protection": "esp"` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Where sequence numbers are kept over a restart: an absolute path, in a directory that the node may
    /// write to. Without them a restarted node's messages look replayed to its peers.
    pub state_file: PathBuf,
    /// Size of the anti-replay windows, packets (RFC 4303 section 3.4.3).
    #[serde(default = "replay_window_packets")]
    #[schemars(range(min = 32, max = 1024))]
    pub replay_window_packets: u32,
    /// Who may speak to this node, and with which keys: the Peer Authorization Database and the Security
    /// Association Database (RFC 4301 sections 4.4.2, 4.4.3).
    #[schemars(length(max = 65_536))]
    pub peers: Vec<SecurityPeer>,
    /// The Security Policy Database (RFC 4301 section 4.4.1): the first entry that matches decides;
    /// what none of them names is protected.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub policies: Vec<SecurityPolicy>,
}

/// A peer that signalling is exchanged with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityPeer {
    /// Addresses and prefixes, of either family, that the peer's packets may come from and go to; the first one
    /// names it. Behind a NAT it has its IPv6 address alone.
    #[schemars(length(min = 1, max = 64))]
    pub addresses: Vec<Remote>,
    /// What the peer is: it may send the messages of these roles alone (L-74).
    #[schemars(length(min = 1, max = 2))]
    pub roles: Vec<SecurityRole>,
    /// Home network prefixes and IPv4 home addresses that the peer may speak for; empty: every one.
    #[serde(default)]
    #[schemars(length(max = 65_536))]
    pub homes: Vec<Remote>,
    /// The current generation of keys, and the next one while keys are being changed.
    #[schemars(length(max = 2))]
    pub associations: Vec<SecurityAssociation>,
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecurityRole {
    /// Mobile Access Gateway.
    Mag,
    /// Local Mobility Anchor.
    Lma,
}

/// One generation of keys with a peer: an association each way (RFC 4301 section 4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityAssociation {
    /// Number of the generation; the highest one that is active sends, all of them receive.
    pub generation: u32,
    /// Algorithms (RFC 8221): `aes-128-gcm-16` and `aes-256-gcm-16`, keys of 20 and 36 octets;
    /// `aes-128-cbc-hmac-sha2-256-128` and `aes-256-cbc-hmac-sha2-256-128`, 48 and 64 octets;
    /// `null-hmac-sha2-256-128`, 32 octets, which does not encrypt.
    #[schemars(with = "SuiteSchema")]
    pub suite: Suite,
    /// 64-bit sequence numbers (RFC 4303 section 2.2.1); both sides must agree.
    #[serde(default = "yes")]
    pub extended_sequence_numbers: bool,
    /// It sends from this time on, seconds since 1970-01-01 UTC; it receives at once. With the next keys
    /// and a time to come in both peers' files, keys change without a lost message.
    #[serde(default)]
    pub not_before_unix_s: u64,
    /// From the peer to this node.
    pub inbound: SecurityLeg,
    /// From this node to the peer; none: it receives only, until the peer has the keys too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound: Option<SecurityLeg>,
}

/// One direction of an association, with a key of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityLeg {
    /// Security Parameters Index; the receiving side's inbound ones differ from each other.
    #[schemars(range(min = 256))]
    pub spi: u32,
    /// Keying material as hexadecimal digits, in the order of RFC 7296 section 2.17: the encryption key,
    /// then the salt (AES-GCM) or the integrity key. The file must be its owner's alone (mode 0600).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// A file with these digits instead, relative to this one; its owner's alone (mode 0600).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// What was in the key file.
    #[serde(skip)]
    read: Option<Secret>,
}

/// An entry of the Security Policy Database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityPolicy {
    /// Peers by address or prefix; empty: every one.
    #[serde(default)]
    #[schemars(length(max = 65_536))]
    pub peers: Vec<Remote>,
    /// Which way: `in`, `out`; none: both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DirectionSchema>")]
    pub direction: Option<esp::Direction>,
    /// Mobility Header types; empty: every one.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub mh_types: Vec<u8>,
    /// `protect`, `bypass` (in the clear) or `discard`.
    #[schemars(with = "ActionSchema")]
    pub action: esp::Action,
}

/// A key: read from hexadecimal digits, written as nothing, wiped when it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret(KeyMaterial);

/// An address or a prefix, of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Remote(pub IpNet);

impl Security {
    /// What the boundary is made with.
    #[must_use]
    pub fn boundary(&self) -> esp::Config {
        esp::Config {
            peers: self.peers.iter().map(SecurityPeer::config).collect(),
            policies: self.policies.iter().map(SecurityPolicy::rule).collect(),
            replay_window: self.replay_window_packets,
        }
    }

    /// Wipes every key: the associations that are made of them have their own.
    pub fn forget_keys(&mut self) {
        for leg in self.legs_mut() {
            for secret in [&mut leg.key, &mut leg.read].into_iter().flatten() {
                secret.0.forget();
            }
        }
    }

    /// Whether the file itself holds a key.
    fn holds_keys(&self) -> bool {
        let associations = self.peers.iter().flat_map(|peer| &peer.associations);
        associations
            .flat_map(|of| [Some(&of.inbound), of.outbound.as_ref()])
            .any(|leg| leg.is_some_and(|leg| leg.key.is_some()))
    }

    fn legs_mut(&mut self) -> impl Iterator<Item = &mut SecurityLeg> {
        let associations = self
            .peers
            .iter_mut()
            .flat_map(|peer| &mut peer.associations);
        associations.flat_map(|of| {
            [Some(&mut of.inbound), of.outbound.as_mut()]
                .into_iter()
                .flatten()
        })
    }
}

impl SecurityPeer {
    fn config(&self) -> esp::PeerConfig {
        let has = |role| self.roles.contains(&role);
        esp::PeerConfig {
            authorization: esp::PeerAuthorization {
                addresses: nets(&self.addresses),
                roles: esp::Roles {
                    mag: has(SecurityRole::Mag),
                    lma: has(SecurityRole::Lma),
                },
                homes: nets(&self.homes),
            },
            associations: self
                .associations
                .iter()
                .map(SecurityAssociation::config)
                .collect(),
        }
    }
}

impl SecurityAssociation {
    fn config(&self) -> esp::AssociationConfig {
        esp::AssociationConfig {
            generation: self.generation,
            suite: self.suite,
            extended_sequence_numbers: self.extended_sequence_numbers,
            not_before: Duration::from_secs(self.not_before_unix_s),
            inbound: self.inbound.leg(),
            outbound: self.outbound.as_ref().map(SecurityLeg::leg),
        }
    }
}

impl SecurityLeg {
    fn material(&self) -> Option<&KeyMaterial> {
        self.key.as_ref().or(self.read.as_ref()).map(|key| &key.0)
    }

    fn leg(&self) -> esp::Leg {
        esp::Leg {
            spi: self.spi,
            key: self.material().cloned().unwrap_or_default(),
        }
    }
}

impl SecurityPolicy {
    fn rule(&self) -> esp::Rule {
        esp::Rule {
            peers: nets(&self.peers),
            direction: self.direction,
            mh_types: self.mh_types.clone(),
            action: self.action,
        }
    }
}

fn nets(remotes: &[Remote]) -> Vec<IpNet> {
    remotes.iter().map(|remote| remote.0).collect()
}

fn replay_window_packets() -> u32 {
    esp::DEFAULT_REPLAY_WINDOW
}

fn yes() -> bool {
    true
}
