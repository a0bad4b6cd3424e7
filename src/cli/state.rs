use std::path::PathBuf;

use super::exit::Exit;
use super::failure::Failure;
use super::surroundings::Surroundings;

/// Finds the state folder: the one that was named, else that of the service manager, else the user's.
pub(super) fn folder(chosen: Option<&PathBuf>, surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    let named = chosen.cloned().or_else(|| surroundings.variable("STATE_DIRECTORY").map(PathBuf::from));
    let folder = named.or_else(|| Some(surroundings.xdg("XDG_STATE_HOME", ".local/state")?.join("steadfast")));
    let folder = folder.ok_or_else(|| {
        Failure::new(Exit::USAGE, "there is no home folder to keep the state in").help("name a folder with --state DIR")
    })?;
    Ok(surroundings.folder.join(folder))
}
