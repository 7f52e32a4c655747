//! What operators may look at.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Link;

/// One binding, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingView {
    /// NAI of the MN.
    pub mn_id: String,
    /// Home network prefixes.
    pub hnps: Vec<IpNet>,
    /// IPv4 home address.
    pub ipv4_hoa: Option<IpNet>,
    /// LMA: the realm that the address is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// LMA: the MAG that serves the MN.
    pub proxy_coa: Option<IpAddr>,
    /// MAG: the anchor.
    pub lma: Option<IpAddr>,
    /// MAG: the access link.
    pub link: Option<Link>,
    /// Seconds until the binding ends.
    pub lifetime_s: u64,
    /// `registering`, `registered`, `deregistering`, `waiting-deletion` ...
    pub state: String,
}

/// One localized path, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathView {
    /// Home of the source MN: whose packet triggered the path.
    pub source: IpNet,
    /// Home of the destination MN.
    pub destination: IpNet,
    /// `localized`, `return-routability`, `quick`.
    pub method: String,
    /// The LMA that controls the pair, where known.
    pub controller: Option<IpAddr>,
    /// MAG: the other side's MAG. LMA: the source's MAG.
    pub peer: Option<IpAddr>,
    /// `setting-up`, `active`, `receiving-only`, `none` ...
    pub state: String,
    /// Seconds until the path ends.
    pub lifetime_s: u64,
    /// When there is no path for a pair that talks: why, in one line.
    pub why: Option<String>,
}

/// One peer, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its address.
    pub address: IpAddr,
    /// `lma`, `mag`.
    pub role: String,
    /// `up`, `down`, `unknown`.
    pub state: String,
    /// False for an hour after it answered an RO message with Binding Error 2 (HL-15).
    pub localized_routing: bool,
    /// What its heartbeats say; none: none were exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeats: Option<HeartbeatView>,
}

/// Heartbeats of one peer (RFC 5847), as operators see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatView {
    /// `asked`, `answered`, `missing` (some requests are unanswered), `silent` (as many as are allowed),
    /// `not-supported`, `idle` (no binding with the peer).
    pub state: String,
    /// Requests running that were not answered.
    pub missed: u8,
    /// Its Restart Counter.
    pub restart_counter: Option<u32>,
}
