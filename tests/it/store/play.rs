//! Random but possible lives of many runs, and an own account of what a store must then know.

use std::collections::BTreeMap;

use steadfast::ids::RunId;
use steadfast::journal::{Entry, FinalizerResult, Opening, Sweep, TickFate};
use steadfast_retry::{Ending, Outcome};

use super::words::{Run, mark, opening, point_of, slept, ticked, woke};

const JOBS: [&str; 3] = ["crawl", "index", "train"];

/// Many runs at once, driven by numbers that somebody throws.
#[derive(Default)]
pub(crate) struct Play {
    runs: BTreeMap<u64, Actor>,
    due: i64,
    pub(crate) told: Vec<Entry>,
}

struct Actor {
    run: Run,
    held: bool,
    closed: bool,
    opening: Opening,
    finalizers: u32,
    finalizing: bool,
}

/// What a store must know, worked out without one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) begun: Vec<(RunId, Vec<Entry>)>,
    pub(crate) waiting: Vec<(String, u64)>,
    pub(crate) held: Vec<RunId>,
    pub(crate) endings: BTreeMap<(String, &'static str), u64>,
}

impl Play {
    /// Lets one thing happen; returns the entries that go into one batch.
    pub(crate) fn go_on(&mut self, throw: u32) -> Vec<Entry> {
        let (what, which) = (throw % 16, (throw / 16) as usize);
        let entries = match what {
            0..=2 => self.open(which),
            3 => self.tick(which),
            4 => vec![if which.is_multiple_of(3) { slept() } else { woke() }],
            _ => self.act(what, which),
        };
        self.told.extend(entries.iter().cloned());
        entries
    }

    fn open(&mut self, which: usize) -> Vec<Entry> {
        let first = self.runs.keys().next_back().map_or(1, |last| last + 1);
        let job = JOBS[which % 3];
        let size = if which.is_multiple_of(7) { 3 } else { 1 };
        let sweep = Sweep { first: RunId(first), size, needed: size };
        let openings = (0..size).map(|point| match size {
            1 => Opening { priority: (which % 5) as i32 - 2, ..opening(first, job) },
            _ => point_of(first + u64::from(point), job, point, sweep),
        });
        let mut entries = Vec::new();
        for (id, opening) in (first..).zip(openings) {
            let run = Run::new(id);
            entries.push(run.opened_as(opening.clone()));
            self.runs.insert(id, Actor { run, held: false, closed: false, opening, finalizers: 0, finalizing: false });
        }
        entries
    }

    fn tick(&mut self, which: usize) -> Vec<Entry> {
        self.due += 1 + (which % 3) as i64;
        vec![ticked(JOBS[which % 3], self.due, TickFate::Overlapped)]
    }

    /// Lets one of the runs that are not over do something that it can do now.
    fn act(&mut self, what: u32, which: usize) -> Vec<Entry> {
        let count = self.runs.values().filter(|actor| !actor.closed).count();
        if count == 0 {
            return Vec::new();
        }
        let actor =
            self.runs.values_mut().filter(|actor| !actor.closed).nth(which % count).expect("the count was just taken");
        let (what, chance) = (what, which / count);
        match what {
            5 => {
                actor.held = !actor.held;
                return vec![if actor.held { actor.run.is_held() } else { actor.run.is_released() }];
            }
            6 => return vec![actor.run.is_reported_late(mark(chance as u64 % 3, chance as u64))],
            _ => {}
        }
        if actor.run.state.ending().is_some() {
            return actor.follow_up(chance);
        }
        match (actor.run.state.is_running(), what) {
            (_, 7) => vec![actor.run.is_cancelled()],
            (_, 8) if chance.is_multiple_of(5) => vec![actor.run.is_quarantined()],
            (false, _) => vec![actor.run.begins()],
            (true, 9) => vec![actor.run.starts(chance as u32)],
            (true, 10) => vec![actor.run.is_voided()],
            (true, 11) => vec![actor.run.is_lost()],
            (true, 12) => vec![actor.run.succeeds()],
            (true, 13) => vec![actor.run.ends(Outcome::Cancelled, &[], mark(7, chance as u64))],
            (true, _) => vec![actor.run.fails(["net-reset", "http-busy", "gpu-ecc"][chance % 3])],
        }
    }

    /// Works out what a store must know, from what was told.
    pub(crate) fn account(&self) -> Account {
        let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
        let mut endings: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
        let (mut begun, mut held) = (Vec::new(), Vec::new());
        for (id, actor) in &self.runs {
            let id = RunId(*id);
            let fresh = actor.run.state.last_attempt().is_none() && actor.run.state.ending().is_none();
            match (actor.closed, fresh, actor.held) {
                (true, ..) => {
                    let ending = actor.run.state.ending().map_or("skipped", Ending::as_str);
                    *endings.entry((actor.opening.job.clone(), ending)).or_default() += 1;
                }
                (false, true, false) => *waiting.entry(actor.opening.lane.clone()).or_default() += 1,
                (false, true, true) => held.push(id),
                (false, false, _) => {
                    let own = self.told.iter().filter(|entry| entry.run() == Some(id));
                    begun.push((id, own.cloned().collect()));
                }
            }
        }
        Account { begun, waiting: waiting.into_iter().collect(), held, endings }
    }
}

impl Actor {
    fn follow_up(&mut self, chance: usize) -> Vec<Entry> {
        if self.finalizing {
            self.finalizing = false;
            let result = [FinalizerResult::Done, FinalizerResult::Failed, FinalizerResult::Lost][chance % 3];
            return vec![self.run.finalizer_ends(&format!("f0.{}", self.finalizers), result)];
        }
        if chance.is_multiple_of(3) {
            self.finalizing = true;
            self.finalizers += 1;
            return vec![self.run.finalizer_begins(&format!("f0.{}", self.finalizers))];
        }
        self.closed = true;
        vec![self.run.closes()]
    }
}
