//! Why a command failed, and what that is to the shell.

use std::path::PathBuf;

use serde_json::Value;
use thiserror::Error;

use crate::record::ReplayError;
use crate::socket::RpcError;

/// Why a command failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// Nobody serves the socket.
    #[error("{}: {reason}", path.display())]
    NoNode { path: PathBuf, reason: String },
    /// The node hung up.
    #[error("the node closed the connection{}", .0.as_ref().map(|r| format!(": {r}")).unwrap_or_default())]
    HungUp(Option<std::io::Error>),
    /// The node took too long.
    #[error("the node did not answer within {0} s; what was asked for may still happen")]
    Silent(u64),
    /// What answered does not speak this protocol.
    #[error("this is not a Crowfly node: {0}")]
    Stranger(String),
    /// The node answered with an error.
    #[error("{}", refused(.0))]
    Refused(RpcError),
    /// The arguments make no sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Packets that were decoded are wrong; which, and why, was printed.
    #[error("{}", bad_packets(*.bad, *.all))]
    BadPackets { bad: u64, all: u64 },
    /// A record is none, or cannot be read.
    #[error("{}: {source}", path.display())]
    Record { path: PathBuf, source: ReplayError },
    /// A replay came out differently; where, was printed.
    #[error("the replay differs from the record in line {line}")]
    Differs { line: u64 },
    /// The answer cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// 1: the node refused, or a packet is bad. 2: no such node, or bad usage.
    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::Refused(error) => match error.code {
                RpcError::INVALID_PARAMS | RpcError::METHOD_NOT_FOUND => 2,
                _ => 1,
            },
            Self::Silent(_)
            | Self::HungUp(_)
            | Self::BadPackets { .. }
            | Self::Output(_)
            | Self::Differs { .. } => 1,
            Self::NoNode { .. }
            | Self::Stranger(_)
            | Self::Usage(_)
            | Self::File { .. }
            | Self::Record { .. } => 2,
        }
    }

    /// The node's error object, where there is one.
    pub(super) fn as_json(&self) -> Option<Value> {
        match self {
            Self::Refused(error) => serde_json::to_value(error).ok(),
            _ => None,
        }
    }
}

fn bad_packets(bad: u64, all: u64) -> String {
    match all {
        1 => "the packet is bad".to_owned(),
        _ => format!("{bad} of {all} packets are bad"),
    }
}

fn refused(error: &RpcError) -> String {
    let Some(data) = &error.data else {
        return error.message.clone();
    };
    match data.status {
        Some(status) => format!("{} (status {status}, {})", error.message, data.name),
        None => format!("{} ({})", error.message, data.name),
    }
}
