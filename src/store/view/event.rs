//! Lines of the journal, with a sentence for each.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use steadfast_retry::{Moment, Outcome};

use crate::ids::RunId;
use crate::journal::{DaemonHappened, Happened, JobHappened, Step, TickFate, Told, Trigger};
use crate::store::StoreError;
use crate::store::sqlite::{Whole, moment, unreadable};

use super::View;
use super::convert::pretty;
use super::fold::{crossed, diverged, late, name_of, sentence_of_decision};
use super::time::Time;

/// Which lines of the journal are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Behind which line; 0 begins with the first.
    pub after: u64,
    /// How many, at most 10,000.
    pub limit: usize,
    /// Only those about one run.
    pub run: Option<RunId>,
}

/// Lines of the journal, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EventPage {
    /// The lines.
    pub events: Vec<EventView>,
    /// What to ask for as `after` to go on: the last line shown, or what was asked for where there is none.
    pub next: u64,
    /// Whether there were more just now.
    pub more: bool,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EventView {
    /// Its number. Numbers grow and are never used again; some may be left out.
    pub seq: u64,
    /// When it was decided.
    pub at: Time,
    /// What happened: opened, stepped, started, told, finalizer-began, finalizer-ended, held, released, crossed, late, diverged,
    /// closed, job-ticked, job-evaluated, job-ended, job-held, job-released, daemon-woke, daemon-slept, daemon-loaded or daemon-recovered.
    pub kind: String,
    /// The run that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The job that it is about, or the job of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The same in a sentence.
    pub sentence: String,
    /// The entry, with times, durations and large numbers as everywhere. Its shape may gain fields and variants with any version.
    #[serde(serialize_with = "super::plain::shown")]
    pub entry: serde_json::Value,
}

impl View {
    /// Returns lines of the journal behind a line.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn events(&self, wanted: &Events) -> Result<EventPage, StoreError> {
        let limit = wanted.limit.clamp(1, 10_000);
        let select = "SELECT journal.seq, journal.at, journal.kind, journal.run, coalesce(journal.job, runs.job), journal.body \
                      FROM journal LEFT JOIN runs ON runs.id = journal.run WHERE journal.seq > ?1";
        let select = match wanted.run {
            None => format!("{select} ORDER BY journal.seq LIMIT ?2"),
            Some(_) => format!("{select} AND journal.run = ?3 ORDER BY journal.seq LIMIT ?2"),
        };
        let mut select = self.rows.prepare_cached(&select)?;
        let (after, most) = (Whole(wanted.after), Whole(limit as u64 + 1));
        let mut rows = match wanted.run {
            None => select.query(params![after, most])?,
            Some(run) => select.query(params![after, most, run])?,
        };
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event_of(row)?);
        }
        let more = events.len() > limit;
        events.truncate(limit);
        let next = events.last().map_or(wanted.after, |event: &EventView| event.seq);
        Ok(EventPage { events, next, more })
    }

    /// Returns the number of the newest line of the journal, 0 if there is none.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn newest_event(&self) -> Result<u64, StoreError> {
        let mut select = self.rows.prepare_cached("SELECT coalesce(max(seq), 0) FROM journal")?;
        Ok(select.query_row((), |row| row.get::<_, Whole>(0))?.0)
    }
}

fn event_of(row: &Row<'_>) -> Result<EventView, StoreError> {
    let (kind, body): (String, String) = (row.get(2)?, row.get(5)?);
    let run: Option<RunId> = row.get(3)?;
    let at = moment(row.get(1)?);
    let sentence = match kind.split_once('-') {
        Some(("job", _)) => serde_json::from_str(&body).map(|happened| of_job(&happened)),
        Some(("daemon", _)) => serde_json::from_str(&body).map(|happened| of_daemon(&happened)),
        Some(_) | None => serde_json::from_str(&body).map(|happened| of_run(at, &happened)),
    };
    let bad = |error| unreadable("the journal", error);
    Ok(EventView {
        seq: row.get::<_, Whole>(0)?.0,
        at: Time::of(at),
        kind,
        run,
        job: row.get(4)?,
        sentence: sentence.map_err(bad)?,
        entry: serde_json::from_str(&body).map_err(bad)?,
    })
}

fn of_run(at: Moment, happened: &Happened) -> String {
    match happened {
        Happened::Opened(opening) => format!("opened {}", opened_by(&opening.trigger, &opening.by)),
        Happened::Stepped(step) => of_step(at, step),
        Happened::Started { piece, pid } => format!("{} is process {pid}", name_of(*piece)),
        Happened::Told { piece, word } => format!("{} {}", name_of(*piece), of_word(word)),
        Happened::FinalizerBegan { piece, .. } => format!("{} begins", name_of(*piece)),
        Happened::FinalizerEnded { piece, sentence, .. } => format!("{} ended: {sentence}", name_of(*piece)),
        Happened::Held { by } => format!("held by {by}"),
        Happened::Released { by } => format!("released by {by}"),
        Happened::Crossed { deaths } => crossed(*deaths),
        Happened::Late { piece, sentence, .. } => late(*piece, sentence),
        Happened::Diverged { today } => diverged(&sentence_of_decision(today)),
        Happened::Closed { ending, because: None } => format!("closed: {ending}"),
        Happened::Closed { ending, because: Some(because) } => format!("closed: {ending}, {because}"),
    }
}

fn opened_by(trigger: &Trigger, by: &str) -> String {
    match trigger {
        Trigger::Asked => format!("by {by}"),
        Trigger::Pending => "because its definition had no run yet".to_owned(),
        Trigger::Schedule { due } => format!("by its schedule, due {}", Time::of_nanos((*due).into())),
        Trigger::After { jobs } => format!("after {}", jobs.join(", ")),
        Trigger::Skipped { jobs } => format!("to say that {} can no longer end as it wants", jobs.join(", ")),
        Trigger::Retry { of } => format!("by {by} as a retry of run {of}"),
        Trigger::Terminal => format!("by {by} on a terminal"),
    }
}

fn of_step(at: Moment, step: &Step) -> String {
    use steadfast_retry::{Decision, Event};
    let because = step.decision.because();
    let ended = match &step.event {
        Event::Ended { outcome: Outcome::Succeeded, .. } => "the attempt succeeded; ",
        Event::Ended { outcome: Outcome::Failed(_), .. } => "the attempt failed; ",
        Event::Ended { outcome: Outcome::Interrupted, .. } => "the attempt was lost; ",
        Event::Ended { outcome: Outcome::Cancelled, .. } => "the attempt was cancelled; ",
        Event::Due { .. } | Event::Voided { .. } | Event::CancelAsked { .. } | Event::Quarantined { .. } => "",
    };
    let by = step.by.as_ref().map_or_else(String::new, |by| format!(", by {by}"));
    match &step.decision {
        Decision::Attempt { number, .. } => format!("attempt {number} begins: {because}{by}"),
        Decision::Wait { until, .. } => format!("{ended}next attempt in {}: {because}{by}", pretty(until.since(at))),
        Decision::Cut { .. } => format!("the attempt is being ended: {because}{by}"),
        Decision::Finish { ending, .. } => format!("{ended}the run has {}: {because}{by}", past(*ending)),
    }
}

const fn past(ending: steadfast_retry::Ending) -> &'static str {
    use steadfast_retry::Ending::{Cancelled, GaveUp, Quarantined, Skipped, Stopped, Succeeded};
    match ending {
        Succeeded => "succeeded",
        GaveUp => "given up",
        Stopped => "been stopped",
        Cancelled => "been cancelled",
        Skipped => "been skipped",
        Quarantined => "been quarantined",
    }
}

fn of_word(word: &Told) -> String {
    match word {
        Told::Ready => "is ready".to_owned(),
        Told::Status(sentence) => format!("says: {sentence}"),
        Told::Phase(phase) => format!("is in phase {phase}"),
        Told::Step { at, of: Some(of) } => format!("is at step {at} of {of}"),
        Told::Step { at, of: None } => format!("is at step {at}"),
        Told::Checkpoint { id, step } => format!("finished checkpoint {id} at step {step}"),
        Told::Inner(attempt) => format!("retries inside: {attempt}"),
    }
}

fn of_job(happened: &JobHappened) -> String {
    match happened {
        JobHappened::Ticked { due, fate } => {
            let due = Time::of_nanos((*due).into());
            match fate {
                TickFate::Opened(run) => format!("due {due}: run {run} was opened"),
                TickFate::Overlapped => format!("due {due}: skipped, because the job was under way"),
            }
        }
        JobHappened::Evaluated { until, missed: 0 } => {
            format!("the schedule was evaluated up to {}", Time::of_nanos((*until).into()))
        }
        JobHappened::Evaluated { until, missed } => {
            format!("the schedule was evaluated up to {}, {missed} missed", Time::of_nanos((*until).into()))
        }
        JobHappened::Ended { success: true } => "ended well as a whole".to_owned(),
        JobHappened::Ended { success: false } => "ended as a whole, and not well".to_owned(),
        JobHappened::Held { by } => format!("held by {by}"),
        JobHappened::Released { by } => format!("released by {by}"),
    }
}

fn of_daemon(happened: &DaemonHappened) -> String {
    match happened {
        DaemonHappened::Woke { version, clean: true, .. } => format!("the daemon {version} began"),
        DaemonHappened::Woke { version, clean: false, .. } => {
            format!("the daemon {version} began; the one before had died")
        }
        DaemonHappened::Slept => "the daemon stopped".to_owned(),
        DaemonHappened::Loaded { jobs: 1, difference } => format!("1 job loaded: {difference}"),
        DaemonHappened::Loaded { jobs, difference } => format!("{jobs} jobs loaded: {difference}"),
        DaemonHappened::Recovered { sentence } => format!("the store takes entries again, after: {sentence}"),
    }
}
