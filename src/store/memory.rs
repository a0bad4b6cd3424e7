//! The store in memory, for the simulator.

use std::collections::BTreeSet;
use std::sync::Arc;

use steadfast_retry::{Ending, Moment};

use crate::ids::{Digest, Piece, RunId, ShimId};
use crate::journal::{About, DaemonHappened, Entry, Happened, JobHappened, Opening, Sweep, Trigger};

use super::standing::{Change, Standing, State};
use super::table::Table;
use super::{Batch, Begun, Document, JobRecord, Place, Queued, Recovered, Store, StoreError, SweepRecord};

/// A store in memory with the rules of the one on disk, and faults on demand.
///
/// A clone is what would be found on the disk at that moment: whatever was acknowledged, nothing else. So a simulator that
/// lets its daemon crash goes on with a clone, or with the store itself.
///
/// ```
/// use steadfast::store::{Batch, Memory, Store};
///
/// let mut store = Memory::new();
/// store.fail_append(2);
/// assert!(store.append(&Batch::default()).is_ok());
/// assert!(store.append(&Batch::default()).is_err());
/// assert!(store.append(&Batch::default()).is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    documents: Table<Digest, String>,
    runs: Table<RunId, Row>,
    keys: Table<String, RunId>,
    jobs: Table<String, JobRecord>,
    ticks: Table<(String, i64), ()>,
    points: Table<(String, Digest, Option<u32>), ()>,
    sweeps: Table<RunId, Matrix>,
    marks: Table<ShimId, u64>,
    ready: Table<(String, i64, RunId), ()>,
    lines: Table<(RunId, usize), Arc<Entry>>,
    daemon: Table<(), Daemon>,
    journal: Vec<Arc<Entry>>,
    appends: u64,
    fails: BTreeSet<u64>,
    broken: Option<StoreError>,
}

#[derive(Clone, Debug)]
struct Row {
    standing: Standing,
    opening: Arc<Opening>,
    finalizers: Vec<(Piece, bool)>,
}

#[derive(Clone, Debug, Default)]
struct Matrix {
    size: u32,
    needed: u32,
    open: u32,
    succeeded: u32,
    failed: u32,
}

#[derive(Clone, Copy, Debug)]
struct Daemon {
    clean: bool,
    woke: Option<Moment>,
}

impl Default for Daemon {
    fn default() -> Self {
        Self { clean: true, woke: None }
    }
}

impl Memory {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the append of this number fail, counted from 1 over the life of this store, without writing anything.
    pub fn fail_append(&mut self, number: u64) {
        self.fails.insert(number);
    }

    /// Lets every append and probe fail with this from now on, or go well again.
    pub fn break_down(&mut self, error: Option<StoreError>) {
        self.broken = error;
    }

    /// Returns how many appends were asked for, failed ones included.
    #[must_use]
    pub const fn appends(&self) -> u64 {
        self.appends
    }

    /// Returns everything that is durable, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.journal.iter().map(|entry| &**entry)
    }

    fn write(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
        for batch in group {
            for Document { digest, body } in &batch.documents {
                if self.documents.get(digest).is_none() {
                    self.documents.put(*digest, body.clone());
                }
            }
            for entry in &batch.entries {
                self.take(entry)?;
                let line = Arc::new(entry.clone());
                if let Some(run) = entry.run() {
                    self.lines.put((run, self.journal.len()), Arc::clone(&line));
                }
                self.journal.push(line);
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry) -> Result<(), StoreError> {
        if let Some(mark) = entry.mark() {
            self.marks.change(mark.shim, |offset| *offset = mark.offset.max(*offset));
        }
        match &entry.about {
            About::Run(run, Happened::Opened(opening)) => self.open(entry.at, *run, opening),
            About::Run(run, happened) => self.follow(*run, happened),
            About::Job(job, happened) => self.of_job(entry.at, job, happened),
            About::Daemon(happened) => {
                self.of_daemon(entry.at, happened);
                Ok(())
            }
        }
    }

    fn open(&mut self, at: Moment, run: RunId, opening: &Opening) -> Result<(), StoreError> {
        let refuse = |what: String| Err(StoreError::Conflict(what));
        if run.0 == 0 || i64::try_from(run.0).is_err() {
            return refuse(format!("there is no run number {run}"));
        }
        if self.runs.get(&run).is_some() {
            return refuse(format!("run {run} is opened twice"));
        }
        for digest in [opening.definition, opening.classes] {
            if self.documents.get(&digest).is_none() {
                return refuse(format!("run {run} refers to document {digest}, which is not kept"));
            }
        }
        if let Some(key) = &opening.key {
            if self.keys.get(key).is_some() {
                return refuse(format!("the key `{key}` is taken"));
            }
            self.keys.put(key.clone(), run);
        }
        let standing = Standing::opened(opening);
        self.note_ready(run, &standing);
        self.job(&opening.job, |job| {
            job.queued += 1;
            if job.newest.is_none_or(|(newest, _)| newest < run) {
                job.newest = Some((run, None));
            }
            if !matches!(opening.trigger, Trigger::Skipped { .. }) {
                job.opened = job.opened.max(Some(at));
            }
        });
        self.points.put((opening.job.clone(), opening.definition, opening.point), ());
        if let Some(sweep) = opening.sweep {
            self.sweeps.change(sweep.first, |matrix| {
                matrix.size = sweep.size;
                matrix.needed = sweep.needed;
                matrix.open += 1;
            });
        }
        self.runs.put(run, Row { standing, opening: Arc::new(opening.clone()), finalizers: Vec::new() });
        Ok(())
    }

    fn follow(&mut self, run: RunId, happened: &Happened) -> Result<(), StoreError> {
        let Some(row) = self.runs.get(&run) else {
            if matches!(happened, Happened::Late { .. }) {
                return Ok(());
            }
            return Err(StoreError::Conflict(format!("run {run} was never opened")));
        };
        let before = row.standing.clone();
        let (after, change) = before.follow(run, happened).map_err(StoreError::Conflict)?;
        let mut row = row.clone();
        row.change(run, &change)?;
        row.standing = after.clone();
        self.runs.put(run, row);
        if before.is_ready() != after.is_ready() {
            self.note_ready(run, &after);
        }
        if before.state == State::Queued && after.state != State::Queued {
            self.job(&after.job, |job| job.queued -= 1);
        }
        if before.state != State::Closed && after.state == State::Closed {
            self.closed(run, &after);
        }
        Ok(())
    }

    fn note_ready(&mut self, run: RunId, standing: &Standing) {
        let place = (standing.lane.clone(), -i64::from(standing.priority), run);
        if standing.is_ready() {
            self.ready.put(place, ());
        } else {
            self.ready.remove(&place);
        }
    }

    fn closed(&mut self, run: RunId, after: &Standing) {
        let ending = after.ending;
        let succeeded = ending == Some(Ending::Succeeded);
        let last = after.sweep.map_or(run, |sweep| sweep.last());
        let whole = match after.sweep {
            None => ending,
            Some(sweep) => self.sweeps.get(&sweep.first).and_then(|matrix| matrix.ending_with(succeeded)),
        };
        self.job(&after.job, |job| {
            if let Some((newest, known)) = &mut job.newest
                && *newest == last
            {
                *known = whole;
            }
        });
        if let Some(sweep) = after.sweep {
            self.sweeps.change(sweep.first, |matrix| {
                matrix.open -= 1;
                matrix.succeeded += u32::from(succeeded);
                matrix.failed += u32::from(!succeeded);
            });
        }
    }

    fn job(&mut self, name: &str, change: impl FnOnce(&mut JobRecord)) {
        self.jobs.change(name.to_owned(), |job| {
            name.clone_into(&mut job.name);
            change(job);
        });
    }

    fn of_job(&mut self, at: Moment, job: &str, happened: &JobHappened) -> Result<(), StoreError> {
        match happened {
            JobHappened::Ticked { due, .. } => {
                // A clock that was set back lets a due time come twice; the first is the one that is kept.
                self.ticks.put((job.to_owned(), *due), ());
                self.job(job, |job| job.evaluated = job.evaluated.max(Some(*due)));
            }
            JobHappened::Evaluated { until, .. } => {
                self.job(job, |job| job.evaluated = job.evaluated.max(Some(*until)));
            }
            JobHappened::Ended { success } => self.job(job, |job| {
                job.ended = job.ended.max(Some(at));
                if *success {
                    job.succeeded = job.succeeded.max(Some(at));
                }
            }),
            JobHappened::Held { .. } => self.job(job, |job| job.held = true),
            JobHappened::Released { .. } => self.job(job, |job| job.held = false),
        }
        Ok(())
    }

    fn of_daemon(&mut self, at: Moment, happened: &DaemonHappened) {
        match happened {
            DaemonHappened::Woke { .. } => self.daemon.put((), Daemon { clean: false, woke: Some(at) }),
            DaemonHappened::Slept => self.daemon.change((), |daemon| daemon.clean = true),
            DaemonHappened::Loaded { .. } | DaemonHappened::Recovered { .. } => {}
        }
    }

    fn lines_of(&self, run: RunId) -> Vec<Entry> {
        let lines = self.lines.rows().range((run, 0)..=(run, usize::MAX));
        lines.map(|(_, entry)| Entry::clone(entry)).collect()
    }

    /// Does one thing to every table.
    fn end_transaction(&mut self, keep: bool) {
        macro_rules! each {
            ($($table:ident)*) => { $(if keep { self.$table.commit() } else { self.$table.roll_back() })* };
        }
        each!(documents runs keys jobs ticks points sweeps marks ready lines daemon);
    }
}

impl Row {
    fn change(&mut self, run: RunId, change: &Change<'_>) -> Result<(), StoreError> {
        match change {
            // Numbers follow one another and only a running attempt ends: `follow` has seen to both.
            Change::Nothing | Change::AttemptBegins { .. } | Change::AttemptStarted { .. } | Change::AttemptEnds(_) => {
                Ok(())
            }
            Change::FinalizerBegins { piece, .. } => {
                if self.finalizers.iter().any(|(known, _)| known == piece) {
                    return Err(StoreError::Conflict(format!("run {run} begins finalizer {piece} twice")));
                }
                self.finalizers.push((*piece, false));
                Ok(())
            }
            Change::FinalizerEnds { piece, .. } => {
                let Some((_, ended @ false)) = self.finalizers.iter_mut().find(|(known, _)| known == piece) else {
                    return Err(StoreError::Conflict(format!(
                        "run {run} has an end of finalizer {piece}, which does not run"
                    )));
                };
                *ended = true;
                Ok(())
            }
        }
    }
}

impl Matrix {
    /// Returns how the matrix ends if the run that is being closed is its last.
    const fn ending_with(&self, success: bool) -> Option<Ending> {
        if self.open > 1 {
            return None;
        }
        let succeeded = self.succeeded + success as u32;
        Some(if succeeded >= self.needed { Ending::Succeeded } else { Ending::GaveUp })
    }

    const fn record(&self, first: RunId) -> SweepRecord {
        let sweep = Sweep { first, size: self.size, needed: self.needed };
        SweepRecord { sweep, succeeded: self.succeeded, failed: self.failed }
    }
}

impl Store for Memory {
    fn append_group(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
        self.appends += 1;
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if self.fails.remove(&self.appends) {
            return Err(StoreError::Io(format!("append {} was told to fail", self.appends)));
        }
        let length = self.journal.len();
        let result = self.write(group);
        self.end_transaction(result.is_ok());
        if result.is_err() {
            self.journal.truncate(length);
        }
        result
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let daemon = self.daemon.get(&()).copied().unwrap_or_default();
        let rows = self.runs.rows().iter();
        let begun = rows.clone().filter(|(_, row)| !matches!(row.standing.state, State::Queued | State::Closed));
        let held = rows.filter(|(_, row)| row.standing.state == State::Queued && row.standing.held);
        let mut lanes: Vec<(String, u64)> = Vec::new();
        for (lane, _, _) in self.ready.rows().keys() {
            match lanes.last_mut() {
                Some((last, waiting)) if last == lane => *waiting += 1,
                Some(_) | None => lanes.push((lane.clone(), 1)),
            }
        }
        let open = self.sweeps.rows().iter().filter(|(_, matrix)| matrix.open > 0);
        Ok(Recovered {
            newest_seq: self.journal.len() as u64,
            newest_run: self.runs.rows().last_key_value().map_or(0, |(run, _)| run.0),
            begun: begun.map(|(run, _)| Begun { run: *run, entries: self.lines_of(*run) }).collect(),
            held: held.map(|(run, row)| Queued { run: *run, opening: (*row.opening).clone() }).collect(),
            lanes,
            jobs: self.jobs.rows().values().cloned().collect(),
            sweeps: open.map(|(first, matrix)| matrix.record(*first)).collect(),
            marks: self.marks.rows().iter().map(|(shim, offset)| (*shim, *offset)).collect(),
            clean: daemon.clean,
            woke: daemon.woke,
        })
    }

    fn queued(&mut self, lane: &str, behind: Option<Place>, most: usize) -> Result<Vec<Queued>, StoreError> {
        let first = behind.map_or((i64::MIN, RunId(0)), |place| (-i64::from(place.priority), RunId(place.run.0 + 1)));
        let places = self.ready.rows().range((lane.to_owned(), first.0, first.1)..).map(|(place, ())| place);
        let own = places.take_while(|(other, _, _)| other == lane);
        let runs = own.take(most).filter_map(|(_, _, run)| self.runs.get(run).map(|row| (run, row)));
        Ok(runs.map(|(run, row)| Queued { run: *run, opening: (*row.opening).clone() }).collect())
    }

    fn document(&mut self, digest: Digest) -> Result<String, StoreError> {
        self.documents.get(&digest).cloned().ok_or_else(|| StoreError::Missing(format!("document {digest}")))
    }

    fn begun_points(&mut self, job: &str, definition: Digest) -> Result<Vec<Option<u32>>, StoreError> {
        let points = self.points.rows().range((job.to_owned(), definition, None)..);
        let own = points.map(|(point, ())| point).take_while(|point| point.0 == job && point.1 == definition);
        Ok(own.map(|point| point.2).collect())
    }

    fn run_of_key(&mut self, key: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.keys.get(&key.to_owned()).copied())
    }

    fn opening(&mut self, run: RunId) -> Result<Option<(Opening, Option<Ending>)>, StoreError> {
        Ok(self.runs.get(&run).map(|row| ((*row.opening).clone(), row.standing.ending)))
    }
}
