//! `steadfast policy`: what policies say, and what they would do.

mod chance;
mod find;
mod forecast;
pub(super) mod inline;
mod list;
mod matching;
mod outcomes;
mod plot;
mod show;
mod timeline;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use steadfast_retry::{Class, Forecast, Policy};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::text;
pub(super) use find::{Found, find, lay_over};

/// Shows policies, and what they would do
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
    Plot(plot::Arguments),
    Forecast(forecast::Arguments),
    Match(matching::Arguments),
}

/// Where policies and classes are looked for, besides those that come with steadfast.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Files {
    /// A file or folder that declares more policies and classes; may be given more than once
    #[arg(long = "file", short = 'f', value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
}

/// A policy, named in one of three ways.
#[derive(Args, Clone, Debug)]
pub(super) struct Named {
    /// The policy: a name, a file (`mine.toml`, `mine.toml#fetch`), or written out (`attempts=5, constant=2s`)
    #[arg(value_name = "POLICY")]
    pub(super) policy: String,
    #[command(flatten)]
    pub(super) files: Files,
}

/// Tells what the author of a policy may not have meant.
fn doubt(policy: &Policy, console: &mut Console) {
    let (style, forecast) = (text::DOUBTFUL, Forecast::of::<Class>(policy, []));
    for warning in forecast.warnings() {
        console.say(format_args!("{style}note:{style:#} {warning}"));
    }
}

pub(super) fn perform(what: Arguments, console: &mut Console) -> Result<Exit, Failure> {
    match what.command {
        Command::List(what) => list::perform(&what, console),
        Command::Show(what) => show::perform(&what, console),
        Command::Plot(what) => plot::perform(&what, console),
        Command::Forecast(what) => forecast::perform(&what, console),
        Command::Match(what) => matching::perform(&what, console),
    }
}
