//! Fragments become packets again, and nothing stays behind.

mod common;

use common::{eal, pool};
use dpdk::{CleanupError, Mempool, Reassembly};

const POOL: u32 = 255;
const TIMEOUT: u64 = 1000;
const ETHERNET: usize = 14;

/// An IPv6 fragment of a packet whose octets count up.
fn ipv6(id: u8, from: usize, octets: usize, more: bool) -> Vec<u8> {
    let mut frame = vec![0xee; ETHERNET];
    frame.extend([0x60, 0, 0, 0]);
    frame.extend((8 + octets as u16).to_be_bytes());
    frame.extend([44, 64]);
    frame.extend([1; 32]);
    frame.extend([59, 0]);
    frame.extend((from as u16 | u16::from(more)).to_be_bytes());
    frame.extend([0, 0, 0, id]);
    frame.extend((from..from + octets).map(|at| at as u8));
    frame
}

/// The same of IPv4; what its checksum was does not matter.
fn ipv4(id: u8, from: usize, octets: usize, more: bool) -> Vec<u8> {
    let mut frame = vec![0xee; ETHERNET];
    frame.extend([0x45, 0]);
    frame.extend((20 + octets as u16).to_be_bytes());
    frame.extend([0, id]);
    let flag = if more { 0x2000 } else { 0 };
    frame.extend(((from as u16 / 8) | flag).to_be_bytes());
    frame.extend([64, 253, 0, 0]);
    frame.extend([2; 8]);
    frame.extend((from..from + octets).map(|at| at as u8));
    frame
}

type Made = fn(u8, usize, usize, bool) -> Vec<u8>;

fn counting(octets: usize) -> Vec<u8> {
    (0..octets).map(|at| at as u8).collect()
}

fn give(table: &mut Reassembly, pool: &Mempool, frame: &[u8], now: u64) -> (Option<Vec<u8>>, u32) {
    let fragment = pool.alloc_copy(frame).expect("a packet");
    let mut done = table.take(fragment, ETHERNET, now).expect("a fragment");
    let whole = done.whole.as_mut().map(|whole| {
        assert!(whole.linearize());
        assert_eq!((whole.segments(), whole.data().len()), (1, whole.len()));
        whole.data().to_vec()
    });
    (whole, done.given_up)
}

#[test]
fn fragments_in_any_order_become_the_packet() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut table = Reassembly::new(16, TIMEOUT).expect("a table");
    for (make, headers) in [(ipv6 as Made, 40), (ipv4 as Made, 20)] {
        let parts = [(0, 64, true), (64, 64, true), (128, 41, false)];
        for (id, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0]].into_iter().enumerate() {
            let mut whole = None;
            for (n, at) in order.into_iter().enumerate() {
                assert!(whole.is_none(), "not before the last fragment");
                assert_eq!(table.held(), n as u32);
                let (from, octets, more) = parts[at];
                let frame = make(id as u8, from, octets, more);
                let done = give(&mut table, &pool, &frame, 0);
                assert_eq!(done.1, 0);
                whole = done.0;
            }
            let whole = whole.expect("the packet");
            assert_eq!(whole[ETHERNET + headers..], counting(169));
            let ip = &whole[ETHERNET..];
            if headers == 40 {
                assert_eq!((ip[4..6].to_vec(), ip[6]), (vec![0, 169], 59));
            } else {
                assert_eq!(
                    (ip[2..4].to_vec(), ip[6..8].to_vec()),
                    (vec![0, 189], vec![0, 0])
                );
                let sum: u32 = ip[..20]
                    .chunks(2)
                    .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
                    .sum();
                assert_eq!(
                    (sum & 0xffff) + (sum >> 16),
                    0xffff,
                    "the checksum is right"
                );
            }
            assert_eq!((table.held(), pool.in_use()), (0, 0));
        }
    }
}

#[test]
fn overlaps_and_duplicates_end_the_packet() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut table = Reassembly::new(16, TIMEOUT).expect("a table");
    for make in [ipv6 as Made, ipv4 as Made] {
        // Sums up to the packet's length, but its middle is missing.
        let overlapping = [(0, 64, true), (32, 64, true), (128, 8, false)];
        let twice = [(0, 64, true), (0, 64, true), (64, 8, false)];
        for (id, parts) in [overlapping, twice].into_iter().enumerate() {
            for (from, octets, more) in parts {
                let frame = make(id as u8, from, octets, more);
                assert!(give(&mut table, &pool, &frame, 0).0.is_none());
            }
        }
    }
    table.expire(TIMEOUT * 2);
    assert_eq!((table.held(), pool.in_use()), (0, 0));
}

#[test]
fn what_never_ends_is_given_up_in_time() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut table = Reassembly::new(16, TIMEOUT).expect("a table");
    for id in 0..4 {
        give(&mut table, &pool, &ipv6(id, 0, 64, true), 10);
        give(&mut table, &pool, &ipv4(id, 64, 64, true), 10);
    }
    assert_eq!((table.held(), table.expire(10 + TIMEOUT)), (8, 0));
    assert_eq!(table.expire(12 + TIMEOUT), 8);
    assert_eq!((table.held(), pool.in_use()), (0, 0));
}

#[test]
fn a_flood_takes_no_more_than_the_table_has_room_for() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let packets = 16;
    let mut table = Reassembly::new(packets, TIMEOUT).expect("a table");
    let mut given_up = 0;
    for id in 0..=u8::MAX {
        given_up += give(&mut table, &pool, &ipv6(id, 0, 64, true), 10).1;
    }
    assert!(table.held() <= packets, "{}", table.held());
    assert_eq!(table.held() + given_up, 256);
    assert_eq!(pool.in_use(), table.held());
    // Later ones find room again once the flood has had its time.
    give(&mut table, &pool, &ipv6(1, 0, 64, true), 3 * TIMEOUT);
    let (whole, _) = give(&mut table, &pool, &ipv6(1, 64, 8, false), 3 * TIMEOUT);
    assert!(whole.is_some());
    // Endless fragments of one packet.
    let mut one = Reassembly::new(packets, TIMEOUT).expect("a table");
    for at in 1..100 {
        give(&mut one, &pool, &ipv6(1, at * 8, 8, true), 10);
        assert!(one.held() <= dpdk::MAX_FRAGMENTS);
    }
    drop(table);
    drop(one);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn what_is_no_fragment_comes_back() {
    let _eal = eal(&[]);
    let pool = pool(POOL);
    let mut table = Reassembly::new(16, TIMEOUT).expect("a table");
    let good = ipv6(1, 0, 64, true);
    let mut other_header = good.clone();
    other_header[ETHERNET + 6] = 59;
    let mut padded = good.clone();
    padded.push(0);
    for frame in [
        &good[..good.len() - 1],
        &padded,
        &other_header,
        &good[..ETHERNET],
        &ipv6(1, 0, 64, false),
        &ipv4(1, 0, 64, false),
        &ipv6(1, 8, 0, true),
    ] {
        let packet = pool.alloc_copy(frame).expect("a packet");
        let back = table.take(packet, ETHERNET, 0).expect_err("no fragment");
        assert_eq!(back.data(), frame);
    }
    assert_eq!((table.held(), pool.in_use()), (0, 0));
}

#[test]
fn eal_outlives_a_table() {
    let eal = eal(&[]);
    let table = Reassembly::new(16, TIMEOUT).expect("a table");
    let refused = eal.cleanup();
    assert!(matches!(
        refused,
        Err(CleanupError::ReassembliesHeld { count: 1 })
    ));
    drop(table);
    assert!(Reassembly::new(0, TIMEOUT).is_none());
}
