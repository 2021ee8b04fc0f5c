//! The command line: the only place that prints. One file per command, each with its arguments and a `run`.

use std::process::ExitCode;

/// Runs the program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
