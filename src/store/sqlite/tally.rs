//! What one transaction adds up, written once at its end: a thousand runs of one job change its counters once.

use std::collections::{HashMap, HashSet};

use rusqlite::{Params, ToSql, Transaction, params};
use steadfast_retry::{Ending, Moment};

use crate::ids::{Digest, RunId, ShimId};
use crate::journal::{Mark, Opening, Sweep, Trigger};
use crate::store::StoreError;
use crate::store::standing::{Standing, State};

use super::value::{Whole, nanos};

#[derive(Default)]
pub(super) struct Tally {
    counts: HashMap<(String, &'static str), i64>,
    lanes: HashMap<String, i64>,
    jobs: HashMap<String, Job>,
    sweeps: HashMap<RunId, Matrix>,
    points: HashSet<(String, Digest, i64)>,
    marks: HashMap<ShimId, (u64, Moment)>,
}

#[derive(Default)]
struct Job {
    queued: i64,
    held: Option<bool>,
    evaluated: Option<i64>,
    opened_at: Option<Moment>,
    succeeded_at: Option<Moment>,
    ended_at: Option<Moment>,
    newest: Option<RunId>,
    success: Option<RunId>,
    ended: Option<RunId>,
}

#[derive(Default)]
struct Matrix {
    size: u32,
    needed: u32,
    job: String,
    open: i64,
    succeeded: i64,
    failed: i64,
    newest: Option<RunId>,
    success: Option<RunId>,
}

impl Tally {
    pub(super) fn opened(&mut self, at: Moment, run: RunId, opening: &Opening, standing: &Standing) {
        self.count(&opening.job, standing.counted_as(), 1);
        self.lane(&opening.lane, 1);
        let job = self.job(&opening.job);
        job.queued += 1;
        job.newest = job.newest.max(Some(run));
        if !matches!(opening.trigger, Trigger::Skipped { .. }) {
            job.opened_at = job.opened_at.max(Some(at));
        }
        let point = opening.point.map_or(-1, i64::from);
        self.points.insert((opening.job.clone(), opening.definition, point));
        if let Some(sweep) = opening.sweep {
            let matrix = self.matrix(sweep, &opening.job);
            matrix.open += 1;
            matrix.newest = matrix.newest.max(Some(run));
        }
    }

    pub(super) fn moved(&mut self, before: &Standing, after: &Standing) {
        if before.counted_as() != after.counted_as() {
            self.count(&before.job, before.counted_as(), -1);
            self.count(&after.job, after.counted_as(), 1);
        }
        let change = i64::from(after.is_ready()) - i64::from(before.is_ready());
        if change != 0 {
            self.lane(&before.lane, change);
        }
        if before.state == State::Queued && after.state != State::Queued {
            self.job(&before.job).queued -= 1;
        }
    }

    pub(super) fn closed(&mut self, run: RunId, after: &Standing) {
        let succeeded = after.ending == Some(Ending::Succeeded);
        match after.sweep {
            Some(sweep) => {
                let matrix = self.matrix(sweep, &after.job);
                matrix.open -= 1;
                matrix.newest = matrix.newest.max(Some(run));
                if succeeded {
                    matrix.succeeded += 1;
                    matrix.success = matrix.success.max(Some(run));
                } else {
                    matrix.failed += 1;
                }
            }
            None => {
                let job = self.job(&after.job);
                job.ended = job.ended.max(Some(run));
                if succeeded {
                    job.success = job.success.max(Some(run));
                }
            }
        }
    }

    pub(super) fn evaluated(&mut self, job: &str, until: i64) {
        let job = self.job(job);
        job.evaluated = job.evaluated.max(Some(until));
    }

    pub(super) fn job_ended(&mut self, at: Moment, job: &str, success: bool) {
        let job = self.job(job);
        job.ended_at = job.ended_at.max(Some(at));
        if success {
            job.succeeded_at = job.succeeded_at.max(Some(at));
        }
    }

    pub(super) fn held(&mut self, job: &str, held: bool) {
        self.job(job).held = Some(held);
    }

    pub(super) fn mark(&mut self, mark: Mark, at: Moment) {
        let settled = self.marks.entry(mark.shim).or_insert((mark.offset, at));
        *settled = (settled.0.max(mark.offset), at);
    }

    fn count(&mut self, job: &str, word: &'static str, change: i64) {
        *self.counts.entry((job.to_owned(), word)).or_default() += change;
    }

    fn lane(&mut self, lane: &str, change: i64) {
        *entry(&mut self.lanes, lane) += change;
    }

    fn job(&mut self, job: &str) -> &mut Job {
        entry(&mut self.jobs, job)
    }

    fn matrix(&mut self, sweep: Sweep, job: &str) -> &mut Matrix {
        let fresh = || Matrix { size: sweep.size, needed: sweep.needed, job: job.to_owned(), ..Matrix::default() };
        self.sweeps.entry(sweep.first).or_insert_with(fresh)
    }

    pub(super) fn write(self, rows: &Transaction<'_>) -> Result<(), StoreError> {
        write_counts(rows, &self.counts, &self.lanes)?;
        for (name, job) in &self.jobs {
            write_job(rows, name, job)?;
        }
        for (first, matrix) in &self.sweeps {
            write_sweep(rows, *first, matrix)?;
        }
        for (job, definition, point) in &self.points {
            let insert = "INSERT OR IGNORE INTO points (job, definition, point) VALUES (?1, ?2, ?3)";
            rows.prepare_cached(insert)?.execute(params![job, definition, point])?;
        }
        for (shim, (offset, at)) in &self.marks {
            let upsert = "INSERT INTO shims (id, offset, at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
                          SET offset = max(offset, excluded.offset), at = excluded.at";
            rows.prepare_cached(upsert)?.execute(params![shim, Whole(*offset), nanos(*at)])?;
        }
        Ok(())
    }
}

/// Finds a row by a borrowed name, and only a new one costs a copy of it.
fn entry<'m, V: Default>(map: &'m mut HashMap<String, V>, name: &str) -> &'m mut V {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), V::default());
    }
    map.get_mut(name).expect("the row was just made sure of")
}

fn write_counts(
    rows: &Transaction<'_>,
    counts: &HashMap<(String, &'static str), i64>,
    lanes: &HashMap<String, i64>,
) -> Result<(), StoreError> {
    for ((job, word), change) in counts.iter().filter(|(_, change)| **change != 0) {
        let row = params![job, word, change];
        let make = "INSERT OR IGNORE INTO counts (job, word, n) VALUES (?1, ?2, 0)";
        change_row(rows, "UPDATE counts SET n = n + ?3 WHERE job = ?1 AND word = ?2", row, make, params![job, word])?;
    }
    for (lane, change) in lanes.iter().filter(|(_, change)| **change != 0) {
        let make = "INSERT OR IGNORE INTO lanes (name, queued) VALUES (?1, 0)";
        change_row(rows, "UPDATE lanes SET queued = queued + ?2 WHERE name = ?1", params![lane, change], make, [lane])?;
        if *change < 0 {
            rows.prepare_cached("DELETE FROM lanes WHERE name = ?1 AND queued = 0")?.execute([lane])?;
        }
    }
    Ok(())
}

/// Changes a row, which is made first if there is none. An upsert would not do: a fall below zero is to be refused where the sum
/// stands, not where it is handed in.
fn change_row(
    rows: &Transaction<'_>,
    change: &str,
    row: impl Params + Copy,
    make: &str,
    key: impl Params,
) -> Result<(), StoreError> {
    let mut update = rows.prepare_cached(change)?;
    if update.execute(row)? == 0 {
        rows.prepare_cached(make)?.execute(key)?;
        update.execute(row)?;
    }
    Ok(())
}

fn write_job(rows: &Transaction<'_>, name: &str, job: &Job) -> Result<(), StoreError> {
    let update = "UPDATE jobs SET queued = queued + ?2, held = coalesce(?3, held), \
                  evaluated = coalesce(max(evaluated, ?4), ?4, evaluated), \
                  newest = coalesce(max(newest, ?5), ?5, newest), \
                  newest_success = coalesce(max(newest_success, ?6), ?6, newest_success), \
                  newest_ended = coalesce(max(newest_ended, ?7), ?7, newest_ended), \
                  opened_at = coalesce(?8, opened_at), succeeded_at = coalesce(?9, succeeded_at), \
                  ended_at = coalesce(?10, ended_at) WHERE name = ?1";
    let at = |moment: Option<Moment>| moment.map(nanos);
    let (opened, succeeded, ended) = (at(job.opened_at), at(job.succeeded_at), at(job.ended_at));
    let row: &[&dyn ToSql] = params![
        name,
        job.queued,
        job.held,
        job.evaluated,
        job.newest,
        job.success,
        job.ended,
        opened,
        succeeded,
        ended
    ];
    change_row(rows, update, row, "INSERT OR IGNORE INTO jobs (name) VALUES (?1)", [name])
}

/// Writes how far a matrix has come; where its last run was closed, it counts for its job from now on.
fn write_sweep(rows: &Transaction<'_>, first: RunId, matrix: &Matrix) -> Result<(), StoreError> {
    let insert = "INSERT OR IGNORE INTO sweeps (first, size, needed, job, open, newest) VALUES (?1, ?2, ?3, ?4, 0, ?5)";
    rows.prepare_cached(insert)?.execute(params![first, matrix.size, matrix.needed, matrix.job, matrix.newest])?;
    let update = "UPDATE sweeps SET open = open + ?2, succeeded = succeeded + ?3, failed = failed + ?4, \
                  newest = max(newest, ?5), newest_success = coalesce(max(newest_success, ?6), ?6, newest_success) \
                  WHERE first = ?1 RETURNING open, newest, newest_success";
    let row = params![first, matrix.open, matrix.succeeded, matrix.failed, matrix.newest, matrix.success];
    let (open, newest, success): (i64, RunId, Option<RunId>) =
        rows.prepare_cached(update)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if open == 0 {
        let ended = Job { ended: Some(newest), success, ..Job::default() };
        write_job(rows, &matrix.job, &ended)?;
        let update = "UPDATE jobs SET newest_sweep = max(coalesce(newest_sweep, 0), ?2) WHERE name = ?1";
        rows.prepare_cached(update)?.execute(params![matrix.job, first])?;
    }
    Ok(())
}
