//! A run that has begun and is not over.

use std::sync::Arc;
use std::time::Duration;

use steadfast_retry::{AttemptNo, Ending, Event, On, Outcome, Policy, RunState};

use crate::evidence::Classes;
use crate::ids::{Piece, RunId, SpanId, Token};
use crate::job::Definition;
use crate::journal::{Entry, FinalizerResult, Happened, Opening, Told};
use crate::store::Place;

/// What a run was opened with and keeps to its end, whatever the files say later.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What is done, and under which policy.
    pub definition: Arc<Definition>,
    /// What its failures are called.
    pub classes: Classes,
}

/// A run that has begun and is not over.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) run: RunId,
    pub(super) opening: Opening,
    pub(super) terms: Terms,
    pub(super) state: RunState,
    pub(super) held: bool,
    pub(super) deaths: u32,
    pub(super) process: Option<Process>,
    pub(super) follow_up: Option<FollowUp>,
    pub(super) delay_over: bool,
    pub(super) last_class: Option<String>,
    pub(super) checkpoint: Option<u64>,
    /// The length of the delay that it waits or last waited.
    pub(super) last_delay: Duration,
    /// Whether an attempt once left processes behind; the next ones get a shim of their own.
    pub(super) survivors_seen: bool,
    /// How long the attempt may take that runs or ran last.
    pub(super) limit: Option<Duration>,
}

/// A process that was announced and is not known to be gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) piece: Piece,
    pub(super) token: Token,
    pub(super) span: SpanId,
    pub(super) taken_along: bool,
}

/// The finalizers that are owed, and how far they are.
#[derive(Debug)]
pub(super) struct FollowUp {
    /// The failed attempt that they follow, `None` for the run's ending.
    pub(super) after: Option<AttemptNo>,
    /// What is owed, by index in the policy's list; the first is at work.
    pub(super) owed: Vec<u16>,
    /// Tries of the first, of any kind.
    pub(super) tried: u16,
    /// Failed tries of the first.
    pub(super) failed: u32,
}

/// Lost tries of one finalizer that are borne, over and above its own attempts: as many as attempts of any kind. A try that a
/// dying daemon never started is among them, and a finalizer that was owed must run once before it is given up.
const LOST_TRIES: u32 = 1_000;

impl FollowUp {
    /// Gathers what follows an ending.
    pub(super) fn of_ending(policy: &Policy, ending: Ending) -> Self {
        Self { after: None, owed: owed(policy, |on| on.follows(ending)), tried: 0, failed: 0 }
    }

    /// Gathers what follows a failed attempt.
    pub(super) fn of_attempt(policy: &Policy, number: AttemptNo) -> Self {
        Self { after: Some(number), owed: owed(policy, |on| on == On::AttemptFailed), tried: 0, failed: 0 }
    }

    /// Returns the next try.
    pub(super) fn piece(&self) -> Option<Piece> {
        let index = *self.owed.first()?;
        Some(Piece::Finalizer { after: self.after, index, tried: self.tried + 1 })
    }

    /// Notes that a try was announced.
    pub(super) fn began(&mut self) {
        self.tried = self.tried.saturating_add(1);
    }

    /// Notes how a try ended; what is done, failed for good or lost too often is owed no longer.
    pub(super) fn ended(&mut self, policy: &Policy, result: FinalizerResult) {
        let Some(index) = self.owed.first() else { return };
        let attempts = policy.finally()[usize::from(*index)].attempts;
        if result == FinalizerResult::Failed {
            self.failed += 1;
        }
        let over = match result {
            FinalizerResult::Done => true,
            FinalizerResult::Failed => self.failed >= attempts,
            FinalizerResult::Lost => u32::from(self.tried) >= attempts.saturating_add(LOST_TRIES),
        };
        if over {
            self.owed.remove(0);
            (self.tried, self.failed) = (0, 0);
        }
    }
}

fn owed(policy: &Policy, follows: impl Fn(On) -> bool) -> Vec<u16> {
    let finalizers = policy.finally().iter().enumerate();
    finalizers.filter(|(_, finalizer)| follows(finalizer.on)).map(|(index, _)| index as u16).collect()
}

impl Live {
    pub(super) fn new(run: RunId, opening: Opening, terms: Terms) -> Self {
        Self {
            run,
            opening,
            terms,
            state: RunState::new(),
            held: false,
            deaths: 0,
            process: None,
            follow_up: None,
            delay_over: true,
            last_class: None,
            checkpoint: None,
            last_delay: Duration::ZERO,
            survivors_seen: false,
            limit: None,
        }
    }

    pub(super) fn place(&self) -> Place {
        Place { priority: self.opening.priority, run: self.run }
    }

    /// Says whether an attempt may begin, as far as the run itself is concerned.
    pub(super) fn wants_attempt(&self) -> bool {
        let idle = self.process.is_none() && self.follow_up.is_none() && !self.held;
        idle && self.delay_over && !self.state.is_running() && self.state.ending().is_none()
    }

    /// Folds one of the run's own entries into it, as it was recorded; returns what would be decided today, if that differs.
    pub(super) fn fold(&mut self, entry: &Entry) -> Option<steadfast_retry::Decision> {
        let crate::journal::About::Run(_, happened) = &entry.about else { return None };
        match happened {
            Happened::Stepped(step) => return self.fold_step(step),
            Happened::FinalizerBegan { piece, token } => {
                self.process = Some(Process { piece: *piece, token: *token, span: SpanId(0), taken_along: false });
                if let Some(follow_up) = &mut self.follow_up {
                    follow_up.began();
                }
            }
            Happened::FinalizerEnded { piece, result, .. } => {
                self.finalizer_ended(*piece, *result);
                if self.follow_up.as_ref().is_some_and(|next| next.owed.is_empty() && next.after.is_some()) {
                    self.follow_up = None;
                }
            }
            Happened::Told { word: Told::Checkpoint { step, .. }, .. } => {
                self.checkpoint = Some(*step).max(self.checkpoint);
            }
            Happened::Held { .. } => self.held = true,
            Happened::Released { .. } => self.held = false,
            Happened::Crossed { deaths } => self.deaths = *deaths,
            Happened::Opened(_)
            | Happened::Started { .. }
            | Happened::Told { .. }
            | Happened::Late { .. }
            | Happened::Diverged { .. }
            | Happened::Closed { .. } => {}
        }
        None
    }

    fn fold_step(&mut self, step: &crate::journal::Step) -> Option<steadfast_retry::Decision> {
        let applied = self.state.apply(&self.terms.definition.policy, &step.event, &step.decision);
        self.took_step(step);
        applied.expect("the journal tells a run's events in order")
    }

    /// Takes over what a step means besides the engine's state.
    pub(super) fn took_step(&mut self, step: &crate::journal::Step) {
        use steadfast_retry::Decision;
        if let Some(end) = &step.end {
            self.process = None;
            self.survivors_seen |= !end.usage.survivors.is_empty();
            self.last_class = end.verdict.class.as_ref().map(ToString::to_string);
        }
        match &step.decision {
            Decision::Attempt { number, limit, .. } => {
                self.limit = *limit;
                let start = step.start.expect("a decided attempt has a start");
                let piece = Piece::Attempt(*number);
                self.process = Some(Process { piece, token: start.token, span: start.span, taken_along: false });
                self.delay_over = false;
                self.checkpoint = None;
            }
            Decision::Wait { until, .. } => {
                self.process = None;
                self.delay_over = false;
                self.last_delay = until.since(step.event.at());
                let failed = matches!(&step.event, Event::Ended { outcome: Outcome::Failed(_), .. });
                if let (true, Some(number)) = (failed, self.state.last_attempt()) {
                    let follow_up = FollowUp::of_attempt(&self.terms.definition.policy, number);
                    self.follow_up = (!follow_up.owed.is_empty()).then_some(follow_up);
                }
            }
            Decision::Finish { ending, .. } => {
                // A finalizer of a failed attempt may still be at work; what follows the ending waits for it.
                self.process = self.process.filter(|process| matches!(process.piece, Piece::Finalizer { .. }));
                self.follow_up = Some(FollowUp::of_ending(&self.terms.definition.policy, *ending));
            }
            Decision::Cut { .. } => {}
        }
    }

    /// Notes how a try of a finalizer ended; returns whether the finalizer is owed another one.
    ///
    /// One that followed a failed attempt counts for nothing once the run was cancelled over it.
    pub(super) fn finalizer_ended(&mut self, piece: Piece, result: FinalizerResult) -> bool {
        self.process = None;
        let (Some(follow_up), Piece::Finalizer { after, index, .. }) = (&mut self.follow_up, piece) else {
            return false;
        };
        if follow_up.after != after {
            return false;
        }
        follow_up.ended(&self.terms.definition.policy, result);
        follow_up.owed.first() == Some(&index)
    }

    /// Says whether it begins nothing because it is held, itself or with its job.
    pub(super) const fn rests(&self, job_held: bool) -> bool {
        (self.held || job_held) && self.process.is_none() && self.follow_up.is_none()
    }

    /// Says whether a report is about the process that the run knows.
    pub(super) fn knows(&self, piece: Piece, token: Token) -> bool {
        self.process.is_some_and(|process| process.piece == piece && process.token == token)
    }
}

#[cfg(test)]
mod tests {
    use steadfast_retry::{Ending, Finalizer, On, Policy};

    use super::{FinalizerResult, FollowUp};

    /// Found by killing the daemon two hundred times: 23 tries that dying daemons announced and never started used up a finalizer
    /// that had not run once.
    #[test]
    fn tries_that_never_ran_do_not_use_a_finalizer_up() {
        let finalizer = Finalizer::new(On::Always, vec!["true".to_owned()]);
        let policy = Policy::named("p").finally(finalizer).build().unwrap();
        let mut follow_up = FollowUp::of_ending(&policy, Ending::Succeeded);
        for _ in 0..100 {
            follow_up.began();
            follow_up.ended(&policy, FinalizerResult::Lost);
        }
        assert!(follow_up.piece().is_some(), "it is still owed");
        for _ in 0..2_000 {
            follow_up.began();
            follow_up.ended(&policy, FinalizerResult::Lost);
        }
        assert!(follow_up.piece().is_none(), "every loop has an end");
    }
}
