//! `crowflyctl replay`: feeds a record to an engine again, without a node.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::error::Failure;
use crate::record::{Difference, Outcome, replay};

/// Replays a record and says what came of it.
pub(super) fn run(path: &Path, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let file = File::open(path).map_err(|source| Failure::File {
        path: path.to_path_buf(),
        source,
    })?;
    let outcome = replay(BufReader::new(file)).map_err(|source| Failure::Record {
        path: path.to_path_buf(),
        source,
    })?;
    match as_json {
        true => json(&outcome, out)?,
        false => text(&outcome, out)?,
    }
    match outcome.difference {
        Some(difference) => Err(Failure::Differs {
            line: difference.line,
        }),
        None => Ok(()),
    }
}

fn json(outcome: &Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    let difference = outcome.difference.as_ref().map(|difference| {
        json!({
            "line": difference.line,
            "now": difference.step.now,
            "given": difference.step.given,
            "output": difference.output,
            "recorded": difference.recorded,
            "replayed": difference.replayed,
        })
    });
    let answer = json!({
        "node_id": outcome.header.node_id,
        "version": outcome.header.version,
        "steps": outcome.steps,
        "outputs": outcome.outputs,
        "cut": outcome.cut,
        "equal": difference.is_none(),
        "difference": difference,
    });
    writeln!(out, "{answer}")
}

fn text(outcome: &Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    let Outcome {
        header,
        steps,
        outputs,
        cut,
        difference,
    } = outcome;
    let ours = env!("CARGO_PKG_VERSION");
    if header.version != ours {
        let theirs = &header.version;
        writeln!(out, "recorded by version {theirs}, replayed by {ours}")?;
    }
    if let Some(difference) = difference {
        return differs(difference, out);
    }
    if *cut {
        writeln!(out, "the record is cut off in the middle of its last line")?;
    }
    let node = &header.node_id;
    writeln!(
        out,
        "{node}: {steps} inputs fed, all {outputs} outputs are equal"
    )
}

fn differs(difference: &Difference, out: &mut dyn Write) -> std::io::Result<()> {
    let Difference {
        line,
        step,
        output,
        recorded,
        replayed,
    } = difference;
    let at = step.now.mono.as_secs_f64();
    writeln!(
        out,
        "line {line}, {at:.6} s after the node's start, output {}:",
        output + 1
    )?;
    writeln!(out, "  given     {}", plain(&step.given))?;
    let or_none = |output: &Option<_>| output.as_ref().map_or("nothing".to_owned(), plain);
    writeln!(out, "  recorded  {}", or_none(recorded))?;
    writeln!(out, "  replayed  {}", or_none(replayed))
}

/// What was read from JSON, or could be, as JSON.
fn plain(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}
