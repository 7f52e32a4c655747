//! The fuzz targets over every file of their corpora.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::golden::{Golden, messages, options};
use super::packets;

/// File name to octets.
type Corpus = BTreeMap<String, Vec<u8>>;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

fn headers() -> Corpus {
    let mut goldens = messages::all();
    goldens.extend(options::all());
    goldens.push(messages::rfc5096_setup());
    let entry = |golden: Golden| (golden.name.to_owned(), golden.octets());
    goldens.into_iter().map(entry).collect()
}

fn localized_routing() -> Corpus {
    let names_ends = |name: &String| name.contains("ro-") || name.contains("localized");
    headers()
        .into_iter()
        .filter(|(name, _)| names_ends(name))
        .collect()
}

fn whole_packets() -> Corpus {
    let packets = packets::all().into_iter();
    packets
        .map(|(name, frame)| (name.to_owned(), frame))
        .collect()
}

/// Every golden is in the corpus as it is now; `CROWFLY_WRITE_CORPUS` puts it there.
fn keep_in_step(target: &str, seeds: &Corpus) {
    let folder = folder(target);
    if std::env::var_os("CROWFLY_WRITE_CORPUS").is_some() {
        fs::create_dir_all(&folder).expect("corpus folder");
        for (name, octets) in seeds {
            fs::write(folder.join(name), octets).expect("corpus file");
        }
    }
    for (name, octets) in seeds {
        let stored = fs::read(folder.join(name)).unwrap_or_default();
        assert_eq!(
            &stored, octets,
            "{target}/{name}: set CROWFLY_WRITE_CORPUS=1 and run again"
        );
    }
}

fn replay(target: &str, seeds: &Corpus, run: fn(&[u8])) {
    keep_in_step(target, seeds);
    let files = fs::read_dir(folder(target)).expect("corpus folder");
    let mut count = 0;
    for file in files {
        let path = file.expect("corpus file").path();
        let octets = fs::read(&path).expect("corpus file");
        let result = std::panic::catch_unwind(|| run(&octets));
        assert!(result.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count >= seeds.len());
}

#[test]
fn decode_holds_over_its_corpus() {
    replay("decode", &headers(), targets::decode);
}

#[test]
fn describe_holds_over_its_corpus() {
    replay("describe", &whole_packets(), targets::describe);
}

#[test]
fn endpoints_hold_over_their_corpus() {
    replay("endpoints", &localized_routing(), targets::endpoints);
}
