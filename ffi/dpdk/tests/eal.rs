//! EAL starts once, says in one sentence why it did not, and ends only when nothing uses it.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{args, eal, pool, port, try_eal};
use dpdk::{CleanupError, Eal, EalError, LaunchError, ports, tsc, tsc_hz};

#[test]
fn arguments_behind_the_dashes_are_the_callers() {
    let mut arguments = args(&["-l", "0"]);
    let own = arguments.len();
    arguments.extend(["--".to_owned(), "--config".to_owned()]);
    let (_eal, used) = Eal::init(&arguments).expect("EAL starts");
    assert_eq!(used, own + 1, "the dashes are EAL's");
}

#[test]
fn a_second_start_is_refused() {
    let eal = eal(&[]);
    assert_eq!(try_eal(&[]).err(), Some(EalError::AlreadyInitialised));
    eal.cleanup().expect("nothing uses it");
    assert_eq!(try_eal(&[]).err(), Some(EalError::AlreadyInitialised));
}

#[test]
fn an_unknown_device_is_refused_with_its_name() {
    let error = try_eal(&["--vdev=net_crow0"]).expect_err("no driver takes it");
    assert!(matches!(error, EalError::Device { .. }), "{error:?}");
    assert!(error.to_string().contains("net_crow0"), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn a_device_that_its_driver_refuses_is_named_with_the_reason() {
    let eal = eal(&["--vdev=net_pcap0,rx_pcap=/no/such.pcap", "--vdev=net_null0"]);
    let [failed] = eal.failed_devices() else {
        panic!("one of the two: {:?}", eal.failed_devices());
    };
    assert_eq!(failed.device, "net_pcap0");
    assert!(failed.reason.contains("/no/such.pcap"), "{failed:?}");
    assert_eq!(ports().len(), 1);
}

#[test]
fn an_unknown_option_is_refused_with_its_name() {
    let error = try_eal(&["--as-the-crow-flies"]).expect_err("there is no such option");
    assert!(matches!(error, EalError::BadArgument { .. }), "{error:?}");
    assert!(error.to_string().contains("as-the-crow-flies"), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn a_bad_value_is_refused() {
    let error = try_eal(&["-l", "0-"]).expect_err("not a list of cores");
    assert!(matches!(error, EalError::BadArgument { .. }), "{error:?}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn a_nul_in_an_argument_is_refused() {
    let error = Eal::init(&["test".to_owned(), "a\0b".to_owned()]).err();
    assert_eq!(error, Some(EalError::UnusableArgument { index: 1 }));
}

#[test]
fn a_worker_runs_what_it_is_given_and_one_thing_at_a_time() {
    let eal = eal(&["--lcores", "0@0,3@0"]);
    let [worker] = eal.worker_lcores()[..] else {
        panic!("one worker lcore: {:?}", eal.worker_lcores());
    };
    assert_eq!((eal.main_lcore().id(), worker.id()), (0, 3));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let seen = Arc::new(AtomicU32::new(u32::MAX));
    let there = seen.clone();
    let running = eal.launch(
        worker,
        Box::new(move || {
            wait.recv().expect("the test says when");
            there.store(
                dpdk::lcore_id().map_or(99, dpdk::Lcore::id),
                Ordering::Relaxed,
            );
        }),
    );
    let running = running.expect("the lcore is free");
    assert!(!running.is_finished());
    let second = eal.launch(worker, Box::new(|| ())).err();
    assert_eq!(second, Some(LaunchError::Busy { lcore: 3 }));
    let main = eal.launch(eal.main_lcore(), Box::new(|| ())).err();
    assert_eq!(main, Some(LaunchError::NotAWorker { lcore: 0 }));
    go.send(()).expect("it waits");
    running.wait().expect("it does not panic");
    assert_eq!(seen.load(Ordering::Relaxed), 3);
    let panicking = eal.launch(worker, Box::new(|| panic!("on purpose")));
    let payload = panicking
        .expect("free again")
        .wait()
        .expect_err("it panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"on purpose"));
    eal.cleanup().expect("nothing uses it");
}

#[test]
fn cleanup_waits_for_workers_to_be_done() {
    let eal = eal(&["--lcores", "0@0,1@0"]);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let running = eal
        .launch(
            eal.worker_lcores()[0],
            Box::new(move || assert!(wait.recv().is_err())),
        )
        .expect("it runs");
    assert_eq!(eal.cleanup(), Err(CleanupError::LcoresRunning { count: 1 }));
    drop(go);
    running.wait().expect("it does not panic");
}

#[test]
fn cleanup_is_refused_while_a_packet_exists() {
    let eal = eal(&[]);
    let pool = pool(15);
    let packet = pool.alloc().expect("a packet");
    drop(pool);
    let expected = CleanupError::MbufsHeld {
        pool: "test".to_owned(),
        count: 1,
    };
    assert_eq!(eal.cleanup(), Err(expected));
    assert_eq!(packet.len(), 0, "its memory is still there");
}

#[test]
fn cleanup_is_refused_while_a_queue_exists() {
    let eal = eal(&["--vdev=net_null0"]);
    let pool = pool(255);
    let (port, rx, tx) = port(0, &pool);
    drop((pool, port, tx));
    let error = eal.cleanup();
    assert!(
        matches!(error, Err(CleanupError::MempoolHeld { .. })),
        "{error:?}"
    );
    assert_eq!(rx.port(), 0);
    assert_eq!(ports().len(), 1, "the device is still open");
}

#[test]
fn cleanup_succeeds_when_all_is_given_back() {
    let eal = eal(&["--vdev=net_null0"]);
    let pool = pool(255);
    drop(port(0, &pool));
    drop(pool);
    assert_eq!(ports(), [], "the last queue closed the device");
    eal.cleanup().expect("nothing uses it");
    assert_eq!(ports(), []);
}

#[test]
fn the_clock_runs() {
    let _eal = eal(&[]);
    assert!(tsc_hz() > 1_000_000, "{}", tsc_hz());
    let before = tsc();
    std::hint::black_box((0..1000).sum::<u64>());
    assert!(tsc() > before);
}

#[test]
fn the_version_needs_no_eal() {
    assert!(dpdk::version().starts_with("DPDK "), "{}", dpdk::version());
}
