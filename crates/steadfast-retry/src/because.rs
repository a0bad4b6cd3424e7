//! The reason of a decision, made once, where it was known.

use core::fmt;
use core::time::Duration;

use crate::{AttemptLimit, Class, Origin, Pretty};

/// Why something was decided: the cause, the class and rule, and the counters at that moment.
///
/// It is stored with the decision and shown unchanged by every face; its `Display` is one sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Because {
    /// What decided it.
    pub cause: Cause,
    /// The exception class of the failure.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub class: Option<Class>,
    /// The rule that caught it; `None` where the loop's own limits and delay hold.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub rule: Option<RuleRef>,
    /// The account that pays, and its state afterwards.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub account: Option<Account>,
    /// Where the delay came from.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub delay: Option<DelaySource>,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Cause {
    /// The run has just been opened.
    First,
    /// The delay is over.
    DelayOver,
    /// The attempt succeeded.
    Succeeded,
    /// The attempt failed, and another one is owed.
    Failed,
    /// The attempt was lost, and another one is owed.
    Lost,
    /// The attempt was announced but never started.
    NeverStarted,
    /// A rule ends the run.
    RuleStops,
    /// The account that pays has reached its attempts.
    AttemptsSpent,
    /// Too many free failures in a row without progress.
    GuardReached,
    /// More attempts were lost than are borne.
    TooManyLost,
    /// The ceiling on attempts of any kind is reached.
    CeilingReached,
    /// The deadline has passed.
    DeadlinePassed,
    /// The next attempt would not fit before the deadline.
    NoTimeLeft {
        /// The delay and the least time an attempt needs.
        #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
        needed: Duration,
        /// What is left until the deadline.
        #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
        left: Duration,
    },
    /// The server asked for a longer delay than is obeyed.
    ServerAsksTooMuch {
        /// What it asked for.
        #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
        asked: Duration,
        /// The longest that is obeyed.
        #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
        longest: Duration,
    },
    /// Somebody wanted the run to end.
    Cancelled,
    /// The run was in flight at too many crashes of the daemon in a row.
    Quarantined,
}

/// The account that pays for a failure, with its count after the charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Account {
    /// The loop's.
    Loop {
        /// Failures charged.
        charged: u32,
        /// Where it ends.
        of: AttemptLimit,
    },
    /// The rule's own.
    Rule {
        /// Failures charged.
        charged: u32,
        /// Where it ends.
        of: u32,
    },
    /// Nobody's: the failure is free, but guarded.
    Free {
        /// Free failures in a row.
        in_a_row: u32,
        /// Where they end.
        of: u32,
    },
    /// That of lost attempts.
    Interruptions {
        /// Attempts lost.
        lost: u32,
        /// Attempts lost in a row.
        in_a_row: u32,
        /// How many are borne.
        of: u32,
    },
}

impl Account {
    /// Returns the count that drives the delay.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Self::Loop { charged, .. } | Self::Rule { charged, .. } => charged,
            Self::Free { in_a_row, .. } => in_a_row,
            Self::Interruptions { in_a_row, .. } => in_a_row.saturating_sub(1),
        }
    }
}

/// Where a delay came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum DelaySource {
    /// The policy's own delay.
    Loop,
    /// The delay of the rule.
    Rule,
    /// The server asked for it.
    Server,
}

/// A rule, named by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct RuleRef {
    /// Its index in the policy's list, from 0.
    pub index: u16,
    /// Where it was written.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub origin: Option<Origin>,
}

impl Because {
    /// Takes over where the rule is written, if both speak of the same rule.
    pub(crate) fn take_place_of(&mut self, other: &Self) {
        if let (Some(rule), Some(theirs)) = (&mut self.rule, &other.rule) {
            rule.origin.clone_from(&theirs.origin);
        }
    }

    pub(crate) const fn of(cause: Cause) -> Self {
        Self { cause, class: None, rule: None, account: None, delay: None }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(class) = &self.class {
            write!(f, "{class}: ")?;
        }
        self.cause.fmt(f)?;
        if let Some(rule) = &self.rule {
            write!(f, ", rule {}", rule.index + 1)?;
            if let Some(origin) = &rule.origin {
                write!(f, " at {origin}")?;
            }
        }
        if let Some(account) = &self.account {
            write!(f, ", {account}")?;
        }
        match self.delay {
            Some(DelaySource::Server) => f.write_str(", the server asked for the delay"),
            Some(DelaySource::Rule) => f.write_str(", delay of the rule"),
            Some(DelaySource::Loop) | None => Ok(()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first attempt"),
            Self::DelayOver => f.write_str("the delay is over"),
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed => f.write_str("failed"),
            Self::Lost => f.write_str("lost"),
            Self::NeverStarted => f.write_str("announced but never started"),
            Self::RuleStops => f.write_str("a rule ends the run"),
            Self::AttemptsSpent => f.write_str("all attempts are spent"),
            Self::GuardReached => f.write_str("too many free failures in a row without progress"),
            Self::TooManyLost => f.write_str("too many attempts were lost"),
            Self::CeilingReached => f.write_str("the ceiling on attempts of any kind is reached"),
            Self::DeadlinePassed => f.write_str("the deadline has passed"),
            Self::NoTimeLeft { needed, left } => {
                let (needed, left) = (Pretty(*needed).rounded(), Pretty(*left).rounded());
                write!(f, "the next attempt needs {needed}, and {left} is left before the deadline")
            }
            Self::ServerAsksTooMuch { asked, longest } => {
                write!(f, "the server asked for {}, obey-server allows {}", Pretty(*asked), Pretty(*longest))
            }
            Self::Cancelled => f.write_str("cancelled"),
            Self::Quarantined => f.write_str("in flight at too many crashes of the daemon in a row"),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop { charged, of } => write!(f, "{charged} of {of} charged"),
            Self::Rule { charged, of } => write!(f, "{charged} of {of} charged to the rule"),
            Self::Free { in_a_row, of } => write!(f, "free, {in_a_row} of {of} in a row"),
            Self::Interruptions { lost, in_a_row, of } => write!(f, "{lost} of {of} lost, {in_a_row} in a row"),
        }
    }
}
