//! Operators' commands, and their answers.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{BindingView, Link};

/// The caller's handle on a command.
pub type Token = u64;

/// An operator's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// MAG: an MN has attached; register it. Answered when the binding stands or is refused.
    Attach(AttachRequest),
    /// MAG: the MN has left; de-register it.
    Detach {
        /// NAI of the MN.
        mn_id: String,
    },
    /// LMA: take an MN's bindings away (RFC 5846).
    Revoke {
        /// NAI of the MN.
        mn_id: String,
    },
    /// LMA: take all bindings of a MAG away at once (RFC 5846 section 5.1: G flag).
    RevokeAll {
        /// The MAG.
        mag: IpAddr,
    },
    /// MAG, LMA: set up a path between two addresses or prefixes by hand.
    PathRequest {
        /// One end.
        source: IpNet,
        /// The other end.
        destination: IpNet,
    },
    /// MAG, LMA: take a path down.
    PathRemove {
        /// One end.
        source: IpNet,
        /// The other end.
        destination: IpNet,
    },
}

/// Who attaches, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRequest {
    /// NAI (RFC 4283 subtype 1).
    pub mn_id: String,
    /// Access link.
    pub link: Link,
    /// Access Technology Type (RFC 5213 section 8.5).
    pub att: u8,
    /// Handoff Indicator (RFC 5213 section 8.4).
    pub hi: u8,
    /// Ask for IPv6 service; if not, the MN is to have IPv4 alone (RFC 5844 section 3.1.2.1).
    #[serde(default = "super::yes")]
    pub ipv6: bool,
    /// Ask for these prefixes; none: let the LMA choose.
    pub hnps: Vec<Ipv6Net>,
    /// Ask for this IPv4 home address (0.0.0.0: let the LMA choose); none: no IPv4 service.
    pub ipv4_hoa: Option<Ipv4Addr>,
}

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The binding stands.
    Attached(BindingView),
    /// The binding is gone.
    Detached,
    /// The binding is revoked, and its MAG has said so.
    Revoked,
    /// The path is being set up, or stands.
    PathRequested,
    /// The path is being taken down.
    PathRemoved,
}

/// A command that was refused; state is as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Status of the PBA or of the RO ack where a peer refused; none where this node did.
    pub status: Option<u8>,
    /// The RFC's name of the status, or this node's reason in kebab-case.
    pub name: String,
    /// One sentence for a person.
    pub text: String,
}
