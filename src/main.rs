//! The binary: parse the command line, start tracing, run, map the error to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    replenish::cli::main()
}
