//! A record replays to the same outputs, says where it was changed, and never stops a node.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pmipv6::io::{Command, Engine, Input, Now, Output, Protection, Via};
use pmipv6::{lma, mag, path};
use serde_json::json;

use super::{EngineConfig, Given, Header, Recorder, ReplayError, Step, replay};
use crate::socket::MnAttach;

const PLENTY: u64 = 1 << 20;

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("crowfly-record-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An engine whose inputs are recorded.
struct Recorded {
    engine: Box<dyn Engine>,
    recorder: Recorder,
    address: IpAddr,
    ms: u64,
}

impl Recorded {
    fn new(file: &Path, config: EngineConfig, address: IpAddr, seed: u64) -> Self {
        let header = Header::new("node", seed, config.clone());
        Self {
            engine: config.engine(seed),
            recorder: Recorder::create(file, PLENTY, &header).unwrap(),
            address,
            ms: 0,
        }
    }

    fn feed(&mut self, given: Given) -> Vec<Output> {
        self.ms += 1;
        let now = Now {
            mono: Duration::from_millis(self.ms),
            wall: Duration::from_secs(1_700_000_000) + Duration::from_millis(self.ms),
        };
        let mut outputs = Vec::new();
        given.clone().feed(self.engine.as_mut(), now, &mut outputs);
        let step = Step {
            now,
            given,
            outputs,
        };
        self.recorder.step(&step);
        step.outputs
    }

    /// Takes an input, has every update applied, and returns what is sent.
    fn take(&mut self, input: Input) -> Vec<Output> {
        let mut all = self.feed(Given::Input(input));
        let last = all.iter().rev().find_map(|output| match output {
            Output::Program { number, .. } => Some(*number),
            _ => None,
        });
        if let Some(number) = last {
            all.extend(self.feed(Given::Input(Input::Applied(number))));
        }
        all.retain(|output| matches!(output, Output::Send { .. }));
        all
    }

    /// Takes what another node sent, for as long as the two have something to say.
    fn talk(&mut self, other: &mut Self, mut sent: Vec<Output>) {
        let (mut here, mut there) = (self, other);
        while !sent.is_empty() {
            sent = sent.into_iter().flat_map(|o| there.hear(o)).collect();
            std::mem::swap(&mut here, &mut there);
        }
    }

    fn hear(&mut self, output: Output) -> Vec<Output> {
        match output {
            Output::Send {
                source,
                destination,
                message,
                ..
            } if destination == self.address => self.take(Input::Message {
                source,
                destination,
                via: Via::Ipv6,
                protection: Protection::None,
                aligned: true,
                message,
            }),
            _ => Vec::new(),
        }
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn attach(token: u64, mn_id: &str) -> Input {
    let link = json!({ "port": 0, "mac": format!("02:00:00:00:00:{token:02}") });
    let attach = json!({ "mn_id": mn_id, "link": link, "hi": 1 });
    let attach: MnAttach = serde_json::from_value(attach).unwrap();
    Input::Command {
        token,
        command: Command::Attach(attach.into_request(0)),
    }
}

/// Two MNs come to one MAG, talk, get a path, and one of them leaves.
fn story(mag_file: &Path, lma_file: &Path) {
    let (mag_at, lma_at) = (address("2001:db8:f::11"), address("2001:db8:f::1"));
    let mag_config = mag::Config {
        address: mag_at,
        lma: lma_at,
        ..mag::Config::default()
    };
    let lma_config = lma::Config {
        address: lma_at,
        hnp_pools: vec!["2001:db8:100::/48".parse().unwrap()],
        accept_unknown_mns: true,
        peers: path::Peers {
            lmas: vec![],
            mags: vec![mag_at.into()],
        },
        ..lma::Config::default()
    };
    let mut mag = Recorded::new(mag_file, EngineConfig::Mag(mag_config.into()), mag_at, 7);
    let mut lma = Recorded::new(lma_file, EngineConfig::Lma(lma_config.into()), lma_at, 8);
    for (token, mn) in [(1, "mn1@example.com"), (2, "mn2@example.com")] {
        let sent = mag.take(attach(token, mn));
        mag.talk(&mut lma, sent);
    }
    let now = Now {
        mono: Duration::from_millis(lma.ms),
        wall: Duration::ZERO,
    };
    let homes: Vec<IpAddr> = lma
        .engine
        .bindings(now)
        .iter()
        .map(|b| b.hnps[0].addr())
        .collect();
    assert_eq!(homes.len(), 2, "both are bound");
    let sent = lma.take(Input::PairTalks {
        realm: None,
        source: homes[0],
        destination: homes[1],
        packets: 3,
    });
    lma.talk(&mut mag, sent);
    assert_eq!(lma.engine.paths(now)[0].state, "active");
    let settings = path::Config {
        lifetime_s: 77,
        ..path::Config::default()
    };
    lma.feed(Given::LocalizedRouting(settings));
    let sent = mag.take(Input::Command {
        token: 3,
        command: Command::Detach {
            mn_id: "mn1@example.com".to_owned(),
        },
    });
    mag.talk(&mut lma, sent);
    mag.recorder.finish();
    lma.recorder.finish();
}

#[test]
fn a_record_replays_to_the_same_outputs() {
    let (mag, lma) = (Scratch::new("same-mag"), Scratch::new("same-lma"));
    story(&mag.0, &lma.0);
    for (file, least) in [(&mag, 8), (&lma, 8)] {
        let outcome = replay(file.text().as_bytes()).unwrap();
        assert_eq!(outcome.difference, None);
        assert!(!outcome.cut);
        assert!(outcome.steps >= least, "{outcome:?}");
        assert!(outcome.outputs > outcome.steps / 2, "{outcome:?}");
    }
}

#[test]
fn a_changed_record_says_where() {
    let (mag, lma) = (Scratch::new("changed-mag"), Scratch::new("changed-lma"));
    story(&mag.0, &lma.0);
    let text = lma.text();
    let at = text
        .lines()
        .position(|line| line.contains("path_up"))
        .unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // An output that was not so.
    lines[at] = lines[at].replace("path_up", "path_down").replace(
        "\"peer\":null,\"setup_us\"",
        "\"reason\":\"expired\",\"setup_us\"",
    );
    let outcome = replay((lines.join("\n") + "\n").as_bytes()).unwrap();
    let difference = outcome.difference.expect("it was changed");
    assert_eq!(difference.line, at as u64 + 1);
    assert_ne!(difference.recorded, difference.replayed);
    // An input that was not so: the engine answers something else.
    let other = text.replacen("\"seed\":8", "\"seed\":9", 1);
    let outcome = replay(other.as_bytes()).unwrap();
    let difference = outcome
        .difference
        .expect("RO sequence numbers start elsewhere");
    assert!(matches!(difference.recorded, Some(Output::Send { .. })));
    // An output that is missing.
    let step = text
        .lines()
        .position(|line| line.contains("path_up"))
        .unwrap();
    let mut missing: Step = serde_json::from_str(text.lines().nth(step).unwrap()).unwrap();
    missing.outputs.pop();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[step] = serde_json::to_string(&missing).unwrap();
    let difference = replay((lines.join("\n") + "\n").as_bytes())
        .unwrap()
        .difference;
    let difference = difference.expect("one is missing");
    assert_eq!(difference.recorded, None);
    assert!(difference.replayed.is_some());
}

#[test]
fn what_is_cut_replays_to_the_cut() {
    let (mag, lma) = (Scratch::new("cut-mag"), Scratch::new("cut-lma"));
    story(&mag.0, &lma.0);
    let text = lma.text();
    let outcome = replay(&text.as_bytes()[..text.len() - 5]).unwrap();
    assert!(outcome.cut && outcome.difference.is_none());
    assert_eq!(outcome.steps, text.lines().count() as u64 - 2);
}

#[test]
fn what_is_no_record_is_refused() {
    let refused = |text: &str| replay(text.as_bytes()).unwrap_err();
    assert!(matches!(refused(""), ReplayError::NoRecord(_)));
    assert!(matches!(refused("{}\n"), ReplayError::NoRecord(_)));
    assert!(matches!(refused("nonsense\n"), ReplayError::NoRecord(_)));
    assert!(matches!(
        refused("{\"crowfly_record\":9}\n"),
        ReplayError::Format(9)
    ));
    let (mag, lma) = (Scratch::new("no-mag"), Scratch::new("no-lma"));
    story(&mag.0, &lma.0);
    let text = lma.text().replacen("\"given\"", "\"taken\"", 1);
    assert!(matches!(
        refused(&text),
        ReplayError::NoStep { line: 2, .. }
    ));
}

fn small_header() -> Header {
    Header::new("node", 1, EngineConfig::Mag(mag::Config::default().into()))
}

fn timeout() -> Step {
    Step {
        now: Now {
            mono: Duration::ZERO,
            wall: Duration::ZERO,
        },
        given: Given::Input(Input::Timeout),
        outputs: vec![],
    }
}

#[test]
fn a_record_has_an_end_and_says_so() {
    let file = Scratch::new("bounded");
    let max = 4096;
    let mut recorder = Recorder::create(&file.0, max, &small_header()).unwrap();
    for _ in 0..1000 {
        recorder.step(&timeout());
    }
    assert!(recorder.ended().unwrap().contains("4096 bytes"));
    recorder.finish();
    let length = || std::fs::metadata(&file.0).unwrap().len();
    // The disk's thread writes what it was given before the end; nobody waits for it.
    while length() == 0 {
        std::thread::yield_now();
    }
    assert!(length() <= max);
    let outcome = replay(file.text().as_bytes()).unwrap();
    assert!(outcome.steps > 1 && outcome.difference.is_none());
}

#[test]
fn a_full_disk_ends_the_record_and_not_the_node() {
    let mut recorder = Recorder::create(Path::new("/dev/full"), PLENTY, &small_header()).unwrap();
    recorder.flush();
    while recorder.ended().is_none() {
        std::thread::yield_now();
    }
    assert!(recorder.ended().unwrap().contains("No space left"));
    recorder.step(&timeout());
    recorder.finish();
}

#[test]
fn a_record_is_its_owners_and_an_earlier_one_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let file = Scratch::new("kept.json");
    for _ in 0..2 {
        let recorder = Recorder::create(&file.0, PLENTY, &small_header()).unwrap();
        recorder.finish();
    }
    let mode = std::fs::metadata(&file.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let previous = PathBuf::from(format!("{}.previous", file.0.display()));
    assert_eq!(std::fs::read_to_string(&previous).unwrap(), file.text());
    std::fs::remove_file(previous).unwrap();
    let nowhere = Recorder::create(Path::new("/nowhere/record"), PLENTY, &small_header());
    assert!(nowhere.unwrap_err().to_string().contains("/nowhere/record"));
}
