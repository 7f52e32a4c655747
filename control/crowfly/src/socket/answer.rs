//! The answers' shapes. The control thread fills them, `crowflyctl` and other people's tools read them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use pmipv6::esp::AssociationView;
use pmipv6::io::{BindingView, MacAddr, PathView, PeerView};
use serde::{Deserialize, Serialize};

use crate::config::Change;

/// `version`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// `crowfly`.
    pub name: String,
    /// This program's version.
    pub version: String,
    /// DPDK's own name for its version.
    pub dpdk: String,
    /// `mag`, `lma`, `cn`.
    pub role: String,
    /// The node's name.
    pub node_id: String,
}

/// `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node_id: String,
    /// `mag`, `lma`, `cn`.
    pub role: String,
    /// This program's version.
    pub version: String,
    /// Process identifier.
    pub pid: u32,
    /// Seconds since the node started.
    pub uptime_s: u64,
    /// How signalling is protected: `none`, `esp`.
    pub protection: String,
    /// Addresses that peers know the node by: Proxy-CoA or LMAA.
    pub addresses: Vec<IpAddr>,
    /// Bindings.
    pub bindings: u64,
    /// Localized paths.
    pub paths: u64,
    /// Updates that not every worker has applied.
    pub update_backlog: u64,
    /// Ports, by number.
    pub ports: Vec<PortStatus>,
    /// Workers, by lcore.
    pub workers: Vec<WorkerStatus>,
    /// What needs an operator, one sentence each.
    pub alarms: Vec<String>,
}

/// A port in `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortStatus {
    /// DPDK port number.
    pub number: u16,
    /// The configuration's name.
    pub name: String,
    /// DPDK's name of the device.
    pub device: String,
    /// `access`, `transport`, `network`.
    pub roles: Vec<String>,
    /// `up`, `down`.
    pub link: String,
    /// Megabits a second; none where the device does not say.
    pub speed_mbps: Option<u32>,
    /// Our link-layer address on it.
    pub mac: MacAddr,
    /// Largest IP packet, octets.
    pub mtu_bytes: u16,
    /// Our addresses with their on-link prefix.
    pub addresses: Vec<IpNet>,
}

/// A worker in `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its lcore.
    pub lcore: u32,
    /// Packets received a second, since the last look.
    pub rx_packets_per_s: f64,
    /// Packets sent a second, since the last look.
    pub tx_packets_per_s: f64,
    /// Polls that found packets, percent, since the last look.
    pub load_percent: f64,
    /// Number of the last update that it has applied.
    pub applied: u64,
    /// Updates that it has not applied.
    pub update_backlog: u64,
}

/// `binding.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BindingPage {
    /// Bindings there are.
    pub total: usize,
    /// Bindings skipped.
    pub offset: usize,
    /// Bindings of this page, ordered by MN-ID.
    pub bindings: Vec<BindingView>,
}

/// `path.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathPage {
    /// Paths there are.
    pub total: usize,
    /// Paths skipped.
    pub offset: usize,
    /// Paths of this page.
    pub paths: Vec<PathEntry>,
}

/// `path.show`, and an entry of `path.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathEntry {
    /// What the engine knows.
    #[serde(flatten)]
    pub path: PathView,
    /// Packets that took the path; none at an LMA, which none of them reaches.
    pub packets: Option<u64>,
    /// Bytes that took the path.
    pub bytes: Option<u64>,
}

/// `peer.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerPage {
    /// Peers there are.
    pub total: usize,
    /// Peers skipped.
    pub offset: usize,
    /// Peers of this page.
    pub peers: Vec<PeerEntry>,
}

/// `binding.revoke_all`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedAll {
    /// The MAG that has no bindings any more.
    pub mag: std::net::IpAddr,
}

/// An entry of `peer.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerEntry {
    /// What the engine knows.
    #[serde(flatten)]
    pub peer: PeerView,
    /// Heartbeat (RFC 5847): `off`, or the state of [`pmipv6::io::HeartbeatView`].
    pub heartbeat: String,
    /// Largest packet on the way to its tunnels, octets, where routers have said that it is less than what the
    /// first link takes (RFC 2473 section 7.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_mtu_bytes: Option<u16>,
    /// The security associations in one line: generation, suite and SPIs of each, or `none`.
    pub security_association: String,
    /// Each generation of keys, the newest first.
    #[serde(default)]
    pub associations: Vec<AssociationView>,
}

/// `stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Every counter by dotted name.
    pub counters: BTreeMap<String, u64>,
}

/// `latency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// By name: `signalling.ro-setup` and the other exchanges, `path-setup`, `update-applied`, `worker-burst` ...
    pub histograms: BTreeMap<String, Histogram>,
}

/// A histogram; all but the count in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// Samples.
    pub count: u64,
    /// Least.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 90 % are no larger.
    pub p90: u64,
    /// 99 % are no larger.
    pub p99: u64,
    /// 99.9 % are no larger.
    pub p99_9: u64,
    /// Largest.
    pub max: u64,
}

/// `config.reload`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reloaded {
    /// Keys that run with their new value now.
    pub applied: Vec<Change>,
    /// Keys that need a restart, and run with their old value.
    pub refused: Vec<Change>,
}

/// `log.level`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevel {
    /// The filter that runs now.
    pub filter: String,
}

/// `mn.detach`, `binding.revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// NAI of the MN.
    pub mn_id: String,
}

/// `path.request`, `path.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathCommand {
    /// Source home.
    pub source: IpNet,
    /// Destination home.
    pub destination: IpNet,
    /// `requested`, `removed`.
    pub state: String,
}

impl Histogram {
    /// Of a recorder whose values are nanoseconds.
    #[must_use]
    pub fn of(recorder: &hdrhistogram::Histogram<u64>) -> Self {
        if recorder.is_empty() {
            return Self::default();
        }
        Self {
            count: recorder.len(),
            min: recorder.min(),
            p50: recorder.value_at_quantile(0.5),
            p90: recorder.value_at_quantile(0.9),
            p99: recorder.value_at_quantile(0.99),
            p99_9: recorder.value_at_quantile(0.999),
            max: recorder.max(),
        }
    }
}
