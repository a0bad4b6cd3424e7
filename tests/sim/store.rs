//! A store in memory that survives the daemon, and refuses what must never be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use steadfast::ids::{Digest, RunId, ShimId};
use steadfast::journal::{About, DaemonHappened, Entry, Happened, JobHappened, Mark, Opening, Sweep, Told};
use steadfast::store::{Batch, Begun, JobRecord, Place, Queued, Recovered, Store, StoreError, SweepRecord};
use steadfast_retry::{Decision, Ending, Moment};

/// What is durable.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    runs: BTreeMap<RunId, Row>,
    ready: BTreeMap<String, BTreeSet<Place>>,
    begun: BTreeSet<RunId>,
    held: BTreeSet<RunId>,
    jobs: BTreeMap<String, JobRecord>,
    sweeps: BTreeMap<RunId, SweepRecord>,
    keys: HashMap<String, RunId>,
    documents: HashMap<Digest, String>,
    ticks: BTreeSet<(String, i64)>,
    marks: BTreeMap<ShimId, u64>,
    dirty: bool,
    woke: Option<Moment>,
}

#[derive(Debug)]
struct Row {
    opening: Opening,
    entries: Vec<Entry>,
    state: State,
    held: bool,
    opened: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Queued,
    Begun,
    Closed(Ending),
}

fn conflict<T>(what: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Conflict(what.into()))
}

impl Memory {
    fn job(&mut self, name: &str) -> &mut JobRecord {
        let fresh = || JobRecord { name: name.to_owned(), ..JobRecord::default() };
        self.jobs.entry(name.to_owned()).or_insert_with(fresh)
    }

    /// Says whether a run is known here.
    pub(crate) fn holds(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// Says whether a run waits for its first attempt.
    pub(crate) fn is_queued(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|row| row.state == State::Queued)
    }

    /// Returns how a run was opened.
    pub(crate) fn opening_of(&self, run: RunId) -> Option<&Opening> {
        Some(&self.runs.get(&run)?.opening)
    }

    /// Goes through the runs that are not closed.
    pub(crate) fn open_runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.runs.iter().filter(|(_, row)| !matches!(row.state, State::Closed(_))).map(|(run, _)| *run)
    }

    fn write(&mut self, entry: &Entry) -> Result<(), StoreError> {
        if let Some(Mark { shim, offset }) = entry.mark() {
            let mark = self.marks.entry(shim).or_default();
            *mark = offset.max(*mark);
        }
        match &entry.about {
            About::Run(run, Happened::Opened(opening)) => self.open(entry, *run, opening),
            About::Run(run, happened) => self.follow(entry, *run, happened),
            About::Job(job, happened) => self.of_job(job, happened),
            About::Daemon(happened) => {
                match happened {
                    DaemonHappened::Woke { .. } => (self.dirty, self.woke) = (true, Some(entry.at)),
                    DaemonHappened::Slept => self.dirty = false,
                    DaemonHappened::Loaded { .. } | DaemonHappened::Recovered { .. } => {}
                }
                Ok(())
            }
        }
    }

    fn open(&mut self, entry: &Entry, run: RunId, opening: &Opening) -> Result<(), StoreError> {
        if self.runs.last_key_value().is_some_and(|(last, _)| *last >= run) {
            return conflict(format!("run {run} is opened again or out of order"));
        }
        if let Some(key) = &opening.key
            && self.keys.insert(key.clone(), run).is_some()
        {
            return conflict(format!("key `{key}` is used twice"));
        }
        if let Some(sweep) = opening.sweep {
            self.sweeps.entry(sweep.first).or_insert(SweepRecord { sweep, succeeded: 0, failed: 0 });
        }
        let record = self.job(&opening.job);
        record.queued += 1;
        record.newest = Some((run, None));
        record.opened = Some(entry.at);
        let place = Place { priority: opening.priority, run };
        self.ready.entry(opening.lane.clone()).or_default().insert(place);
        let (entries, opened) = (vec![entry.clone()], entry.at);
        let row = Row { opening: opening.clone(), entries, state: State::Queued, held: false, opened };
        self.runs.insert(run, row);
        Ok(())
    }

    fn follow(&mut self, entry: &Entry, run: RunId, happened: &Happened) -> Result<(), StoreError> {
        let Some(row) = self.runs.get_mut(&run) else { return conflict(format!("run {run} was never opened")) };
        if matches!(row.state, State::Closed(_)) {
            let late = matches!(happened, Happened::Late { .. });
            return if late { Ok(()) } else { conflict(format!("run {run} is closed, and has {happened:?}")) };
        }
        // What only tells is kept out of memory, except what a recovering daemon folds.
        if !matches!(happened, Happened::Late { .. } | Happened::Started { .. })
            && !matches!(happened, Happened::Told { word, .. } if !matches!(word, Told::Checkpoint { .. }))
        {
            row.entries.push(entry.clone());
        }
        let place = Place { priority: row.opening.priority, run };
        let lane = row.opening.lane.clone();
        let queued = row.state == State::Queued;
        match happened {
            Happened::Stepped(step) if queued => {
                debug_assert!(!matches!(step.decision, Decision::Wait { .. } | Decision::Cut { .. }), "{step:?}");
                row.state = State::Begun;
                let job = row.opening.job.clone();
                self.begun.insert(run);
                self.held.remove(&run);
                self.leave(&lane, place);
                self.job(&job).queued -= 1;
            }
            Happened::Held { .. } if queued => {
                row.held = true;
                self.held.insert(run);
                self.leave(&lane, place);
            }
            Happened::Released { .. } if queued => {
                row.held = false;
                self.held.remove(&run);
                self.ready.entry(lane).or_default().insert(place);
            }
            Happened::Closed { ending, .. } => self.close(entry.at, run, *ending),
            _ => {}
        }
        Ok(())
    }

    fn leave(&mut self, lane: &str, place: Place) {
        if let Some(ready) = self.ready.get_mut(lane) {
            ready.remove(&place);
            if ready.is_empty() {
                self.ready.remove(lane);
            }
        }
    }

    fn close(&mut self, at: Moment, run: RunId, ending: Ending) {
        let row = self.runs.get_mut(&run).expect("the run was just seen");
        let queued = row.state == State::Queued;
        row.state = State::Closed(ending);
        row.entries = Vec::new();
        let (job, lane, sweep) = (row.opening.job.clone(), row.opening.lane.clone(), row.opening.sweep);
        let place = Place { priority: row.opening.priority, run };
        self.begun.remove(&run);
        self.held.remove(&run);
        self.leave(&lane, place);
        let success = match sweep {
            None => Some(ending == Ending::Succeeded),
            Some(sweep) => self.sweep_closed(sweep, ending),
        };
        let opened = if queued { self.last_opened(&job) } else { None };
        let record = self.job(&job);
        if queued {
            record.queued -= 1;
            record.opened = opened;
        }
        if let Some(success) = success {
            let runs = sweep.map_or(run..=run, |sweep| sweep.first..=sweep.last());
            if let Some((newest, whole)) = &mut record.newest
                && runs.contains(newest)
            {
                let of_matrix = if success { Ending::Succeeded } else { Ending::GaveUp };
                *whole = Some(if sweep.is_some() { of_matrix } else { ending });
            }
            record.ended = Some(at);
            if success {
                record.succeeded = Some(at);
            }
        }
    }

    /// Finds when a job was last opened, but for runs that were skipped at once.
    fn last_opened(&self, job: &str) -> Option<Moment> {
        let mut newest_first = self.runs.values().rev().filter(|row| row.opening.job == job);
        newest_first.find(|row| row.state != State::Closed(Ending::Skipped)).map(|row| row.opened)
    }

    fn sweep_closed(&mut self, sweep: Sweep, ending: Ending) -> Option<bool> {
        let record = self.sweeps.get_mut(&sweep.first)?;
        if ending == Ending::Succeeded {
            record.succeeded += 1;
        } else {
            record.failed += 1;
        }
        if record.succeeded + record.failed < sweep.size {
            return None;
        }
        let success = record.succeeded >= sweep.needed;
        self.sweeps.remove(&sweep.first);
        Some(success)
    }

    fn of_job(&mut self, job: &str, happened: &JobHappened) -> Result<(), StoreError> {
        match happened {
            JobHappened::Ticked { due, .. } => {
                if !self.ticks.insert((job.to_owned(), *due)) {
                    return conflict(format!("the due time {due} of `{job}` is dealt with twice"));
                }
            }
            JobHappened::Evaluated { until, .. } => self.job(job).evaluated = Some(*until),
            JobHappened::Ended { .. } => {}
            JobHappened::Held { .. } => self.job(job).held = true,
            JobHappened::Released { .. } => self.job(job).held = false,
        }
        Ok(())
    }
}

impl Store for Memory {
    fn append_group(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
        group.iter().try_for_each(|batch| {
            for document in &batch.documents {
                self.documents.entry(document.digest).or_insert_with(|| document.body.clone());
            }
            batch.entries.iter().try_for_each(|entry| self.write(entry))
        })
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let queued = |run: &RunId| Queued { run: *run, opening: self.runs[run].opening.clone() };
        Ok(Recovered {
            newest_seq: self.runs.values().map(|run| run.entries.len() as u64).sum(),
            newest_run: self.runs.last_key_value().map_or(0, |(run, _)| run.0),
            begun: self.begun.iter().map(|run| Begun { run: *run, entries: self.runs[run].entries.clone() }).collect(),
            lanes: self.ready.iter().map(|(lane, ready)| (lane.clone(), ready.len() as u64)).collect(),
            jobs: self.jobs.values().cloned().collect(),
            held: self.held.iter().map(queued).collect(),
            sweeps: self.sweeps.values().copied().collect(),
            marks: self.marks.iter().map(|(shim, offset)| (*shim, *offset)).collect(),
            clean: !self.dirty,
            woke: self.woke,
        })
    }

    fn queued(&mut self, lane: &str, behind: Option<Place>, most: usize) -> Result<Vec<Queued>, StoreError> {
        let Some(ready) = self.ready.get(lane) else { return Ok(Vec::new()) };
        let places = ready.iter().filter(|place| behind.is_none_or(|behind| **place > behind));
        let row = |place: &Place| Queued { run: place.run, opening: self.runs[&place.run].opening.clone() };
        Ok(places.take(most).map(row).collect())
    }

    fn document(&mut self, digest: Digest) -> Result<String, StoreError> {
        self.documents.get(&digest).cloned().ok_or_else(|| StoreError::Missing(format!("document {digest}")))
    }

    fn begun_points(&mut self, job: &str, definition: Digest) -> Result<Vec<Option<u32>>, StoreError> {
        let runs = self.runs.values().filter(|row| row.opening.job == job && row.opening.definition == definition);
        Ok(runs.map(|row| row.opening.point).collect())
    }

    fn run_of_key(&mut self, key: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.keys.get(key).copied())
    }

    fn opening(&mut self, run: RunId) -> Result<Option<(Opening, Option<Ending>)>, StoreError> {
        let ending = |row: &Row| if let State::Closed(ending) = row.state { Some(ending) } else { None };
        Ok(self.runs.get(&run).map(|row| (row.opening.clone(), ending(row))))
    }
}
