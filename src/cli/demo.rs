//! `steadfast demo`: a daemon of its own over jobs that fail in instructive ways, and what each was there to show.
//! Needs no network and leaves nothing outside a temporary folder.

use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::serve::{looks, serve};
use super::surroundings::Surroundings;
use crate::clock::Clock;
use crate::daemon::Settings;
use crate::store::view::{Filter, Order, Page, RunRow, View};
use crate::trace;

/// The jobs, with a place for the variables that they need.
const JOBS: &str = include_str!("../demo/jobs.toml");

/// Shows in half a minute what this program is for
///
/// Starts a daemon on a fresh state folder with jobs that fail in instructive ways, shows every attempt as it happens, and ends with a
/// table. Needs no network.
#[derive(Args, Debug)]
pub(super) struct Arguments {}

pub(super) fn perform(
    chosen: Option<&PathBuf>,
    console: &mut Console,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let state = match chosen {
        Some(folder) => surroundings.folder.join(folder),
        None => fresh_folder(surroundings)?,
    };
    let jobs = lay_out(&state).map_err(|error| {
        Failure::new(Exit::FAILED, format_args!("the demo's folder `{}` cannot be made: {error}", state.display()))
    })?;
    console.print("Seven jobs, each failing in its own way, under one daemon. Every line below is one attempt.\n")?;
    console.flush()?;
    let settings = Settings {
        paths: vec![jobs.clone()],
        state: state.clone(),
        slots: 4,
        until_idle: true,
        stop_jobs: true,
        watch: false,
    };
    let filter = trace::Filter::for_people();
    serve(settings, looks(console, surroundings), filter, None)?;
    let view = View::open(&state).map_err(|error| Failure::new(Exit::FAILED, error))?;
    let page = Page { order: Order::Newest, after: None, limit: 50, now: Clock::unkept().moment() };
    let mut runs = view.runs(&Filter::default(), &page).map_err(|error| Failure::new(Exit::FAILED, error))?.runs;
    runs.reverse();
    console.print(&table(&runs))?;
    console.print(&further(&runs, &state, &jobs))?;
    Ok(Exit::GOOD)
}

/// Makes a folder that nobody else has, under the folder for temporary files.
fn fresh_folder(surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    let temporary = surroundings.variable("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let folder = temporary.join(format!("steadfast-demo-{:08x}", crate::clock::random_bits() >> 32));
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::new(Exit::FAILED, format_args!("`{}` cannot be made: {error}", folder.display()))
            .help("name a folder with --state DIR")
    })?;
    Ok(folder)
}

/// Writes the file of jobs into the state folder and returns its path.
fn lay_out(state: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let work = state.join("demo");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&work)?;
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    let program = crate::exec::own_program();
    let program = std::fs::read_link(&program).unwrap_or(program);
    let variables = format!("{{ DEMO_PROGRAM = {}, DEMO_FOLDER = {} }}", quoted(&program), quoted(&work));
    let file = work.join("demo.toml");
    std::fs::write(&file, JOBS.replace("\"@surroundings@\"", &variables))?;
    Ok(file)
}

fn table(runs: &[RunRow]) -> String {
    let mut text = format!("\n  run  {:<12} {:>8}  {:<10}  {}\n", "job", "attempts", "ending", "what happened");
    for run in runs {
        let ending = run.ending.map_or("", steadfast_retry::Ending::as_str);
        let what = what_happened(run);
        text.push_str(&format!("  {:>3}  {:<12} {:>8}  {ending:<10}  {what}\n", run.run, run.job, run.attempts));
    }
    text
}

/// Says what a job was there to show.
fn what_happened(run: &RunRow) -> &'static str {
    match run.job.as_str() {
        "flaky" => "two resets, then it worked",
        "hopeless" => "a rule said that no retry helps",
        "slow" => "ran into its time limit, twice",
        "killed" => "killed by a signal, went on where it was",
        "training" => "crashed twice, resumed from its checkpoints",
        "undisturbed" => "the same training, left alone",
        "report" => "came after both: the same weights, to the bit",
        _ => "",
    }
}

/// Names the commands that look further.
fn further(runs: &[RunRow], state: &Path, jobs: &Path) -> String {
    let run_of = |job: &str| runs.iter().find(|run| run.job == job).map_or(1, |run| run.run.0);
    let state = state.display();
    format!(
        "\nLook further:\n\
         \x20 steadfast --state {state} show {flaky}       every attempt of `flaky`, with its delays\n\
         \x20 steadfast --state {state} why {hopeless}        why `hopeless` was not tried again\n\
         \x20 steadfast --state {state} logs {training}       what `training` printed, attempt by attempt\n\
         \x20 cat {jobs}\n\
         Everything is in that folder; to forget it: rm -r {state}\n",
        flaky = run_of("flaky"),
        hopeless = run_of("hopeless"),
        training = run_of("training"),
        jobs = jobs.display(),
    )
}
