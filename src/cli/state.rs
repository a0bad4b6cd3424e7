use std::path::PathBuf;

use super::exit::Exit;
use super::failure::Failure;
use super::surroundings::Surroundings;
use crate::state::StateDir;

/// Finds the state folder: the one that was named (by `--state` or `STEADFAST_STATE`), else that of the service manager, else the
/// user's.
pub(super) fn folder(chosen: Option<&PathBuf>, surroundings: &Surroundings) -> Result<StateDir, Failure> {
    let named = chosen.cloned().or_else(|| surroundings.variable("STATE_DIRECTORY").map(PathBuf::from));
    let folder = named.or_else(|| surroundings.xdg("XDG_STATE_HOME", ".local/state", "steadfast"));
    let folder = folder.ok_or_else(|| {
        Failure::new(Exit::USAGE, "there is no home folder to keep the state in").help("name a folder with --state DIR")
    })?;
    Ok(StateDir::at(surroundings.folder.join(folder)))
}
