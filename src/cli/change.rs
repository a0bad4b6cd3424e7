//! `retry`, `cancel`, `hold` and `release`: what people do to runs.

use clap::Args;
use serde::Serialize;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, Source};
use crate::api::{Client, Code, Problem};
use crate::ids::RunId;
use crate::state::StateDir;

/// Opens new runs in place of runs that are over, going on with their checkpoints
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  steadfast retry 12 13")]
pub(super) struct Retry {
    /// Runs, or jobs for their newest run
    #[arg(value_name = "RUN|JOB", required = true)]
    runs: Vec<String>,
    #[command(flatten)]
    answer: Answer,
}

/// Ends runs that nobody wants any more; what is running is stopped step by step
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  steadfast cancel 12")]
pub(super) struct Cancel {
    /// Runs, or jobs for their newest run
    #[arg(value_name = "RUN|JOB", required = true)]
    runs: Vec<String>,
    #[command(flatten)]
    answer: Answer,
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
    #[command(flatten)]
    answer: Answer,
}

/// Lets held or quarantined runs and jobs go on
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  steadfast release daily-papers")]
pub(super) struct Release {
    /// Runs, or jobs as a whole
    #[arg(value_name = "RUN|JOB", required = true)]
    what: Vec<String>,
    #[command(flatten)]
    answer: Answer,
}

/// What came of one of those that were named.
#[derive(Debug, Serialize)]
struct Outcome {
    /// The run or job, as it was found.
    what: String,
    done: bool,
    /// What was done, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<String>,
    /// The runs that go on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunId>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// What was done, and the runs that go on.
type Done = Result<(String, Vec<RunId>), Problem>;

pub(super) fn retry(what: &Retry, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each_run(&what.runs, what.answer, console, state, |client, run| {
        let opened = client.retry(run)?.runs;
        let names: Vec<String> = opened.iter().map(|new| format!("run {new}")).collect();
        Ok((format!("{} in place of run {run}", names.join(", ")), opened))
    })
}

pub(super) fn cancel(what: &Cancel, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each_run(&what.runs, what.answer, console, state, |client, run| {
        client.cancel(run)?;
        Ok((format!("run {run} is being cancelled"), Vec::new()))
    })
}

pub(super) fn hold(what: &Hold, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each(&what.what, what.answer, console, state, |client, word| match word.parse() {
        Ok(run) => client.hold(run).map(|()| (format!("run {run} is held"), Vec::new())),
        Err(_) => client.hold_job(word, true).map(|()| (format!("job {word} is held"), Vec::new())),
    })
}

pub(super) fn release(what: &Release, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    each(&what.what, what.answer, console, state, |client, word| match word.parse::<RunId>() {
        Ok(run) => {
            let runs = client.release(run)?.runs;
            let sentence = match runs.as_slice() {
                [other] if *other != run => format!("run {other} goes on in place of run {run}"),
                _ => format!("run {run} is released"),
            };
            Ok((sentence, runs))
        }
        Err(_) => client.hold_job(word, false).map(|()| (format!("job {word} is released"), Vec::new())),
    })
}

fn each_run(
    words: &[String],
    answer: Answer,
    console: &mut Console,
    state: &StateDir,
    mut change: impl FnMut(&mut Client, RunId) -> Done,
) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let runs: Vec<RunId> = words.iter().map(|word| source.find(word)).collect::<Result<_, _>>()?;
    let mut client = source::daemon(state)?;
    let mut done = Vec::new();
    for run in runs {
        let word = run.to_string();
        let changed = change(&mut client, run).map_err(|problem| helped(&mut client, &word, problem));
        done.push((word, changed));
    }
    tell(done, answer, console)
}

fn each(
    words: &[String],
    answer: Answer,
    console: &mut Console,
    state: &StateDir,
    mut change: impl FnMut(&mut Client, &str) -> Done,
) -> Result<Exit, Failure> {
    let mut client = source::daemon(state)?;
    let mut done = Vec::new();
    for word in words {
        let changed = change(&mut client, word).map_err(|problem| helped(&mut client, word, problem));
        done.push((word.clone(), changed));
    }
    tell(done, answer, console)
}

/// Adds what to do where a run or a job is unknown and the daemon did not say.
fn helped(client: &mut Client, word: &str, mut problem: Problem) -> Problem {
    if problem.code != Code::NotFound {
        return problem;
    }
    if word.parse::<RunId>().is_ok() {
        problem.help.get_or_insert_with(|| "`steadfast ps` lists runs".to_owned());
    } else if let Ok(page) = client.jobs() {
        let loaded: Vec<&str> = page.jobs.iter().filter(|job| job.loaded).map(|job| job.job.as_str()).collect();
        let failure = Failure::from(problem.clone()).suggest(word, loaded);
        problem.help = failure.help;
    }
    problem
}

/// Tells what came of each; where one could not be done, the others were tried all the same.
fn tell(done: Vec<(String, Done)>, answer: Answer, console: &mut Console) -> Result<Exit, Failure> {
    let mut exit = Exit::GOOD;
    let mut outcomes = Vec::new();
    for (what, done) in done {
        match done {
            Ok((sentence, runs)) => {
                if !answer.json {
                    console.print(&sentence)?;
                }
                outcomes.push(Outcome { what, done: true, sentence: Some(sentence), runs, problem: None });
            }
            Err(problem) => {
                exit = Exit(problem.code.exit_code());
                if !answer.json {
                    console.confess(&Failure::from(problem.clone()));
                }
                outcomes.push(Outcome { what, done: false, sentence: None, runs: Vec::new(), problem: Some(problem) });
            }
        }
    }
    if answer.json {
        console.json(&outcomes)?;
    }
    Ok(exit)
}
