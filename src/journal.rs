//! What is written down: the entries of the journal.
//!
//! # Theory of operation
//!
//! An [`Entry`] is made once, by the dispatcher, and shown to every reader alike: the store (which acknowledges it), the
//! trace and the live feed. The heart is [`Step`]: the event that happened and the decision that followed stand in *one*
//! entry, so no crash can part them, and a run is folded by handing its steps to
//! [`RunState::apply`](steadfast_retry::RunState::apply) one after another.
//!
//! Deliberately not here: what the tables look like (the store's), how a line reads (the trace's), when something is written (the
//! dispatcher's). Entries are data, stored as JSON; a field is added with a default and never changes its meaning.

mod opening;
pub(crate) mod seconds;
mod usage;

pub use usage::Usage;

use serde::{Deserialize, Serialize};
use steadfast_retry::{Decision, Ending, Event, Moment};

use crate::evidence::{Evidence, Verdict};
use crate::ids::{Piece, RunId, ShimId, SpanId, Token};

pub use opening::{Opening, Sweep, Trigger};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided.
    pub at: Moment,
    /// Whom it is about, and what happened.
    pub about: About,
}

/// Whom an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// One run.
    Run(RunId, Happened),
    /// One job.
    Job(String, JobHappened),
    /// The daemon itself.
    Daemon(DaemonHappened),
}

/// What happened to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// It was opened.
    Opened(Box<Opening>),
    /// An event of the engine, and what was decided.
    Stepped(Box<Step>),
    /// A process has begun to run.
    Started {
        /// Which.
        piece: Piece,
        /// Its process id.
        pid: u32,
    },
    /// The program told something on its own.
    Told {
        /// Which process.
        piece: Piece,
        /// What.
        word: Told,
    },
    /// A finalizer's try was announced.
    FinalizerBegan {
        /// Which.
        piece: Piece,
        /// The secret of this start.
        token: Token,
    },
    /// A finalizer's try ended.
    FinalizerEnded {
        /// Which.
        piece: Piece,
        /// How.
        result: FinalizerResult,
        /// How it ended, in a sentence.
        sentence: String,
        /// Up to where the shim's records are settled by this entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Mark>,
    },
    /// It is held: no attempt begins until it is released.
    Held {
        /// Who asked.
        by: String,
    },
    /// It is no longer held.
    Released {
        /// Who asked.
        by: String,
    },
    /// It was in flight when a daemon died without a clean stop, so many times in a row.
    Crossed {
        /// How many.
        deaths: u32,
    },
    /// A report came of a start that is no longer the run's own; it was refused.
    Late {
        /// Which process.
        piece: Piece,
        /// Its secret.
        token: Token,
        /// What it said.
        sentence: String,
        /// Up to where the shim's records are settled by this entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Mark>,
    },
    /// The recorded decision was followed although today's code or policy would decide otherwise.
    Diverged {
        /// What would be decided today.
        today: Box<Decision>,
    },
    /// Everything that follows the ending is done.
    Closed {
        /// The ending.
        ending: Ending,
        /// Why it never began, for a skipped run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
}

/// One event of the engine, what was decided, and what came with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// What happened.
    pub event: Event,
    /// What was decided.
    pub decision: Decision,
    /// The start that was announced, if an attempt was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// How the attempt ended, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Box<End>>,
    /// Who wanted it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A start that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The secret of this start.
    pub token: Token,
    /// The attempt's span.
    pub span: SpanId,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct End {
    /// What was seen.
    pub evidence: Evidence,
    /// What it names.
    pub verdict: Verdict,
    /// What it used.
    pub usage: Usage,
    /// Up to where the shim's records are settled by this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// Up to where a shim's records are settled: the daemon commits it with the entries that settle them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The shim.
    pub shim: ShimId,
    /// The offset behind the record in its journal.
    pub offset: u64,
}

/// What a program tells while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// It is ready.
    Ready,
    /// A sentence for people.
    Status(String),
    /// The phase it is in.
    Phase(String),
    /// A live step, and how many there will be.
    Step {
        /// The step.
        at: u64,
        /// All steps, if it said so.
        of: Option<u64>,
    },
    /// A finished checkpoint: durable progress.
    Checkpoint {
        /// Its name.
        id: String,
        /// The step that it holds.
        step: u64,
    },
    /// An attempt of a retry inside the program.
    Inner(String),
}

/// How a finalizer's try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FinalizerResult {
    /// It exited with zero.
    Done,
    /// It failed, timed out or could not be started.
    Failed,
    /// It was lost, and is tried again without a charge.
    Lost,
}

impl FinalizerResult {
    /// Returns the word that tables, traces and faces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobHappened {
    /// A due time of its schedule was dealt with.
    Ticked {
        /// The due time, in nanoseconds since the Unix epoch.
        due: i64,
        /// What came of it.
        fate: TickFate,
    },
    /// Its schedule was evaluated up to this time, in nanoseconds since the Unix epoch.
    Evaluated {
        /// The time.
        until: i64,
        /// How many due times were dropped as missed.
        missed: u64,
    },
    /// It has ended as a whole (a matrix with its last run). Written for jobs that others come after.
    Ended {
        /// Whether that counts as a success.
        success: bool,
    },
    /// It is held: nothing of it begins until it is released.
    Held {
        /// Who asked.
        by: String,
    },
    /// It is no longer held.
    Released {
        /// Who asked.
        by: String,
    },
}

/// What came of a due time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TickFate {
    /// A run was opened.
    Opened(RunId),
    /// The job was under way, and its overlap policy says to skip.
    Overlapped,
}

/// What happened to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DaemonHappened {
    /// It began.
    Woke {
        /// Its version.
        version: String,
        /// The boot it runs in.
        boot: String,
        /// Whether the one before had stopped cleanly.
        clean: bool,
    },
    /// It stopped cleanly.
    Slept,
    /// It took up a configuration.
    Loaded {
        /// How many jobs.
        jobs: u32,
        /// What changed, in a line.
        difference: String,
    },
    /// It could not write for a while, and can again.
    Recovered {
        /// What had failed.
        sentence: String,
    },
}

impl Entry {
    /// Makes an entry about a run.
    #[must_use]
    pub const fn of_run(at: Moment, run: RunId, happened: Happened) -> Self {
        Self { at, about: About::Run(run, happened) }
    }

    /// Makes an entry about a job.
    #[must_use]
    pub const fn of_job(at: Moment, job: String, happened: JobHappened) -> Self {
        Self { at, about: About::Job(job, happened) }
    }

    /// Makes an entry about the daemon.
    #[must_use]
    pub const fn of_daemon(at: Moment, happened: DaemonHappened) -> Self {
        Self { at, about: About::Daemon(happened) }
    }

    /// Returns the run that it is about.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match &self.about {
            About::Run(run, _) => Some(*run),
            About::Job(..) | About::Daemon(_) => None,
        }
    }

    /// Says whether nobody waits for it to be durable: it is told for those who look, and comes again from the shim if it is lost.
    #[must_use]
    pub const fn may_wait(&self) -> bool {
        matches!(self.about, About::Run(_, Happened::Started { .. }))
    }

    /// Returns up to where it settles a shim's records.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        match &self.about {
            About::Run(_, Happened::Stepped(step)) => step.end.as_ref()?.mark,
            About::Run(_, Happened::FinalizerEnded { mark, .. } | Happened::Late { mark, .. }) => *mark,
            About::Run(..) | About::Job(..) | About::Daemon(_) => None,
        }
    }
}
