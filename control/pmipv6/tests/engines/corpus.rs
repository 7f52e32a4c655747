//! The fuzz target of the engines over its corpus, and over octets of no meaning.

#[path = "../../fuzz/src/engines.rs"]
mod target;

use std::fs;
use std::path::{Path, PathBuf};

use pmipv6::sim::Rng;

/// Runs over made-up octets in an ordinary test.
const RUNS: u64 = 300;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/engines")
}

/// Operations of the target, by their octets.
const SETTLE: u8 = 6;
const LOSE: u8 = 5;
const ATTACH: u8 = 9;
const DETACH: u8 = 11;
const SECONDS: u8 = 14;
const TALK: u8 = 16;
const ACTIVITY: u8 = 18;
const REQUEST: u8 = 20;
const ACK: u8 = 21;

/// Runs worth keeping, by name: flavour of the domain, then operations.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    // MN1 of LMA1 at MAG1, MN2 of LMA2 at MAG2, and they talk.
    let path = [
        [ATTACH, 0, 0, 0, SETTLE].as_slice(),
        &[ATTACH, 1, 1, 0, SETTLE],
        &[TALK, 0, 0, 1, SETTLE],
    ]
    .concat();
    let after = |flavour: u8, more: &[u8]| [&[flavour], path.as_slice(), more].concat();
    let handover = [ATTACH, 1, 0, 2, SETTLE, DETACH, 0, 0, SETTLE];
    let refresh = [
        ACTIVITY, 2, 0, 1, 9, SETTLE, SECONDS, 20, ACTIVITY, 2, 0, 1, 20, SETTLE,
    ];
    vec![
        ("two-lmas-set-up", after(0, &[])),
        ("two-lmas-dual-stack", after(1, &[])),
        ("two-lmas-several-hnps", after(2, &[])),
        ("two-lmas-handover", after(0, &handover)),
        ("two-lmas-refresh", after(0, &refresh)),
        (
            "trigger-lost",
            after(0, &[ATTACH, 1, 0, 2, LOSE, 0, SECONDS, 3, SETTLE]),
        ),
        (
            "init-made-up",
            after(
                0,
                &[
                    REQUEST, 3, 1, 1, 7, 0, 3, 0, 1, 2, 1, SETTLE, SECONDS, 30, SETTLE,
                ],
            ),
        ),
        (
            "setup-ack-made-up",
            after(0, &[DETACH, 0, 0, ACK, 0, 0, 0, 0, 4, SETTLE, SECONDS, 60]),
        ),
    ]
}

#[test]
fn engines_hold_over_their_corpus() {
    let seeds = seeds();
    if std::env::var_os("CROWFLY_WRITE_CORPUS").is_some() {
        fs::create_dir_all(folder()).expect("corpus folder");
        for (name, octets) in &seeds {
            fs::write(folder().join(name), octets).expect("corpus file");
        }
    }
    let mut count = 0;
    for file in fs::read_dir(folder()).expect("corpus folder") {
        let path = file.expect("corpus file").path();
        let octets = fs::read(&path).expect("corpus file");
        let result = std::panic::catch_unwind(|| target::engines(&octets));
        assert!(result.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count >= seeds.len());
}

/// `CROWFLY_FUZZ_RUNS=N` runs that many.
#[test]
fn engines_hold_over_octets_of_no_meaning() {
    let runs = std::env::var("CROWFLY_FUZZ_RUNS").ok();
    let runs = runs.and_then(|n| n.parse().ok()).unwrap_or(RUNS);
    for run in 0..runs {
        let mut rng = Rng::new(run);
        let length = rng.range(16, 2_000);
        let octets: Vec<u8> = (0..length).map(|_| rng.next_u64() as u8).collect();
        let result = std::panic::catch_unwind(|| target::engines(&octets));
        assert!(result.is_ok(), "run {run}");
    }
}
