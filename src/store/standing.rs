//! Where a run stands after its entries, and which entry may come next: the rules of the journal that both stores
//! keep. What *should* come next is the dispatcher's affair.

use steadfast_retry::{AttemptNo, Decision, Ending, Event, Outcome};

use crate::evidence::Fact;
use crate::ids::{Piece, RunId, Token};
use crate::journal::{End, FinalizerResult, Happened, Opening, Start, Step, Sweep};

/// Where a run stands, in one word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its first attempt.
    Queued,
    /// An attempt was announced, and its end is not known.
    Running,
    /// It waits for its next attempt.
    Waiting,
    /// How it ends is decided; its finalizers run.
    Finishing,
    /// It is over.
    Closed,
}

impl State {
    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Waiting, Self::Finishing, Self::Closed];

    /// Returns the word that tables, filters and faces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Finishing => "finishing",
            Self::Closed => "closed",
        }
    }

    /// Finds the state of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// Finds the ending of a word.
pub(super) fn ending_of(word: &str) -> Option<Ending> {
    use Ending::{Cancelled, GaveUp, Quarantined, Skipped, Stopped, Succeeded};
    [Succeeded, GaveUp, Stopped, Cancelled, Skipped, Quarantined].into_iter().find(|ending| ending.as_str() == word)
}

/// Where a run stands after its entries so far: what a store must know to take the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) job: String,
    pub(super) lane: String,
    pub(super) priority: i32,
    pub(super) point: Option<u32>,
    pub(super) sweep: Option<Sweep>,
    pub(super) state: State,
    pub(super) held: bool,
    pub(super) attempts: u32,
    pub(super) ending: Option<Ending>,
    /// The class of the last attempt that did not succeed.
    pub(super) class: Option<String>,
    /// Until when it waits, in nanoseconds since the Unix epoch.
    pub(super) due: Option<u64>,
}

/// What an entry does besides moving its run: to an attempt or a try of a finalizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    Nothing,
    AttemptBegins { number: AttemptNo, start: Start },
    AttemptStarted { number: AttemptNo, pid: u32 },
    AttemptEnds(Ends<'a>),
    FinalizerBegins { piece: Piece, token: Token },
    FinalizerEnds { piece: Piece, result: FinalizerResult },
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends<'a> {
    pub(super) number: u32,
    pub(super) how: How,
    pub(super) class: Option<&'a str>,
    pub(super) exit: Option<i32>,
    pub(super) signal: Option<i32>,
}

/// How an attempt ended, in one word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The work is done.
    Succeeded,
    /// It failed, for a reason that has a class.
    Failed,
    /// It was lost, and nobody can say how it ended.
    Interrupted,
    /// Somebody wanted it to end.
    Cancelled,
    /// It was announced and proven never to have started.
    Void,
}

impl How {
    /// Returns the word that tables and faces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Void => "void",
        }
    }
}

/// What an entry makes of a run, or the rule that it would break, in words.
pub(super) type Followed<'a> = Result<(Standing, Change<'a>), String>;

impl Standing {
    pub(super) fn opened(opening: &Opening) -> Self {
        Self {
            job: opening.job.clone(),
            lane: opening.lane.clone(),
            priority: opening.priority,
            point: opening.point,
            sweep: opening.sweep,
            state: State::Queued,
            held: false,
            attempts: 0,
            ending: None,
            class: None,
            due: None,
        }
    }

    /// Says whether it waits for its first attempt and may have it.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.state, State::Queued) && !self.held
    }

    /// Returns the word under which it is counted: the state, or the ending of a closed run.
    pub(super) fn counted_as(&self) -> &'static str {
        match (self.state, self.ending) {
            (State::Closed, Some(ending)) => ending.as_str(),
            (state, _) => state.as_str(),
        }
    }

    /// Tells what an entry makes of the run. What must never be is refused here in words, and once more by the schema.
    pub(super) fn follow<'a>(&self, run: RunId, happened: &'a Happened) -> Followed<'a> {
        let refuse = |what: &str| Err(format!("run {run} {what} while it is {}", self.state.as_str()));
        if self.state == State::Closed && !matches!(happened, Happened::Late { .. }) {
            return refuse("has another entry");
        }
        let mut next = self.clone();
        let change = match happened {
            Happened::Opened(_) => return refuse("is opened again"),
            Happened::Stepped(step) => next.step(run, step)?,
            Happened::Started { piece: Piece::Attempt(number), pid } => {
                if self.state != State::Running || number.get() != self.attempts {
                    return refuse(&format!("has a start of attempt {number}"));
                }
                Change::AttemptStarted { number: *number, pid: *pid }
            }
            Happened::FinalizerBegan { piece, token } => {
                if !matches!(self.state, State::Waiting | State::Finishing) {
                    return refuse("begins a finalizer");
                }
                Change::FinalizerBegins { piece: *piece, token: *token }
            }
            Happened::FinalizerEnded { piece, result, .. } => Change::FinalizerEnds { piece: *piece, result: *result },
            Happened::Held { .. } => {
                next.held = true;
                Change::Nothing
            }
            Happened::Released { .. } => {
                next.held = false;
                Change::Nothing
            }
            Happened::Closed { ending, .. } => {
                let decided = self.ending == Some(*ending);
                let skipped = self.state == State::Queued && *ending == Ending::Skipped;
                if !decided && !skipped {
                    return refuse(&format!("is closed as {ending}"));
                }
                (next.state, next.ending, next.due, next.held) = (State::Closed, Some(*ending), None, false);
                Change::Nothing
            }
            Happened::Started { piece: Piece::Finalizer { .. }, .. }
            | Happened::Told { .. }
            | Happened::Crossed { .. }
            | Happened::Late { .. }
            | Happened::Diverged { .. } => Change::Nothing,
        };
        Ok((next, change))
    }

    fn step<'a>(&mut self, run: RunId, step: &'a Step) -> Result<Change<'a>, String> {
        let from = self.state;
        let refuse = |what: String| Err(format!("run {run} {what} while it is {}", from.as_str()));
        match (&step.decision, from) {
            (Decision::Attempt { number, .. }, State::Queued | State::Waiting) => {
                let (Some(start), true) = (step.start, number.get() == self.attempts.saturating_add(1)) else {
                    return refuse(format!("begins attempt {number} after attempt {}", self.attempts));
                };
                (self.state, self.attempts, self.due) = (State::Running, number.get(), None);
                Ok(Change::AttemptBegins { number: *number, start })
            }
            (Decision::Wait { until, .. }, State::Running) => {
                (self.state, self.due) = (State::Waiting, Some(until.as_nanos()));
                Ok(self.attempt_ends(step))
            }
            (Decision::Cut { .. }, State::Running) => Ok(Change::Nothing),
            (Decision::Finish { ending, .. }, State::Queued | State::Running | State::Waiting) => {
                (self.state, self.ending, self.due) = (State::Finishing, Some(*ending), None);
                Ok(if from == State::Running { self.attempt_ends(step) } else { Change::Nothing })
            }
            (Decision::Attempt { number, .. }, _) => refuse(format!("begins attempt {number}")),
            (Decision::Wait { .. }, _) => refuse("waits for another attempt".to_owned()),
            (Decision::Cut { .. }, _) => refuse("has an attempt cut".to_owned()),
            (Decision::Finish { ending, .. }, _) => refuse(format!("ends as {ending}")),
        }
    }

    fn attempt_ends<'a>(&mut self, step: &'a Step) -> Change<'a> {
        let named = step.end.as_ref().and_then(|end| end.verdict.class.as_ref());
        let (how, class) = match &step.event {
            Event::Ended { outcome: Outcome::Succeeded, .. } => (How::Succeeded, None),
            Event::Ended { outcome: Outcome::Failed(failure), .. } => (How::Failed, Some(&failure.class)),
            Event::Ended { outcome: Outcome::Interrupted, .. } => (How::Interrupted, named),
            Event::Ended { outcome: Outcome::Cancelled, .. } => (How::Cancelled, named),
            Event::Voided { .. } => (How::Void, None),
            // The run ends over the head of its attempt, of which nothing more will be known.
            Event::Due { .. } | Event::CancelAsked { .. } | Event::Quarantined { .. } => (How::Interrupted, named),
        };
        let class = class.map(steadfast_retry::Class::as_str);
        match how {
            How::Failed | How::Interrupted => self.class = class.map(str::to_owned),
            How::Succeeded | How::Cancelled | How::Void => {}
        }
        let (exit, signal) = step.end.as_deref().map_or((None, None), exit_of);
        Change::AttemptEnds(Ends { number: self.attempts, how, class, exit, signal })
    }
}

/// Returns the leader's exit code or the signal that ended it, as far as the evidence says.
pub(super) fn exit_of(end: &End) -> (Option<i32>, Option<i32>) {
    let facts = end.evidence.facts.iter();
    let code = facts.clone().rev().find_map(|fact| if let Fact::Exit(code) = fact { Some(*code) } else { None });
    let signal = facts.rev().find_map(|fact| if let Fact::Signal { number, .. } = fact { Some(*number) } else { None });
    (code, signal)
}
