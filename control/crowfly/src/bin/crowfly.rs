//! The Crowfly daemon: `crowfly [EAL options] -- --config FILE`.

use std::process::ExitCode;

fn main() -> ExitCode {
    crowfly::runtime::main(std::env::args().collect())
}
