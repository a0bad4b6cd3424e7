use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::text;

/// Writes the manual page to stdout, or one page for each command into a folder
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast man | man -l -
  steadfast man --folder ~/.local/share/man/man1")]
pub(super) struct Arguments {
    /// The folder that gets `steadfast.1`, `steadfast-run.1` and so on; it must exist
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let command = super::arguments::Arguments::command();
    match &what.folder {
        None => console.print(&String::from_utf8_lossy(&page(&command)?))?,
        Some(folder) => {
            let mut command = command;
            command.build();
            let written = write_all(&command, folder)?;
            console.say(format_args!("wrote {} to {}", text::count(written, "page"), folder.display()));
        }
    }
    Ok(Exit::GOOD)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// Writes the pages of a command and of those below it; returns how many.
fn write_all(command: &clap::Command, folder: &Path) -> Result<u64, Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let file = folder.join(format!("{name}.1"));
    std::fs::write(&file, page(command)?)
        .map_err(|error| Failure::new(Exit::FAILED, format_args!("`{}` cannot be written: {error}", file.display())))?;
    let visible = command.get_subcommands().filter(|below| !below.is_hide_set());
    visible.map(|below| write_all(below, folder)).try_fold(1, |sum, written| Ok(sum + written?))
}
