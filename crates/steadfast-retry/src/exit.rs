//! Ends of programs as failures: the class that an exit code or a signal names.

use core::error::Error;
use core::fmt;
use std::process::ExitStatus;

use crate::{Class, Classify, Failure};

/// A program that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitFailed(ExitStatus);

impl ExitFailed {
    /// Returns how it ended.
    #[must_use]
    pub const fn status(&self) -> ExitStatus {
        self.0
    }
}

impl fmt::Display for ExitFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program failed: {}", self.0)
    }
}

impl Error for ExitFailed {}

/// The class by the conventions for exit codes (`sysexits.h`, shells, coreutils) and signals; see [`class_of_exit`]. A signal that
/// has none is `signal-other`.
impl Classify for ExitFailed {
    fn classify(&self) -> Failure {
        Failure::of(match self.0.code() {
            Some(code) => class_of_exit(code),
            None => class_of_signal(signal(self.0)),
        })
    }
}

/// Turns the end of a program that did not succeed into an error, with its class.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> std::io::Result<()> {
/// use std::process::Command;
/// use steadfast_retry::{Classify, exit};
///
/// # #[expect(clippy::disallowed_methods, reason = "an example starts a program")]
/// let status = Command::new("sh").args(["-c", "exit 75"]).status()?;
/// assert_eq!(exit::checked(status).unwrap_err().classify().class.as_str(), "yielded");
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
///
/// # Errors
///
/// Returns [`ExitFailed`] for anything but success.
pub fn checked(status: ExitStatus) -> Result<(), ExitFailed> {
    if status.success() { Ok(()) } else { Err(ExitFailed(status)) }
}

/// Returns the class of an exit code other than 0.
///
/// | code | class |
/// | --- | --- |
/// | 2, 64 | `exit-usage` |
/// | 65 to 68 | `exit-data` |
/// | 69, 71, 74 | `exit-unavailable` |
/// | 70, 72, 73, 76 | `exit-software` |
/// | 75 | `yielded` |
/// | 77 | `auth-denied` |
/// | 78 | `exit-config` |
/// | 124 | `timeout` |
/// | 125 | `exit-tool-failed` |
/// | 126, 127 | `start-denied`, `start-not-found` |
/// | 129 to 192 | the class of the signal, which shells report as 128 and its number |
/// | any other | `exit-nonzero` |
///
/// What a program means by its own codes, this cannot know: where the codes of the program are known, say so at the call.
#[must_use]
pub fn class_of_exit(code: i32) -> Class {
    Class::known(match code {
        2 | 64 => "exit-usage",
        65..=68 => "exit-data",
        69 | 71 | 74 => "exit-unavailable",
        70 | 72 | 73 | 76 => "exit-software",
        75 => "yielded",
        77 => "auth-denied",
        78 => "exit-config",
        124 => return Class::TIMEOUT,
        125 => "exit-tool-failed",
        126 => "start-denied",
        127 => "start-not-found",
        129..=192 => return class_of_signal(Some(code - 128)),
        _ => "exit-nonzero",
    })
}

/// Returns the class of a signal by its number on Linux.
#[must_use]
pub fn class_of_signal(number: Option<i32>) -> Class {
    Class::known(match number {
        Some(1..=3) => "signal-interrupt",
        Some(4) => "signal-ill",
        Some(7) => "host-shm",
        Some(8 | 11) => "signal-segv",
        Some(9) => "signal-kill",
        Some(13) => "signal-pipe",
        Some(15) => "preempt-sigterm",
        Some(24) => "signal-xcpu",
        Some(_) | None => "signal-other",
    })
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
const fn signal(_: ExitStatus) -> Option<i32> {
    None
}
