//! `crowflyctl`: what an operator types, asked of a node over its control socket, or of no node at all.
//!
//! ```text
//!   args ──▶ call (method, params) ──▶ client ──▶ node
//!                                        │
//!                       table or JSON ◀──┴──▶ exit status 0 / 1 / 2
//! ```

mod args;
mod call;
mod capture;
mod client;
mod decode;
mod error;
mod hex;
mod metrics;
mod replay;
mod show;
mod table;
mod trace;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use args::{Args, Command, EventsArgs};
use client::Client;
use error::Failure;

/// Runs the tool: arguments as the process got them, answers to `out`, reasons to `complaints`.
///
/// Status 0: done. 1: the node refused, or the packet is bad; the reason was said. 2: no such node, or
/// bad usage.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    complaints: &mut dyn Write,
) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            let wrong = error.use_stderr();
            let _ = match wrong {
                true => write!(complaints, "{}", error.render()),
                false => write!(out, "{}", error.render()),
            };
            let _ = out.flush();
            return ExitCode::from(if wrong { 2 } else { 0 });
        }
    };
    match execute(&args, out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read us has seen enough.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            if args.json
                && let Some(error) = failure.as_json()
            {
                let _ = writeln!(out, "{}", json!({ "error": error }));
                let _ = out.flush();
            }
            let _ = writeln!(complaints, "crowflyctl: {failure}");
            ExitCode::from(failure.exit_status())
        }
    }
}

fn execute(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    match &args.command {
        Command::Decode(decode) => decode::run(decode, args.json, out),
        Command::Trace(trace) => trace::run(args, trace, out),
        Command::Replay { file } => replay::run(file, args.json, out),
        Command::Events(events) => follow(args, events, out),
        Command::Metrics => metrics::run(args, out),
        command => {
            let mut client = Client::connect(args.socket()?, args.timeout())?;
            let (shape, answer) = call::ask(&mut client, command)?;
            match args.json {
                true => writeln!(out, "{answer}")?,
                false => show::show(shape, &answer, out)?,
            }
            Ok(())
        }
    }
}

fn follow(args: &Args, events: &EventsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let mut client = Client::connect(args.socket()?, args.timeout())?;
    let params = match events.only.as_slice() {
        [] => json!({}),
        names => json!({ "events": names }),
    };
    client.call("events.subscribe", params)?;
    client.wait_for_ever()?;
    let mut left = events.count;
    while left != Some(0) {
        let message = client.receive()?;
        if message["method"] != "event" {
            continue;
        }
        let event: &Value = &message["params"];
        match args.json {
            true => writeln!(out, "{event}")?,
            false => show::event(event, out)?,
        }
        out.flush()?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}
