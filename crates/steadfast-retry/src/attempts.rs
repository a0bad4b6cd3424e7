//! The attempts of one run, driven by the caller's own loop.
//!
//! # Theory of operation
//!
//! [`Attempts`] is the one driver: the macro and [`Policy::run`] expand to loops around it. Until the first failure it is a pointer to
//! the policy and, where there is a deadline, one reading of the clock. The first failure opens a [`Session`]: the engine's state,
//! the dice and the history, in one box. From there on each failure is an event for [`RunState`](crate::RunState), and what that
//! decides is done. Nothing is decided here.
//!
//! A blocking call may stay calm over its first failures: where the policy has no rule, no delay and no deadline, and nobody is told of
//! each attempt, they are only counted and kept. Whatever is not calm opens the session with them, as if each had been told at its time.

mod pause;
mod session;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::report::{GaveUp, Report, kept_text};
use crate::trace::{Span, Watch};
use crate::world::{Async, Blocking, DefaultWorld, World};
use crate::{AttemptNo, Classify, Ending, Failure, Moment, Policy};

pub(crate) use pause::Waiting;
pub use pause::{Pause, PauseFuture, Upcoming};
pub use session::Closing;
pub(crate) use session::Session;

/// The attempts of one run, for any loop, blocking or async.
///
/// Dropped before it succeeded or gave up, it is recorded as cancelled.
///
/// ```
/// use steadfast_retry::{Delay, Policy};
///
/// # fn fetch(answers: &mut Vec<Result<&'static str, std::io::Error>>) -> Result<&'static str, std::io::Error> {
/// #     answers.remove(0)
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut answers = vec![Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), Ok("page")];
/// let policy = Policy::simple("fetch", 3, Delay::ZERO);
/// let mut run = policy.start();
/// let page = loop {
///     match fetch(&mut answers) {
///         Ok(page) => break run.succeed(page),
///         Err(error) => run.failed(error)?.wait()?, // in async code: `run.failed(error)?.await?`
///     }
/// };
/// assert_eq!(page, "page");
/// # Ok(())
/// # }
/// ```
#[must_use = "attempts that are dropped count as cancelled"]
pub struct Attempts<'p, W = DefaultWorld, F: Finally = NoFinally> {
    policy: &'p Policy,
    world: W,
    /// When the first attempt began, if the clock was read.
    began: Option<Moment>,
    /// The failures that were only counted; none once there is a session.
    calm: u32,
    session: Option<Box<Session>>,
    finally: Option<F>,
    is_open: bool,
    watch: Watch,
}

/// One attempt, as its own code sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    number: AttemptNo,
    limit: Option<Duration>,
}

impl Attempt {
    /// Returns its number, from 1.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number.get()
    }

    /// Says whether nothing has failed yet.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.number.get() == 1
    }

    /// Returns how long it may take: the attempt's timeout or what is left of the deadline.
    ///
    /// An async attempt is cut there. A blocking one is not: hand this to the client that it calls.
    #[must_use]
    pub const fn limit(&self) -> Option<Duration> {
        self.limit
    }
}

/// What follows the end of a run; any `FnOnce(&Closing)`, by way of [`Then`].
pub trait Finally {
    /// Whether anything follows at all; where nothing does, the end of a run costs nothing.
    const FOLLOWS: bool = true;

    /// Does it.
    fn follow(self, closing: &Closing<'_>);
}

/// Nothing follows.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFinally;

impl Finally for NoFinally {
    const FOLLOWS: bool = false;

    #[inline]
    fn follow(self, _: &Closing<'_>) {}
}

/// A closure that follows.
#[derive(Clone, Copy, Debug)]
pub struct Then<F>(pub F);

impl<F: FnOnce(&Closing<'_>)> Finally for Then<F> {
    fn follow(self, closing: &Closing<'_>) {
        (self.0)(closing);
    }
}

impl<'p, W: World> Attempts<'p, W> {
    /// Adds what follows the end of the run, whichever it is: success, giving up, a panic, being dropped.
    ///
    /// ```
    /// use steadfast_retry::{Delay, Policy};
    ///
    /// let policy = Policy::simple("fetch", 3, Delay::ZERO);
    /// let mut ending = None;
    /// let run = policy.start().finally(|closing| ending = Some(closing.ending().as_str()));
    /// run.succeed(());
    /// assert_eq!(ending, Some("succeeded"));
    /// ```
    pub fn finally<F: FnOnce(&Closing<'_>)>(mut self, finally: F) -> Attempts<'p, W, Then<F>>
    where
        W: Clone,
    {
        // These are dropped, and say nothing.
        self.is_open = false;
        let mut followed = Attempts::begin(self.policy, self.world.clone(), Some(Then(finally)));
        followed.began = self.began;
        followed
    }
}

impl<'p, W: World, F: Finally> Attempts<'p, W, F> {
    #[inline]
    pub(crate) fn begin(policy: &'p Policy, world: W, finally: Option<F>) -> Self {
        let began = policy.limits().deadline.map(|_| world.now());
        Self { policy, world, began, calm: 0, session: None, finally, is_open: true, watch: Watch::open(policy) }
    }

    /// Returns the attempt that runs.
    #[inline]
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        match &self.session {
            None => {
                let limits = self.policy.limits();
                let limit = match (limits.attempt_timeout, limits.deadline) {
                    (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
                    (timeout, deadline) => timeout.or(deadline),
                };
                Attempt { number: self.calm_number(), limit }
            }
            Some(session) => Attempt { number: session.number(), limit: session.limit },
        }
    }

    /// Says whether a failure may be only counted, if its own words do not forbid it.
    #[inline(always)]
    pub(crate) fn stays_calm(&self) -> bool {
        !F::FOLLOWS && self.session.is_none() && self.calm < self.policy.calm_failures() && self.watch.is_deaf()
    }

    /// Returns how many failures were only counted.
    #[inline(always)]
    pub(crate) const fn calm(&self) -> usize {
        self.calm as usize
    }

    /// Counts a failure that somebody keeps.
    #[inline(always)]
    pub(crate) const fn count_calmly(&mut self) {
        self.calm += 1;
    }

    /// Opens the session with the failures that were only counted.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_up(&mut self, kept: &mut dyn Iterator<Item = (Failure, String)>) {
        let at = self.world.now();
        let mut session = Session::open(self.policy, self.began, at, self.world.seed());
        for (failure, text) in kept {
            session.take_up(self.policy, at, failure, text);
        }
        self.session = Some(session);
        self.calm = 0;
    }

    /// Ends the run with a success, and hands the value through.
    #[inline]
    pub fn succeed<T>(mut self, value: T) -> T {
        self.close(Ending::Succeeded);
        value
    }

    /// Tells that the attempt failed. What it returns must be waited for before the next attempt.
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if no other attempt is owed.
    pub fn failed<E: Classify + fmt::Display>(&mut self, error: E) -> Result<Pause<'_, 'p, E, W, F>, GaveUp<E>> {
        let failure = error.classify();
        self.failed_as(error, failure)
    }

    /// Tells that the attempt failed, and with which class, for errors that do not [`Classify`] themselves.
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if no other attempt is owed.
    pub fn failed_as<E: fmt::Display>(
        &mut self,
        error: E,
        failure: impl Into<Failure>,
    ) -> Result<Pause<'_, 'p, E, W, F>, GaveUp<E>> {
        match self.fail(failure.into(), kept_text(&error)) {
            Some(delay) => Ok(Pause::new(self, delay)),
            None => Err(self.give_up(Some(error))),
        }
    }

    /// Asks the engine what follows a failure: a delay, or `None` if the run is over.
    ///
    /// The session travels by value into the cold part and back. So nothing points to these attempts, and a call that succeeds at once
    /// keeps them in registers.
    #[inline(always)]
    pub(crate) fn fail(&mut self, failure: Failure, text: String) -> Option<Duration> {
        let at = self.world.now();
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::open(self.policy, self.began, at, self.world.seed()),
        };
        let (session, delay) = session.failed(self.policy, at, self.is_open, failure, text);
        self.watch.failed(&session, delay);
        self.session = Some(session);
        delay
    }

    /// Goes on after the delay; `false` if the deadline passed meanwhile.
    #[inline(always)]
    pub(crate) fn resume(&mut self, delay: Duration) -> bool {
        let Some(mut session) = self.session.take() else { return false };
        let at = if delay.is_zero() { session.last_ended } else { self.world.now() };
        let goes_on;
        (session, goes_on) = session.resumed(self.policy, at, delay);
        if goes_on {
            self.watch.began(session.number());
        }
        self.session = Some(session);
        goes_on
    }

    #[inline(always)]
    pub(crate) fn give_up<E>(&mut self, last: Option<E>) -> GaveUp<E> {
        let ending = self.session.as_ref().map_or(Ending::GaveUp, |session| session.ending);
        self.close(ending);
        self.is_open = false;
        let session = self.session.take().expect("only a failure gives up, and it opened the session");
        GaveUp::new(last, Report::new(session))
    }

    /// What the macro's hook before a delay is told.
    #[inline]
    pub(crate) fn upcoming(&self, delay: Duration) -> Option<Upcoming<'_>> {
        self.session.as_deref().map(|session| Upcoming { session, delay })
    }

    pub(crate) fn span(&self) -> Span {
        self.watch.span()
    }
}

impl<W: Blocking, F: Finally> Attempts<'_, W, F> {
    /// Waits on this thread; a delay of zero touches no timer.
    #[inline(always)]
    pub(crate) fn sleep(&self, delay: Duration) {
        if !delay.is_zero() {
            self.world.sleep(delay);
        }
    }
}

impl<W: Async, F: Finally> Attempts<'_, W, F> {
    /// Starts the timer that cuts the attempt, if it has a limit.
    #[inline]
    pub(crate) fn limit_timer(&self) -> Option<W::Timer> {
        self.attempt().limit().map(|limit| self.world.timer(limit))
    }

    #[inline]
    pub(crate) fn delay_timer(&self, delay: Duration) -> Waiting<W::Timer> {
        Waiting::new((!delay.is_zero()).then(|| self.world.timer(delay)))
    }
}

impl<W, F: Finally> Attempts<'_, W, F> {
    /// The number of the attempt, as long as there is no session.
    #[inline]
    fn calm_number(&self) -> AttemptNo {
        AttemptNo::new(self.calm.saturating_add(1)).unwrap_or(AttemptNo::FIRST)
    }

    /// Says once how the run ended; called from the drop as well, so it asks no world.
    #[inline]
    fn close(&mut self, ending: Ending) {
        if !(F::FOLLOWS || Watch::LOOKS) || !self.is_open {
            return;
        }
        self.is_open = false;
        let session = self.session.as_deref();
        let number = session.map_or(self.calm_number(), Session::number);
        self.watch.over(number, ending, session.map(|session| &session.because));
        if let Some(finally) = self.finally.take() {
            finally.follow(&Closing { session, number, ending, panicked: is_panicking() });
        }
    }
}

impl<W, F: Finally> Drop for Attempts<'_, W, F> {
    #[inline]
    fn drop(&mut self) {
        self.close(Ending::Cancelled);
    }
}

impl<W, F: Finally> fmt::Debug for Attempts<'_, W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").field("policy", &self.policy.name()).field("session", &self.session).finish()
    }
}

fn is_panicking() -> bool {
    #[cfg(feature = "std")]
    return std::thread::panicking();
    #[cfg(not(feature = "std"))]
    false
}

impl Policy {
    /// Starts a run whose loop the caller writes; see [`Attempts`].
    #[cfg(feature = "std")]
    pub fn start(&self) -> Attempts<'_> {
        self.start_in(DefaultWorld)
    }

    /// Starts a run in a world of the caller's.
    pub fn start_in<W: World>(&self, world: W) -> Attempts<'_, W> {
        Attempts::begin(self, world, None)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests;
