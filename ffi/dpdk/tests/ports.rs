//! Ports and queues: what is sent arrives, what is not sent stays with the sender, settings that a device
//! does not have are refused with a sentence.

mod common;

use std::fs;

use common::{config, eal, pool, port};
use dpdk::{Burst, Port, PortConfig, PortError, ports};

/// Two rings that cross: what one queue sends the same queue receives.
const RING: &str = "--vdev=net_ring0";

#[test]
fn ports_are_listed_with_what_they_have() {
    let _eal = eal(&["--vdev=net_null0,size=64", "--vdev=net_ring0"]);
    let found = ports();
    let names = found
        .iter()
        .map(|port| (port.id, &*port.device, &*port.driver));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [(0, "net_null0", "net_null"), (1, "net_ring0", "net_ring")]
    );
    assert!(
        found
            .iter()
            .all(|port| port.max_rx_queues > 0 && port.max_tx_queues > 0)
    );
    assert_ne!(found[0].mac, [0; 6]);
}

#[test]
fn what_a_ring_is_sent_it_receives_in_order() {
    let _eal = eal(&[RING]);
    let pool = pool(1023);
    let (port, mut rx, mut tx) = port(0, &pool);
    let mut burst = Burst::<32>::new();
    for number in 0..5 {
        burst
            .push(pool.alloc_copy(&[number; 60]).expect("a packet"))
            .expect("room");
    }
    assert_eq!(tx.burst(&mut burst), 5);
    assert!(burst.is_empty());
    burst
        .push(pool.alloc_copy(&[99; 60]).expect("a packet"))
        .expect("room");
    assert_eq!(rx.burst(&mut burst), 5, "behind the one that is there");
    let numbers = burst
        .iter()
        .map(|packet| packet.data()[0])
        .collect::<Vec<_>>();
    assert_eq!(numbers, [99, 0, 1, 2, 3, 4]);
    assert_eq!(rx.burst(&mut burst), 0);
    drop(burst);
    assert_eq!(pool.in_use(), 0);
    let stats = port.stats();
    assert_eq!((stats.ipackets, stats.opackets), (5, 5));
    assert!(port.link().up);
}

#[test]
fn what_does_not_fit_a_full_device_stays_in_the_burst() {
    let _eal = eal(&[RING]);
    let pool = pool(4095);
    let (_port, mut rx, mut tx) = port(0, &pool);
    let mut burst = Burst::<64>::new();
    let mut sent = 0;
    while burst.is_empty() {
        assert!(
            pool.alloc_bulk(&mut burst, 64),
            "the ring fills before the pool is empty"
        );
        sent += tx.burst(&mut burst);
    }
    let left = burst.clear();
    assert!(left > 0);
    assert_eq!(pool.in_use() as usize, sent, "the rest was freed");
    let mut received = 0;
    loop {
        let count = rx.burst(&mut burst);
        received += count;
        if count == 0 {
            break;
        }
        burst.clear();
    }
    assert_eq!((received, pool.in_use()), (sent, 0));
}

#[test]
fn queues_are_silent_before_the_start() {
    let _eal = eal(&[RING]);
    let pool = pool(255);
    let (port, mut rx, mut tx) = Port::configure(0, &config(), &pool).expect("a port");
    let mut burst = Burst::<4>::new();
    burst
        .push(pool.alloc_copy(&[1; 60]).expect("a packet"))
        .expect("room");
    assert_eq!((tx[0].burst(&mut burst), rx[0].burst(&mut burst)), (0, 0));
    assert_eq!(burst.len(), 1);
    port.start().expect("it starts");
    port.start().expect("again does nothing");
    assert_eq!(tx[0].burst(&mut burst), 1);
    assert_eq!(rx[0].burst(&mut burst), 1);
}

#[test]
fn queues_work_on_a_worker_while_control_asks_the_port() {
    let eal = eal(&["--lcores", "0@0,1@0", RING]);
    let pool = pool(1023);
    let (port, mut rx, mut tx) = port(0, &pool);
    let (send, done) = std::sync::mpsc::channel();
    let packets = pool.clone();
    let running = eal.launch(
        eal.worker_lcores()[0],
        Box::new(move || {
            let mut burst = Burst::<32>::new();
            let mut count = 0;
            for _ in 0..100 {
                assert!(packets.alloc_bulk(&mut burst, 32));
                tx.burst(&mut burst);
                count += rx.burst(&mut burst);
                burst.clear();
            }
            send.send(count).expect("the test waits");
        }),
    );
    assert!(port.link().up);
    running.expect("it runs").wait().expect("it does not panic");
    assert_eq!(done.recv(), Ok(3200));
    assert_eq!(port.stats().opackets, 3200);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_pcap_file_gets_what_was_sent() {
    let path = std::env::temp_dir().join(format!("cf-dpdk-{}.pcap", std::process::id()));
    let _eal = eal(&[&format!("--vdev=net_pcap0,tx_pcap={}", path.display())]);
    let pool = pool(255);
    let (port, rx, mut tx) = port(0, &pool);
    let mut burst = Burst::<4>::new();
    let frame = (0..60).collect::<Vec<u8>>();
    burst
        .push(pool.alloc_copy(&frame).expect("a packet"))
        .expect("room");
    assert_eq!(tx.burst(&mut burst), 1);
    drop((port, rx, tx));
    let file = fs::read(&path).expect("the driver wrote it");
    fs::remove_file(&path).expect("it is ours");
    let (header, packet) = (24, 16);
    assert_eq!(&file[header + packet..], frame, "one frame, unchanged");
}

#[test]
fn the_forwarding_rig_replays_a_file_for_ever() {
    let path = std::env::temp_dir().join(format!("cf-dpdk-rig-{}.pcap", std::process::id()));
    fs::write(&path, one_packet_pcap(&[0xab; 60])).expect("room on the disk");
    let eal = eal(&[&format!(
        "--vdev=net_pcap0,rx_pcap={},infinite_rx=1",
        path.display()
    )]);
    let pool = pool(511);
    let (port, mut rx, mut tx) = port(0, &pool);
    let mut burst = Burst::<32>::new();
    let mut total = 0;
    for _ in 0..100 {
        let received = rx.burst(&mut burst);
        assert!(burst.iter().all(|packet| packet.data() == [0xab; 60]));
        total += received;
        assert_eq!(
            tx.burst(&mut burst),
            received,
            "a device without tx_ takes and drops all"
        );
    }
    assert_eq!(total, 3200);
    drop((port, rx, tx, burst));
    assert_eq!(pool.in_use(), 0, "the driver gave back what it replayed");
    drop(pool);
    eal.cleanup().expect("nothing uses it");
    fs::remove_file(&path).expect("it is ours");
}

#[test]
fn a_port_is_configured_once_and_missing_ones_are_named() {
    let _eal = eal(&[RING]);
    let pool = pool(255);
    let first = Port::configure(0, &config(), &pool).expect("a port");
    let again = Port::configure(0, &config(), &pool).err();
    assert_eq!(again, Some(PortError::InUse { port: 0 }));
    let missing = Port::configure(7, &config(), &pool).err();
    assert_eq!(missing, Some(PortError::Missing { port: 7 }));
    drop(first);
    let closed = Port::configure(0, &config(), &pool).err();
    assert_eq!(
        closed,
        Some(PortError::Missing { port: 0 }),
        "closed for good"
    );
}

#[test]
fn more_queues_than_the_device_has_are_refused() {
    let _eal = eal(&["--vdev=net_ring0"]);
    let pool = pool(255);
    let available = ports()[0].max_rx_queues;
    let wish = PortConfig {
        rx_queues: available + 1,
        ..config()
    };
    let error = Port::configure(0, &wish, &pool).err();
    let expected = PortError::TooFewQueues {
        port: 0,
        device: "net_ring0".to_owned(),
        direction: "receive",
        available,
        asked: available + 1,
    };
    assert_eq!(error, Some(expected));
    let none = PortConfig {
        rx_queues: 0,
        tx_queues: 0,
        ..config()
    };
    assert!(matches!(
        Port::configure(0, &none, &pool),
        Err(PortError::Refused { .. })
    ));
    Port::configure(0, &config(), &pool).expect("a refusal leaves the port as it was");
}

#[test]
fn settings_that_a_driver_does_not_have_are_ignored() {
    let _eal = eal(&[RING]);
    let pool = pool(255);
    let wish = PortConfig {
        mtu: Some(1400),
        promiscuous: true,
        ..config()
    };
    let (port, _rx, _tx) = Port::configure(0, &wish, &pool).expect("a port");
    port.start().expect("it starts");
}

#[test]
fn several_queues_are_several_handles() {
    let _eal = eal(&["--vdev=net_null0"]);
    let pool = pool(1023);
    let wish = PortConfig {
        rx_queues: 2,
        tx_queues: 2,
        ..config()
    };
    let (_port, rx, tx) = Port::configure(0, &wish, &pool).expect("a port");
    assert_eq!(
        rx.iter().map(|queue| queue.index()).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(
        tx.iter().map(|queue| queue.index()).collect::<Vec<_>>(),
        [0, 1]
    );
}

/// A capture file with one Ethernet frame.
fn one_packet_pcap(frame: &[u8]) -> Vec<u8> {
    let length = (frame.len() as u32).to_le_bytes();
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(length);
    file.extend(length);
    file.extend(frame);
    file
}
