use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What a process is given when it starts, read once at the door and handed down.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The arguments, the program's own name first.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub variables: BTreeMap<OsString, OsString>,
    /// The working folder.
    pub folder: PathBuf,
}

impl Surroundings {
    /// Reads those of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door at which the environment is read, once")]
    pub fn of_this_process() -> Self {
        Self {
            arguments: std::env::args_os().collect(),
            variables: std::env::vars_os().collect(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }

    /// Returns a variable of the environment, if it is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns a folder of our own of the XDG kind: under what `variable` says, or under `rest` of the home folder.
    ///
    /// A relative path in the variable is passed over, as the XDG specification wants it.
    #[must_use]
    pub fn xdg(&self, variable: &str, rest: &str, own: &str) -> Option<PathBuf> {
        let named = self.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = named.or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(rest)))?;
        Some(folder.join(own))
    }
}
