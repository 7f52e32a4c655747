//! The methods, and their parameters as a request writes them.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::params::{Endpoint, MnAttach, MnId};
use crate::config::key_of;

use super::rpc::{RpcError, shortened};
use super::{DEFAULT_PAGE_ENTRIES, EVENT_NAMES, MAX_PAGE_ENTRIES};

/// What a request wants of the control thread. `events.subscribe` is the server's own.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// `version`.
    Version,
    /// `status`.
    Status,
    /// `mn.attach`.
    MnAttach(MnAttach),
    /// `mn.detach`.
    MnDetach {
        /// NAI of the MN.
        mn_id: String,
    },
    /// `binding.list`.
    BindingList(Page),
    /// `binding.show`.
    BindingShow {
        /// NAI of the MN.
        mn_id: String,
    },
    /// `binding.revoke` (RFC 5846).
    BindingRevoke {
        /// NAI of the MN.
        mn_id: String,
    },
    /// `binding.revoke_all` (RFC 5846 section 5.1: the G flag).
    BindingRevokeAll {
        /// The MAG that is to lose all its bindings.
        mag: std::net::IpAddr,
    },
    /// `path.list`.
    PathList(Page),
    /// `path.show`.
    PathShow(Pair),
    /// `path.trace`.
    PathTrace(Pair),
    /// `path.request`.
    PathRequest(Pair),
    /// `path.remove`.
    PathRemove(Pair),
    /// `peer.list`.
    PeerList(Page),
    /// `stats`.
    Stats {
        /// Counters whose names match: `*` any run of characters, `?` any one; none: all.
        filter: Option<String>,
    },
    /// `latency`.
    Latency,
    /// `config.show`.
    ConfigShow,
    /// `config.reload`.
    ConfigReload,
    /// `log.level`.
    LogLevel {
        /// The new tracing filter; none: say what it is.
        filter: Option<String>,
    },
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// Entries skipped.
    pub offset: usize,
    /// Entries wanted, 1 to [`MAX_PAGE_ENTRIES`].
    pub limit: usize,
}

/// Both ends of a path: prefixes, or addresses as prefixes of full length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The source's home.
    pub source: IpNet,
    /// The destination's home.
    pub destination: IpNet,
}

/// What a request wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    /// Something of the control thread.
    Method(Method),
    /// Events from now on: these, or all.
    Subscribe(Option<BTreeSet<String>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfMobileNode {
    mn_id: MnId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    source: Endpoint,
    destination: Endpoint,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mag {
    mag: std::net::IpAddr,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Filter {
    filter: Option<String>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Subscription {
    events: Option<BTreeSet<String>>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            offset: 0,
            limit: DEFAULT_PAGE_ENTRIES,
        }
    }
}

impl Page {
    /// This page of a list.
    pub fn of<T>(self, list: &[T]) -> &[T] {
        let start = self.offset.min(list.len());
        let end = start.saturating_add(self.limit).min(list.len());
        &list[start..end]
    }
}

impl Method {
    /// Whether the answer grows with the node's state. A connection has one such request at work at a
    /// time, so what is queued for it stays bounded however many it sends.
    pub(super) fn has_long_answer(&self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::BindingList(_)
                | Self::PathList(_)
                | Self::PathTrace(_)
                | Self::PeerList(_)
                | Self::Stats { .. }
                | Self::Latency
                | Self::ConfigShow
                | Self::ConfigReload
        )
    }
}

impl Call {
    pub(super) fn parse(method: &str, params: Option<Value>) -> Result<Self, RpcError> {
        let params = Params(params);
        Ok(Self::Method(match method {
            "version" => params.nothing(Method::Version)?,
            "status" => params.nothing(Method::Status)?,
            "mn.attach" => Method::MnAttach(params.read()?),
            "mn.detach" => Method::MnDetach {
                mn_id: params.mn_id()?,
            },
            "binding.list" => Method::BindingList(params.page()?),
            "binding.show" => Method::BindingShow {
                mn_id: params.mn_id()?,
            },
            "binding.revoke" => Method::BindingRevoke {
                mn_id: params.mn_id()?,
            },
            "binding.revoke_all" => Method::BindingRevokeAll {
                mag: params.read::<Mag>()?.mag,
            },
            "path.list" => Method::PathList(params.page()?),
            "path.show" => Method::PathShow(params.pair()?),
            "path.trace" => Method::PathTrace(params.pair()?),
            "path.request" => Method::PathRequest(params.pair()?),
            "path.remove" => Method::PathRemove(params.pair()?),
            "peer.list" => Method::PeerList(params.page()?),
            "stats" => Method::Stats {
                filter: params.read::<Filter>()?.filter,
            },
            "latency" => params.nothing(Method::Latency)?,
            "config.show" => params.nothing(Method::ConfigShow)?,
            "config.reload" => params.nothing(Method::ConfigReload)?,
            "log.level" => Method::LogLevel {
                filter: params.read::<Filter>()?.filter,
            },
            "events.subscribe" => {
                return Ok(Self::Subscribe(params.events()?));
            }
            _ => {
                let message = shortened(format!("there is no method {method:?}"));
                let code = RpcError::METHOD_NOT_FOUND;
                return Err(RpcError::new(code, "method-not-found", message));
            }
        }))
    }
}

struct Params(Option<Value>);

impl Params {
    fn read<T: DeserializeOwned>(self) -> Result<T, RpcError> {
        let object = match self.0 {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(object @ Value::Object(_)) => object,
            Some(_) => {
                let reason = "\"params\" is an object: parameters are given by name";
                return Err(RpcError::invalid_params("", reason));
            }
        };
        serde_path_to_error::deserialize(object).map_err(|error| {
            let reason = error.inner().to_string();
            let key = key_of(&error.path().to_string(), &reason);
            RpcError::invalid_params(&key, reason)
        })
    }

    fn nothing(self, method: Method) -> Result<Method, RpcError> {
        self.read::<Nothing>().map(|_| method)
    }

    fn mn_id(self) -> Result<String, RpcError> {
        self.read::<OfMobileNode>().map(|params| params.mn_id.0)
    }

    fn pair(self) -> Result<Pair, RpcError> {
        self.read::<Ends>().map(|ends| Pair {
            source: ends.source.0,
            destination: ends.destination.0,
        })
    }

    /// A name that no event has would be waited for in vain.
    fn events(self) -> Result<Option<BTreeSet<String>>, RpcError> {
        let events = self.read::<Subscription>()?.events;
        let mut names = events.iter().flatten();
        match names.find(|name| !EVENT_NAMES.contains(&name.as_str())) {
            Some(unknown) => {
                let known = EVENT_NAMES.join(", ");
                let reason = format!("{unknown:?} is no event; there are {known}");
                Err(RpcError::invalid_params("events", shortened(reason)))
            }
            None => Ok(events),
        }
    }

    fn page(self) -> Result<Page, RpcError> {
        let page = self.read::<Page>()?;
        if !(1..=MAX_PAGE_ENTRIES).contains(&page.limit) {
            let reason = format!("{} is not from 1 to {MAX_PAGE_ENTRIES}", page.limit);
            return Err(RpcError::invalid_params("limit", reason));
        }
        Ok(page)
    }
}
