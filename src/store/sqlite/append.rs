//! Entries into rows.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};
use steadfast_retry::{Ending, Moment};

use crate::ids::RunId;
use crate::journal::{About, DaemonHappened, Entry, Happened, JobHappened, Opening, Sweep, TickFate, Trigger};
use crate::store::standing::{Change, Ends, Standing, State, ending_of};
use crate::store::{Document, StoreError};

use super::fault::unreadable;
use super::tally::Tally;
use super::value::{Whole, nanos};

/// One transaction's work on the rows. What it changes more than once, it writes once.
pub(super) struct Pen<'c> {
    rows: &'c Transaction<'c>,
    /// Runs that this transaction has touched, as it left them.
    seen: BTreeMap<RunId, Touched>,
    /// Processes of attempts that this transaction has not written: their ends may be among what follows.
    begun: BTreeMap<(RunId, u32), Began>,
    /// Whether runs are closed without success of which the rows do not say so yet.
    hides_failures: bool,
    tally: Tally,
}

/// A run as the transaction leaves it.
struct Touched {
    standing: Standing,
    /// What its row does not say yet.
    unwritten: Option<Unwritten>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Unwritten {
    began: Option<i64>,
    closed: Option<i64>,
    step: Option<i64>,
}

/// The process of an attempt.
#[derive(Clone, Copy, Debug)]
struct Began {
    pid: u32,
    at: i64,
}

impl<'c> Pen<'c> {
    pub(super) fn new(rows: &'c Transaction<'c>) -> Self {
        Self { rows, seen: BTreeMap::new(), begun: BTreeMap::new(), hides_failures: false, tally: Tally::default() }
    }

    /// Writes what was only noted so far.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.move_runs()?;
        for ((run, number), Began { pid, at }) in std::mem::take(&mut self.begun) {
            let update = "UPDATE attempts SET pid = ?3, started_at = ?4 WHERE run = ?1 AND number = ?2";
            self.rows.prepare_cached(update)?.execute(params![run, number, pid, at])?;
        }
        self.tally.write(self.rows)
    }

    pub(super) fn keep(&self, document: &Document) -> Result<(), StoreError> {
        let mut insert = self.rows.prepare_cached("INSERT OR IGNORE INTO documents (digest, body) VALUES (?1, ?2)")?;
        insert.execute(params![document.digest, document.body])?;
        Ok(())
    }

    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let at = entry.at;
        if let Some(mark) = entry.mark() {
            self.tally.mark(mark, at);
        }
        match &entry.about {
            About::Run(run, happened) => {
                let body = to_json(happened)?;
                let seq = self.line(at, Some(*run), None, kind_of_run(happened), &body)?;
                self.of_run(at, *run, happened, seq)
            }
            About::Job(job, happened) => {
                self.line(at, None, Some(job), kind_of_job(happened), &to_json(happened)?)?;
                self.of_job(at, job, happened)
            }
            About::Daemon(happened) => {
                self.line(at, None, None, kind_of_daemon(happened), &to_json(happened)?)?;
                self.of_daemon(at, happened)
            }
        }
    }

    fn line(
        &self,
        at: Moment,
        run: Option<RunId>,
        job: Option<&str>,
        kind: &str,
        body: &str,
    ) -> Result<i64, StoreError> {
        let insert = "INSERT INTO journal (at, run, job, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)";
        Ok(self.rows.prepare_cached(insert)?.insert(params![at.as_nanos().cast_signed(), run, job, kind, body])?)
    }

    fn of_run(&mut self, at: Moment, run: RunId, happened: &Happened, seq: i64) -> Result<(), StoreError> {
        if let Happened::Opened(opening) = happened {
            return self.open(at, run, opening, seq);
        }
        let Some(Touched { standing: before, unwritten }) = self.touch(run)? else {
            // A late report may be about a run that was pruned long ago; it is kept, so that its mark settles the record.
            if matches!(happened, Happened::Late { .. }) {
                return Ok(());
            }
            return Err(StoreError::Conflict(format!("run {run} was never opened")));
        };
        let (after, change) = before.follow(run, happened).map_err(StoreError::Conflict)?;
        self.change(at, run, &change)?;
        let step = matches!(happened, Happened::Stepped(_)).then_some(seq);
        let mut touched = Touched { standing: after, unwritten };
        if touched.standing != before || step.is_some() {
            let after = &touched.standing;
            let unwritten = touched.unwritten.get_or_insert_default();
            unwritten.began = unwritten.began.or((before.attempts == 0 && after.attempts > 0).then(|| nanos(at)));
            unwritten.closed = (after.state == State::Closed).then(|| nanos(at));
            unwritten.step = step.or(unwritten.step);
            self.tally.moved(&before, after);
            if after.state == State::Closed {
                self.closed(run, after)?;
            }
        }
        self.seen.insert(run, touched);
        Ok(())
    }

    fn open(&mut self, at: Moment, run: RunId, opening: &Opening, seq: i64) -> Result<(), StoreError> {
        let insert = "INSERT INTO runs (id, job, definition, classes, point, sweep, sweep_size, sweep_need, lane, priority, \
                      key, origin, retry_of, cause, opened_seq, opened_at, state) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 'queued')";
        let retry_of = match opening.trigger {
            Trigger::Retry { of } => Some(of),
            Trigger::Asked
            | Trigger::Pending
            | Trigger::Schedule { .. }
            | Trigger::After { .. }
            | Trigger::Skipped { .. }
            | Trigger::Terminal => None,
        };
        self.rows.prepare_cached(insert)?.execute(params![
            run,
            opening.job,
            opening.definition,
            opening.classes,
            opening.point,
            opening.sweep.map(|sweep| sweep.first),
            opening.sweep.map(|sweep| sweep.size),
            opening.sweep.map(|sweep| sweep.needed),
            opening.lane,
            opening.priority,
            opening.key,
            opening.origin,
            retry_of,
            opening.trigger.as_str(),
            seq,
            nanos(at),
        ])?;
        if let Some(earlier) = retry_of {
            self.settle(earlier)?;
        }
        let standing = Standing::opened(opening);
        self.tally.opened(at, run, opening, &standing);
        self.seen.insert(run, Touched { standing, unwritten: None });
        Ok(())
    }

    /// Takes a run up as it stands, this transaction included.
    fn touch(&mut self, run: RunId) -> Result<Option<Touched>, StoreError> {
        if let Some(touched) = self.seen.remove(&run) {
            return Ok(Some(touched));
        }
        let standing = read_standing(self.rows, run)?;
        Ok(standing.map(|standing| Touched { standing, unwritten: None }))
    }

    /// Writes the runs as they stand now.
    fn move_runs(&mut self) -> Result<(), StoreError> {
        let update = "UPDATE runs SET state = ?2, held = ?3, attempts = ?4, due_at = ?5, class = ?6, ending = ?7, \
                      began_at = coalesce(began_at, ?8), closed_at = ?9, step_seq = coalesce(?10, step_seq) WHERE id = ?1";
        let mut update = self.rows.prepare_cached(update)?;
        self.hides_failures = false;
        for (run, Touched { standing, unwritten }) in &mut self.seen {
            let Some(Unwritten { began, closed, step }) = unwritten.take() else { continue };
            update.execute(params![
                run,
                standing.state.as_str(),
                standing.held,
                standing.attempts,
                standing.due.map(|due| i64::try_from(due).unwrap_or(i64::MAX)),
                standing.class,
                standing.ending.map(Ending::as_str),
                began,
                closed,
                step,
            ])?;
        }
        Ok(())
    }

    fn change(&mut self, at: Moment, run: RunId, change: &Change<'_>) -> Result<(), StoreError> {
        let (id, at) = (run, nanos(at));
        match change {
            Change::Nothing => {}
            Change::AttemptBegins { number, start } => {
                let insert =
                    "INSERT INTO attempts (run, number, token, state, began_at) VALUES (?1, ?2, ?3, 'running', ?4)";
                self.rows.prepare_cached(insert)?.execute(params![id, number.get(), start.token, at])?;
            }
            Change::AttemptStarted { number, pid } => {
                self.begun.insert((run, number.get()), Began { pid: *pid, at });
            }
            Change::AttemptEnds(Ends { number, how, class, exit, signal }) => {
                let update = "UPDATE attempts SET state = ?3, class = ?4, ended_at = ?5, exit = ?6, signal = ?7, \
                              pid = coalesce(?8, pid), started_at = coalesce(?9, started_at) WHERE run = ?1 AND number = ?2";
                let (pid, started) = self.begun.remove(&(run, *number)).map(|began| (began.pid, began.at)).unzip();
                let row = params![id, number, how.as_str(), class, at, exit, signal, pid, started];
                let rows = self.rows.prepare_cached(update)?.execute(row)?;
                if rows != 1 {
                    return Err(StoreError::Corrupt(format!("run {run} has no row for its attempt {number}")));
                }
            }
            Change::FinalizerBegins { piece, token } => {
                let insert = "INSERT INTO finalizers (run, piece, token, began_at) VALUES (?1, ?2, ?3, ?4)";
                self.rows.prepare_cached(insert)?.execute(params![id, piece.to_string(), token, at])?;
            }
            Change::FinalizerEnds { piece, result } => {
                let update = "UPDATE finalizers SET result = ?3, ended_at = ?4 WHERE run = ?1 AND piece = ?2";
                let row = params![id, piece.to_string(), result.as_str(), at];
                if self.rows.prepare_cached(update)?.execute(row)? != 1 {
                    return Err(StoreError::Conflict(format!(
                        "run {run} has an end of finalizer {piece}, which never began"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Notes that somebody has made up for a failure.
    fn settle(&self, failed: RunId) -> Result<(), StoreError> {
        self.rows.prepare_cached("UPDATE runs SET settled = 1 WHERE id = ?1")?.execute([failed])?;
        Ok(())
    }

    /// Takes up what a closed run means for others: its matrix, and earlier failures that it makes up for.
    fn closed(&mut self, run: RunId, after: &Standing) -> Result<(), StoreError> {
        self.tally.closed(run, after);
        if after.ending == Some(Ending::Succeeded) {
            if self.hides_failures {
                self.move_runs()?;
            }
            // Asked for first, because an update over an index that it changes would go by way of a table of its own, and there is
            // hardly ever anything to settle.
            let select = "SELECT id FROM runs INDEXED BY runs_unsettled WHERE job = ?1 AND id < ?2 AND point IS ?3 \
                          AND state = 'closed' AND settled = 0 \
                          AND ending <> 'succeeded' AND ending <> 'cancelled' AND ending <> 'skipped'";
            let mut select = self.rows.prepare_cached(select)?;
            let earlier = select.query_map(params![after.job, run, after.point], |row| row.get(0))?;
            for earlier in earlier.collect::<Result<Vec<RunId>, _>>()? {
                self.settle(earlier)?;
            }
        } else {
            self.hides_failures = true;
        }
        Ok(())
    }

    fn of_job(&mut self, at: Moment, job: &str, happened: &JobHappened) -> Result<(), StoreError> {
        match happened {
            JobHappened::Ticked { due, fate } => {
                let run = match fate {
                    TickFate::Opened(run) => Some(*run),
                    TickFate::Overlapped => None,
                };
                // A clock that was set back lets a due time come twice; the first is the one that is kept.
                self.rows
                    .prepare_cached("INSERT OR IGNORE INTO ticks (job, due, run) VALUES (?1, ?2, ?3)")?
                    .execute(params![job, due, run])?;
                self.tally.evaluated(job, *due);
            }
            JobHappened::Evaluated { until, .. } => self.tally.evaluated(job, *until),
            JobHappened::Ended { success } => self.tally.job_ended(at, job, *success),
            JobHappened::Held { .. } => self.tally.held(job, true),
            JobHappened::Released { .. } => self.tally.held(job, false),
        }
        Ok(())
    }

    fn of_daemon(&self, at: Moment, happened: &DaemonHappened) -> Result<(), StoreError> {
        match happened {
            DaemonHappened::Woke { .. } => {
                remember(self.rows, "clean", "0")?;
                remember(self.rows, "woke", &at.as_nanos().to_string())
            }
            DaemonHappened::Slept => remember(self.rows, "clean", "1"),
            DaemonHappened::Loaded { .. } | DaemonHappened::Recovered { .. } => Ok(()),
        }
    }
}

pub(super) fn remember(rows: &rusqlite::Connection, name: &str, value: &str) -> Result<(), StoreError> {
    let upsert =
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    rows.prepare_cached(upsert)?.execute((name, value))?;
    Ok(())
}

fn read_standing(rows: &rusqlite::Connection, run: RunId) -> Result<Option<Standing>, StoreError> {
    let select = "SELECT job, lane, priority, point, sweep, sweep_size, state, held, attempts, ending, class, due_at, sweep_need \
                  FROM runs WHERE id = ?1";
    let row = rows.prepare_cached(select)?.query_row([run], |row| {
        let sweep: Option<RunId> = row.get(4)?;
        let (size, needed): (Option<u32>, Option<u32>) = (row.get(5)?, row.get(12)?);
        let (state, ending): (String, Option<String>) = (row.get(6)?, row.get(9)?);
        let standing = Standing {
            job: row.get(0)?,
            lane: row.get(1)?,
            priority: row.get(2)?,
            point: row.get(3)?,
            sweep: sweep.map(|first| Sweep { first, size: size.unwrap_or(1), needed: needed.unwrap_or(1) }),
            state: State::Queued,
            held: row.get(7)?,
            attempts: row.get(8)?,
            ending: ending.as_deref().and_then(ending_of),
            class: row.get(10)?,
            due: row.get::<_, Option<Whole>>(11)?.map(|due| due.0),
        };
        Ok((standing, state))
    });
    let Some((standing, state)) = row.optional()? else { return Ok(None) };
    let state = State::of(&state).ok_or_else(|| unreadable("a run's state", &state))?;
    Ok(Some(Standing { state, ..standing }))
}

fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Conflict(format!("an entry has no JSON: {error}")))
}

const fn kind_of_run(happened: &Happened) -> &'static str {
    match happened {
        Happened::Opened(_) => "opened",
        Happened::Stepped(_) => "stepped",
        Happened::Started { .. } => "started",
        Happened::Told { .. } => "told",
        Happened::FinalizerBegan { .. } => "finalizer-began",
        Happened::FinalizerEnded { .. } => "finalizer-ended",
        Happened::Held { .. } => "held",
        Happened::Released { .. } => "released",
        Happened::Crossed { .. } => "crossed",
        Happened::Late { .. } => "late",
        Happened::Diverged { .. } => "diverged",
        Happened::Closed { .. } => "closed",
    }
}

const fn kind_of_job(happened: &JobHappened) -> &'static str {
    match happened {
        JobHappened::Ticked { .. } => "job-ticked",
        JobHappened::Evaluated { .. } => "job-evaluated",
        JobHappened::Ended { .. } => "job-ended",
        JobHappened::Held { .. } => "job-held",
        JobHappened::Released { .. } => "job-released",
    }
}

const fn kind_of_daemon(happened: &DaemonHappened) -> &'static str {
    match happened {
        DaemonHappened::Woke { .. } => "daemon-woke",
        DaemonHappened::Slept => "daemon-slept",
        DaemonHappened::Loaded { .. } => "daemon-loaded",
        DaemonHappened::Recovered { .. } => "daemon-recovered",
    }
}
