use serde::{Deserialize, Serialize};

use crate::ids::RunId;
use crate::store::State;
use crate::store::view::{AttemptView, DecisionView, LedgerView, Time};

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WhyView {
    /// The run.
    pub run: RunId,
    /// Its job.
    pub job: String,
    /// Where it stands.
    pub state: State,
    /// Where it stands and why, in one sentence.
    pub sentence: String,
    /// Everything that must be so for its next attempt, the blocking first; empty once it is over.
    pub reasons: Vec<Reason>,
    /// Until when its delay lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// When its deadline passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Time>,
    /// What it has been charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerView>,
    /// Its latest attempt, with the evidence and what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AttemptView>,
    /// The decision that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<DecisionView>,
}

/// One thing that must be so for an attempt to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// Which, in a word: journal, daemon, run-hold, job-hold, delay, finalizers, alone, group, slots or turn.
    pub about: String,
    /// Whether it keeps the run from going on.
    pub blocks: bool,
    /// How it stands, in a sentence.
    pub sentence: String,
    /// The runs that stand in the way, at most twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
}
