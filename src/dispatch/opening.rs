//! How runs come to be: by request, by schedule, after other jobs, as a retry.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_retry::Ending;

use crate::ids::{Digest, RunId, SpanId, TraceId};
use crate::job::{Config, Job};
use crate::journal::{DaemonHappened, Entry, Happened, JobHappened, Opening, Sweep, Trigger};
use crate::store::{Document, Place};

use super::input::{Found, Loaded, Order};
use super::lanes::lane_of;
use super::live::{Live, Terms};
use super::ticks::nanos;
use super::{Dispatcher, Hour, Phase, Refusal};

/// What is to be opened, before it has numbers.
pub(super) struct Plan {
    pub(super) job: Arc<Job>,
    pub(super) points: Vec<Option<u32>>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) trigger: Trigger,
    pub(super) by: String,
    pub(super) key: Option<String>,
    pub(super) priority: Option<i32>,
    pub(super) origin: Option<RunId>,
    pub(super) serial: bool,
    pub(super) parent: Option<(TraceId, SpanId)>,
}

impl Plan {
    /// Plans all runs of a job: one, or one per point of its matrix.
    pub(super) fn of(job: &Arc<Job>, trigger: Trigger, by: &str) -> Self {
        let points = match job.definition.matrix.len() {
            0 => vec![None],
            size => (0..size).map(Some).collect(),
        };
        Self {
            job: Arc::clone(job),
            points,
            parameters: BTreeMap::new(),
            trigger,
            by: by.to_owned(),
            key: None,
            priority: None,
            origin: None,
            serial: false,
            parent: None,
        }
    }
}

impl Dispatcher {
    /// Takes up a configuration: keeps its definitions, begins what is pending.
    pub(super) fn loaded(&mut self, hour: &mut Hour, loaded: Loaded) {
        let Loaded { config, difference, pending } = loaded;
        self.keep_terms(&config);
        self.lanes.set_slots(config.groups.values().map(|group| (group.name.as_str(), group.slots)));
        let begun = self.book.load(&config, hour.wall);
        let jobs = config.jobs.len() as u32;
        if let Some(difference) = difference {
            self.outbox.write(Entry::of_daemon(hour.at, DaemonHappened::Loaded { jobs, difference }));
        }
        for (job, cursor) in begun {
            let until = nanos(cursor);
            self.outbox.write(Entry::of_job(hour.at, job, JobHappened::Evaluated { until, missed: 0 }));
        }
        self.config = config;
        if let Phase::Starting { drain } = self.phase {
            self.phase = if drain { Phase::Draining } else { Phase::Open };
        }
        self.open_pending(hour, pending);
        self.schedules_due(hour);
    }

    /// Opens what `--until-idle` found missing; the points of one job belong together, as a matrix does.
    fn open_pending(&mut self, hour: &mut Hour, pending: Vec<(String, Option<u32>)>) {
        let mut points: BTreeMap<String, Vec<Option<u32>>> = BTreeMap::new();
        for (name, point) in pending {
            points.entry(name).or_default().push(point);
        }
        for (name, points) in points {
            let Some(job) = self.book.job(&name).cloned() else { continue };
            let mut plan = Plan::of(&job, Trigger::Pending, "serve --until-idle");
            if points != [None] {
                plan.points = points;
            }
            self.open(hour, &plan);
        }
    }

    /// Keeps what new runs refer to by digest.
    fn keep_terms(&mut self, config: &Config) {
        let body = serde_json::to_string(&config.classes).expect("classes are made of texts, numbers and lists");
        let classes_digest = Digest::of(&body);
        self.outbox.keep(Document { digest: classes_digest, body });
        let classes = config.classes.clone();
        for job in config.jobs.values() {
            self.outbox.keep(Document { digest: job.digest, body: job.definition.document() });
            let terms = Terms { definition: Arc::clone(&job.definition), classes: classes.clone() };
            self.terms.insert((job.digest, classes_digest), terms);
        }
        self.classes = (classes_digest, classes);
    }

    /// Opens the runs of a plan and returns their numbers.
    pub(super) fn open(&mut self, hour: &mut Hour, plan: &Plan) -> Vec<RunId> {
        let first = RunId(self.newest_run + 1);
        let size = plan.points.len() as u32;
        let needed = plan.job.succeeds.of(size).min(size);
        let sweep = (size > 1).then_some(Sweep { first, size, needed });
        let (trace, parent_span) = match plan.parent {
            Some((trace, span)) => (trace, Some(span)),
            None => (TraceId(hour.chance.wide_bits()), None),
        };
        let lane = lane_of(plan.job.group.as_deref(), &plan.job.name);
        let mut opened = Vec::with_capacity(plan.points.len());
        for point in &plan.points {
            self.newest_run += 1;
            let run = RunId(self.newest_run);
            let opening = Opening {
                job: plan.job.name.clone(),
                definition: plan.job.digest,
                classes: self.classes.0,
                point: *point,
                parameters: plan.parameters.clone(),
                trigger: plan.trigger.clone(),
                by: plan.by.clone(),
                priority: plan.priority.unwrap_or(plan.job.priority),
                lane: lane.clone(),
                key: plan.key.clone(),
                origin: plan.origin.unwrap_or(run),
                sweep,
                serial: plan.serial,
                trace,
                span: SpanId(hour.chance.bits()),
                parent_span,
            };
            self.book.opened(hour.at, run, &opening);
            self.lanes.opened(run, &opening);
            if let Some(key) = &opening.key {
                self.keys.insert(key.clone(), run);
            }
            self.write(hour, run, Happened::Opened(Box::new(opening)));
            opened.push(run);
        }
        opened
    }

    /// Moves a run that has waited for its first attempt into memory.
    pub(super) fn take_from_lane(&mut self, run: RunId, opening: Opening) {
        self.lanes.left(&opening.lane, Place { priority: opening.priority, run });
        self.begin_life(run, opening);
    }

    /// Makes a run live that waits nowhere any more.
    pub(super) fn begin_life(&mut self, run: RunId, opening: Opening) {
        let terms = self.terms.get(&(opening.definition, opening.classes)).cloned();
        let terms = terms.expect("a waiting run comes with its terms");
        self.book.began(&opening.job, run);
        self.live.insert(run, Live::new(run, opening, terms));
    }

    /// Opens a job because those before it have ended as it wants.
    pub(super) fn open_after(&mut self, hour: &mut Hour, name: &str) {
        let Some(job) = self.book.job(name).cloned() else { return };
        let jobs = job.after.as_ref().map(|after| after.jobs.clone()).unwrap_or_default();
        self.open_unless_overlapping(hour, &job, Plan::of(&job, Trigger::After { jobs }, "after"));
    }

    /// Writes a run down that can never begin.
    pub(super) fn skip(&mut self, hour: &mut Hour, name: &str, because: String) {
        let Some(job) = self.book.job(name).cloned() else { return };
        self.newest_run += 1;
        let run = RunId(self.newest_run);
        let jobs = job.after.as_ref().map(|after| after.jobs.clone()).unwrap_or_default();
        let opening = Opening {
            job: job.name.clone(),
            definition: job.digest,
            classes: self.classes.0,
            point: None,
            parameters: BTreeMap::new(),
            trigger: Trigger::Skipped { jobs },
            by: "after".to_owned(),
            priority: job.priority,
            lane: lane_of(job.group.as_deref(), &job.name),
            key: None,
            origin: run,
            sweep: None,
            serial: false,
            trace: TraceId(hour.chance.wide_bits()),
            span: SpanId(hour.chance.bits()),
            parent_span: None,
        };
        self.write(hour, run, Happened::Opened(Box::new(opening)));
        self.write(hour, run, Happened::Closed { ending: Ending::Skipped, because: Some(because) });
        self.book.skipped(name, run);
        self.job_ended(hour, name, false);
    }

    /// Checks an order and makes a plan of it.
    pub(super) fn plan(&self, order: Order) -> Result<Plan, Refusal> {
        let job = self.book.job(&order.job).cloned();
        let job = job.ok_or_else(|| Refusal::Missing(format!("no job `{}` is loaded", order.job)))?;
        let trigger = match &order.retry {
            Some((of, _)) => Trigger::Retry { of: *of },
            None => Trigger::Asked,
        };
        let mut plan = Plan::of(&job, trigger, &order.by);
        if let Some(point) = order.point {
            let size = job.definition.matrix.len();
            if point >= size {
                let has = match size {
                    0 => "no matrix, and so no point".to_owned(),
                    1 => "one matrix point, 0; there is no".to_owned(),
                    size => format!("{size} matrix points, 0 to {}; there is no", size - 1),
                };
                return Err(Refusal::Wrong(format!("job `{}` has {has} {point}", job.name)));
            }
            plan.points = vec![Some(point)];
        }
        plan.parameters = order.parameters;
        plan.key = order.key.map(|(key, _)| key);
        plan.priority = order.priority;
        plan.parent = order.parent;
        if let Some((_, found)) = order.retry {
            let Found { opening, .. } = *found;
            plan.points = vec![opening.point.filter(|point| *point < job.definition.matrix.len())];
            plan.origin = Some(opening.origin);
            plan.parent = Some((opening.trace, opening.span));
            plan.parameters = opening.parameters;
        }
        job.definition.check_parameters(&plan.parameters).map_err(|missing| Refusal::Wrong(missing.to_string()))?;
        if plan.key.is_some() && plan.points.len() > 1 {
            let why = format!("job `{}` opens {} runs, and a key names one; give a point", job.name, plan.points.len());
            return Err(Refusal::Wrong(why));
        }
        Ok(plan)
    }
}
