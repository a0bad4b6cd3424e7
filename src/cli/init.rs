use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

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
    /// The file that is written; one that is there is never touched
    #[arg(value_name = "FILE", default_value = "jobs/first.toml")]
    file: PathBuf,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let file = &what.file;
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
