//! One run's entries into its view.

use steadfast_retry::{Decision, Event, Moment, Outcome, Policy, RunState};

use crate::ids::{Piece, RunId};
use crate::journal::{About, Entry, Happened, Opening, Step};
use crate::store::standing::{Standing, State};

use super::attempt::{AttemptView, DecisionView, ProgressView};
use super::convert::{because_view, decision, finalizer, how, ledger, seconds, take_end, told, trigger};
use super::run::{FinalizerView, NoteView, RunView, SweepView};
use super::time::Time;

/// Returns how a run came to be, from its first entry.
pub(super) fn opening_of(entries: &[Entry]) -> Option<&Opening> {
    match &entries.first()?.about {
        About::Run(_, Happened::Opened(opening)) => Some(opening),
        About::Run(..) | About::Job(..) | About::Daemon(_) => None,
    }
}

/// Folds a run's entries, the first of which opens it.
pub(super) fn fold(run: RunId, opening: &Opening, entries: &[Entry], policy: Option<&Policy>) -> RunView {
    let opened_at = entries.first().map_or(Moment::ORIGIN, |entry| entry.at);
    let mut folding = Folding {
        view: blank(run, opening, opened_at),
        standing: Standing::opened(opening),
        engine: policy.map(|policy| (RunState::new(), policy)),
        first_began: None,
        waiting_since: None,
    };
    for entry in entries.iter().skip(1) {
        if let About::Run(_, happened) = &entry.about {
            folding.take(run, entry.at, happened);
        }
    }
    folding.finish()
}

struct Folding<'p> {
    view: RunView,
    standing: Standing,
    engine: Option<(RunState, &'p Policy)>,
    first_began: Option<Moment>,
    waiting_since: Option<Moment>,
}

impl Folding<'_> {
    fn take(&mut self, run: RunId, at: Moment, happened: &Happened) {
        // The store has refused whatever does not follow; a view of a damaged one shows what it can.
        if let Ok((next, _)) = self.standing.follow(run, happened) {
            self.standing = next;
        }
        match happened {
            Happened::Opened(_) => {}
            Happened::Stepped(step) => self.step(at, step),
            Happened::Started { piece: Piece::Attempt(number), pid } => {
                if let Some(attempt) = self.attempt(number.get()) {
                    (attempt.pid, attempt.started_at) = (Some(*pid), Some(Time::of(at)));
                }
            }
            Happened::Started { piece, pid } => {
                if let Some(finalizer) = self.finalizer(*piece) {
                    finalizer.pid = Some(*pid);
                }
            }
            Happened::Told { piece, word } => {
                if let Piece::Attempt(number) = piece
                    && let Some(attempt) = self.attempt(number.get())
                {
                    told(&mut attempt.progress, at, word);
                }
            }
            Happened::FinalizerBegan { piece, .. } => self.view.finalizers.extend(finalizer(*piece, at)),
            Happened::FinalizerEnded { piece, result, sentence, .. } => {
                if let Some(finalizer) = self.finalizer(*piece) {
                    let ended = Time::of(at);
                    finalizer.result = Some(*result);
                    finalizer.sentence = Some(sentence.clone());
                    finalizer.seconds = Some(seconds(ended.since(finalizer.began_at)));
                    finalizer.ended_at = Some(ended);
                }
            }
            Happened::Held { by } => self.note(at, "held", format!("held by {by}")),
            Happened::Released { by } => self.note(at, "released", format!("released by {by}")),
            Happened::Crossed { deaths } => self.note(at, "crossed", crossed(*deaths)),
            Happened::Late { piece, sentence, .. } => self.note(at, "late", late(*piece, sentence)),
            Happened::Diverged { today } => self.diverged(at, today),
            Happened::Closed { because, .. } => {
                self.view.closed_at = Some(Time::of(at));
                self.view.skipped_because.clone_from(because);
            }
        }
    }

    fn step(&mut self, at: Moment, step: &Step) {
        if let Some((state, policy)) = &mut self.engine
            && state.apply(policy, &step.event, &step.decision).is_err()
        {
            self.engine = None;
        }
        if let Some(since) = self.waiting_since.take() {
            self.view.waited_seconds += seconds(at.since(since));
        }
        let decision = decision(at, step);
        if matches!(&step.decision, Decision::Finish { .. }) {
            self.view.finish = Some(decision.clone());
        }
        match &step.decision {
            Decision::Attempt { number, limit, because } => {
                self.first_began.get_or_insert(at);
                self.view.attempts.push(AttemptView {
                    number: number.get(),
                    outcome: None,
                    because: because_view(because),
                    began_at: Time::of(at),
                    started_at: None,
                    ended_at: None,
                    seconds: None,
                    around_seconds: None,
                    limit_seconds: limit.map(seconds),
                    pid: None,
                    exit_code: None,
                    signal: None,
                    class: None,
                    server_delay_seconds: None,
                    evidence: Vec::new(),
                    usage: None,
                    progress: ProgressView::default(),
                    cut: None,
                    decision: None,
                    span_id: step.start.map(|start| start.span.to_string()),
                });
            }
            Decision::Cut { .. } => {
                if let Some(attempt) = self.view.attempts.last_mut() {
                    attempt.cut = Some(decision);
                }
            }
            Decision::Wait { .. } | Decision::Finish { .. } => self.attempt_ends(at, step, decision),
        }
        if matches!(&step.decision, Decision::Wait { .. }) {
            self.waiting_since = Some(at);
        }
    }

    fn attempt_ends(&mut self, at: Moment, step: &Step, decision: DecisionView) {
        let Some(attempt) = self.view.attempts.last_mut().filter(|attempt| attempt.outcome.is_none()) else { return };
        let ended = Time::of(at);
        let usage = step.end.as_deref().map(|end| end.usage.clone()).unwrap_or_default();
        let ran = usage.ran(attempt.began_at.moment(), at);
        let took = seconds(ran);
        attempt.outcome = Some(how(&step.event));
        attempt.ended_at = Some(ended);
        attempt.seconds = Some(took);
        attempt.around_seconds = Some(seconds(ended.since(attempt.began_at).saturating_sub(ran)));
        attempt.decision = Some(decision);
        if let Some(end) = step.end.as_deref() {
            take_end(attempt, end);
        }
        if let Event::Ended { outcome: Outcome::Failed(failure), .. } = &step.event {
            attempt.class = Some(failure.class.as_str().to_owned());
            attempt.server_delay_seconds = failure.server_delay.map(seconds);
        }
        self.view.worked_seconds += took;
    }

    fn diverged(&mut self, at: Moment, today: &Decision) {
        let sentence = sentence_of_decision(today);
        let decided = self.view.attempts.last_mut().and_then(|attempt| attempt.decision.as_mut());
        if let Some(decision) = decided {
            decision.today = Some(sentence.clone());
        }
        self.note(at, "diverged", diverged(&sentence));
    }

    fn attempt(&mut self, number: u32) -> Option<&mut AttemptView> {
        self.view.attempts.iter_mut().rev().find(|attempt| attempt.number == number)
    }

    fn finalizer(&mut self, piece: Piece) -> Option<&mut FinalizerView> {
        let piece = piece.to_string();
        self.view.finalizers.iter_mut().rev().find(|finalizer| finalizer.piece == piece)
    }

    fn note(&mut self, at: Moment, kind: &str, sentence: String) {
        self.view.notes.push(NoteView { at: Time::of(at), kind: kind.to_owned(), sentence });
    }

    fn finish(mut self) -> RunView {
        let (view, standing) = (&mut self.view, &self.standing);
        view.state = standing.state;
        view.held = standing.held;
        view.ending = standing.ending;
        view.due_at = standing.due.map(|due| Time::of(Moment::from_nanos(due)));
        view.began_at = self.first_began.map(Time::of);
        if let Some((state, policy)) = &self.engine {
            view.ledger = Some(ledger(state, policy));
            let over = matches!(standing.state, State::Finishing | State::Closed);
            let deadline = policy.limits().deadline.filter(|_| !over);
            view.deadline_at = self.first_began.zip(deadline).map(|(began, deadline)| Time::of(began + deadline));
        }
        view.sentence = sentence(view);
        self.view
    }
}

fn blank(run: RunId, opening: &Opening, opened_at: Moment) -> RunView {
    RunView {
        run,
        job: opening.job.clone(),
        state: State::Queued,
        sentence: String::new(),
        held: false,
        job_held: false,
        trouble: false,
        ending: None,
        finish: None,
        skipped_because: None,
        opened_at: Time::of(opened_at),
        began_at: None,
        due_at: None,
        deadline_at: None,
        closed_at: None,
        worked_seconds: 0.0,
        waited_seconds: 0.0,
        ledger: None,
        attempts: Vec::new(),
        finalizers: Vec::new(),
        notes: Vec::new(),
        trigger: trigger(&opening.trigger),
        by: opening.by.clone(),
        command: None,
        point: opening.point,
        matrix: std::collections::BTreeMap::new(),
        sweep: opening.sweep.map(|sweep| SweepView { first: sweep.first, size: sweep.size }),
        parameters: opening.parameters.clone(),
        priority: opening.priority,
        lane: opening.lane.clone(),
        key: opening.key.clone(),
        serial: opening.serial,
        origin: opening.origin,
        retries: Vec::new(),
        definition: opening.definition.to_string(),
        classes: opening.classes.to_string(),
        trace_id: opening.trace.to_string(),
        span_id: opening.span.to_string(),
        parent_span_id: opening.parent_span.map(|span| span.to_string()),
    }
}

/// Says where a run stands and why.
pub(super) fn sentence(view: &RunView) -> String {
    let held = if view.held { ", held" } else { "" };
    // What is running runs on, whoever holds the job.
    let waits = if view.job_held { format!("{held}, its job is held") } else { held.to_owned() };
    let reason = |decision: Option<&DecisionView>| {
        decision.map_or_else(String::new, |decision| format!(": {}", decision.because.sentence))
    };
    let last = view.attempts.last();
    match (view.state, view.ending) {
        (State::Queued, _) => format!("waits for its first attempt{waits}"),
        (State::Running, _) => {
            let number = last.map_or(1, |attempt| attempt.number);
            let cut = if last.is_some_and(|attempt| attempt.cut.is_some()) { ", and is being ended" } else { "" };
            format!("attempt {number} is running{cut}{held}")
        }
        (State::Waiting, _) => {
            let number = last.map_or(1, |attempt| attempt.number + 1);
            let until = view.due_at.map_or_else(String::new, |due| format!(" until {due}"));
            format!(
                "waits for attempt {number}{until}{waits}{}",
                reason(last.and_then(|attempt| attempt.decision.as_ref()))
            )
        }
        (state, ending) => {
            let word = ending.map_or("over", steadfast_retry::Ending::as_str);
            let number = last.map(|attempt| format!(" at attempt {}", attempt.number)).unwrap_or_default();
            let finalizers = if state == State::Finishing { ", its finalizers run" } else { "" };
            let skipped = view.skipped_because.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            // Where the reason is the same word again, it can go.
            let reason = Some(reason(view.finish.as_ref())).filter(|reason| reason[..] != format!(": {word}"));
            format!("{word}{number}{finalizers}{}{skipped}", reason.unwrap_or_default())
        }
    }
}

/// Says what a step decided and why, as a list of runs shows it.
pub(super) fn sentence_of(step: &Step) -> String {
    step.decision.because().to_string()
}

pub(super) fn sentence_of_decision(decision: &Decision) -> String {
    let because = decision.because();
    match decision {
        Decision::Attempt { number, .. } => format!("attempt {number}: {because}"),
        Decision::Wait { until, .. } => format!("wait until {}: {because}", Time::of(*until)),
        Decision::Cut { .. } => format!("end the attempt: {because}"),
        Decision::Finish { ending, .. } => format!("{ending}: {because}"),
    }
}

pub(super) fn crossed(deaths: u32) -> String {
    format!("in flight at {deaths} {} of the daemon in a row", if deaths == 1 { "death" } else { "deaths" })
}

pub(super) fn late(piece: Piece, sentence: &str) -> String {
    format!("a report about {} came too late and was refused: {sentence}", name_of(piece))
}

pub(super) fn diverged(today: &str) -> String {
    format!("today's program or policy would decide otherwise: {today}")
}

/// Names a process in a sentence.
pub(super) fn name_of(piece: Piece) -> String {
    match piece {
        Piece::Attempt(number) => format!("attempt {number}"),
        Piece::Finalizer { .. } => format!("finalizer {piece}"),
    }
}
