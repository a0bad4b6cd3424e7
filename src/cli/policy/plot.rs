//! `steadfast policy plot`: the delays of a policy as a chart. Floats are used for drawing only; the delays are the
//! engine's.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use steadfast_retry::{AttemptLimit, Delay, Dice, Policy, Pretty};

use super::chance::Chance;
use super::{Named, find};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};

/// Draws the delays of a policy: the curve, its spread by jitter, the cap, the time in all
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast policy plot http
  steadfast policy plot 'exponential=200ms, factor=3, cap=1m, attempts=10'")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    /// How many failures are shown; as many as the policy bears without it
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=60))]
    attempts: Option<u32>,
    /// Draw with letters that every terminal has
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    answer: Answer,
}

/// The delay after one of the failures.
#[derive(Clone, Copy, Debug, Serialize)]
struct Point {
    /// How many failures there were.
    failures: u32,
    /// The delay without chance, in seconds.
    #[serde(rename = "nominal_seconds")]
    nominal: f64,
    /// One delay in twenty is shorter.
    #[serde(rename = "p5_seconds")]
    p5: f64,
    /// One delay in twenty is longer.
    #[serde(rename = "p95_seconds")]
    p95: f64,
    /// All delays so far without chance.
    #[serde(rename = "total_seconds")]
    total: f64,
    /// One run in twenty has waited less.
    #[serde(rename = "total_p5_seconds")]
    total_p5: f64,
    /// One run in twenty has waited longer.
    #[serde(rename = "total_p95_seconds")]
    total_p95: f64,
}

/// How many runs the spread is taken from.
const SAMPLES: usize = 1_000;

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let found = find(&what.named.policy, &what.named.files, console)?;
    let policy = &found.resolved.policy;
    let failures = what.attempts.unwrap_or_else(|| borne(policy));
    let points = points(policy.delay(), failures);
    if what.answer.json {
        console.json(&json!({ "policy": policy.name(), "points": points }))?;
        return Ok(Exit::GOOD);
    }
    let mut out = format!("{}: {}\n\n", policy.name(), policy.delay());
    out.push_str(&chart(&points, policy.delay().longest(), what.ascii, console.room()));
    out.push('\n');
    out.push_str(&table(&points, console.width));
    console.print(&out)?;
    super::doubt(policy, console);
    Ok(Exit::GOOD)
}

/// How many failures are followed by a delay under the loop's own limit, within what can be drawn.
fn borne(policy: &Policy) -> u32 {
    match policy.limits().attempts {
        AttemptLimit::AtMost(attempts) => attempts.saturating_sub(1).clamp(1, 20),
        AttemptLimit::Unlimited => 12,
    }
}

fn points(delay: &Delay, failures: u32) -> Vec<Point> {
    let mut chance = Chance::of_seed(1);
    let paths: Vec<Vec<Duration>> = (0..SAMPLES).map(|_| path(delay, failures, || chance.throw())).collect();
    let nominal = path(delay, failures, || Dice::NONE);
    let totals: Vec<Vec<Duration>> = paths.iter().map(|path| running_sum(path)).collect();
    let total = running_sum(&nominal);
    let at = |index: usize| {
        let (p5, p95) = spread(paths.iter().map(|path| path[index]));
        let (total_p5, total_p95) = spread(totals.iter().map(|path| path[index]));
        Point {
            failures: index as u32 + 1,
            nominal: nominal[index].as_secs_f64(),
            p5,
            p95,
            total: total[index].as_secs_f64(),
            total_p5,
            total_p95,
        }
    };
    (0..nominal.len()).map(at).collect()
}

/// The delays after each failure of one run.
fn path(delay: &Delay, failures: u32, mut dice: impl FnMut() -> Dice) -> Vec<Duration> {
    let mut last = Duration::ZERO;
    let next = |failures| {
        last = delay.next(failures, last, dice());
        last
    };
    (1..=failures).map(next).collect()
}

fn running_sum(path: &[Duration]) -> Vec<Duration> {
    let sum = |sum: &mut Duration, delay: &Duration| {
        *sum = sum.saturating_add(*delay);
        Some(*sum)
    };
    path.iter().scan(Duration::ZERO, sum).collect()
}

/// The 5th and 95th percentile, in seconds.
fn spread(sample: impl Iterator<Item = Duration>) -> (f64, f64) {
    let mut sorted: Vec<Duration> = sample.collect();
    sorted.sort_unstable();
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100].as_secs_f64();
    (at(5), at(95))
}

/// The height of the chart, in lines.
const LINES: usize = 10;

/// Draws each failure as a column: a bar from p5 to p95, a dot at the nominal delay, a line at the cap.
fn chart(points: &[Point], cap: Option<Duration>, ascii: bool, width: usize) -> String {
    let top = points.iter().map(|point| point.p95.max(point.nominal)).fold(0.0, f64::max);
    if top <= 0.0 {
        return "no delay: the next attempt begins at once\n".into();
    }
    let (dot, bar, line) = if ascii { ('*', '|', '-') } else { ('●', '│', '┄') };
    let row_of = |seconds: f64| ((seconds / top) * (LINES - 1) as f64).round() as usize;
    let cap_row = cap.map(|cap| cap.as_secs_f64()).filter(|cap| *cap <= top * 1.001).map(row_of);
    let room = width.saturating_sub(12) / points.len().max(1);
    let step = room.clamp(1, 5);
    let mut out = String::new();
    for row in (0..LINES).rev() {
        let label = pretty(top * row as f64 / (LINES - 1) as f64);
        let _ = write!(out, "{label:>9} {}", if ascii { '|' } else { '┤' });
        for point in points {
            let sign = match row {
                row if row == row_of(point.nominal) => dot,
                row if row >= row_of(point.p5) && row <= row_of(point.p95) => bar,
                row if Some(row) == cap_row => line,
                _ => ' ',
            };
            let rest = if Some(row) == cap_row { line } else { ' ' };
            out.extend(std::iter::repeat_n(rest, step - 1).chain([sign]));
        }
        out.truncate(out.trim_end().len());
        if Some(row) == cap_row {
            out.push_str(" cap");
        }
        out.push('\n');
    }
    let _ = write!(out, "{:10}{}", "", if ascii { '+' } else { '└' });
    out.extend(std::iter::repeat_n(if ascii { '-' } else { '─' }, step * points.len()));
    let _ = write!(out, "\n{:11}", "");
    for point in points {
        let _ = match step {
            1 | 2 if point.failures % 5 != 0 => write!(out, "{:step$}", ""),
            _ => write!(out, "{:>step$}", point.failures),
        };
    }
    out.push_str("  failures\n");
    out
}

fn table(points: &[Point], width: usize) -> String {
    let band = |low: f64, high: f64| if low == high { "-".into() } else { format!("{}-{}", pretty(low), pretty(high)) };
    let row = |point: &Point| {
        vec![
            Cell::new(point.failures),
            Cell::new(pretty(point.nominal)),
            Cell::new(band(point.p5, point.p95)),
            Cell::new(pretty(point.total)),
            Cell::new(band(point.total_p5, point.total_p95)),
        ]
    };
    text::headed(["FAILURES", "DELAY", "P5-P95", "IN ALL", "P5-P95"], points.iter().map(row).collect(), width)
}

/// Three digits are enough to compare.
fn pretty(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let rounded = match seconds.as_secs() {
        0 => Duration::from_millis(seconds.as_millis() as u64),
        1..60 => Duration::from_millis(seconds.as_millis() as u64 / 100 * 100),
        _ => Duration::from_secs(seconds.as_secs()),
    };
    Pretty(rounded).rounded().to_string()
}
