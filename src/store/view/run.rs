use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use steadfast_retry::{Ending, Policy};

use crate::ids::RunId;
use crate::journal::FinalizerResult;
use crate::store::StoreError;
use crate::store::sqlite::{self, Whole, unreadable};
use crate::store::standing::{How, State};

use super::fold;
use super::time::Time;

/// Everything about one run: what `show` and `why` print and the run's page draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunView {
    /// Its number.
    pub run: RunId,
    /// Its job.
    pub job: String,
    /// Where it stands.
    pub state: State,
    /// Where it stands and why, in one sentence.
    pub sentence: String,
    /// Whether it is held.
    pub held: bool,
    /// Whether a person should look: it has failed or is held, and neither a retry nor a later success has settled that.
    pub trouble: bool,
    /// Why it is over, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<EndingWord>")]
    pub ending: Option<Ending>,
    /// The decision that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<DecisionView>,
    /// Why it never began, for a skipped run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_because: Option<String>,
    /// When it was opened.
    pub opened_at: Time,
    /// When its first attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Time>,
    /// Until when it waits for its next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// When its deadline passes; absent without one, before the first attempt, and once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Time>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    /// How long its ended attempts ran, together.
    pub worked_seconds: f64,
    /// How long it waited between attempts, as far as the waits are over.
    pub waited_seconds: f64,
    /// What it has been charged; absent if its policy cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerView>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// The tries of its finalizers, oldest first.
    pub finalizers: Vec<FinalizerView>,
    /// What else befell it, oldest first.
    pub notes: Vec<NoteView>,
    /// What opened it.
    pub trigger: TriggerView,
    /// Who asked.
    pub by: String,
    /// Which point of the job's matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u32>,
    /// The matrix that it was opened with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepView>,
    /// Parameters as given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Higher goes first.
    pub priority: i32,
    /// The lane that it waits in, `group/job`.
    pub lane: String,
    /// The caller's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether it waits until no other run of its job is under way.
    pub serial: bool,
    /// The first run of its chain of retries, whose checkpoints it goes on with.
    pub origin: RunId,
    /// Runs that are retries of this one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<RunId>,
    /// The digest of its definition: 32 hexadecimal digits.
    pub definition: String,
    /// The digest of its classes: 32 hexadecimal digits.
    pub classes: String,
    /// Its trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// Its span: 16 hexadecimal digits.
    pub span_id: String,
    /// The span of whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
}

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
    /// From the announcement to the recorded end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
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
    #[schemars(with = "Option<EndingWord>")]
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

/// What a run has been charged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LedgerView {
    /// Attempts of any kind.
    pub attempts: u32,
    /// How many attempts of any kind there may be.
    pub ceiling: u32,
    /// Failures charged to the loop.
    pub charged: u32,
    /// Where that ends; absent where it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// Attempts lost.
    pub interruptions: u32,
    /// How many lost attempts are borne.
    pub interruptions_of: u32,
    /// Attempts lost in a row.
    pub lost_in_a_row: u32,
    /// Free failures in a row.
    pub free_in_a_row: u32,
    /// What is charged to rules with an account of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleCharge>,
}

/// What is charged to one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RuleCharge {
    /// Its number in the policy's list, from 1.
    pub number: u32,
    /// What is charged.
    pub charged: u32,
    /// Where that ends.
    pub of: u32,
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

/// One try of a finalizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FinalizerView {
    /// Its name: `f0.1` is the first try of the first finalizer after the ending, `a3.f0.1` one that follows attempt 3.
    pub piece: String,
    /// The attempt that it follows; absent for one that follows the ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_attempt: Option<u32>,
    /// Its number in the policy's list, from 1.
    pub number: u32,
    /// Which try, from 1.
    pub tried: u32,
    /// How it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<FinalizerResult>,
    /// How it ended, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// When it was announced.
    pub began_at: Time,
    /// When its end was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// From the announcement to the recorded end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

/// Something else that befell a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NoteView {
    /// When.
    pub at: Time,
    /// What: held, released, crossed, late or diverged.
    pub kind: String,
    /// The same in a sentence.
    pub sentence: String,
}

/// What opened a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TriggerView {
    /// One word: asked, pending, schedule, after, retry or terminal.
    pub kind: String,
    /// The due time of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// The jobs that it came after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
    /// The run of which it is a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
}

/// The runs of one matrix, opened together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SweepView {
    /// Its first run.
    pub first: RunId,
    /// How many runs it has.
    pub size: u32,
}

/// Why a run is over, as the schema tells it; the values are those of [`Ending`].
#[derive(schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndingWord {
    /// An attempt succeeded.
    Succeeded,
    /// A limit was reached.
    GaveUp,
    /// A rule said so.
    Stopped,
    /// Somebody wanted it to end.
    Cancelled,
    /// It never began, and now cannot.
    Skipped,
    /// It was in flight at too many crashes of the daemon in a row.
    Quarantined,
}

/// Reads a run and folds it.
pub(super) fn read(
    rows: &Connection,
    run: RunId,
    policy: impl FnOnce(&str) -> Option<Policy>,
) -> Result<Option<RunView>, StoreError> {
    let select = "SELECT at, body FROM journal WHERE run = ?1 ORDER BY seq";
    let mut select = rows.prepare_cached(select)?;
    let mut lines = select.query([run])?;
    let mut entries = Vec::new();
    while let Some(line) = lines.next()? {
        let body = line.get_ref(1)?.as_str().map_err(|error| unreadable("the journal", error))?;
        entries.push(sqlite::entry_of_run(run, line.get(0)?, body)?);
    }
    let Some(opening) = fold::opening_of(&entries) else { return Ok(None) };
    let definition = sqlite::document(rows, opening.definition)?;
    let policy = policy(&definition);
    let mut view = fold::fold(run, opening, &entries, policy.as_ref());
    let select = "SELECT rank FROM runs WHERE id = ?1";
    view.trouble = rows.prepare_cached(select)?.query_row([run], |row| Ok(row.get::<_, Whole>(0)?.0 == 0))?;
    let mut select = rows.prepare_cached("SELECT id FROM runs WHERE retry_of = ?1 ORDER BY id")?;
    view.retries = select.query_map([run], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(view))
}
