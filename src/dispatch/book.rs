//! What is known of each job: what is under way, what has ended, what its schedule says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use steadfast_retry::{Ending, Moment};

use crate::ids::RunId;
use crate::job::{After, Config, Job, Mode};
use crate::journal::{Opening, Sweep};
use crate::schedule::Schedule;
use crate::store::{JobRecord, SweepRecord};

use super::outlook::Agenda;

/// All jobs that have a definition or a past.
#[derive(Debug, Default)]
pub(super) struct Book {
    jobs: BTreeMap<String, Page>,
    sweeps: HashMap<RunId, SweepRecord>,
    due: BTreeSet<(Timestamp, String)>,
}

/// What is known of one job.
#[derive(Debug, Default)]
struct Page {
    job: Option<Arc<Job>>,
    held: bool,
    waiting: u64,
    under_way: BTreeSet<RunId>,
    newest: Option<(RunId, Option<Ending>)>,
    opened: Option<Moment>,
    succeeded: Option<Moment>,
    ended: Option<Moment>,
    schedule: Option<Scheduled>,
    evaluated: Option<Timestamp>,
}

/// A job's schedule, and how far it was evaluated.
#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) schedule: Arc<Schedule>,
    pub(super) evaluated: Timestamp,
    pub(super) next: Option<Timestamp>,
    pub(super) start: Option<Timestamp>,
}

impl Book {
    fn page(&mut self, job: &str) -> &mut Page {
        if !self.jobs.contains_key(job) {
            self.jobs.insert(job.to_owned(), Page::default());
        }
        self.jobs.get_mut(job).expect("the page was just made sure of")
    }

    /// Takes up what the store knows.
    pub(super) fn recover(&mut self, jobs: Vec<JobRecord>, sweeps: Vec<SweepRecord>) {
        for record in jobs {
            let page = self.page(&record.name);
            page.held = record.held;
            page.waiting = record.queued;
            page.newest = record.newest;
            page.opened = record.opened;
            page.succeeded = record.succeeded;
            page.ended = record.ended;
            page.evaluated = record.evaluated.and_then(|nanos| Timestamp::from_nanosecond(i128::from(nanos)).ok());
        }
        self.sweeps = sweeps.into_iter().map(|record| (record.sweep.first, record)).collect();
    }

    /// Takes up a configuration. A schedule that is unchanged goes on where it stood; one that is new or says something
    /// else begins now, and is returned with its cursor: without it the next daemon would begin anew and lose what was due.
    pub(super) fn load(&mut self, config: &Config, wall: Timestamp) -> Vec<(String, Timestamp)> {
        let zones = TimeZoneDatabase::bundled();
        let mut begun = Vec::new();
        self.due.clear();
        for page in self.jobs.values_mut() {
            page.job = None;
        }
        for (name, job) in &config.jobs {
            let page = self.page(name);
            page.job = Some(Arc::clone(job));
            let before = page.schedule.take();
            let declared = job.schedule.as_ref().map(|text| text.declared().schedule(&zones));
            page.schedule = declared.map(|schedule| {
                let schedule = Arc::new(schedule.expect("the reader has checked every schedule"));
                let cursor = match before {
                    Some(before) => (before.schedule == schedule).then_some(before.evaluated),
                    None => page.evaluated,
                };
                // A cursor never goes back: what was dealt with does not come again where the clock was set back.
                let begin = schedule.begin(wall);
                let evaluated =
                    cursor.unwrap_or_else(|| page.evaluated.map_or(begin, |dealt_with| dealt_with.max(begin)));
                if cursor.is_none() {
                    page.evaluated = Some(evaluated);
                    begun.push((name.clone(), evaluated));
                }
                Scheduled::from(schedule, evaluated, name)
            });
            let start = page.schedule.as_ref().and_then(|scheduled| scheduled.start);
            if let Some(start) = start {
                self.due.insert((start, name.clone()));
            }
        }
        begun
    }

    /// Returns the job's present definition.
    pub(super) fn job(&self, name: &str) -> Option<&Arc<Job>> {
        self.jobs.get(name)?.job.as_ref()
    }

    /// Returns when the next due time of any schedule may start.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(start, _)| *start)
    }

    /// Takes the first job out whose schedule is due.
    pub(super) fn pop_due(&mut self, wall: Timestamp) -> Option<String> {
        let (start, _) = self.due.first()?;
        if *start > wall {
            return None;
        }
        self.due.pop_first().map(|(_, job)| job)
    }

    /// Returns a job's schedule.
    pub(super) fn scheduled(&self, job: &str) -> Option<&Scheduled> {
        self.jobs.get(job)?.schedule.as_ref()
    }

    /// Moves a schedule's cursor on.
    pub(super) fn evaluated(&mut self, job: &str, until: Timestamp) {
        let page = self.page(job);
        page.evaluated = Some(until);
        let Some(scheduled) = page.schedule.take() else { return };
        let scheduled = Scheduled::from(scheduled.schedule, until, job);
        let start = scheduled.start;
        page.schedule = Some(scheduled);
        if let Some(start) = start {
            self.due.insert((start, job.to_owned()));
        }
    }

    /// Notes that a run was opened, and waits for its first attempt.
    pub(super) fn opened(&mut self, at: Moment, run: RunId, opening: &Opening) {
        let page = self.page(&opening.job);
        page.waiting += 1;
        page.newest = Some((run, None));
        page.opened = Some(at);
        if let Some(sweep) = opening.sweep {
            let fresh = SweepRecord { sweep, succeeded: 0, failed: 0 };
            self.sweeps.entry(sweep.first).or_insert(fresh);
        }
    }

    /// Notes that a run waits no longer for its first attempt.
    pub(super) fn began(&mut self, job: &str, run: RunId) {
        let page = self.page(job);
        page.waiting = page.waiting.saturating_sub(1);
        page.under_way.insert(run);
    }

    /// Takes up a run that had begun before the daemon did.
    pub(super) fn found_under_way(&mut self, job: &str, run: RunId) {
        self.page(job).under_way.insert(run);
    }

    /// Notes that a run is over. Returns whether the job as a whole has now ended, and well: a matrix ends with its last run.
    pub(super) fn closed(&mut self, run: RunId, opening: &Opening, ending: Ending) -> Option<bool> {
        let page = self.page(&opening.job);
        page.under_way.remove(&run);
        let (success, runs) = match opening.sweep {
            None => (ending == Ending::Succeeded, run..=run),
            Some(sweep) => (self.sweep_closed(sweep, ending)?, sweep.first..=sweep.last()),
        };
        let page = self.page(&opening.job);
        if let Some((newest, whole)) = &mut page.newest
            && runs.contains(newest)
        {
            let of_matrix = if success { Ending::Succeeded } else { Ending::GaveUp };
            *whole = Some(if opening.sweep.is_some() { of_matrix } else { ending });
        }
        Some(success)
    }

    /// Notes that a job has ended as a whole, for those that come after it.
    pub(super) fn ended(&mut self, at: Moment, job: &str, success: bool) {
        let page = self.page(job);
        page.ended = Some(at);
        if success {
            page.succeeded = Some(at);
        }
    }

    fn sweep_closed(&mut self, sweep: Sweep, ending: Ending) -> Option<bool> {
        let record = self.sweeps.get_mut(&sweep.first)?;
        match ending {
            Ending::Succeeded => record.succeeded += 1,
            Ending::GaveUp | Ending::Stopped | Ending::Cancelled | Ending::Skipped | Ending::Quarantined => {
                record.failed += 1;
            }
        }
        if record.succeeded + record.failed < sweep.size {
            return None;
        }
        let success = record.succeeded >= sweep.needed;
        self.sweeps.remove(&sweep.first);
        Some(success)
    }

    /// Says whether any job comes after this one.
    pub(super) fn has_successors(&self, name: &str) -> bool {
        let names_it =
            |page: &Page| page.job.as_ref()?.after.as_ref().map(|after| after.jobs.iter().any(|job| job == name));
        self.jobs.values().any(|page| names_it(page).unwrap_or(false))
    }

    /// Finds the jobs that may begin now that this one has ended.
    pub(super) fn met_by(&self, ended: &str) -> Vec<String> {
        let met = |(name, page): (&String, &Page)| {
            let after = page.job.as_ref()?.after.as_ref()?;
            let named = after.jobs.iter().any(|name| name == ended);
            (named && self.is_met(after, page.opened)).then(|| name.clone())
        };
        self.jobs.iter().filter_map(met).collect()
    }

    /// Says whether a job may begin by what it comes after.
    pub(super) fn may_follow(&self, job: &str) -> bool {
        let Some(page) = self.jobs.get(job) else { return false };
        page.job.as_ref().and_then(|job| job.after.as_ref()).is_some_and(|after| self.is_met(after, page.opened))
    }

    /// Says whether a job's predecessors have ended as it wants, since it last began: one success is used once.
    fn is_met(&self, after: &After, since: Option<Moment>) -> bool {
        let unmet = self.unmet(after, since).len();
        match after.mode {
            Mode::AllSucceeded | Mode::Ended => unmet == 0,
            Mode::AnySucceeded => unmet < after.jobs.len(),
        }
    }

    /// Returns a job's predecessors that have not ended as it wants since it last began.
    fn unmet<'a>(&self, after: &'a After, since: Option<Moment>) -> Vec<&'a String> {
        let newer = |at: Option<Moment>| at.is_some_and(|at| since.is_none_or(|since| at > since));
        let met = |name: &String| {
            self.jobs.get(name).is_some_and(|page| match after.mode {
                Mode::AllSucceeded | Mode::AnySucceeded => newer(page.succeeded),
                Mode::Ended => newer(page.ended),
            })
        };
        after.jobs.iter().filter(|name| !met(name)).collect()
    }

    /// Tells what each job is going to do.
    pub(super) fn agendas(&self) -> Vec<(String, Agenda)> {
        let agenda = |page: &Page| Agenda {
            held: page.held,
            waiting: page.waiting,
            under_way: page.under_way.iter().copied().collect(),
            due: page.schedule.as_ref().and_then(|scheduled| scheduled.start),
            waits_for: page
                .job
                .as_ref()
                .and_then(|job| job.after.as_ref())
                .map_or_else(Vec::new, |after| self.unmet(after, page.opened).into_iter().cloned().collect()),
        };
        self.jobs.iter().map(|(name, page)| (name.clone(), agenda(page))).collect()
    }

    /// Finds the jobs that can no longer begin now that this one has ended without success.
    pub(super) fn doomed_by(&self, failed: &str) -> Vec<String> {
        let doomed = |(name, page): (&String, &Page)| {
            let after = page.job.as_ref()?.after.as_ref()?;
            let named = after.jobs.iter().any(|name| name == failed);
            let doomed = match after.mode {
                Mode::AllSucceeded => true,
                Mode::AnySucceeded => after.jobs.iter().all(|name| self.has_failed(name, page.opened)),
                Mode::Ended => false,
            };
            (named && doomed).then(|| name.clone())
        };
        self.jobs.iter().filter_map(doomed).collect()
    }

    fn has_failed(&self, job: &str, since: Option<Moment>) -> bool {
        let Some(page) = self.jobs.get(job) else { return true };
        let idle = page.waiting == 0 && page.under_way.is_empty();
        idle && page.ended.is_some_and(|ended| since.is_none_or(|since| ended > since) && page.succeeded != Some(ended))
    }

    /// Notes that a skipped run was written for a job; it uses up no success.
    pub(super) fn skipped(&mut self, job: &str, run: RunId) {
        self.page(job).newest = Some((run, Some(Ending::Skipped)));
    }

    /// Says whether a job is held.
    pub(super) fn is_held(&self, job: &str) -> bool {
        self.jobs.get(job).is_some_and(|page| page.held)
    }

    /// Holds or releases a job; returns whether that changed anything.
    pub(super) fn hold(&mut self, job: &str, hold: bool) -> bool {
        let page = self.page(job);
        std::mem::replace(&mut page.held, hold) != hold
    }

    /// Says whether a run of the job has begun and is not over.
    pub(super) fn is_under_way(&self, job: &str) -> bool {
        self.jobs.get(job).is_some_and(|page| !page.under_way.is_empty())
    }

    /// Returns the runs of a job that have begun and are not over.
    pub(super) fn under_way(&self, job: &str) -> Vec<RunId> {
        self.jobs.get(job).map(|page| page.under_way.iter().copied().collect()).unwrap_or_default()
    }

    /// Counts the runs of a job that wait for their first attempt.
    pub(super) fn waiting(&self, job: &str) -> u64 {
        self.jobs.get(job).map_or(0, |page| page.waiting)
    }

    /// Counts the jobs whose newest run did not succeed, and that may not fail.
    pub(super) fn failed_jobs(&self) -> u32 {
        let failed = |page: &&Page| {
            let matters = page.job.as_ref().is_some_and(|job| !job.may_fail);
            matters && page.newest.is_some_and(|(_, ending)| ending.is_some_and(|ending| ending != Ending::Succeeded))
        };
        self.jobs.values().filter(failed).count() as u32
    }
}

impl Scheduled {
    fn from(schedule: Arc<Schedule>, evaluated: Timestamp, job: &str) -> Self {
        let next = schedule.next_after(evaluated);
        let start = next.map(|due| schedule.jittered(due, job));
        Self { schedule, evaluated, next, start }
    }
}
