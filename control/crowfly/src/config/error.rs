//! What is wrong with a configuration file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::locate::{KeyPath, locate};

/// Protection is required unless somebody has written down that there is none.
const UNPROTECTED: &str = "missing: signalling is to be protected (RFC 5213 section 4); say \"esp\", with \
                           peers and keys in \"security\", or \"none\" if it is to go unprotected";

/// A configuration file that no node can run with.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is longer than any sensible configuration.
    #[error("{}: longer than {max_bytes} bytes", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The most that is read.
        max_bytes: u64,
    },
    /// The file says something wrong; one line each in the error's text.
    #[error("{}", Listed { file, problems })]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What it says wrong; at least one.
        problems: Vec<Problem>,
    },
}

/// One thing that a configuration file says wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Which key, as `ports[0].addresses[1]`; empty for the file as a whole.
    pub key: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// A wrong value, before it is known where in the file it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) path: KeyPath,
    pub(super) reason: String,
}

impl ConfigError {
    /// What the file says wrong; empty when it could not be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            Self::Read { .. } | Self::TooLong { .. } => &[],
        }
    }

    pub(super) fn of_serde(
        file: &Path,
        error: &serde_path_to_error::Error<serde_json::Error>,
    ) -> Self {
        let reason = error.inner().to_string();
        let key = key_of(&error.path().to_string(), &reason);
        let mut error = Self::single(file, error.inner(), key);
        if let Self::Invalid { problems, .. } = &mut error {
            let unprotected = problems
                .iter_mut()
                .filter(|problem| problem.key == "protection");
            for problem in unprotected.filter(|of| of.reason.starts_with("missing field")) {
                problem.reason = UNPROTECTED.to_owned();
            }
        }
        error
    }

    pub(super) fn of_json(file: &Path, error: &serde_json::Error) -> Self {
        Self::single(file, error, String::new())
    }

    fn single(file: &Path, error: &serde_json::Error, key: String) -> Self {
        let text = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        Self::Invalid {
            file: file.to_path_buf(),
            problems: vec![Problem {
                line: error.line(),
                column: error.column(),
                key,
                reason: text.strip_suffix(&position).unwrap_or(&text).to_owned(),
            }],
        }
    }

    pub(super) fn of_complaints(file: &Path, text: &str, complaints: Vec<Complaint>) -> Self {
        let problems = complaints
            .into_iter()
            .map(|Complaint { path, reason }| {
                let (line, column) = locate(text, &path);
                Problem {
                    line,
                    column,
                    key: path.to_string(),
                    reason,
                }
            })
            .collect();
        Self::Invalid {
            file: file.to_path_buf(),
            problems,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

/// The key that serde complains of: its path, and of a missing field the field too.
pub(crate) fn key_of(path: &str, reason: &str) -> String {
    let path = if path == "." { "" } else { path };
    let missing = reason.strip_prefix("missing field `");
    match missing.and_then(|rest| rest.split('`').next()) {
        Some(field) if path.is_empty() => field.to_owned(),
        Some(field) => format!("{path}.{field}"),
        None => path.to_owned(),
    }
}

struct Listed<'a> {
    file: &'a Path,
    problems: &'a [Problem],
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{problem}", self.file.display())?;
        }
        Ok(())
    }
}
