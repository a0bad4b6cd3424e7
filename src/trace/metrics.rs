//! Figures for Prometheus, in the OpenMetrics text.
//!
//! Names, labels and units are listed in `docs/trace.md`. No label holds the id of a run; a job's name comes from configuration,
//! and beyond [`MOST_JOBS`] of them the rest is counted together as `other`.

mod labels;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use steadfast_retry::{Decision, Ending, Event, Moment, Outcome};

use crate::journal::{About, Entry, Happened, Step};

use super::pipe::Drops;
use super::roster::Known;
use super::{TraceHandle, Writer};
use labels::{Guard, OfAttempt, OfBuild, OfJob, OfRun, OfRuns, OfSlots, OfTrace, OfWriter};

/// How many jobs have figures of their own.
pub const MOST_JOBS: usize = 500;

/// How many classes have figures of their own.
const MOST_CLASSES: usize = 200;

type Gauges<L> = Family<L, Gauge<f64, AtomicU64>>;

/// The figures of one daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    jobs: Mutex<Guard>,
    classes: Mutex<Guard>,
    runs: Family<OfRun, Counter>,
    attempts: Family<OfAttempt, Counter>,
    attempt_duration: Family<OfJob, HistogramWithExemplars<OfTrace>>,
    run_duration: Family<OfJob, HistogramWithExemplars<OfTrace>>,
    queue_wait: Family<OfJob, Histogram>,
    retry_delay: Family<OfJob, Histogram>,
    attempts_per_run: Family<OfJob, Histogram>,
    last_success: Gauges<OfJob>,
    store_write: Histogram,
    loaded: Gauge,
    present: Present,
}

/// Figures that are read off something else whenever somebody asks.
#[derive(Debug, Default)]
struct Present {
    /// Held while the figures are set and written out, so that two readers do not mix.
    turn: Mutex<()>,
    runs: Gauges<OfRuns>,
    oldest_waiting: Gauges<OfJob>,
    next_due: Gauges<OfJob>,
    slots: Gauges<OfSlots>,
    dropped: Family<OfWriter, Counter>,
    degraded: Gauge,
}

/// What the program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its version.
    pub version: String,
    /// The commit that it was built from, if that is known.
    pub commit: Option<String>,
}

/// How things stand when somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Per job. A job's name may stand here as often as one likes; figures of one name add up.
    pub jobs: BTreeMap<String, JobFigures>,
    /// Slots that are taken, and slots in all.
    pub slots: (u64, u64),
    /// Whether the journal cannot be written at present.
    pub degraded: bool,
    /// What the writers of the trace have dropped.
    pub drops: Vec<(Writer, Drops)>,
}

impl Snapshot {
    /// Adds what the writers of the trace have dropped.
    #[must_use]
    pub fn with_drops(mut self, trace: &TraceHandle) -> Self {
        self.drops = trace.drops();
        self
    }
}

/// How a job stands when somebody asks.
#[derive(Clone, Debug, Default)]
pub struct JobFigures {
    /// How many of its runs are in each state.
    pub runs: BTreeMap<RunState, u64>,
    /// How long its oldest run has been waiting for its first attempt.
    pub oldest_waiting: Option<Duration>,
    /// When its schedule is due next.
    pub next_due: Option<Moment>,
}

/// What a run that is not over is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunState {
    /// It waits for its first attempt.
    Queued,
    /// An attempt runs.
    Running,
    /// It waits for its next attempt.
    WaitingRetry,
    /// It is over but for its finalizers.
    Finalizing,
    /// It is held.
    Held,
    /// It waits for other jobs.
    Blocked,
}

impl RunState {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::WaitingRetry => "waiting_retry",
            Self::Finalizing => "finalizing",
            Self::Held => "held",
            Self::Blocked => "blocked",
        }
    }
}

/// From a tenth of a second to a week: attempts are requests and training runs.
fn spans() -> impl Iterator<Item = f64> {
    [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0].into_iter()
}

impl Metrics {
    /// Makes figures that all stand at nothing.
    #[must_use]
    pub fn new(build: Build) -> Self {
        let with_exemplars = || HistogramWithExemplars::new(spans());
        let attempts_per_run = || Histogram::new([1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0]);
        let mut metrics = Self {
            registry: Registry::with_prefix("steadfast"),
            jobs: Mutex::new(Guard::of(MOST_JOBS)),
            classes: Mutex::new(Guard::of(MOST_CLASSES)),
            runs: Family::default(),
            attempts: Family::default(),
            attempt_duration: Family::new_with_constructor(with_exemplars),
            run_duration: Family::new_with_constructor(with_exemplars),
            queue_wait: Family::new_with_constructor(|| Histogram::new(spans())),
            retry_delay: Family::new_with_constructor(|| Histogram::new(spans())),
            attempts_per_run: Family::new_with_constructor(attempts_per_run),
            last_success: Family::default(),
            store_write: Histogram::new([0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0]),
            loaded: Gauge::default(),
            present: Present::default(),
        };
        metrics.register(build);
        metrics
    }

    fn register(&mut self, build: Build) {
        let Build { version, commit } = build;
        let registry = &mut self.registry;
        registry.register("build", "What the program is", Info::new(OfBuild { version, commit }));
        registry.register("runs", "Runs that are over, by ending", self.runs.clone());
        registry.register("attempts", "Attempts that ended, by outcome and class", self.attempts.clone());
        let present = &self.present;
        registry.register_with_unit(
            "attempt_duration",
            "How long attempts took",
            Unit::Seconds,
            self.attempt_duration.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "From a run's first attempt to its closing",
            Unit::Seconds,
            self.run_duration.clone(),
        );
        registry.register_with_unit(
            "queue_wait",
            "From a run's opening to its first attempt",
            Unit::Seconds,
            self.queue_wait.clone(),
        );
        registry.register_with_unit("retry_delay", "Delays that were decided", Unit::Seconds, self.retry_delay.clone());
        registry.register_with_unit(
            "store_write",
            "How long batches took to become durable",
            Unit::Seconds,
            self.store_write.clone(),
        );
        registry.register_with_unit(
            "oldest_waiting",
            "Age of the oldest run without an attempt",
            Unit::Seconds,
            present.oldest_waiting.clone(),
        );
        registry.register_with_unit(
            "job_last_success_timestamp",
            "When a run last succeeded",
            Unit::Seconds,
            self.last_success.clone(),
        );
        registry.register_with_unit(
            "schedule_next_timestamp",
            "When a schedule is due next",
            Unit::Seconds,
            present.next_due.clone(),
        );
        registry.register("attempts_per_run", "Attempts of runs that are over", self.attempts_per_run.clone());
        registry.register("unfinished_runs", "Runs that are not over, by state", present.runs.clone());
        registry.register("slots", "Places for attempts: taken, and in all", present.slots.clone());
        registry.register("trace_dropped_lines", "Lines that the trace dropped", present.dropped.clone());
        registry.register("degraded", "1 while the journal cannot be written", present.degraded.clone());
        registry.register("config_last_reload_successful", "1 if the files were right", self.loaded.clone());
    }

    /// Counts an entry.
    pub(super) fn seen(&self, entry: &Entry, known: Option<&Known>) {
        let About::Run(_, happened) = &entry.about else { return };
        match happened {
            Happened::Stepped(step) => self.stepped(entry.at, step, known),
            Happened::Closed { ending, .. } => self.closed(entry.at, *ending, known),
            Happened::Opened(_)
            | Happened::Started { .. }
            | Happened::Told { .. }
            | Happened::FinalizerBegan { .. }
            | Happened::FinalizerEnded { .. }
            | Happened::Held { .. }
            | Happened::Released { .. }
            | Happened::Crossed { .. }
            | Happened::Late { .. }
            | Happened::Diverged { .. } => {}
        }
    }

    fn stepped(&self, at: Moment, step: &Step, known: Option<&Known>) {
        let job = self.job(known);
        if let Event::Ended { outcome, .. } = &step.event {
            self.attempts.get_or_create(&self.of_attempt(&job, step, outcome)).inc();
            let usage = step.end.as_ref().map(|end| end.usage.clone()).unwrap_or_default();
            if let Some(known) = known {
                let took = known.ran(at, &usage).as_secs_f64();
                self.attempt_duration.get_or_create(&job).observe(took, Some(OfTrace::of(known)), None);
            }
        }
        match &step.decision {
            Decision::Attempt { .. } => {
                if let Some(opened) = known.filter(|known| known.first_began.is_none()).and_then(|known| known.opened) {
                    self.queue_wait.get_or_create(&job).observe(at.since(opened).as_secs_f64());
                }
            }
            Decision::Wait { until, .. } => {
                self.retry_delay.get_or_create(&job).observe(until.since(at).as_secs_f64());
            }
            Decision::Cut { .. } | Decision::Finish { .. } => {}
        }
    }

    fn of_attempt(&self, job: &OfJob, step: &Step, outcome: &Outcome) -> OfAttempt {
        let class = step.end.as_ref().and_then(|end| end.verdict.class.as_ref());
        let (outcome, class) = match outcome {
            Outcome::Succeeded => ("succeeded", None),
            Outcome::Failed(failure) => ("failed", Some(&failure.class)),
            Outcome::Interrupted => ("interrupted", class),
            Outcome::Cancelled => ("cancelled", class),
        };
        let class = class.map(|class| lock(&self.classes).admit(class.as_str())).unwrap_or_default();
        OfAttempt { job: job.job.clone(), outcome, class }
    }

    fn closed(&self, at: Moment, ending: Ending, known: Option<&Known>) {
        let job = self.job(known);
        self.runs.get_or_create(&OfRun { job: job.job.clone(), ending: ending.as_str() }).inc();
        if let Some(known) = known.filter(|known| known.attempts > 0) {
            self.attempts_per_run.get_or_create(&job).observe(f64::from(known.attempts));
            if let Some(began) = known.first_began {
                let took = at.since(began).as_secs_f64();
                self.run_duration.get_or_create(&job).observe(took, Some(OfTrace::of(known)), None);
            }
        }
        if ending == Ending::Succeeded {
            self.last_success.get_or_create(&job).set(seconds(at));
        }
    }

    /// Takes up when a job last succeeded, from the store: so an alert on silence survives a restart.
    pub fn recall_success(&self, job: &str, at: Moment) {
        let gauge = self.last_success.get_or_create(&self.admit(job)).clone();
        // The store is asked while runs go on: a success that has been seen since is newer.
        if gauge.get() < seconds(at) {
            gauge.set(seconds(at));
        }
    }

    /// Counts how long a batch took to become durable.
    pub fn store_wrote(&self, took: Duration) {
        self.store_write.observe(took.as_secs_f64());
    }

    /// Notes whether the files could be loaded that were read last.
    pub fn config_loaded(&self, right: bool) {
        self.loaded.set(i64::from(right));
    }

    /// Writes all figures as OpenMetrics text, `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    #[must_use]
    pub fn render(&self, snapshot: &Snapshot) -> String {
        let _turn = lock(&self.present.turn);
        self.show(snapshot);
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes all that is written to it");
        text
    }

    /// Sets the figures that are read off a snapshot. What it does not name is there no longer.
    fn show(&self, snapshot: &Snapshot) {
        let present = &self.present;
        present.runs.clear();
        present.oldest_waiting.clear();
        present.next_due.clear();
        for (job, figures) in &snapshot.jobs {
            let of = self.admit(job);
            for (state, count) in &figures.runs {
                let of = OfRuns { job: of.job.clone(), state: state.as_str() };
                // Several jobs may be `other`.
                present.runs.get_or_create(&of).inc_by(*count as f64);
            }
            if let Some(age) = figures.oldest_waiting {
                let gauge = present.oldest_waiting.get_or_create(&of);
                gauge.set(gauge.get().max(age.as_secs_f64()));
            }
            if let Some(due) = figures.next_due {
                let gauge = present.next_due.get_or_create(&of);
                let known = Some(gauge.get()).filter(|known| *known > 0.0);
                gauge.set(known.map_or(seconds(due), |known| known.min(seconds(due))));
            }
        }
        let (taken, all) = snapshot.slots;
        present.slots.get_or_create(&OfSlots { state: "taken" }).set(taken as f64);
        present.slots.get_or_create(&OfSlots { state: "all" }).set(all as f64);
        present.degraded.set(i64::from(snapshot.degraded));
        for (writer, drops) in &snapshot.drops {
            let counter = present.dropped.get_or_create(&OfWriter { writer: writer.as_str() });
            counter.inner().store(drops.lines, Ordering::Relaxed);
        }
    }

    fn job(&self, known: Option<&Known>) -> OfJob {
        self.admit(known.map_or("", |known| &known.job))
    }

    fn admit(&self, job: &str) -> OfJob {
        OfJob { job: lock(&self.jobs).admit(job) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds(at: Moment) -> f64 {
    at.since(Moment::ORIGIN).as_secs_f64()
}

#[cfg(test)]
mod tests;
