use core::fmt;
use core::time::Duration;

use crate::Class;

/// How one attempt ended.
///
/// A failed job is data and a normal day; an `Err` of this crate means that the crate itself was used wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Outcome {
    /// The work is done.
    Succeeded,
    /// The work failed, for a reason that has a class.
    Failed(Failure),
    /// The attempt was lost: whoever watched it went down, and nobody can say how it ended. Never success.
    Interrupted,
    /// Somebody wanted it to end. Never caught by a rule, never retried.
    Cancelled,
}

/// What the engine needs to know of a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Failure {
    /// The exception class that the evidence named.
    pub class: Class,
    /// A delay that the server asked for (`Retry-After` and its kin).
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::duration::optional")
    )]
    pub server_delay: Option<Duration>,
}

impl Failure {
    /// Makes a failure of a class.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        Self { class, server_delay: None }
    }

    /// Adds the delay that the server asked for.
    #[must_use]
    pub const fn server_asks(mut self, delay: Duration) -> Self {
        self.server_delay = Some(delay);
        self
    }
}

/// Why a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Ending {
    /// An attempt succeeded.
    Succeeded,
    /// A limit was reached: attempts, deadline, interruptions, ceiling.
    GaveUp,
    /// A rule said so.
    Stopped,
    /// Somebody wanted it to end.
    Cancelled,
    /// It never began, and now cannot.
    Skipped,
    /// It was in flight at too many crashes of the daemon in a row.
    Quarantined,
}

impl Ending {
    /// Returns the word that files, tables and messages use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::GaveUp => "gave-up",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Quarantined => "quarantined",
        }
    }

    /// Says whether the run failed: gave up, was stopped by a rule, or was quarantined.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::GaveUp | Self::Stopped | Self::Quarantined => true,
            Self::Succeeded | Self::Cancelled | Self::Skipped => false,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
