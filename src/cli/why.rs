//! `steadfast why`: every attempt with its evidence and the reason of its decision, as they were recorded. Nothing
//! is decided anew.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::jobs;
use super::local::Local;
use super::show::seconds;
use super::source::Source;
use super::text::{self, Cell};
use super::words;
use crate::api::{Client, Reason};
use crate::state::StateDir;
use crate::store::view::{AttemptView, DecisionView, RunView, UsageView};
use crate::store::{How, State};

/// Says why a run stands where it stands: the evidence, the rule, the counters
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast why 12
  steadfast why train-7b             the newest run of the job, or what a job
                                     waits for that has none")]
pub(super) struct Arguments {
    /// A run, or a job for its newest run
    #[arg(value_name = "RUN|JOB")]
    run: String,
    /// Tell of every attempt, not only of the last
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let run = match source.find(&what.run) {
        Ok(run) => run,
        Err(unknown) => return never_ran(what, unknown, console, state),
    };
    let view = source.run(run)?;
    // What keeps a run from going on is known to the daemon alone: slots, groups, other runs.
    let reasons = match view.state {
        State::Closed => Vec::new(),
        State::Queued | State::Running | State::Waiting | State::Finishing => source.reasons(&view)?,
    };
    let first = if what.all { 0 } else { view.attempts.len().saturating_sub(1) };
    let attempts = &view.attempts[first..];
    if what.answer.json {
        let standing = words::standing(view.state, view.ending, view.held || view.job_held);
        console.json(&json!({
            "run": view.run, "job": view.job, "state": view.state, "standing": standing, "sentence": view.sentence,
            "reasons": reasons, "ledger": view.ledger, "attempts": attempts, "finish": view.finish,
        }))?;
        return Ok(Exit::GOOD);
    }
    console.print(&page(&view, attempts, &reasons, console.width))?;
    console.say(format_args!("output: steadfast logs {}", view.run));
    Ok(Exit::GOOD)
}

/// A job without a run waits for something as well: the daemon knows for what, as `jobs show` tells it.
fn never_ran(what: &Arguments, unknown: Failure, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let Ok(mut client) = Client::connect(state) else { return Err(unknown) };
    let Ok(detail) = client.job(&what.run) else { return Err(unknown) };
    if what.answer.json {
        console.json(&detail)?;
        return Ok(Exit::GOOD);
    }
    console.print(&jobs::page(&detail, console.width))?;
    console.say(format_args!("it has no run yet; start one: steadfast start {}", what.run));
    Ok(Exit::GOOD)
}

fn page(view: &RunView, attempts: &[AttemptView], reasons: &[Reason], width: usize) -> String {
    let (bold, style) = (text::HEADING, words::style(view.state, view.ending, view.trouble));
    let standing = words::standing(view.state, view.ending, view.held || view.job_held);
    let mut out = format!("{bold}run {}{bold:#} of {}: {style}{standing}{style:#}\n", view.run, view.job);
    let _ = writeln!(out, "{}", text::wrap(&Local::here().sentence(&view.sentence, false), width, 2));
    for reason in reasons {
        let (sign, style) = if reason.blocks { ("waits", text::DOUBTFUL) } else { ("ok", text::GOOD) };
        let row = [
            Cell::styled(format_args!("  {sign:<5}"), style),
            Cell::new(format_args!("{:<10}", reason.about)),
            Cell::new(&reason.sentence),
        ];
        out.push_str(&text::prose(&[row.to_vec()], width));
    }
    for one in attempts {
        let _ = write!(out, "\n{}", attempt(one, width));
    }
    if let Some(because) = &view.skipped_because {
        let _ = writeln!(out, "  {because}");
    }
    out
}

/// One attempt with its evidence: what was seen, what became of it, what was decided.
pub(super) fn attempt(attempt: &AttemptView, width: usize) -> String {
    let (bold, style) = (text::HEADING, words::outcome_style(attempt.outcome));
    let outcome = attempt.outcome.map_or("running", How::as_str);
    let mut out = format!("{bold}attempt {}{bold:#}: {style}{outcome}{style:#}", attempt.number);
    if let Some(class) = &attempt.class {
        let _ = write!(out, ", {class}");
    }
    if let Some(usage) = &attempt.usage {
        let _ = write!(out, ", after {}", seconds(usage.took_seconds));
    }
    out.push('\n');
    for fact in &attempt.evidence {
        let named = fact.class.as_ref().map_or_else(String::new, |class| format!("{class}, "));
        let by = fact.by.as_ref().map_or_else(String::new, |by| format!("{by}, "));
        let rival = fact.rival.as_ref().map_or_else(String::new, |rival| format!(" {rival}"));
        let line = format!("{}: {named}{by}{}{rival}", fact.fact, fact.fate.replace('-', " "));
        let _ = writeln!(out, "{}", text::hang(&format!("  {line}"), width));
    }
    for (what, names) in attempt.usage.iter().flat_map(asides) {
        let _ = writeln!(out, "{}", text::wrap(&format!("{what}: {}", names.join(", ")), width, 2));
    }
    for decision in attempt.cut.iter().chain(&attempt.decision) {
        let _ = writeln!(out, "{}", text::wrap(&decided(decision), width, 2));
    }
    out
}

/// What is worth a word beside the evidence.
fn asides(usage: &UsageView) -> impl Iterator<Item = (&'static str, &[String])> {
    let all = [
        ("left behind, and stopped", usage.stopped.as_slice()),
        ("left behind, and let go", usage.survivors.as_slice()),
        ("limits that this machine could not enforce", usage.unenforced.as_slice()),
    ];
    all.into_iter().filter(|(_, names)| !names.is_empty())
}

fn decided(decision: &DecisionView) -> String {
    let follows = match (&decision.ending, decision.delay_seconds) {
        (Some(ending), _) => format!("{ending}"),
        (None, Some(delay)) => format!("waits {}", seconds(delay)),
        (None, None) => decision.follows.clone(),
    };
    let by = decision.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
    match decision.because.sentence.as_str() {
        because if because == follows => format!("then: {follows}{by}"),
        because => format!("then: {follows}{by}: {because}"),
    }
}
