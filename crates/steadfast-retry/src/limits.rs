//! The ends inside one run. Whether they make sense together, the policy checks; whether one is reached, the engine
//! asks.

use core::fmt;
use core::time::Duration;

use crate::Pretty;

/// The ends inside one run: the `loop` part of a policy.
///
/// Attempts count calls, the first included. There is always an end: unlimited attempts need a deadline or a ceiling of
/// their own, which [`Policy`](crate::Policy) checks when it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Limits {
    /// How many charged failures end the run (3: the third one does).
    pub attempts: AttemptLimit,
    /// How long the run may take, from the start of its first attempt; waits and downtime count.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::duration::optional")
    )]
    pub deadline: Option<Duration>,
    /// How long one attempt may take.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::duration::optional")
    )]
    pub attempt_timeout: Option<Duration>,
    /// The least time an attempt needs: one that cannot have it before the deadline is not started.
    #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
    pub attempt_min: Duration,
    /// How many lost attempts are borne; zero means at most once.
    pub interruptions: u32,
    /// How many attempts of any kind there may be, never reset; `None` is [`Limits::CEILING`].
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub ceiling: Option<u32>,
    /// How many free failures in a row without progress are borne.
    pub free_guard: u32,
    /// Whether durable progress resets what was charged, so that limits count failures since the last checkpoint.
    pub without_progress: bool,
    /// The longest delay that a server may ask for; a longer one ends the run.
    #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
    pub obey_server: Duration,
}

impl Limits {
    /// The ceiling of a policy that names none.
    pub const CEILING: u32 = 1_000;

    /// The limits of a policy that names none.
    pub const DEFAULT: Self = Self {
        attempts: AttemptLimit::AtMost(3),
        deadline: None,
        attempt_timeout: None,
        attempt_min: Duration::ZERO,
        interruptions: 20,
        ceiling: None,
        free_guard: 10,
        without_progress: false,
        obey_server: Duration::from_secs(600),
    };

    /// Returns how many attempts of any kind there may be.
    #[must_use]
    pub const fn attempts_of_any_kind(&self) -> u32 {
        match self.ceiling {
            Some(ceiling) => ceiling,
            None => Self::CEILING,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How many charged failures an account bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum AttemptLimit {
    /// The run gives up at this many, at least one.
    AtMost(u32),
    /// No number; a deadline or ceiling ends the run.
    Unlimited,
}

impl AttemptLimit {
    /// Says whether so many charges have reached the limit.
    #[must_use]
    pub const fn is_reached(self, charged: u32) -> bool {
        match self {
            Self::AtMost(limit) => charged >= limit,
            Self::Unlimited => false,
        }
    }
}

impl fmt::Display for AttemptLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => limit.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Limits {
    /// Writes what differs from the defaults, for people.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempts {}", self.attempts)?;
        if let Some(deadline) = self.deadline {
            write!(f, ", deadline {}", Pretty(deadline))?;
        }
        if let Some(timeout) = self.attempt_timeout {
            write!(f, ", attempt-timeout {}", Pretty(timeout))?;
        }
        Ok(())
    }
}
