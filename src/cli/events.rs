//! `steadfast events`: the journal, line by line.

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::follow::{self, Line};
use super::source::Source;
use super::text::{self, Cell};
use crate::api::{Lines, Problem};
use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::view::{EventView, Events};
use crate::sys::time::Boottime;

/// Prints the journal: everything that happened, in order
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast events --run 12
  steadfast events --run nightly -f
  steadfast events -f
  steadfast events --after 4711 --json | jq .sentence")]
pub(super) struct Arguments {
    /// Only what is about this run, or a job's newest run
    #[arg(long, value_name = "RUN|JOB")]
    run: Option<String>,
    /// Only what comes behind this line
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Go on with lines as they are written; from now on, unless --after is given
    #[arg(long, short, conflicts_with = "limit")]
    follow: bool,
    /// How many lines at most; the newest, unless --after or --run is given
    #[arg(long, short = 'n', value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=10000))]
    limit: u16,
    /// Answer with one JSON document on each line
    #[arg(long)]
    json: bool,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let run = what.run.as_ref().map(|word| source.find(word)).transpose()?;
    if what.follow {
        return follow(what, run, &source, console, state);
    }
    let after = match (what.after, run) {
        (Some(after), _) => after,
        (None, Some(_)) => 0,
        (None, None) => source.newest_event()?.saturating_sub(u64::from(what.limit)),
    };
    let wanted = Events { after, limit: usize::from(what.limit), run };
    let page = source.events(&wanted)?;
    if what.json {
        // A stream for programs: one document for each line.
        page.events.iter().try_for_each(|event| line(event, console))?;
    } else {
        let rows: Vec<Vec<Cell>> = page.events.iter().map(row).collect();
        console.print(&text::headed(["LINE", "AT", "WHO", "WHAT"], rows, console.width))?;
    }
    if page.more {
        console.say(format_args!("there are more: steadfast events --after {}", page.next));
    }
    Ok(Exit::GOOD)
}

/// Prints lines as they are written, until somebody has seen enough.
fn follow(
    what: &Arguments,
    run: Option<RunId>,
    source: &Source,
    console: &mut Console,
    state: &StateDir,
) -> Result<Exit, Failure> {
    let mut line = Line::open(state)?;
    let mut after = what.after.map_or_else(|| source.newest_event(), Ok)?;
    loop {
        let problem = match line.client().follow_events(run, Some(after)) {
            Ok(events) => {
                let problem = print_all(events, what, &mut after, console)?;
                line.answers();
                problem
            }
            Err(problem) => problem,
        };
        line.again(problem, Boottime::NEVER, console)?;
    }
}

/// Prints what a daemon tells, and returns why it tells no more.
fn print_all(
    events: Lines<'_, EventView>,
    what: &Arguments,
    after: &mut u64,
    console: &mut Console,
) -> Result<Problem, Failure> {
    for event in events {
        let event = match event {
            Ok(event) => event,
            Err(problem) => return Ok(problem),
        };
        if what.json {
            line(&event, console)?;
        } else {
            console.print(&text::table(&[row(&event)], console.width))?;
        }
        console.flush()?;
        *after = event.seq;
    }
    Ok(follow::ended())
}

/// One JSON document on a line.
fn line(event: &EventView, console: &mut Console) -> Result<(), Failure> {
    let line = serde_json::to_string(event).map_err(std::io::Error::from)?;
    Ok(console.print(&line)?)
}

fn row(event: &EventView) -> Vec<Cell> {
    let who = match (&event.run, &event.job) {
        (Some(run), Some(job)) => format!("{run} {job}"),
        (Some(run), None) => run.to_string(),
        (None, Some(job)) => job.clone(),
        (None, None) => "daemon".to_owned(),
    };
    vec![
        Cell::new(event.seq),
        Cell::styled(event.at.timestamp().strftime("%m-%d %H:%M:%S"), text::FAINT),
        Cell::styled(who, text::HEADING),
        Cell::new(&event.sentence),
    ]
}
