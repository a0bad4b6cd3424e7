//! One entry of `catch`: which classes, which account, which delay. Which rule comes first is the policy's affair.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::{Class, ClassPattern, Delay, Flaw};

/// One entry of `catch`: which classes it speaks of, and how they are treated.
///
/// The first rule that matches wins. What a rule does not say, the loop says.
///
/// ```
/// use steadfast_retry::{Class, Delay, Rule};
/// use std::time::Duration;
///
/// let busy = Rule::on(Class::known("http-busy")).attempts(30).obey_server(Duration::from_secs(3600));
/// let gone = Rule::on(Class::known("not-found")).stop();
/// assert!(busy.matches(&Class::known("http-busy")) && gone.stops);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Rule {
    /// The classes that it catches.
    pub classes: Cow<'static, [ClassPattern]>,
    /// An account of its own: failures it catches are charged here instead of to the loop.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub attempts: Option<u32>,
    /// A delay of its own.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub delay: Option<Delay>,
    /// Whether it ends the run.
    pub stops: bool,
    /// Whether it charges no account; then `attempts` (or the loop's free-guard) bounds such failures in a row.
    pub free: bool,
    /// The longest delay that a server may ask for.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::duration::optional")
    )]
    pub obey_server: Option<Duration>,
    /// Where it was written.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub origin: Option<Origin>,
}

impl Rule {
    /// Makes a rule for one class or pattern.
    #[must_use]
    pub fn on(classes: impl Into<ClassPattern>) -> Self {
        Self::on_any([classes.into()])
    }

    /// Makes a rule for several classes or patterns.
    #[must_use]
    pub fn on_any(classes: impl IntoIterator<Item = ClassPattern>) -> Self {
        Self {
            classes: classes.into_iter().collect(),
            attempts: None,
            delay: None,
            stops: false,
            free: false,
            obey_server: None,
            origin: None,
        }
    }

    /// Gives it an account of its own, which ends the run at so many failures.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Gives it a delay of its own.
    #[must_use]
    pub fn delay(mut self, delay: Delay) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Lets it end the run.
    #[must_use]
    pub const fn stop(mut self) -> Self {
        self.stops = true;
        self
    }

    /// Lets it charge no account.
    #[must_use]
    pub const fn free(mut self) -> Self {
        self.free = true;
        self
    }

    /// Sets the longest delay that a server may ask for.
    #[must_use]
    pub const fn obey_server(mut self, longest: Duration) -> Self {
        self.obey_server = Some(longest);
        self
    }

    /// Finds what could never matter in it.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        if self.classes.is_empty() {
            return Some(Flaw::RuleWithoutClass);
        }
        if self.attempts == Some(0) {
            return Some(Flaw::RuleWithoutAttempts);
        }
        let goes_on = self.attempts.is_some() || self.delay.is_some() || self.free;
        (self.stops && goes_on).then_some(Flaw::StopAndMore)
    }

    /// Says whether it catches a class.
    #[must_use]
    pub fn matches(&self, class: &Class) -> bool {
        self.classes.iter().any(|pattern| pattern.matches(class))
    }
}

/// Where something was written: a file and a line, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Origin {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
