//! The decision what follows an event of one run.
//!
//! # Theory of operation
//!
//! A [`RunState`] is driven by whoever does the work: `Due` asks for the next attempt, `Ended` tells how it went, and the
//! answer is an attempt, a wait or an ending, each with its [`Because`]. The state holds counters and no policy, no clock and no
//! randomness; all three arrive as arguments. So the same events under the same policy give the same decisions, in
//! a test, in a simulation of ten years, and when a daemon folds its journal after a crash.
//!
//! What was decided and recorded stays decided: [`RunState::apply`] follows a recorded decision even where today's code or
//! policy would choose otherwise, and says so.

use core::fmt;
use core::time::Duration;

use crate::{
    Account, AttemptNo, Because, Cause, Decision, DelaySource, Dice, Ending, Event, Failure, Ledger, Moment, Outcome,
    Policy, Rule, RuleRef,
};

/// The state of one run between its events.
///
/// ```
/// use steadfast_retry::{Class, Decision, Dice, Event, Failure, Moment, Outcome, Policy, RunState};
///
/// let policy = Policy::DEFAULT;
/// let mut run = RunState::new();
/// let first = run.step(&policy, &Event::Due { at: Moment::ORIGIN })?;
/// assert!(matches!(first, Decision::Attempt { .. }));
///
/// let outcome = Outcome::Failed(Failure::of(Class::known("net-reset")));
/// let next = run.step(&policy, &Event::Ended { at: Moment::ORIGIN, outcome, progress: None, dice: Dice::NONE })?;
/// assert_eq!(next.because().to_string(), "net-reset: failed, 1 of 3 charged");
/// # Ok::<(), steadfast_retry::OutOfOrder>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct RunState {
    phase: Phase,
    ledger: Ledger,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    first_began: Option<Moment>,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    furthest: Option<u64>,
    #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
    last_delay: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
enum Phase {
    #[default]
    Opened,
    Running {
        cancel_asked: bool,
    },
    Waiting {
        until: Moment,
    },
    Over(Ending),
}

impl RunState {
    /// Makes the state of a run that has just been opened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what the run has been charged.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the number of the attempt that runs or ran last.
    #[must_use]
    pub const fn last_attempt(&self) -> Option<AttemptNo> {
        AttemptNo::new(self.ledger.attempts)
    }

    /// Says whether an attempt is running.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Says whether an attempt is running that is to end because the run was cancelled.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        matches!(self.phase, Phase::Running { cancel_asked: true })
    }

    /// Returns until when it waits, if it waits.
    #[must_use]
    pub const fn waits_until(&self) -> Option<Moment> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Opened | Phase::Running { .. } | Phase::Over(_) => None,
        }
    }

    /// Returns how the run ended, if it is over.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        match self.phase {
            Phase::Over(ending) => Some(ending),
            Phase::Opened | Phase::Running { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// Returns the furthest durable mark that any attempt reached.
    #[must_use]
    pub const fn furthest(&self) -> Option<u64> {
        self.furthest
    }

    /// Returns the time left until the deadline, `None` if there is none or no attempt has begun.
    #[must_use]
    pub fn time_left(&self, policy: &Policy, at: Moment) -> Option<Duration> {
        let deadline = policy.limits().deadline?;
        Some(deadline.saturating_sub(at.since(self.first_began?)))
    }

    /// Decides what follows an event.
    ///
    /// # Errors
    ///
    /// Returns [`OutOfOrder`], and changes nothing, if such an event cannot happen in this state: a second end of one attempt,
    /// or anything after the run is over.
    pub fn step(&mut self, policy: &Policy, event: &Event) -> Result<Decision, OutOfOrder> {
        let decision = match (self.phase, event) {
            (Phase::Opened | Phase::Waiting { .. }, Event::Due { at }) => self.due(policy, *at),
            (Phase::Running { cancel_asked }, Event::Ended { at, outcome, progress, dice }) => {
                if cancel_asked {
                    finish(Ending::Cancelled, Because::of(Cause::Cancelled))
                } else {
                    self.ended(policy, *at, outcome, *progress, *dice)
                }
            }
            (Phase::Running { cancel_asked }, Event::Voided { at }) => {
                if cancel_asked {
                    finish(Ending::Cancelled, Because::of(Cause::Cancelled))
                } else {
                    self.never_started(policy, *at)
                }
            }
            (Phase::Running { .. }, Event::CancelAsked { .. }) => {
                Decision::Cut { because: Because::of(Cause::Cancelled) }
            }
            (Phase::Opened | Phase::Waiting { .. }, Event::CancelAsked { .. }) => {
                finish(Ending::Cancelled, Because::of(Cause::Cancelled))
            }
            (Phase::Opened | Phase::Running { .. } | Phase::Waiting { .. }, Event::Quarantined { .. }) => {
                finish(Ending::Quarantined, Because::of(Cause::Quarantined))
            }
            (Phase::Over(_), _)
            | (Phase::Running { .. }, Event::Due { .. })
            | (Phase::Opened | Phase::Waiting { .. }, Event::Ended { .. } | Event::Voided { .. }) => {
                return Err(OutOfOrder { phase: self.phase.as_str() });
            }
        };
        self.follow(&decision, event);
        Ok(decision)
    }

    /// Follows a recorded decision, and returns what would be decided today where that differs.
    ///
    /// # Errors
    ///
    /// Returns [`OutOfOrder`] as [`RunState::step`] does.
    pub fn apply(
        &mut self,
        policy: &Policy,
        event: &Event,
        recorded: &Decision,
    ) -> Result<Option<Decision>, OutOfOrder> {
        let today = self.step(policy, event)?;
        if today.is_like(recorded) {
            return Ok(None);
        }
        self.follow(recorded, event);
        Ok(Some(today))
    }

    fn follow(&mut self, decision: &Decision, event: &Event) {
        self.phase = match decision {
            Decision::Attempt { number, .. } => {
                self.ledger.attempts = number.get();
                if let Event::Due { at } = event {
                    self.first_began.get_or_insert(*at);
                }
                Phase::Running { cancel_asked: false }
            }
            Decision::Wait { until, .. } => Phase::Waiting { until: *until },
            Decision::Cut { .. } => Phase::Running { cancel_asked: true },
            Decision::Finish { ending, .. } => Phase::Over(*ending),
        };
    }

    fn due(&self, policy: &Policy, at: Moment) -> Decision {
        let limits = policy.limits();
        if self.ledger.attempts >= limits.attempts_of_any_kind() {
            return finish(Ending::GaveUp, Because::of(Cause::CeilingReached));
        }
        let left = match self.first_began {
            Some(_) => self.time_left(policy, at),
            None => limits.deadline,
        };
        if let Some(left) = left
            && (left.is_zero() || left < limits.attempt_min)
        {
            return finish(Ending::GaveUp, out_of_time(left, limits.attempt_min, Because::of(Cause::DeadlinePassed)));
        }
        let limit = match (limits.attempt_timeout, left) {
            (Some(timeout), Some(left)) => Some(timeout.min(left)),
            (timeout, left) => timeout.or(left),
        };
        let cause = if self.ledger.attempts == 0 { Cause::First } else { Cause::DelayOver };
        let number = self.last_attempt().map_or(AttemptNo::FIRST, AttemptNo::next);
        Decision::Attempt { number, limit, because: Because::of(cause) }
    }

    fn ended(&mut self, policy: &Policy, at: Moment, outcome: &Outcome, progress: Option<u64>, dice: Dice) -> Decision {
        self.note_progress(policy, progress);
        match outcome {
            Outcome::Succeeded => finish(Ending::Succeeded, Because::of(Cause::Succeeded)),
            Outcome::Cancelled => finish(Ending::Cancelled, Because::of(Cause::Cancelled)),
            Outcome::Interrupted => self.lost(policy, at, dice),
            Outcome::Failed(failure) => self.failed(policy, at, failure, dice),
        }
    }

    /// Unknown progress resets and charges nothing; a mark reached again is none until it passes the furthest.
    fn note_progress(&mut self, policy: &Policy, progress: Option<u64>) {
        let Some(mark) = progress else { return };
        if self.furthest.is_some_and(|furthest| mark <= furthest) {
            return;
        }
        self.furthest = Some(mark);
        self.ledger.free_in_a_row = 0;
        if policy.limits().without_progress {
            self.ledger.forgive();
            self.last_delay = Duration::ZERO;
        }
    }

    fn lost(&mut self, policy: &Policy, at: Moment, dice: Dice) -> Decision {
        self.ledger.interruptions = self.ledger.interruptions.saturating_add(1);
        self.ledger.lost_in_a_row = self.ledger.lost_in_a_row.saturating_add(1);
        let (lost, in_a_row) = (self.ledger.interruptions, self.ledger.lost_in_a_row);
        let of = policy.limits().interruptions;
        let account = Account::Interruptions { lost, in_a_row, of };
        let mut because = Because { account: Some(account), ..Because::of(Cause::Lost) };
        if lost > of {
            because.cause = Cause::TooManyLost;
            return finish(Ending::GaveUp, because);
        }
        let delay = self.own_delay(policy, None, account, dice);
        because.delay = (!delay.is_zero()).then_some(DelaySource::Loop);
        self.wait(policy, at, delay, because)
    }

    /// Charges nothing; but where starts fail again and again, as without space for them, the loop's delay lies between.
    fn never_started(&mut self, policy: &Policy, at: Moment) -> Decision {
        let mut because = Because::of(Cause::NeverStarted);
        let before = self.ledger.lost_in_a_row;
        self.ledger.lost_in_a_row = before.saturating_add(1);
        if before == 0 {
            return self.wait(policy, at, Duration::ZERO, because);
        }
        let delay = policy.delay().next(before, self.last_delay, Dice::NONE);
        self.last_delay = delay;
        because.delay = (!delay.is_zero()).then_some(DelaySource::Loop);
        self.wait(policy, at, delay, because)
    }

    fn failed(&mut self, policy: &Policy, at: Moment, failure: &Failure, dice: Dice) -> Decision {
        self.ledger.lost_in_a_row = 0;
        let caught = policy.rule_for(&failure.class);
        let mut because = Because { class: Some(failure.class.clone()), ..Because::of(Cause::Failed) };
        because.rule = caught.map(|(index, rule)| RuleRef { index: index as u16, origin: rule.origin.clone() });
        let rule = caught.map(|(_, rule)| rule);
        if rule.is_some_and(|rule| rule.stops) {
            because.cause = Cause::RuleStops;
            return finish(Ending::Stopped, because);
        }
        let account = self.charge(policy, caught);
        because.account = Some(account);
        if let Some(spent) = spent(account) {
            because.cause = spent;
            return finish(Ending::GaveUp, because);
        }
        let own = self.own_delay(policy, rule, account, dice);
        because.delay = Some(match rule {
            Some(Rule { delay: Some(_), .. }) => DelaySource::Rule,
            _ => DelaySource::Loop,
        });
        let mut delay = own;
        if let Some(asked) = failure.server_delay {
            let longest = rule.and_then(|rule| rule.obey_server).unwrap_or(policy.limits().obey_server);
            if asked > longest {
                because.cause = Cause::ServerAsksTooMuch { asked, longest };
                because.delay = None;
                return finish(Ending::GaveUp, because);
            }
            if asked > own {
                delay = asked;
                because.delay = Some(DelaySource::Server);
            }
        }
        self.wait(policy, at, delay, because)
    }

    /// Charges exactly one account, or none if the failure is free.
    fn charge(&mut self, policy: &Policy, caught: Option<(usize, &Rule)>) -> Account {
        let ledger = &mut self.ledger;
        match caught {
            Some((_, rule)) if rule.free => {
                ledger.free_in_a_row = ledger.free_in_a_row.saturating_add(1);
                let of = rule.attempts.unwrap_or(policy.limits().free_guard);
                Account::Free { in_a_row: ledger.free_in_a_row, of }
            }
            Some((index, Rule { attempts: Some(of), .. })) => {
                ledger.free_in_a_row = 0;
                Account::Rule { charged: ledger.charge_rule(index), of: *of }
            }
            Some(_) | None => {
                ledger.free_in_a_row = 0;
                Account::Loop { charged: ledger.charge_loop(), of: policy.limits().attempts }
            }
        }
    }

    /// The policy's own delay; the count that drives it is that of the account that pays.
    fn own_delay(&mut self, policy: &Policy, rule: Option<&Rule>, account: Account, dice: Dice) -> Duration {
        let delay = rule.and_then(|rule| rule.delay.as_ref()).unwrap_or(policy.delay());
        let length = delay.next(account.count(), self.last_delay, dice);
        self.last_delay = length;
        length
    }

    /// Waits, unless nothing could follow the wait.
    fn wait(&self, policy: &Policy, at: Moment, delay: Duration, mut because: Because) -> Decision {
        if self.ledger.attempts >= policy.limits().attempts_of_any_kind() {
            because.cause = Cause::CeilingReached;
            because.delay = None;
            return finish(Ending::GaveUp, because);
        }
        let needed = delay.saturating_add(policy.limits().attempt_min);
        match self.time_left(policy, at) {
            Some(left) if left.is_zero() || needed >= left => {
                because.delay = None;
                finish(Ending::GaveUp, out_of_time(left, needed, because))
            }
            _ => Decision::Wait { until: at + delay, because },
        }
    }
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "no attempt has begun",
            Self::Running { .. } => "an attempt is running",
            Self::Waiting { .. } => "the run waits",
            Self::Over(_) => "the run is over",
        }
    }
}

const fn finish(ending: Ending, because: Because) -> Decision {
    Decision::Finish { ending, because }
}

const fn spent(account: Account) -> Option<Cause> {
    match account {
        Account::Loop { charged, of } if of.is_reached(charged) => Some(Cause::AttemptsSpent),
        Account::Rule { charged, of } if charged >= of => Some(Cause::AttemptsSpent),
        Account::Free { in_a_row, of } if in_a_row >= of => Some(Cause::GuardReached),
        Account::Loop { .. } | Account::Rule { .. } | Account::Free { .. } | Account::Interruptions { .. } => None,
    }
}

fn out_of_time(left: Duration, needed: Duration, because: Because) -> Because {
    let cause = if left.is_zero() { Cause::DeadlinePassed } else { Cause::NoTimeLeft { needed, left } };
    Because { cause, ..because }
}

/// An event that cannot happen in the state that the run is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder {
    phase: &'static str,
}

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event out of order: {}", self.phase)
    }
}

impl core::error::Error for OutOfOrder {}

#[cfg(test)]
mod tests;
