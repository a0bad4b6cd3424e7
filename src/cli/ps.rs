//! `steadfast ps`: pages of runs, and the command for what stands behind a page.

use clap::Args;
use steadfast_retry::Pretty;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, Source};
use super::text::{self, Cell};
use super::words;
use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::State;
use crate::store::view::{Filter, Order, RunPage, RunRow, Time};

/// Lists runs, trouble first
#[derive(Args, Debug)]
#[command(after_help = "\
The filter is words that must all hold: a job (with *), state:running,waiting,
class:net-*, ending:failed, is:held, is:trouble, since:1d. Without one, runs
that are over since more than a day are left out.

Examples:
  steadfast ps
  steadfast ps 'crawl* state:waiting class:http-*'
  steadfast ps --all ending:failed --json")]
pub(super) struct Arguments {
    /// What is wanted
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Show runs of any age
    #[arg(long, short)]
    all: bool,
    /// Order by number, the newest first
    #[arg(long)]
    newest: bool,
    /// Go on behind this run, the newest first
    #[arg(long, value_name = "RUN")]
    before: Option<RunId>,
    /// How many at most
    #[arg(long, short = 'n', value_name = "NUMBER", default_value = "50", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
    limit: u16,
    #[command(flatten)]
    answer: Answer,
}

/// The most that one page holds.
const MOST: u16 = 1000;

impl Arguments {
    const fn is_by_number(&self) -> bool {
        self.newest || self.before.is_some()
    }

    /// The command that shows what stands behind a page.
    fn further(&self, last: Option<RunId>) -> String {
        let filter = self.filter.join(" ");
        let filter = if filter.is_empty() { String::new() } else { format!(" '{filter}'") };
        let all = if self.all { " --all" } else { "" };
        match last.filter(|_| self.is_by_number()) {
            Some(run) => format!("steadfast ps{all} -n {} --before {run}{filter}", self.limit),
            None if self.limit < MOST => {
                format!("steadfast ps{all} -n {}{filter}", self.limit.saturating_mul(2).min(MOST))
            }
            None => {
                format!("steadfast ps{all} -n {MOST} --newest{filter}, which goes on with --before RUN; or a filter")
            }
        }
    }
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = match Source::open_any(state)? {
        Some(source) => source,
        None if what.answer.json => {
            console.json(&RunPage::default())?;
            return Ok(Exit::GOOD);
        }
        None => Source::open(state)?,
    };
    let mut words = what.filter.join(" ");
    if words.is_empty() && !what.all {
        words = "since:1d".to_owned();
    }
    let filter: Filter = words.parse().map_err(Failure::usage)?;
    let order = if what.is_by_number() { Order::Newest } else { Order::Trouble };
    // By number, the rank of a place says nothing.
    let after = what.before.map(|run| format!("0-{run}").parse().expect("a place is a rank and a run"));
    let page = source.runs(&filter, usize::from(what.limit), order, after)?;
    if what.answer.json {
        console.json(&page)?;
        return Ok(Exit::GOOD);
    }
    if page.runs.is_empty() {
        let is_empty = source.runs(&Filter::default(), 1, Order::Newest, None)?.runs.is_empty();
        console.say(match is_empty {
            true => "nothing was started yet; next: steadfast jobs list, steadfast start JOB, steadfast run -- CMD",
            false if what.all => "no run is like that; `steadfast ps --all` without a filter lists all of them",
            false => "no run is like that; `steadfast ps --all` lists all of them",
        });
        return Ok(Exit::GOOD);
    }
    if page.runs.iter().any(|run| run.state != State::Closed && run.trigger != "terminal") && !source.has_daemon() {
        console.print(&format!("daemon: {}", source::NO_DAEMON))?;
    }
    let rows = page.runs.iter().map(|run| row(run, source.now())).collect();
    console.print(&text::headed(["RUN", "JOB", "STATE", "ATTEMPTS", "WHEN", "WHY"], rows, console.width))?;
    if page.next.is_some() {
        console.say(format_args!("there are more: {}", what.further(page.runs.last().map(|run| run.run))));
    }
    Ok(Exit::GOOD)
}

fn row(run: &RunRow, now: Time) -> Vec<Cell> {
    let standing = words::standing(run.state, run.ending, run.held || run.job_held);
    let style = words::style(run.state, run.ending, run.trouble);
    let when = match (run.closed_at, run.due_at, run.began_at) {
        (Some(closed), ..) => ago(now, closed),
        (None, Some(due), _) if due.since(now).is_zero() => "due".to_owned(),
        (None, Some(due), _) => format!("in {}", Pretty(due.since(now)).rounded()),
        (None, None, Some(began)) => format!("for {}", Pretty(now.since(began)).rounded()),
        (None, None, None) => ago(now, run.opened_at),
    };
    vec![
        Cell::new(run.run),
        Cell::styled(words::job_and_point(&run.job, &run.matrix), text::HEADING),
        Cell::styled(standing, style),
        Cell::new(run.attempts),
        Cell::new(when),
        Cell::new(why(run)),
    ]
}

/// Returns the reason of the latest decision, behind the hold that keeps the next from being carried out.
fn why(run: &RunRow) -> String {
    let because = run.because.as_deref().unwrap_or_default();
    let held = match run.state {
        State::Queued | State::Waiting if run.job_held => "its job is held",
        State::Queued if run.held => "held until somebody releases it",
        State::Queued | State::Waiting | State::Running | State::Finishing | State::Closed => "",
    };
    let gap = if held.is_empty() || because.is_empty() { "" } else { "; " };
    format!("{held}{gap}{because}")
}

fn ago(now: Time, then: Time) -> String {
    let span = now.since(then);
    let whole = std::time::Duration::from_secs(span.as_secs());
    format!("{} ago", Pretty(whole).rounded())
}
