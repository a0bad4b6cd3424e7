//! How `run` writes its journal without a daemon: the store is opened for each batch and let go of. A run is never
//! ended for want of a record; the trouble is told once.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_retry::{Decision, Ending, Event, Moment};

use super::drive::mark;
use super::environment::Environment;
use super::plan::Plan;
use crate::cli::surroundings::Surroundings;
use crate::clock::{self, Clock};
use crate::ids::{Digest, Piece, RunId, SpanId, Token, TraceId};
use crate::job::{self, Action, Command, Definition, Matrix, Program};
use crate::journal::{self, About, End, Entry, FinalizerResult, Happened, Opening, Told, Trigger};
use crate::launch::Output;
use crate::state::StateDir;
use crate::store::{Batch, Birth, Document, Sqlite, Store as _, StoreError};
use crate::terminal::Owner;

/// Who writes a run down, if anybody does.
///
/// The store is opened for each batch and let go of again, so that others can write in between.
pub(super) struct Recorder {
    /// The trace that the run belongs to.
    pub(super) trace: TraceId,
    /// The run's own span.
    span: SpanId,
    journal: Option<Journal>,
    /// Entries that wait for the next batch.
    waiting: Vec<(Moment, Happened)>,
    documents: Vec<Document>,
    /// Why nothing is written down any more, once.
    trouble: Option<String>,
}

struct Journal {
    state: StateDir,
    run: RunId,
    clock: Clock,
    /// The name of the store, which makes the run's number unique in the world.
    store: String,
    /// Held from the look at the newest number to the first batch, so that the number is nobody else's.
    first: Option<Sqlite>,
    _owner: Owner,
}

/// What names one start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) token: Token,
    pub(super) span: SpanId,
}

impl From<Mark> for journal::Start {
    fn from(mark: Mark) -> Self {
        Self { token: mark.token, span: mark.span }
    }
}

impl Recorder {
    /// Keeps nothing.
    pub(super) fn none(trace: TraceId) -> Self {
        let span = mark().span;
        Self { trace, span, journal: None, waiting: Vec::new(), documents: Vec::new(), trouble: None }
    }

    /// Opens a run in a state folder.
    pub(super) fn open(
        state: StateDir,
        name: &str,
        command: &[String],
        plan: &Plan,
        environment: &Environment,
        surroundings: &Surroundings,
    ) -> Self {
        let mut this = Self::none(environment.trace);
        match Journal::open(state) {
            Ok(journal) => {
                let opening = this.opening(journal.run, name, command, plan, environment, surroundings);
                this.waiting.push((journal.clock.moment(), Happened::Opened(Box::new(opening))));
                this.journal = Some(journal);
            }
            Err(trouble) => this.trouble = Some(trouble),
        }
        this
    }

    fn opening(
        &mut self,
        run: RunId,
        name: &str,
        command: &[String],
        plan: &Plan,
        environment: &Environment,
        surroundings: &Surroundings,
    ) -> Opening {
        let definition = Definition {
            action: Action::Command(Command {
                success: plan.success.clone(),
                ..Command::new(Program::Argv(command.to_vec()))
            }),
            policy: std::sync::Arc::clone(&plan.policy),
            matrix: Matrix::default(),
            parameters: BTreeMap::new(),
            env: BTreeMap::new(),
            workdir: surroundings.folder.clone(),
            limits: job::ResourceLimits::default(),
            stop: job::StopLadder::default(),
            leftovers: job::Leftovers::default(),
        };
        let classes = serde_json::to_string(&plan.classes).expect("classes are made of texts, numbers and lists");
        let (digest, classes_digest) = (definition.digest(), Digest::of(&classes));
        self.documents.push(Document { digest, body: definition.document() });
        self.documents.push(Document { digest: classes_digest, body: classes });
        // No job can have such a name, so a command never counts as a run of one.
        let job = format!("@{name}");
        Opening {
            lane: format!("/{job}"),
            job,
            definition: digest,
            classes: classes_digest,
            point: None,
            parameters: BTreeMap::new(),
            trigger: Trigger::Terminal,
            by: surroundings.variable("USER").map_or("somebody".into(), |user| user.to_string_lossy().into_owned()),
            priority: 0,
            key: None,
            origin: run,
            sweep: None,
            serial: false,
            trace: self.trace,
            span: self.span,
            parent_span: environment.parent,
        }
    }

    pub(super) fn run(&self) -> Option<RunId> {
        self.journal.as_ref().map(|journal| journal.run)
    }

    /// Returns the name of the run that no other state folder has.
    pub(super) fn run_id(&self) -> Option<String> {
        self.journal.as_ref().map(|journal| format!("{}-{}", journal.store, journal.run))
    }

    /// Returns a folder for what lasts no longer than the run.
    pub(super) fn folder(&self) -> Option<std::path::PathBuf> {
        let journal = self.journal.as_ref()?;
        Some(journal.state.attempts().join(journal.run.to_string()))
    }

    /// Returns where the output of a process is kept.
    pub(super) fn log(&self, piece: Piece) -> Option<Output> {
        let journal = self.journal.as_ref()?;
        let base = journal.state.logs().join(format!("{}-{piece}", journal.run));
        Some(Output { reserve_bytes: LOG_RESERVE_BYTES, ..Output::piped(base) })
    }

    /// Writes down what happened and what was decided, before it is done.
    pub(super) fn stepped(&mut self, event: &Event, decision: &Decision, start: Option<Mark>, end: Option<End>) {
        let step = journal::Step {
            event: event.clone(),
            decision: decision.clone(),
            start: start.map(journal::Start::from),
            end: end.map(Box::new),
            by: None,
        };
        self.write(event.at(), Happened::Stepped(Box::new(step)));
    }

    /// Keeps for the next batch that a process runs.
    pub(super) fn started(&mut self, at: Moment, piece: Piece, pid: u32) {
        self.waiting.push((at, Happened::Started { piece, pid }));
    }

    /// Keeps for the next batch what a program told.
    pub(super) fn told(&mut self, at: Moment, piece: Piece, word: Told) {
        self.waiting.push((at, Happened::Told { piece, word }));
    }

    pub(super) fn finalizer_began(&mut self, at: Moment, piece: Piece, token: Token) {
        self.write(at, Happened::FinalizerBegan { piece, token });
    }

    pub(super) fn finalizer_ended(&mut self, at: Moment, piece: Piece, result: FinalizerResult, sentence: String) {
        self.write(at, Happened::FinalizerEnded { piece, result, sentence, mark: None });
    }

    pub(super) fn closed(&mut self, at: Moment, ending: Ending) {
        self.write(at, Happened::Closed { ending, because: None });
    }

    /// Takes the reason why nothing is written down, to be told once.
    pub(super) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Writes what waits and one thing more.
    fn write(&mut self, at: Moment, happened: Happened) {
        self.waiting.push((at, happened));
        self.catch_up();
    }

    /// Writes what waits. A run is not ended for want of a record.
    pub(super) fn catch_up(&mut self) {
        let Some(journal) = &mut self.journal else {
            self.waiting.clear();
            return;
        };
        let run = journal.run;
        let entry = |(at, happened)| Entry { at, about: About::Run(run, happened) };
        let entries: Vec<Entry> = self.waiting.drain(..).map(entry).collect();
        if entries.is_empty() {
            return;
        }
        let batch = Batch { documents: std::mem::take(&mut self.documents), entries };
        if let Err(trouble) = journal.append(&batch) {
            self.trouble = Some(trouble);
            self.journal = None;
        }
    }
}

/// What logs leave free on their disk, for the journal and everybody else.
const LOG_RESERVE_BYTES: u64 = 256 * 1024 * 1024;

impl Journal {
    fn open(state: StateDir) -> Result<Self, String> {
        state.make().map_err(|error| format!("the state folder {} cannot be made: {error}", state.root().display()))?;
        let clock = Clock::open(state.root()).map_err(|error| format!("the clock cannot be kept: {error}"))?;
        let mut store = open(&state, &clock)?;
        let told = |error: StoreError| one_line(&error);
        let newest = store.recover().map_err(told)?.newest_run;
        let name = store.recall("store").map_err(told)?.unwrap_or_default().chars().take(12).collect();
        let run = RunId(newest + 1);
        let owner = Owner::take(&state, run).map_err(|error| format!("the run cannot be owned: {error}"))?;
        Ok(Self { state, run, clock, store: name, first: Some(store), _owner: owner })
    }

    fn append(&mut self, batch: &Batch) -> Result<(), String> {
        let mut store = match self.first.take() {
            Some(store) => store,
            None => open(&self.state, &self.clock)?,
        };
        store.append(batch).map_err(|error| one_line(&error))
    }
}

/// How often the store is asked for again that somebody else writes to, and how long between.
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

/// Opens the store. Another command on a terminal lets go of it soon; a daemon does not.
fn open(state: &StateDir, clock: &Clock) -> Result<Sqlite, String> {
    let wide = (u128::from(clock::random_bits()) << 64) | u128::from(clock::random_bits());
    let birth = Birth { store: wide, at: clock.moment() };
    let mut tries = 0;
    loop {
        match Sqlite::open(state.root(), birth) {
            Ok(store) => return Ok(store),
            Err(StoreError::Held(_)) if tries < TRIES && !state.socket().exists() => {
                tries += 1;
                pause();
            }
            Err(StoreError::Held(by)) => return Err(format!("the store is in use by {by}")),
            Err(error) => return Err(one_line(&error)),
        }
    }
}

/// Waits a little for somebody else to let go of the store: no decision of the run, and nothing to be woken by.
fn pause() {
    let _ = rustix::event::poll(
        &mut [],
        Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: BETWEEN.subsec_nanos().into() }),
    );
}

fn one_line(error: &StoreError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
