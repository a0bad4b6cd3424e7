//! `steadfast daemon`: how the daemon is, and what it shall do.

use clap::{Args, Subcommand, ValueEnum};
use steadfast_retry::Pretty;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source;
use super::text::{self, Cell};
use crate::api::{Client, FilterWanted, StatusView, WriterView};
use crate::state::StateDir;

/// Asks the daemon how it is, and tells it what to do
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows how the daemon is
    Status(Answer),
    /// Reads the files of jobs again, and shows what changed
    Reload(Answer),
    /// Tells what the daemon's log shows, or changes it until the daemon ends
    LogLevel(LogLevel),
    /// Lets no new attempt begin; what is running runs on
    Drain {
        /// Let attempts begin again
        #[arg(long)]
        undo: bool,
    },
    /// Stops the daemon; what is running runs on until the next one
    Stop {
        /// Stop what is running as well
        #[arg(long)]
        jobs: bool,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast daemon log-level                             what is shown at present
  steadfast daemon log-level debug
  steadfast daemon log-level info,steadfast::attempt=debug --writer files")]
struct LogLevel {
    /// error, warn, info, debug, trace, or target=level, separated by commas; without it nothing changes
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// Which lines: those for people on the daemon's stderr, or those for machines in files; both without it
    #[arg(long, value_enum, value_name = "WHICH", requires = "filter")]
    writer: Option<LogWriter>,
    #[command(flatten)]
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogWriter {
    /// For people, on stderr
    Console,
    /// For machines, in the state folder
    Files,
}

fn log_level(what: &LogLevel, client: &mut Client, console: &mut Console) -> Result<Exit, Failure> {
    let view = match &what.filter {
        None => client.log_filter()?,
        Some(filter) => {
            let writer = what.writer.map(|writer| match writer {
                LogWriter::Console => "console".to_owned(),
                LogWriter::Files => "files".to_owned(),
            });
            client.set_log_filter(&FilterWanted { writer, filter: filter.clone() })?
        }
    };
    if what.answer.json {
        console.json(&view)?;
    } else {
        let row = |writer: &WriterView| vec![Cell::styled(&writer.writer, text::HEADING), Cell::new(&writer.filter)];
        console.print(&text::headed(["WRITER", "SHOWS"], view.writers.iter().map(row).collect(), console.width))?;
    }
    Ok(Exit::GOOD)
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let mut client = source::daemon(state)?;
    match &what.command {
        Command::Status(answer) => {
            let status = client.status()?;
            if answer.json {
                console.json(&status)?;
            } else {
                console.print(&page(&status, console.width))?;
            }
            if status.degraded.is_some() || status.damage.is_some() {
                return Ok(Exit::FAILED);
            }
        }
        Command::LogLevel(what) => return log_level(what, &mut client, console),
        Command::Reload(answer) if answer.json => console.json(&client.reload()?)?,
        Command::Reload(_) => {
            let difference = client.reload()?.difference;
            let told = if difference.is_empty() { "nothing changed" } else { difference.trim_end() };
            console.print(told)?;
        }
        Command::Drain { undo } => {
            client.drain(!undo)?;
            console.print(if *undo { "attempts begin again" } else { "no new attempt begins" })?;
            if !undo {
                console.say("to let them begin again: steadfast daemon drain --undo");
            }
        }
        Command::Stop { jobs } => {
            client.stop(*jobs)?;
            console.print(if *jobs {
                "stopping, and what is running as well"
            } else {
                "stopping; what is running runs on"
            })?;
        }
    }
    Ok(Exit::GOOD)
}

fn page(status: &StatusView, width: usize) -> String {
    let (good, bad, doubtful) = (text::GOOD, text::BAD, text::DOUBTFUL);
    let condition = match (status.degraded.as_ref().or(status.damage.as_ref()), status.draining) {
        (Some(why), _) if status.degraded.is_none() => format!("{bad}damaged{bad:#}: {why}"),
        (Some(why), _) => format!("{bad}degraded{bad:#}: {why}"),
        (None, true) => format!("{doubtful}draining{doubtful:#}"),
        (None, false) => format!("{good}working{good:#}"),
    };
    let counts = &status.counts;
    let slots = status
        .slots
        .of
        .map_or_else(|| status.slots.taken.to_string(), |of| format!("{} of {of} taken", status.slots.taken));
    let mut facts = vec![
        (
            "daemon",
            format!(
                "{} as process {}, for {}",
                status.version,
                status.pid,
                Pretty(status.now.since(status.began_at)).rounded()
            ),
        ),
        ("state", status.state.clone()),
        ("slots", slots),
        ("runs", format!("{} running, {} waiting, {} queued", counts.running, counts.waiting, counts.queued)),
        ("jobs", format!("{} of {}", status.config.jobs, text::count(status.config.files.len(), "file"))),
    ];
    facts.extend(status.due_at.map(|due| ("next", format!("in {}", Pretty(due.since(status.now)).rounded()))));
    facts.extend(status.config.refused.as_ref().map(|why| ("refused", in_a_line(why))));
    for writer in status.trace.iter().filter(|writer| writer.dropped_lines > 0) {
        facts.push(("trace", format!("{} dropped {} lines", writer.writer, writer.dropped_lines)));
    }
    let cells =
        |(key, value): (&str, String)| vec![Cell::styled(format_args!("  {key}"), text::FAINT), Cell::new(value)];
    let rows: Vec<Vec<Cell>> = facts.into_iter().map(cells).collect();
    format!("{condition}\n{}", text::table(&rows, width))
}

/// Returns the first mistake of files in a line, behind its place, and how many there are.
fn in_a_line(mistakes: &str) -> String {
    let mut lines = mistakes.lines().skip_while(|line| !line.starts_with("error"));
    let first = lines.next().or(mistakes.lines().next()).unwrap_or_default();
    let place = lines.next().and_then(|line| line.trim_start().strip_prefix("--> "));
    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
    let count = mistakes.lines().next_back().filter(|count| *count != "1 error" && *count != first);
    let count = count.map(|count| format!(" ({count})")).unwrap_or_default();
    format!("{place}{first}{count}")
}
