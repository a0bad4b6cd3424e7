use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::text;
use crate::job::{Config, Diagnostic, Reader, Rendering};
use crate::shim;

/// Checks files of jobs and tells every mistake at once, with its place and the remedy
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast check jobs/
  steadfast check jobs/ more.toml --format github
  steadfast explain SF0102           says more about a mistake

The exit code is 3 if a file would be refused; warnings alone give 0.")]
pub(super) struct Arguments {
    /// Files, and folders of which every `*.toml` is read; the current folder without any
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    format: Form,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// Annotations of a code host
    Github,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let here = [PathBuf::from(".")];
    let paths = if what.paths.is_empty() { &here[..] } else { &what.paths };
    let reading = Reader::new().read(paths);
    let form = if what.json { Form::Json } else { what.format };
    match form {
        Form::Text => tell(&reading.diagnostics, reading.config.as_ref(), console)?,
        Form::Json => {
            let counts = reading.config.as_ref().map(
                |config| json!({ "jobs": config.jobs.len(), "groups": config.groups.len(), "files": config.files }),
            );
            console.plain(
                &json!({ "ok": reading.config.is_some(), "diagnostics": reading.diagnostics, "read": counts }),
            )?;
        }
        Form::Github => {
            let lines: String = reading.diagnostics.iter().map(|one| one.annotation() + "\n").collect();
            if !lines.is_empty() {
                console.print(&lines)?;
            }
        }
    }
    // Of this machine alone: the files may be meant for another.
    let controllers = shim::handed_down(shim::delegated().as_deref());
    for warning in reading.config.iter().flat_map(|config| config.not_enforced(&controllers)) {
        console.say(format_args!("warning: {warning}"));
    }
    Ok(if reading.config.is_some() { Exit::GOOD } else { Exit::CONFIGURATION })
}

fn tell(diagnostics: &[Diagnostic], config: Option<&Config>, console: &mut Console) -> Result<(), Failure> {
    if !diagnostics.is_empty() {
        let rendering = Rendering { colour: console.is_colourful, width: console.width };
        console.print(&rendering.show_all(diagnostics))?;
    }
    match config {
        Some(config) => {
            let (jobs, files) = (text::count(config.jobs.len(), "job"), text::count(config.files.len(), "file"));
            let good = text::GOOD;
            console.print(&format!("{good}ok{good:#}: {jobs} in {files}"))?;
        }
        None => {
            if let Some(first) = diagnostics.iter().find(|one| one.is_error()) {
                console.say(format_args!("more about the first mistake: steadfast explain {}", first.code));
            }
        }
    }
    Ok(())
}
