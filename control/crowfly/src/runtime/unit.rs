//! `configs/systemd/crowfly@.service` says what this program does: its command line, paths, statuses and times.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::ending::MAX_SHUTDOWN;
use super::{CommandLine, EXIT_START, EXIT_USAGE};
use crate::config::Config;

const UNIT: &str = include_str!("../../../../configs/systemd/crowfly@.service");
const MAG: &str = include_str!("../../../../configs/mag.json");

/// The one value of a key, for an instance that no machine has.
fn value(key: &str) -> String {
    let lines = UNIT.lines().filter(|line| !line.starts_with('#'));
    let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().expect(key).replace("%i", "unit-test");
    assert_eq!(values.next(), None, "{key} stands once");
    value
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn start() -> CommandLine {
    let line = value("ExecStart")
        .replace("$EAL", "-l 2-4 -a 0000:03:00.0")
        .replace("$MORE", "--record /var/lib/crowfly/unit-test.record");
    CommandLine::parse(words(&line)).expect("right usage")
}

#[test]
fn the_command_line_is_right_with_and_without_an_environment_file() {
    let line = start();
    let eal = "/usr/bin/crowfly --file-prefix crowfly-unit-test -l 2-4 -a 0000:03:00.0";
    assert_eq!(line.eal, words(eal));
    let config = Path::new("/etc/crowfly/unit-test.json");
    assert_eq!(line.options.config, config);
    assert_eq!(Path::new(&value("AssertPathExists")), config);
    let bare = value("ExecStart").replace("$EAL", "").replace("$MORE", "");
    let bare = CommandLine::parse(words(&bare)).expect("right usage");
    assert_eq!(bare.options.config, config);
    assert!(
        value("EnvironmentFile").starts_with('-'),
        "there may be none"
    );
}

#[test]
fn its_files_are_in_directories_that_systemd_makes() {
    let runtime = Path::new("/run").join(value("RuntimeDirectory"));
    assert_eq!(start().options.control_socket.parent(), Some(&*runtime));
    assert_eq!(value("RuntimeDirectoryPreserve"), "yes", "nodes share it");
    let state = Path::new("/var/lib").join(value("StateDirectory"));
    let config = Config::parse(MAG, Path::new("mag.json")).expect("a right one");
    assert_eq!(config.state_dir, state, "the default");
}

#[test]
fn a_reload_asks_the_socket_that_the_node_serves() {
    let reload = words(&value("ExecReload")).into_iter().map(OsString::from);
    let (mut out, mut complaints) = (Vec::new(), Vec::new());
    // The words are right: what is missing is the node.
    crate::ctl::run(reload, &mut out, &mut complaints);
    let complaints = String::from_utf8(complaints).expect("text");
    let socket = start().options.control_socket;
    let expected = format!("crowflyctl: {}: ", socket.display());
    assert!(complaints.starts_with(&expected), "{complaints}");
}

#[test]
fn a_failed_start_is_tried_again_and_a_wrong_configuration_is_not() {
    assert_eq!(value("Restart"), "on-failure");
    let prevented = words(&value("RestartPreventExitStatus"));
    assert_eq!(prevented, [EXIT_USAGE.to_string()]);
    assert!(!prevented.contains(&EXIT_START.to_string()));
    // A check before ExecStart would end with the same status, and be tried again: systemd looks at the main process.
    assert!(!UNIT.contains("\nExecStartPre="));
    let stop: u64 = value("TimeoutStopSec").parse().expect("seconds");
    assert!(Duration::from_secs(stop) >= 2 * MAX_SHUTDOWN);
}
