//! EAL for one test. EAL starts once in a process, so every test that calls this needs a process of its own:
//! `cargo nextest run -p dpdk`. Under plain `cargo test` all but the first fail with "already initialised".
#![allow(dead_code, reason = "each file of tests uses what it needs")]

use dpdk::{Eal, EalError, Mempool, Port, PortConfig, RxQueue, TxQueue};

/// What EAL keeps for a process, below its runtime directory.
const RUNTIME: &str = "/var/run/dpdk";

/// EAL leaves an empty directory for every file prefix: removes those of tests that are over.
fn sweep() {
    for entry in std::fs::read_dir(RUNTIME).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(process) = name.strip_prefix("cf-test-")
            && !std::path::Path::new("/proc").join(process).exists()
        {
            // Another test may have been quicker.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Arguments for EAL without hugepages, devices or files that another process would see.
pub(crate) fn args(more: &[&str]) -> Vec<String> {
    sweep();
    let prefix = format!("--file-prefix=cf-test-{}", std::process::id());
    let fixed = [
        "test",
        "--no-huge",
        "-m",
        "64",
        "--no-shconf",
        "--no-telemetry",
        "--no-pci",
    ];
    fixed
        .into_iter()
        .chain([prefix.as_str()])
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// Starts EAL on lcore 0 unless `more` says otherwise.
pub(crate) fn try_eal(more: &[&str]) -> Result<Eal, EalError> {
    let mut arguments = args(more);
    if !more.contains(&"-l") && !more.contains(&"--lcores") {
        arguments.extend(["-l".to_owned(), "0".to_owned()]);
    }
    Eal::init(&arguments).map(|(eal, used)| {
        assert_eq!(used, arguments.len(), "EAL used every argument");
        eal
    })
}

pub(crate) fn eal(more: &[&str]) -> Eal {
    try_eal(more).expect("EAL starts")
}

pub(crate) fn pool(mbufs: u32) -> Mempool {
    Mempool::new("test", mbufs, 0, 2176, None).expect("a pool")
}

pub(crate) fn config() -> PortConfig {
    PortConfig {
        rx_queues: 1,
        tx_queues: 1,
        rx_descriptors: 64,
        tx_descriptors: 64,
        mtu: None,
        promiscuous: false,
    }
}

/// A started port with one queue each way.
pub(crate) fn port(id: u16, pool: &Mempool) -> (Port, RxQueue, TxQueue) {
    let (port, mut rx, mut tx) = Port::configure(id, &config(), pool).expect("a port");
    port.start().expect("it starts");
    (port, rx.remove(0), tx.remove(0))
}
