//! Files of jobs, policies and classes, read for a command.

use std::path::{Path, PathBuf};

use steadfast_retry::table::PolicySet;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use crate::job::{Config, Diagnostic, Reader, Rendering};

/// Reads files and folders, or nothing but what comes with steadfast where none is given. Mistakes are shown on stderr.
pub(super) fn read(paths: &[PathBuf], console: &mut Console) -> Result<Config, Failure> {
    Reader::new().read(paths).into_result().map(|(config, _)| config).map_err(|wrong| refuse(&wrong, console))
}

/// Shows on stderr what is wrong.
fn refuse(wrong: &[Diagnostic], console: &mut Console) -> Failure {
    let rendering = Rendering { colour: console.has_colourful_talk, width: console.room() };
    console.say(rendering.show_all(wrong).trim_end());
    Failure::silent(Exit::CONFIGURATION)
}

/// Returns the names of the policies that one file declares itself; the file has been read without a mistake.
pub(super) fn declared_policies(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::not_found(format_args!("`{}` cannot be read: {error}", path.display())))?;
    let set = PolicySet::parse(&text, &path.to_string_lossy());
    let set = set.map_err(|errors| Failure::new(Exit::CONFIGURATION, errors))?;
    Ok(set.names().map(str::to_owned).collect())
}
