//! A bridge between steadfast's policies and the crate [`backoff`], in both directions.
//!
//! `backoff` has had no maintainer since 2023 ([RUSTSEC-2025-0012]) and depends on `instant`, which has none either
//! ([RUSTSEC-2024-0384]). Whoever has code that takes a [`Backoff`] can hand it a steadfast [`Policy`] with [`PolicyBackoff`]; whoever
//! has an `ExponentialBackoff` that was tuned over years gets the policy that does the same with [`policy_of`]. New code needs
//! `steadfast-retry` alone.
//!
//! ```
//! use backoff::ExponentialBackoff;
//! use steadfast_backoff::{PolicyBackoff, classify, policy_of};
//! use steadfast_retry::retry;
//!
//! // From backoff to steadfast: the same delays, and an end with a reason.
//! let tuned = ExponentialBackoff { initial_interval: std::time::Duration::ZERO, ..ExponentialBackoff::default() };
//! let policy = policy_of("fetch", &tuned)?;
//! let mut calls = 0;
//! let fetch = |call| if call < 3 { Err(backoff::Error::transient("busy")) } else { Ok(7) };
//! let value = retry!(policy, { calls += 1; fetch(calls) }, classify = classify);
//! assert_eq!((value.unwrap(), calls), (7, 3));
//!
//! // From steadfast to backoff: a policy where a `Backoff` is wanted.
//! let again = backoff::retry(PolicyBackoff::new(&policy), || Ok::<_, backoff::Error<&str>>(7));
//! assert_eq!(again, Ok(7));
//! # Ok::<(), steadfast_retry::BadPolicy>(())
//! ```
//!
//! # What differs
//!
//! | | `backoff` | steadfast |
//! | --- | --- | --- |
//! | the longest delay | holds before the jitter: 60 s may become 90 s | holds after it |
//! | the time in all | looked at before a delay, which may pass it | no delay and no attempt begins that cannot fit |
//! | multiplier, jitter | floating point | thousandths |
//!
//! [RUSTSEC-2025-0012]: https://rustsec.org/advisories/RUSTSEC-2025-0012
//! [RUSTSEC-2024-0384]: https://rustsec.org/advisories/RUSTSEC-2024-0384
#![forbid(unsafe_code)]

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::exponential::ExponentialBackoff;
use steadfast_retry::world::{SystemWorld, World};
use steadfast_retry::{
    BadPolicy, Class, Classify, Decision, Delay, Dice, Event, Factor, Failure, Jitter, Outcome, Policy, Rule, RunState,
};

/// The class of a [`backoff::Error::Permanent`]; [`policy_of`] stops at it.
pub const PERMANENT: Class = Class::known("permanent");
/// The class of a [`backoff::Error::Transient`].
pub const TRANSIENT: Class = Class::known("transient");

/// Returns the policy that does what an exponential backoff does: its delays, its time in all, no other limit, and a stop at
/// [`PERMANENT`].
///
/// A multiplier below 1 counts as 1 and a jitter above 1 as 1, as nobody can have meant them.
///
/// # Errors
///
/// Returns [`BadPolicy`] where neither the time in all nor anything else would end it: `backoff` goes on for ever then, a policy never does.
/// Build it with [`delay_of`] and a limit.
pub fn policy_of<C>(name: &'static str, backoff: &ExponentialBackoff<C>) -> Result<Policy, BadPolicy> {
    let policy = Policy::named(name).unlimited().delay(delay_of(backoff)).catch(Rule::on(PERMANENT).stop());
    match backoff.max_elapsed_time {
        Some(time) => policy.deadline(time).ceiling(u32::MAX).build(),
        None => policy.build(),
    }
}

/// Returns the delay of an exponential backoff.
#[must_use]
pub fn delay_of<C>(backoff: &ExponentialBackoff<C>) -> Delay {
    let thousandths = |value: f64| (value * 1_000.0).round().clamp(0.0, f64::from(u32::MAX)) as u32;
    let factor = Factor::thousandths(thousandths(backoff.multiplier).max(1_000)).unwrap_or(Factor::TWO);
    let share = thousandths(backoff.randomization_factor).min(1_000) as u16;
    let jitter = if share == 0 { Jitter::None } else { Jitter::Fraction(share) };
    Delay::exponential(backoff.initial_interval).factor(factor).cap(backoff.max_interval).jitter(jitter)
}

/// Names the class of an error of `backoff`, for `retry!(…, classify = classify)`.
pub fn classify<E>(error: &backoff::Error<E>) -> Failure {
    match error {
        backoff::Error::Permanent(_) => Failure::of(PERMANENT),
        backoff::Error::Transient { retry_after, .. } => Failure { class: TRANSIENT, server_delay: *retry_after },
    }
}

/// Turns an error that knows its class into one of `backoff`: permanent where the policy stops at the class.
pub fn error_of<E: Classify>(policy: &Policy, error: E) -> backoff::Error<E> {
    let Failure { class, server_delay } = error.classify();
    if policy.rule_for(&class).is_some_and(|(_, rule)| rule.stops) {
        return backoff::Error::Permanent(error);
    }
    backoff::Error::Transient { err: error, retry_after: server_delay }
}

/// A policy as a [`Backoff`]: each question is a failed attempt, each answer the delay that the policy decides.
///
/// `backoff` tells no error, so every failure has the class [`TRANSIENT`] here; a rule for it may say more.
#[derive(Clone, Debug)]
pub struct PolicyBackoff<'p, W = SystemWorld> {
    policy: &'p Policy,
    world: W,
    state: RunState,
}

impl<'p> PolicyBackoff<'p> {
    /// Makes one that stands before its first attempt.
    #[must_use]
    pub fn new(policy: &'p Policy) -> Self {
        Self::new_in(policy, SystemWorld)
    }
}

impl<'p, W: World> PolicyBackoff<'p, W> {
    /// Makes one in a world of the caller's.
    #[must_use]
    pub fn new_in(policy: &'p Policy, world: W) -> Self {
        let mut this = Self { policy, world, state: RunState::new() };
        this.reset();
        this
    }
}

impl<W: World> Backoff for PolicyBackoff<'_, W> {
    fn reset(&mut self) {
        self.state = RunState::new();
        let at = self.world.now();
        self.state.step(self.policy, &Event::Due { at }).expect("a run that was just opened may begin");
    }

    fn next_backoff(&mut self) -> Option<Duration> {
        let at = self.world.now();
        if !self.state.is_running() {
            // The delay is over: whoever asks again has failed again.
            let due = self.state.step(self.policy, &Event::Due { at }).ok()?;
            if !matches!(due, Decision::Attempt { .. }) {
                return None;
            }
        }
        let outcome = Outcome::Failed(Failure::of(TRANSIENT));
        let ended = Event::Ended { at, outcome, progress: None, dice: Dice::thrown(self.world.seed()) };
        match self.state.step(self.policy, &ended).ok()? {
            Decision::Wait { until, .. } => Some(until.since(at)),
            Decision::Attempt { .. } | Decision::Cut { .. } | Decision::Finish { .. } => None,
        }
    }
}
