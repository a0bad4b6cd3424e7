//! What the dispatcher is told. Whatever it must know of the store comes along, because it never asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::evidence::Evidence;
use crate::ids::{Digest, Piece, RunId, SpanId, Token, TraceId};
use crate::job::Config;
use crate::journal::{Mark, Opening, Told, Usage};
use crate::store::Queued;

use super::live::Terms;
use super::outbox::BatchId;

/// A number by which whoever asked finds the answer again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// A configuration was read.
    Loaded(Box<Loaded>),
    /// Somebody wants runs.
    Start {
        /// Where the answer goes.
        request: RequestId,
        /// Which runs.
        orders: Vec<Order>,
    },
    /// Somebody wants runs to end.
    Cancel {
        /// Where the answer goes.
        request: RequestId,
        /// Which run.
        run: RunId,
        /// What the store knows of it, where it waits for its first attempt.
        found: Option<Box<Found>>,
        /// Who asked.
        by: String,
    },
    /// Somebody wants a run or a job not to begin anything, or wants that to end.
    Hold {
        /// Where the answer goes.
        request: RequestId,
        /// Which run or job.
        target: Target,
        /// Whether to hold or to release.
        hold: bool,
        /// Who asked.
        by: String,
    },
    /// A time that was asked for by [`Effect::Wake`](super::Effect::Wake) has come, or a clock was set.
    Tick,
    /// A process runs.
    Started {
        /// Of which run.
        run: RunId,
        /// Which process.
        piece: Piece,
        /// Its secret.
        token: Token,
        /// Its process id.
        pid: u32,
    },
    /// A program told something.
    Told {
        /// Of which run.
        run: RunId,
        /// Which process.
        piece: Piece,
        /// Its secret.
        token: Token,
        /// What.
        word: Told,
    },
    /// A process and everything it left is gone.
    Ended(Box<Ended>),
    /// A start was proven never to have happened, and never to happen any more.
    Voided {
        /// Of which run.
        run: RunId,
        /// Which process.
        piece: Piece,
        /// Its secret.
        token: Token,
    },
    /// A batch is durable, and all before it.
    Durable(BatchId),
    /// The store answered to [`Effect::Refill`](super::Effect::Refill).
    Refilled {
        /// The lane.
        lane: String,
        /// The next runs of it.
        rows: Vec<Queued>,
        /// What they were opened with, by the digests of definition and classes.
        terms: HashMap<(Digest, Digest), Terms>,
    },
    /// No new attempt is to begin from now on (or they may again).
    Drain(bool),
    /// The daemon is to stop cleanly.
    Stop {
        /// Whether running attempts are ended along with it; else they run on.
        take_jobs: bool,
    },
}

impl Input {
    /// Returns the number under which somebody waits for an answer to it, if somebody does.
    #[must_use]
    pub const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Start { request, .. } | Self::Cancel { request, .. } | Self::Hold { request, .. } => Some(*request),
            Self::Loaded(_)
            | Self::Tick
            | Self::Started { .. }
            | Self::Told { .. }
            | Self::Ended(_)
            | Self::Voided { .. }
            | Self::Durable(_)
            | Self::Refilled { .. }
            | Self::Drain(_)
            | Self::Stop { .. } => None,
        }
    }
}

/// A configuration, and what the store knows of its jobs.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Arc<Config>,
    /// What changed, in a line for the journal; none where nothing did and nobody asked.
    pub difference: Option<String>,
    /// Under `--until-idle`: the jobs and matrix points that have no run of their present definition.
    pub pending: Vec<(String, Option<u32>)>,
}

/// One run that somebody wants.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The job.
    pub job: String,
    /// One point of its matrix; `None` opens all of them.
    pub point: Option<u32>,
    /// Parameters.
    pub parameters: BTreeMap<String, String>,
    /// The caller's key, and the run that was opened under it before, if the store knows one.
    pub key: Option<(String, Option<RunId>)>,
    /// The priority, where it differs from the job's.
    pub priority: Option<i32>,
    /// The earlier run of which this is a retry, with its opening.
    pub retry: Option<(RunId, Box<Found>)>,
    /// Who asked.
    pub by: String,
    /// The trace and span of whoever asked.
    pub parent: Option<(TraceId, SpanId)>,
}

/// What the store knows of a run.
#[derive(Clone, Debug)]
pub struct Found {
    /// How it came to be.
    pub opening: Opening,
    /// What it was opened with.
    pub terms: Terms,
}

/// A run or a job.
#[derive(Clone, Debug)]
pub enum Target {
    /// A run, with what the store knows of it where it waits for its first attempt.
    Run(RunId, Option<Box<Found>>),
    /// A job.
    Job(String),
}

/// What is known of a process that is gone.
#[derive(Debug)]
pub struct Ended {
    /// Of which run.
    pub run: RunId,
    /// Which process.
    pub piece: Piece,
    /// Its secret.
    pub token: Token,
    /// What was seen.
    pub evidence: Evidence,
    /// The furthest finished checkpoint that it told of.
    pub progress: Option<u64>,
    /// What it used.
    pub usage: Usage,
    /// How it ended, in a sentence.
    pub sentence: String,
    /// Up to where the shim's records are settled with this.
    pub mark: Option<Mark>,
}
