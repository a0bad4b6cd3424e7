//! The timeline that a policy would give, before anybody relies on it.
//!
//! # Theory of operation
//!
//! A forecast asks the engine itself: three runs are driven through [`RunState::step`] by the same expected outcomes, one with
//! the lowest dice, one with none, one with the highest. What they decide is the earliest, the typical and the latest timeline. There
//! is no second calculation of delays that could differ from what really happens. Warnings speak of what the timelines
//! show and of rules that no failure can reach.

mod table;
mod warnings;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{Because, Class, Decision, DelaySource, Dice, Ending, Event, Failure, Moment, Outcome, Policy, RunState};

/// The timeline that a policy would give if attempts went as expected.
///
/// ```
/// use steadfast_retry::{Class, Delay, Forecast, Policy};
/// use std::time::Duration;
///
/// let policy = Policy::named("fetch").attempts(4).delay(Delay::exponential(Duration::from_secs(2))).build()?;
/// let forecast = Forecast::of(&policy, [Class::known("net-reset")]);
/// assert_eq!(forecast.rows().len(), 4);
/// assert_eq!(forecast.typical().lasts, Duration::from_secs(2 + 4 + 8));
/// assert_eq!(forecast.earliest().lasts, Duration::ZERO, "full jitter may give no delay at all");
/// println!("{forecast}");
/// # Ok::<(), steadfast_retry::BadPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    policy: String,
    rows: Vec<Row>,
    ends: Three<End>,
    warnings: Vec<String>,
}

/// How an attempt is expected to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// How it ends.
    pub outcome: Outcome,
    /// How long it takes, unless its limit ends it sooner.
    pub took: Duration,
}

impl Expected {
    /// Says how long the attempt takes; without it, none at all.
    #[must_use]
    pub const fn taking(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }
}

impl From<Outcome> for Expected {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, took: Duration::ZERO }
    }
}

impl From<Failure> for Expected {
    fn from(failure: Failure) -> Self {
        Outcome::Failed(failure).into()
    }
}

impl From<Class> for Expected {
    fn from(class: Class) -> Self {
        Failure::of(class).into()
    }
}

/// A value for the lowest dice, for none, and for the highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Three<T> {
    /// With every delay at the lower end of its range.
    pub earliest: T,
    /// With every delay at its nominal length.
    pub typical: T,
    /// With every delay at the upper end of its range.
    pub latest: T,
}

impl<T> Three<T> {
    fn each(make: impl Fn(Dice) -> T) -> Self {
        Self { earliest: make(Dice::LOWEST), typical: make(Dice::NONE), latest: make(Dice::HIGHEST) }
    }

    fn map<'a, U>(&'a self, turn: impl Fn(&'a T) -> U) -> Three<U> {
        Three { earliest: turn(&self.earliest), typical: turn(&self.typical), latest: turn(&self.latest) }
    }
}

/// One attempt of the forecast; `None` where a timeline has ended before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub number: u32,
    /// The delay before it.
    pub wait: Three<Option<Duration>>,
    /// Where the typical delay comes from; `None` before the first attempt.
    pub source: Option<DelaySource>,
    /// When it begins, from the start of the run.
    pub begins: Three<Option<Duration>>,
}

/// How a timeline ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How long the run takes.
    pub lasts: Duration,
    /// How many attempts it has.
    pub attempts: u32,
    /// How it ends and why; `None` if it goes on beyond the forecast's hundred attempts.
    pub ending: Option<(Ending, Because)>,
}

/// More rows than anybody reads.
const MOST_ROWS: u32 = 100;

impl Forecast {
    /// Makes the forecast; the last of the expected attempts repeats until the run ends.
    ///
    /// With nothing expected, every attempt fails with the class [`Class::ERROR`].
    #[must_use]
    pub fn of<X: Into<Expected>>(policy: &Policy, expected: impl IntoIterator<Item = X>) -> Self {
        let mut expected: Vec<Expected> = expected.into_iter().map(Into::into).collect();
        if expected.is_empty() {
            expected.push(Class::ERROR.into());
        }
        let lines = Three::each(|dice| Line::follow(policy, &expected, dice));
        let longest = lines.earliest.steps.len().max(lines.typical.steps.len()).max(lines.latest.steps.len());
        let rows: Vec<Row> = (0..longest).map(|index| Row::at(index, &lines)).collect();
        let ends = lines.map(|line| line.end.clone());
        let warnings = warnings::of(policy, &rows, &ends);
        Self { policy: policy.name().into(), rows, ends, warnings }
    }

    /// Returns the attempts in order.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the end of the timeline with the shortest delays.
    #[must_use]
    pub const fn earliest(&self) -> &End {
        &self.ends.earliest
    }

    /// Returns the end of the timeline with nominal delays.
    #[must_use]
    pub const fn typical(&self) -> &End {
        &self.ends.typical
    }

    /// Returns the end of the timeline with the longest delays.
    #[must_use]
    pub const fn latest(&self) -> &End {
        &self.ends.latest
    }

    /// Returns what its author may not have meant, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Row {
    fn at(index: usize, lines: &Three<Line>) -> Self {
        let steps = lines.map(|line| line.steps.get(index));
        Self {
            number: u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1),
            wait: steps.map(|step| step.map(|step| step.wait)),
            source: steps.typical.or(steps.earliest).and_then(|step| step.source),
            begins: steps.map(|step| step.map(|step| step.begins)),
        }
    }
}

/// One timeline.
struct Line {
    steps: Vec<Step>,
    end: End,
}

/// An attempt on a timeline.
struct Step {
    wait: Duration,
    source: Option<DelaySource>,
    begins: Duration,
}

impl Line {
    fn follow(policy: &Policy, expected: &[Expected], dice: Dice) -> Self {
        let mut run = RunState::new();
        let mut now = Moment::ORIGIN;
        let mut steps: Vec<Step> = Vec::new();
        let mut delay = (Duration::ZERO, None);
        let mut event = Event::Due { at: now };
        loop {
            let passed = now.since(Moment::ORIGIN);
            let attempts = run.ledger().attempts;
            match run.step(policy, &event).expect("a forecast tells events in order") {
                Decision::Attempt { limit, .. } => {
                    if attempts == MOST_ROWS {
                        return Self { steps, end: End { lasts: passed, attempts, ending: None } };
                    }
                    let (wait, source) = delay;
                    let next = expected.get(steps.len()).or(expected.last()).expect("something is expected");
                    steps.push(Step { wait, source, begins: passed });
                    let (took, outcome) = cut(next, limit);
                    now = now + took;
                    event = Event::Ended { at: now, outcome, progress: None, dice };
                }
                Decision::Wait { until, because } => {
                    delay = (until.since(now), because.delay);
                    now = until;
                    event = Event::Due { at: now };
                }
                Decision::Finish { ending, because } => {
                    return Self { steps, end: End { lasts: passed, attempts, ending: Some((ending, because)) } };
                }
                Decision::Cut { .. } => unreachable!("nobody asks a forecast to cancel"),
            }
        }
    }
}

/// What becomes of an attempt under its limit.
fn cut(expected: &Expected, limit: Option<Duration>) -> (Duration, Outcome) {
    match limit {
        Some(limit) if expected.took > limit => (limit, Outcome::Failed(Failure::of(Class::TIMEOUT))),
        Some(_) | None => (expected.took, expected.outcome.clone()),
    }
}

#[cfg(test)]
mod tests;
