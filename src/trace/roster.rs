//! What the trace remembers of runs that are not over.
//!
//! An entry names its run by number; its job, its trace and the times of what came before stand in earlier entries. Runs
//! that have begun are remembered to their end, as the dispatcher does. Of those that wait for their first attempt only a window
//! per lane is kept, cut as the dispatcher cuts its own: 100,000 queued runs cost no more than a few hundred. Whoever brings
//! one back from the store says so ([`Observer::recall`](crate::observe::Observer::recall)).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use steadfast_retry::{AttemptLimit, AttemptNo, Class, Decision, Moment, Policy};

use crate::dispatch::WINDOW;
use crate::ids::{Digest, Piece, RunId, SpanId, TraceId};
use crate::journal::{About, Entry, Happened, Opening, Step, Usage};
use crate::store::Place;

/// How many definitions are remembered; an older one only loses the policy's name and its limit in the lines.
const MOST_DEFINITIONS: usize = 4_096;

/// What is known of a run before an entry of it is told.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) job: Arc<str>,
    lane: Arc<str>,
    priority: i32,
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) terms: Option<Terms>,
    /// When it was opened; unknown of a run that the store brought back without its entries.
    pub(super) opened: Option<Moment>,
    pub(super) first_began: Option<Moment>,
    /// Attempts of any kind.
    pub(super) attempts: u32,
    /// The attempt that runs, or ran last.
    pub(super) attempt: Option<Attempt>,
    /// The class of the attempt that ended last, and why the run is over.
    pub(super) class: Option<Class>,
    pub(super) because: Option<String>,
    pub(super) worked: Duration,
    pub(super) waited: Duration,
    waits_since: Option<Moment>,
    /// The try of a finalizer that runs.
    pub(super) finalizer: Option<(Piece, Moment)>,
}

/// An attempt that began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) number: AttemptNo,
    pub(super) span: SpanId,
    pub(super) began: Moment,
}

/// What a definition says that lines show.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) policy: Arc<str>,
    pub(super) most_attempts: Option<u32>,
}

/// The runs that are not over.
#[derive(Debug, Default)]
pub(super) struct Roster {
    begun: BTreeMap<RunId, Known>,
    waiting: BTreeMap<RunId, Known>,
    lanes: BTreeMap<Arc<str>, BTreeSet<Place>>,
    terms: BTreeMap<Digest, Terms>,
}

impl Roster {
    /// Returns what is known of a run.
    pub(super) fn get(&self, run: RunId) -> Option<&Known> {
        self.begun.get(&run).or_else(|| self.waiting.get(&run))
    }

    /// Takes up under which policy runs of a definition go on.
    pub(super) fn define(&mut self, definition: Digest, policy: &Policy) {
        let most_attempts = match policy.limits().attempts {
            AttemptLimit::AtMost(most) => Some(most),
            AttemptLimit::Unlimited => None,
        };
        if self.terms.len() >= MOST_DEFINITIONS {
            self.terms.pop_first();
        }
        self.terms.insert(definition, Terms { policy: policy.name().into(), most_attempts });
    }

    /// Takes up a run from its opening.
    pub(super) fn open(&mut self, run: RunId, opened: Option<Moment>, opening: &Opening) {
        if self.get(run).is_some() {
            return;
        }
        let lane = match self.lanes.get_key_value(opening.lane.as_str()) {
            Some((lane, _)) => Arc::clone(lane),
            None => opening.lane.as_str().into(),
        };
        let places = self.lanes.entry(Arc::clone(&lane)).or_default();
        places.insert(Place { priority: opening.priority, run });
        let known = Known {
            // The runs of a lane are of one job, so they share its name.
            job: places.first().and_then(|first| self.waiting.get(&first.run)).map_or_else(
                || opening.job.as_str().into(),
                |first| if *first.job == *opening.job { Arc::clone(&first.job) } else { opening.job.as_str().into() },
            ),
            lane,
            priority: opening.priority,
            trace: opening.trace,
            span: opening.span,
            parent: opening.parent_span,
            terms: self.terms.get(&opening.definition).cloned(),
            opened,
            first_began: None,
            attempts: 0,
            attempt: None,
            class: None,
            because: None,
            worked: Duration::ZERO,
            waited: Duration::ZERO,
            waits_since: None,
            finalizer: None,
        };
        self.waiting.insert(run, known);
        if places.len() > WINDOW
            && let Some(last) = places.pop_last()
        {
            self.waiting.remove(&last.run);
        }
    }

    /// Takes up what an entry changes.
    pub(super) fn fold(&mut self, entry: &Entry) {
        let About::Run(run, happened) = &entry.about else { return };
        match happened {
            Happened::Opened(opening) => self.open(*run, Some(entry.at), opening),
            Happened::Closed { .. } => {
                self.begin(*run);
                self.begun.remove(run);
            }
            Happened::Stepped(step) => {
                self.begin(*run);
                if let Some(known) = self.begun.get_mut(run) {
                    known.step(entry.at, step);
                }
            }
            Happened::FinalizerBegan { piece, .. } => {
                if let Some(known) = self.begun.get_mut(run) {
                    known.finalizer = Some((*piece, entry.at));
                }
            }
            Happened::FinalizerEnded { .. } => {
                if let Some(known) = self.begun.get_mut(run) {
                    known.finalizer = None;
                }
            }
            Happened::Started { .. }
            | Happened::Told { .. }
            | Happened::Held { .. }
            | Happened::Released { .. }
            | Happened::Crossed { .. }
            | Happened::Late { .. }
            | Happened::Diverged { .. } => {}
        }
    }

    /// Moves a run from those that wait to those that have begun.
    fn begin(&mut self, run: RunId) {
        let Some(known) = self.waiting.remove(&run) else { return };
        if let Some(places) = self.lanes.get_mut(&known.lane) {
            places.remove(&Place { priority: known.priority, run });
            if places.is_empty() {
                self.lanes.remove(&known.lane);
            }
        }
        self.begun.insert(run, known);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.begun.len() + self.waiting.len()
    }
}

impl Known {
    fn step(&mut self, at: Moment, step: &Step) {
        if let Some(end) = &step.end {
            self.worked += self.ran(at, &end.usage);
            self.class.clone_from(&end.verdict.class);
        }
        if let Some(since) = self.waits_since.take() {
            self.waited += at.since(since);
        }
        match &step.decision {
            Decision::Attempt { number, .. } => {
                self.first_began.get_or_insert(at);
                self.attempts = number.get();
                let span = step.start.map_or(SpanId(0), |start| start.span);
                self.attempt = Some(Attempt { number: *number, span, began: at });
            }
            Decision::Wait { .. } => self.waits_since = Some(at),
            Decision::Finish { because, .. } => self.because = Some(because.to_string()),
            Decision::Cut { .. } => {}
        }
    }

    /// Returns how long the attempt ran that ended at `at`.
    pub(super) fn ran(&self, at: Moment, usage: &Usage) -> Duration {
        usage.ran(self.attempt.map_or(at, |attempt| attempt.began), at)
    }

    /// Returns the span of one of its processes, where the journal has one.
    pub(super) fn span_of(&self, piece: Piece) -> Option<SpanId> {
        let attempt = self.attempt.filter(|attempt| piece == Piece::Attempt(attempt.number));
        attempt.map(|attempt| attempt.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::story;

    #[test]
    fn a_long_queue_is_not_remembered_but_its_head_and_every_other_lane_are() {
        let mut roster = Roster::default();
        for run in 1..=100_000 {
            roster.fold(&story::opened(run, "bulk"));
        }
        roster.fold(&story::opened(100_001, "urgent"));
        assert_eq!(roster.len(), WINDOW + 1);
        assert!(roster.get(RunId(1)).is_some() && roster.get(RunId(90_000)).is_none());
        assert_eq!(&*roster.get(RunId(100_001)).unwrap().job, "urgent");
    }

    #[test]
    fn nothing_is_left_of_a_run_that_is_over() {
        let mut roster = Roster::default();
        story::told().iter().for_each(|entry| roster.fold(entry));
        assert_eq!((roster.len(), roster.lanes.len()), (0, 0));
    }
}
