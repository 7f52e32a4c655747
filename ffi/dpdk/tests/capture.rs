//! `dpdk-dumpcap` captures on a process of ours. A program that linked a driver's library would be attached
//! to and never captured from, without an error: so what it caught is counted.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::{pool, port};
use dpdk::{Burst, Eal};

const PACKETS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// A hugetlbfs of our own: a capturing process maps the memory of the captured one.
struct Hugetlbfs(PathBuf);

impl Hugetlbfs {
    fn mount() -> Self {
        let folder = std::env::temp_dir().join(format!("cf-dpdk-huge-{}", std::process::id()));
        fs::create_dir(&folder).expect("a new folder");
        let mount = Command::new("mount")
            .args(["-t", "hugetlbfs", "none"])
            .arg(&folder)
            .status();
        assert!(
            mount.is_ok_and(|status| status.success()),
            "mounting needs root"
        );
        Self(folder)
    }
}

impl Drop for Hugetlbfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

/// Starts to capture when `go` exists. It is started before EAL: one does not fork afterwards.
fn dumpcap(prefix: &str, go: &Path, out: &Path) -> Child {
    let script = format!(
        "until test -e {go}; do sleep 0.1; done; \
         exec timeout 15 dpdk-dumpcap --file-prefix={prefix} -P -i net_null0 -c {PACKETS} -w {out}",
        go = go.display(),
        out = out.display(),
    );
    Command::new("sh")
        .args(["-c", &script])
        .spawn()
        .expect("a shell")
}

#[test]
#[ignore = "needs root, 64 free hugepages of 2 MB and dpdk-dumpcap"]
fn dumpcap_catches_what_a_port_receives() {
    let huge = Hugetlbfs::mount();
    let prefix = format!("cf-test-{}", std::process::id());
    let (go, out) = (huge.0.with_extension("go"), huge.0.with_extension("pcap"));
    let mut capture = dumpcap(&prefix, &go, &out);
    let arguments = [
        "test",
        "-l",
        "0",
        "-m",
        "128",
        "--no-pci",
        "--no-telemetry",
        "--vdev=net_null0",
        "--file-prefix",
        &prefix,
        "--huge-dir",
        &huge.0.display().to_string(),
    ];
    let (eal, _) = Eal::init(&arguments.map(str::to_owned)).expect("EAL starts");
    eal.enable_capture().expect("captures are possible");
    let pool = pool(1023);
    let (port, mut rx, tx) = port(0, &pool);
    fs::write(&go, "").expect("room on the disk");
    let start = Instant::now();
    let mut burst = Burst::<32>::new();
    while capture.try_wait().expect("our child").is_none() && start.elapsed() < PATIENCE {
        rx.burst(&mut burst);
        burst.clear();
        // The capturing process needs a turn, and mbufs of its own.
        std::thread::sleep(Duration::from_millis(1));
    }
    drop((port, rx, tx, pool));
    eal.cleanup().expect("nothing uses it");
    let caught = count(&fs::read(&out).unwrap_or_default());
    for file in [&go, &out] {
        let _ = fs::remove_file(file);
    }
    assert!(caught >= PACKETS, "{caught} packets caught");
}

/// Packets in a capture file.
fn count(file: &[u8]) -> usize {
    let (file_header, packet_header) = (24, 16);
    let mut rest = file.get(file_header..).unwrap_or_default();
    let mut count = 0;
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_le_bytes(length.try_into().expect("four octets"));
        rest = rest
            .get(packet_header + length as usize..)
            .unwrap_or_default();
        count += 1;
    }
    count
}
