//! `steadfast store`: for the people who own the file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use steadfast_retry::{Moment, parse_duration};

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, of_store};
use super::text::{self, Cell};
use crate::clock::{self, Clock};
use crate::failpoint;
use crate::state::{Leavings, StateDir};
use crate::store::view::View;
use crate::store::{Birth, Info, Keep, Sqlite, StoreError};

/// Looks after the journal: figures, checks, copies, pruning
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints figures of the store
    Info(Answer),
    /// Checks the file, and every run against its own journal
    Verify(Answer),
    /// Writes a copy of the store, while a daemon works or without one
    Backup(Backup),
    /// Deletes runs that are over and old, with their output
    Prune(Prune),
}

#[derive(Args, Debug)]
struct Backup {
    /// The file that is written; one that is there is never touched
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    answer: Answer,
}

#[derive(Args, Debug)]
#[command(after_help = "\
What is not over is kept, and so are the newest run and the newest success of each job.
No daemon may be running.

Example:
  steadfast store prune --older-than 30d --keep 1000")]
struct Prune {
    /// Delete runs that were closed longer ago
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    older_than: Duration,
    /// Keep so many of the newest in any case
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    keep: u32,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let root = state.root();
    let view = || source::view(state);
    match what.command {
        Command::Info(answer) => {
            let info = view()?.info(root).map_err(|error| of_store(&error))?;
            if answer.json {
                console.json(&shown(&info))?;
            } else {
                console.print(&figures(&info, state, console.width))?;
            }
        }
        Command::Verify(answer) => {
            // The store's own word for damage sends people here, and here they need the next step.
            let advised = |failure: Failure, error: &StoreError| match error {
                StoreError::Corrupt(_) => failure.help(mend(state)),
                _ => failure,
            };
            let view = View::open(root).map_err(|error| advised(source::not_opened(state, &error), &error))?;
            let verified = view.verify().map_err(|error| advised(of_store(&error), &error))?;
            if answer.json {
                console.json(&verified)?;
            } else if verified.wrong.is_empty() {
                let good = text::GOOD;
                console.print(&format!(
                    "{good}ok{good:#}: {} folded again, and all as recorded",
                    text::count(verified.runs, "run")
                ))?;
            } else {
                console.print(&verified.wrong.join("\n"))?;
                console.say(format_args!("to mend it: {}", mend(state)));
            }
            if !verified.wrong.is_empty() {
                return Ok(Exit::FAILED);
            }
        }
        Command::Backup(what) => {
            failpoint::arm_from_environment().map_err(Failure::usage)?;
            view()?.backup(&what.to).map_err(|error| of_store(&error))?;
            if what.answer.json {
                console.json(&json!({ "file": what.to }))?;
            } else {
                console.print(&format!("wrote {}", what.to.display()))?;
            }
        }
        Command::Prune(what) => return prune(&what, state, console),
    }
    Ok(Exit::GOOD)
}

/// Says what to do about a store that is damaged.
fn mend(state: &StateDir) -> String {
    let file = state.root().join("store.db");
    let file = file.display();
    format!("stop the daemon, keep {file}* elsewhere, and put a backup in the place of {file}")
}

fn prune(what: &Prune, state: &StateDir, console: &mut Console) -> Result<Exit, Failure> {
    // To open a store for writing would make one.
    source::view(state)?;
    let clock = Clock::unkept();
    let birth = Birth { store: u128::from(clock::random_bits()), at: clock.moment() };
    let mut store = Sqlite::open(state.root(), birth).map_err(|error| of_store(&error))?;
    let age = u64::try_from(what.older_than.as_nanos()).unwrap_or(u64::MAX);
    let since = Moment::from_nanos(clock.moment().as_nanos().saturating_sub(age));
    // The files first: without its rows nobody would find them again.
    let (mut leavings, mut files) = (Leavings::of(state), 0);
    let pruned = store.prune(Keep { since, newest: what.keep }, |run| files += leavings.remove(run));
    let pruned = pruned.map_err(|error| of_store(&error))?;
    if what.answer.json {
        let (runs, entries, documents) = (pruned.runs, pruned.entries, pruned.documents);
        console.json(&json!({ "runs": runs, "entries": entries, "documents": documents, "files": files }))?;
    } else {
        let (runs, lines) = (text::count(pruned.runs, "run"), text::count(pruned.entries, "line"));
        console.print(&format!(
            "deleted {runs} with {} of output, and {lines} of the journal",
            text::count(files, "file")
        ))?;
    }
    Ok(Exit::GOOD)
}

/// The figures as a document: how many runs there are of each kind by its word.
fn shown(info: &Info) -> Value {
    let mut shown = serde_json::to_value(info).unwrap_or_default();
    shown["runs"] = info.runs.iter().map(|(word, number)| (word.clone(), Value::from(*number))).collect();
    shown
}

fn figures(info: &Info, state: &StateDir, width: usize) -> String {
    let mut facts = vec![
        ("folder".to_owned(), state.root().display().to_string()),
        ("store".to_owned(), info.store.clone()),
        ("schema".to_owned(), format!("version {}, engine {}", info.version, info.engine)),
        (
            "size".to_owned(),
            format!("{}, {} of it free, log {}", bytes(info.bytes), bytes(info.free_bytes), bytes(info.log_bytes)),
        ),
        ("journal".to_owned(), text::count(info.entries, "line")),
    ];
    facts.extend(info.runs.iter().map(|(word, number)| (word.clone(), text::count(*number, "run"))));
    let cells = |(key, value): (String, String)| vec![Cell::styled(key, text::FAINT), Cell::new(value)];
    let rows: Vec<Vec<Cell>> = facts.into_iter().map(cells).collect();
    text::table(&rows, width)
}

/// Writes a size as people say it.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} bytes"),
    }
}
