use std::process::ExitCode;

/// The number that a command ends with. The daemon's own problems bring theirs along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exit(pub(super) u8);

impl Exit {
    /// Done; whatever was waited for has succeeded.
    pub(super) const GOOD: Self = Self(0);
    /// Something failed for good.
    pub(super) const FAILED: Self = Self(1);
    /// The arguments are wrong.
    pub(super) const USAGE: Self = Self(2);
    /// A file of jobs is wrong.
    pub(super) const CONFIGURATION: Self = Self(3);
    /// There is nothing of that name.
    pub(super) const NOT_FOUND: Self = Self(4);
    /// It cannot be done now: the run is over already, the file is there already.
    pub(super) const CONFLICT: Self = Self(5);
    /// Whoever asks may not.
    pub(super) const DENIED: Self = Self(7);
    /// The daemon had trouble of its own: its store, its state folder, its disk. No job is to blame.
    pub(super) const DAEMON_TROUBLE: Self = Self(70);
    /// Whatever was waited for is still being tried.
    pub(super) const STILL_TRYING: Self = Self(75);
    /// A time limit of ours ended it.
    pub(super) const DEADLINE: Self = Self(124);
    /// `run` itself had trouble.
    pub(super) const OWN_TROUBLE: Self = Self(125);
    /// `run`: the program cannot be executed.
    pub(super) const NOT_EXECUTABLE: Self = Self(126);
    /// `run`: there is no such program.
    pub(super) const NO_PROGRAM: Self = Self(127);

    /// The end of a process by a signal, as shells number it.
    pub(super) const fn of_signal(signal: i32) -> Self {
        Self((128 + (signal & 0x7f)) as u8)
    }

    /// What the parser of arguments ends with: help is no mistake, and under `run` all other numbers are the command's.
    pub(super) fn of_usage(told: &clap::Error, is_run: bool) -> Self {
        match (told.use_stderr(), is_run) {
            (false, _) => Self::GOOD,
            (true, false) => Self::USAGE,
            (true, true) => Self::OWN_TROUBLE,
        }
    }

    /// What the file system's refusal means.
    pub(super) fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Self::DENIED,
            _ => Self::FAILED,
        }
    }

    pub(super) fn code(self) -> ExitCode {
        ExitCode::from(self.0)
    }
}
