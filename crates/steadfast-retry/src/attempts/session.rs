//! What a run keeps from its first failure on. A run that succeeds at once has no session, and so no allocation;
//! how a failure is charged, the engine says.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::report::{History, Try};
use crate::world::Chance;
use crate::{AttemptNo, Because, Cause, Decision, Ending, Event, Failure, Moment, Outcome, Policy, RunState};

/// What a run keeps from its first failure on.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) policy: Cow<'static, str>,
    pub(crate) history: History,
    /// The last decision's reason; the ending's, once the run is over.
    pub(crate) because: Because,
    /// How the run ended; without meaning before it is over.
    pub(crate) ending: Ending,
    pub(crate) began: Moment,
    pub(crate) last_ended: Moment,
    pub(crate) waited: Duration,
    pub(super) limit: Option<Duration>,
    state: RunState,
    chance: Chance,
    /// When the attempt that runs began, if anybody looked at the clock.
    attempt_began: Option<Moment>,
    is_over: bool,
}

impl Session {
    /// Opens the session of a run whose first attempt has just failed.
    #[cold]
    #[inline(never)]
    pub(super) fn open(policy: &Policy, began: Option<Moment>, at: Moment, seed: u64) -> Box<Self> {
        let mut session = Self {
            policy: policy.shared_name(),
            history: History::default(),
            because: Because::of(Cause::First),
            ending: Ending::Cancelled,
            began: began.unwrap_or(at),
            last_ended: at,
            waited: Duration::ZERO,
            limit: None,
            state: RunState::new(),
            chance: Chance::seeded(seed),
            attempt_began: None,
            is_over: false,
        };
        let may_begin = session.resume(policy, session.began);
        debug_assert!(may_begin, "a built policy allows a first attempt");
        session.attempt_began = began;
        Box::new(session)
    }

    pub(crate) fn number(&self) -> AttemptNo {
        self.state.last_attempt().unwrap_or(AttemptNo::FIRST)
    }

    /// Takes a failure; returns the delay, or `None` if the run is over.
    #[cold]
    #[inline(never)]
    pub(super) fn failed(
        mut self: Box<Self>,
        policy: &Policy,
        at: Moment,
        is_open: bool,
        failure: Failure,
        text: String,
    ) -> (Box<Self>, Option<Duration>) {
        if !is_open {
            self.refuse();
        }
        let delay = self.take(policy, at, failure, text);
        (self, delay)
    }

    fn take(&mut self, policy: &Policy, at: Moment, failure: Failure, text: String) -> Option<Duration> {
        // A caller who did not wait has begun the next attempt at once.
        if !self.is_over && !self.state.is_running() {
            self.resume(policy, at);
        }
        self.last_ended = at;
        if self.is_over {
            return None;
        }
        let class = failure.class.clone();
        let outcome = Outcome::Failed(failure);
        let event = Event::Ended { at, outcome, progress: None, dice: self.chance.throw() };
        let (wait, because) = match self.state.step(policy, &event).expect("a running attempt may end") {
            Decision::Wait { until, because } => (Some(until.since(at)), because),
            Decision::Finish { ending, because } => {
                self.ending = ending;
                self.is_over = true;
                (None, because)
            }
            Decision::Attempt { .. } | Decision::Cut { .. } => {
                unreachable!("after a failure comes a wait or the end")
            }
        };
        let (number, began) = (self.number(), self.attempt_began);
        self.history.push(Try {
            number,
            started: began.map_or(Duration::ZERO, |began| began.since(self.began)),
            took: began.map(|began| at.since(began)),
            class,
            wait,
            wait_source: because.delay,
            text,
        });
        self.because = because;
        wait
    }

    /// Takes a failure of which nobody looked at the clock, and goes on: its policy had no delay for it.
    pub(super) fn take_up(&mut self, policy: &Policy, at: Moment, failure: Failure, text: String) {
        self.attempt_began = None;
        let wait = self.take(policy, at, failure, text);
        debug_assert_eq!(wait, Some(Duration::ZERO), "only such failures are taken calmly");
        self.resume(policy, at);
        self.attempt_began = None;
    }

    /// Goes on after a delay; `false` if the run is over instead.
    #[cold]
    #[inline(never)]
    pub(super) fn resumed(mut self: Box<Self>, policy: &Policy, at: Moment, delay: Duration) -> (Box<Self>, bool) {
        self.waited = self.waited.saturating_add(delay);
        let goes_on = self.resume(policy, at);
        (self, goes_on)
    }

    /// Begins the next attempt; `false` if the run is over instead.
    fn resume(&mut self, policy: &Policy, at: Moment) -> bool {
        if self.is_over {
            return false;
        }
        match self.state.step(policy, &Event::Due { at }).expect("what was opened or waits may go on") {
            Decision::Attempt { limit, because, .. } => {
                self.limit = limit;
                self.because = because;
                self.attempt_began = Some(at);
                true
            }
            Decision::Finish { ending, because } => {
                self.ending = ending;
                self.because = because;
                self.last_ended = at;
                self.is_over = true;
                false
            }
            Decision::Wait { .. } | Decision::Cut { .. } => unreachable!("when it is due, it begins or ends"),
        }
    }

    /// Marks a session that a finished run was asked to open once more: it gives up at once, so that a loop that does not stop at
    /// an error comes to its end all the same.
    fn refuse(&mut self) {
        if !self.is_over {
            self.is_over = true;
            self.ending = Ending::GaveUp;
            self.because = Because::of(Cause::AttemptsSpent);
        }
    }
}

/// The end of a run, as its finalizer sees it.
#[derive(Debug)]
pub struct Closing<'a> {
    pub(super) session: Option<&'a Session>,
    pub(super) number: AttemptNo,
    pub(super) ending: Ending,
    pub(super) panicked: bool,
}

impl Closing<'_> {
    /// Returns how many attempts there were.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.number.get()
    }

    /// Returns how the run ended; a run that panicked or was dropped is cancelled.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// Says whether a panic ended it.
    #[must_use]
    pub const fn panicked(&self) -> bool {
        self.panicked
    }

    /// Returns the failed attempts.
    #[must_use]
    pub fn tries(&self) -> &[Try] {
        self.session.map_or(&[], |session| session.history.tries())
    }
}
