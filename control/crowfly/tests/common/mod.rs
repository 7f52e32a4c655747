//! A node that is nothing but its control socket: a real `Server` on a thread of its own, with canned
//! answers.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crowfly::socket::{Limits, Method, Request, RequestId, RpcError, Server};
use mio::{Events, Poll, Token};
use serde_json::{Value, json};

/// First token of the server; lower ones would be the control thread's own.
const FIRST_TOKEN: usize = 7;

/// Longest that a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the canned node does with a request.
pub(crate) enum Reaction {
    /// Answers at once.
    Answer(Result<Value, RpcError>),
    /// Keeps the request until [`Node::release`].
    Keep,
}

enum Order {
    Notify(Value),
    Release(Value),
    Counters(Sender<Vec<(&'static str, u64)>>),
}

/// A folder of this test's own, removed with what is in it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("crowfly-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The canned node.
pub(crate) struct Node {
    pub(crate) folder: Folder,
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    pub(crate) fn start(
        limits: Limits,
        react: impl FnMut(&Method) -> Reaction + Send + 'static,
    ) -> Self {
        let folder = Folder::new();
        let poll = Poll::new().unwrap();
        let server = Server::bind(&folder.socket(), limits, poll.registry(), FIRST_TOKEN).unwrap();
        let (orders, received) = channel();
        let thread = std::thread::spawn(move || serve(poll, server, react, &received));
        Self {
            folder,
            orders: Some(orders),
            thread: Some(thread),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.socket()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(&self.path())
    }

    pub(crate) fn notify(&self, event: Value) {
        self.order(Order::Notify(event));
    }

    /// Answers every request that was kept.
    pub(crate) fn release(&self, answer: Value) {
        self.order(Order::Release(answer));
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        let (sender, receiver) = channel();
        self.order(Order::Counters(sender));
        let counters = receiver.recv_timeout(PATIENCE).unwrap();
        counters.iter().find(|(n, _)| *n == name).unwrap().1
    }

    fn order(&self, order: Order) {
        self.orders.as_ref().unwrap().send(order).unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.orders.take();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// The control thread's loop, as far as the socket goes.
fn serve(
    mut poll: Poll,
    mut server: Server,
    mut react: impl FnMut(&Method) -> Reaction,
    orders: &Receiver<Order>,
) {
    let mut events = Events::with_capacity(64);
    let mut requests: Vec<Request> = Vec::new();
    let mut kept: Vec<RequestId> = Vec::new();
    let mut more = false;
    loop {
        let wait = if more { 0 } else { 1 };
        poll.poll(&mut events, Some(Duration::from_millis(wait)))
            .unwrap();
        for event in &events {
            assert!(server.tokens().contains(&event.token().0));
            assert_ne!(event.token(), Token(FIRST_TOKEN - 1));
            server.ready(event, &mut requests);
        }
        for Request { id, method } in requests.drain(..) {
            match react(&method) {
                Reaction::Answer(answer) => server.answer(id, answer),
                Reaction::Keep => kept.push(id),
            }
        }
        loop {
            match orders.try_recv() {
                Ok(Order::Notify(event)) => server.notify(&event),
                Ok(Order::Release(answer)) => {
                    for id in kept.drain(..) {
                        server.answer(id, Ok(answer.clone()));
                    }
                }
                Ok(Order::Counters(reply)) => {
                    let _ = reply.send(server.counters().to_vec());
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        more = server.turn(&mut requests) || !requests.is_empty();
    }
}

/// A client that can misbehave.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Client {
    pub(crate) fn new(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// The next object; null when the node has hung up.
    pub(crate) fn receive(&mut self) -> Value {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => Value::Null,
            Ok(_) => serde_json::from_str(&line).unwrap(),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Value::Null,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.send(format!("{line}\n"));
        self.receive()
    }

    pub(crate) fn call(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.ask(&request(id, method, params))
    }
}

pub(crate) fn request(id: u64, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// Answers everything with its own name.
pub(crate) fn echo(method: &Method) -> Reaction {
    Reaction::Answer(Ok(json!(format!("{method:?}"))))
}
