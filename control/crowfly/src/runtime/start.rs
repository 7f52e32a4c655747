//! From a configuration to running workers: EAL, mempool, ports, lcores.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use dataplane::{QueueError, Worker, WorkerConfig, wire_up};
use dpdk::{Eal, Mempool, Port, PortConfig, PortInfo, Running, RxQueue, TxQueue};
use thiserror::Error;

use super::telemetry::Telemetry;
use super::wiring::{self, Probed};
use super::worker::WorkerLink;
use crate::config::Config;

/// Name of the one mempool.
const MEMPOOL: &str = "crowfly";

/// Why a node did not start; each is one sentence that says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// DPDK did not start.
    #[error(transparent)]
    Eal(#[from] dpdk::EalError),
    /// No packet memory.
    #[error(transparent)]
    Mempool(#[from] dpdk::MempoolError),
    /// A port refuses.
    #[error(transparent)]
    Port(#[from] dpdk::PortError),
    /// An lcore refuses.
    #[error(transparent)]
    Launch(#[from] dpdk::LaunchError),
    /// A worker cannot be made of the configuration.
    #[error("no worker can be made of this configuration: {0}")]
    Worker(#[from] dataplane::ConfigError),
    /// A worker refuses a queue.
    #[error("a worker refuses a queue: {0}")]
    Queue(#[from] QueueError),
    /// A configured port that DPDK does not have.
    #[error(
        "port \"{name}\" needs device {device}, which DPDK does not have (it has {found}): name it in -a or \
         --vdev, for example --vdev {device},iface=INTERFACE"
    )]
    NoDevice {
        /// The port's name.
        name: String,
        /// The configured device.
        device: String,
        /// What is there.
        found: String,
    },
    /// There is nothing but the main lcore.
    #[error(
        "there is no worker lcore: give EAL at least two, for example -l 0-1 or --lcores '0@0,1@0'"
    )]
    NoWorkers,
    /// The control socket cannot be made.
    #[error("control socket {0}")]
    Socket(#[from] crate::socket::BindError),
    /// The record of the engine's inputs cannot be made.
    #[error(transparent)]
    Record(#[from] crate::record::RecordError),
    /// Sequence numbers of protected signalling cannot be kept.
    #[error(transparent)]
    Store(#[from] super::protection::StoreError),
    /// The system refuses what the control thread waits with.
    #[error("the control thread cannot wait for its socket: {0}")]
    Poll(#[from] std::io::Error),
    /// The restart counter cannot be kept.
    #[error(transparent)]
    RestartCounter(#[from] super::restart::RestartCounterError),
    /// The role has no engine in this version.
    #[error("the role \"{0}\" is not in this version")]
    NoEngine(String),
}

/// What runs, in the order in which it has to end.
pub(super) struct Started {
    pub(super) workers: Vec<WorkerLink>,
    pub(super) worker_config: WorkerConfig,
    pub(super) probed: Vec<Probed>,
    pub(super) ports: Vec<Port>,
    pub(super) mempool: Mempool,
    pub(super) telemetry: Telemetry,
    pub(super) lcores: Lcores,
}

/// The workers' lcores, and DPDK.
pub(super) struct Lcores {
    stop: Arc<AtomicBool>,
    running: Vec<Running>,
    eal: Eal,
}

impl Lcores {
    /// Tells the workers to end and waits for them.
    pub(super) fn stop(&mut self) {
        self.stop.store(true, Relaxed);
        for running in self.running.drain(..) {
            let lcore = running.lcore();
            if running.wait().is_err() {
                tracing::error!(%lcore, "the worker panicked");
            }
        }
    }

    /// Ends DPDK; whatever used it has been dropped.
    pub(super) fn end(self) {
        if let Err(error) = self.eal.cleanup() {
            tracing::warn!(%error, "DPDK did not end cleanly");
        }
    }
}

/// Starts EAL, the ports and a worker on every lcore but the main one.
pub(super) fn start(config: &Config, eal_args: &[String]) -> Result<Started, StartError> {
    let (eal, _) = Eal::init(eal_args)?;
    let lcores = eal.worker_lcores();
    if lcores.is_empty() {
        return Err(StartError::NoWorkers);
    }
    let found = find_ports(config)?;
    if let Err(error) = eal.enable_capture() {
        tracing::warn!(%error, "no captures on this node");
    }
    let dataplane = &config.dataplane;
    let mempool = Mempool::new(
        MEMPOOL,
        dataplane.mempool_mbufs,
        dataplane.mempool_cache_mbufs,
        dataplane.mbuf_data_room_bytes,
        None,
    )?;
    let probed: Vec<Probed> = found
        .iter()
        .map(|info| Probed {
            number: info.id,
            mac: info.mac,
        })
        .collect();
    let worker_config = wiring::workers(config, &probed);
    let mut workers = Vec::new();
    let mut links = Vec::new();
    for lcore in &lcores {
        let (worker, handle) = wire_up(&worker_config)?;
        workers.push(worker);
        links.push(WorkerLink {
            lcore: lcore.id(),
            handle,
        });
    }
    let ports = open_ports(config, &found, &mempool, &mut workers)?;
    let telemetry = Telemetry::open(&eal);
    let stop = Arc::new(AtomicBool::new(false));
    let mut running = Vec::new();
    for (lcore, worker) in lcores.into_iter().zip(workers) {
        let stop = stop.clone();
        running.push(eal.launch(lcore, Box::new(move || worker.run(&stop)))?);
    }
    Ok(Started {
        workers: links,
        worker_config,
        probed,
        ports,
        mempool,
        telemetry,
        lcores: Lcores { stop, running, eal },
    })
}

/// DPDK's ports of the configured devices, in the configuration's order.
fn find_ports(config: &Config) -> Result<Vec<PortInfo>, StartError> {
    let mut there = dpdk::ports();
    let names: Vec<String> = there.iter().map(|info| info.device.clone()).collect();
    let mut found = Vec::new();
    for port in &config.ports {
        let Some(at) = there.iter().position(|info| info.device == port.device) else {
            return Err(StartError::NoDevice {
                name: port.name.clone(),
                device: port.device.clone(),
                found: if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                },
            });
        };
        found.push(there.swap_remove(at));
    }
    for unused in there {
        tracing::warn!(
            device = unused.device,
            "DPDK has this port, the configuration has not"
        );
    }
    Ok(found)
}

/// Configures and starts the ports, with a receive and a transmit queue for each worker.
fn open_ports(
    config: &Config,
    found: &[PortInfo],
    mempool: &Mempool,
    workers: &mut [Worker],
) -> Result<Vec<Port>, StartError> {
    // As many queues as workers; DPDK has fewer lcores than a u16 counts.
    let queues = u16::try_from(workers.len()).unwrap_or(u16::MAX);
    let mut ports = Vec::new();
    for (port, info) in config.ports.iter().zip(found) {
        let port_config = PortConfig {
            rx_queues: queues,
            tx_queues: queues,
            rx_descriptors: port.rx_descriptors,
            tx_descriptors: port.tx_descriptors,
            mtu: Some(port.mtu_bytes),
            // Neighbour discovery needs groups, and an access port a second link-layer address.
            promiscuous: true,
        };
        let (opened, rx, tx): (Port, Vec<RxQueue>, Vec<TxQueue>) =
            Port::configure(info.id, &port_config, mempool)?;
        for ((worker, rx), tx) in workers.iter_mut().zip(rx).zip(tx) {
            worker.add_queue(info.id, rx, tx)?;
        }
        ports.push(opened);
    }
    for port in &ports {
        port.start()?;
    }
    Ok(ports)
}
