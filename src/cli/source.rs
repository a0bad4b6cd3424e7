//! Where answers come from: the daemon where one lives, the store of the state folder where none does.

use std::path::Path;

use steadfast_retry::{Moment, Policy};

use super::exit::Exit;
use super::failure::Failure;
use crate::api::{Client, Problem, Reason};
use crate::clock::Clock;
use crate::ids::RunId;
use crate::job::Definition;
use crate::journal::Entry;
use crate::state::StateDir;
use crate::store::view::{Cursor, EventPage, Events, Filter, Order, Page, RunPage, RunRow, RunView, Time, View};
use crate::store::{State, StoreError};

/// What a reading command asks.
pub(super) struct Source {
    state: StateDir,
    view: View,
    clock: Clock,
}

impl Source {
    /// Opens the state folder for reading, if anything ran with it.
    pub(super) fn open_any(state: &StateDir) -> Result<Option<Self>, Failure> {
        match View::open(state.root()) {
            Ok(view) => Ok(Some(Self { state: state.clone(), view, clock: Clock::unkept() })),
            Err(StoreError::Missing(_)) => Ok(None),
            Err(other) => Err(of_store(&other)),
        }
    }

    /// Opens the state folder that the arguments or the environment name, for reading.
    pub(super) fn open(state: &StateDir) -> Result<Self, Failure> {
        let view = view(state)?;
        Ok(Self { state: state.clone(), view, clock: Clock::unkept() })
    }

    pub(super) fn state(&self) -> &StateDir {
        &self.state
    }

    pub(super) fn now(&self) -> Time {
        Time::of(self.clock.moment())
    }

    pub(super) fn runs(
        &self,
        filter: &Filter,
        limit: usize,
        order: Order,
        after: Option<Cursor>,
    ) -> Result<RunPage, Failure> {
        let page = Page { order, after, limit, now: self.clock.moment() };
        self.view.runs(filter, &page).map_err(|error| of_store(&error))
    }

    pub(super) fn run(&self, run: RunId) -> Result<RunView, Failure> {
        let found = self.view.run(run, policy_of).map_err(|error| of_store(&error))?;
        found.ok_or_else(|| Failure::not_found(format_args!("there is no run {run}")).help("`steadfast ps` lists runs"))
    }

    pub(super) fn events(&self, wanted: &Events) -> Result<EventPage, Failure> {
        self.view.events(wanted).map_err(|error| of_store(&error))
    }

    pub(super) fn newest_event(&self) -> Result<u64, Failure> {
        self.view.newest_event().map_err(|error| of_store(&error))
    }

    pub(super) fn row(&self, run: RunId) -> Result<RunRow, Failure> {
        let row = self.view.row(run).map_err(|error| of_store(&error))?;
        row.ok_or_else(|| no_run(run))
    }

    /// Returns the journal of a run as it was written, oldest first.
    pub(super) fn entries(&self, run: RunId) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        let mut wanted = Events { after: 0, limit: 10_000, run: Some(run) };
        loop {
            let page = self.events(&wanted)?;
            for event in page.events {
                let happened = serde_json::from_value(event.entry).map_err(|error| {
                    Failure::new(
                        Exit::FAILED,
                        format_args!("line {} of the journal cannot be read: {error}", event.seq),
                    )
                })?;
                let at = u64::try_from(event.at.timestamp().as_nanosecond()).unwrap_or_default();
                entries.push(Entry::of_run(Moment::from_nanos(at), run, happened));
            }
            if !page.more {
                return Ok(entries);
            }
            wanted.after = page.next;
        }
    }

    /// Returns what a run waits for, as the daemon sees it; where none lives, it is that which the run waits for.
    pub(super) fn reasons(&self, run: &RunView) -> Result<Vec<Reason>, Failure> {
        match Client::connect(&self.state) {
            Ok(mut client) => Ok(client.why(run.run)?.reasons),
            Err(_) if run.trigger.kind == "terminal" => Ok(Vec::new()),
            Err(_) => {
                let sentence = NO_DAEMON.to_owned();
                Ok(vec![Reason { about: "daemon".to_owned(), blocks: true, sentence, runs: Vec::new() }])
            }
        }
    }

    /// Says whether a daemon answers.
    pub(super) fn has_daemon(&self) -> bool {
        Client::connect(&self.state).is_ok()
    }

    /// Says whether a run in such a state, opened by such a trigger, can go on only under a daemon, and none answers.
    pub(super) fn waits_for_daemon(&self, state: State, trigger: &str) -> bool {
        // What a process on a terminal holds goes on by itself.
        state != State::Closed && trigger != "terminal" && !self.has_daemon()
    }

    /// Finds the run that a word means: a number, or the newest run of a job.
    pub(super) fn find(&self, word: &str) -> Result<RunId, Failure> {
        if let Ok(run) = word.parse() {
            return Ok(run);
        }
        let jobs = self.view.jobs().map_err(|error| of_store(&error))?;
        match jobs.iter().find(|job| job.job == word) {
            Some(job) => job.newest.ok_or_else(|| {
                let told = format_args!("the job `{word}` has no run yet");
                Failure::not_found(told).help(format_args!(
                    "`steadfast jobs show {word}` says when it is due, `steadfast start {word}` starts it"
                ))
            }),
            None => {
                let unknown = Failure::not_found(format_args!("`{word}` is no run and no job that ever ran"));
                let unknown = unknown.help("`steadfast ps` lists runs, `steadfast jobs list` jobs");
                Err(unknown.suggest(word, jobs.iter().map(|job| job.job.as_str())))
            }
        }
    }
}

/// What keeps everything waiting where no daemon lives.
pub(super) const NO_DAEMON: &str = "none runs; start `steadfast serve`";

/// Opens the store for reading.
pub(super) fn view(state: &StateDir) -> Result<View, Failure> {
    View::open(state.root()).map_err(|error| not_opened(state, &error))
}

/// Says why a store cannot be read.
pub(super) fn not_opened(state: &StateDir, error: &StoreError) -> Failure {
    match error {
        StoreError::Missing(_) => nothing_yet(state.root()),
        other => of_store(other),
    }
}

/// Connects to the daemon, for whatever only a daemon can do.
pub(super) fn daemon(state: &StateDir) -> Result<Client, Failure> {
    Client::connect(state).map_err(|unreachable| Failure::from(Problem::from(unreachable)))
}

/// The daemon's own words, with the exit code that belongs to them.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let failure = Self::new(Exit(problem.code.exit_code()), &problem.message);
        match problem.help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// Reads the policy out of a run's stored definition.
fn policy_of(definition: &str) -> Option<Policy> {
    let definition: Definition = serde_json::from_str(definition).ok()?;
    Some((*definition.policy).clone())
}

fn no_run(run: RunId) -> Failure {
    Failure::not_found(format_args!("there is no run {run}")).help("`steadfast ps` lists runs")
}

fn nothing_yet(folder: &Path) -> Failure {
    Failure::not_found(format_args!("nothing has run yet with the state folder {}", folder.display()))
        .help("begin with `steadfast run -- CMD` or `steadfast serve jobs/`, or name another folder with `--state DIR`")
}

pub(super) fn of_store(error: &StoreError) -> Failure {
    Failure::new(exit_of_store(error), error)
}

pub(super) fn exit_of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Held(_) | StoreError::Conflict(_) | StoreError::Refused(_) => Exit::CONFLICT,
        StoreError::Missing(_) => Exit::NOT_FOUND,
        StoreError::Denied(_) => Exit::DENIED,
        StoreError::Full(_)
        | StoreError::Io(_)
        | StoreError::Unsynced(_)
        | StoreError::Corrupt(_)
        | StoreError::Newer { .. } => Exit::FAILED,
    }
}
