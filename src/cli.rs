//! The command line.
//!
//! # Theory of operation
//!
//! [`main`] takes the [`Surroundings`] of the process, read once, and picks a command; each command is a file of its own,
//! with its arguments and their help beside what it does. A command gets a [`Console`] and returns an [`Exit`] or a
//! [`Failure`]. Results go to stdout and talk to stderr, each with colours or without them as its own stream allows. A reader
//! that has gone away (`steadfast ps | head`) ends a command quietly.
//!
//! Three kinds of commands:
//!
//! - Those that need nothing but files: `check`, `schema`, `explain`, `policy`, `init`, `doctor`.
//! - `run`, which wraps one command in this very process.
//! - Those that ask the daemon. They ask a [`source`], which answers over the daemon's socket or, where no daemon
//!   lives and nothing is to be changed, out of the state folder.
//!
//! Deliberately not here: any decision. What follows a failure is decided by the engine, and what a run waits for is told by
//! the daemon; a face that knew better would sooner or later know something else.

mod answer;
mod arguments;
mod change;
mod check;
mod completions;
mod console;
mod countdown;
mod daemon;
mod demo;
mod doctor;
mod events;
mod exit;
mod explain;
mod failure;
mod files;
mod follow;
mod init;
mod jobs;
mod local;
mod logs;
mod man;
mod narrator;
mod policy;
mod ps;
mod run;
mod schema;
mod serve;
mod show;
mod shown;
mod source;
mod start;
mod state;
mod store;
mod surroundings;
mod text;
mod trace;
mod train;
mod wait;
mod why;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use console::Console;
use exit::Exit;
use failure::Failure;
pub use surroundings::Surroundings;

/// Does what the arguments say, and returns the exit code of the process.
#[must_use]
pub fn main(surroundings: &Surroundings) -> ExitCode {
    let arguments = match Arguments::try_parse_from(&surroundings.arguments) {
        Ok(arguments) => arguments,
        Err(told) => {
            // A help text is printed to stdout, a mistake to stderr; where nobody listens, nothing is left to do.
            let _ = told.print();
            let is_run = surroundings.arguments.get(1).is_some_and(|word| word == "run");
            return Exit::of_usage(&told, is_run).code();
        }
    };
    let mut console = Console::open(arguments.color, surroundings);
    let done = perform(arguments, &mut console, surroundings);
    let exit = match done.and_then(|exit| console.flush().map(|()| exit).map_err(Failure::from)) {
        Ok(exit) => exit,
        Err(failure) => console.confess(&failure),
    };
    exit.code()
}

fn perform(arguments: Arguments, console: &mut Console, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let named = || surroundings.variable("STEADFAST_STATE").map(PathBuf::from);
    let chosen = arguments.state.or_else(named);
    let state = || state::folder(chosen.as_ref(), surroundings);
    match arguments.command {
        Command::Run(what) => run::perform(&what, console, surroundings, state().ok()),
        Command::Serve(what) => serve::perform(&what, chosen.as_ref(), console, surroundings),
        Command::Start(what) => start::perform(&what, console, &state()?),
        Command::Ps(what) => ps::perform(&what, console, &state()?),
        Command::Show(what) => show::perform(&what, console, &state()?),
        Command::Logs(what) => logs::perform(&what, console, &state()?),
        Command::Why(what) => why::perform(&what, console, &state()?),
        Command::Wait(what) => wait::perform(&what, console, &state()?),
        Command::Retry(what) => change::retry(&what, console, &state()?),
        Command::Cancel(what) => change::cancel(&what, console, &state()?),
        Command::Hold(what) => change::hold(&what, console, &state()?),
        Command::Release(what) => change::release(&what, console, &state()?),
        Command::Jobs(what) => jobs::perform(what, console, state().ok().as_ref()),
        Command::Policy(what) => policy::perform(what, console),
        Command::Check(what) => check::perform(&what, console),
        Command::Schema(what) => schema::perform(&what, console),
        Command::Explain(what) => explain::perform(&what, console),
        Command::Events(what) => events::perform(&what, console, &state()?),
        Command::Trace(what) => trace::perform(&what, console, &state()?),
        Command::Store(what) => store::perform(what, console, &state()?),
        Command::Daemon(what) => daemon::perform(&what, console, &state()?),
        Command::Init(what) => init::perform(&what, console),
        Command::Doctor(what) => doctor::perform(&what, console, surroundings, &state()?),
        Command::Demo(_) => demo::perform(chosen.as_ref(), console, surroundings),
        Command::Completions(what) => completions::perform(&what, console),
        Command::Man(what) => man::perform(&what, console),
        Command::Train(what) => train::perform(&what, console, surroundings),
    }
}
