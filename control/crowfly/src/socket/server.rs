//! The listener and its clients. No threads: the control thread hands in what its poll said and takes
//! requests away.

use std::io::{Error as IoError, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use serde_json::Value;
use slab::Slab;

use super::bind::{BindError, SocketFile, bind};
use super::connection::{Connection, Fault};
use super::method::Method;
use super::rpc::{self, RequestId, RpcError};

/// Connections accepted in one turn.
const MAX_ACCEPTS_PER_TURN: usize = 64;

/// How long the listener is left alone when the system has no descriptor or no memory for another connection. Those
/// that there are keep their service meanwhile; those that come wait in the kernel's queue.
const REST: Duration = Duration::from_secs(1);

/// Bounds of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub max_connections: usize,
    /// Requests of one connection at work.
    pub max_pending_requests: usize,
    /// Output queued for one connection.
    pub max_queued_output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&crate::config::Limits::default())
    }
}

impl From<&crate::config::Limits> for Limits {
    fn from(limits: &crate::config::Limits) -> Self {
        Self {
            max_connections: limits.max_connections as usize,
            max_pending_requests: limits.max_pending_requests as usize,
            max_queued_output_bytes: limits.max_queued_output_bytes as usize,
        }
    }
}

/// A request for the control thread.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// To be handed to [`Server::answer`], once.
    pub id: RequestId,
    /// What is wanted.
    pub method: Method,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: u64,
    deferred: u64,
    refused: u64,
    unwatched: u64,
    requests: u64,
    rejected: u64,
    long_lines: u64,
    slow_readers: u64,
    unread_answers: u64,
    events: u64,
}

/// The control socket.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    registry: Registry,
    first_token: usize,
    limits: Limits,
    connections: Slab<Connection>,
    next_generation: u64,
    /// The listener may have connections that were not accepted.
    acceptable: bool,
    /// Until when the listener is left alone; none while the system gives it what it needs.
    rests_until: Option<Instant>,
    counters: Counters,
    /// Last, so that the file goes after the listener.
    _file: SocketFile,
}

impl Server {
    /// Opens the socket and registers it. Uses the tokens from `first_token` on, see
    /// [`Server::tokens`].
    ///
    /// # Errors
    ///
    /// A live process has the path, or something that is not a socket, or the system refuses.
    pub fn bind(
        path: &Path,
        limits: Limits,
        registry: &Registry,
        first_token: usize,
    ) -> Result<Self, BindError> {
        let (mut listener, file) = bind(path)?;
        let failed = |source| BindError::Io {
            path: path.to_path_buf(),
            doing: "registering",
            source,
        };
        let registry = registry.try_clone().map_err(failed)?;
        registry
            .register(&mut listener, Token(first_token), Interest::READABLE)
            .map_err(failed)?;
        Ok(Self {
            listener,
            registry,
            first_token,
            limits,
            connections: Slab::new(),
            next_generation: 0,
            acceptable: false,
            rests_until: None,
            counters: Counters::default(),
            _file: file,
        })
    }

    /// The tokens that are this server's.
    #[must_use]
    pub fn tokens(&self) -> Range<usize> {
        self.first_token..self.first_token + 1 + self.limits.max_connections
    }

    /// Takes an event of one of [`Server::tokens`], others are ignored, and appends the requests that it
    /// brought.
    pub fn ready(&mut self, event: &Event, requests: &mut Vec<Request>) {
        let Some(offset) = event.token().0.checked_sub(self.first_token) else {
            return;
        };
        let Some(key) = offset.checked_sub(1) else {
            self.acceptable = true;
            return self.accept(requests);
        };
        if let Some(connection) = self.connections.get_mut(key) {
            let gone = event.is_error() || (event.is_read_closed() && event.is_write_closed());
            connection.note(event.is_readable() || event.is_read_closed(), gone);
            if event.is_writable() {
                connection.write();
            }
            self.take(key, requests);
        }
    }

    /// To be called once each turn of the control thread's loop, after the answers: writes them, takes
    /// up what was left for another turn, and closes what is done. True if there is more to be done
    /// without waiting for the poll.
    pub fn turn(&mut self, requests: &mut Vec<Request>) -> bool {
        if self.acceptable {
            self.accept(requests);
        }
        let mut more = self.acceptable && !self.rests();
        for key in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get_mut(key) else {
                continue;
            };
            connection.write();
            if connection.has_more(&self.limits) {
                self.take(key, requests);
            }
            more |= self.connections[key].has_more(&self.limits);
            if self.connections[key].is_done() {
                self.close(key);
            }
        }
        more
    }

    /// Answers a request. Nothing is written before [`Server::turn`] or [`Server::flush`].
    pub fn answer(&mut self, request: RequestId, answer: Result<Value, RpcError>) {
        let connection = self.connections.get_mut(request.connection);
        match connection.filter(|c| c.generation == request.generation) {
            Some(connection) => connection.answer(request.id, request.long_answer, answer),
            None => self.counters.unread_answers += 1,
        }
    }

    /// Tells the subscribers of an event. Its member `event` is its name for those who want some only.
    pub fn notify(&mut self, event: &Value) {
        let name = event["event"].as_str().unwrap_or_default();
        let line = rpc::event_line(event);
        self.counters.events += 1;
        for (_, connection) in &mut self.connections {
            connection.notify(name, &line, &self.limits);
        }
    }

    /// Writes what clients take now.
    pub fn flush(&mut self) {
        for (_, connection) in &mut self.connections {
            connection.write();
        }
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Every counter by dotted name.
    #[must_use]
    pub fn counters(&self) -> [(&'static str, u64); 11] {
        let count = &self.counters;
        [
            ("control.connections", self.connections.len() as u64),
            ("control.connections.accepted", count.accepted),
            ("control.connections.deferred", count.deferred),
            ("control.drop.answer-unread", count.unread_answers),
            ("control.drop.long-line", count.long_lines),
            ("control.drop.slow-reader", count.slow_readers),
            ("control.drop.too-many-connections", count.refused),
            ("control.drop.unwatched-connection", count.unwatched),
            ("control.events", count.events),
            ("control.requests", count.requests),
            ("control.requests.rejected", count.rejected),
        ]
    }

    fn accept(&mut self, requests: &mut Vec<Request>) {
        if self.rests() {
            return;
        }
        for _ in 0..MAX_ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    self.rests_until = None;
                    self.received(stream, requests);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.rests_until = None;
                    self.acceptable = false;
                    return;
                }
                Err(error) => return self.rest(&error),
            }
        }
    }

    fn received(&mut self, stream: UnixStream, requests: &mut Vec<Request>) {
        match self.admit(stream) {
            Ok(Some(key)) => self.take(key, requests),
            Ok(None) => {}
            Err(error) => {
                self.counters.unwatched += 1;
                tracing::warn!(%error, "a connection to the control socket cannot be watched");
            }
        }
    }

    /// Out of descriptors or memory, which trying again at once would not mend. Said once, until a connection is
    /// accepted again or none waits any more.
    fn rest(&mut self, error: &IoError) {
        self.counters.deferred += 1;
        if self.rests_until.is_none() {
            tracing::warn!(%error, "no connection to the control socket can be accepted; they wait");
        }
        self.rests_until = Some(Instant::now() + REST);
    }

    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Makes a connection of a stream; none if there are too many.
    fn admit(&mut self, mut stream: UnixStream) -> Result<Option<usize>, IoError> {
        if self.connections.len() >= self.limits.max_connections {
            self.counters.refused += 1;
            let most = self.limits.max_connections;
            let message = format!("there are {most} connections already, the most allowed");
            let error = RpcError::limit("too-many-connections", message);
            let mut refused = Connection::new(stream, 0);
            refused.answer(Some(Value::Null), false, Err(error));
            refused.write();
            return Ok(None);
        }
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let token = Token(self.first_token + 1 + key);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(&mut stream, token, interest)?;
        self.next_generation += 1;
        entry.insert(Connection::new(stream, self.next_generation));
        self.counters.accepted += 1;
        Ok(Some(key))
    }

    fn take(&mut self, key: usize, requests: &mut Vec<Request>) {
        let connection = &mut self.connections[key];
        let taken = connection.take(&self.limits);
        let generation = connection.generation;
        self.counters.rejected += taken.rejected;
        self.counters.requests += taken.requests.len() as u64;
        requests.extend(taken.requests.into_iter().map(|(id, method)| Request {
            id: RequestId {
                connection: key,
                generation,
                long_answer: method.has_long_answer(),
                id,
            },
            method,
        }));
    }

    fn close(&mut self, key: usize) {
        let mut connection = self.connections.remove(key);
        match connection.fault {
            Some(Fault::LongLine) => self.counters.long_lines += 1,
            Some(Fault::SlowReader) => self.counters.slow_readers += 1,
            None => {}
        }
        // The descriptor is closed next, which takes it out of the poll in any case.
        let _ = self.registry.deregister(&mut connection.stream);
    }
}

/// A connection that ended before it was accepted.
fn is_passing(error: &IoError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
