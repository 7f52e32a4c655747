//! `crowflyctl` as a process, against a node of canned answers.

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Folder, Node, Reaction};
use crowfly::socket::{Limits, Method, Page, RpcError, answer};
use pmipv6::io::Refusal;
use serde_json::{Value, json};

/// Between notifications: no faster than they are read, or the node cuts the subscriber off.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(20);

type Seen = Arc<Mutex<Vec<Method>>>;

fn crowflyctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crowflyctl"));
    command.stdin(Stdio::null());
    command
}

/// A node that answers with what `answer` says, and the methods that it was asked for.
fn node(answer: impl Fn(&Method) -> Result<Value, RpcError> + Send + 'static) -> (Node, Seen) {
    let seen = Seen::default();
    let seen_there = Arc::clone(&seen);
    let node = Node::start(Limits::default(), move |method| {
        seen_there.lock().unwrap().push(method.clone());
        Reaction::Answer(answer(method))
    });
    (node, seen)
}

struct Ran {
    status: i32,
    out: String,
    complaints: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            complaints: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn run(node: &Node, words: &[&str]) -> Ran {
    let output = crowflyctl()
        .arg("-s")
        .arg(node.path())
        .args(words)
        .output()
        .unwrap();
    output.into()
}

/// What it prints for people, where all is well.
#[track_caller]
fn prints(node: &Node, words: &[&str]) -> String {
    let ran = run(node, words);
    assert_eq!(
        (ran.status, ran.complaints.as_str()),
        (0, ""),
        "{words:?}: {}",
        ran.out
    );
    ran.out
}

/// The words of each line.
fn table(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

fn binding(number: usize) -> Value {
    json!({
        "mn_id": format!("mn{number}@example.com"), "hnps": ["2001:db8:100:1::/64", "2001:db8:100:2::/64"],
        "ipv4_hoa": null, "proxy_coa": null, "lma": "2001:db8:f::1",
        "link": {"port": 1, "vlan": null, "mac": "02:00:00:00:00:01"},
        "lifetime_s": 3599, "state": "registered",
    })
}

fn refusal() -> RpcError {
    RpcError::from(Refusal {
        status: Some(153),
        name: "NOT_LMA_FOR_THIS_MOBILE_NODE".to_owned(),
        text: "the LMA does not serve mn1@example.com".to_owned(),
    })
}

const ATTACH: [&str; 6] = [
    "mn1@example.com",
    "--port",
    "access",
    "--mac",
    "02:00:00:00:00:01",
    "--hi",
];

#[test]
fn json_is_the_nodes_answer_on_one_line() {
    let (node, _) = node(|_| Ok(json!({"name": "crowfly", "version": "1.2.3", "extra": [1, 2]})));
    for words in [["--json", "version"], ["version", "--json"]] {
        let out = prints(&node, &words);
        assert_eq!(out.lines().count(), 1);
        let answer: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            answer,
            json!({"name": "crowfly", "version": "1.2.3", "extra": [1, 2]})
        );
    }
}

#[test]
fn version_and_status_are_read_by_people() {
    let status = status();
    let (node, seen) = node(move |_| Ok(serde_json::to_value(&status).unwrap()));
    let out = prints(&node, &["status"]);
    let lines = table(&out);
    assert!(lines.contains(&vec!["role", "mag"]), "{out}");
    assert!(
        lines.contains(&vec!["addresses", "2001:db8:f::11"]),
        "{out}"
    );
    let port = [
        "0",
        "core",
        "net_af_packet0",
        "transport",
        "up",
        "02:00:00:00:00:11",
        "1500",
        "2001:db8:f::11/64",
    ];
    assert!(lines.contains(&port.to_vec()), "{out}");
    assert!(
        lines.contains(&vec!["1", "12.5", "11.0", "1.2", "42", "0"]),
        "{out}"
    );
    assert!(out.contains("not protected"), "{out}");
    assert!(
        !out.contains("MBPS"),
        "a column in which nothing stands: {out}"
    );
    assert_eq!(*seen.lock().unwrap(), [Method::Status]);
}

/// What a node answers to `status`.
fn status() -> answer::Status {
    answer::Status {
        node_id: "mag1".to_owned(),
        role: "mag".to_owned(),
        version: "0.1.0".to_owned(),
        pid: 7,
        uptime_s: 61,
        protection: "none".to_owned(),
        addresses: vec!["2001:db8:f::11".parse().unwrap()],
        bindings: 1,
        paths: 2,
        update_backlog: 3,
        ports: vec![answer::PortStatus {
            number: 0,
            name: "core".to_owned(),
            device: "net_af_packet0".to_owned(),
            roles: vec!["transport".to_owned()],
            link: "up".to_owned(),
            speed_mbps: None,
            mac: "02:00:00:00:00:11".parse().unwrap(),
            mtu_bytes: 1500,
            addresses: vec!["2001:db8:f::11/64".parse().unwrap()],
        }],
        workers: vec![answer::WorkerStatus {
            lcore: 1,
            rx_packets_per_s: 12.5,
            tx_packets_per_s: 11.0,
            load_percent: 1.25,
            applied: 42,
            update_backlog: 0,
        }],
        alarms: Vec::new(),
    }
}

#[test]
fn attach_is_spelled_in_two_ways_and_asks_the_same() {
    let (node, seen) = node(|_| Ok(binding(1)));
    let mut words = vec!["attach"];
    words.extend(ATTACH);
    words.extend([
        "between-mags",
        "--vlan",
        "7",
        "--att",
        "4",
        "--hnp",
        "2001:db8:100:1::/64",
    ]);
    words.extend(["--hnp", "2001:db8:100:2::/64", "--ipv4-hoa", "0.0.0.0"]);
    let out = prints(&node, &words);
    assert!(table(&out).contains(&vec!["state", "registered"]), "{out}");
    words.splice(0..1, ["mn", "attach"]);
    prints(&node, &words);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], seen[1]);
    let Method::MnAttach(attach) = &seen[0] else {
        panic!("{seen:?}");
    };
    let request = attach.clone().into_request(1);
    assert_eq!(
        (request.mn_id.as_str(), request.hi, request.att),
        ("mn1@example.com", 3, 4)
    );
    assert_eq!((request.link.vlan, request.hnps.len()), (Some(7), 2));
    assert!(request.ipv4_hoa.unwrap().is_unspecified());
}

#[test]
fn detach_and_the_other_commands_of_one_thing_ask_what_they_say() {
    let (node, seen) = node(|_| Ok(json!({"mn_id": "a"})));
    for words in [
        &["detach", "a"][..],
        &["mn", "detach", "a"],
        &["binding", "show", "a"],
        &["binding", "revoke", "a"],
        &["path", "show", "2001:db8::1", "2001:db8:1::/64"],
        &["path", "request", "2001:db8::1", "2001:db8:1::/64"],
        &["path", "remove", "2001:db8::1", "2001:db8:1::/64"],
        &["log-level", "debug"],
        &["log-level"],
        &["stats", "--filter", "*.drop.*"],
    ] {
        prints(&node, words);
    }
    let mn_id = || "a".to_owned();
    let pair = crowfly::socket::Pair {
        source: "2001:db8::1/128".parse().unwrap(),
        destination: "2001:db8:1::/64".parse().unwrap(),
    };
    let expected = [
        Method::MnDetach { mn_id: mn_id() },
        Method::MnDetach { mn_id: mn_id() },
        Method::BindingShow { mn_id: mn_id() },
        Method::BindingRevoke { mn_id: mn_id() },
        Method::PathShow(pair),
        Method::PathRequest(pair),
        Method::PathRemove(pair),
        Method::LogLevel {
            filter: Some("debug".to_owned()),
        },
        Method::LogLevel { filter: None },
        Method::Stats {
            filter: Some("*.drop.*".to_owned()),
        },
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_refusal_is_exit_status_1_with_status_and_name() {
    let (node, _) = node(|_| Err(refusal()));
    let mut words = vec!["attach"];
    words.extend(ATTACH);
    words.push("unknown");
    let ran = run(&node, &words);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.complaints,
        "crowflyctl: the LMA does not serve mn1@example.com (status 153, NOT_LMA_FOR_THIS_MOBILE_NODE)\n"
    );
    words.push("--json");
    let ran = run(&node, &words);
    assert_eq!(ran.status, 1);
    let error: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(error["error"]["data"]["status"], 153);
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let (node, _) = node(|_| Ok(json!({})));
    for words in [
        &[][..],
        &["nonsense"],
        &["attach", "a"],
        &["attach", "a", "--port", "x", "--mac", "zz"],
        &[
            "attach",
            "a",
            "--port",
            "x",
            "--mac",
            "02:00:00:00:00:01",
            "--vlan",
            "4095",
        ],
        &[
            "attach",
            "a",
            "--port",
            "x",
            "--mac",
            "02:00:00:00:00:01",
            "--att",
            "0",
        ],
        &["attach", "", "--port", "x", "--mac", "02:00:00:00:00:01"],
        &["path", "show", "x", "y"],
        &["raw", "nonsense"],
        &["raw", "stats", "{"],
        &["raw", "stats", "[1]"],
        &["raw", "stats", "{\"x\":1}"],
        &["bindings", "--limit", "-1"],
    ] {
        let ran = run(&node, words);
        assert_eq!(ran.status, 2, "{words:?}: {}{}", ran.out, ran.complaints);
        assert!(!ran.complaints.is_empty(), "{words:?}");
    }
}

#[test]
fn help_is_exit_status_0_and_teaches() {
    let help = |words: &[&str]| Ran::from(crowflyctl().args(words).output().unwrap());
    let ran = help(&["--help"]);
    assert_eq!((ran.status, ran.complaints.as_str()), (0, ""));
    for part in [
        "attach",
        "decode",
        "events",
        "Exit status",
        "/run/crowfly/crowfly.sock",
    ] {
        assert!(ran.out.contains(part), "{part}");
    }
    let attach = help(&["attach", "--help"]).out;
    assert!(attach.contains("between-mags"));
    let everywhere = attach.find("With every command").expect("a heading");
    assert!(attach.find("--ipv4-hoa").unwrap() < everywhere);
    assert_eq!(help(&["--version"]).status, 0);
}

#[test]
fn no_node_is_exit_status_2() {
    let folder = Folder::new();
    let ask = || {
        let path = folder.socket();
        Ran::from(
            crowflyctl()
                .arg("-s")
                .arg(path)
                .arg("status")
                .output()
                .unwrap(),
        )
    };
    let ran = ask();
    assert_eq!(ran.status, 2);
    assert!(
        ran.complaints.contains("no such socket"),
        "{}",
        ran.complaints
    );
    drop(UnixListener::bind(folder.socket()).unwrap());
    let ran = ask();
    assert_eq!(ran.status, 2);
    assert!(
        ran.complaints.contains("the node has ended"),
        "{}",
        ran.complaints
    );
}

/// What an operator gets wrong about the socket is said, in one sentence each with what to try.
#[test]
fn a_wrong_socket_says_what_to_try() {
    let folder = Folder::new();
    let complaint = |socket: &std::path::Path| {
        let command = crowflyctl().arg("-s").arg(socket).arg("status").output();
        let ran = Ran::from(command.unwrap());
        assert_eq!((ran.status, ran.out.as_str()), (2, ""));
        assert_eq!(ran.complaints.lines().count(), 1, "{}", ran.complaints);
        ran.complaints
    };
    let _other = UnixListener::bind(folder.0.join("mag1.sock")).unwrap();
    std::fs::write(folder.0.join("file"), "").unwrap();
    for (name, said) in [
        ("lma.sock", "/mag1.sock); name it with -s"),
        ("file", "this is no socket"),
        (".", "this is no socket"),
        ("file/x", "Not a directory"),
        (&"x".repeat(200), "no node can be asked here"),
    ] {
        let complaint = complaint(&folder.0.join(name));
        assert!(complaint.contains(said), "{name}: {complaint}");
        assert!(complaint.contains(name), "{name}: {complaint}");
    }
}

#[test]
fn a_node_that_hangs_up_or_is_none_is_named() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.socket()).unwrap();
    let stranger = std::thread::spawn(move || {
        for answer in ["", "HTTP/1.1 400 Bad Request\n"] {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            std::io::Write::write_all(&mut &stream, answer.as_bytes()).unwrap();
        }
    });
    let ask = || {
        let path = folder.socket();
        Ran::from(
            crowflyctl()
                .arg("-s")
                .arg(path)
                .arg("status")
                .output()
                .unwrap(),
        )
    };
    let ran = ask();
    assert_eq!(ran.status, 1);
    assert!(
        ran.complaints.contains("closed the connection"),
        "{}",
        ran.complaints
    );
    let ran = ask();
    assert_eq!(ran.status, 2);
    assert!(
        ran.complaints.contains("not a Crowfly node"),
        "{}",
        ran.complaints
    );
    stranger.join().unwrap();
}

#[test]
fn a_node_that_does_not_answer_is_exit_status_1() {
    let node = Node::start(Limits::default(), |_| Reaction::Keep);
    let ran = run(&node, &["--timeout-s", "1", "status"]);
    assert_eq!(ran.status, 1);
    assert!(ran.complaints.contains("within 1 s"), "{}", ran.complaints);
}

#[test]
fn lists_are_fetched_whole_or_in_part() {
    let all: Vec<Value> = (0..2500).map(binding).collect();
    let (node, seen) = node(move |method| match method {
        Method::BindingList(page) => Ok(json!({
            "total": all.len(), "offset": page.offset, "bindings": page.of(&all),
        })),
        other => panic!("{other:?}"),
    });
    let whole: Value = serde_json::from_str(&prints(&node, &["--json", "bindings"])).unwrap();
    assert_eq!(whole["total"], 2500);
    let bindings = whole["bindings"].as_array().unwrap();
    assert_eq!(
        (bindings.len(), &bindings[2499]["mn_id"]),
        (2500, &json!("mn2499@example.com"))
    );
    assert_eq!(seen.lock().unwrap().len(), 3, "a thousand at a time");
    let out = prints(&node, &["bindings", "--offset", "5", "--limit", "2"]);
    let lines = table(&out);
    assert_eq!(
        lines[0],
        ["MN-ID", "HNP", "LMA", "PORT", "MAC", "LIFETIME-S", "STATE"]
    );
    assert_eq!(
        lines[1][..2],
        ["mn5@example.com", "2001:db8:100:1::/64,2001:db8:100:2::/64"]
    );
    assert_eq!(lines[3].join(" "), "(2 of 2500)");
    let last = seen.lock().unwrap().last().cloned();
    assert_eq!(
        last,
        Some(Method::BindingList(Page {
            offset: 5,
            limit: 2
        }))
    );
    assert_eq!(
        prints(&node, &["binding", "list", "--offset", "9999"]),
        "no bindings\n"
    );
}

#[test]
fn paths_say_why_there_is_none() {
    let (node, _) = node(|_| {
        Ok(json!({"total": 1, "offset": 0, "paths": [{
            "source": "2001:db8:100:1::/64", "destination": "2001:db8:100:2::/64",
            "method": "localized", "controller": "2001:db8:f::1", "peer": null, "state": "none",
            "lifetime_s": 0, "why": "status 128\u{1b}[31m", "packets": null, "bytes": null,
        }]}))
    });
    let out = prints(&node, &["paths"]);
    assert!(out.contains("WHY") && out.contains("status 128"), "{out}");
    assert!(
        !out.contains('\u{1b}'),
        "nothing that a terminal obeys: {out:?}"
    );
}

#[test]
fn counters_and_latencies_are_tables() {
    let (node, _) = node(|method| match method {
        Method::Stats { .. } => Ok(
            json!({"counters": {"worker.drop.hop-limit": 3, "worker.rx": 18_446_744_073_709_551_615_u64}}),
        ),
        Method::Latency => Ok(json!({"histograms": {
            "path-setup": {"count": 2, "min": 1_500_000, "p50": 2_000_000, "p90": 0, "p99": 0, "p99_9": 0, "max": 12_000_000_000_u64},
            "signalling": {"count": 0, "min": 0, "p50": 0, "p90": 0, "p99": 0, "p99_9": 0, "max": 0},
        }})),
        other => panic!("{other:?}"),
    });
    let out = prints(&node, &["stats"]);
    assert!(
        table(&out).contains(&vec!["worker.rx", "18446744073709551615"]),
        "{out}"
    );
    let out = prints(&node, &["latency"]);
    let lines = table(&out);
    assert_eq!(
        lines[1],
        [
            "path-setup",
            "2",
            "1.5",
            "ms",
            "2.0",
            "ms",
            "0",
            "ns",
            "0",
            "ns",
            "0",
            "ns",
            "12.00",
            "s"
        ]
    );
    assert_eq!(lines[2], ["signalling", "0", "-", "-", "-", "-", "-", "-"]);
}

/// Text format 0.0.4: HELP, TYPE, and all lines of a metric, each once.
#[test]
fn metrics_are_a_page_that_prometheus_reads() {
    let (node, _) = node(|method| match method {
        Method::Status => Ok(serde_json::to_value(status()).unwrap()),
        Method::Stats { filter: None } => Ok(json!({"counters": {
            "dataplane.drop.hop-limit": 3, "mempool.in-use": 5,
            "port.core.rx.packets": 18_446_744_073_709_551_615_u64, "worker.1.rx.packets": 8
        }})),
        Method::Latency => Ok(json!({"histograms": {
            "path-setup": {"count": 2, "min": 1, "p50": 2_000_000, "p90": 0, "p99": 0, "p99_9": 0, "max": 3},
        }})),
        other => panic!("{other:?}"),
    });
    let page = prints(&node, &["metrics"]);
    let (mut current, mut seen) = (String::new(), std::collections::HashSet::new());
    for line in page.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["#", "HELP" | "TYPE", name, what, ..] = words.as_slice() {
            assert!(!what.is_empty() && name.starts_with("crowfly_"), "{line}");
            assert!(seen.insert(format!("{} {name}", words[1])), "twice: {line}");
            current = (*name).to_owned();
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(name.chars().all(plain), "{line}");
        assert!(
            name == current || name == format!("{current}_count"),
            "{line} under {current}"
        );
        assert!(seen.insert(sample.to_owned()), "twice: {line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    for line in [
        "crowfly_dataplane_drop_hop_limit 3",
        "crowfly_mempool_in_use 5",
        "crowfly_port_rx_packets{port=\"core\"} 18446744073709551615",
        "crowfly_worker_rx_packets{lcore=\"1\"} 8",
        "crowfly_latency_seconds{of=\"path-setup\",quantile=\"0.5\"} 0.002000000",
        "crowfly_latency_seconds_count{of=\"path-setup\"} 2",
        "crowfly_update_backlog 3",
        "crowfly_info{node_id=\"mag1\",role=\"mag\",version=\"0.1.0\",protection=\"none\"} 1",
        "crowfly_uptime_seconds 61",
        "crowfly_alarms 0",
        "crowfly_port_up{port=\"core\"} 1",
        "crowfly_worker_load_ratio{lcore=\"1\"} 0.0125",
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
    let all: Value = serde_json::from_str(&prints(&node, &["metrics", "--json"])).unwrap();
    assert_eq!(all["stats"]["counters"]["mempool.in-use"], 5);
    assert_eq!(all["status"]["node_id"], "mag1");
}

#[test]
fn a_reload_names_what_needs_a_restart() {
    let (node, _) = node(|_| {
        let change = |key: &str| json!({"key": key, "from": 1, "to": 2});
        Ok(json!({"applied": [change("log.filter")], "refused": [change("ports")]}))
    });
    let out = prints(&node, &["config", "reload"]);
    let lines = table(&out);
    assert_eq!(lines[1], ["log.filter", "1", "2", "applied"]);
    assert_eq!(lines[2], ["ports", "1", "2", "needs", "a", "restart"]);
}

#[test]
fn raw_and_config_show_print_json() {
    let (node, seen) = node(|_| Ok(json!({"log": {"filter": "info"}})));
    for words in [
        &["config", "show"][..],
        &["raw", "config.show"],
        &["raw", "config.show", "{}"],
    ] {
        let answer: Value = serde_json::from_str(&prints(&node, words)).unwrap();
        assert_eq!(answer, json!({"log": {"filter": "info"}}));
    }
    assert_eq!(*seen.lock().unwrap(), [const { Method::ConfigShow }; 3]);
}

#[test]
fn events_come_as_they_happen() {
    let (node, _) = node(|method| panic!("{method:?}"));
    let mut child = crowflyctl()
        .arg("-s")
        .arg(node.path())
        .args([
            "events",
            "--count",
            "2",
            "--json",
            "--only",
            "handover,path_up",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The subscription stands once the first event arrives; until then events go nowhere.
    let first = std::thread::spawn(move || (lines.next().unwrap().unwrap(), lines));
    while !first.is_finished() {
        node.notify(json!({"event": "attach", "mn_id": "a"}));
        node.notify(json!({"event": "handover", "mn_id": "a"}));
        std::thread::sleep(NOTIFY_INTERVAL);
    }
    let (line, mut lines) = first.join().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap(),
        json!({"event": "handover", "mn_id": "a"})
    );
    node.notify(json!({"event": "path_up"}));
    assert!(lines.next().is_some());
    assert!(lines.next().is_none(), "two, and no more");
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_event_is_one_line_for_people() {
    let (node, _) = node(|method| panic!("{method:?}"));
    let mut child = crowflyctl()
        .arg("-s")
        .arg(node.path())
        .args(["events", "--follow"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = std::thread::spawn(move || lines.next().unwrap().unwrap());
    while !first.is_finished() {
        node.notify(json!({"event": "path_refused", "reason": "not attached", "status": 129}));
        std::thread::sleep(NOTIFY_INTERVAL);
    }
    let line = first.join().unwrap();
    assert!(
        line.contains("Z path_refused") && line.ends_with(" reason=\"not attached\" status=129"),
        "{line}"
    );
    drop(node);
    let ended = Ran::from(child.wait_with_output().unwrap());
    assert!(
        ended.status == 1 || ended.status == 0,
        "the node has gone, or nobody read on"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (node, _) = node(|_| Ok(json!({"counters": {"a": 1}})));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = crowflyctl();
    command
        .arg("-s")
        .arg(node.path())
        .arg("stats")
        .stdout(writer);
    let ran = Ran::from(
        command
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap(),
    );
    assert_eq!((ran.status, ran.complaints.as_str()), (0, ""));
}
