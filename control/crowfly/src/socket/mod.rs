//! The control socket: JSON-RPC 2.0 over a Unix stream socket, one object a line, requests pipelined.
//!
//! ```text
//!   accept ─▶ Connection ─ bytes ─▶ LineSplitter ─ line ─▶ rpc ─▶ Request ─▶ the control thread
//!                 ▲                                                             │
//!                 └────────── queued output ◀── answer(), notify() ◀────────────┘
//! ```
//!
//! Everything is bounded, and what goes over a bound costs its own connection only:
//!
//! | bound | beyond it |
//! |---|---|
//! | connections | the new one is told so and closed |
//! | descriptors of the process | the new one waits; it is looked at again after a second |
//! | a line, [`MAX_LINE_BYTES`] | that connection is told so and closed |
//! | requests of one connection at work | the rest stays unread until answers have gone |
//! | output queued for one connection | a subscriber that does not read is closed; a client that only asks is read no further until it has taken its answers |
//! | requests and bytes of one connection in one turn | the rest waits for the next turn |

pub mod answer;
mod bind;
mod connection;
mod line;
mod method;
mod params;
mod rpc;
mod server;

#[cfg(test)]
mod tests;

pub use bind::BindError;
pub use line::{LineSplitter, TooLong};
pub use method::{Method, Page, Pair};
pub use params::{
    ATT_NAMES, AccessTechnologyType, AttachLink, HI_NAMES, HandoffIndicator, MnAttach, PortRef,
};
pub use rpc::{ErrorData, RequestId, RpcError};
pub use server::{Limits, Request, Server};

/// Where the control socket is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/run/crowfly/crowfly.sock";

/// Longest line that is read.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// What `events.subscribe` can be asked for: [`pmipv6::io::Event`] by name, and what the IPsec boundary discards.
pub const EVENT_NAMES: [&str; 11] = [
    "attach",
    "detach",
    "handover",
    "path_up",
    "path_down",
    "path_refused",
    "peer_up",
    "peer_down",
    "peer_restarted",
    "alarm",
    "discarded",
];

/// Most entries of one page of `binding.list`, `path.list` and `peer.list`.
pub const MAX_PAGE_ENTRIES: usize = 1000;

/// Entries of a page when the request does not say.
pub const DEFAULT_PAGE_ENTRIES: usize = 100;
