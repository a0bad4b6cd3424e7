//! The `steadfast` command.

use std::process::ExitCode;

use steadfast::cli::Surroundings;

fn main() -> ExitCode {
    steadfast::cli::main(Surroundings::of_this_process())
}
