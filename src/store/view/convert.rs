//! Single values of the journal and the engine into what a view shows.

use std::time::Duration;

use serde::Serialize;
use steadfast_retry::{Account, AttemptLimit, Because, Decision, Event, Moment, Outcome, Policy, Pretty, RunState};

use crate::evidence::{self, Verdict};
use crate::ids::Piece;
use crate::journal::{End, Step, Told, Trigger, Usage};
use crate::store::standing::{How, exit_of};

use super::attempt::{
    AccountView, AttemptView, BecauseView, DecisionView, FactView, ProgressView, RuleView, UsageView,
};
use super::run::{FinalizerView, LedgerView, RuleCharge, TriggerView};
use super::time::Time;

pub(super) fn how(event: &Event) -> How {
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

pub(super) fn take_end(attempt: &mut AttemptView, end: &End) {
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
        stopped: usage.stopped.clone(),
        unenforced: usage.unenforced.clone(),
    }
}

pub(super) fn told(progress: &mut ProgressView, at: Moment, word: &Told) {
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

pub(super) fn finalizer(piece: Piece, at: Moment) -> Option<FinalizerView> {
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

pub(super) fn decision(at: Moment, step: &Step) -> DecisionView {
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

impl From<&Because> for BecauseView {
    fn from(because: &Because) -> Self {
        because_view(because)
    }
}

pub(super) fn because_view(because: &Because) -> BecauseView {
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

pub(super) fn ledger(state: &RunState, policy: &Policy) -> LedgerView {
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

pub(super) fn trigger(trigger: &Trigger) -> TriggerView {
    let mut view = TriggerView { kind: trigger.as_str().to_owned(), due_at: None, jobs: Vec::new(), retry_of: None };
    match trigger {
        Trigger::Asked | Trigger::Pending | Trigger::Terminal => {}
        Trigger::Schedule { due } => view.due_at = Some(Time::of_nanos((*due).into())),
        Trigger::After { jobs } | Trigger::Skipped { jobs } => view.jobs.clone_from(jobs),
        Trigger::Retry { of } => view.retry_of = Some(*of),
    }
    view
}

pub(super) const fn seconds(span: Duration) -> f64 {
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
