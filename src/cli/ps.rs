use clap::Args;
use steadfast_retry::Pretty;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, Source};
use super::text::{self, Cell};
use super::words;
use crate::state::StateDir;
use crate::store::State;
use crate::store::view::{Filter, Order, RunRow, Time};

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
    /// How many at most
    #[arg(long, short = 'n', value_name = "NUMBER", default_value = "50", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let mut words = what.filter.join(" ");
    if words.is_empty() && !what.all {
        words = "since:1d".to_owned();
    }
    let filter: Filter = words.parse().map_err(Failure::usage)?;
    let order = if what.newest { Order::Newest } else { Order::Trouble };
    let page = source.runs(&filter, usize::from(what.limit), order)?;
    if what.answer.json {
        console.json(&page)?;
        return Ok(Exit::GOOD);
    }
    if page.runs.is_empty() {
        console.say("no run is like that; `steadfast ps --all` lists all of them");
        return Ok(Exit::GOOD);
    }
    // Runs that only a daemon can bring on; what a process on a terminal holds goes on by itself.
    if page.runs.iter().any(|run| run.state != State::Closed && run.trigger != "terminal") && !source.has_daemon() {
        console.print(&format!("daemon: {}", source::NO_DAEMON))?;
    }
    let rows = page.runs.iter().map(|run| row(run, source.now())).collect();
    console.print(&text::headed(["RUN", "JOB", "STATE", "TRIES", "WHEN", "WHY"], rows, console.width))?;
    if page.next.is_some() {
        console.say(format_args!("there are more: steadfast ps -n {}", u32::from(what.limit) * 2));
    }
    Ok(Exit::GOOD)
}

fn row(run: &RunRow, now: Time) -> Vec<Cell> {
    let standing = words::standing(run.state, run.ending, run.held);
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
        Cell::new(run.because.as_deref().unwrap_or_default()),
    ]
}

fn ago(now: Time, then: Time) -> String {
    let span = now.since(then);
    let whole = std::time::Duration::from_secs(span.as_secs());
    format!("{} ago", Pretty(whole).rounded())
}
