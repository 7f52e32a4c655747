//! The daemon: from a command line to a running node and to its orderly end.

mod alarms;
mod answers;
mod clock;
mod control;
mod ending;
mod feed;
mod intake;
mod latency;
mod logging;
mod options;
mod programmed;
mod protection;
mod rates;
mod realms;
mod reload;
mod restart;
mod signalling;
mod spans;
mod start;
mod telemetry;
#[cfg(test)]
mod unit;
mod watch;
mod wiring;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};

pub use options::{CommandLine, Options};
pub use protection::StoreError;
pub use start::StartError;

use crate::config::Config;
use control::{Control, Prepared};
use logging::Logging;

/// The node did not start.
const EXIT_START: u8 = 1;
/// The command line or the configuration is wrong.
const EXIT_USAGE: u8 = 2;

/// Runs a node with the command line's arguments, the program's name first.
#[must_use]
pub fn main(args: Vec<String>) -> ExitCode {
    let line = match CommandLine::parse(args) {
        Ok(line) => line,
        Err(error) => {
            // Help and version are asked for, and go to standard output.
            let status = u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE);
            return match error.print() {
                Ok(()) => ExitCode::from(status),
                Err(_) => ExitCode::from(EXIT_USAGE),
            };
        }
    };
    let config = match Config::load(&line.options.config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if line.options.check {
        println!(
            "{}: right for a {}",
            line.options.config.display(),
            config.role
        );
        return ExitCode::SUCCESS;
    }
    match run(config, line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crowfly: {error}");
            ExitCode::from(EXIT_START)
        }
    }
}

fn run(config: Config, line: CommandLine) -> Result<(), StartError> {
    let logging = Logging::start(&config.log.filter);
    die_loudly();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let prepared = Prepared::new(config, line.options, logging)?;
    let started = start::start(prepared.config(), &line.eal)?;
    Control::new(prepared, started).run(&stop);
    Ok(())
}

/// A panic in any thread ends the process, and says so first: a node without its control thread, or a
/// worker that is gone, would be worse than none.
fn die_loudly() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, backtrace = %std::backtrace::Backtrace::force_capture(), "panicked");
        std::process::abort();
    }));
}
