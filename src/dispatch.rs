//! What is to be done, for many runs at once: inputs in, effects out.
//!
//! # Theory of operation
//!
//! [`Dispatcher::handle`] takes one [`Input`] with the time and the chance of that moment and returns the [`Effect`]s that
//! follow. It owns every decision of the daemon that is about more than one run: who gets a slot, what a due time
//! opens, what runs after what, when nothing is left. For a single run it asks
//! [`RunState::step`](steadfast_retry::RunState::step) and writes down what that decided.
//!
//! It touches nothing. The same inputs always give the same effects, so the simulator crashes it between any two of them.
//!
//! - *Write first.* What follows from an entry waits in the [`outbox`] until the store says that the entry is durable.
//! - *Memory is a window.* Runs that have begun are in memory; runs that wait for their first attempt are in the store, and
//!   [`lanes`] hold the next few.
//! - *Nothing leaks.* Slots are counted from the runs that hold one.
//! - *Recovery is folding.* [`Dispatcher::recover`] folds the journal through the same engine, then asks what became of
//!   the starts that were announced. A failed append ends a dispatcher; a new one is folded from what is durable.
//!
//! Deliberately absent: clocks, randomness, files, processes, and any trait over them.

mod attempts;
mod book;
mod chance;
mod effect;
mod endings;
mod input;
mod lanes;
mod live;
mod opening;
mod order;
mod outbox;
mod outlook;
mod recover;
mod requests;
mod ticks;
mod timers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use steadfast_retry::{Limits, Moment};

use crate::clock::Now;
use crate::evidence::Classes;
use crate::ids::{Digest, Piece, RunId};
use crate::job::Config;
use crate::journal::{DaemonHappened, Entry, Happened};

pub use effect::{Answer, Effect, Exit, Refusal, Tally};
pub use input::{Ended, Found, Input, Loaded, Order, RequestId, Target};
pub use lanes::WINDOW;
pub use live::Terms;
pub use order::Surroundings;
pub use outbox::BatchId;
pub use outlook::{Agenda, Ahead, Mood, Outlook, Waiting};
pub use recover::{Awakening, Birth};

use book::Book;
use chance::Chance;
use lanes::{Lanes, Next};
use live::Live;
use outbox::Outbox;
use timers::Timers;

/// What the dispatcher is told once, when it is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many attempts may run at once, over all groups.
    pub slots: usize,
    /// Whether to end when nothing is left to do.
    pub until_idle: bool,
    /// How many waiting runs of one lane are kept in memory: [`WINDOW`], or fewer to try the border.
    pub window: usize,
    /// What every process is started with.
    pub surroundings: Surroundings,
}

/// The one who decides for many runs.
#[derive(Debug)]
pub struct Dispatcher {
    settings: Settings,
    config: Arc<Config>,
    classes: (Digest, Classes),
    terms: HashMap<(Digest, Digest), Terms>,
    newest_run: u64,
    lanes: Lanes,
    live: BTreeMap<RunId, Live>,
    held: HashMap<RunId, Box<crate::journal::Opening>>,
    book: Book,
    keys: HashMap<String, RunId>,
    /// Closed runs and their keys, until the store knows that too: what it says before is out of date.
    closing: VecDeque<(BatchId, RunId, Option<String>)>,
    timers: Timers<RunId>,
    wake: Option<Moment>,
    outbox: Outbox,
    phase: Phase,
}

/// Whether anything new may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not before the first configuration is there; and not then either, if it is to drain.
    Starting {
        /// Whether it is to drain.
        drain: bool,
    },
    Open,
    Draining,
    /// Stopping: whether attempts are taken along.
    Stopping,
    Gone,
}

/// The moment and the chance of one call.
#[derive(Clone, Copy, Debug)]
struct Hour {
    at: Moment,
    wall: jiff::Timestamp,
    chance: Chance,
}

impl Dispatcher {
    /// Decides what follows from an input.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut hour = Hour { at: now.at, wall: now.wall, chance: Chance::from_bits(now.dice) };
        let mut effects = match input {
            Input::Durable(batch) => {
                self.forget_closed(batch);
                self.outbox.durable(batch)
            }
            other => {
                self.take(&mut hour, other);
                Vec::new()
            }
        };
        self.begin_what_may(&mut hour);
        self.refill_lanes();
        effects.extend(self.outbox.close());
        effects.extend(self.wake(&hour));
        effects.extend(self.exit(&hour));
        effects
    }

    fn forget_closed(&mut self, durable: BatchId) {
        while self.closing.front().is_some_and(|(batch, ..)| *batch <= durable) {
            if let Some((_, _, Some(key))) = self.closing.pop_front() {
                self.keys.remove(&key);
            }
        }
    }

    fn take(&mut self, hour: &mut Hour, input: Input) {
        if self.phase == Phase::Gone {
            return self.refuse(&input);
        }
        match input {
            Input::Loaded(loaded) => self.loaded(hour, *loaded),
            Input::Start { request, orders } => self.start(hour, request, orders),
            Input::Cancel { request, run, found, by } => self.cancel(hour, request, run, found, by),
            Input::Hold { request, target, hold, by } => self.hold(hour, request, target, hold, by),
            Input::Tick => {
                self.delays_over(hour);
                self.schedules_due(hour);
            }
            Input::Started { run, piece, token, pid } => self.started(hour, run, piece, token, pid),
            Input::Told { run, piece, token, word } => self.told(hour, run, piece, token, word),
            Input::Ended(ended) => self.ended(hour, *ended),
            Input::Voided { run, piece, token } => self.voided(hour, run, piece, token),
            Input::Durable(_) => {}
            Input::Refilled { lane, rows, terms } => {
                self.terms.extend(terms);
                self.lanes.refilled(&lane, rows);
            }
            Input::Drain(drain) => self.drain(drain),
            Input::Stop { take_jobs } => self.stop(hour, take_jobs),
        }
    }

    /// Answers whoever asks while the last word is being written; what else came, the next daemon is told again.
    fn refuse(&mut self, input: &Input) {
        if let Some(request) = input.request() {
            let answer = Err(Refusal::Conflict("the daemon is stopping".to_owned()));
            self.outbox.afterwards(Effect::Answer { request, answer });
        }
    }

    /// Begins attempts while there are slots and somebody to take one.
    fn begin_what_may(&mut self, hour: &mut Hour) {
        while self.phase == Phase::Open && self.lanes.running() < self.settings.slots {
            let next = self.lanes.next(|job| !self.book.is_held(job), |job| !self.book.is_under_way(job));
            match next {
                Some(Next::Again(run)) => self.begin(hour, run),
                Some(Next::First(run, opening)) => {
                    self.take_from_lane(run, *opening);
                    self.begin(hour, run);
                }
                None => break,
            }
        }
    }

    fn refill_lanes(&mut self) {
        for refill in self.lanes.refills() {
            self.outbox.afterwards(Effect::Refill { lane: refill.lane, behind: refill.behind, most: refill.most });
        }
    }

    /// Asks for the next tick, if that changed.
    fn wake(&mut self, hour: &Hour) -> Option<Effect> {
        let schedule = self.book.next_due().map(|due| moment_of(hour, due));
        let earliest = self.timers.earliest().into_iter().chain(schedule).min().filter(|_| self.phase != Phase::Gone);
        if earliest == self.wake {
            return None;
        }
        self.wake = earliest;
        Some(Effect::Wake(earliest))
    }

    /// Ends the daemon when it was asked to stop or has nothing left to do, and everything is written down.
    fn exit(&mut self, hour: &Hour) -> Vec<Effect> {
        let why = match self.phase {
            Phase::Stopping if self.may_stop() => Exit::Stopped,
            Phase::Open if self.settings.until_idle && self.is_idle() => Exit::Idle(self.tally()),
            Phase::Starting { .. } | Phase::Open | Phase::Draining | Phase::Stopping | Phase::Gone => {
                return Vec::new();
            }
        };
        if !self.outbox.is_settled() {
            return Vec::new();
        }
        self.phase = Phase::Gone;
        self.outbox.write(Entry::of_daemon(hour.at, DaemonHappened::Slept));
        self.outbox.afterwards(Effect::Exit(why));
        self.outbox.close()
    }

    /// Says whether nothing taken along is still running.
    fn may_stop(&self) -> bool {
        !self.live.values().any(|live| live.process.is_some_and(|process| process.taken_along))
    }

    /// Says whether nothing is queued, running, waiting or blocked by something that can still end; held runs do not count.
    fn is_idle(&self) -> bool {
        let held = |job: &str| self.book.is_held(job);
        let pending = self.live.values().any(|live| !live.rests(held(&live.opening.job)));
        // Whatever has begun rests, so a job that is under way is so by a run that is held.
        !pending && !self.lanes.any_waits(|job| !held(job), |job| self.book.is_under_way(job))
    }

    /// Counts what an idle daemon leaves: whatever is not over is held.
    fn tally(&self) -> Tally {
        let held = self.live.len() + self.held.len() + self.lanes.waiting() as usize;
        Tally { failed: self.book.failed_jobs(), held: held as u32 }
    }

    fn write(&mut self, hour: &Hour, run: RunId, happened: Happened) {
        self.outbox.write(Entry::of_run(hour.at, run, happened));
    }

    /// Lets a run ask for a slot if it wants one, or take that back.
    fn ask_if_wanted(&mut self, run: RunId) {
        let Some(live) = self.live.get(&run) else { return };
        if live.wants_attempt() {
            self.lanes.ask(&live.opening.lane, live.place());
        } else {
            self.lanes.ask_no_more(&live.opening.lane, live.place());
        }
    }

    /// Says whether a run is in memory: it has begun, is held, or waits in a window.
    #[must_use]
    pub fn knows(&self, run: RunId) -> bool {
        self.live.contains_key(&run) || self.held.contains_key(&run) || self.lanes.find(run).is_some()
    }

    /// Gives out the number of a run that somebody else opens and holds.
    pub const fn give_number(&mut self) -> RunId {
        self.newest_run += 1;
        RunId(self.newest_run)
    }

    /// Never opens a run under this number: somebody else has it. Says whether it can be a number that was ever given out.
    pub fn keep_off(&mut self, run: RunId) -> bool {
        // An earlier daemon may have given out some that were never used.
        let is_given = run.0 <= self.newest_run.saturating_add(10_000);
        if is_given {
            self.newest_run = self.newest_run.max(run.0);
        }
        is_given
    }

    /// Returns the classes that a process's evidence is weighed by and the limits of its run; finalizers are not classified by
    /// their output and have a time of their own.
    #[must_use]
    pub fn terms_of(&self, run: RunId, piece: Piece) -> Option<(&Classes, &Limits)> {
        match piece {
            Piece::Attempt(_) => {
                self.live.get(&run).map(|live| (&live.terms.classes, live.terms.definition.policy.limits()))
            }
            Piece::Finalizer { .. } => None,
        }
    }

    /// Counts what stands where, for a face's first line.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            running: self.lanes.running(),
            begun: self.live.len(),
            waiting: self.lanes.waiting(),
            slots: self.settings.slots,
            next: self.wake,
        }
    }

    /// Returns the configuration that new runs begin with.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
}

/// What stands where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Attempts that hold a slot.
    pub running: usize,
    /// Runs that have begun and are not over.
    pub begun: usize,
    /// Runs that wait for their first attempt.
    pub waiting: u64,
    /// Slots in all.
    pub slots: usize,
    /// When something is due next.
    pub next: Option<Moment>,
}

/// Carries a time of the wall clock over to the steadied one, as far as today's difference between the two holds.
fn moment_of(hour: &Hour, wall: jiff::Timestamp) -> Moment {
    let ahead = wall.duration_since(hour.wall);
    hour.at + std::time::Duration::try_from(ahead).unwrap_or_default()
}

#[cfg(test)]
mod tests;
