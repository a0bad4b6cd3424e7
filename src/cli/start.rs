//! `steadfast start`: asks the daemon for runs. A misspelt name is looked for only after the daemon has refused it.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use steadfast_retry::parse_duration;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::follow::Line;
use super::source::Source;
use super::wait::{self, Until, Wanted};
use crate::api::{Client, Code, Problem, Start};
use crate::clock;
use crate::state::StateDir;
use crate::sys::time::Boottime;

/// Starts jobs under the daemon
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast start fetch-papers -p since=2026-11-20
  steadfast start sweep --point 3
  steadfast start nightly --wait && ./publish.sh

A second start with the same --key opens nothing and names the same run.")]
pub(super) struct Arguments {
    /// The jobs
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<String>,
    /// A value of one of the job's parameters; may be given more than once
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Only this point of the job's matrix, counted from 0
    #[arg(long, value_name = "NUMBER")]
    point: Option<u32>,
    /// How many runs of each job
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: Option<u32>,
    /// Our own name for this start
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The priority instead of the job's: higher goes first, from -1000 to 1000
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    priority: Option<i32>,
    /// Wait until the runs are over: 0 if all succeeded, 1 if not, 124 if a time limit ended them
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this; what is still being tried then gives 75
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Say nothing about attempts while waiting
    #[arg(long, short, requires = "wait")]
    quiet: bool,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let parameters: BTreeMap<String, String> = what.parameters.iter().cloned().collect();
    // With a key a start is safe to send again, where the daemon goes away before it has answered.
    let ours = format!("start-{:016x}{:016x}", clock::random_bits(), clock::random_bits());
    let key = |(place, job): (usize, &String)| match &what.key {
        Some(key) if what.jobs.len() > 1 => format!("{key}/{job}"),
        Some(key) => key.clone(),
        None => format!("{ours}/{place}"),
    };
    let start = |(place, job): (usize, &String)| Start {
        job: job.clone(),
        count: what.count,
        point: what.point,
        parameters: parameters.clone(),
        key: Some(key((place, job))),
        priority: what.priority,
    };
    let mut starts: Vec<Start> = what.jobs.iter().enumerate().map(start).collect();
    let mut line = Line::open(state)?;
    let source = if what.wait { Some(Source::open(state)?) } else { None };
    // Under a key of somebody's own the runs may be there already.
    let since = match &source {
        Some(source) if what.key.is_none() => Some(source.newest_event()?),
        Some(_) | None => None,
    };
    let started = loop {
        let is_safe = starts.iter().all(|start| start.key.is_some());
        match line.client().start(&starts) {
            Ok(started) => break started,
            Err(problem) if problem.code == Code::Unreachable && is_safe => {
                line.again(problem, Boottime::NEVER, console)?;
            }
            Err(problem) if problem.code == Code::Unreachable => {
                return Err(Failure::from(problem).help("see whether the runs were opened: steadfast ps --newest"));
            }
            Err(_) if what.key.is_none() && without_keys_of_sweeps(line.client(), &mut starts) => {}
            Err(problem) => return Err(suggest(line.client(), what, problem)),
        }
    };
    if let Some(source) = source {
        let (timeout, is_quiet, answer) = (what.timeout, what.quiet, what.answer);
        let wanted = Wanted { runs: &started.runs, until: Until::All, timeout, is_quiet, answer };
        return wait::until(&mut line, &source, wanted, since, console);
    }
    if what.answer.json {
        console.json(&started)?;
        return Ok(Exit::GOOD);
    }
    for run in &started.runs {
        console.print(&format!("run {run}"))?;
    }
    if let Some(run) = started.runs.first() {
        console.say(format_args!("next: steadfast why {run}, steadfast logs {run} -f, steadfast wait {run}"));
    }
    Ok(Exit::GOOD)
}

/// Takes our keys back where a job opens a run for each point of its matrix, since a key names one; says whether there were any.
fn without_keys_of_sweeps(client: &mut Client, starts: &mut [Start]) -> bool {
    let mut is_changed = false;
    for start in starts.iter_mut().filter(|start| start.key.is_some() && start.point.is_none()) {
        if client.job(&start.job).is_ok_and(|detail| detail.job.points > 0) {
            start.key = None;
            is_changed = true;
        }
    }
    is_changed
}

/// Adds the name that was meant, where a job or a parameter is unknown.
fn suggest(client: &mut Client, what: &Arguments, problem: Problem) -> Failure {
    let (is_unknown, is_wrong) = (problem.code == Code::NotFound, problem.code == Code::Usage);
    let wanted = &what.jobs;
    let failure = Failure::from(problem);
    if is_wrong {
        return suggest_parameter(client, what, failure);
    }
    let Some(page) = client.jobs().ok().filter(|_| is_unknown) else { return failure };
    let loaded: Vec<&str> = page.jobs.iter().filter(|job| job.loaded).map(|job| job.job.as_str()).collect();
    match wanted.iter().find(|job| !loaded.contains(&job.as_str())) {
        Some(unknown) => failure.suggest(unknown, loaded),
        None => failure,
    }
}

/// Adds the name of the parameter that was meant, for the first that its job does not have.
fn suggest_parameter(client: &mut Client, what: &Arguments, failure: Failure) -> Failure {
    for job in &what.jobs {
        let Ok(detail) = client.job(job) else { continue };
        let known = || detail.parameters.keys().map(String::as_str);
        if let Some((typed, _)) = what.parameters.iter().find(|(name, _)| !detail.parameters.contains_key(name)) {
            return failure.suggest(typed, known());
        }
    }
    failure
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE".to_owned()),
    }
}
