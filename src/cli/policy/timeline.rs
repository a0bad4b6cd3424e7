//! A run in simulated time: the same engine, fed with outcomes that somebody thought up.

use std::time::Duration;

use serde::{Serialize, Serializer};
use steadfast_retry::{AttemptNo, Because, Decision, Dice, Ending, Event, Moment, Outcome, Policy, RunState};

use crate::store::How;
use crate::store::view::BecauseView;

/// One attempt of a timeline and what was decided after it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stretch {
    /// The attempt's number.
    pub(super) number: AttemptNo,
    /// When it begins, counted from the first one.
    #[serde(rename = "begins_seconds", serialize_with = "seconds")]
    pub(super) begins: Duration,
    /// How it ends.
    #[serde(flatten, serialize_with = "outcome")]
    pub(super) outcome: Outcome,
    /// The delay that follows; nothing where the run ends.
    #[serde(rename = "wait_seconds", skip_serializing_if = "Option::is_none", serialize_with = "seconds_or_none")]
    pub(super) wait: Option<Duration>,
    /// Why.
    #[serde(serialize_with = "because")]
    pub(super) because: Because,
}

/// A whole timeline.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Timeline {
    pub(super) attempts: Vec<Stretch>,
    /// How the run ends; nothing where the outcomes were used up before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ending: Option<Ending>,
    /// The time from the first attempt to the last decision.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub(super) elapsed: Duration,
    /// How much of it is spent in delays.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub(super) waited: Duration,
}

/// The most attempts that a timeline shows.
const LONGEST: usize = 10_000;

/// Plays outcomes through the engine. Each attempt takes `took`, or its time limit if that is shorter.
pub(super) fn play(
    policy: &Policy,
    outcomes: impl IntoIterator<Item = Outcome>,
    took: Duration,
    mut dice: impl FnMut() -> Dice,
) -> Timeline {
    let mut run = RunState::new();
    let mut now = Moment::ORIGIN;
    let mut timeline = Timeline { attempts: Vec::new(), ending: None, elapsed: Duration::ZERO, waited: Duration::ZERO };
    let mut outcomes = outcomes.into_iter().take(LONGEST);
    let step = |run: &mut RunState, event: Event| {
        run.step(policy, &event).expect("a timeline tells its events in their order")
    };
    loop {
        let Decision::Attempt { number, limit, because: _ } = step(&mut run, Event::Due { at: now }) else {
            // A first attempt that the deadline has no room for: the policy's builder refuses such a policy.
            timeline.ending = run.ending();
            break;
        };
        let Some(outcome) = outcomes.next() else { break };
        let begins = now.since(Moment::ORIGIN);
        now = now + limit.map_or(took, |limit| took.min(limit));
        let decision = step(&mut run, Event::Ended { at: now, outcome: outcome.clone(), progress: None, dice: dice() });
        let because = decision.because().clone();
        let wait = if let Decision::Wait { until, .. } = decision { Some(until.since(now)) } else { None };
        timeline.attempts.push(Stretch { number, begins, outcome, wait, because });
        match wait {
            Some(wait) => {
                now = now + wait;
                timeline.waited += wait;
            }
            None => {
                timeline.ending = run.ending();
                break;
            }
        }
    }
    timeline.elapsed = now.since(Moment::ORIGIN);
    timeline
}

fn seconds<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn seconds_or_none<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(to)
}

fn because<S: Serializer>(because: &Because, to: S) -> Result<S::Ok, S::Error> {
    BecauseView::from(because).serialize(to)
}

fn outcome<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
    OutcomeView::of(outcome).serialize(to)
}

/// How an attempt ends, in the words of an attempt that has ended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OutcomeView {
    outcome: How,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    /// The delay that the server asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_delay_seconds: Option<f64>,
}

impl OutcomeView {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let (word, failure) = match outcome {
            Outcome::Succeeded => (How::Succeeded, None),
            Outcome::Failed(failure) => (How::Failed, Some(failure)),
            Outcome::Interrupted => (How::Interrupted, None),
            Outcome::Cancelled => (How::Cancelled, None),
        };
        Self {
            outcome: word,
            class: failure.map(|failure| failure.class.to_string()),
            server_delay_seconds: failure.and_then(|failure| Some(failure.server_delay?.as_secs_f64())),
        }
    }
}
