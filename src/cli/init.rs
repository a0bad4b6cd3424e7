use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use crate::job;

/// Writes a first file of jobs, with a word on every line
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast init                     writes jobs/first.toml
  steadfast init nightly.toml")]
pub(super) struct Arguments {
    /// The file that is written, its name ends in .toml; one that is there is never touched
    #[arg(value_name = "FILE", default_value = "jobs/first.toml")]
    file: PathBuf,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let file = &what.file;
    check_name(file)?;
    let refused = |error: &std::io::Error| {
        Failure::new(Exit::FAILED, format_args!("`{}` cannot be written: {error}", file.display()))
    };
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| refused(&error))?;
    }
    let mut made = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(Exit::CONFLICT, format_args!("`{}` is there already", file.display()))
            .help("give another name: steadfast init FILE"),
        _ => refused(&error),
    })?;
    made.write_all(job::INIT.as_bytes()).map_err(|error| refused(&error))?;
    let name = file.display();
    console.print(&format!("wrote {name}"))?;
    // The first line of the file names it. One that is there already is of this or another version, and somebody's own.
    let schema = file.with_file_name("steadfast.schema.json");
    if let Ok(mut made) = OpenOptions::new().write(true).create_new(true).open(&schema) {
        let text = serde_json::to_string_pretty(&job::schema()).map_err(std::io::Error::from)?;
        made.write_all(text.as_bytes()).map_err(|error| refused(&error))?;
        console.print(&format!("wrote {}, from which editors complete and check", schema.display()))?;
    }
    console.say(format_args!("next: steadfast check {name}, then steadfast serve {name}"));
    Ok(Exit::GOOD)
}

/// The words for templates that come with kinds of jobs that do not exist yet. A file of such a name would stand in their way.
const TEMPLATES: [&str; 3] = ["models", "papers", "training"];

/// A folder is read by the names of its files, so one of another name would never be seen.
fn check_name(file: &Path) -> Result<(), Failure> {
    if file.extension().is_some_and(|extension| extension == "toml") {
        return Ok(());
    }
    let name = file.display();
    if TEMPLATES.iter().any(|template| file.as_os_str() == *template) {
        let told = format_args!("there is no template `{name}` yet: it comes with jobs of that kind");
        return Err(Failure::usage(told).help("`steadfast init` writes a first file of `command` jobs"));
    }
    let told = format_args!("`{name}` does not end in .toml, and no other files of a folder are read");
    Err(Failure::usage(told).help(format_args!("steadfast init {name}.toml")))
}
