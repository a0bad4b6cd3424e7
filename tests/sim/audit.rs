//! What must hold, checked while it happens: each check is a function with its sentence.
//!
//! The audit reads what becomes durable and what the simulated processes do. It knows nothing of the dispatcher, and
//! keeps books of its own.

mod jobs;
mod runs;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use steadfast::dispatch::Tally;
use steadfast::ids::{Digest, Piece, RunId, Token};
use steadfast::job::{Config, Definition};
use steadfast::journal::{About, DaemonHappened, Entry, Happened, Opening};
use steadfast::launch::{Launch, Start};
use steadfast::store::Batch;
use steadfast_retry::Ending;

use crate::client::Clients;
use crate::hands::Hands;
use crate::profile::Profile;

use jobs::JobBook;
use runs::RunBook;

/// The books of whoever checks.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    runs: BTreeMap<RunId, RunBook>,
    jobs: BTreeMap<String, JobBook>,
    /// Every configuration that was ever handed over, by its number.
    configs: Vec<Arc<Config>>,
    config: Arc<Config>,
    definitions: HashMap<Digest, Arc<Definition>>,
    slots: usize,
    running: BTreeSet<RunId>,
    batch: u64,
    life: u64,
    boot: u64,
    /// The programs that live, by the run that they belong to.
    alive: HashMap<RunId, Start>,
    spawned: HashSet<(RunId, Piece)>,
    idempotency: HashMap<(RunId, Option<u32>, u16), String>,
    /// Lanes that the store holds more of than the dispatcher may know, in its present life.
    unsure: HashSet<String>,
    window: usize,
    /// Jobs that must be opened in this batch, because what they come after has just ended.
    owed_after: Vec<String>,
    /// How many runs were closed with each ending, for whoever wants to know what was tried.
    pub(crate) closed: BTreeMap<&'static str, u64>,
}

impl Audit {
    /// Notes what a new dispatcher is told.
    pub(crate) fn new_life(&mut self, life: u64, boot: u64, profile: &Profile) {
        (self.life, self.boot, self.slots, self.window) = (life, boot, profile.slots, profile.window);
        let queued = self.runs.values().filter(|book| book.is_queued());
        self.unsure = queued.map(|book| book.opening.lane.clone()).collect();
    }

    /// Keeps a configuration and returns the number under which its `Loaded` will name it.
    pub(crate) fn keep(&mut self, config: &Arc<Config>) -> usize {
        for job in config.jobs.values() {
            self.definitions.insert(job.digest, Arc::clone(&job.definition));
        }
        self.configs.push(Arc::clone(config));
        self.configs.len() - 1
    }

    /// Returns a definition by its digest.
    pub(crate) fn definition(&self, digest: Digest) -> Arc<Definition> {
        Arc::clone(self.definitions.get(&digest).expect("every definition was kept when it was loaded"))
    }

    /// Reads a batch that has just become durable.
    pub(crate) fn durable(&mut self, batch: &Batch, hands: &Hands, clients: &Clients) {
        self.batch += 1;
        for (at, entry) in batch.entries.iter().enumerate() {
            let skipped = matches!(
                batch.entries.get(at + 1).map(|next| &next.about),
                Some(About::Run(_, Happened::Closed { ending: Ending::Skipped, .. }))
            );
            self.entry(entry, skipped, hands, clients);
        }
        assert!(
            self.owed_after.is_empty(),
            "what they come after has ended as they want, and they were not opened: {:?}",
            self.owed_after
        );
    }

    fn entry(&mut self, entry: &Entry, skipped: bool, hands: &Hands, clients: &Clients) {
        match &entry.about {
            About::Run(run, Happened::Opened(opening)) => self.opened(*run, opening, skipped),
            About::Run(run, Happened::Closed { ending, .. }) => {
                self.closed(*run, *ending, clients);
            }
            About::Run(run, happened) => self.of_run(entry.at, *run, happened, hands, clients),
            About::Job(job, happened) => self.of_job(job, happened),
            About::Daemon(DaemonHappened::Loaded { difference, .. }) => {
                let number: usize = difference.parse().expect("the simulator numbers its configurations");
                self.config = Arc::clone(&self.configs[number]);
                self.loaded();
            }
            About::Daemon(_) => {}
        }
    }

    fn opened(&mut self, run: RunId, opening: &Opening, skipped: bool) {
        let definition = self.definition(opening.definition);
        self.job_opened(run, opening, skipped);
        let book = RunBook::new(opening.clone(), definition);
        assert!(self.runs.insert(run, book).is_none(), "run {run} is opened twice");
        let waiting = &self.jobs[&opening.job].waiting;
        if waiting.iter().filter(|other| self.runs[other].opening.lane == opening.lane).count() > self.window {
            self.unsure.insert(opening.lane.clone());
        }
    }

    /// A run is closed once, with the ending that was decided, after everything that was owed.
    fn closed(&mut self, run: RunId, ending: Ending, clients: &Clients) {
        let book = self.runs.get_mut(&run).expect("only opened runs are closed");
        book.close(run, ending);
        assert!(
            !clients.cancelled.contains(&run) || ending == Ending::Cancelled,
            "run {run} was cancelled, which was acknowledged, and is closed as {ending}"
        );
        *self.closed.entry(ending.as_str()).or_default() += 1;
        let opening = book.opening.clone();
        self.job_closed(run, &opening, ending);
    }

    /// Nothing is started, ended or told before the entry that says so is durable.
    pub(crate) fn launched(&mut self, launch: &Launch) {
        let Start { run, piece, token } = launch.start;
        let book = self.runs.get(&run).unwrap_or_else(|| panic!("run {run} is launched and is not durable"));
        assert_eq!(book.announced(), Some((piece, token)), "run {run} piece {piece} is launched and was not announced");
        if let Piece::Finalizer { after, index, .. } = piece {
            let key = launch.env["STEADFAST_IDEMPOTENCY_KEY"].clone();
            let after = after.map(steadfast_retry::AttemptNo::get);
            let first = self.idempotency.entry((run, after, index)).or_insert_with(|| key.clone());
            assert_eq!(*first, key, "the idempotency key of a finalizer of run {run} changed");
        }
    }

    /// A process is only cut when that was decided durably, or when the daemon takes it along.
    pub(crate) fn cut(&self, run: RunId, piece: Piece, token: Token) {
        let book = self.runs.get(&run).unwrap_or_else(|| panic!("run {run} is cut and is not durable"));
        assert!(book.knew(token), "run {run} piece {piece} is cut, and such a start was never announced");
    }

    /// A start happens at most once, and no two processes of one run are ever alive together.
    pub(crate) fn began(&mut self, start: Start) {
        let (run, piece) = (start.run, start.piece);
        assert!(self.spawned.insert((run, piece)), "run {run} piece {piece} is started twice");
        if let Some(other) = self.alive.insert(run, start) {
            panic!("run {run} piece {piece} begins while {} is alive", other.piece);
        }
        assert!(self.runs[&run].knew(start.token), "run {run} piece {piece} runs and was never announced");
    }

    pub(crate) fn went(&mut self, start: Start) {
        let gone = self.alive.remove(&start.run);
        assert_eq!(gone, Some(start), "only what lives can go");
    }

    /// Every run that was acknowledged is in the books, and nothing that was opened stays open when the world is calm,
    /// unless it is held.
    pub(crate) fn at_rest(&self, clients: &Clients) {
        for run in &clients.opened {
            assert!(self.runs.contains_key(run), "run {run} was acknowledged and is lost");
        }
        assert!(self.alive.is_empty(), "programs outlived their runs: {:?}", self.alive);
        for (run, book) in &self.runs {
            assert!(
                book.is_closed() || self.is_held(book) && !book.is_busy(),
                "run {run} of `{}` is never closed: {}",
                book.opening.job,
                book.standing()
            );
        }
    }

    /// The exit counts the jobs whose newest run (or matrix) did not succeed, and the runs that are held.
    pub(crate) fn idle(&self, tally: Tally) {
        let held = self.runs.values().filter(|book| !book.is_closed()).count() as u32;
        let failed = self.jobs.iter().filter(|(name, job)| {
            let matters = self.config.jobs.get(*name).is_some_and(|job| !job.may_fail);
            matters && job.newest_failed()
        });
        assert_eq!(tally, Tally { failed: failed.count() as u32, held }, "the daemon miscounts when it ends");
        for (run, book) in &self.runs {
            let rests = self.is_held(book) && !book.is_busy();
            assert!(book.is_closed() || rests, "the daemon ended, and run {run} could still go on");
        }
    }

    /// A run is held by itself, with its job, or in line behind one that waits for a held one to be over.
    fn is_held(&self, book: &RunBook) -> bool {
        let Some(job) = self.jobs.get(&book.opening.job) else { return book.held };
        let serial = job.waiting.iter().any(|other| self.runs[other].opening.serial);
        let other_held = job.under_way.iter().any(|other| self.runs[other].held);
        book.held || job.held || book.is_queued() && serial && other_held
    }
}

impl Audit {
    /// Returns the start of a run of which no end is known.
    pub(crate) fn announced(&self, run: RunId) -> Option<(Piece, Token)> {
        self.runs.get(&run).and_then(RunBook::announced)
    }

    /// Goes through the runs that are not closed.
    pub(crate) fn open_runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.runs.iter().filter(|(_, book)| !book.is_closed()).map(|(run, _)| *run)
    }

    /// Returns what is held: runs, and jobs.
    pub(crate) fn held(&self) -> (Vec<RunId>, Vec<String>) {
        let runs = self.runs.iter().filter(|(_, book)| book.held && !book.is_closed()).map(|(run, _)| *run);
        let jobs = self.jobs.iter().filter(|(_, book)| book.held).map(|(name, _)| name.clone());
        (runs.collect(), jobs.collect())
    }
}
