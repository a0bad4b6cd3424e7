//! One run's entries into its view.

use std::time::Duration;

use serde::Serialize;
use steadfast_retry::{Account, AttemptLimit, Because, Decision, Event, Moment, Outcome, Policy, Pretty, RunState};

use crate::evidence::{self, Verdict};
use crate::ids::{Piece, RunId};
use crate::journal::{About, End, Entry, Happened, Opening, Step, Told, Trigger, Usage};
use crate::store::sqlite::word_of as trigger_word;
use crate::store::standing::{How, Standing, State, exit_of};

use super::run::{
    AccountView, AttemptView, BecauseView, DecisionView, FactView, FinalizerView, LedgerView, NoteView, ProgressView,
    RuleCharge, RuleView, RunView, SweepView, TriggerView, UsageView,
};
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
        let took = seconds(ended.since(attempt.began_at));
        attempt.outcome = Some(how(&step.event));
        attempt.ended_at = Some(ended);
        attempt.seconds = Some(took);
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
        point: opening.point,
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
fn sentence(view: &RunView) -> String {
    let held = if view.held { ", held" } else { "" };
    let reason = |decision: Option<&DecisionView>| {
        decision.map_or_else(String::new, |decision| format!(": {}", decision.because.sentence))
    };
    let last = view.attempts.last();
    match (view.state, view.ending) {
        (State::Queued, _) => format!("waits for its first attempt{held}"),
        (State::Running, _) => {
            let number = last.map_or(1, |attempt| attempt.number);
            let cut = if last.is_some_and(|attempt| attempt.cut.is_some()) { ", and is being ended" } else { "" };
            format!("attempt {number} is running{cut}{held}")
        }
        (State::Waiting, _) => {
            let number = last.map_or(1, |attempt| attempt.number + 1);
            let until = view.due_at.map_or_else(String::new, |due| format!(" until {due}"));
            format!(
                "waits for attempt {number}{until}{held}{}",
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

fn how(event: &Event) -> How {
    match event {
        Event::Ended { outcome: Outcome::Succeeded, .. } => How::Succeeded,
        Event::Ended { outcome: Outcome::Failed(_), .. } => How::Failed,
        Event::Ended { outcome: Outcome::Cancelled, .. } => How::Cancelled,
        Event::Voided { .. } => How::Void,
        Event::Ended { outcome: Outcome::Interrupted, .. }
        | Event::Due { .. }
        | Event::CancelAsked { .. }
        | Event::Quarantined { .. } => How::Interrupted,
    }
}

fn take_end(attempt: &mut AttemptView, end: &End) {
    (attempt.exit_code, attempt.signal) = exit_of(end);
    attempt.class = end.verdict.class.as_ref().map(|class| class.as_str().to_owned());
    attempt.evidence = facts(&end.verdict);
    attempt.usage = Some(usage(&end.usage));
}

fn facts(verdict: &Verdict) -> Vec<FactView> {
    let fact = |step: &evidence::Step| {
        let (fate, rival) = word_and_value(&step.fate);
        let class = step.class.as_ref().map(|class| class.as_str().to_owned());
        FactView { fact: step.fact.clone(), class, by: step.by.clone(), fate, rival }
    };
    verdict.chain.iter().map(fact).collect()
}

fn usage(usage: &Usage) -> UsageView {
    UsageView {
        took_seconds: seconds(usage.took),
        cpu_seconds: seconds(usage.cpu),
        peak_bytes: usage.peak_bytes,
        output_bytes: usage.output_bytes,
        dropped_bytes: usage.dropped_bytes,
        survivors: usage.survivors.clone(),
    }
}

fn told(progress: &mut ProgressView, at: Moment, word: &Told) {
    progress.told_at = Some(Time::of(at));
    match word {
        Told::Ready => progress.ready_at = Some(Time::of(at)),
        Told::Status(sentence) => progress.status = Some(sentence.clone()),
        Told::Phase(phase) => progress.phase = Some(phase.clone()),
        Told::Step { at, of } => (progress.step, progress.steps) = (Some(*at), of.or(progress.steps)),
        Told::Checkpoint { id, step } => {
            (progress.checkpoint, progress.checkpoint_step) = (Some(id.clone()), Some(*step));
        }
        Told::Inner(_) => progress.inner_attempts += 1,
    }
}

fn finalizer(piece: Piece, at: Moment) -> Option<FinalizerView> {
    let Piece::Finalizer { after, index, tried } = piece else { return None };
    Some(FinalizerView {
        piece: piece.to_string(),
        after_attempt: after.map(steadfast_retry::AttemptNo::get),
        number: u32::from(index) + 1,
        tried: tried.into(),
        result: None,
        sentence: None,
        began_at: Time::of(at),
        ended_at: None,
        seconds: None,
        pid: None,
    })
}

fn decision(at: Moment, step: &Step) -> DecisionView {
    let (follows, until, ending) = match &step.decision {
        Decision::Attempt { .. } => ("attempt", None, None),
        Decision::Wait { until, .. } => ("wait", Some(*until), None),
        Decision::Cut { .. } => ("cut", None, None),
        Decision::Finish { ending, .. } => ("finish", None, Some(*ending)),
    };
    DecisionView {
        at: Time::of(at),
        follows: follows.to_owned(),
        because: because_view(step.decision.because()),
        by: step.by.clone(),
        until: until.map(Time::of),
        delay_seconds: until.map(|until| seconds(until.since(at))),
        ending,
        today: None,
    }
}

fn because_view(because: &Because) -> BecauseView {
    let rule = because.rule.as_ref().map(|rule| RuleView {
        number: u32::from(rule.index) + 1,
        file: rule.origin.as_ref().map(|origin| origin.file.to_string()),
        line: rule.origin.as_ref().map(|origin| origin.line),
    });
    BecauseView {
        sentence: because.to_string(),
        cause: word_and_value(&because.cause).0,
        class: because.class.as_ref().map(|class| class.as_str().to_owned()),
        rule,
        account: because.account.map(account),
        delay_source: because.delay.map(|source| word_and_value(&source).0),
    }
}

fn account(account: Account) -> AccountView {
    let view = |kind: &str, charged, of, in_a_row| AccountView { kind: kind.to_owned(), charged, of, in_a_row };
    match account {
        Account::Loop { charged, of } => view("loop", charged, at_most(of), None),
        Account::Rule { charged, of } => view("rule", charged, Some(of), None),
        Account::Free { in_a_row, of } => view("free", in_a_row, Some(of), Some(in_a_row)),
        Account::Interruptions { lost, in_a_row, of } => view("interruptions", lost, Some(of), Some(in_a_row)),
    }
}

const fn at_most(limit: AttemptLimit) -> Option<u32> {
    match limit {
        AttemptLimit::AtMost(limit) => Some(limit),
        AttemptLimit::Unlimited => None,
    }
}

fn ledger(state: &RunState, policy: &Policy) -> LedgerView {
    let (ledger, limits) = (state.ledger(), policy.limits());
    let rules = policy.catch().iter().enumerate().filter(|(_, rule)| !rule.free);
    LedgerView {
        attempts: ledger.attempts,
        ceiling: limits.attempts_of_any_kind(),
        charged: ledger.charged,
        of: at_most(limits.attempts),
        interruptions: ledger.interruptions,
        interruptions_of: limits.interruptions,
        lost_in_a_row: ledger.lost_in_a_row,
        free_in_a_row: ledger.free_in_a_row,
        rules: rules
            .filter_map(|(index, rule)| {
                let charged = ledger.charged_to_rule(index);
                Some(RuleCharge { number: index as u32 + 1, charged, of: rule.attempts? })
            })
            .collect(),
    }
}

fn trigger(trigger: &Trigger) -> TriggerView {
    let mut view =
        TriggerView { kind: trigger_word(trigger).to_owned(), due_at: None, jobs: Vec::new(), retry_of: None };
    match trigger {
        Trigger::Asked | Trigger::Pending | Trigger::Terminal => {}
        Trigger::Schedule { due } => view.due_at = Some(Time::of_nanos((*due).into())),
        Trigger::After { jobs } | Trigger::Skipped { jobs } => view.jobs.clone_from(jobs),
        Trigger::Retry { of } => view.retry_of = Some(*of),
    }
    view
}

const fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

/// Returns the word that a variant is written as, and the text that it carries, if it carries one.
fn word_and_value(variant: &impl Serialize) -> (String, Option<String>) {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => (word, None),
        Ok(serde_json::Value::Object(map)) => map
            .into_iter()
            .next()
            .map_or_else(Default::default, |(word, value)| (word, value.as_str().map(str::to_owned))),
        Ok(_) | Err(_) => Default::default(),
    }
}

/// Writes a duration for a sentence.
pub(super) fn pretty(span: Duration) -> String {
    Pretty(span).rounded().to_string()
}
