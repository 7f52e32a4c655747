//! The configuration file: JSON with a published schema, unknown keys refused, every limit and timer
//! with its unit in its name and its default from the RFC that defines it.
//!
//! ```text
//!   file ──read──▶ text ──serde──▶ Config ──check──▶ Config that a node can run
//!                    │               │                 │
//!                    ▼               ▼                 ▼
//!               ConfigError: file, line:column, key, reason   (exit status 2 of `--check`)
//! ```

mod base;
mod change;
mod check;
mod dataplane;
mod error;
mod lma;
mod locate;
mod mag;
mod node;
mod path_routing;
mod port;
mod protection;
mod range;
mod transport4;
mod types;

#[cfg(test)]
mod tests;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use base::{Gre, Heartbeat, PeerSettings, Revocation};
pub use change::{Change, changes};
pub(crate) use check::mn_id_problem;
pub use dataplane::{Dataplane, IdlePolicy};
pub(crate) use error::key_of;
pub use error::{ConfigError, Problem};
pub use lma::{DhcpMode, Lma, MobileNode, PeerLma, Realm};
pub use mag::{Mag, RouterAdvertisement};
pub use node::{Control, Domain, Limits, Log, MhMode, Protection, Role};
pub use path_routing::{Detect, LocalizedRouting};
pub use port::{Neighbour, Port, PortRole};
pub use protection::{
    Remote, Secret, Security, SecurityAssociation, SecurityLeg, SecurityPeer, SecurityPolicy,
    SecurityRole,
};
pub use transport4::{Ipv4Peer, Ipv4Prefix, Ipv4Transport};
pub use types::PeerPrefix;

/// Largest configuration file that is read.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What one Crowfly node runs with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Crowfly node configuration")]
pub struct Config {
    /// Where the JSON Schema of this file is; for editors only.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the node is.
    pub role: Role,
    /// The node's name in status, logs and events: letters, digits, `.`, `_`, `-`, at most 64.
    pub node_id: String,
    /// The node's ports, in the order of DPDK's port numbers.
    #[schemars(length(min = 1, max = 64))]
    pub ports: Vec<Port>,
    /// How signalling is protected (RFC 5213 section 4). Has no default: an unprotected node is a
    /// decision that somebody has to write down.
    pub protection: Protection,
    /// Peers, keys and policies of protected signalling; with `"protection": "esp"` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
    /// What all nodes of the domain must agree on.
    #[serde(default)]
    pub domain: Domain,
    /// The Mobile Access Gateway's part; with `"role": "mag"` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mag: Option<Mag>,
    /// The Local Mobility Anchor's part; with `"role": "lma"` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lma: Option<Lma>,
    /// Heartbeats between MAGs and LMAs (RFC 5847).
    #[serde(default)]
    pub heartbeat: Heartbeat,
    /// GRE keys in the tunnels (RFC 5845).
    #[serde(default)]
    pub gre: Gre,
    /// Peers that differ from the domain.
    #[serde(default)]
    pub peers: Vec<PeerSettings>,
    /// Where the node keeps what outlives it: its restart counter, in `NODE_ID.restart-counter`.
    #[serde(default = "state_dir")]
    pub state_dir: std::path::PathBuf,
    /// Paths from MAG to MAG (draft-loureiro-netext-pmipv6-ro-02).
    #[serde(default)]
    pub localized_routing: LocalizedRouting,
    /// Peers that are reached by IPv4 (RFC 5844 section 4).
    #[serde(default)]
    pub ipv4_transport: Ipv4Transport,
    /// Workers, rings and packet memory.
    #[serde(default)]
    pub dataplane: Dataplane,
    /// What is bounded, and by how much.
    #[serde(default)]
    pub limits: Limits,
    /// Logging.
    #[serde(default)]
    pub log: Log,
    /// The control thread.
    #[serde(default)]
    pub control: Control,
}

fn state_dir() -> std::path::PathBuf {
    "/var/lib/crowfly".into()
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not JSON of the schema's shape, or says something that no node can
    /// run with. The error names file, line, column, key and reason; wrong values are all listed, wrong
    /// syntax is one error.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read_error = |source| ConfigError::Read {
            file: path.to_path_buf(),
            source,
        };
        let length = std::fs::metadata(path).map_err(read_error)?.len();
        if length > MAX_FILE_BYTES {
            return Err(ConfigError::TooLong {
                file: path.to_path_buf(),
                max_bytes: MAX_FILE_BYTES,
            });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(read_error)?);
        let config = Self::parse(&text, path)?;
        let complaints = protection::check_mode(&config, path);
        if complaints.is_empty() {
            return Ok(config);
        }
        Err(ConfigError::of_complaints(path, &text, complaints))
    }

    /// Parses and checks a configuration; `file` is named in errors, and key files are looked for beside it.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut config: Self = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| ConfigError::of_serde(file, &error))?;
        deserializer
            .end()
            .map_err(|error| ConfigError::of_json(file, &error))?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let security = config.security.as_mut();
        let mut complaints = security.map_or(Vec::new(), |of| of.read_key_files(directory));
        complaints.extend(check::check(&config));
        if complaints.is_empty() {
            return Ok(config);
        }
        Err(ConfigError::of_complaints(file, text, complaints))
    }

    /// The port with this name.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<(usize, &Port)> {
        self.ports.iter().enumerate().find(|(_, p)| p.name == name)
    }

    /// The node's own IPv6 addresses towards the transport network, with their ports' numbers in `ports`.
    pub fn transport_addresses(&self) -> impl Iterator<Item = (usize, ipnet::Ipv6Net)> + '_ {
        self.ports
            .iter()
            .enumerate()
            .filter(|(_, port)| port.has(PortRole::Transport))
            .flat_map(|(number, port)| port.ipv6().map(move |own| (number, own)))
    }
}

/// The JSON Schema of the configuration file, as published in `configs/crowfly.schema.json`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Config)
}

/// [`schema`] as the text of the published file.
#[must_use]
pub fn schema_text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).expect("a schema is plain JSON");
    text.push('\n');
    text
}
