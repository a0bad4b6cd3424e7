//! How a run came to be: its first entry, with everything that it keeps to its end. What is done, its definition says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, RunId, SpanId, TraceId};

/// How a run came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Opening {
    /// The job's name.
    pub job: String,
    /// The digest of the job's definition, its policy included.
    pub definition: Digest,
    /// The digest of the classes.
    pub classes: Digest,
    /// Which point of the job's matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u32>,
    /// Parameters as given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// What opened it.
    pub trigger: Trigger,
    /// Who asked.
    pub by: String,
    /// Higher goes first.
    pub priority: i32,
    /// The lane that it waits in, `group/job`; the part before the stroke is empty without a group.
    pub lane: String,
    /// The caller's key: a second start with the same key is the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The first run of a chain of retries, whose checkpoints this run goes on with; itself, if it is the first.
    pub origin: RunId,
    /// The first run of the matrix that was opened together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// Whether it waits until no other run of its job is under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serial: bool,
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its own span.
    pub span: SpanId,
    /// The span of whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span: Option<SpanId>,
}

/// The runs of one matrix, opened together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Its first run.
    pub first: RunId,
    /// How many runs it has.
    pub size: u32,
    /// How many of them must succeed for the job to have succeeded: decided when it is opened, like a run's policy.
    pub needed: u32,
}

impl Sweep {
    /// Returns its last run: they are numbered one after another.
    #[must_use]
    pub fn last(&self) -> RunId {
        RunId(self.first.0 + u64::from(self.size.max(1)) - 1)
    }
}

/// What opened a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Somebody asked for it.
    Asked,
    /// `serve --until-idle` found no run of its present definition.
    Pending,
    /// A schedule was due, at this time in seconds since the Unix epoch.
    Schedule {
        /// The due time, in nanoseconds since the Unix epoch.
        due: i64,
    },
    /// The jobs that it comes after had ended as it wants.
    After {
        /// Which.
        jobs: Vec<String>,
    },
    /// The jobs that it comes after can no longer end as it wants: the run is written to say so, and closed at once.
    Skipped {
        /// Which.
        jobs: Vec<String>,
    },
    /// A retry of an earlier run, or its release from quarantine.
    Retry {
        /// The earlier run.
        of: RunId,
    },
    /// A command on a terminal, run by its own process.
    Terminal,
}

impl Trigger {
    /// Returns the word that tables, traces and faces use.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Pending => "pending",
            Self::Schedule { .. } => "schedule",
            Self::After { .. } => "after",
            Self::Skipped { .. } => "skipped",
            Self::Retry { .. } => "retry",
            Self::Terminal => "terminal",
        }
    }
}
