//! From what EAL printed to one sentence.

use super::output::Said;
use crate::EalError;
use crate::error::errno_text;

type Make = fn(String) -> EalError;

/// Words of EAL's messages, in the order in which they are looked for, and what they mean: what is farther
/// down in EAL's start comes after what is more telling.
const SIGNS: &[(&str, Make)] = &[
    ("Is another primary process running", |reason| {
        EalError::PrefixInUse { reason }
    }),
    ("unrecognized option", |reason| EalError::BadArgument {
        reason,
    }),
    ("invalid option", |reason| EalError::BadArgument { reason }),
    ("requires an argument", |reason| EalError::BadArgument {
        reason,
    }),
    ("Invalid 'command line' arguments", |reason| {
        EalError::BadArgument { reason }
    }),
    ("failed to parse device", |reason| EalError::Device {
        reason,
    }),
    ("failed to initialize", |reason| EalError::Device { reason }),
    ("Cannot probe devices", |reason| EalError::Device { reason }),
    ("Permission denied", |reason| EalError::Permission {
        reason,
    }),
    ("Operation not permitted", |reason| EalError::Permission {
        reason,
    }),
    ("hugepage", |reason| EalError::Hugepages { reason }),
    ("Cannot init memory", |reason| EalError::Hugepages {
        reason,
    }),
];

/// The reason for a failed start.
pub(crate) fn failure(errno: i32, said: &Said) -> EalError {
    for (sign, make) in SIGNS {
        if let Some(line) = find(sign, said) {
            return make(line.to_owned());
        }
    }
    let last = said.log.lines().rev().find(|line| !line.trim().is_empty());
    EalError::Other {
        reason: last.map_or_else(|| errno_text(errno), |line| bare(line).to_owned()),
    }
}

/// The first line that has the sign, without the name of who printed it.
fn find<'a>(sign: &str, said: &'a Said) -> Option<&'a str> {
    let mut lines = said.stderr.lines().chain(said.log.lines());
    lines.find(|line| line.contains(sign)).map(bare)
}

/// A log line without `EAL: ` and the like.
fn bare(line: &str) -> &str {
    let line = line.trim();
    let text = line.split_once(": ").map_or(line, |(_, text)| text);
    text.strip_prefix("FATAL: ").unwrap_or(text)
}
