//! The state folder: what lies where.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::ids::RunId;

/// Where a daemon keeps its things. Everything in it belongs to one user and one daemon at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Names a folder; nothing is made or read.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folder, for its owner alone.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system.
    pub fn make(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        for folder in [self.root.clone(), self.shims(), self.logs()] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        Ok(())
    }

    /// Returns the folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the socket that the daemon listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.root.join("api.sock")
    }

    /// Returns the folder of the shims.
    #[must_use]
    pub fn shims(&self) -> PathBuf {
        self.root.join("shims")
    }

    /// Returns the folder of the attempts' output.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Returns the folder of the daemon's own lines.
    #[must_use]
    pub fn trace(&self) -> PathBuf {
        self.root.join("trace")
    }

    /// Returns the folder of the folders that attempts may use as their own.
    #[must_use]
    pub fn attempts(&self) -> PathBuf {
        self.root.join("attempts")
    }
}

/// What lies in the state folder under the numbers of runs: the output of their processes, and folders of their own.
#[derive(Debug)]
pub struct Leavings {
    attempts: PathBuf,
    logs: HashMap<RunId, Vec<PathBuf>>,
}

impl Leavings {
    /// Looks at what there is.
    #[must_use]
    pub fn of(state: &StateDir) -> Self {
        let mut logs: HashMap<RunId, Vec<PathBuf>> = HashMap::new();
        for entry in std::fs::read_dir(state.logs()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let run = name.to_str().and_then(|name| name.split_once('-')?.0.parse().ok());
            if let Some(run) = run {
                logs.entry(run).or_default().push(entry.path());
            }
        }
        Self { attempts: state.attempts(), logs }
    }

    /// Removes what belongs to a run; returns how many files of output that were. What cannot be removed is left.
    pub fn remove(&mut self, run: RunId) -> u64 {
        let _ = std::fs::remove_dir_all(self.attempts.join(run.to_string()));
        let logs = self.logs.remove(&run).unwrap_or_default();
        logs.iter().filter(|path| std::fs::remove_file(path).is_ok()).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_run_left_is_removed_and_nothing_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        state.make().unwrap();
        for name in ["1-1.log", "1-1.index", "1-a1.f0.1.log", "11-1.log", "note"] {
            std::fs::write(state.logs().join(name), "x").unwrap();
        }
        for run in ["1", "11"] {
            std::fs::create_dir_all(state.attempts().join(run).join("1")).unwrap();
        }
        let mut leavings = Leavings::of(&state);
        assert_eq!((leavings.remove(RunId(1)), leavings.remove(RunId(2))), (3, 0));
        let mut left: Vec<_> =
            std::fs::read_dir(state.logs()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["11-1.log", "note"]);
        assert!(!state.attempts().join("1").exists() && state.attempts().join("11/1").exists());
    }
}
