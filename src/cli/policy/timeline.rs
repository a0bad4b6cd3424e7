//! A run in simulated time: the same engine, fed with outcomes that somebody thought up.

use std::time::Duration;

use serde::Serialize;
use steadfast_retry::{AttemptNo, Because, Decision, Dice, Ending, Event, Moment, Outcome, Policy, RunState};

/// One attempt of a timeline and what was decided after it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Stretch {
    /// The attempt's number.
    pub(super) number: AttemptNo,
    /// When it begins, counted from the first one.
    #[serde(serialize_with = "pretty")]
    pub(super) begins: Duration,
    /// How it ends.
    pub(super) outcome: Outcome,
    /// The delay that follows; nothing where the run ends.
    #[serde(serialize_with = "pretty_or_none")]
    pub(super) wait: Option<Duration>,
    /// Why.
    pub(super) because: Because,
}

/// A whole timeline.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Timeline {
    pub(super) attempts: Vec<Stretch>,
    /// How the run ends; nothing where the outcomes were used up before.
    pub(super) ending: Option<Ending>,
    /// The time from the first attempt to the last decision.
    #[serde(serialize_with = "pretty")]
    pub(super) elapsed: Duration,
    /// How much of it is spent in delays.
    #[serde(serialize_with = "pretty")]
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

fn pretty<S: serde::Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&steadfast_retry::Pretty(*span))
}

fn pretty_or_none<S: serde::Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => pretty(span, to),
        None => to.serialize_none(),
    }
}
