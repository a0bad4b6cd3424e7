use clap::Args;
use jiff::tz::TimeZone;

use super::answer::Answer;
use super::console::{Console, UNLIMITED};
use super::exit::Exit;
use super::failure::Failure;
use super::source::Source;
use crate::state::StateDir;
use crate::trace;

/// Draws a run's timeline: queue, attempts, delays, what the program told
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  steadfast trace 12\n  steadfast trace nightly --json")]
pub(super) struct Arguments {
    /// A run, or a job for its newest run
    #[arg(value_name = "RUN|JOB")]
    run: String,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let run = source.find(&what.run)?;
    let entries = source.entries(run)?;
    let tree = trace::tree(&entries).ok_or_else(|| Failure::not_found(format_args!("there is no run {run}")))?;
    if what.answer.json {
        console.json(&tree)?;
    } else {
        let width = Some(console.width).filter(|width| *width < UNLIMITED);
        console.print(&tree.text(console.is_colourful, width, &TimeZone::system()))?;
    }
    Ok(Exit::GOOD)
}
