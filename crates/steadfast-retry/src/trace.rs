//! Tracing of calls: one span per call, one event per step; without the feature, nothing at all.
//!
//! Intermediate failures are told at warn, and only the ending at error: whoever alerts on errors is not woken by a retry that helps.

use core::time::Duration;

use crate::attempts::Session;
use crate::{AttemptNo, Because, Ending, Policy};

#[cfg(feature = "tracing")]
#[derive(Debug)]
pub(crate) struct Watch(tracing::Span);

#[cfg(feature = "tracing")]
impl Watch {
    /// Whether anybody can be told.
    pub(crate) const LOOKS: bool = true;

    /// Says whether nobody is told of this call.
    #[inline]
    pub(crate) fn is_deaf(&self) -> bool {
        self.0.is_disabled()
    }

    #[inline]
    pub(crate) fn open(policy: &Policy) -> Self {
        let span = tracing::info_span!(target: "steadfast_retry", "retry", policy = policy.name());
        let watch = Self(span);
        watch.began(AttemptNo::FIRST);
        watch
    }

    #[inline]
    pub(crate) fn began(&self, number: AttemptNo) {
        tracing::debug!(target: "steadfast_retry", parent: &self.0, attempt = number.get(), "attempt began");
    }

    pub(crate) fn failed(&self, session: &Session, delay: Option<Duration>) {
        let Some(failed) = session.history.tries().last() else { return };
        let (attempt, class, error) = (failed.number.get(), failed.class.as_str(), failed.text.as_str());
        tracing::warn!(target: "steadfast_retry", parent: &self.0, attempt, class, error, "attempt failed");
        if let Some(delay) = delay {
            let because = &session.because;
            tracing::debug!(target: "steadfast_retry", parent: &self.0, attempt, ?delay, %because, "waiting");
        }
    }

    #[inline]
    pub(crate) fn over(&self, number: AttemptNo, ending: Ending, because: Option<&Because>) {
        let (attempts, ending) = (number.get(), ending);
        match because {
            Some(because) if ending.is_failure() => {
                tracing::error!(target: "steadfast_retry", parent: &self.0, attempts, %ending, %because, "gave up");
            }
            _ => tracing::debug!(target: "steadfast_retry", parent: &self.0, attempts, %ending, "over"),
        }
    }

    #[inline]
    pub(crate) fn span(&self) -> Span {
        Span(self.0.clone())
    }
}

/// The span that an attempt runs in.
#[cfg(feature = "tracing")]
#[derive(Debug)]
pub(crate) struct Span(tracing::Span);

#[cfg(feature = "tracing")]
impl Span {
    #[inline]
    pub(crate) fn enter(&self) -> impl Drop + '_ {
        self.0.enter()
    }

    #[inline]
    pub(crate) fn into_entered(self) -> Entered {
        Entered { _guard: self.0.entered() }
    }
}

/// Leaves the span when it is dropped.
#[cfg(feature = "tracing")]
#[derive(Debug)]
pub struct Entered {
    _guard: tracing::span::EnteredSpan,
}

#[cfg(not(feature = "tracing"))]
#[derive(Debug)]
pub(crate) struct Watch;

#[cfg(not(feature = "tracing"))]
#[expect(clippy::unused_self, reason = "the same calls as with the feature")]
impl Watch {
    /// Whether anybody can be told.
    pub(crate) const LOOKS: bool = false;

    #[inline]
    pub(crate) const fn is_deaf(&self) -> bool {
        true
    }

    #[inline]
    pub(crate) const fn open(_: &Policy) -> Self {
        Self
    }

    #[inline]
    pub(crate) const fn began(&self, _: AttemptNo) {}

    #[inline]
    pub(crate) const fn failed(&self, _: &Session, _: Option<Duration>) {}

    #[inline]
    pub(crate) const fn over(&self, _: AttemptNo, _: Ending, _: Option<&Because>) {}

    #[inline]
    pub(crate) const fn span(&self) -> Span {
        Span
    }
}

/// The span that an attempt runs in.
#[cfg(not(feature = "tracing"))]
#[derive(Debug)]
pub(crate) struct Span;

#[cfg(not(feature = "tracing"))]
#[expect(clippy::unused_self, reason = "the same calls as with the feature")]
impl Span {
    #[inline]
    pub(crate) const fn enter(&self) -> Entered {
        Entered
    }

    #[inline]
    pub(crate) const fn into_entered(self) -> Entered {
        Entered
    }
}

/// Leaves the span when it is dropped.
#[cfg(not(feature = "tracing"))]
#[derive(Debug)]
pub struct Entered;
