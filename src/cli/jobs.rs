//! `steadfast jobs`: what is declared, and when it is due.
//!
//! Without files the daemon is asked, which knows what is loaded, held and under way. Where none answers, or files are named, the
//! files alone speak.

mod list;
mod loaded;
mod next;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use crate::api::{Client, JobDetail};
use crate::clock::Clock;
use crate::job::{Config, Job, files_of};
use crate::state::StateDir;
use crate::store::view::Time;

/// Shows jobs, and when they are due
///
/// Without --file the daemon is asked what it has loaded; where none runs, the files of the current folder are read.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Next(next::Arguments),
}

/// The files that declare the jobs.
#[derive(Args, Clone, Debug)]
struct Declared {
    /// A file or folder of jobs; may be given more than once. Without any the daemon is asked, or the current folder read
    #[arg(long = "file", short = 'f', value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Who tells what jobs there are.
enum Told {
    Daemon(Box<Client>),
    Files(Config),
}

impl Declared {
    fn ask(&self, state: Option<&StateDir>, console: &mut Console) -> Result<Told, Failure> {
        if !self.paths.is_empty() {
            return super::files::read(&self.paths, console).map(Told::Files);
        }
        if let Some(client) = state.and_then(|state| Client::connect(state).ok()) {
            return Ok(Told::Daemon(Box::new(client)));
        }
        let here = PathBuf::from(".");
        let files = files_of(&here);
        if files.is_empty() {
            let told = "no daemon runs, and the current folder has no file that ends in .toml";
            let help = "start one with `steadfast serve jobs/`, or name files or folders with --file";
            return Err(Failure::not_found(told).help(help));
        }
        console.say(format_args!("no daemon runs; looking at files of the current folder: {}", few(&files)));
        let config = super::files::read(&[here], console);
        if config.is_err() {
            console.say("files of jobs elsewhere are named with --file");
        }
        config.map(Told::Files)
    }
}

/// Shows jobs; without a state folder no daemon can be asked.
pub(super) fn perform(what: Arguments, console: &mut Console, state: Option<&StateDir>) -> Result<Exit, Failure> {
    match what.command {
        Command::List(what) => list::perform(&what, console, state),
        Command::Show(what) => show::perform(&what, console, state),
        Command::Next(what) => next::perform(&what, console, state),
    }
}

/// Writes a few names, and how many there are besides.
fn few(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<String> = files.iter().take(5).map(name).collect();
    if files.len() > names.len() {
        names.push(format!("and {} more", files.len() - names.len()));
    }
    names.join(", ")
}

/// Writes the page of one job as the daemon knows it.
pub(super) fn page(detail: &JobDetail, width: usize) -> String {
    loaded::page(detail, Time::of(Clock::unkept().moment()), width)
}

/// Finds a job by its name.
fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Job, Failure> {
    match config.jobs.get(name) {
        Some(job) => Ok(job),
        None => {
            let unknown = Failure::not_found(format_args!("no job is named `{name}` in these files"));
            Err(unknown.suggest(name, config.jobs.keys().map(String::as_str)))
        }
    }
}
