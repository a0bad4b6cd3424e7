//! How `run` writes its journal without a daemon: the store is opened for each batch and let go of. A run is never
//! ended for want of a record; the trouble is told once.

use std::collections::BTreeMap;

use steadfast_retry::{Decision, Ending, Event, Moment};

use super::drive::mark;
use super::environment::Environment;
use super::journal::{Journal, TRIES};
use super::plan::Plan;
use crate::cli::surroundings::Surroundings;
use crate::ids::{Digest, Piece, RunId, SpanId, Token, TraceId};
use crate::job::{self, Action, Command, Definition, Matrix, Program};
use crate::journal::{self, End, Entry, FinalizerResult, Happened, Opening, Told, Trigger};
use crate::launch::Output;
use crate::state::StateDir;
use crate::store::{Batch, Document};

/// Who writes a run down, if anybody does.
///
/// A daemon that lives is the pen; without one the store is opened for each batch and let go of again, so that others can write in
/// between. Either may come and go while the run lasts.
pub(super) struct Recorder {
    /// The trace that the run belongs to.
    pub(super) trace: TraceId,
    /// The run's own span.
    span: SpanId,
    journal: Option<Journal>,
    /// Entries that wait for the next batch.
    waiting: Vec<(Moment, Happened)>,
    documents: Vec<Document>,
    /// Whether the last batch could not be written; it is tried again with each one that follows.
    is_behind: bool,
    /// Why nothing is written down at present, once.
    trouble: Option<String>,
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
        let (waiting, documents) = (Vec::new(), Vec::new());
        Self { trace, span, journal: None, waiting, documents, is_behind: false, trouble: None }
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
                this.waiting.push((journal.now(), Happened::Opened(Box::new(opening))));
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
            by: surroundings.user(),
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

    /// Writes the end, and with it all that is still to be written, as far as it can be.
    pub(super) fn closed(&mut self, at: Moment, ending: Ending) {
        self.waiting.push((at, Happened::Closed { ending, because: None }));
        // Nothing will follow that would try again.
        self.is_behind = false;
        self.catch_up();
    }

    /// Takes the reason why nothing is written down at present, to be told once.
    pub(super) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Says how many lines of the run are not written.
    pub(super) fn unwritten(&self) -> usize {
        self.waiting.len()
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
        if self.waiting.is_empty() {
            return;
        }
        let entry = |(at, happened): &(Moment, Happened)| Entry::of_run(*at, journal.run, happened.clone());
        let entries: Vec<Entry> = self.waiting.iter().map(entry).collect();
        // What could not be written a moment ago is not waited for again and again: the command comes first.
        let tries = if self.is_behind { 1 } else { TRIES };
        match journal.append(&Batch { documents: self.documents.clone(), entries }, tries) {
            Ok(()) => {
                (self.waiting, self.documents) = (Vec::new(), Vec::new());
                self.is_behind = false;
            }
            Err(trouble) => {
                self.trouble = Some(trouble).filter(|_| !self.is_behind);
                self.is_behind = true;
                if self.waiting.len() > MOST_WAITING {
                    self.waiting.retain(|(_, happened)| !matches!(happened, Happened::Told { .. }));
                }
            }
        }
    }
}

/// How many lines wait to be written before those are dropped that no decision hangs on.
const MOST_WAITING: usize = 4096;

/// What logs leave free on their disk, for the journal and everybody else.
const LOG_RESERVE_BYTES: u64 = 256 * 1024 * 1024;
