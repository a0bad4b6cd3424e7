//! What follows a run, as data. The library carries none out (`Policy::unperformed` names them); the runner does.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::Ending;
use crate::rule::Origin;

/// One entry of `finally`: what follows, and after what.
///
/// The library carries a finalizer's command as data and does not run it; [`Policy::unperformed`](crate::Policy::unperformed) names
/// what a program that loads such a policy leaves undone. Under the runner it runs at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Finalizer {
    /// After which endings it runs.
    pub on: On,
    /// The program and its arguments.
    pub run: Vec<String>,
    /// How long one try may take.
    #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
    pub timeout: Duration,
    /// How many tries it has.
    pub attempts: u32,
    /// The time between tries.
    #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
    pub delay: Duration,
    /// Where it was written.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub origin: Option<Origin>,
}

impl Finalizer {
    /// Makes a finalizer with the defaults: 60 seconds, 3 tries, 5 seconds apart.
    #[must_use]
    pub const fn new(on: On, run: Vec<String>) -> Self {
        Self { on, run, timeout: Duration::from_secs(60), attempts: 3, delay: Duration::from_secs(5), origin: None }
    }
}

/// When a finalizer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum On {
    /// After success.
    Succeeded,
    /// After a limit was reached.
    GaveUp,
    /// After a rule ended the run.
    Stopped,
    /// After the run was quarantined.
    Quarantined,
    /// After any of the three: gave up, stopped, quarantined.
    Failed,
    /// After somebody ended the run.
    Cancelled,
    /// After each failed attempt that is followed by another; the next one waits for it.
    AttemptFailed,
    /// After every ending.
    Always,
}

impl On {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Succeeded,
        Self::GaveUp,
        Self::Stopped,
        Self::Quarantined,
        Self::Failed,
        Self::Cancelled,
        Self::AttemptFailed,
        Self::Always,
    ];

    /// Says whether a run that ended so is followed by this. A skipped run never began and has no follow-up.
    #[must_use]
    pub const fn follows(self, ending: Ending) -> bool {
        match self {
            Self::Succeeded => matches!(ending, Ending::Succeeded),
            Self::GaveUp => matches!(ending, Ending::GaveUp),
            Self::Stopped => matches!(ending, Ending::Stopped),
            Self::Quarantined => matches!(ending, Ending::Quarantined),
            Self::Failed => ending.is_failure(),
            Self::Cancelled => matches!(ending, Ending::Cancelled),
            Self::AttemptFailed => false,
            Self::Always => !matches!(ending, Ending::Skipped),
        }
    }

    /// Returns the word that files and messages use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::GaveUp => "gave-up",
            Self::Stopped => "stopped",
            Self::Quarantined => "quarantined",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::AttemptFailed => "attempt-failed",
            Self::Always => "always",
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
