//! The due times inside a span, however many: their number, the oldest, and the newest few.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::evaluate::Count;
use super::{Schedule, When};

/// The due times of a span.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    /// How many there are.
    pub(super) count: Count,
    /// The first one.
    pub(super) oldest: Timestamp,
    /// The last ones, oldest first; at least one.
    pub(super) newest: Vec<Timestamp>,
}

/// The number of due times up to which they are counted one by one: a year of seconds must not hold anybody up.
///
/// More than are ever made up for, so that an inexact count always leaves some to be dropped.
const COUNTED: usize = 2_000;

/// Returns the due times in `(after, until]`, of which the newest `keep` (at least one) are listed; `None` without any.
pub(super) fn between(schedule: &Schedule, after: Timestamp, until: Timestamp, keep: usize) -> Option<Ticks> {
    match &schedule.when {
        When::Every(period) => periodic(*period, after, until, keep.max(1)),
        When::Cron { .. } | When::At { .. } => walked(schedule, after, until, keep.max(1)),
    }
}

fn periodic(period: Duration, after: Timestamp, until: Timestamp, keep: usize) -> Option<Ticks> {
    let span = u128::try_from(until.as_nanosecond() - after.as_nanosecond()).ok()?;
    let count = u64::try_from(span / period.as_nanos()).ok().filter(|count| *count > 0)?;
    let due = |number: u64| {
        let nanos = after.as_nanosecond() + i128::from(number) * i128::try_from(period.as_nanos()).ok()?;
        Timestamp::from_nanosecond(nanos).ok()
    };
    let first_kept = count.saturating_sub(u64::try_from(keep).unwrap_or(u64::MAX)) + 1;
    Some(Ticks {
        count: Count::Exactly(count),
        oldest: due(1)?,
        newest: (first_kept..=count).filter_map(due).collect(),
    })
}

fn walked(schedule: &Schedule, after: Timestamp, until: Timestamp, keep: usize) -> Option<Ticks> {
    let next = |after| schedule.next_after(after).filter(|due| *due <= until);
    let oldest = next(after)?;
    let mut newest = VecDeque::from([oldest]);
    let mut last = oldest;
    let mut count = 1;
    while let Some(due) = next(last) {
        if count == COUNTED {
            return Some(Ticks {
                count: Count::AtLeast(COUNTED as u64),
                oldest,
                newest: searched(schedule, after, until, keep),
            });
        }
        count += 1;
        newest.push_back(due);
        if newest.len() > keep {
            newest.pop_front();
        }
        last = due;
    }
    Some(Ticks { count: Count::Exactly(count as u64), oldest, newest: newest.into() })
}

/// Returns the newest `keep` due times of a span that holds more than these.
///
/// Going back needs no second walk through the calendar: "the next due time after t is not after `until`" holds for
/// each t before the newest due time and for none from it on, so the newest is found by halving.
fn searched(schedule: &Schedule, after: Timestamp, until: Timestamp, keep: usize) -> Vec<Timestamp> {
    let mut newest = VecDeque::new();
    let mut until = until;
    while newest.len() < keep
        && let Some(due) = newest_in(schedule, after, until)
    {
        newest.push_front(due);
        until = due - Duration::from_nanos(1);
    }
    newest.into()
}

fn newest_in(schedule: &Schedule, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let next = |after| schedule.next_after(after).filter(|due| *due <= until);
    // `newest` is always a due time of the span, and no due time lies after `none_after`.
    let mut newest = next(after)?;
    let mut none_after = until;
    while newest < none_after {
        let middle = middle(newest, none_after);
        match next(middle) {
            Some(due) => newest = due,
            None if middle == newest => break,
            None => none_after = middle,
        }
    }
    Some(newest)
}

fn middle(low: Timestamp, high: Timestamp) -> Timestamp {
    let nanos = low.as_nanosecond() + (high.as_nanosecond() - low.as_nanosecond()) / 2;
    Timestamp::from_nanosecond(nanos).unwrap_or(low)
}
