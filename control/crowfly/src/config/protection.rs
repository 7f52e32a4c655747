//! Protected signalling: peers, their roles and keys, and what is protected (RFC 4301 section 4.4,
//! RFC 5213 section 4).

use std::borrow::Cow;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::esp::{self, KeyMaterial, Suite};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::error::Complaint;
use super::locate::KeyPath;
use super::{Config, Protection, Role};

/// Longest key file that is read: the longest key, and some white space.
const MAX_KEY_FILE_BYTES: u64 = 1024;
/// Permissions of group and others: none of them may be set on what holds a key.
const OTHERS: u32 = 0o077;
/// Shown instead of a key.
const HIDDEN: &str = "(hidden)";

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
    /// Addresses and prefixes that the peer's packets may come from and go to; the first one names it.
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

    /// Reads the key files; what is wrong with them.
    pub(super) fn read_key_files(&mut self, directory: &Path) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for (index, peer) in self.peers.iter_mut().enumerate() {
            for (at, association) in peer.associations.iter_mut().enumerate() {
                let path = association_path(index, at);
                let outbound = association.outbound.as_mut().map(|leg| ("outbound", leg));
                let inbound = Some(("inbound", &mut association.inbound));
                for (name, leg) in [inbound, outbound].into_iter().flatten() {
                    let Some(file) = &leg.key_file else { continue };
                    match read_key(&directory.join(file)) {
                        Ok(secret) => leg.read = Some(secret),
                        Err(reason) => complaints.push(Complaint {
                            path: path.key(name).key("key_file"),
                            reason,
                        }),
                    }
                }
            }
        }
        complaints
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

    fn check(&self, suite: Suite, path: &KeyPath, complaints: &mut Vec<Complaint>) {
        let (key, reason) = match (&self.key, &self.key_file, self.material()) {
            (Some(_), Some(_), _) => ("key_file", "there is a key already".to_owned()),
            (None, None, _) => ("key", "missing: a key, or a key_file".to_owned()),
            (key, _, Some(material)) if material.len() != suite.key_len() => {
                let (needed, found) = (suite.key_len(), material.len());
                let name = if key.is_some() { "key" } else { "key_file" };
                let reason = format!("{suite} needs {needed} octets, there are {found}");
                (name, reason)
            }
            // Of a key file that could not be read it was said why.
            _ => return,
        };
        let path = path.key(key);
        complaints.push(Complaint { path, reason });
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

/// Everything that is wrong with how signalling is protected.
pub(super) fn check(config: &Config) -> Vec<Complaint> {
    let path = KeyPath::default().key("security");
    let complain = |reason: &str| {
        let reason = reason.to_owned();
        let path = path.clone();
        vec![Complaint { path, reason }]
    };
    let security = match (config.protection, &config.security) {
        (Protection::None, None) => return Vec::new(),
        (Protection::None, Some(_)) => {
            return complain("does not belong here: \"protection\" is \"none\"");
        }
        (Protection::Esp, None) => {
            return complain("missing: \"protection\": \"esp\" needs peers and their keys");
        }
        (Protection::Esp, Some(security)) => security,
    };
    let mut complaints = Vec::new();
    if !security.state_file.is_absolute() {
        let path = path.key("state_file");
        let reason = "not an absolute path".to_owned();
        complaints.push(Complaint { path, reason });
    }
    for (index, peer) in security.peers.iter().enumerate() {
        check_peer(peer, index, &mut complaints);
    }
    check_anchors(config, security, &mut complaints);
    // What the boundary itself refuses is about several entries; single ones were named above.
    if complaints.is_empty()
        && let Err(error) = esp::Boundary::new(&security.boundary(), 0, esp::Saved::default())
    {
        complaints.push(Complaint {
            path,
            reason: error.to_string(),
        });
    }
    complaints
}

/// A file that holds keys is its owner's alone.
pub(super) fn check_mode(config: &Config, file: &Path) -> Vec<Complaint> {
    let holds_keys = config.security.as_ref().is_some_and(Security::holds_keys);
    if !holds_keys {
        return Vec::new();
    }
    match std::fs::metadata(file).map(|of| of.permissions().mode()) {
        Ok(mode) if mode & OTHERS != 0 => vec![Complaint {
            path: KeyPath::default().key("security"),
            reason: format!(
                "holds keys, and others than the file's owner may read or write it: chmod 600 {}",
                file.display()
            ),
        }],
        _ => Vec::new(),
    }
}

fn check_peer(peer: &SecurityPeer, index: usize, complaints: &mut Vec<Complaint>) {
    let path = KeyPath::default().key("security").key("peers").index(index);
    for (name, list) in [("addresses", &peer.addresses), ("homes", &peer.homes)] {
        for (at, Remote(net)) in list.iter().enumerate() {
            if net.trunc() != *net {
                let path = path.key(name).index(at);
                let reason = format!("has bits beyond its length; meant is {}", net.trunc());
                complaints.push(Complaint { path, reason });
            }
        }
    }
    for (at, association) in peer.associations.iter().enumerate() {
        let path = association_path(index, at);
        let suite = association.suite;
        association
            .inbound
            .check(suite, &path.key("inbound"), complaints);
        if let Some(outbound) = &association.outbound {
            outbound.check(suite, &path.key("outbound"), complaints);
        }
    }
}

/// The LMAs that the node is told to speak to have keys, unless some policy lets messages by in the clear.
fn check_anchors(config: &Config, security: &Security, complaints: &mut Vec<Complaint>) {
    if security
        .policies
        .iter()
        .any(|policy| policy.action == esp::Action::Bypass)
    {
        return;
    }
    let root = KeyPath::default();
    let mut anchors = Vec::new();
    if let (Role::Mag, Some(mag)) = (config.role, &config.mag) {
        let path = root.key("mag");
        anchors.push((path.key("lma"), mag.lma));
        let named = mag.lma_of.iter();
        anchors.extend(named.map(|(mn_id, lma)| (path.key("lma_of").key(mn_id), *lma)));
    }
    if let (Role::Lma, Some(lma)) = (config.role, &config.lma) {
        let path = root.key("lma").key("peer_lmas");
        let peers = lma.peer_lmas.iter().enumerate();
        anchors.extend(peers.map(|(at, peer)| (path.index(at).key("lma"), peer.lma)));
    }
    for (path, lma) in anchors {
        let of = |Remote(net): &Remote| net.contains(&IpAddr::V6(lma));
        let known = security.peers.iter().any(|peer| {
            peer.roles.contains(&SecurityRole::Lma)
                && !peer.associations.is_empty()
                && peer.addresses.iter().any(of)
        });
        if !known {
            let reason = "no entry of security.peers has this address, the role \"lma\" and keys";
            let reason = reason.to_owned();
            complaints.push(Complaint { path, reason });
        }
    }
}

fn association_path(peer: usize, association: usize) -> KeyPath {
    let peers = KeyPath::default().key("security").key("peers");
    peers.index(peer).key("associations").index(association)
}

fn read_key(file: &Path) -> Result<Secret, String> {
    let unread = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut opened = std::fs::File::open(file).map_err(unread)?;
    let mode = opened.metadata().map_err(unread)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(format!(
            "others than the file's owner may read or write it: chmod 600 {}",
            file.display()
        ));
    }
    // Room for all at once: growing would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE_BYTES as usize));
    let limited = opened.by_ref().take(MAX_KEY_FILE_BYTES);
    { limited }.read_to_end(&mut text).map_err(unread)?;
    let text = std::str::from_utf8(&text).map_err(|_| "not hexadecimal digits".to_owned())?;
    let key = KeyMaterial::from_hex(text).map_err(|error| error.to_string())?;
    Ok(Secret(key))
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

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The error does not quote what it was.
        let key = KeyMaterial::from_hex(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(key))
    }
}

impl TryFrom<String> for Remote {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse::<IpNet>());
        net.map(Self)
            .map_err(|_| format!("{text:?} is not an address or prefix"))
    }
}

impl From<Remote> for String {
    fn from(Remote(net): Remote) -> Self {
        if net.prefix_len() == net.max_prefix_len() {
            net.addr().to_string()
        } else {
            net.to_string()
        }
    }
}

macro_rules! schema {
    ($name:ident, $title:literal, $schema:tt) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

struct SuiteSchema;
struct DirectionSchema;
struct ActionSchema;

schema!(Secret, "Secret", {
    "type": "string",
    "pattern": "^\\s*([0-9a-fA-F]{2})+\\s*$"
});
schema!(Remote, "Remote", {
    "type": "string",
    "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$",
    "examples": ["2001:db8:f::1", "2001:db8:f::/64", "192.0.2.1"]
});
schema!(SuiteSchema, "Suite", {
    "type": "string",
    "enum": [
        "aes-128-gcm-16", "aes-256-gcm-16",
        "aes-128-cbc-hmac-sha2-256-128", "aes-256-cbc-hmac-sha2-256-128",
        "null-hmac-sha2-256-128"
    ]
});
schema!(DirectionSchema, "Direction", { "type": "string", "enum": ["in", "out"] });
schema!(ActionSchema, "Action", { "type": "string", "enum": ["protect", "bypass", "discard"] });
