//! The reading end: feeds the engine again, and compares.

use std::io::{self, BufRead, Read};

use pmipv6::io::Output;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{FORMAT, Given, Header, Step};

/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was replayed.
    pub header: Header,
    /// Steps that were fed.
    pub steps: u64,
    /// Outputs that were equal.
    pub outputs: u64,
    /// The last line is not whole: the node was killed, or its disk was full.
    pub cut: bool,
    /// The first thing that came out differently; nothing is fed after it.
    pub difference: Option<Box<Difference>>,
}

/// A step that came out differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Line of the record, from 1.
    pub line: u64,
    /// The step as it was recorded.
    pub step: Step,
    /// Which of its outputs, from 0.
    pub output: usize,
    /// As recorded; none: there was no such output.
    pub recorded: Option<Output>,
    /// As it comes out now; none: there is no such output.
    pub replayed: Option<Output>,
}

/// Why a record cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It does not begin as a record does.
    #[error("this is no record of a node: {0}")]
    NoRecord(String),
    /// It is of another version of the format.
    #[error("the record has format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// A line that is no step.
    #[error("line {line} is no step: {reason}")]
    NoStep {
        /// Which, from 1.
        line: u64,
        /// Why not.
        reason: String,
    },
}

/// Feeds a record to an engine of the same settings and seed, up to the first difference.
///
/// # Errors
/// The record cannot be read, or is none.
pub fn replay(mut record: impl BufRead) -> Result<Outcome, ReplayError> {
    let header = header(&mut record)?;
    let mut engine = header.engine.engine(header.seed);
    let mut outcome = Outcome {
        header,
        steps: 0,
        outputs: 0,
        cut: false,
        difference: None,
    };
    loop {
        let line = outcome.steps + 2;
        let step: Step = match next_line(&mut record)? {
            Line::End => return Ok(outcome),
            Line::Cut => {
                outcome.cut = true;
                return Ok(outcome);
            }
            Line::Whole(text) => {
                parse(&text).map_err(|reason| ReplayError::NoStep { line, reason })?
            }
        };
        let mut outputs = Vec::new();
        let given: Given = step.given.clone();
        given.feed(engine.as_mut(), step.now, &mut outputs);
        outcome.steps += 1;
        if let Some(difference) = compare(line, &step, outputs) {
            outcome.outputs += difference.output as u64;
            outcome.difference = Some(Box::new(difference));
            return Ok(outcome);
        }
        outcome.outputs += step.outputs.len() as u64;
    }
}

fn compare(line: u64, step: &Step, replayed: Vec<Output>) -> Option<Difference> {
    let mut replayed = replayed.into_iter();
    for output in 0.. {
        let (old, new) = (step.outputs.get(output), replayed.next());
        if old.is_none() && new.is_none() {
            break;
        }
        if old != new.as_ref() {
            return Some(Difference {
                line,
                step: step.clone(),
                output,
                recorded: old.cloned(),
                replayed: new,
            });
        }
    }
    None
}

fn header(record: &mut impl BufRead) -> Result<Header, ReplayError> {
    let Line::Whole(text) = next_line(record)? else {
        return Err(ReplayError::NoRecord("it has no whole line".to_owned()));
    };
    let value: serde_json::Value = parse(&text).map_err(ReplayError::NoRecord)?;
    match value["crowfly_record"].as_u64() {
        Some(format) if format == u64::from(FORMAT) => {
            serde_json::from_value(value).map_err(|error| ReplayError::NoRecord(error.to_string()))
        }
        Some(other) => Err(ReplayError::Format(
            u32::try_from(other).unwrap_or(u32::MAX),
        )),
        None => Err(ReplayError::NoRecord(
            "its first line has no \"crowfly_record\"".to_owned(),
        )),
    }
}

enum Line {
    Whole(Vec<u8>),
    Cut,
    End,
}

fn next_line(record: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    record.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    Ok(match line.last() {
        None => Line::End,
        Some(b'\n') => Line::Whole(line),
        Some(_) => Line::Cut,
    })
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}
