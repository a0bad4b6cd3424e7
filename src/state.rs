//! The state folder: what lies where.

use std::path::{Path, PathBuf};

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
