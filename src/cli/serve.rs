use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::folder;
use super::surroundings::Surroundings;
use crate::clock::Clock;
use crate::daemon::{self, ServeError, Served, Settings};
use crate::observe::Observer;
use crate::state::StateDir;
use crate::trace::{self, Build, ConsoleSettings, FileSettings, Filter, Looks, Metrics, Telemetry, TraceSettings};

/// Runs the daemon in the foreground, as a service manager wants it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast serve jobs/
  steadfast serve jobs/ --until-idle     until nothing is left to do

HUP reads the files again, TERM and INT stop the daemon. What it has started runs on
until the next daemon, unless --stop-jobs is given.

With --until-idle the exit code is 0 if the newest run of every job succeeded or may
fail, 1 if not, and 75 if runs are held.")]
pub(super) struct Arguments {
    /// Files, and folders of which every `*.toml` is read
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Start what has not run yet, and end when nothing is left to do
    #[arg(long)]
    until_idle: bool,
    /// How many attempts may run at once; the number of processors without it
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=4096))]
    slots: Option<u16>,
    /// Stop what is running when the daemon is stopped
    #[arg(long)]
    stop_jobs: bool,
    /// Do not read files again when they change
    #[arg(long)]
    no_watch: bool,
    /// Which events are printed on stderr, such as `warn` or `info,steadfast::attempt=debug`
    #[arg(long, value_name = "FILTER", value_parser = Filter::new)]
    log: Option<Filter>,
}

pub(super) fn perform(
    what: &Arguments,
    console: &mut Console,
    surroundings: &Surroundings,
    state: Option<&StateDir>,
) -> Result<Exit, Failure> {
    let state = folder(state)?;
    let own = |what: &str, error: std::io::Error| Failure::new(Exit::FAILED, format_args!("{what}: {error}"));
    let slots = what.slots.map_or_else(processors, usize::from);
    let settings = Settings {
        paths: what.paths.clone(),
        state: state.root().to_owned(),
        slots,
        until_idle: what.until_idle,
        stop_jobs: what.stop_jobs,
        watch: !what.no_watch,
    };
    state.make().map_err(|error| own("the state folder cannot be made", error))?;
    let clock = Clock::open(state.root()).map_err(|error| own("the clock's offset cannot be kept", error))?;
    let looks = Looks {
        colour: console.has_colourful_talk,
        columns: console.has_colourful_talk.then_some(console.width),
        zone: jiff::tz::TimeZone::system(),
        journal: surroundings.variable("JOURNAL_STREAM").is_some(),
    };
    let filter = what.log.clone().unwrap_or_else(Filter::for_people);
    let trace = trace::init(TraceSettings {
        console: Some(ConsoleSettings { to: Box::new(std::io::stderr()), looks, filter }),
        files: Some((FileSettings::of(state), Filter::for_machines())),
        now: Arc::new(move || clock.moment()),
    });
    let trace = trace.map_err(|error| Failure::new(Exit::FAILED, error))?;
    let build = Build { version: env!("CARGO_PKG_VERSION").to_owned(), commit: None };
    let telemetry: Arc<dyn Observer> = Arc::new(Telemetry::new(Arc::new(Metrics::new(build))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| own("the runtime cannot begin", error))?;
    let served = runtime.block_on(daemon::serve(settings, vec![telemetry], |_door| Ok(())));
    trace.close(PATIENCE);
    match served {
        Ok(Served::Stopped) => Ok(Exit::GOOD),
        Ok(Served::Idle(tally)) if tally.failed > 0 => Ok(Exit::FAILED),
        Ok(Served::Idle(tally)) if tally.held > 0 => Ok(Exit::STILL_TRYING),
        Ok(Served::Idle(_)) => Ok(Exit::GOOD),
        Err(ServeError::Config(wrong)) => {
            console.say(wrong.trim_end());
            Err(Failure::silent(Exit::CONFIGURATION))
        }
        Err(ServeError::Store(error)) => Err(super::source::of_store(&error)),
        Err(error @ ServeError::Io(..)) => Err(Failure::new(Exit::FAILED, error)),
    }
}

/// How long the last lines of the trace may take.
const PATIENCE: Duration = Duration::from_secs(2);

fn processors() -> usize {
    std::thread::available_parallelism().map_or(4, std::num::NonZero::get)
}
