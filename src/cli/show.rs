//! `steadfast show`: everything about one run, on one page.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use steadfast_retry::Pretty;

use super::answer::Answer;
use super::console::{Console, UNLIMITED};
use super::exit::Exit;
use super::failure::Failure;
use super::local::Local;
use super::source::{self, Source};
use super::text::{self, Cell};
use super::words;
use crate::state::StateDir;
use crate::store::How;
use crate::store::view::{AttemptView, RunView};

/// Shows a run: where it stands, its attempts, what they used
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast show 12
  steadfast show daily-papers        the newest run of the job
  steadfast show 12#3                attempt 3 alone, with its evidence")]
pub(super) struct Arguments {
    /// A run, a job for its newest run, and #N behind it for one attempt
    #[arg(value_name = "RUN|JOB[#N]")]
    run: String,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let (word, number) = match what.run.split_once('#') {
        Some((word, number)) => {
            let number: u32 = number.parse().map_err(|_| Failure::usage(format_args!("`{number}` is no attempt")))?;
            (word, Some(number))
        }
        None => (what.run.as_str(), None),
    };
    let view = source.run(source.find(word)?)?;
    match number {
        None if what.answer.json => console.json(&view)?,
        None => {
            if source.waits_for_daemon(view.state, &view.trigger.kind) {
                console.print(&format!("daemon: {}", source::NO_DAEMON))?;
            }
            console.print(&page(&view, &Local::here(), console.width))?;
        }
        Some(number) => {
            let attempt = view.attempts.iter().find(|attempt| attempt.number == number).ok_or_else(|| {
                let known = text::count(view.attempts.len(), "attempt");
                Failure::not_found(format_args!("run {} has no attempt {number}, it has {known}", view.run))
            })?;
            if what.answer.json {
                console.json(attempt)?;
            } else {
                console.print(&super::why::attempt(attempt, console.width))?;
            }
        }
    }
    Ok(Exit::GOOD)
}

fn page(view: &RunView, local: &Local, width: usize) -> String {
    let (bold, style) = (text::HEADING, words::style(view.state, view.ending, view.trouble));
    let standing = words::standing(view.state, view.ending, view.held || view.job_held);
    let mut out = format!("{bold}run {}{bold:#} of {}: {style}{standing}{style:#}\n", view.run, view.job);
    let _ = writeln!(out, "{}\n", text::wrap(&local.sentence(&view.sentence, true), width, 2));
    // A command that is cut cannot be repeated.
    out.push_str(&text::table(&facts(view, local), UNLIMITED));
    if !view.attempts.is_empty() {
        out.push('\n');
        let rows = view.attempts.iter().map(|attempt| attempt_row(attempt, view, local)).collect();
        out.push_str(&text::headed(["#", "BEGAN", "TOOK", "OUTCOME", "CLASS", "EXIT", "THEN"], rows, width));
    }
    for finalizer in &view.finalizers {
        let result = finalizer.sentence.as_deref().unwrap_or("running");
        let _ = writeln!(out, "finalizer {}: {result}", finalizer.piece);
    }
    for note in &view.notes {
        let _ = writeln!(out, "{}  {}", local.plain(note.at), local.sentence(&note.sentence, true));
    }
    out
}

/// Where the further lines of a command stand.
const BELOW: &str = "\n           ";

fn facts(view: &RunView, local: &Local) -> Vec<Vec<Cell>> {
    let mut facts = Vec::new();
    facts.extend(view.command.as_ref().map(|command| ("command", command.replace('\n', BELOW))));
    if !view.matrix.is_empty() {
        facts.push(("point", words::point(&view.matrix)));
    }
    facts.push(("opened", format!("{} ({})", local.full(view.opened_at), opened(view))));
    facts.extend(view.due_at.map(|due| ("due", local.plain(due))));
    facts.extend(view.deadline_at.map(|deadline| ("deadline", local.plain(deadline))));
    facts.extend(view.closed_at.map(|closed| ("closed", local.plain(closed))));
    facts.push(("worked", seconds(view.worked_seconds)));
    facts.push(("waited", seconds(view.waited_seconds)));
    if let Some(ledger) = &view.ledger {
        let of = ledger.of.map_or_else(|| "unlimited".to_owned(), |of| of.to_string());
        let lost = match ledger.interruptions {
            0 => String::new(),
            lost => format!(", {lost} of {} lost", ledger.interruptions_of),
        };
        facts.push(("charged", format!("{} of {of}{lost}", ledger.charged)));
    }
    if !view.parameters.is_empty() {
        let given: Vec<String> = view.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        facts.push(("given", given.join(" ")));
    }
    if !view.retries.is_empty() {
        let retries: Vec<String> = view.retries.iter().map(ToString::to_string).collect();
        facts.push(("retried", format!("as run {}", retries.join(", "))));
    }
    let cells =
        |(key, value): (&str, String)| vec![Cell::styled(format_args!("  {key}"), text::FAINT), Cell::new(value)];
    facts.into_iter().map(cells).collect()
}

/// Says what opened a run, and who asked, unless it was the same.
fn opened(view: &RunView) -> String {
    let trigger = &view.trigger;
    let what = match &trigger.jobs[..] {
        [] => trigger.kind.clone(),
        jobs => format!("{} {}", trigger.kind, jobs.join(", ")),
    };
    if ["schedule", "after"].contains(&&*view.by) { what } else { format!("{what}, by {}", view.by) }
}

fn attempt_row(attempt: &AttemptView, view: &RunView, local: &Local) -> Vec<Cell> {
    let exit = match (attempt.exit_code, attempt.signal) {
        (Some(code), _) => code.to_string(),
        (None, Some(signal)) => crate::evidence::Signal(signal).to_string(),
        (None, None) => String::new(),
    };
    let then = attempt.decision.as_ref().map_or_else(String::new, |decision| match decision.delay_seconds {
        Some(delay) => format!("waits {}", seconds(delay)),
        None => decision.because.sentence.clone(),
    });
    vec![
        Cell::new(attempt.number),
        Cell::new(local.clock(attempt.began_at, view.opened_at)),
        Cell::new(attempt.usage.as_ref().map_or_else(String::new, |usage| seconds(usage.took_seconds))),
        Cell::styled(attempt.outcome.map_or("running", How::as_str), words::outcome_style(attempt.outcome)),
        Cell::new(attempt.class.as_deref().unwrap_or_default()),
        Cell::new(exit),
        Cell::new(then),
    ]
}

pub(super) fn seconds(seconds: f64) -> String {
    Pretty(Duration::try_from_secs_f64(seconds).unwrap_or_default()).rounded().to_string()
}
