//! What the control socket's requests are answered with.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use pmipv6::io::{Answer, Command, Input, PathView, Refusal, Token};
use serde::Serialize;
use serde_json::Value;

use super::control::Control;
use super::latency::of_buckets;
use super::wiring;
use crate::config::{PortRole, Protection, Role};
use crate::program::WorkerPort;
use crate::socket::answer;
use crate::socket::{Method, MnAttach, Page, Pair, PortRef, Request, RequestId, RpcError};

/// A request that the engine answers later.
#[derive(Debug)]
pub(super) struct Pending {
    request: RequestId,
    what: Asked,
}

/// What was asked, for the answer to name it.
#[derive(Debug)]
enum Asked {
    Attach,
    Detach { mn_id: String },
    Revoke { mn_id: String },
    PathRequest(Pair),
    PathRemove(Pair),
}

type Answered = Result<Value, RpcError>;

impl Control {
    /// Answers a request now, or hands it to the engine.
    pub(super) fn serve(&mut self, request: Request) {
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
    pub(super) fn reply(&mut self, token: Token, result: Result<Answer, Refusal>) {
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

    fn version(&self) -> answer::Version {
        answer::Version {
            name: "crowfly".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dpdk: dpdk::version(),
            role: self.config.role.to_string(),
            node_id: self.config.node_id.clone(),
        }
    }

    fn status(&self) -> answer::Status {
        let now = self.clock.now();
        answer::Status {
            node_id: self.config.node_id.clone(),
            role: self.config.role.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_s: self.uptime().as_secs(),
            protection: match self.config.protection {
                Protection::None => "none",
                Protection::Esp => "esp",
            }
            .to_owned(),
            addresses: vec![IpAddr::V6(wiring::own_address(&self.config))],
            bindings: self.engine.bindings(now).len() as u64,
            paths: self.engine.paths(now).len() as u64,
            update_backlog: self.program.fanout().last() - self.program.fanout().applied(),
            ports: self.port_statuses(),
            workers: self.worker_statuses(),
            alarms: self.alarms.list(),
        }
    }

    fn port_statuses(&self) -> Vec<answer::PortStatus> {
        let mut statuses: Vec<_> = self
            .config
            .ports
            .iter()
            .zip(&self.ports)
            .zip(&self.probed)
            .map(|((config, port), probed)| {
                let link = port.link();
                answer::PortStatus {
                    number: probed.number,
                    name: config.name.clone(),
                    device: config.device.clone(),
                    roles: config
                        .roles
                        .iter()
                        .map(|role| format!("{role:?}").to_lowercase())
                        .collect(),
                    link: if link.up { "up" } else { "down" }.to_owned(),
                    speed_mbps: link.speed_mbps,
                    mac: pmipv6::io::MacAddr(probed.mac),
                    mtu_bytes: config.mtu_bytes,
                    addresses: config.addresses.iter().map(|own| IpNet::V6(*own)).collect(),
                }
            })
            .collect();
        statuses.sort_by_key(|status| status.number);
        statuses
    }

    fn worker_statuses(&self) -> Vec<answer::WorkerStatus> {
        let workers = self.program.fanout().workers().zip(&self.rates);
        workers
            .map(|(worker, rates)| answer::WorkerStatus {
                lcore: worker.lcore,
                rx_packets_per_s: rates.rx_packets_per_s,
                tx_packets_per_s: rates.tx_packets_per_s,
                load_percent: rates.load_percent,
                applied: worker.applied(),
                update_backlog: self.behind(worker),
            })
            .collect()
    }

    fn binding_page(&self, page: Page) -> answer::BindingPage {
        let all = self.engine.bindings(self.clock.now());
        answer::BindingPage {
            total: all.len(),
            offset: page.offset,
            bindings: page.of(&all).to_vec(),
        }
    }

    fn binding(&self, mn_id: &str) -> Answered {
        let mut all = self.engine.bindings(self.clock.now()).into_iter();
        match all.find(|binding| binding.mn_id == mn_id) {
            Some(binding) => json(binding),
            None => Err(RpcError::not_found(&format!(
                "binding of mobile node {mn_id}"
            ))),
        }
    }

    fn path_page(&self, page: Page) -> answer::PathPage {
        let all = self.engine.paths(self.clock.now());
        answer::PathPage {
            total: all.len(),
            offset: page.offset,
            paths: page
                .of(&all)
                .iter()
                .map(|path| self.path_entry(path))
                .collect(),
        }
    }

    /// A path by its ends, in either order; an end may be an address in the home.
    fn path(&self, pair: Pair) -> Answered {
        let Pair {
            source,
            destination,
        } = pair;
        let is = |path: &&PathView, a: &IpNet, b: &IpNet| {
            path.source.contains(a) && path.destination.contains(b)
        };
        let all = self.engine.paths(self.clock.now());
        let forth = all.iter().find(|path| is(path, &source, &destination));
        match forth.or_else(|| all.iter().find(|path| is(path, &destination, &source))) {
            Some(path) => json(self.path_entry(path)),
            None => Err(RpcError::not_found(&format!(
                "path from {source} to {destination}"
            ))),
        }
    }

    fn path_entry(&self, path: &PathView) -> answer::PathEntry {
        let carried = self.program.activity(path.source, path.destination);
        answer::PathEntry {
            path: path.clone(),
            packets: carried.map(|(packets, _)| packets),
            bytes: carried.map(|(_, bytes)| bytes),
        }
    }

    fn peer_page(&self, page: Page) -> answer::PeerPage {
        let all = self.engine.peers(self.clock.now());
        let entry = |peer: &pmipv6::io::PeerView| answer::PeerEntry {
            peer: peer.clone(),
            heartbeat: "off".to_owned(),
            security_association: "none".to_owned(),
        };
        answer::PeerPage {
            total: all.len(),
            offset: page.offset,
            peers: page.of(&all).iter().map(entry).collect(),
        }
    }

    fn stats(&self, filter: Option<&str>) -> answer::Stats {
        let mut counters = BTreeMap::new();
        let own = self.engine.counters().into_iter();
        let own = own
            .chain(self.net.counters())
            .chain(self.program.counters());
        let own = own.chain(self.server.counters());
        let own = own.chain([
            ("control.drop.inject", self.inject_dropped),
            ("control.requests.waiting", self.pending.len() as u64),
            ("mempool.available", self.mempool.available().into()),
            ("mempool.in-use", self.mempool.in_use().into()),
        ]);
        counters.extend(own.map(|(name, value)| (name.to_owned(), value)));
        self.worker_counters(&mut counters);
        self.port_counters(&mut counters);
        if let Some(filter) = filter {
            counters.retain(|name, _| matches(filter.as_bytes(), name.as_bytes()));
        }
        answer::Stats { counters }
    }

    /// The sum over the workers, and where there are several, each one's.
    fn worker_counters(&self, counters: &mut BTreeMap<String, u64>) {
        let each = self.rates.len() > 1;
        for worker in self.program.fanout().workers() {
            for (name, value) in worker.handle.stats().counters() {
                *counters.entry(format!("dataplane.{name}")).or_default() += value;
                if each {
                    counters.insert(format!("worker.{}.{name}", worker.lcore), value);
                }
            }
        }
    }

    fn port_counters(&self, counters: &mut BTreeMap<String, u64>) {
        for (config, port) in self.config.ports.iter().zip(&self.ports) {
            let stats = port.stats();
            let all = [
                ("rx.packets", stats.ipackets),
                ("rx.bytes", stats.ibytes),
                ("rx.missed", stats.imissed),
                ("rx.errors", stats.ierrors),
                ("rx.no-mbuf", stats.rx_nombuf),
                ("tx.packets", stats.opackets),
                ("tx.bytes", stats.obytes),
                ("tx.errors", stats.oerrors),
            ];
            counters
                .extend(all.map(|(name, value)| (format!("port.{}.{name}", config.name), value)));
        }
    }

    fn latencies(&self) -> answer::Latency {
        let mut histograms = self.latency.histograms();
        let hz = dpdk::tsc_hz().max(1);
        let workers = self.program.fanout().workers();
        let buckets = workers.flat_map(|worker| worker.handle.stats().bursts().iter());
        let ns = |cycles: u64| (u128::from(cycles) * 1_000_000_000 / u128::from(hz)) as u64;
        let burst = of_buckets(buckets.map(|(cycles, count)| (ns(cycles), count)));
        histograms.insert("worker-burst".to_owned(), burst);
        answer::Latency { histograms }
    }

    fn log_level(&mut self, filter: Option<&str>) -> Answered {
        if let Some(filter) = filter {
            let wrong = |reason| RpcError::invalid_params("filter", reason);
            self.logging.set(filter).map_err(wrong)?;
            tracing::info!(filter, "log filter");
        }
        json(answer::LogLevel {
            filter: self.logging.filter().to_owned(),
        })
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

/// `*` stands for any run of characters, `?` for any one. Linear in both: one place to come back to.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_whole_names() {
        let is = |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes());
        assert!(is("net.*", "net.rx.ignored") && is("*.drop.*", "a.drop.b") && is("a?c", "abc"));
        assert!(is("*", "") && is("a*b*c", "aXbYbZc") && is("**", "x"));
        assert!(
            !is("net", "net.rx") && !is("*.drop", "a.drop.b") && !is("a?c", "ac") && !is("", "x")
        );
    }
}
