//! The books of jobs: what is under way, what comes after what, which due times were dealt with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use steadfast::ids::RunId;
use steadfast::job::{After, Job, Mode, Overlap};
use steadfast::journal::{JobHappened, Opening, TickFate, Trigger};
use steadfast::schedule::Schedule;
use steadfast_retry::Ending;

use super::Audit;

/// What the journal says of one job. Times are numbers of batches: all entries of one decision share one.
#[derive(Debug, Default)]
pub(super) struct JobBook {
    pub(super) held: bool,
    pub(super) waiting: BTreeSet<RunId>,
    pub(super) under_way: BTreeSet<RunId>,
    opened: Option<u64>,
    succeeded: Option<u64>,
    ended: Option<u64>,
    newest: Option<RunId>,
    newest_failed: bool,
    sweeps: BTreeMap<RunId, (u32, u32)>,
    /// Up to where the schedule was evaluated.
    cursor: Option<i64>,
    schedule: Option<Schedule>,
    /// Whether the schedule is another one than the cursor was counted with.
    fresh: bool,
    ticked: Vec<i64>,
    all_ticks: BTreeSet<i64>,
}

impl JobBook {
    /// Says whether the newest run, or the matrix that it belongs to, has ended without success.
    pub(super) const fn newest_failed(&self) -> bool {
        self.newest_failed
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.under_way.is_empty()
    }
}

impl Audit {
    /// A job is opened by what it comes after only when that has happened since, and each success is used once.
    pub(super) fn job_opened(&mut self, run: RunId, opening: &Opening, skipped: bool) {
        let batch = self.batch;
        let name = &opening.job;
        if !skipped && matches!(opening.trigger, Trigger::After { .. }) && opening.point.unwrap_or(0) == 0 {
            let at = self.owed_after.iter().position(|owed| owed == name);
            let at = at.unwrap_or_else(|| panic!("run {run} of `{name}` comes after what has not happened"));
            self.owed_after.remove(at);
        }
        self.overlaps(run, opening, skipped);
        let book = self.jobs.entry(name.clone()).or_default();
        book.waiting.insert(run);
        (book.newest, book.newest_failed) = (Some(run), false);
        if !skipped {
            book.opened = Some(batch);
        }
    }

    /// What overlaps is dropped, waits or replaces, as the job says.
    fn overlaps(&self, run: RunId, opening: &Opening, skipped: bool) {
        let by_itself = matches!(opening.trigger, Trigger::After { .. } | Trigger::Schedule { .. });
        let first_of_matrix = opening.sweep.is_none_or(|sweep| sweep.first == run);
        let Some(book) = self.jobs.get(&opening.job).filter(|book| book.is_busy()) else { return };
        let Some(job) = self.config.jobs.get(&opening.job) else { return };
        if !by_itself || skipped || !first_of_matrix {
            return;
        }
        match job.overlap {
            Overlap::Allow => {}
            Overlap::Skip => panic!("run {run} is opened while `{}` is under way, and was to be dropped", job.name),
            Overlap::Queue(most) => {
                assert!(opening.serial, "run {run} of `{}` is to wait", job.name);
                assert!(book.waiting.len() < most as usize, "run {run}: too many of `{}` wait", job.name);
            }
            Overlap::Replace => {
                assert!(opening.serial, "run {run} of `{}` is to wait", job.name);
                let living = book.under_way.iter().find(|other| !self.runs[other].is_ending());
                assert_eq!(living, None, "run {run} replaces a run of `{}` that goes on", job.name);
            }
        }
    }

    pub(super) fn job_began(&mut self, run: RunId) {
        let book = self.jobs.get_mut(&self.runs[&run].opening.job).expect("an opened run has a job");
        book.waiting.remove(&run);
        book.under_way.insert(run);
    }

    pub(super) fn job_closed(&mut self, run: RunId, opening: &Opening, ending: Ending) {
        let batch = self.batch;
        let book = self.jobs.get_mut(&opening.job).expect("an opened run has a job");
        book.waiting.remove(&run);
        book.under_way.remove(&run);
        let success = match opening.sweep {
            None => Some(ending == Ending::Succeeded),
            Some(sweep) => {
                let (good, all) = book.sweeps.entry(sweep.first).or_default();
                *good += u32::from(ending == Ending::Succeeded);
                *all += 1;
                (*all == sweep.size).then_some(*good >= sweep.needed)
            }
        };
        let Some(success) = success else { return };
        let of_newest = match opening.sweep {
            None => book.newest == Some(run),
            Some(sweep) => book
                .newest
                .is_some_and(|newest| (sweep.first.0..sweep.first.0 + u64::from(sweep.size)).contains(&newest.0)),
        };
        if of_newest {
            book.newest_failed = !success;
        }
        let names_it = |job: &Arc<Job>| job.after.as_ref().is_some_and(|after| after.jobs.contains(&opening.job));
        if self.config.jobs.values().any(names_it) {
            book.ended = Some(batch);
            if success {
                book.succeeded = Some(batch);
            }
        }
        self.expect_followers(&opening.job);
    }

    /// Whatever comes after a job that has just ended is opened in the same breath, unless it overlaps.
    fn expect_followers(&mut self, ended: &str) {
        let config = Arc::clone(&self.config);
        for (name, job) in &config.jobs {
            let Some(after) = job.after.as_ref().filter(|after| after.jobs.iter().any(|job| job == ended)) else {
                continue;
            };
            if self.is_met(after, name) && !self.is_dropped(job) && !self.owed_after.contains(name) {
                self.owed_after.push(name.clone());
            }
        }
    }

    fn is_met(&self, after: &After, name: &str) -> bool {
        let opened = self.jobs.get(name).and_then(|book| book.opened);
        let newer = |at: Option<u64>| at.is_some_and(|at| opened.is_none_or(|opened| at > opened));
        let book = |name: &String| self.jobs.get(name);
        let mut books = after.jobs.iter().map(book);
        match after.mode {
            Mode::AllSucceeded => books.all(|book| book.is_some_and(|book| newer(book.succeeded))),
            Mode::AnySucceeded => books.any(|book| book.is_some_and(|book| newer(book.succeeded))),
            Mode::Ended => books.all(|book| book.is_some_and(|book| newer(book.ended))),
        }
    }

    fn is_dropped(&self, job: &Job) -> bool {
        let Some(book) = self.jobs.get(&job.name).filter(|book| book.is_busy()) else { return false };
        match job.overlap {
            Overlap::Skip => true,
            Overlap::Queue(most) => book.waiting.len() >= most as usize,
            Overlap::Allow | Overlap::Replace => false,
        }
    }

    pub(super) fn of_job(&mut self, name: &str, happened: &JobHappened) {
        let book = self.jobs.entry(name.to_owned()).or_default();
        match happened {
            JobHappened::Held { .. } => book.held = true,
            JobHappened::Released { .. } => book.held = false,
            JobHappened::Ticked { due, fate } => {
                assert!(book.all_ticks.insert(*due), "the due time {due} of `{name}` is dealt with twice");
                book.ticked.push(*due);
                if let TickFate::Opened(run) = fate {
                    let opening = &self.runs[run].opening;
                    assert_eq!(opening.trigger, Trigger::Schedule { due: *due }, "run {run} is of another due time");
                }
            }
            // What ended as a whole follows from the endings, which are audited one by one.
            JobHappened::Ended { .. } => {}
            JobHappened::Evaluated { until, missed } => {
                let schedule = self.config.jobs.get(name).and_then(|job| schedule_of(job));
                book.evaluated(name, *until, *missed, schedule);
            }
        }
    }

    pub(super) fn loaded(&mut self) {
        for (name, job) in &self.config.jobs {
            let book = self.jobs.entry(name.clone()).or_default();
            let schedule = schedule_of(job);
            if book.schedule != schedule {
                (book.fresh, book.schedule) = (true, schedule);
            }
        }
    }

    /// When the world is calm, no due time lies behind that nobody has dealt with.
    pub(crate) fn no_tick_is_asleep(&self, wall: Timestamp) {
        for (name, job) in &self.config.jobs {
            let (Some(schedule), Some(book)) = (schedule_of(job), self.jobs.get(name)) else { continue };
            let Some(cursor) = book.cursor else { panic!("the schedule of `{name}` was never begun") };
            let cursor = Timestamp::from_nanosecond(cursor.into()).expect("a cursor is a time");
            let start = schedule.next_after(cursor).map(|due| schedule.jittered(due, name));
            // It takes a moment to become durable.
            let late = start.map(|start| wall.duration_since(start)).unwrap_or_default();
            assert!(late < jiff::SignedDuration::from_secs(2), "`{name}` is due since {start:?}, and it is {wall}");
        }
    }
}

impl JobBook {
    /// Every due time since the last look was dealt with, once, or counted as missed.
    fn evaluated(&mut self, name: &str, until: i64, missed: u64, schedule: Option<Schedule>) {
        let ticked = std::mem::take(&mut self.ticked);
        let before = self.cursor.replace(until);
        let fresh = std::mem::take(&mut self.fresh);
        let (Some(schedule), Some(before), false) = (schedule, before, fresh) else { return };
        let Some(count) = count(&schedule, before, until) else { return };
        let within = ticked.iter().all(|due| *due > before && *due <= until);
        assert!(
            within && ticked.is_sorted(),
            "due times of `{name}` are out of their span: {ticked:?} in {before}..{until}"
        );
        let dealt = ticked.len() as u64 + missed;
        assert_eq!(
            count, dealt,
            "`{name}`: due times were lost or doubled in {before}..{until}: {ticked:?}, {missed} missed"
        );
    }
}

fn schedule_of(job: &Job) -> Option<Schedule> {
    let text = job.schedule.as_ref()?;
    Some(text.declared().schedule(&TimeZoneDatabase::none()).expect("a drawn schedule is right"))
}

/// Counts due times one by one; `None` where there are too many for that.
fn count(schedule: &Schedule, after: i64, until: i64) -> Option<u64> {
    const MOST: u64 = 900;
    let time = |nanos: i64| Timestamp::from_nanosecond(nanos.into()).expect("a cursor is a time");
    let until = time(until);
    let mut cursor = time(after);
    for counted in 0..MOST {
        match schedule.next_after(cursor).filter(|due| *due <= until) {
            Some(due) => cursor = due,
            None => return Some(counted),
        }
    }
    None
}
