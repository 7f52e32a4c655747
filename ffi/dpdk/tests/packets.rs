//! Pools, packets and bursts: every packet goes back where it came from.

mod common;

use common::{eal, pool};
use dpdk::{Burst, HEADROOM_BYTES, Mempool, MempoolError};

const POOL: u32 = 31;

#[test]
fn an_exhausted_pool_gives_none_and_recovers() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let held = std::iter::from_fn(|| pool.alloc()).collect::<Vec<_>>();
    assert_eq!(held.len(), POOL as usize);
    assert_eq!((pool.available(), pool.in_use()), (0, POOL));
    assert!(pool.alloc_copy(b"x").is_none());
    let mut burst = Burst::<8>::new();
    assert!(!pool.alloc_bulk(&mut burst, 1));
    drop(held);
    assert_eq!((pool.available(), pool.in_use()), (POOL, 0));
    assert!(pool.alloc_bulk(&mut burst, 8));
    assert!(!pool.alloc_bulk(&mut burst, 1), "no room in the burst");
    assert_eq!(pool.in_use(), 8);
}

#[test]
fn a_packet_grows_and_shrinks_within_its_buffer() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut packet = pool.alloc_copy(b"payload").expect("a packet");
    assert_eq!(packet.headroom(), usize::from(HEADROOM_BYTES));
    assert_eq!(packet.headroom() + packet.len() + packet.tailroom(), 2176);
    packet.prepend(3).expect("room").copy_from_slice(b"by ");
    packet.append(4).expect("room").copy_from_slice(b" end");
    assert_eq!(packet.data(), b"by payload end");
    packet.data_mut()[0] = b'B';
    assert!(packet.adj(3) && packet.trim(4));
    assert_eq!((packet.data(), packet.len()), (&b"payload"[..], 7));
    assert!(!packet.adj(8) && !packet.trim(8), "more than there is");
    let (front, back) = (packet.headroom(), packet.tailroom());
    assert!(packet.prepend(front + 1).is_none() && packet.append(back + 1).is_none());
    assert_eq!(packet.data(), b"payload", "a refusal changes nothing");
    assert_eq!(packet.prepend(front).map(|room| room.len()), Some(front));
    assert_eq!(packet.append(back).map(|room| room.len()), Some(back));
    assert_eq!(packet.len(), 2176);
    assert!(packet.adj(2176) && packet.is_empty());
    assert_eq!((packet.segments(), packet.port()), (1, u16::MAX));
    packet.prefetch();
    packet.prefetch_data();
}

#[test]
fn octets_that_do_not_fit_are_no_packet() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let room = 2176 - usize::from(HEADROOM_BYTES);
    assert!(pool.alloc_copy(&vec![0; room + 1]).is_none());
    assert_eq!(pool.in_use(), 0);
    assert_eq!(
        pool.alloc_copy(&vec![7; room]).map(|packet| packet.len()),
        Some(room)
    );
}

#[test]
fn a_packet_may_die_in_a_thread_that_eal_does_not_know() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let packet = pool.alloc().expect("a packet");
    let there = std::thread::spawn(move || {
        drop(packet);
        dpdk::lcore_id()
    });
    assert_eq!(there.join().expect("it does not panic"), None);
    assert_eq!(pool.in_use(), 0);
}

/// A burst of packets that hold their numbers.
fn numbered<const N: usize>(pool: &Mempool, numbers: std::ops::Range<u8>) -> Burst<N> {
    let mut burst = Burst::new();
    for number in numbers {
        let packet = pool.alloc_copy(&[number]).expect("a packet");
        burst.push(packet).expect("room");
    }
    burst
}

fn numbers<const N: usize>(burst: &Burst<N>) -> Vec<u8> {
    burst.iter().map(|packet| packet.data()[0]).collect()
}

#[test]
fn a_burst_keeps_order_and_owns_its_packets() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut burst = numbered::<4>(&pool, 0..4);
    assert!(burst.is_full());
    let refused = burst.push(pool.alloc().expect("a packet"));
    drop(refused.expect_err("no room"));
    assert_eq!(burst.swap_remove(1).map(|packet| packet.data()[0]), Some(1));
    assert_eq!(numbers(&burst), [0, 3, 2]);
    assert!(burst.swap_remove(3).is_none());
    assert_eq!(burst.pop().map(|packet| packet.data()[0]), Some(2));
    assert_eq!(pool.in_use(), 2);
    assert_eq!(burst.clear(), 2);
    assert!(burst.pop().is_none() && burst.is_empty());
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_dropped_burst_gives_every_packet_back() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    drop(numbered::<16>(&pool, 0..11));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_drained_burst_is_split_and_the_rest_is_given_back() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut burst = numbered::<16>(&pool, 0..10);
    let (mut odd, mut even) = (Burst::<16>::new(), Burst::<16>::new());
    for packet in burst.drain().take(7) {
        let side = if packet.data()[0] % 2 == 1 {
            &mut odd
        } else {
            &mut even
        };
        side.push(packet).expect("room");
    }
    assert!(burst.is_empty());
    assert_eq!(
        (numbers(&odd), numbers(&even)),
        (vec![1, 3, 5], vec![0, 2, 4, 6])
    );
    assert_eq!(pool.in_use(), 7, "three were freed with the drain");
}

#[test]
fn moving_between_bursts_stops_where_room_ends() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut from = numbered::<8>(&pool, 0..6);
    let mut to = numbered::<4>(&pool, 20..22);
    assert_eq!(from.move_to(&mut to), 2);
    assert_eq!(numbers(&to), [20, 21, 0, 1]);
    assert_eq!(numbers(&from), [2, 3, 4, 5]);
    assert_eq!(from.move_to(&mut to), 0);
    drop((from, to));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn pools_that_cannot_be_are_refused() {
    let _eal = eal(&[]);
    let _first = pool(POOL);
    let taken = Mempool::new("test", 31, 0, 2176, None).err();
    assert_eq!(
        taken,
        Some(MempoolError::NameTaken {
            name: "test".to_owned()
        })
    );
    let name = "a-name-that-is-much-too-long-for-dpdk";
    assert!(matches!(
        Mempool::new(name, 31, 0, 2176, None),
        Err(MempoolError::BadName { .. })
    ));
    assert!(matches!(
        Mempool::new("c", 31, 32, 2176, None),
        Err(MempoolError::BadCache { .. })
    ));
    assert!(matches!(
        Mempool::new("d", 31, 0, 100, None),
        Err(MempoolError::BadDataRoom { .. })
    ));
    let huge = Mempool::new("e", 1 << 24, 0, 2176, None);
    assert!(
        matches!(huge, Err(MempoolError::NoMemory { .. })),
        "{huge:?}"
    );
}

#[test]
fn a_pool_without_eal_is_refused() {
    assert_eq!(
        Mempool::new("test", 31, 0, 2176, None).err(),
        Some(MempoolError::NoEal)
    );
}
