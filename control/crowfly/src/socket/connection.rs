//! One client: what it has sent, what it has been sent, and how far it may go.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};

use mio::net::UnixStream;
use serde_json::{Value, json};

use super::line::LineSplitter;
use super::method::{Call, Method};
use super::rpc::{self, Parsed, Rejected, RpcError};
use super::{MAX_LINE_BYTES, server::Limits};

/// Bytes read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Lines that one connection is served in one turn.
const MAX_LINES_PER_TURN: usize = 64;

/// Chunks that one connection is read in one turn.
const MAX_CHUNKS_PER_TURN: usize = 16;

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: UnixStream,
    /// Tells this client from an earlier one in the same slot.
    pub(super) generation: u64,
    lines: LineSplitter,
    output: Vec<u8>,
    /// How much of `output` has been written.
    written: usize,
    /// Requests handed out and not answered.
    pending: usize,
    /// A request with a long answer is among them.
    long_pending: bool,
    subscription: Subscription,
    /// The socket may have bytes that were not read.
    readable: bool,
    /// The client sends no more.
    read_closed: bool,
    /// The client does not read any more: it has gone.
    gone: bool,
    /// Nothing more is read; closed once the output has gone.
    closing: bool,
    /// Why the node closes it, where it does.
    pub(super) fault: Option<Fault>,
}

#[derive(Debug)]
enum Subscription {
    None,
    All,
    Only(BTreeSet<String>),
}

/// Why the node closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A line longer than allowed.
    LongLine,
    /// More output queued than allowed.
    SlowReader,
}

/// What a connection gave in one turn.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Requests, in order: what identifies each to the client, and what it wants.
    pub(super) requests: Vec<(Option<Value>, Method)>,
    /// Lines that were no request.
    pub(super) rejected: u64,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, generation: u64) -> Self {
        Self {
            stream,
            generation,
            lines: LineSplitter::new(MAX_LINE_BYTES),
            output: Vec::new(),
            written: 0,
            pending: 0,
            long_pending: false,
            subscription: Subscription::None,
            readable: true,
            read_closed: false,
            gone: false,
            closing: false,
            fault: None,
        }
    }

    /// Takes note of what the poll said.
    pub(super) fn note(&mut self, readable: bool, gone: bool) {
        self.readable |= readable || gone;
        self.gone |= gone;
        if gone {
            self.forget_output();
        }
    }

    /// Octets waiting to be written.
    pub(super) fn queued_bytes(&self) -> usize {
        self.output.len() - self.written
    }

    /// Whether nothing is left to do for this client.
    pub(super) fn is_done(&self) -> bool {
        let quiet = self.queued_bytes() == 0;
        let finished = self.read_closed
            && self.pending == 0
            && matches!(self.subscription, Subscription::None);
        self.fault == Some(Fault::SlowReader)
            || (self.gone && self.read_closed)
            || (quiet && (self.closing || finished))
    }

    /// Whether [`Connection::take`] would find something to do without the poll saying so.
    pub(super) fn has_more(&self, limits: &Limits) -> bool {
        let input = self.readable || self.lines.rest().contains(&b'\n');
        input && !self.is_held(limits)
    }

    /// Whether the client has to wait until it has its answers.
    fn is_held(&self, limits: &Limits) -> bool {
        self.closing
            || self.long_pending
            || self.pending >= limits.max_pending_requests
            || self.queued_bytes() > limits.max_queued_output_bytes / 2
    }

    /// Reads and parses what is there, within the bounds of one turn.
    pub(super) fn take(&mut self, limits: &Limits) -> Taken {
        let mut taken = Taken::default();
        let mut chunks = 0;
        for _ in 0..MAX_LINES_PER_TURN {
            if self.is_held(limits) {
                break;
            }
            let parsed = loop {
                match self.lines.next_line() {
                    Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                    Ok(Some(line)) => break Some(rpc::parse(line)),
                    Ok(None) if self.readable && chunks < MAX_CHUNKS_PER_TURN => {
                        chunks += 1;
                        self.read_chunk();
                    }
                    Ok(None) => break None,
                    Err(error) => {
                        taken.rejected += 1;
                        let error = RpcError::limit("line-too-long", error.to_string());
                        self.fault = Some(Fault::LongLine);
                        self.finish_with(error);
                        break None;
                    }
                }
            };
            match parsed {
                Some(Ok(parsed)) => self.hand_out(parsed, &mut taken),
                Some(Err(rejected)) => {
                    taken.rejected += 1;
                    self.reject(rejected);
                }
                None => break,
            }
        }
        self.end_of_input(&mut taken);
        taken
    }

    fn hand_out(&mut self, Parsed { id, call }: Parsed, taken: &mut Taken) {
        match call {
            Call::Method(method) => {
                self.pending += 1;
                self.long_pending = method.has_long_answer();
                taken.requests.push((id, method));
            }
            Call::Subscribe(events) => {
                let answer = json!({ "subscribed": events.is_none(), "events": events });
                self.subscription = match events {
                    Some(events) => Subscription::Only(events),
                    None => Subscription::All,
                };
                if let Some(id) = id {
                    self.queue(&rpc::answer_line(id, Ok(answer)));
                }
            }
        }
    }

    fn reject(&mut self, Rejected { id, error }: Rejected) {
        if let Some(id) = id {
            self.queue(&rpc::answer_line(id, Err(error)));
        }
    }

    /// Says why and closes once that is written.
    fn finish_with(&mut self, error: RpcError) {
        self.queue(&rpc::answer_line(Value::Null, Err(error)));
        self.closing = true;
    }

    /// A client that has closed its side in the middle of a line gets told so: a request cut short is not
    /// a request.
    fn end_of_input(&mut self, taken: &mut Taken) {
        let rest = self.lines.rest();
        let cut_short = self.read_closed
            && !self.closing
            && !rest.contains(&b'\n')
            && !rest.trim_ascii().is_empty();
        if cut_short {
            taken.rejected += 1;
            let message = "the last line does not end with a newline";
            self.finish_with(RpcError::new(RpcError::PARSE_ERROR, "parse-error", message));
        }
    }

    fn read_chunk(&mut self) {
        let mut chunk = [0; CHUNK_BYTES];
        match self.stream.read(&mut chunk) {
            Ok(0) => {
                self.readable = false;
                self.read_closed = true;
            }
            Ok(length) => self.lines.push(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(_) => {
                self.readable = false;
                self.read_closed = true;
                self.gone = true;
            }
        }
    }

    /// Queues the answer to a request that was handed out; `id` is none for a notification.
    pub(super) fn answer(
        &mut self,
        id: Option<Value>,
        long: bool,
        answer: Result<Value, RpcError>,
    ) {
        self.pending = self.pending.saturating_sub(1);
        if long {
            self.long_pending = false;
        }
        if let Some(id) = id {
            self.queue(&rpc::answer_line(id, answer));
        }
    }

    /// Queues an event if the client wants it. False where that was one too many and the client, which
    /// does not read, has lost the connection.
    pub(super) fn notify(&mut self, name: &str, line: &[u8], limits: &Limits) -> bool {
        let wanted = match &self.subscription {
            Subscription::None => false,
            Subscription::All => true,
            Subscription::Only(names) => names.contains(name),
        };
        if !wanted || self.closing {
            return true;
        }
        if self.queued_bytes() + line.len() > limits.max_queued_output_bytes {
            self.write();
        }
        if self.queued_bytes() + line.len() > limits.max_queued_output_bytes {
            self.fault = Some(Fault::SlowReader);
            self.forget_output();
            return false;
        }
        self.queue(line);
        true
    }

    fn queue(&mut self, line: &[u8]) {
        if !self.gone {
            self.output.extend_from_slice(line);
        }
    }

    fn forget_output(&mut self) {
        self.output = Vec::new();
        self.written = 0;
    }

    /// Writes what the client takes.
    pub(super) fn write(&mut self) {
        while self.queued_bytes() > 0 {
            match self.stream.write(&self.output[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.gone = true;
                    self.readable = true;
                    self.forget_output();
                }
            }
        }
        if self.queued_bytes() == 0 {
            self.output.clear();
            self.written = 0;
        } else if self.written > self.output.len() / 2 {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }
}
