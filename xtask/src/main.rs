//! Developer commands: `cargo xtask test | sim | bench | fuzz | cron-walk | kill`.
//!
//! # Theory of operation
//!
//! `main` reads the words behind `cargo xtask` and hands them to one file per command. A command is made of
//! [`Invocation`](invocation::Invocation)s, which are data: the same value is run, timed, and printed as the line that
//! repeats it by hand. `test` strings them into steps and stops at the first that fails; the hunts (`sim`, `fuzz`,
//! `kill`, `cron-walk`) set the variables that make an ordinary, bounded test of the suite longer, and run that test.
//!
//! Deliberately not here: checks. What must hold is said by tests, lints and configuration files, so that an editor
//! and a plain `cargo test` find the same. And no dependency: this builds in a second on a fresh machine.
#![allow(clippy::disallowed_methods, reason = "this tool runs other commands and times them; it decides nothing")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this tool talks to a developer")]

mod arguments;
mod bench;
mod cron_walk;
mod deny;
mod examples;
mod fuzz;
mod invocation;
mod kill;
mod library;
mod sim;
mod steps;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use arguments::Arguments;

/// What went wrong, in a sentence, with a `help:` line where there is a remedy.
type Trouble = String;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--quick]                     everything that must hold before a change is handed in
  sim [SEED]                         the simulator: fresh seeds, or one seed again
  bench [NAME]                       our figures against the peers, as ratios
  fuzz [TARGET] [--seconds N] [--seed N]
                                     mutated input for the readers (60 seconds each by default)
  cron-walk                          years of due times against a second, naive calendar
  kill [COUNT]                       kill the daemon COUNT times (10000) and check what it left";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_command_line();
    let done = match arguments.word().as_deref() {
        Some("test") => match test::main(arguments) {
            Ok(steps) => return steps.finish(),
            Err(trouble) => Err(trouble),
        },
        Some("sim") => sim::main(arguments),
        Some("bench") => bench::main(arguments),
        Some("fuzz") => fuzz::main(arguments),
        Some("cron-walk") => cron_walk::main(arguments),
        Some("kill") => kill::main(arguments),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(other) => Err(format!("no command `{other}`\n\n{USAGE}")),
        None => Err(format!("no command given\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the root of the repository, from which every command runs.
fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(PathBuf::from).expect("xtask lies in the root of the repository")
}
