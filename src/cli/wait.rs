//! `steadfast wait`: waits for runs to be over. It asks the daemon, which answers when it is so.

use std::time::Duration;

use clap::Args;
use steadfast_retry::{Ending, parse_duration};

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, Source};
use super::text;
use super::words;
use crate::api::Client;
use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::State;
use crate::store::view::RunRow;
use crate::sys::time::Boottime;

/// Waits until runs are over
#[derive(Args, Debug)]
#[command(after_help = "\
The exit code is 0 if they succeeded, 1 if one failed for good, 75 if one is
still being tried when the time is over.

Examples:
  steadfast wait 12 13
  steadfast wait nightly --timeout 2h")]
pub(super) struct Arguments {
    /// Runs, or jobs for their newest run
    #[arg(value_name = "RUN|JOB", required = true)]
    runs: Vec<String>,
    /// Wait for the first of them only
    #[arg(long)]
    any: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    answer: Answer,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    All,
    Any,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let runs: Vec<RunId> = what.runs.iter().map(|word| source.find(word)).collect::<Result<_, _>>()?;
    let until_what = if what.any { Until::Any } else { Until::All };
    match source::daemon(state) {
        Ok(mut client) => until(&mut client, &runs, until_what, what.timeout, what.answer, console),
        // Nothing can change any more, so the answer is known.
        Err(unreachable) => {
            let rows: Vec<RunRow> = runs.iter().map(|run| source.row(*run)).collect::<Result<_, _>>()?;
            let is_over = |row: &RunRow| row.state == State::Closed;
            let known = if what.any { rows.iter().any(is_over) } else { rows.iter().all(is_over) };
            if known { tell(&rows, what.answer, console) } else { Err(unreachable) }
        }
    }
}

/// How long one question to the daemon may last.
const ONE_QUESTION: Duration = Duration::from_secs(600);
/// How long each run is asked for while any of several is waited for.
const ONE_TURN: Duration = Duration::from_secs(1);

/// Waits for runs and tells how they ended.
pub(super) fn until(
    client: &mut Client,
    runs: &[RunId],
    until: Until,
    timeout: Option<Duration>,
    answer: Answer,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let end = timeout.map_or(Boottime::NEVER, |timeout| Boottime::now().after(timeout));
    let left = |most: Duration| end.since(Boottime::now()).min(most);
    let is_over = |row: &RunRow| row.state == State::Closed;
    let mut rows: Vec<RunRow> = Vec::new();
    match until {
        Until::All => {
            for run in runs {
                let row = loop {
                    let row = client.wait(*run, left(ONE_QUESTION))?;
                    if is_over(&row) || left(ONE_QUESTION).is_zero() {
                        break row;
                    }
                };
                rows.push(row);
            }
        }
        Until::Any => {
            let most = if runs.len() == 1 { ONE_QUESTION } else { ONE_TURN };
            'turns: loop {
                for run in runs {
                    let row = client.wait(*run, left(most))?;
                    let is_over = is_over(&row);
                    rows.retain(|other| other.run != row.run);
                    rows.push(row);
                    if is_over || left(most).is_zero() {
                        break 'turns;
                    }
                }
            }
            if rows.iter().any(is_over) {
                rows.retain(is_over);
            }
        }
    }
    tell(&rows, answer, console)
}

fn tell(rows: &[RunRow], answer: Answer, console: &mut Console) -> Result<Exit, Failure> {
    if answer.json {
        console.json(&rows)?;
    } else {
        for row in rows {
            let standing = words::standing(row.state, row.ending, row.held);
            let style = words::style(row.state, row.ending, row.trouble);
            // A run that never began has no reason, and one that succeeded no other.
            let because = row.because.as_deref().filter(|because| !because.is_empty() && *because != standing);
            let because = because.map_or_else(String::new, |because| format!(": {because}"));
            let attempts = text::count(row.attempts, "attempt");
            console
                .print(&format!("run {} of {}: {style}{standing}{style:#}, {attempts}{because}", row.run, row.job))?;
        }
    }
    let succeeded = |row: &RunRow| row.ending == Some(Ending::Succeeded);
    if rows.iter().any(|row| row.state != State::Closed) {
        return Ok(Exit::STILL_TRYING);
    }
    Ok(if rows.iter().all(succeeded) { Exit::GOOD } else { Exit::FAILED })
}
