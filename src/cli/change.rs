//! `retry`, `cancel`, `hold` and `release`: what people do to runs.

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, Source};
use crate::api::{Client, Problem};
use crate::ids::RunId;
use crate::state::StateDir;

/// Opens new runs in place of runs that are over, going on with their checkpoints
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  steadfast retry 12 13")]
pub(super) struct Retry {
    /// Runs, or jobs for their newest run
    #[arg(value_name = "RUN|JOB", required = true)]
    runs: Vec<String>,
}

/// Ends runs that nobody wants any more; what is running is stopped step by step
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  steadfast cancel 12")]
pub(super) struct Cancel {
    /// Runs, or jobs for their newest run
    #[arg(value_name = "RUN|JOB", required = true)]
    runs: Vec<String>,
}

/// Lets no new attempt of runs or jobs begin; what is running runs on
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  steadfast hold 12\n  steadfast hold daily-papers      all runs of the job, and the job's schedule"
)]
pub(super) struct Hold {
    /// Runs, or jobs as a whole
    #[arg(value_name = "RUN|JOB", required = true)]
    what: Vec<String>,
}

/// Lets held or quarantined runs and jobs go on
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  steadfast release daily-papers")]
pub(super) struct Release {
    /// Runs, or jobs as a whole
    #[arg(value_name = "RUN|JOB", required = true)]
    what: Vec<String>,
}

pub(super) fn retry(what: &Retry, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each_run(&what.runs, console, state, |client, run| {
        let opened = client.retry(run)?.runs;
        let opened: Vec<String> = opened.iter().map(|new| format!("run {new}")).collect();
        Ok(format!("{} in place of run {run}", opened.join(", ")))
    })
}

pub(super) fn cancel(what: &Cancel, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each_run(&what.runs, console, state, |client, run| {
        client.cancel(run)?;
        Ok(format!("run {run} is being cancelled"))
    })
}

pub(super) fn hold(what: &Hold, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each(&what.what, console, state, |client, word| match word.parse() {
        Ok(run) => client.hold(run).map(|()| format!("run {run} is held")),
        Err(_) => client.hold_job(word, true).map(|()| format!("job {word} is held")),
    })
}

pub(super) fn release(what: &Release, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each(&what.what, console, state, |client, word| match word.parse::<RunId>() {
        Ok(run) => Ok(match client.release(run)?.runs.as_slice() {
            [other] if *other != run => format!("run {other} goes on in place of run {run}"),
            _ => format!("run {run} is released"),
        }),
        Err(_) => client.hold_job(word, false).map(|()| format!("job {word} is released")),
    })
}

fn each_run(
    words: &[String],
    console: &mut Console,
    state: &StateDir,
    mut change: impl FnMut(&mut Client, RunId) -> Result<String, Problem>,
) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let runs: Vec<RunId> = words.iter().map(|word| source.find(word)).collect::<Result<_, _>>()?;
    let mut client = source::daemon(state)?;
    let mut exit = Exit::GOOD;
    for run in runs {
        said(change(&mut client, run), console, &mut exit)?;
    }
    Ok(exit)
}

fn each(
    words: &[String],
    console: &mut Console,
    state: &StateDir,
    mut change: impl FnMut(&mut Client, &str) -> Result<String, Problem>,
) -> Result<Exit, Failure> {
    let mut client = source::daemon(state)?;
    let mut exit = Exit::GOOD;
    for word in words {
        said(change(&mut client, word), console, &mut exit)?;
    }
    Ok(exit)
}

/// Tells what came of one; the others are tried all the same.
fn said(done: Result<String, Problem>, console: &mut Console, exit: &mut Exit) -> Result<(), Failure> {
    match done {
        Ok(line) => console.print(&line)?,
        Err(problem) => *exit = console.confess(&Failure::from(problem)),
    }
    Ok(())
}
