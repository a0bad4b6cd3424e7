//! `steadfast demo`: a daemon of its own over jobs that fail in instructive ways, and what came of each.
//! Needs no network and leaves nothing outside a temporary folder.
//!
//! What is told is read from the journal, the logs and the files of the jobs, and [held](outcome) against what the jobs were written to
//! do: a demo that shows anything else has failed.

mod outcome;
mod weights;

use std::path::{Path, PathBuf};

use clap::Args;

use super::console::{Console, UNLIMITED};
use super::exit::Exit;
use super::failure::Failure;
use super::serve::{looks, serve};
use super::surroundings::Surroundings;
use super::text::{self, Cell};
use crate::daemon::{Served, Settings};
use crate::state::StateDir;
use crate::trace;
use outcome::Outcome;
use weights::Weights;

/// The jobs, with places for what they need.
const JOBS: &str = include_str!("../demo/jobs.toml");

/// Shows in a few seconds what this program is for
///
/// Starts a daemon on a fresh state folder with seven jobs that fail in instructive ways, shows every attempt as it happens, and ends
/// with a table of what came of them. Needs no network. The exit code is 0 where everything went as it was meant to, 1 where anything
/// did not, and 130 after Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast demo                     in a folder of its own under /tmp
  steadfast demo --state here        in the folder `here`; once more: what is there")]
pub(super) struct Arguments {}

pub(super) fn perform(
    chosen: Option<&PathBuf>,
    console: &mut Console,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let folder = match chosen {
        Some(folder) => surroundings.folder.join(folder),
        None => fresh_folder(surroundings)?,
    };
    let (state, work) = (StateDir::at(&folder), folder.join("demo"));
    let file = work.join("demo.toml");
    let mut was_stopped = false;
    if file.exists() {
        let told = "holds a demo already, and this is what came of it; for another: steadfast demo --state NEW-FOLDER";
        console.print(&format!("{} {told}\n", folder.display()))?;
    } else {
        make(&folder, &file)?;
        console
            .print("Seven jobs, each failing in its own way, under one daemon. Every line below is one attempt.\n")?;
        console.flush()?;
        was_stopped = run(&state, &file, console, surroundings)? == Served::Stopped;
    }
    let (all, weights) = (Outcome::all(&state)?, Weights::read(&work));
    console.print(&table(&all, console.width))?;
    console.print(&format!("\n{weights}"))?;
    console.print(&further(&all, &folder, &file, surroundings))?;
    if was_stopped {
        let open: Vec<&str> = all.iter().filter(|one| !one.is_over()).map(|one| one.job).collect();
        let open = if open.is_empty() { "nothing".to_owned() } else { open.join(", ") };
        console.say(format_args!("stopped; not finished: {open}"));
        return Ok(Exit::of_signal(libc::SIGINT));
    }
    let wrong: Vec<String> = all.iter().filter_map(Outcome::wrong).chain(weights.wrong()).collect();
    if wrong.is_empty() {
        return Ok(Exit::GOOD);
    }
    let failure = Failure::new(Exit::FAILED, "the demo did not go as it was meant to");
    Err(wrong.into_iter().fold(failure, |failure, line| failure.context(line)))
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

/// Makes the state folder with the file of jobs. A folder in which anything else lies is somebody's: its daemon would be stopped
/// with all that it runs.
fn make(folder: &Path, file: &Path) -> Result<(), Failure> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let what = format_args!("`{}` holds something else, and the demo wants a folder of its own", folder.display());
        return Err(Failure::new(Exit::CONFLICT, what).help("name a new one: steadfast demo --state NEW-FOLDER"));
    }
    lay_out(file).map_err(|error| {
        Failure::new(
            Exit::of_io(&error),
            format_args!("the demo's folder `{}` cannot be made: {error}", folder.display()),
        )
    })
}

/// Writes the file of jobs.
fn lay_out(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let work = file.parent().expect("the file lies in a folder of the demo");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(work)?;
    // Braces would name a value of the job.
    let literal = |path: &Path| path.to_string_lossy().replace('{', "{{").replace('}', "}}");
    let quoted = |path: &Path| serde_json::Value::from(literal(path)).to_string();
    let variables = format!("{{ DEMO_PROGRAM = {}, DEMO_FOLDER = {} }}", quoted(&own_path()), quoted(work));
    let report = quoted(&work.join("report.txt"));
    std::fs::write(file, JOBS.replace("\"@surroundings@\"", &variables).replace("\"@report@\"", &report))
}

/// Returns where this program lies.
fn own_path() -> PathBuf {
    let own = crate::exec::own_program();
    std::fs::read_link(&own).unwrap_or(own)
}

/// Runs the jobs until nothing is left to do, or somebody has seen enough.
fn run(state: &StateDir, file: &Path, console: &Console, surroundings: &Surroundings) -> Result<Served, Failure> {
    let settings = Settings {
        paths: vec![file.to_owned()],
        state: state.root().to_owned(),
        slots: 4,
        until_idle: true,
        stop_jobs: true,
        watch: false,
    };
    serve(settings, looks(console, surroundings), trace::Filter::for_people(), None)
}

fn table(all: &[Outcome], width: usize) -> String {
    let heading = ["RUN", "JOB", "ATTEMPTS", "ENDING", "WHAT HAPPENED"].map(|text| Cell::styled(text, text::FAINT));
    let rows: Vec<Vec<Cell>> = std::iter::once(heading.to_vec()).chain(all.iter().map(Outcome::row)).collect();
    format!("\n{}", text::prose(&rows, width))
}

/// Names the commands that look further.
fn further(all: &[Outcome], folder: &Path, file: &Path, surroundings: &Surroundings) -> String {
    let run_of = |job: &str| all.iter().find(|one| one.job == job).and_then(Outcome::number).map(|run| run.to_string());
    let steadfast = format!("{} --state {}", own_name(surroundings), quoted(folder));
    let lines = [
        ("flaky", "show", "", "every attempt of `flaky`, with its delays"),
        ("hopeless", "why", "", "why `hopeless` was not tried again"),
        ("training", "logs", " --all", "what `training` printed, attempt by attempt"),
    ];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (job, command, options, says) in lines {
        if let Some(run) = run_of(job) {
            rows.push(vec![Cell::new(format_args!("  {steadfast} {command} {run}{options}")), Cell::new(says)]);
        }
    }
    rows.push(vec![Cell::new(format_args!("  cat {}", quoted(file))), Cell::new("the jobs")]);
    let table = text::table(&rows, UNLIMITED);
    format!("\nLook further:\n{table}Everything is in that folder; to forget it: rm -r {}\n", quoted(folder))
}

/// How to call this very program: by its name where the shell finds it so, else by its path.
fn own_name(surroundings: &Surroundings) -> String {
    let own = own_path();
    let is_own = |folder: PathBuf| std::fs::canonicalize(folder.join("steadfast")).is_ok_and(|found| found == own);
    let path = surroundings.variable("PATH").unwrap_or_default();
    // The shell takes the first of that name, so another one before ours hides it.
    let first = std::env::split_paths(path).find(|folder| folder.join("steadfast").is_file());
    if first.is_some_and(is_own) { "steadfast".to_owned() } else { quoted(&own) }
}

/// Writes a path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,@%:".contains(letter);
    if text.chars().all(is_plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
