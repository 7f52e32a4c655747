//! The loop itself: stop, injected packets, ports that take nothing, threads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;
use crate::event::Inject;
use crate::worker::QueueError;

#[test]
fn injected_frames_leave_as_they_are() {
    let mut node = Node::new(&config(Role::Mag));
    let frame = to_router(TRANSPORT, &V6::udp(OWN, LMA).bytes());
    for n in 0..40 {
        let mut frame = frame.clone();
        frame.push(n);
        let mbuf = VecBuffer::new(&frame);
        let port = TRANSPORT;
        node.handle.inject(Inject { mbuf, port }).expect("room");
    }
    node.step();
    node.step();
    for n in 0..40 {
        let sent = node.wires[&TRANSPORT].sent().expect("every frame");
        assert_eq!(sent.data().last(), Some(&n), "in order");
    }
    let (mbuf, port) = (VecBuffer::new(&frame), 9);
    node.handle.inject(Inject { mbuf, port }).expect("room");
    node.step();
    assert_eq!(node.counter("drop.no-such-port"), 1);
    assert_eq!(node.counter("inject.packets"), 41);
}

#[test]
fn what_a_port_does_not_take_is_counted() {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        tunnel(0, LMA),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
    ]);
    node.wires[&TRANSPORT].refused.store(3, Relaxed);
    let frame = from_mn(1, &V6::udp(MN1, CN).bytes());
    for _ in 0..10 {
        node.wires[&ACCESS].arrive(VecBuffer::new(&frame));
    }
    node.step();
    assert_eq!(node.counter("forwarded.packets"), 10);
    assert_eq!(node.counter("tx.packets"), 7);
    assert_eq!(node.counter("drop.tx-full"), 3);
}

#[test]
fn runs_on_its_thread_until_told_to_stop() {
    let config = config(Role::Mag);
    let (mut worker, mut handle) = wire_up_on::<Memory>(&config).expect("valid");
    let wire = Wire::default();
    worker
        .add_queue(ACCESS, wire.clone(), wire.clone())
        .expect("a port");
    let again = worker.add_queue(ACCESS, wire.clone(), wire.clone());
    assert_eq!(again, Err(QueueError::Twice(ACCESS)));
    let unknown = worker.add_queue(9, wire.clone(), wire.clone());
    assert_eq!(unknown, Err(QueueError::UnknownPort(9)));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| worker.run(&stop));
        wire.arrive(VecBuffer::new(&ethernet(
            [0xff; 6],
            mn_mac(1),
            0x0806,
            &[0; 28],
        )));
        let update = Update::Fence;
        handle.push(Numbered { number: 1, update }).expect("room");
        let punt = loop {
            if let Some(punt) = handle.poll_punt() {
                break punt;
            }
            std::thread::yield_now();
        };
        assert_eq!(punt.reason, PuntReason::Neighbour);
        while handle.applied() < 1 {
            std::thread::yield_now();
        }
        stop.store(true, Relaxed);
    });
    let (busy, _) = handle.stats().cycles();
    assert!(busy > 0);
    assert!(handle.stats().bursts().quantile(0.5).is_some());
}

#[test]
fn configurations_out_of_bounds_are_refused() {
    use crate::config::ConfigError;
    let with = |change: fn(&mut WorkerConfig)| {
        let mut config = config(Role::Mag);
        change(&mut config);
        config.validate()
    };
    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(
        with(|config| config.ports.clear()),
        Err(ConfigError::NoPorts)
    );
    let twice = with(|config| config.ports[1].port = 0);
    assert_eq!(twice, Err(ConfigError::PortTwice(0)));
    let far = with(|config| config.ports[1].port = 32);
    assert_eq!(far, Err(ConfigError::PortOutOfRange(32)));
    let none = with(|config| config.homes = 0);
    assert!(matches!(
        none,
        Err(ConfigError::OutOfRange { key: "homes", .. })
    ));
    let wide = with(|config| config.burst_packets = 65);
    assert!(matches!(
        wide,
        Err(ConfigError::OutOfRange { value: 65, .. })
    ));
}
