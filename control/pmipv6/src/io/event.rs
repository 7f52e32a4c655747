//! What operators are told.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What operators are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An MN is registered.
    Attach {
        /// NAI of the MN.
        mn_id: String,
        /// Its homes.
        homes: Vec<IpNet>,
        /// MAG: the LMA. LMA: the MAG.
        peer: IpAddr,
    },
    /// An MN is gone.
    Detach {
        /// NAI of the MN.
        mn_id: String,
        /// Why.
        reason: String,
    },
    /// LMA: an MN moved between MAGs.
    Handover {
        /// NAI of the MN.
        mn_id: String,
        /// Previous MAG.
        from: IpAddr,
        /// New MAG.
        to: IpAddr,
    },
    /// A path carries packets.
    PathUp {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// MAG: the other MAG. LMA: none.
        peer: Option<IpAddr>,
        /// From the first trigger to the last ack, microseconds.
        setup_us: u64,
    },
    /// A path is gone.
    PathDown {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// Why, in a few words: `expired`, `detached`, `removed`, `table full` ...
        reason: String,
    },
    /// A path was not set up.
    PathRefused {
        /// Source home.
        source: IpNet,
        /// Destination home.
        destination: IpNet,
        /// Status of wire.md section 10.1, where a peer refused.
        status: Option<u8>,
        /// Why, in one line.
        reason: String,
    },
    /// A peer answers (again).
    PeerUp {
        /// The peer.
        peer: IpAddr,
    },
    /// A peer does not answer.
    PeerDown {
        /// The peer.
        peer: IpAddr,
        /// Why.
        reason: String,
    },
    /// A peer has lost its state (RFC 5847 section 3.2).
    PeerRestarted {
        /// The peer.
        peer: IpAddr,
    },
    /// Something needs an operator.
    Alarm {
        /// Name in kebab-case.
        name: String,
        /// One sentence.
        text: String,
    },
}
