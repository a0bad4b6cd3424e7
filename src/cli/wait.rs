//! `steadfast wait`: waits for runs to be over, and tells meanwhile what becomes of their attempts.

mod watch;

use std::time::Duration;

use clap::Args;
use steadfast_retry::{Cause, Decision, Ending, parse_duration};

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::follow::Line;
use super::source::Source;
use super::text;
use super::words;
use crate::evidence::{Act, Fact};
use crate::ids::RunId;
use crate::journal::{About, Entry, Happened};
use crate::state::StateDir;
use crate::store::State;
use crate::store::view::RunRow;
use crate::sys::time::Boottime;
use watch::Watch;

/// Waits until runs are over
#[derive(Args, Debug)]
#[command(after_help = "\
Each attempt's end is told on stderr, and on a terminal what it waits for. A
daemon that is restarted meanwhile is waited for.

The exit code is 0 if they succeeded, 1 if one failed for good, 124 if only time
limits ended those that failed, 75 if one is still being tried when the time is
over.

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
    /// Say nothing about attempts
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    answer: Answer,
}

/// How many of them are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    All,
    Any,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let runs: Vec<RunId> = what.runs.iter().map(|word| source.find(word)).collect::<Result<_, _>>()?;
    let until_what = if what.any { Until::Any } else { Until::All };
    let (timeout, is_quiet, answer) = (what.timeout, what.quiet, what.answer);
    let wanted = Wanted { runs: &runs, until: until_what, timeout, is_quiet, answer };
    match Line::open(state) {
        Ok(mut line) => until(&mut line, &source, wanted, None, console),
        // Nothing can change any more, so the answer is known.
        Err(unreachable) => {
            let rows: Vec<RunRow> = runs.iter().map(|run| source.row(*run)).collect::<Result<_, _>>()?;
            let is_over = |row: &RunRow| row.state == State::Closed;
            let known = if what.any { rows.iter().any(is_over) } else { rows.iter().all(is_over) };
            if known { tell(&source, &rows, what.answer, console) } else { Err(unreachable) }
        }
    }
}

/// What is waited for, and how it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'w> {
    pub(super) runs: &'w [RunId],
    pub(super) until: Until,
    pub(super) timeout: Option<Duration>,
    pub(super) is_quiet: bool,
    pub(super) answer: Answer,
}

/// Waits for runs, tells on stderr what becomes of their attempts, and tells at last how they ended.
///
/// `since` is a line of the journal before which none of them was there; without one they may be over already.
pub(super) fn until(
    line: &mut Line<'_>,
    source: &Source,
    wanted: Wanted<'_>,
    since: Option<u64>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let end = wanted.timeout.map_or(Boottime::NEVER, |timeout| Boottime::now().after(timeout));
    let after = since.map_or_else(|| source.newest_event(), Ok)?;
    let mut watch = Watch::from(source, wanted.runs, wanted.until, after, wanted.is_quiet);
    if since.is_none() {
        watch.look()?;
    }
    watch.wait(line, end, console)?;
    let mut rows: Vec<RunRow> = wanted.runs.iter().map(|run| source.row(*run)).collect::<Result<_, _>>()?;
    let is_over = |row: &RunRow| row.state == State::Closed;
    if wanted.until == Until::Any && rows.iter().any(is_over) {
        rows.retain(is_over);
    }
    tell(source, &rows, wanted.answer, console)
}

fn tell(source: &Source, rows: &[RunRow], answer: Answer, console: &mut Console) -> Result<Exit, Failure> {
    if answer.json {
        console.json(&rows)?;
    } else {
        for row in rows {
            let standing = words::standing(row.state, row.ending, row.held || row.job_held);
            let style = words::style(row.state, row.ending, row.trouble);
            // A run that never began has no reason, and one that succeeded no other.
            let because = row.because.as_deref().filter(|because| !because.is_empty() && *because != standing);
            let because = because.map_or_else(String::new, |because| format!(": {because}"));
            let attempts = text::count(row.attempts, "attempt");
            let job = words::job_and_point(&row.job, &row.matrix);
            console.print(&format!("run {} of {}: {style}{standing}{style:#}, {attempts}{because}", row.run, job))?;
        }
    }
    if rows.iter().any(|row| row.state != State::Closed) {
        return Ok(Exit::STILL_TRYING);
    }
    let mut failed = rows.iter().filter(|row| row.ending != Some(Ending::Succeeded)).peekable();
    if failed.peek().is_none() {
        return Ok(Exit::GOOD);
    }
    for row in failed {
        if !out_of_time(&source.entries(row.run)?) {
            return Ok(Exit::FAILED);
        }
    }
    Ok(Exit::DEADLINE)
}

/// Says whether a time limit ended a run: its deadline, or that of its last attempt.
fn out_of_time(entries: &[Entry]) -> bool {
    let steps = entries.iter().rev().filter_map(|entry| match &entry.about {
        About::Run(_, Happened::Stepped(step)) => Some(step),
        About::Run(..) | About::Job(..) | About::Daemon(_) => None,
    });
    for step in steps {
        match &step.decision {
            Decision::Finish { ending: Ending::GaveUp | Ending::Stopped | Ending::Quarantined, because } => {
                let late = matches!(because.cause, Cause::DeadlinePassed | Cause::NoTimeLeft { .. });
                return late || step.end.as_ref().is_some_and(|end| end.evidence.facts.iter().any(is_limit));
            }
            Decision::Finish { .. } | Decision::Attempt { .. } | Decision::Wait { .. } => return false,
            Decision::Cut { .. } => {}
        }
    }
    false
}

fn is_limit(fact: &Fact) -> bool {
    matches!(fact, Fact::Act(Act::AttemptTimeout { .. } | Act::Deadline { .. }))
}
