//! The kernel's clocks, for a process that has no daemon to ask.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point on the wall clock: nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub u64);

/// A point on the boot clock: nanoseconds since the machine started, suspend included.
///
/// Means nothing without the boot id that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boottime(pub u64);

impl Wall {
    /// Reads the wall clock.
    #[must_use]
    pub fn now() -> Self {
        Self(read(ClockId::Realtime))
    }
}

impl Boottime {
    /// A point that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// Reads the boot clock.
    #[must_use]
    pub fn now() -> Self {
        Self(read(ClockId::Boottime))
    }

    /// Returns the point that lies `span` later, at most [`Boottime::NEVER`].
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Returns the time from `earlier`, zero if that is in fact later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn read(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    u64::try_from(now.tv_sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}
