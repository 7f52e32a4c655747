//! JSON-RPC 2.0: requests, errors, and what goes back.

use pmipv6::io::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::method::Call;

/// Longest request identifier that is kept until the answer.
const MAX_ID_BYTES: usize = 256;

/// Most that an error repeats of what the client sent.
const MAX_ECHO_BYTES: usize = 512;

/// Which request an answer is for. Taken back by the server whole; a request that wants no answer has
/// one too.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestId {
    pub(super) connection: usize,
    pub(super) generation: u64,
    pub(super) long_answer: bool,
    /// None: a notification, which is not answered.
    pub(super) id: Option<Value>,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// JSON-RPC's number, or one of this type's constants.
    pub code: i64,
    /// One sentence for a person.
    pub message: String,
    /// For programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ErrorData>,
}

/// An error, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorData {
    /// Status of the PBA or of the RO acknowledgement where a peer refused.
    pub status: Option<u8>,
    /// The RFC's name of the status, or the node's reason in kebab-case.
    pub name: String,
    /// Which key of `params` is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl RpcError {
    /// Not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// Not a JSON-RPC 2.0 request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// No such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// A key of `params` is missing, unknown or wrong.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The node failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// The node or its peer refused; `data.status` and `data.name` say why.
    pub const REFUSED: i64 = -32000;
    /// Not in this role.
    pub const NOT_IN_THIS_ROLE: i64 = -32001;
    /// No such mobile node, path, peer.
    pub const NOT_FOUND: i64 = -32002;
    /// A bound of this connection is reached.
    pub const LIMIT: i64 = -32003;

    /// An error with a name for programs.
    pub fn new(code: i64, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: Some(ErrorData {
                status: None,
                name: name.into(),
                key: None,
            }),
        }
    }

    /// The node's role does not have this method.
    #[must_use]
    pub fn not_in_this_role(method: &str, role: &str) -> Self {
        let message = format!("{method} is not for the role \"{role}\"");
        Self::new(Self::NOT_IN_THIS_ROLE, "not-in-this-role", message)
    }

    /// There is no such thing: `what` is `mobile node mn1`, `path from ... to ...`.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Self::NOT_FOUND, "not-found", format!("there is no {what}"))
    }

    /// The node or its peer refused.
    pub fn refused(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Self::REFUSED, name, message)
    }

    /// The node failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Self::INTERNAL_ERROR, "internal-error", message)
    }

    /// A key of the parameters is wrong.
    pub fn invalid_params(key: &str, reason: impl std::fmt::Display) -> Self {
        let message = match key {
            "" => reason.to_string(),
            _ => format!("{key}: {reason}"),
        };
        let message = shortened(message);
        let mut error = Self::new(Self::INVALID_PARAMS, "invalid-params", message);
        if let Some(data) = &mut error.data {
            data.key = Some(shortened(key.to_owned())).filter(|key| !key.is_empty());
        }
        error
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Self::INVALID_REQUEST, "invalid-request", message)
    }

    pub(super) fn limit(name: &str, message: impl Into<String>) -> Self {
        Self::new(Self::LIMIT, name, message)
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: Self::REFUSED,
            message: refusal.text,
            data: Some(ErrorData {
                status: refusal.status,
                name: refusal.name,
                key: None,
            }),
        }
    }
}

/// What a client sent comes back to it in part only.
pub(super) fn shortened(mut text: String) -> String {
    if text.len() > MAX_ECHO_BYTES {
        let mut end = MAX_ECHO_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}

/// A line that is a request.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) id: Option<Value>,
    pub(super) call: Call,
}

/// A line that is not, and what to answer: none to a notification (JSON-RPC 2.0 section 4.1).
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) id: Option<Value>,
    pub(super) error: RpcError,
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Result<Parsed, Rejected> {
    let reject = |error| Rejected {
        id: Some(Value::Null),
        error,
    };
    let value: Value = serde_json::from_slice(line).map_err(|error| {
        let message = format!("not JSON: {error}");
        reject(RpcError::new(RpcError::PARSE_ERROR, "parse-error", message))
    })?;
    let mut object = match value {
        Value::Object(object) => object,
        Value::Array(_) => {
            let message = "batches are not served: send one object a line, without waiting";
            return Err(reject(RpcError::invalid_request(message)));
        }
        _ => return Err(reject(RpcError::invalid_request("a request is an object"))),
    };
    let id = take_id(&mut object).map_err(reject)?;
    let answerable = id.clone().unwrap_or(Value::Null);
    let (method, params) = envelope(object).map_err(|error| Rejected {
        id: Some(answerable),
        error,
    })?;
    match Call::parse(&method, params) {
        Ok(call) => Ok(Parsed { id, call }),
        Err(error) => Err(Rejected { id, error }),
    }
}

fn take_id(object: &mut Map<String, Value>) -> Result<Option<Value>, RpcError> {
    let Some(id) = object.remove("id") else {
        return Ok(None);
    };
    match &id {
        Value::Null | Value::Number(_) => Ok(Some(id)),
        Value::String(text) if text.len() <= MAX_ID_BYTES => Ok(Some(id)),
        Value::String(_) => Err(RpcError::invalid_request(format!(
            "\"id\" is longer than {MAX_ID_BYTES} bytes"
        ))),
        _ => Err(RpcError::invalid_request(
            "\"id\" is neither string nor number",
        )),
    }
}

fn envelope(mut object: Map<String, Value>) -> Result<(String, Option<Value>), RpcError> {
    if object.remove("jsonrpc") != Some(json!("2.0")) {
        return Err(RpcError::invalid_request("\"jsonrpc\" is not \"2.0\""));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err(RpcError::invalid_request("\"method\" is not a string"));
    };
    let params = object.remove("params");
    match object.keys().next() {
        Some(key) => Err(RpcError::invalid_request(shortened(format!(
            "{key:?} is not a key of a request"
        )))),
        None => Ok((method, params)),
    }
}

/// The line that answers a request.
pub(super) fn answer_line(id: Value, answer: Result<Value, RpcError>) -> Vec<u8> {
    line(match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    })
}

/// The line that tells a subscriber of an event.
pub(super) fn event_line(event: &Value) -> Vec<u8> {
    line(json!({ "jsonrpc": "2.0", "method": "event", "params": event }))
}

fn line(value: Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}
