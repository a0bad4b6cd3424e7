//! The books of single runs.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use steadfast::ids::{Piece, RunId, Token};
use steadfast::job::Definition;
use steadfast::journal::{FinalizerResult, Happened, Opening, Step};
use steadfast::store::Place;
use steadfast_retry::{AttemptLimit, AttemptNo, Decision, Ending, Event, Moment, On, Outcome};

use crate::client::Clients;
use crate::hands::Hands;

use super::Audit;

/// How many lost tries of a finalizer are borne over and above its attempts.
const LOST_TRIES: u32 = 1_000;

/// What the journal says of one run.
#[derive(Debug)]
pub(super) struct RunBook {
    pub(super) opening: Opening,
    pub(super) held: bool,
    definition: Arc<Definition>,
    standing: Standing,
    attempts: u32,
    tokens: HashSet<Token>,
    process: Option<(Piece, Token)>,
    cut: bool,
    deaths: u32,
    first_began: Option<Moment>,
    charged: Charged,
    owed: Owed,
    /// When the next try of a finalizer may begin at the earliest, and in which life of the dispatcher that holds.
    pause: Option<(Moment, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Queued,
    Running,
    Waiting { until: Moment, boot: u64 },
    Finishing(Ending),
    Closed(Ending),
}

/// What was charged, counted anew.
#[derive(Debug, Default)]
struct Charged {
    failed: u32,
    by_rule: BTreeMap<usize, u32>,
    free_in_a_row: u32,
    lost: u32,
}

/// The finalizers that are owed.
#[derive(Debug, Default)]
struct Owed {
    after: Option<AttemptNo>,
    indices: Vec<u16>,
    tried: u16,
    failed: u32,
}

impl RunBook {
    pub(super) fn new(opening: Opening, definition: Arc<Definition>) -> Self {
        Self {
            opening,
            held: false,
            definition,
            standing: Standing::Queued,
            attempts: 0,
            tokens: HashSet::new(),
            process: None,
            cut: false,
            deaths: 0,
            first_began: None,
            charged: Charged::default(),
            owed: Owed::default(),
            pause: None,
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.standing, Standing::Closed(_))
    }

    /// Says whether something of it is at work, or it is ending.
    pub(super) const fn is_busy(&self) -> bool {
        self.process.is_some() || matches!(self.standing, Standing::Finishing(_))
    }

    pub(super) const fn is_queued(&self) -> bool {
        matches!(self.standing, Standing::Queued)
    }

    /// Says whether it will never begin another attempt.
    pub(super) const fn is_ending(&self) -> bool {
        self.cut || matches!(self.standing, Standing::Finishing(_) | Standing::Closed(_))
    }

    pub(super) fn standing(&self) -> String {
        format!("{:?}, process {:?}, owed {:?}", self.standing, self.process, self.owed)
    }

    /// Returns the start of which no end is known.
    pub(super) const fn announced(&self) -> Option<(Piece, Token)> {
        self.process
    }

    pub(super) fn knew(&self, token: Token) -> bool {
        self.tokens.contains(&token)
    }

    /// An attempt begins where none is, under the next number, when its time has come, and never beyond the ceiling.
    fn attempt(&mut self, run: RunId, at: Moment, number: AttemptNo, token: Token, boot: u64) {
        match self.standing {
            Standing::Queued => {}
            Standing::Waiting { until, boot: of } => {
                assert!(at >= until || of != boot, "run {run} attempt {number} begins before its delay is over");
            }
            Standing::Running | Standing::Finishing(_) | Standing::Closed(_) => {
                panic!("run {run} attempt {number} begins while it is {:?}", self.standing)
            }
        }
        assert_eq!(self.process, None, "run {run} attempt {number} begins while a process is at work");
        assert!(self.owed.indices.is_empty(), "run {run} attempt {number} begins before what follows the last one");
        assert_eq!(number.get(), self.attempts + 1, "run {run} skips or repeats a number");
        assert!(!self.held, "run {run} attempt {number} begins while the run is held");
        assert!(self.deaths < 3, "run {run} attempt {number} begins after {} deaths in a row", self.deaths);
        let limits = self.definition.policy.limits();
        assert!(number.get() <= limits.attempts_of_any_kind(), "run {run} begins more attempts than its ceiling");
        let first = *self.first_began.get_or_insert(at);
        if let Some(deadline) = limits.deadline {
            assert!(at.since(first) <= deadline, "run {run} attempt {number} begins after the deadline");
        }
        self.attempts = number.get();
        self.standing = Standing::Running;
        self.announce(run, Piece::Attempt(number), token);
    }

    fn announce(&mut self, run: RunId, piece: Piece, token: Token) {
        assert!(self.tokens.insert(token), "run {run} piece {piece} bears a token that was thrown before");
        self.process = Some((piece, token));
    }

    /// An attempt that was announced has one end, and what it is charged to is not overdrawn.
    fn attempt_ended(&mut self, run: RunId, step: &Step) {
        assert_eq!(self.standing, Standing::Running, "run {run} has the end of an attempt that does not run");
        self.process = None;
        let Event::Ended { outcome, .. } = &step.event else { return };
        let policy = Arc::clone(&self.definition.policy);
        let limits = policy.limits();
        let goes_on = matches!(step.decision, Decision::Wait { .. });
        match outcome {
            Outcome::Interrupted => {
                self.charged.lost += 1;
                assert!(
                    !goes_on || self.charged.lost <= limits.interruptions,
                    "run {run} goes on after {} lost attempts of {}",
                    self.charged.lost,
                    limits.interruptions
                );
            }
            Outcome::Failed(failure) if !self.cut => {
                let (charged, most) = match policy.rule_for(&failure.class) {
                    Some((_, rule)) if rule.free => {
                        self.charged.free_in_a_row += 1;
                        (self.charged.free_in_a_row, Some(rule.attempts.unwrap_or(limits.free_guard)))
                    }
                    Some((index, rule)) if rule.attempts.is_some() => {
                        self.charged.free_in_a_row = 0;
                        let count = self.charged.by_rule.entry(index).or_default();
                        *count += 1;
                        (*count, rule.attempts)
                    }
                    Some(_) | None => {
                        self.charged.free_in_a_row = 0;
                        self.charged.failed += 1;
                        let most = if let AttemptLimit::AtMost(most) = limits.attempts { Some(most) } else { None };
                        (self.charged.failed, most)
                    }
                };
                // Progress forgives what was charged; the engine's own tests count that.
                let counted = !limits.without_progress && self.charged.free_in_a_row == 0;
                let within = most.is_none_or(|most| charged < most);
                assert!(!counted || !goes_on || within, "run {run} goes on after {charged} failures of {most:?}");
            }
            Outcome::Failed(_) | Outcome::Succeeded | Outcome::Cancelled => {}
        }
    }

    fn owe(&mut self, after: Option<AttemptNo>, follows: impl Fn(On) -> bool) {
        let finalizers = self.definition.policy.finally().iter().enumerate();
        let indices = finalizers.filter(|(_, finalizer)| follows(finalizer.on)).map(|(index, _)| index as u16);
        self.owed = Owed { after, indices: indices.collect(), tried: 0, failed: 0 };
        self.pause = None;
    }

    /// Finalizers begin one after another, in the order of the file, after what they follow is durable.
    fn finalizer_began(&mut self, run: RunId, at: Moment, piece: Piece, token: Token, life: u64) {
        let Piece::Finalizer { after, index, tried } = piece else { panic!("{piece} is no finalizer") };
        assert_eq!(self.process, None, "run {run} finalizer {piece} begins while a process is at work");
        match (self.standing, after) {
            (Standing::Waiting { .. }, Some(_)) | (Standing::Finishing(_), None) => {}
            (standing, _) => panic!("run {run} finalizer {piece} begins while the run is {standing:?}"),
        }
        assert_eq!(after, self.owed.after, "run {run} finalizer {piece} follows something else");
        assert_eq!(self.owed.indices.first(), Some(&index), "run {run} finalizer {piece} is not the next one owed");
        assert_eq!(tried, self.owed.tried + 1, "run {run} finalizer {piece} skips or repeats a try");
        if let Some((earliest, of)) = self.pause.take() {
            assert!(of != life || at >= earliest, "run {run} finalizer {piece} begins before its pause is over");
        }
        self.owed.tried = tried;
        self.announce(run, piece, token);
    }

    /// Each try of a finalizer has one end, and a finalizer that is done is done once.
    fn finalizer_ended(&mut self, run: RunId, at: Moment, piece: Piece, result: FinalizerResult, life: u64) {
        assert_eq!(
            self.process.map(|(piece, _)| piece),
            Some(piece),
            "run {run} finalizer {piece} ends, and did not run"
        );
        self.process = None;
        let Piece::Finalizer { after, index, .. } = piece else { panic!("{piece} is no finalizer") };
        if after != self.owed.after {
            // It followed a failed attempt, and the run was cancelled meanwhile.
            return;
        }
        let finalizer = &self.definition.policy.finally()[usize::from(index)];
        let over = match result {
            FinalizerResult::Done => true,
            FinalizerResult::Failed => {
                self.owed.failed += 1;
                self.pause = Some((at + finalizer.delay, life));
                self.owed.failed >= finalizer.attempts
            }
            FinalizerResult::Lost => u32::from(self.owed.tried) >= finalizer.attempts + LOST_TRIES,
        };
        if over {
            self.owed.indices.remove(0);
            (self.owed.tried, self.owed.failed, self.pause) = (0, 0, None);
        }
    }

    pub(super) fn close(&mut self, run: RunId, ending: Ending) {
        match self.standing {
            Standing::Finishing(decided) => assert_eq!(decided, ending, "run {run} is closed with another ending"),
            Standing::Queued => assert_eq!(ending, Ending::Skipped, "run {run} is closed and never began"),
            standing => panic!("run {run} is closed while it is {standing:?}"),
        }
        assert_eq!(self.process, None, "run {run} is closed while a process of it is not known to be gone");
        assert!(self.owed.indices.is_empty(), "run {run} is closed before its finalizers are done: {:?}", self.owed);
        self.standing = Standing::Closed(ending);
    }
}

impl Audit {
    pub(super) fn of_run(&mut self, at: Moment, run: RunId, happened: &Happened, hands: &Hands, clients: &Clients) {
        let life = self.life;
        let book = self.runs.get_mut(&run).unwrap_or_else(|| panic!("run {run} has {happened:?} before it is opened"));
        match happened {
            Happened::Stepped(step) => self.stepped(at, run, step, hands, clients),
            Happened::FinalizerBegan { piece, token } => book.finalizer_began(run, at, *piece, *token, life),
            Happened::FinalizerEnded { piece, result, .. } => {
                if let (FinalizerResult::Done, Some((_, token))) = (result, book.process) {
                    succeeded(hands, run, token);
                }
                book.finalizer_ended(run, at, *piece, *result, life);
            }
            Happened::Held { .. } => book.held = true,
            Happened::Released { .. } => book.held = false,
            Happened::Crossed { deaths } => {
                assert!(*deaths == 0 || *deaths == book.deaths + 1, "run {run} crosses several deaths at once");
                book.deaths = *deaths;
            }
            Happened::Diverged { today } => panic!("run {run} would be decided otherwise today: {today:?}"),
            Happened::Started { .. } | Happened::Told { .. } => {
                assert!(!book.is_closed(), "run {run} is closed, and has {happened:?}");
            }
            Happened::Late { token, .. } => {
                let present = book.process.is_some_and(|(_, present)| present == *token);
                assert!(!present, "run {run} refuses a report of its own process");
            }
            Happened::Opened(_) | Happened::Closed { .. } => unreachable!("these have functions of their own"),
        }
    }

    fn stepped(&mut self, at: Moment, run: RunId, step: &Step, hands: &Hands, clients: &Clients) {
        let boot = self.boot;
        let book = self.runs.get_mut(&run).expect("the book was just found");
        assert!(
            !matches!(book.standing, Standing::Finishing(_) | Standing::Closed(_)),
            "run {run} is over, and has another step: {step:?}"
        );
        if let (Event::Ended { outcome: Outcome::Succeeded, .. }, Some((_, token))) = (&step.event, book.process) {
            succeeded(hands, run, token);
        }
        let (was_queued, ran) = (book.is_queued(), book.standing == Standing::Running);
        match &step.decision {
            Decision::Attempt { number, .. } => {
                assert!(!clients.cancelled.contains(&run), "run {run} was cancelled and begins attempt {number}");
                let token = step.start.expect("a decided attempt has a start").token;
                book.attempt(run, at, *number, token, boot);
                self.takes_slot(run, was_queued);
            }
            Decision::Wait { until, .. } => {
                book.attempt_ended(run, step);
                assert!(*until >= at, "run {run} waits for the past");
                book.standing = Standing::Waiting { until: *until, boot };
                let failed = matches!(&step.event, Event::Ended { outcome: Outcome::Failed(_), .. });
                let number = AttemptNo::new(book.attempts);
                book.owe(number, |on| failed && on == On::AttemptFailed);
                self.running.remove(&run);
            }
            Decision::Cut { .. } => {
                assert!(ran, "run {run} has an attempt cut and none runs");
                book.cut = true;
            }
            Decision::Finish { ending, .. } => {
                if ran {
                    book.attempt_ended(run, step);
                }
                let cancelled = book.cut || matches!(step.event, Event::CancelAsked { .. });
                assert!(!cancelled || *ending == Ending::Cancelled, "run {run} was cancelled and ends as {ending}");
                let quarantined = *ending == Ending::Quarantined;
                assert!(!quarantined || book.deaths >= 3, "run {run} is quarantined after {} deaths", book.deaths);
                book.standing = Standing::Finishing(*ending);
                book.owe(None, |on| on.follows(*ending));
                self.running.remove(&run);
            }
        }
        if was_queued {
            self.job_began(run);
        }
    }

    /// No attempt begins without a free slot, of the whole and of its group, nor while its job is held.
    fn takes_slot(&mut self, run: RunId, first: bool) {
        let opening = &self.runs[&run].opening;
        assert!(self.running.len() < self.slots, "run {run} begins and all {} slots are taken", self.slots);
        let (group, job) = opening.lane.split_once('/').expect("a lane is group/job");
        assert!(self.has_slot(group), "run {run} begins and all slots of `{group}` are taken");
        assert!(!self.jobs.get(job).is_some_and(|job| job.held), "run {run} begins while `{job}` is held");
        if first && opening.serial {
            let others = &self.jobs[job].under_way;
            assert!(others.is_empty(), "run {run} begins beside {others:?}, and was to wait for them");
        }
        self.goes_first(run);
        self.running.insert(run);
    }

    /// Who begins has no other in front of it: higher priority first, then the older run, among those that may begin.
    fn goes_first(&self, run: RunId) {
        let place = |run: RunId| Place { priority: self.runs[&run].opening.priority, run };
        for (job, book) in &self.jobs {
            let serial = book.waiting.iter().any(|other| self.runs[other].opening.serial);
            if book.held || serial {
                continue;
            }
            let in_front = book.waiting.iter().filter(|other| **other != run && place(**other) < place(run));
            for other in in_front {
                let waiting = &self.runs[other];
                let group = waiting.opening.lane.split_once('/').map_or("", |(group, _)| group);
                let may = !waiting.held && self.has_slot(group) && !self.unsure.contains(&waiting.opening.lane);
                assert!(!may, "run {run} begins before run {other} of `{job}`, which is in front of it");
            }
        }
    }

    /// Says whether a group has a free slot.
    fn has_slot(&self, group: &str) -> bool {
        let of_group = |run: &&RunId| self.runs[run].opening.lane.split_once('/').is_some_and(|(of, _)| of == group);
        let taken = self.running.iter().filter(of_group).count();
        self.config.groups.get(group).is_none_or(|declared| taken < declared.slots as usize)
    }
}

/// A success is never told without the evidence of a program that ended well.
fn succeeded(hands: &Hands, run: RunId, token: Token) {
    let program = hands.program(token).unwrap_or_else(|| panic!("run {run} succeeded without a program"));
    assert!(program.succeeded(), "run {run} succeeded without evidence: {program:?}");
}
