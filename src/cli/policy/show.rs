//! `steadfast policy show`: every value of a policy, and where it was written.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use steadfast_retry::table::Resolved;
use steadfast_retry::{Finalizer, Limits, Pretty, Rule};

use super::{Named, find};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};

/// Shows a policy with every value and the place where it was written
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast policy show gpu-training
  steadfast policy show fetch --file jobs/
  steadfast policy show 'extends=http, attempts=20, cap=10m, exponential=2s'")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let found = find(&what.named.policy, &what.named.files, console)?;
    let resolved = &found.resolved;
    if what.answer.json {
        console.plain(&json!({ "policy": resolved.policy, "origins": resolved.origins }))?;
    } else {
        console.print(&page(resolved, console.width))?;
        super::doubt(&resolved.policy, console);
    }
    Ok(Exit::GOOD)
}

fn page(resolved: &Resolved, width: usize) -> String {
    let policy = &resolved.policy;
    let heading = text::HEADING;
    let mut rows = Vec::new();
    for (key, value) in limits(policy.limits()) {
        rows.push(vec![Cell::new(format_args!("  {key}")), Cell::new(value), place(resolved, &format!("loop.{key}"))]);
    }
    let mut out = format!("{heading}{}{heading:#}\n\n{heading}loop{heading:#}\n", policy.name());
    out.push_str(&text::table(&rows, width));
    let faint = text::FAINT;
    let origin = origin(resolved, "delay");
    let _ = writeln!(out, "\n{heading}delay{heading:#}\n  {}  {faint}{origin}{faint:#}", policy.delay());
    let _ = writeln!(out, "\n{heading}catch{heading:#}");
    if policy.catch().is_empty() {
        out.push_str("  no rule: every failure is charged to the loop\n");
    }
    for (index, rule) in policy.catch().iter().enumerate() {
        let classes: Vec<&str> = rule.classes.iter().map(|pattern| pattern.as_str()).collect();
        let place = rule.origin.as_ref().map(ToString::to_string);
        entry(&mut out, index, &classes.join(", "), &treatment(rule), place, width);
    }
    let _ = writeln!(out, "\n{heading}finally{heading:#}");
    if policy.finally().is_empty() {
        out.push_str("  nothing follows\n");
    }
    for (index, finalizer) in policy.finally().iter().enumerate() {
        let place = finalizer.origin.as_ref().map(ToString::to_string);
        entry(&mut out, index, &format!("on {}", finalizer.on), &follow_up(finalizer), place, width);
    }
    out
}

/// One rule or finalizer: its number and subject, and below it what becomes of it and where it was written.
fn entry(out: &mut String, index: usize, subject: &str, what: &str, place: Option<String>, width: usize) {
    let faint = text::FAINT;
    let subject = text::wrap(subject, width, 5);
    let _ = writeln!(out, "  {}  {}", index + 1, subject.trim_start());
    let _ = write!(out, "{}", text::wrap(what, width, 7));
    let _ = writeln!(out, "  {faint}{}{faint:#}", place.unwrap_or_default());
}

fn place(resolved: &Resolved, key: &str) -> Cell {
    Cell::styled(origin(resolved, key), text::FAINT)
}

fn origin(resolved: &Resolved, key: &str) -> String {
    resolved.origins.get(key).map_or_else(|| "default".into(), ToString::to_string)
}

/// Every limit with its value as a file would say it.
fn limits(limits: &Limits) -> [(&'static str, String); 9] {
    let pretty = |span: Duration| Pretty(span).to_string();
    let or_none = |span: Option<Duration>| span.map_or_else(|| "none".into(), pretty);
    [
        ("attempts", limits.attempts.to_string()),
        ("deadline", or_none(limits.deadline)),
        ("attempt-timeout", or_none(limits.attempt_timeout)),
        ("attempt-min", pretty(limits.attempt_min)),
        ("interruptions", limits.interruptions.to_string()),
        ("ceiling", limits.attempts_of_any_kind().to_string()),
        ("free-guard", limits.free_guard.to_string()),
        ("without-progress", limits.without_progress.to_string()),
        ("obey-server", pretty(limits.obey_server)),
    ]
}

/// What a rule does with a failure that it catches, in words.
pub(super) fn treatment(rule: &Rule) -> String {
    if rule.stops {
        return "ends the run".into();
    }
    let mut parts = Vec::new();
    match (rule.free, rule.attempts) {
        (true, None) => parts.push("free of charge".into()),
        (true, Some(attempts)) => parts.push(format!("free of charge, at most {attempts} in a row")),
        (false, Some(attempts)) => parts.push(format!("an account of its own, {attempts} attempts")),
        (false, None) => parts.push("charged to the loop".into()),
    }
    if let Some(delay) = &rule.delay {
        parts.push(format!("delay {delay}"));
    }
    if let Some(longest) = rule.obey_server {
        parts.push(format!("obeys a server up to {}", Pretty(longest)));
    }
    parts.join("; ")
}

fn follow_up(finalizer: &Finalizer) -> String {
    let (timeout, delay) = (Pretty(finalizer.timeout), Pretty(finalizer.delay));
    let tries = text::count(finalizer.attempts, "attempt");
    format!("{}; timeout {timeout}, {tries}, {delay} apart", finalizer.run.join(" "))
}
