//! A dispatcher with a patient world around it: what it decides is durable at once, and processes do as the test says.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use steadfast_retry::{Decision, Delay, Finalizer, Moment, On, Policy, Rule};

use crate::dispatch::{
    Answer, Awakening, BatchId, Birth, Dispatcher, Effect, Ended, Exit, Found, Input, Loaded, Now, Order, Refusal,
    RequestId, Settings, Surroundings, Target, Terms, WINDOW,
};
use crate::evidence::{Classes, Evidence, Fact, HostEvent};
use crate::ids::{Digest, Piece, RunId, Token};
use crate::job::{
    Action, After, Command, Config, Definition, Group, Job, Leftovers, Matrix, Mode, Overlap, Program, ScheduleText,
    StopLadder,
};
use crate::journal::{About, DaemonHappened, Entry, Happened, JobHappened, Opening, TickFate, Usage};
use crate::launch::Launch;
use crate::store::{Begun, JobRecord, Queued, Recovered};

const MORNING: u64 = 1_795_590_000;

/// The house of one test.
pub(super) struct House {
    dispatcher: Dispatcher,
    config: Config,
    slots: usize,
    until_idle: bool,
    /// Since the morning.
    now: Duration,
    /// By how many seconds somebody has set the wall clock on.
    ahead: i64,
    thrown: u64,
    journal: Vec<Entry>,
    /// Batches that are not durable yet, while the store is slow.
    unwritten: Option<Vec<BatchId>>,
    heard: usize,
    /// What was started and is not known to be gone, by run.
    running: BTreeMap<RunId, (Piece, Token)>,
    /// What was asked to end by its ladder.
    pub(super) cut: Vec<String>,
    /// Every order to start a process, the oldest first.
    pub(super) launched: Vec<Launch>,
    pub(super) answers: Vec<Result<Answer, Refusal>>,
    pub(super) exit: Option<Exit>,
}

/// A job that runs a program under three attempts, 10 seconds apart.
pub(super) fn job(name: &str) -> Job {
    let program = Program::Argv(vec!["/bin/work".to_owned()]);
    let policy = Policy::named("test").attempts(3).delay(Delay::constant(Duration::from_secs(10))).build();
    let definition = Definition {
        action: Action::Command(Command::new(program)),
        policy: Arc::new(policy.expect("the policy of the tests is good")),
        matrix: Matrix::default(),
        parameters: BTreeMap::new(),
        env: BTreeMap::new(),
        workdir: PathBuf::from("/"),
        limits: crate::job::ResourceLimits::default(),
        stop: StopLadder::default(),
        leftovers: Leftovers::Stop,
    };
    Job {
        name: name.to_owned(),
        about: None,
        digest: definition.digest(),
        definition: Arc::new(definition),
        schedule: None,
        overlap: Overlap::Skip,
        group: None,
        priority: 0,
        after: None,
        succeeds: crate::job::Succeeds::All,
        may_fail: false,
        origin: steadfast_retry::Origin { file: "test.toml".into(), line: 1 },
    }
}

impl Job {
    pub(super) fn defined(mut self, change: impl FnOnce(&mut Definition)) -> Self {
        change(Arc::make_mut(&mut self.definition));
        self.digest = self.definition.digest();
        self
    }

    fn policy(self, change: impl FnOnce(steadfast_retry::PolicyBuilder) -> steadfast_retry::PolicyBuilder) -> Self {
        self.defined(|definition| {
            let old = &definition.policy;
            let mut builder = Policy::named("test").limits(old.limits().clone()).delay(old.delay().clone());
            for rule in old.catch() {
                builder = builder.catch(rule.clone());
            }
            for finalizer in old.finally() {
                builder = builder.finally(finalizer.clone());
            }
            definition.policy = Arc::new(change(builder).build().expect("the policy of the tests is good"));
        })
    }

    pub(super) fn every(mut self, seconds: u64) -> Self {
        self.schedule = Some(ScheduleText { every: Some(Duration::from_secs(seconds)), ..ScheduleText::default() });
        self
    }

    pub(super) fn cron(mut self, text: &str) -> Self {
        self.schedule = Some(ScheduleText { cron: Some(text.to_owned()), ..ScheduleText::default() });
        self
    }

    pub(super) fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    pub(super) fn after(mut self, mode: Mode, jobs: &[&str]) -> Self {
        self.after = Some(After { jobs: jobs.iter().map(|job| (*job).to_owned()).collect(), mode });
        self
    }

    pub(super) fn group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }

    pub(super) fn points(self, many: u32) -> Self {
        let values = (0..many).map(|value| value.to_string()).collect();
        self.defined(|definition| definition.matrix.axes.push(("seed".to_owned(), values)))
    }

    pub(super) fn attempts(self, most: u32) -> Self {
        self.policy(|policy| policy.attempts(most))
    }

    pub(super) fn catch(self, rule: Rule) -> Self {
        self.policy(|policy| policy.catch(rule))
    }

    pub(super) fn finally(self, on: On) -> Self {
        self.policy(|policy| policy.finally(Finalizer::new(on, vec!["/bin/after".to_owned()])))
    }
}

impl House {
    /// A house with two slots, in which these jobs are loaded.
    pub(super) fn with(jobs: impl IntoIterator<Item = Job>) -> Self {
        Self::opened(jobs, &[], false)
    }

    /// The same under `--until-idle`.
    pub(super) fn until_idle(jobs: impl IntoIterator<Item = Job>) -> Self {
        Self::opened(jobs, &[], true)
    }

    pub(super) fn opened(jobs: impl IntoIterator<Item = Job>, groups: &[(&str, u32)], until_idle: bool) -> Self {
        let mut config = Config::default();
        for job in jobs {
            config.jobs.insert(job.name.clone(), Arc::new(job));
        }
        let origin = steadfast_retry::Origin { file: "test.toml".into(), line: 1 };
        for (name, slots) in groups {
            let group = Group { name: (*name).to_owned(), slots: *slots, origin: origin.clone() };
            config.groups.insert(group.name.clone(), group);
        }
        let mut house = Self {
            dispatcher: Dispatcher::recover(now(Duration::ZERO, 0), awakening(2, until_idle, HashMap::new()), fresh())
                .0,
            config,
            slots: 2,
            until_idle,
            now: Duration::ZERO,
            ahead: 0,
            thrown: 0,
            journal: Vec::new(),
            unwritten: None,
            heard: 0,
            running: BTreeMap::new(),
            cut: Vec::new(),
            launched: Vec::new(),
            answers: Vec::new(),
            exit: None,
        };
        house.wake(fresh());
        house
    }

    fn wake(&mut self, recovered: Recovered) {
        let terms = self.terms();
        let (dispatcher, effects) =
            Dispatcher::recover(self.tick_of_now(), awakening(self.slots, self.until_idle, terms), recovered);
        self.dispatcher = dispatcher;
        self.perform(effects);
        self.load();
    }

    /// Loads the configuration as it stands; under `--until-idle` whatever never ran is pending.
    pub(super) fn load(&mut self) {
        let began = |name: &str| self.openings().any(|(_, opening)| opening.job == name);
        let by_itself = self.config.jobs.values().filter(|job| job.schedule.is_none() && job.after.is_none());
        let pending: Vec<_> = by_itself.filter(|job| self.until_idle && !began(&job.name)).collect();
        let points = |job: &Job| match job.definition.matrix.len() {
            0 => vec![(job.name.clone(), None)],
            many => (0..many).map(|point| (job.name.clone(), Some(point))).collect(),
        };
        let pending = pending.into_iter().flat_map(|job| points(job)).collect();
        let loaded = Loaded { config: Arc::new(self.config.clone()), difference: Some(String::new()), pending };
        self.give(Input::Loaded(Box::new(loaded)));
    }

    /// Replaces a job, as somebody does who edits its file.
    pub(super) fn edit(&mut self, job: Job) {
        self.config.jobs.insert(job.name.clone(), Arc::new(job));
        self.load();
    }

    fn tick_of_now(&mut self) -> Now {
        self.now += Duration::from_nanos(1);
        self.thrown += 1;
        let mut now = now(self.now, self.thrown);
        now.wall += jiff::SignedDuration::from_secs(self.ahead);
        now
    }

    /// Somebody sets the wall clock.
    pub(super) fn set_clock(&mut self, seconds: i64) {
        self.ahead += seconds;
        self.give(Input::Tick);
    }

    fn give(&mut self, input: Input) {
        let now = self.tick_of_now();
        let effects = self.dispatcher.handle(now, input);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append { id, batch } => {
                    self.journal.extend(batch.entries);
                    match &mut self.unwritten {
                        Some(unwritten) => unwritten.push(id),
                        None => self.give(Input::Durable(id)),
                    }
                }
                Effect::Launch(launch) => {
                    self.running.insert(launch.start.run, (launch.start.piece, launch.start.token));
                    self.launched.push(*launch);
                }
                Effect::Cut { run, piece, .. } => self.cut.push(format!("{run}-{piece}")),
                Effect::Answer { answer, .. } => self.answers.push(answer),
                Effect::Exit(exit) => self.exit = Some(exit),
                Effect::Adopt(_) | Effect::Wake(_) | Effect::Refill { .. } => {}
            }
        }
    }

    /// Lets the store be slow from now on: nothing becomes durable.
    pub(super) fn store_is_slow(&mut self) {
        self.unwritten = Some(Vec::new());
    }

    /// Lets everything become durable.
    pub(super) fn store_catches_up(&mut self) {
        for id in self.unwritten.take().unwrap_or_default() {
            self.give(Input::Durable(id));
        }
    }

    /// Lets time pass, with every timer on the way.
    pub(super) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.give(Input::Tick);
        }
    }

    /// Lets the daemon be away for a while and come back, after it was killed or had stopped.
    pub(super) fn restart_after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let recovered = self.recovered();
        self.wake(recovered);
    }

    pub(super) fn start(&mut self, job: &str) {
        self.order(Order { job: job.to_owned(), by: "test".to_owned(), ..Order::default() });
    }

    pub(super) fn order(&mut self, order: Order) {
        self.give(Input::Start { request: RequestId(1), orders: vec![order] });
    }

    pub(super) fn cancel(&mut self, run: u64) {
        self.give(Input::Cancel { request: RequestId(2), run: RunId(run), found: None, by: "test".to_owned() });
    }

    /// Cancels with what the store said of the run a while ago.
    pub(super) fn cancel_found(&mut self, run: u64) {
        let (_, opening) = self.openings().find(|(known, _)| known.0 == run).expect("the run was opened");
        let terms = self.terms()[&(opening.definition, opening.classes)].clone();
        let found = Some(Box::new(Found { opening: opening.clone(), terms }));
        self.give(Input::Cancel { request: RequestId(2), run: RunId(run), found, by: "test".to_owned() });
    }

    pub(super) fn hold_job(&mut self, job: &str, hold: bool) {
        let target = Target::Job(job.to_owned());
        self.give(Input::Hold { request: RequestId(3), target, hold, by: "test".to_owned() });
    }

    pub(super) fn hold(&mut self, run: u64, hold: bool) {
        let target = Target::Run(RunId(run), None);
        self.give(Input::Hold { request: RequestId(3), target, hold, by: "test".to_owned() });
    }

    pub(super) fn stop(&mut self, take_jobs: bool) {
        self.give(Input::Stop { take_jobs });
    }

    /// The process of a run ends with a code.
    pub(super) fn ends(&mut self, run: u64, code: i32) {
        self.ends_as(run, Fact::Exit(code));
    }

    /// The process of a run is gone, and nobody knows how.
    pub(super) fn is_lost(&mut self, run: u64) {
        self.ends_as(run, Fact::Host(HostEvent::Lost));
    }

    fn ends_as(&mut self, run: u64, fact: Fact) {
        let run = RunId(run);
        let (piece, token) = self.running.remove(&run).expect("a process of the run was started");
        self.report(run, piece, token, fact);
    }

    pub(super) fn report(&mut self, run: RunId, piece: Piece, token: Token, fact: Fact) {
        let evidence = Evidence { facts: vec![fact], ..Evidence::of_program("work") };
        let ended = Ended {
            run,
            piece,
            token,
            evidence,
            progress: None,
            usage: Usage::default(),
            sentence: "it ended".to_owned(),
            mark: None,
        };
        self.give(Input::Ended(Box::new(ended)));
    }

    pub(super) fn voided(&mut self, run: u64) {
        let run = RunId(run);
        let (piece, token) = self.running.remove(&run).expect("a start of the run was announced");
        self.give(Input::Voided { run, piece, token });
    }

    /// Names what runs.
    pub(super) fn running(&self) -> Vec<String> {
        self.running.iter().map(|(run, (piece, _))| format!("{run}-{piece}")).collect()
    }

    /// Tells what was written down since the last time, in words.
    #[track_caller]
    pub(super) fn says(&mut self, expected: &[&str]) {
        let lines: Vec<String> = self.journal[self.heard..].iter().filter_map(line).collect();
        self.heard = self.journal.len();
        assert_eq!(lines, expected);
    }

    /// Passes over what was written down so far.
    pub(super) fn skip(&mut self) {
        self.heard = self.journal.len();
    }

    fn openings(&self) -> impl Iterator<Item = (RunId, &Opening)> {
        self.journal.iter().filter_map(|entry| match &entry.about {
            About::Run(run, Happened::Opened(opening)) => Some((*run, opening.as_ref())),
            About::Run(..) | About::Job(..) | About::Daemon(_) => None,
        })
    }

    fn terms(&self) -> HashMap<(Digest, Digest), Terms> {
        let of = |opening: &Opening| {
            let job = &self.config.jobs[&opening.job];
            let terms = Terms { definition: Arc::clone(&job.definition), classes: Classes::shipped().clone() };
            ((opening.definition, opening.classes), terms)
        };
        self.openings().map(|(_, opening)| of(opening)).collect()
    }

    /// What a store would make of the journal. Every run of these tests has begun before the daemon is gone.
    fn recovered(&self) -> Recovered {
        let mut recovered = fresh();
        let mut jobs: BTreeMap<String, JobRecord> = BTreeMap::new();
        for (run, opening) in self.openings() {
            recovered.newest_run = run.0;
            let entries: Vec<Entry> = self.journal.iter().filter(|entry| entry.run() == Some(run)).cloned().collect();
            let is = |happened: fn(&Happened) -> bool| {
                entries.iter().any(|entry| matches!(&entry.about, About::Run(_, said) if happened(said)))
            };
            let closed = is(|happened| matches!(happened, Happened::Closed { .. }));
            let began = is(|happened| matches!(happened, Happened::Stepped(_)));
            let record = jobs.entry(opening.job.clone()).or_default();
            record.newest = Some((run, None));
            record.opened = Some(entries[0].at);
            match (closed, began) {
                (true, _) => {}
                (false, true) => recovered.begun.push(Begun { run, entries }),
                (false, false) => recovered.held.push(Queued { run, opening: opening.clone() }),
            }
        }
        for entry in &self.journal {
            match &entry.about {
                About::Job(job, JobHappened::Evaluated { until, .. }) => {
                    jobs.entry(job.clone()).or_default().evaluated = Some(*until);
                }
                About::Daemon(DaemonHappened::Woke { .. }) => {
                    (recovered.clean, recovered.woke) = (false, Some(entry.at));
                }
                About::Daemon(DaemonHappened::Slept) => recovered.clean = true,
                About::Job(..) | About::Run(..) | About::Daemon(_) => {}
            }
        }
        recovered.jobs = jobs.into_iter().map(|(name, record)| JobRecord { name, ..record }).collect();
        recovered
    }
}

fn fresh() -> Recovered {
    Recovered { clean: true, ..Recovered::default() }
}

fn now(since: Duration, thrown: u64) -> Now {
    let wall = Timestamp::from_second(MORNING.cast_signed()).expect("the morning is a time") + since;
    let at = Moment::from_nanos(MORNING * 1_000_000_000) + since;
    Now { at, wall, dice: thrown.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
}

fn awakening(slots: usize, until_idle: bool, terms: HashMap<(Digest, Digest), Terms>) -> Awakening {
    let settings = Settings { slots, until_idle, window: WINDOW, surroundings: Surroundings::default() };
    Awakening { settings, terms, version: "test".to_owned(), boot: "boot".to_owned(), birth: Birth::New }
}

/// An entry in words; what no test speaks of is passed over.
fn line(entry: &Entry) -> Option<String> {
    let line = match &entry.about {
        About::Run(run, happened) => format!("{run} {}", words(happened)?),
        About::Job(job, JobHappened::Ticked { fate: TickFate::Overlapped, .. }) => format!("{job} overlapped"),
        About::Job(job, JobHappened::Held { .. }) => format!("{job} held"),
        About::Job(job, JobHappened::Released { .. }) => format!("{job} released"),
        About::Job(..) | About::Daemon(_) => return None,
    };
    Some(line)
}

fn words(happened: &Happened) -> Option<String> {
    Some(match happened {
        Happened::Opened(opening) => format!("{} opened", opening.job),
        Happened::Stepped(step) => match &step.decision {
            Decision::Attempt { number, .. } => format!("attempt {number}"),
            Decision::Wait { until, .. } => format!("waits {}s", until.since(step.event.at()).as_secs()),
            Decision::Cut { .. } => "is cut".to_owned(),
            Decision::Finish { ending, .. } => format!("ends {ending}"),
        },
        Happened::FinalizerBegan { piece, .. } => format!("finalizer {piece}"),
        Happened::FinalizerEnded { piece, result, .. } => format!("finalizer {piece} {result:?}").to_lowercase(),
        Happened::Closed { ending, .. } => format!("closed {ending}"),
        Happened::Held { .. } => "held".to_owned(),
        Happened::Released { .. } => "released".to_owned(),
        Happened::Crossed { deaths } => format!("crossed {deaths}"),
        Happened::Late { piece, .. } => format!("late {piece}"),
        Happened::Diverged { .. } => "diverged".to_owned(),
        Happened::Started { .. } | Happened::Told { .. } => return None,
    })
}
