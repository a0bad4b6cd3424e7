//! `steadfast serve`: puts a daemon together with its trace and its socket, and turns its end into an exit code.
//! What the daemon does is in [`daemon`](crate::daemon).

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::exit_of_store;
use super::state;
use super::surroundings::Surroundings;
use crate::api::{self, Hosting};
use crate::clock::Clock;
use crate::daemon::{self, ServeError, Served, Settings};
use crate::dispatch::Tally;
use crate::observe::Observer;
use crate::state::StateDir;
use crate::sys::memory;
use crate::trace::{
    self, Build, ConsoleSettings, Feed, FileSettings, Filter, Looks, Metrics, Telemetry, TraceHandle, TraceSettings,
};

/// Runs the jobs of files and folders: the daemon
///
/// It stays in the foreground. TERM or Ctrl-C stop it cleanly; attempts that are running run on, and the next daemon on the same
/// state folder takes them over. HUP reads the files again; so does a change of a file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast serve jobs/                 runs whatever jobs/*.toml declare
  steadfast serve jobs/ --until-idle    ends when nothing is left to do: exit 0 if all
                                        succeeded, 1 if not, 75 with held runs,
                                        70 if the daemon itself had trouble")]
pub(super) struct Arguments {
    /// Files and folders of jobs
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// How many attempts may run at once; as many as there are processors without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    slots: Option<u32>,
    /// Start each job that has no run yet, and end when nothing is left to do
    #[arg(long)]
    until_idle: bool,
    /// End running attempts when the daemon is stopped, instead of leaving them to the next one
    #[arg(long)]
    stop_jobs: bool,
    /// Do not read files again when they change
    #[arg(long)]
    no_watch: bool,
    /// What is shown on stderr: error, warn, info, debug, trace, or target=level, separated by commas
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Write no lines for machines into the state folder
    #[arg(long)]
    no_trace_files: bool,
}

pub(super) fn perform(
    what: &Arguments,
    chosen: Option<&PathBuf>,
    console: &mut Console,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let folder = state::folder(chosen, surroundings)?;
    let filter = match &what.log {
        Some(text) => Filter::new(text).map_err(Failure::usage)?,
        None => Filter::for_people(),
    };
    let slots = what.slots.map_or_else(processors, |slots| slots as usize);
    let settings = Settings {
        paths: what.paths.clone(),
        state: folder.root().to_owned(),
        slots,
        until_idle: what.until_idle,
        stop_jobs: what.stop_jobs,
        watch: !what.no_watch,
    };
    let looks = looks(console, surroundings);
    let files = (!what.no_trace_files).then(|| (FileSettings::of(&folder), Filter::for_machines()));
    match serve(settings, looks, filter, files)? {
        Served::Stopped => Ok(Exit::GOOD),
        Served::Idle(Tally { failed: 0, held: 0 }) => Ok(Exit::GOOD),
        Served::Idle(Tally { failed: 0, held }) => {
            console.say(format_args!("{held} runs are held; `steadfast release RUN` lets them go on"));
            Ok(Exit::STILL_TRYING)
        }
        Served::Idle(Tally { failed, .. }) => {
            console.say(format_args!("{failed} jobs did not succeed; `steadfast ps` shows them"));
            Ok(Exit::FAILED)
        }
    }
}

/// How lines for people look on stderr.
pub(super) fn looks(console: &Console, surroundings: &Surroundings) -> Looks {
    let is_terminal = std::io::stderr().is_terminal();
    Looks {
        colour: console.has_colourful_talk,
        columns: is_terminal.then(|| console.room()),
        zone: TimeZone::system(),
        journal: surroundings.variable("JOURNAL_STREAM").is_some() && !is_terminal,
    }
}

/// Runs a daemon to its end, with its trace and its socket.
pub(super) fn serve(
    settings: Settings,
    looks: Looks,
    filter: Filter,
    files: Option<(FileSettings, Filter)>,
) -> Result<Served, Failure> {
    memory::keep_little();
    let state = StateDir::at(&settings.state);
    state.make().map_err(|error| {
        Failure::new(
            of_trouble(Exit::of_io(&error)),
            format_args!("the state folder `{}` cannot be made: {error}", state.root().display()),
        )
        .help("choose another with --state DIR")
    })?;
    let clock = Clock::unkept();
    let console = ConsoleSettings { to: Box::new(std::io::stderr()), looks, filter };
    let trace = trace::init(TraceSettings { console: Some(console), files, now: Arc::new(move || clock.moment()) });
    let trace = trace.map_err(|error| Failure::new(Exit::DAEMON_TROUBLE, error))?;
    let served = turn(settings, &state, &trace);
    trace.close(Duration::from_secs(2));
    served.map_err(|error| failure(&error))
}

fn turn(settings: Settings, state: &StateDir, trace: &TraceHandle) -> Result<Served, ServeError> {
    let metrics = Arc::new(Metrics::new(Build { version: env!("CARGO_PKG_VERSION").to_owned(), commit: None }));
    let feed = Feed::new(4_096);
    let observers: Vec<Arc<dyn Observer>> =
        vec![Arc::new(Telemetry::new(Arc::clone(&metrics))), Arc::new(feed.clone())];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ServeError::Io("the runtime cannot begin", error))?;
    let (state, metrics, trace) = (state.clone(), Some(metrics), Some(trace.clone()));
    runtime
        .block_on(daemon::serve(settings, observers, |door| api::host(Hosting { state, door, feed, metrics, trace })))
}

/// What is nobody's refusal is the daemon's own trouble: no job has failed.
fn of_trouble(exit: Exit) -> Exit {
    if exit == Exit::FAILED { Exit::DAEMON_TROUBLE } else { exit }
}

fn failure(error: &ServeError) -> Failure {
    let exit = match error {
        ServeError::Config(_) => Exit::CONFIGURATION,
        ServeError::Store(error) => of_trouble(exit_of_store(error)),
        ServeError::Io(_, error) => of_trouble(Exit::of_io(error)),
    };
    Failure::new(exit, error)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
