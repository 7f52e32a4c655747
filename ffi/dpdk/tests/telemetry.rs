//! Commands of ours on DPDK's telemetry socket, asked as `dpdk-telemetry.py` asks.

mod common;

use std::io::{Read, Write};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use common::try_eal;
use dpdk::{Eal, TelemetryCommand, TelemetryError, TelemetryReply};

const PATIENCE: Duration = Duration::from_secs(20);
const MOST_OCTETS: usize = 16 * 1024;

/// A client of the telemetry socket: one request, one reply, each in one piece.
struct Client(UnixStream);

impl Client {
    /// Connects, and reads how DPDK introduces itself.
    fn connect(path: &Path) -> Self {
        // SAFETY: takes three numbers and answers a descriptor or -1.
        let fd = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0) };
        assert!(fd >= 0);
        // SAFETY: a fresh descriptor that nobody else has.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all zero is a valid address, of no family and an empty path.
        let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        let path = path.as_os_str().as_bytes();
        assert!(path.len() < address.sun_path.len());
        for (to, from) in address.sun_path.iter_mut().zip(path) {
            *to = from.cast_signed();
        }
        let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        // SAFETY: the address is a `sockaddr_un`, whose length is passed.
        let connected =
            unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) };
        assert_eq!(connected, 0, "{}", std::io::Error::last_os_error());
        let stream = UnixStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let mut client = Self(stream);
        assert!(client.receive().contains("max_output_len"));
        client
    }

    fn receive(&mut self) -> String {
        let mut reply = vec![0; MOST_OCTETS];
        let length = self.0.read(&mut reply).expect("a reply");
        reply.truncate(length);
        String::from_utf8(reply).expect("text")
    }

    fn ask(&mut self, request: &[u8]) -> String {
        self.0.write_all(request).expect("somebody listens");
        self.receive()
    }
}

fn command(
    name: &str,
    answer: impl Fn(Option<&str>) -> Option<TelemetryReply> + Send + Sync + 'static,
) -> TelemetryCommand {
    TelemetryCommand {
        name: name.to_owned(),
        help: format!("Help for {name}"),
        answer: Box::new(answer),
    }
}

/// EAL with its telemetry, and where the socket is.
fn eal() -> (Eal, PathBuf) {
    let prefix = format!("cf-test-{}", std::process::id());
    let words = [
        "-m",
        "64",
        "--no-huge",
        "--no-shconf",
        "--no-pci",
        "-l",
        "0",
    ];
    let arguments = ["test"].into_iter().chain(words);
    let mut arguments: Vec<String> = arguments.map(str::to_owned).collect();
    arguments.push(format!("--file-prefix={prefix}"));
    let (eal, _) = Eal::init(&arguments).expect("EAL starts");
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").map_or("/var/run".into(), PathBuf::from);
    let folder = runtime.join("dpdk").join(prefix);
    (eal, folder.join("dpdk_telemetry.v2"))
}

/// Every kind of value, and the parameters as they came.
fn kinds(parameters: Option<&str>) -> Option<TelemetryReply> {
    let mut reply = TelemetryReply::new();
    reply.number("number", u64::MAX).ok()?;
    reply.text("text", "a \"quoted\" \\ é\n").ok()?;
    reply.numbers("numbers", &[1, 2]).ok()?;
    reply.numbers("none", &[]).ok()?;
    reply.texts("texts", ["a \"b\"", ""]).ok()?;
    reply.text("parameters", parameters.unwrap_or("-")).ok()?;
    Some(reply)
}

/// As large as it gets: what DPDK leaves out without a word must not be in a reply.
fn largest(_: Option<&str>) -> Option<TelemetryReply> {
    let mut reply = TelemetryReply::new();
    let mut at = 0;
    while reply.number(&format!("{at:0>52}"), at).is_ok() {
        at += 1;
    }
    Some(reply)
}

#[test]
fn commands_answer_refuse_and_panic_without_harm() {
    let (eal, path) = eal();
    eal.register_telemetry(vec![
        command("/test/kinds", kinds),
        command("/test/largest", largest),
        command("/test/refusal", |_| None),
        command("/test/panic", |_| panic!("on purpose")),
    ])
    .expect("registered");
    let mut client = Client::connect(&path);
    let list = client.ask(b"/");
    for name in ["\"/test/kinds\"", "\"/test/panic\"", "\"/info\""] {
        assert!(list.contains(name), "{list}");
    }
    let help = client.ask(b"/help,/test/kinds");
    assert_eq!(help, r#"{"/help":{"/test/kinds":"Help for /test/kinds"}}"#);
    let text = r#""number":18446744073709551615,"text":"a \"quoted\" \\ ??""#;
    let lists = r#""numbers":[1,2],"none":[],"texts":["a \"b\"",""]"#;
    for (request, parameters) in [("/test/kinds", "-"), ("/test/kinds,a,b", "a,b")] {
        let expected =
            format!("{{\"/test/kinds\":{{{text},{lists},\"parameters\":\"{parameters}\"}}}}");
        assert_eq!(client.ask(request.as_bytes()), expected);
    }
    for _ in 0..2 {
        assert_eq!(client.ask(b"/test/refusal"), r#"{"/test/refusal":null}"#);
        assert_eq!(client.ask(b"/test/panic"), r#"{"/test/panic":null}"#);
    }
    assert_eq!(client.ask(b"/test/kinds,\xff"), r#"{"/test/kinds":null}"#);
    let reply = client.ask(b"/test/largest");
    assert_eq!(reply.matches(':').count() - 1, 256, "{reply}");
    assert!(reply.ends_with(":255}}"), "{reply}");
}

#[test]
fn a_reply_of_long_names_arrives_whole_or_is_refused() {
    let (eal, path) = eal();
    let answer = |_: Option<&str>| {
        let mut reply = TelemetryReply::new();
        let mut at: u64 = 0;
        while reply
            .numbers(&format!("{at:0>127}"), &[u64::MAX; 5])
            .is_ok()
        {
            at += 1;
        }
        reply.number("last", at).ok()?;
        Some(reply)
    };
    let name = format!("/{}", "n".repeat(54));
    eal.register_telemetry(vec![command(&name, answer)])
        .expect("registered");
    let reply = Client::connect(&path).ask(name.as_bytes());
    let lists = reply.matches('[').count();
    assert!(lists > 50 && reply.len() > 15_000, "{} octets", reply.len());
    assert!(reply.ends_with(&format!("\"last\":{lists}}}}}")), "{reply}");
}

#[test]
fn several_clients_at_once_outlive_eal() {
    let (eal, path) = eal();
    eal.register_telemetry(vec![command("/test/kinds", kinds)])
        .expect("registered");
    let mut early = Client::connect(&path);
    // Without parameters: DPDK may mix those up.
    let ask = |path: PathBuf| {
        move || {
            let mut client = Client::connect(&path);
            (0..200).all(|_| client.ask(b"/test/kinds").ends_with("\"-\"}}"))
        }
    };
    let clients: Vec<_> = (0..4).map(|_| thread::spawn(ask(path.clone()))).collect();
    let all = clients
        .into_iter()
        .all(|client| client.join().expect("no panic"));
    assert!(all, "every reply is whole");
    eal.cleanup().expect("a command holds nothing of EAL's");
    assert!(early.ask(b"/test/kinds").contains("numbers"));
}

#[test]
fn unusable_commands_are_refused_before_any_is_registered() {
    let eal = try_eal(&[]).expect("EAL starts");
    let long = format!("/{}", "a".repeat(55));
    for bad in ["", "status", "/a,b", "/ä", "/a\0", &long] {
        let commands = vec![command("/test/kinds", kinds), command(bad, kinds)];
        let error = eal.register_telemetry(commands).expect_err(bad);
        assert!(
            matches!(&error, TelemetryError::Unusable { name, .. } if name == bad),
            "{error:?}"
        );
        assert_eq!(error.to_string().lines().count(), 1);
    }
    let mut unhelpful = command("/test/kinds", kinds);
    unhelpful.help = "a".repeat(128);
    assert!(eal.register_telemetry(vec![unhelpful]).is_err());
    // With --no-telemetry it works as well, and nobody can ask.
    eal.register_telemetry(vec![command(&long[..55], kinds)])
        .expect("none was registered before");
    let again = eal.register_telemetry(vec![command("/test/kinds", kinds)]);
    assert_eq!(again, Err(TelemetryError::AlreadyRegistered));
}
