//! `version`, `status`, `log.level`: the node itself.

use std::net::IpAddr;

use super::{Answered, json};
use crate::config::Protection;
use crate::program::WorkerPort;
use crate::runtime::control::Control;
use crate::runtime::wiring;
use crate::socket::{RpcError, answer};

impl Control {
    pub(super) fn version(&self) -> answer::Version {
        answer::Version {
            name: "crowfly".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dpdk: dpdk::version(),
            role: self.config.role.to_string(),
            node_id: self.config.node_id.clone(),
        }
    }

    pub(in crate::runtime) fn status(&self) -> answer::Status {
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
                    addresses: config.addresses.clone(),
                }
            })
            .collect();
        statuses.sort_by_key(|status| status.number);
        statuses
    }

    pub(in crate::runtime) fn worker_statuses(&self) -> Vec<answer::WorkerStatus> {
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

    pub(super) fn log_level(&mut self, filter: Option<&str>) -> Answered {
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
