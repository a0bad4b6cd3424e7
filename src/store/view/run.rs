//! Everything about one run, folded from its journal when it is asked for.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use steadfast_retry::{Ending, Policy};

use crate::ids::RunId;
use crate::job::Definition;
use crate::journal::FinalizerResult;
use crate::store::StoreError;
use crate::store::sqlite::{self, Whole, unreadable};
use crate::store::standing::State;

use super::attempt::{AttemptView, DecisionView};
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
    /// Whether its job is held, so that no attempt of it begins; false once it is over.
    #[serde(default)]
    pub job_held: bool,
    /// Whether a person should look: it has failed or is held, and neither a retry nor a later success has settled that.
    pub trouble: bool,
    /// Why it is over, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// How long its ended attempts ran, together: the sum of their `seconds`.
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
    /// What it runs, as one would type it: arguments quoted as a shell needs it, or the text for the shell; `{attempt}` stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Which point of the job's matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u32>,
    /// The values of that point, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, String>,
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
    /// One word: asked, pending, schedule, after, skipped, retry or terminal.
    pub kind: String,
    /// The due time of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// The jobs that it came after, or that kept it from beginning.
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
    if let Ok(definition) = serde_json::from_str::<Definition>(&definition) {
        let point = opening.point.and_then(|point| definition.matrix.point(point));
        view.command = Some(definition.command_line(&opening.job, run, point.as_ref(), &opening.parameters));
        view.matrix = point.map(|point| point.values.into_iter().collect()).unwrap_or_default();
    }
    let select = "SELECT rank FROM runs WHERE id = ?1";
    view.trouble = rows.prepare_cached(select)?.query_row([run], |row| Ok(row.get::<_, Whole>(0)?.0 == 0))?;
    view.job_held = view.state != State::Closed && is_held(rows, &view.job)?;
    view.sentence = fold::sentence(&view);
    let mut select = rows.prepare_cached("SELECT id FROM runs WHERE retry_of = ?1 ORDER BY id")?;
    view.retries = select.query_map([run], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(view))
}

fn is_held(rows: &Connection, job: &str) -> Result<bool, StoreError> {
    let mut select = rows.prepare_cached("SELECT held FROM jobs WHERE name = ?1")?;
    Ok(select.query_row([job], |row| row.get(0)).optional()?.unwrap_or(false))
}
