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

    /// Returns the name of whoever calls us: as the environment says, as the machine's list of users does, or its number.
    #[must_use]
    pub fn user(&self) -> String {
        let said = self.variable("USER").or_else(|| self.variable("LOGNAME"));
        if let Some(name) = said {
            return name.to_string_lossy().into_owned();
        }
        let number = crate::sys::socket::own_user();
        let listed = std::fs::read_to_string("/etc/passwd").ok().and_then(|list| name_of(number, &list));
        listed.unwrap_or_else(|| format!("user {number}"))
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

/// Finds the name of a user in the text of a file such as `/etc/passwd`.
fn name_of(number: u32, list: &str) -> Option<String> {
    let number = number.to_string();
    let mut users = list.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(&number)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_user_is_found_by_the_number() {
        let list = "root:x:0:0:root:/root:/bin/sh\nbroken\n\nann:x:1000:100::/:/bin/sh\n";
        assert_eq!(name_of(1000, list).as_deref(), Some("ann"));
        assert_eq!(name_of(0, list).as_deref(), Some("root"));
        assert_eq!(name_of(100, list), None, "the number of a group is no user's");
    }
}
