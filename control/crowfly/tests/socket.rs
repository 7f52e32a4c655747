//! The control socket against clients that behave and clients that do not.

mod common;

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use common::{Client, Folder, Node, Reaction, echo, request};
use crowfly::socket::{BindError, Limits, MAX_LINE_BYTES, Method, Server};
use mio::Poll;
use proptest::prelude::*;
use serde_json::{Value, json};

const VERSION: &str = r#"{"jsonrpc":"2.0","id":"v","method":"version"}"#;

fn bind(folder: &Folder) -> Result<Server, BindError> {
    let poll = Poll::new().unwrap();
    Server::bind(&folder.socket(), Limits::default(), poll.registry(), 0)
}

fn answers(client: &mut Client) -> bool {
    client.ask(VERSION)["result"] == "Version"
}

#[test]
fn the_socket_is_its_owners_and_goes_with_the_server() {
    let folder = Folder::new();
    let server = bind(&folder).unwrap();
    let mode = std::fs::metadata(folder.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
    drop(server);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn a_dead_processs_socket_is_replaced_a_live_ones_refused() {
    let folder = Folder::new();
    drop(UnixListener::bind(folder.socket()).unwrap());
    assert!(
        folder.socket().exists(),
        "the dead one's file is still there"
    );
    let first = bind(&folder).unwrap();
    let second = bind(&folder).unwrap_err();
    assert!(matches!(second, BindError::InUse(_)), "{second}");
    assert!(
        second
            .to_string()
            .contains("another process serves this socket")
    );
    drop(second);
    assert!(
        folder.socket().exists(),
        "the first one's socket was left alone"
    );
    drop(first);
}

#[test]
fn what_is_not_a_socket_is_left_alone() {
    let folder = Folder::new();
    std::fs::write(folder.socket(), "precious").unwrap();
    assert!(matches!(
        bind(&folder).unwrap_err(),
        BindError::NotASocket(_)
    ));
    assert_eq!(
        std::fs::read_to_string(folder.socket()).unwrap(),
        "precious"
    );
}

#[test]
fn another_servers_file_is_not_removed() {
    let folder = Folder::new();
    let first = bind(&folder).unwrap();
    std::fs::remove_file(folder.socket()).unwrap();
    let second = bind(&folder).unwrap();
    drop(first);
    assert!(folder.socket().exists());
    drop(second);
}

#[test]
fn one_missing_folder_is_made() {
    let mut folder = Folder::new();
    let outer = folder.0.clone();
    folder.0 = outer.join("run");
    drop(bind(&folder).unwrap());
    folder.0 = outer.join("a/b");
    let error = bind(&folder).unwrap_err();
    assert!(error.to_string().contains("making its folder"), "{error}");
    folder.0 = outer;
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    let all: String = (0..1000)
        .map(|id| request(id, "version", json!({})) + "\n")
        .collect();
    client.send(all);
    for id in 0..1000 {
        let answer = client.receive();
        assert_eq!(
            (&answer["id"], &answer["result"]),
            (&json!(id), &json!("Version"))
        );
    }
    assert_eq!(node.counter("control.requests"), 1000);
}

#[test]
fn a_malformed_line_gets_an_error_and_the_connection_lives() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    for (line, code) in [
        ("garbage", -32700),
        ("{\"jsonrpc\":\"2.0\",", -32700),
        ("\u{0}\u{1}\u{7f}", -32700),
        ("[]", -32600),
        (
            "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}]",
            -32600,
        ),
        ("7", -32600),
        ("{}", -32600),
        ("{\"id\":1,\"method\":\"version\"}", -32600),
        (
            "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"version\"}",
            -32600,
        ),
        ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"version\"}",
            -32600,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"x\":1}",
            -32600,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nonsense\"}",
            -32601,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"params\":[]}",
            -32602,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"params\":{\"x\":1}}",
            -32602,
        ),
    ] {
        let answer = client.ask(line);
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
        assert!(answer["error"]["message"].is_string());
    }
    client.send(b"\xff\xfe{}\n");
    assert_eq!(client.receive()["error"]["code"], -32700);
    let deep = "[".repeat(100_000);
    assert_eq!(client.ask(&deep)["error"]["code"], -32700);
    assert!(answers(&mut client));
    assert_eq!(node.counter("control.requests.rejected"), 17);
}

#[test]
fn empty_lines_and_carriage_returns_are_nothing() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    client.send(format!("\n \r\n\t\n{VERSION}\r\n"));
    assert_eq!(client.receive()["result"], "Version");
    assert_eq!(node.counter("control.requests.rejected"), 0);
}

#[test]
fn a_notification_is_carried_out_and_not_answered() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    client.send("{\"jsonrpc\":\"2.0\",\"method\":\"status\"}\n");
    client.send("{\"jsonrpc\":\"2.0\",\"method\":\"nonsense\"}\n");
    assert!(answers(&mut client), "the first answer is the third line's");
    assert_eq!(node.counter("control.requests"), 2);
}

#[test]
fn a_line_that_is_too_long_closes_its_connection_only() {
    let node = Node::start(Limits::default(), echo);
    let mut other = node.connect();
    let mut client = node.connect();
    let _ = client.stream.write_all(&vec![b'x'; 2 * MAX_LINE_BYTES]);
    let answer = client.receive();
    assert_eq!(answer["error"]["data"]["name"], "line-too-long", "{answer}");
    assert_eq!(client.receive(), Value::Null);
    assert!(answers(&mut other));
    assert_eq!(node.counter("control.drop.long-line"), 1);
}

#[test]
fn the_longest_line_allowed_is_read() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    let padding = " ".repeat(MAX_LINE_BYTES - VERSION.len());
    client.send(format!("{VERSION}{padding}\n"));
    assert_eq!(client.receive()["result"], "Version");
    let too_long = client.ask(&format!("{VERSION}{padding} "));
    assert_eq!(too_long["error"]["data"]["name"], "line-too-long");
}

#[test]
fn lines_may_come_in_pieces() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    for byte in format!("{VERSION}\n").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.receive()["result"], "Version");
    client.send(&VERSION.as_bytes()[..10]);
    let mut other = node.connect();
    assert!(
        answers(&mut other),
        "half a line of one does not hold up the other"
    );
    client.send(format!("{}\n", &VERSION[10..]));
    assert_eq!(client.receive()["result"], "Version");
}

#[test]
fn a_client_that_has_said_all_gets_its_answers() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    client.send(format!("{VERSION}\n{VERSION}\n"));
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.receive()["result"], "Version");
    assert_eq!(client.receive()["result"], "Version");
    assert_eq!(client.receive(), Value::Null);
}

#[test]
fn a_line_cut_short_is_no_request() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    client.send(VERSION);
    client.stream.shutdown(Shutdown::Write).unwrap();
    let answer = client.receive();
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("newline"),
        "{answer}"
    );
    assert_eq!(client.receive(), Value::Null);
    assert_eq!(node.counter("control.requests"), 0);
}

#[test]
fn answers_for_a_client_that_left_reach_nobody_else() {
    let keep_attach = |method: &Method| match method {
        Method::MnDetach { .. } => Reaction::Keep,
        other => echo(other),
    };
    let node = Node::start(Limits::default(), keep_attach);
    let mut first = node.connect();
    first.send(request(1, "mn.detach", json!({"mn_id": "a"})) + "\n");
    assert!(
        answers(&mut first),
        "later requests overtake one that waits"
    );
    drop(first);
    while node.counter("control.connections") > 0 {
        std::thread::yield_now();
    }
    let mut second = node.connect();
    assert!(answers(&mut second));
    node.release(json!("late"));
    assert!(
        answers(&mut second),
        "the late answer was not for this client"
    );
    assert_eq!(node.counter("control.drop.answer-unread"), 1);
}

#[test]
fn what_a_client_sent_before_it_left_is_carried_out() {
    let node = Node::start(Limits::default(), echo);
    let mut client = node.connect();
    client.send(
        (0..100)
            .map(|id| request(id, "version", json!({})) + "\n")
            .collect::<String>(),
    );
    drop(client);
    while node.counter("control.connections.accepted") == 0
        || node.counter("control.connections") > 0
    {
        std::thread::yield_now();
    }
    assert_eq!(node.counter("control.requests"), 100);
}

#[test]
fn a_slow_reader_loses_its_own_connection_and_no_event_of_others() {
    let limits = Limits {
        max_queued_output_bytes: 100_000,
        ..Limits::default()
    };
    let node = Node::start(limits, echo);
    let subscribe = request(1, "events.subscribe", json!({}));
    let mut slow = node.connect();
    let mut fast = node.connect();
    assert_eq!(slow.ask(&subscribe)["result"]["subscribed"], true);
    assert_eq!(fast.ask(&subscribe)["result"]["subscribed"], true);
    let text = "x".repeat(1000);
    for number in 0..2000 {
        node.notify(json!({"event": "alarm", "number": number, "text": text}));
        let event = fast.receive();
        assert_eq!(event["method"], "event");
        assert_eq!(event["params"]["number"], number);
    }
    assert_eq!(node.counter("control.drop.slow-reader"), 1);
    let mut seen = 0;
    while slow.receive() != Value::Null {
        seen += 1;
    }
    assert!(
        seen < 2000,
        "it got what was in flight and then the end, not all {seen}"
    );
    assert!(answers(&mut fast));
}

#[test]
fn a_client_that_asks_and_does_not_read_waits_for_itself_only() {
    let limits = Limits {
        max_queued_output_bytes: 65_536,
        ..Limits::default()
    };
    let long = "y".repeat(50_000);
    let node = Node::start(limits, move |method| match method {
        Method::Stats { .. } => Reaction::Answer(Ok(json!(long))),
        other => echo(other),
    });
    let mut greedy = node.connect();
    let mut writer = greedy.stream.try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        for id in 0..5000 {
            let line = request(id, "stats", json!({})) + "\n";
            writer.write_all(line.as_bytes()).unwrap();
        }
    });
    let mut other = node.connect();
    for _ in 0..1000 {
        assert!(answers(&mut other));
    }
    let handed_out = node.counter("control.requests") - 1000;
    assert!(
        handed_out < 100,
        "{handed_out} long answers were prepared for a client that reads none"
    );
    for id in 0..5000 {
        assert_eq!(greedy.receive()["id"], id);
    }
    asking.join().unwrap();
    assert_eq!(node.counter("control.drop.slow-reader"), 0);
}

#[test]
fn requests_at_work_are_bounded() {
    let limits = Limits {
        max_pending_requests: 10,
        ..Limits::default()
    };
    let node = Node::start(limits, |method| match method {
        Method::MnDetach { .. } => Reaction::Keep,
        other => echo(other),
    });
    let mut client = node.connect();
    let all = (0..30).map(|id| request(id, "mn.detach", json!({"mn_id": "a"})) + "\n");
    client.send(all.collect::<String>());
    let mut other = node.connect();
    while node.counter("control.requests") < 10 {
        std::thread::yield_now();
    }
    assert!(answers(&mut other));
    assert_eq!(node.counter("control.requests"), 11, "ten, and the other's");
    let mut got = 0;
    while got < 30 {
        node.release(json!("done"));
        for _ in 0..10 {
            assert_eq!(client.receive()["id"], got);
            got += 1;
        }
        // The next ten have been handed out before they are released.
        while got < 30 && node.counter("control.requests") < 11 + got {
            std::thread::yield_now();
        }
    }
}

#[test]
fn one_connection_too_many_is_told_so() {
    let limits = Limits {
        max_connections: 3,
        ..Limits::default()
    };
    let node = Node::start(limits, echo);
    let mut clients: Vec<_> = (0..3).map(|_| node.connect()).collect();
    assert!(clients.iter_mut().all(answers));
    for _ in 0..200 {
        let mut surplus = node.connect();
        let answer = surplus.receive();
        assert_eq!(
            answer["error"]["data"]["name"], "too-many-connections",
            "{answer}"
        );
        assert_eq!(surplus.receive(), Value::Null);
    }
    assert!(clients.iter_mut().all(answers));
    clients.pop();
    while node.counter("control.connections") > 2 {
        std::thread::yield_now();
    }
    assert!(answers(&mut node.connect()));
    assert_eq!(node.counter("control.drop.too-many-connections"), 200);
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    let node = Node::start(Limits::default(), echo);
    for round in 0..300 {
        let mut client = node.connect();
        match round % 3 {
            0 => {}
            1 => client.send(&VERSION.as_bytes()[..20]),
            _ => assert!(answers(&mut client)),
        }
    }
    while node.counter("control.connections") > 0 {
        std::thread::yield_now();
    }
    assert!(answers(&mut node.connect()));
}

#[test]
fn subscribers_get_the_events_that_they_asked_for() {
    let node = Node::start(Limits::default(), echo);
    let mut some = node.connect();
    let answer = some.call(1, "events.subscribe", json!({"events": ["handover"]}));
    assert_eq!(answer["result"]["events"], json!(["handover"]));
    let mut none = node.connect();
    assert!(answers(&mut none));
    node.notify(json!({"event": "attach", "mn_id": "a"}));
    node.notify(json!({"event": "handover", "mn_id": "b"}));
    let event = some.receive();
    assert_eq!(
        event,
        json!({"jsonrpc": "2.0", "method": "event", "params": {"event": "handover", "mn_id": "b"}})
    );
    assert!(answers(&mut none), "no event came before the answer");
}

#[test]
fn the_node_outlives_a_client_that_neither_reads_nor_closes() {
    let node = Node::start(Limits::default(), echo);
    let stuck = UnixStream::connect(node.path()).unwrap();
    stuck.set_nonblocking(true).unwrap();
    while (&stuck).write(format!("{VERSION}\n").as_bytes()).is_ok() {}
    assert!(answers(&mut node.connect()));
    drop(node);
    drop(stuck);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever bytes come, and however they are cut, each line that is not empty has one answer at most
    /// and the next client is served.
    #[test]
    fn no_bytes_hurt(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..50),
                Just(VERSION.as_bytes().to_vec()),
                Just(b"\n".to_vec()),
                "\\{\"jsonrpc\":\"2.0\",\"id\":[0-9]{1,3},\"method\":\"[a-z]{1,4}\\.[a-z]{1,4}\",\"params\":[\\[\\{]".prop_map(String::into_bytes),
            ],
            0..40,
        )
    ) {
        let node = Node::start(Limits::default(), echo);
        let mut client = node.connect();
        for piece in &pieces {
            client.send(piece);
        }
        client.stream.shutdown(Shutdown::Write).unwrap();
        let lines = pieces.concat().split(|byte| *byte == b'\n').count();
        let mut answers_seen = 0;
        while client.receive() != Value::Null {
            answers_seen += 1;
        }
        prop_assert!(answers_seen <= lines);
        prop_assert!(answers(&mut node.connect()));
    }
}
