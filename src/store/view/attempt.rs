//! The shapes in which an attempt is shown: what was seen, what was decided, what it used.

use serde::{Deserialize, Serialize};
use steadfast_retry::Ending;

use crate::store::standing::How;

use super::time::Time;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AttemptView {
    /// Its number.
    pub number: u32,
    /// How it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<How>,
    /// Why it was begun.
    pub because: BecauseView,
    /// When it was announced.
    pub began_at: Time,
    /// When its process ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When its end was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// How long it ran: from spawn to exit as whoever watched it saw it; where nobody did, from the announcement to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What passed besides between its announcement and its end: until it was durable, launched, and its exit was heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around_seconds: Option<f64>,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_seconds: Option<f64>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The leader's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the leader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The exception class that the evidence names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The delay that a server asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_delay_seconds: Option<f64>,
    /// What was seen, in order, and what became of each fact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<FactView>,
    /// What it used and left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageView>,
    /// What the program told of itself.
    #[serde(default, skip_serializing_if = "ProgressView::is_empty")]
    pub progress: ProgressView,
    /// The decision to cut it, if somebody wanted it to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<DecisionView>,
    /// What was decided at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
    /// Its span: 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
}

/// Something that was seen of an attempt, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FactView {
    /// The fact, in words.
    pub fact: String,
    /// The class that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The entry of the class that it met, where that says more than the fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What became of it: decides, falls-back, outranked-by, later-than, gives-way-to, excused-by, noted, names-no-class.
    pub fate: String,
    /// The fact that won over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival: Option<String>,
}

/// A decision of the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DecisionView {
    /// When.
    pub at: Time,
    /// What follows: attempt, wait, cut or finish.
    pub follows: String,
    /// Why.
    pub because: BecauseView,
    /// Who wanted it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Until when the run waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// How long that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    /// How the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// What would be decided by today's program or policy, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<String>,
}

/// The reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BecauseView {
    /// The reason in one sentence.
    pub sentence: String,
    /// What decided, one word: first, delay-over, failed, attempts-spent, deadline-passed …
    pub cause: String,
    /// The exception class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The rule that caught it; absent where the loop's own limits and delay hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleView>,
    /// The account that pays, and its state afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountView>,
    /// Where the delay came from: loop, rule or server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_source: Option<String>,
}

/// A rule, named by its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RuleView {
    /// Its number in the policy's list, from 1.
    pub number: u32,
    /// The file in which it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// An account, with its count after the charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AccountView {
    /// Whose: loop, rule, free or interruptions.
    pub kind: String,
    /// What is charged: for `free` and `interruptions` how many there were.
    pub charged: u32,
    /// Where it ends; absent where it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// How many in a row, for `free` and `interruptions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_a_row: Option<u32>,
}

/// What an attempt used and left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UsageView {
    /// From spawn to exit.
    pub took_seconds: f64,
    /// Processor time of the leader and the children it waited for.
    pub cpu_seconds: f64,
    /// The largest resident set of one process.
    pub peak_bytes: u64,
    /// Output.
    pub output_bytes: u64,
    /// Output that the cap dropped.
    pub dropped_bytes: u64,
    /// Processes that were left behind and let go, or could not be attributed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<String>,
    /// Processes that were left behind and stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Limits that this machine could not enforce, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unenforced: Vec<String>,
}

/// What a program told of itself, latest words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct ProgressView {
    /// When it was ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Time>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The phase it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The step it is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// How many steps there will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// The name of the last finished checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The step that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_step: Option<u64>,
    /// Attempts of retries inside the program.
    #[serde(skip_serializing_if = "is_zero")]
    pub inner_attempts: u64,
    /// When it told something last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Time>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ProgressView {
    /// Says whether it told nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
