//! `steadfast jobs`: what the files declare, and when it is due.

mod list;
mod next;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use crate::job::{Config, Job};

/// Shows jobs, and when they are due
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
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
    /// A file or folder of jobs; may be given more than once, the current folder without any
    #[arg(long = "file", short = 'f', value_name = "PATH", default_value = ".", hide_default_value = true)]
    paths: Vec<PathBuf>,
}

impl Declared {
    fn read(&self, console: &mut Console) -> Result<Config, Failure> {
        super::files::read(&self.paths, console)
    }
}

pub(super) fn perform(what: Arguments, console: &mut Console) -> Result<Exit, Failure> {
    match what.command {
        Command::List(what) => list::perform(&what, console),
        Command::Show(what) => show::perform(&what, console),
        Command::Next(what) => next::perform(&what, console),
    }
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
