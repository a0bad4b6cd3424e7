use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;

/// Writes a first file of jobs, with a word on every line
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast init                     writes jobs/first.toml
  steadfast init nightly.toml --kind schedule")]
pub(super) struct Arguments {
    /// The file that is written; one that is there is never touched
    #[arg(value_name = "FILE", default_value = "jobs/first.toml")]
    file: PathBuf,
    /// What the job is like
    #[arg(long, value_enum, default_value = "command")]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A command that fails now and then
    Command,
    /// A command that is due every morning
    Schedule,
    /// A sweep over parameters, behind another job
    Sweep,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::Command => include_str!("init/command.toml"),
            Self::Schedule => include_str!("init/schedule.toml"),
            Self::Sweep => include_str!("init/sweep.toml"),
        }
    }
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
    made.write_all(what.kind.text().as_bytes()).map_err(|error| refused(&error))?;
    let name = file.display();
    console.print(&format!("wrote {name}"))?;
    console.say(format_args!("next: steadfast check {name}, then steadfast serve {name}"));
    Ok(Exit::GOOD)
}
