//! The asking end of the control socket.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::Failure;
use crate::socket::RpcError;

/// Longest line taken from a node.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// Other sockets that are named where there is none, at most.
const MAX_NAMED_SOCKETS: usize = 4;

/// A connection to a node.
#[derive(Debug)]
pub(super) struct Client {
    reader: BufReader<UnixStream>,
    timeout: Duration,
    next_id: u64,
}

impl Client {
    /// Connects.
    pub(super) fn connect(path: &Path, timeout: Duration) -> Result<Self, Failure> {
        let no_node = |reason: String| Failure::NoNode {
            path: path.to_path_buf(),
            reason,
        };
        let stream = UnixStream::connect(path).map_err(|error| no_node(why_not(path, &error)))?;
        let set = || {
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))
        };
        set().map_err(|error: Error| no_node(error.to_string()))?;
        Ok(Self {
            reader: BufReader::new(stream),
            timeout,
            next_id: 1,
        })
    }

    /// Lets [`Client::receive`] wait without end.
    pub(super) fn wait_for_ever(&mut self) -> Result<(), Failure> {
        let set = self.reader.get_ref().set_read_timeout(None);
        set.map_err(|error| Failure::HungUp(Some(error)))
    }

    /// Calls a method and waits for its result.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let sent = self
            .reader
            .get_mut()
            .write_all(format!("{request}\n").as_bytes());
        loop {
            let mut message = match self.receive() {
                // A node that refuses a connection says why and does not read.
                Err(Failure::HungUp(None)) => return Err(Failure::HungUp(sent.err())),
                other => other?,
            };
            let for_us =
                message["id"] == id || (message["id"].is_null() && !message["error"].is_null());
            if !for_us {
                continue;
            }
            if message["error"].is_null() {
                return Ok(message["result"].take());
            }
            let error = serde_json::from_value::<RpcError>(message["error"].take());
            return Err(match error {
                Ok(error) => Failure::Refused(error),
                Err(error) => Failure::Stranger(error.to_string()),
            });
        }
    }

    /// The node's next message.
    pub(super) fn receive(&mut self) -> Result<Value, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(MAX_ANSWER_BYTES);
        match limited.read_until(b'\n', &mut line) {
            Ok(_) if line.ends_with(b"\n") => serde_json::from_slice(&line)
                .ok()
                .filter(Value::is_object)
                .ok_or_else(|| Failure::Stranger("its answer is not a JSON object".to_owned())),
            Ok(_) if line.len() as u64 == MAX_ANSWER_BYTES => {
                Err(Failure::Stranger("its answer has no end".to_owned()))
            }
            Ok(_) => Err(Failure::HungUp(None)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Failure::Silent(self.timeout.as_secs()))
            }
            Err(error) => Err(Failure::HungUp(Some(error))),
        }
    }
}

/// Why nobody answers there, and what to try.
fn why_not(path: &Path, error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            let others = sockets_beside(path);
            let others = match others.as_slice() {
                [] => String::new(),
                some => format!(" ({})", some.join(", ")),
            };
            format!(
                "no such socket: no node runs here, or it has another --control-socket{others}; name it with -s"
            )
        }
        // The kernel says the same of a file that is no socket at all.
        ErrorKind::ConnectionRefused if !is_socket(path) => {
            "this is no socket: -s takes what the node has as --control-socket".to_owned()
        }
        ErrorKind::ConnectionRefused => "nobody serves this socket: the node has ended".to_owned(),
        ErrorKind::PermissionDenied => {
            "permission denied: a node answers the user that runs it, and root; \
                                        ask as one of them, with sudo for example"
                .to_owned()
        }
        _ => format!("no node can be asked here: {error}"),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// Sockets in the same folder, by name: one of them may have been meant.
fn sockets_beside(path: &Path) -> Vec<String> {
    let Some(folder) = path.parent() else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sockets = entries.map(|entry| entry.path());
    let mut sockets: Vec<_> = sockets.filter(|path| is_socket(path)).collect();
    sockets.sort();
    sockets.truncate(MAX_NAMED_SOCKETS);
    let named = sockets.iter().map(|path| path.display().to_string());
    named.collect()
}
