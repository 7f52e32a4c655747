//! `crowflyctl`: asks a Crowfly node what it does, and tells it what to do.

use std::io::{BufWriter, stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    crowfly::ctl::run(std::env::args_os(), &mut out, &mut stderr().lock())
}
