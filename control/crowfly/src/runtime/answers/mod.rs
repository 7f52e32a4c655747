//! What the control socket's requests are answered with.

mod counters;
mod node;
mod tables;

pub(super) use counters::matches;

use pmipv6::io::{Answer, Command, Input, Refusal, Token};
use serde::Serialize;
use serde_json::Value;

use super::control::Control;
use crate::config::{PortRole, Role};
use crate::socket::answer;
use crate::socket::{Method, MnAttach, Pair, PortRef, Request, RequestId, RpcError};

/// A request that the engine answers later.
#[derive(Debug)]
pub(in crate::runtime) struct Pending {
    request: RequestId,
    what: Asked,
}

/// What was asked, for the answer to name it.
#[derive(Debug)]
enum Asked {
    Attach,
    Detach { mn_id: String },
    Revoke { mn_id: String },
    RevokeAll { mag: std::net::IpAddr },
    PathRequest(Pair),
    PathRemove(Pair),
}

type Answered = Result<Value, RpcError>;

impl Control {
    /// Answers a request now, or hands it to the engine.
    pub(in crate::runtime) fn serve(&mut self, request: Request) {
        let Request { id, method } = request;
        let answered = match method {
            Method::MnAttach(attach) => return self.attach(id, attach),
            Method::MnDetach { mn_id } => {
                let what = Asked::Detach {
                    mn_id: mn_id.clone(),
                };
                return self.command(
                    id,
                    "mn.detach",
                    &[Role::Mag],
                    Command::Detach { mn_id },
                    what,
                );
            }
            Method::BindingRevoke { mn_id } => {
                let what = Asked::Revoke {
                    mn_id: mn_id.clone(),
                };
                let command = Command::Revoke { mn_id };
                return self.command(id, "binding.revoke", &[Role::Lma], command, what);
            }
            Method::BindingRevokeAll { mag } => {
                let command = Command::RevokeAll { mag };
                let what = Asked::RevokeAll { mag };
                return self.command(id, "binding.revoke_all", &[Role::Lma], command, what);
            }
            Method::PathRequest(pair) => {
                let Pair {
                    source,
                    destination,
                } = pair;
                let command = Command::PathRequest {
                    source,
                    destination,
                };
                let what = Asked::PathRequest(pair);
                return self.command(id, "path.request", &[Role::Mag, Role::Lma], command, what);
            }
            Method::PathRemove(pair) => {
                let Pair {
                    source,
                    destination,
                } = pair;
                let command = Command::PathRemove {
                    source,
                    destination,
                };
                let what = Asked::PathRemove(pair);
                return self.command(id, "path.remove", &[Role::Mag, Role::Lma], command, what);
            }
            Method::Version => json(self.version()),
            Method::Status => json(self.status()),
            Method::BindingList(page) => json(self.binding_page(page)),
            Method::BindingShow { mn_id } => self.binding(&mn_id),
            Method::PathList(page) => json(self.path_page(page)),
            Method::PathShow(pair) => self.path(pair),
            Method::PathTrace(pair) => json(self.trace_of(pair)),
            Method::PeerList(page) => json(self.peer_page(page)),
            Method::Stats { filter } => json(self.stats(filter.as_deref())),
            Method::Latency => json(self.latencies()),
            Method::ConfigShow => json(&self.config),
            Method::ConfigReload => self.reload().and_then(json),
            Method::LogLevel { filter } => self.log_level(filter.as_deref()),
        };
        self.server.answer(id, answered);
    }

    /// The engine has answered a command.
    pub(in crate::runtime) fn reply(&mut self, token: Token, result: Result<Answer, Refusal>) {
        let Some(Pending { request, what }) = self.pending.remove(&token) else {
            return;
        };
        let answered = match result {
            Err(refusal) => Err(refusal.into()),
            Ok(Answer::Attached(binding)) => json(binding),
            Ok(
                Answer::Detached | Answer::Revoked | Answer::PathRequested | Answer::PathRemoved,
            ) => done(what),
        };
        self.server.answer(request, answered);
    }

    fn attach(&mut self, id: RequestId, attach: MnAttach) {
        let port = match self.config.role {
            Role::Mag => self.access_port(&attach.link.port),
            role => Err(RpcError::not_in_this_role("mn.attach", &role.to_string())),
        };
        match port {
            Ok(port) => {
                let command = Command::Attach(attach.into_request(port));
                self.command(id, "mn.attach", &[Role::Mag], command, Asked::Attach);
            }
            Err(error) => self.server.answer(id, Err(error)),
        }
    }

    fn command(
        &mut self,
        request: RequestId,
        method: &str,
        roles: &[Role],
        command: Command,
        what: Asked,
    ) {
        if !roles.contains(&self.config.role) {
            let error = RpcError::not_in_this_role(method, &self.config.role.to_string());
            return self.server.answer(request, Err(error));
        }
        self.next_token += 1;
        let token = self.next_token;
        self.pending.insert(token, Pending { request, what });
        self.inbox.push_back(Input::Command { token, command });
        self.settle();
    }

    /// DPDK's number of an access port, named by number or by the configuration's name.
    fn access_port(&self, named: &PortRef) -> Result<u16, RpcError> {
        let at = match named {
            PortRef::Name(name) => self.config.port(name).map(|(at, _)| at),
            PortRef::Number(number) => self
                .probed
                .iter()
                .position(|probed| probed.number == *number),
        };
        let Some(at) = at else {
            let reason = format!("there is no port {named}");
            return Err(RpcError::invalid_params("link.port", reason));
        };
        if !self.config.ports[at].has(PortRole::Access) {
            let reason = format!("port {named} is not an access port");
            return Err(RpcError::invalid_params("link.port", reason));
        }
        Ok(self.probed[at].number)
    }
}

fn done(what: Asked) -> Answered {
    let path = |pair: Pair, state: &str| answer::PathCommand {
        source: pair.source,
        destination: pair.destination,
        state: state.to_owned(),
    };
    match what {
        Asked::Detach { mn_id } | Asked::Revoke { mn_id } => json(answer::Gone { mn_id }),
        Asked::RevokeAll { mag } => json(answer::RevokedAll { mag }),
        Asked::PathRequest(pair) => json(path(pair, "requested")),
        Asked::PathRemove(pair) => json(path(pair, "removed")),
        Asked::Attach => Err(RpcError::internal(
            "the engine answered something else than was asked",
        )),
    }
}

fn json(value: impl Serialize) -> Answered {
    serde_json::to_value(value).map_err(|error| RpcError::internal(error.to_string()))
}
