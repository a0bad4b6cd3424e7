//! The one file of the library that reads a clock.
#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::sync::OnceLock;
use std::time::Duration;

#[cfg(not(feature = "tokio"))]
use std::time::Instant;
#[cfg(feature = "tokio")]
use tokio::time::Instant;

use crate::Moment;

/// The moment of the first reading. It lies in the middle of the range, since a paused clock of a test may stand before it.
const FIRST: Moment = Moment::from_nanos(1 << 63);

pub(super) fn now() -> Moment {
    static BASE: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let base = *BASE.get_or_init(|| now);
    match now.checked_duration_since(base) {
        Some(later) => FIRST + later,
        None => before(base.duration_since(now)),
    }
}

fn before(earlier: Duration) -> Moment {
    let nanos = u64::try_from(earlier.as_nanos()).unwrap_or(u64::MAX);
    Moment::from_nanos(FIRST.as_nanos().saturating_sub(nanos))
}

#[cfg(test)]
mod tests {
    use super::now;

    #[test]
    fn the_clock_does_not_go_backwards() {
        let readings: Vec<_> = (0..1_000).map(|_| now()).collect();
        assert!(readings.is_sorted());
    }
}
