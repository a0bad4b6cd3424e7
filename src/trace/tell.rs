//! An entry as one `tracing` event.
//!
//! The fields of an event are fixed where it is written, so each kind of entry has its own. Names, levels and fields are
//! listed in `docs/trace.md`, which a test holds against this file. What comes to nothing is left out of an event.
//!
//! Only the closing of a failed run is an error. A failed attempt is a warning at most, because another one may follow.

use std::time::Duration;

use steadfast_retry::{Account, AttemptLimit, Because, Decision, DelaySource, Ending, Event, Moment, Origin, Outcome};
use tracing::field::{DisplayValue, display};

use crate::evidence::{Fact, Fate};
use crate::ids::{Piece, RunId, SpanId, TraceId};
use crate::journal::{
    About, DaemonHappened, End, Entry, FinalizerResult, Happened, JobHappened, Opening, Step, TickFate, Told,
};

use super::roster::Known;

/// The target of events about runs and their finalizers.
pub const RUN: &str = "steadfast::run";
/// The target of events about attempts.
pub const ATTEMPT: &str = "steadfast::attempt";
/// The target of events about jobs.
pub const JOB: &str = "steadfast::job";
/// The target of events about the daemon and its trace.
pub const DAEMON: &str = "steadfast::daemon";

/// An entry that is being told.
#[derive(Clone, Copy)]
struct Line<'a> {
    seq: u64,
    at: Moment,
    run: RunId,
    known: Option<&'a Known>,
}

/// Writes one event; with `if`, at one of two levels.
macro_rules! tell {
    ($level:ident, $target:expr, $name:literal, $line:expr, { $($fields:tt)* }) => {
        tracing::event!(
            name: $name, target: $target, tracing::Level::$level,
            { seq = $line.seq, at_ns = $line.at.as_nanos(), $($fields)* }
        )
    };
    (if $condition:expr => $yes:ident, $no:ident, $($rest:tt)*) => {
        if $condition { tell!($yes, $($rest)*) } else { tell!($no, $($rest)*) }
    };
}

/// Writes one event about a run.
macro_rules! tell_run {
    ($level:ident, $target:expr, $name:literal, $line:expr, { $($fields:tt)* }) => {
        tell!($level, $target, $name, $line, {
            run = $line.run.0, job = $line.job(), $($fields)* trace_id = $line.trace(),
        })
    };
    (if $condition:expr => $yes:ident, $no:ident, $($rest:tt)*) => {
        if $condition { tell_run!($yes, $($rest)*) } else { tell_run!($no, $($rest)*) }
    };
}

/// Tells an entry, with what was known of its run before.
pub(super) fn tell(seq: u64, entry: &Entry, known: Option<&Known>) {
    let line = Line { seq, at: entry.at, run: entry.run().unwrap_or(RunId(0)), known };
    match &entry.about {
        About::Run(_, happened) => tell_happened(line, happened),
        About::Job(job, happened) => tell_job(line, job, happened),
        About::Daemon(happened) => tell_daemon(line, happened),
    }
}

fn tell_happened(line: Line<'_>, happened: &Happened) {
    match happened {
        Happened::Opened(opening) => tell_opened(line, opening),
        Happened::Stepped(step) => tell_step(line, step),
        Happened::Started { piece, pid } => match piece {
            Piece::Attempt(number) => tell_run!(DEBUG, ATTEMPT, "attempt.started", line, {
                attempt = number.get(), pid, span_id = line.span(*piece),
            }),
            Piece::Finalizer { .. } => tell_run!(DEBUG, RUN, "finalizer.started", line, {
                piece = display(piece), pid,
            }),
        },
        Happened::Told { piece, word } => tell_told(line, *piece, word),
        Happened::FinalizerBegan { piece, .. } => tell_run!(DEBUG, RUN, "finalizer.began", line, {
            piece = display(piece),
        }),
        Happened::FinalizerEnded { piece, result, sentence, .. } => {
            let began = line.known.and_then(|known| known.finalizer).filter(|(own, _)| own == piece);
            tell_run!(if *result == FinalizerResult::Done => INFO, WARN, RUN, "finalizer.ended", line, {
                piece = display(piece), outcome = result.as_str(), sentence,
                took_ms = began.map(|(_, began)| millis(line.at.since(began))),
            });
        }
        Happened::Held { by } => tell_run!(INFO, RUN, "run.held", line, { by, }),
        Happened::Released { by } => tell_run!(INFO, RUN, "run.released", line, { by, }),
        Happened::Crossed { deaths } => {
            tell_run!(if *deaths > 0 => WARN, DEBUG, RUN, "run.crossed", line, { deaths, });
        }
        Happened::Late { piece, sentence, .. } => tell_run!(WARN, RUN, "run.late", line, {
            piece = display(piece), sentence,
        }),
        Happened::Diverged { today } => tell_run!(WARN, RUN, "run.diverged", line, {
            decision = word_of(today), because = display(today.because()),
        }),
        Happened::Closed { ending, because } => tell_closed(line, *ending, because.as_deref()),
    }
}

fn tell_opened(line: Line<'_>, opening: &Opening) {
    tell_run!(DEBUG, RUN, "run.opened", line, {
        trigger = opening.trigger.as_str(), by = opening.by, policy = line.policy(), point = opening.point, key = opening.key.as_deref(),
        priority = opening.priority, origin = opening.origin.0,
        span_id = display(opening.span), parent_span_id = opening.parent_span.map(display),
    });
}

fn tell_closed(line: Line<'_>, ending: Ending, because: Option<&str>) {
    let known = line.known;
    let since = |from: Option<Moment>, to: Moment| from.map(|from| millis(to.since(from)));
    let begun = known.and_then(|known| known.first_began);
    let because = because.or(known.and_then(|known| known.because.as_deref()));
    let class = known.and_then(|known| known.class.as_ref());
    tell_run!(if ending.is_failure() => ERROR, INFO, RUN, "run.closed", line, {
        ending = ending.as_str(), class = class.map(display), because, policy = line.policy(),
        attempts = known.map(|known| known.attempts),
        queued_ms = begun.and_then(|begun| since(known?.opened, begun)), took_ms = since(begun, line.at),
        worked_ms = known.map(|known| millis(known.worked)), waited_ms = known.map(|known| millis(known.waited)),
        span_id = known.map(|known| display(known.span)),
        parent_span_id = known.and_then(|known| known.parent).map(display),
    });
}

fn tell_step(line: Line<'_>, step: &Step) {
    match (&step.event, &step.decision) {
        (Event::Ended { outcome, .. }, _) => tell_ended(line, step, outcome),
        (Event::Voided { .. }, decision) => {
            let follows = Follows::of(line.at, decision);
            tell_run!(INFO, ATTEMPT, "attempt.voided", line, {
                attempt = line.attempt(), decision = follows.decision, ending = follows.ending,
                because = display(decision.because()), span_id = line.attempt_span(),
            });
        }
        (_, Decision::Attempt { number, limit, because }) => tell_run!(DEBUG, ATTEMPT, "attempt.began", line, {
            attempt = number.get(), max = line.max(because), because = display(because), limit_ms = limit.map(millis),
            span_id = step.start.map(|start| display(start.span)), parent_span_id = line.run_span(),
        }),
        (_, Decision::Cut { because }) => tell_run!(INFO, ATTEMPT, "attempt.cut", line, {
            attempt = line.attempt(), by = step.by.as_deref(), because = display(because), span_id = line.attempt_span(),
        }),
        (Event::Due { .. } | Event::CancelAsked { .. } | Event::Quarantined { .. }, decision) => {
            let follows = Follows::of(line.at, decision);
            tell_run!(INFO, RUN, "run.decided", line, {
                decision = follows.decision, ending = follows.ending, by = step.by.as_deref(),
                because = display(decision.because()), span_id = line.run_span(),
            });
        }
    }
}

/// Tells the end of an attempt: the one wide line that answers most questions.
fn tell_ended(line: Line<'_>, step: &Step, outcome: &Outcome) {
    let (word, is_trouble) = match outcome {
        Outcome::Succeeded => ("succeeded", false),
        Outcome::Failed(_) => ("failed", true),
        Outcome::Interrupted => ("interrupted", true),
        Outcome::Cancelled => ("cancelled", false),
    };
    let follows = Follows::of(line.at, &step.decision);
    let because = step.decision.because();
    let end = step.end.as_deref();
    let exit = end.and_then(exit_of);
    let usage = end.map(|end| &end.usage);
    let took = line.known.zip(usage).map(|(known, usage)| known.ran(line.at, usage));
    tell_run!(if is_trouble => WARN, INFO, ATTEMPT, "attempt.ended", line, {
        attempt = line.attempt(), max = line.max(because), outcome = word,
        class = end.and_then(|end| end.verdict.class.as_ref()).or(because.class.as_ref()).map(display),
        rule = because.rule.as_ref().map(|rule| u64::from(rule.index) + 1), rule_at = follows.rule_at.map(display),
        decision = follows.decision, ending = follows.ending, because = display(because),
        account = follows.account.map(|(name, ..)| name), charged = follows.account.map(|(_, charged, _)| charged),
        allowed = follows.account.and_then(|(.., allowed)| allowed),
        delay_ms = follows.delay.map(millis), delay_source = follows.delay_source,
        next_at_ns = follows.next_at.map(Moment::as_nanos),
        exit = exit.and_then(|exit| exit.ok()), signal = exit.and_then(|exit| exit.err()),
        evidence = end.and_then(decider),
        took_ms = took.or(usage.map(|usage| usage.took)).map(millis), cpu_ms = usage.map(|usage| millis(usage.cpu)),
        peak_bytes = usage.map(|usage| usage.peak_bytes), output_bytes = usage.map(|usage| usage.output_bytes),
        dropped_bytes = usage.map(|usage| usage.dropped_bytes).filter(|bytes| *bytes > 0),
        survivors = usage.map(|usage| usage.survivors.len() as u64).filter(|survivors| *survivors > 0),
        span_id = line.attempt_span(), parent_span_id = line.run_span(),
    });
}

fn tell_told(line: Line<'_>, piece: Piece, word: &Told) {
    let (kind, text, step, of) = match word {
        Told::Ready => ("ready", None, None, None),
        Told::Status(text) => ("status", Some(text), None, None),
        Told::Phase(text) => ("phase", Some(text), None, None),
        Told::Step { at, of } => ("step", None, Some(*at), *of),
        Told::Checkpoint { id, step } => ("checkpoint", Some(id), Some(*step), None),
        Told::Inner(text) => ("inner", Some(text), None, None),
    };
    tell_run!(if kind == "step" => TRACE, DEBUG, ATTEMPT, "attempt.told", line, {
        piece = display(piece), word = kind, text, step, of, span_id = line.span(piece),
    });
}

fn tell_job(line: Line<'_>, job: &str, happened: &JobHappened) {
    match happened {
        JobHappened::Ticked { due, fate } => {
            let (fate, run) = match fate {
                TickFate::Opened(run) => ("opened", Some(run.0)),
                TickFate::Overlapped => ("overlapped", None),
            };
            tell!(DEBUG, JOB, "job.ticked", line, { job, due_at_ns = nanos(*due), fate, run });
        }
        JobHappened::Evaluated { until, missed } => {
            tell!(if *missed > 0 => INFO, DEBUG, JOB, "job.evaluated", line, { job, until_at_ns = nanos(*until), missed });
        }
        JobHappened::Ended { success } => tell!(DEBUG, JOB, "job.ended", line, { job, success }),
        JobHappened::Held { by } => tell!(INFO, JOB, "job.held", line, { job, by }),
        JobHappened::Released { by } => tell!(INFO, JOB, "job.released", line, { job, by }),
    }
}

fn tell_daemon(line: Line<'_>, happened: &DaemonHappened) {
    match happened {
        DaemonHappened::Woke { version, boot, clean } => {
            tell!(if *clean => INFO, WARN, DAEMON, "daemon.woke", line, { version, boot, clean });
        }
        DaemonHappened::Slept => tell!(INFO, DAEMON, "daemon.slept", line, {}),
        DaemonHappened::Loaded { jobs, difference } => {
            tell!(INFO, DAEMON, "daemon.loaded", line, { jobs, difference });
        }
        DaemonHappened::Recovered { sentence } => tell!(WARN, DAEMON, "daemon.recovered", line, { sentence }),
    }
}

impl<'a> Line<'a> {
    fn job(&self) -> Option<&'a str> {
        self.known.map(|known| &*known.job)
    }

    fn policy(&self) -> Option<&'a str> {
        self.known.and_then(|known| known.terms.as_ref()).map(|terms| &*terms.policy)
    }

    fn trace(&self) -> Option<DisplayValue<TraceId>> {
        self.known.map(|known| display(known.trace))
    }

    fn run_span(&self) -> Option<DisplayValue<SpanId>> {
        self.known.map(|known| display(known.span))
    }

    fn span(&self, piece: Piece) -> Option<DisplayValue<SpanId>> {
        self.known.and_then(|known| known.span_of(piece)).map(display)
    }

    fn attempt_span(&self) -> Option<DisplayValue<SpanId>> {
        self.known.and_then(|known| known.attempt).map(|attempt| display(attempt.span))
    }

    fn attempt(&self) -> Option<u32> {
        self.known.and_then(|known| known.attempt).map(|attempt| attempt.number.get())
    }

    /// Returns the loop's limit: from the policy, else from the account that a decision names.
    fn max(&self, because: &Because) -> Option<u32> {
        let of_policy = || self.known.and_then(|known| known.terms.as_ref()?.most_attempts);
        match because.account {
            Some(Account::Loop { of: AttemptLimit::AtMost(most), .. }) => Some(most),
            Some(
                Account::Loop { .. } | Account::Rule { .. } | Account::Free { .. } | Account::Interruptions { .. },
            )
            | None => of_policy(),
        }
    }
}

/// What a decision leads to, field by field.
struct Follows<'a> {
    decision: &'static str,
    ending: Option<&'static str>,
    rule_at: Option<&'a Origin>,
    /// The account that pays, its count, and where that ends.
    account: Option<(&'static str, u32, Option<u32>)>,
    delay: Option<Duration>,
    delay_source: Option<&'static str>,
    next_at: Option<Moment>,
}

impl<'a> Follows<'a> {
    fn of(at: Moment, decision: &'a Decision) -> Self {
        let because = decision.because();
        let (ending, next_at) = match decision {
            Decision::Finish { ending, .. } => (Some(ending.as_str()), None),
            Decision::Wait { until, .. } => (None, Some(*until)),
            Decision::Attempt { .. } | Decision::Cut { .. } => (None, None),
        };
        let account = because.account.map(|account| match account {
            Account::Loop { charged, of: AttemptLimit::AtMost(most) } => ("loop", charged, Some(most)),
            Account::Loop { charged, of: AttemptLimit::Unlimited } => ("loop", charged, None),
            Account::Rule { charged, of } => ("rule", charged, Some(of)),
            Account::Free { in_a_row, of } => ("free", in_a_row, Some(of)),
            Account::Interruptions { lost, of, .. } => ("interruptions", lost, Some(of)),
        });
        Self {
            decision: word_of(decision),
            ending,
            rule_at: because.rule.as_ref().and_then(|rule| rule.origin.as_ref()),
            account,
            delay: next_at.map(|next| next.since(at)),
            delay_source: because.delay.map(source_of),
            next_at,
        }
    }
}

pub(super) const fn source_of(source: DelaySource) -> &'static str {
    match source {
        DelaySource::Loop => "policy",
        DelaySource::Rule => "rule",
        DelaySource::Server => "server",
    }
}

const fn word_of(decision: &Decision) -> &'static str {
    match decision {
        Decision::Attempt { .. } => "attempt",
        Decision::Wait { .. } => "wait",
        Decision::Cut { .. } => "cut",
        Decision::Finish { .. } => "finish",
    }
}

/// Returns the exit code, or the signal's number.
pub(super) fn exit_of(end: &End) -> Option<Result<i32, i32>> {
    end.evidence.facts.iter().rev().find_map(|fact| match fact {
        Fact::Exit(code) => Some(Ok(*code)),
        Fact::Signal { number, .. } => Some(Err(*number)),
        _ => None,
    })
}

/// Returns the fact that decided, in words.
pub(super) fn decider(end: &End) -> Option<&str> {
    let decides = |fate: &Fate| matches!(fate, Fate::Decides | Fate::FallsBack);
    end.verdict.chain.iter().find(|step| decides(&step.fate)).map(|step| step.fact.as_str())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Times before 1970 are no due times.
fn nanos(wall: i64) -> u64 {
    u64::try_from(wall).unwrap_or_default()
}
