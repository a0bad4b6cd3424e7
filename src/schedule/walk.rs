//! The next due time of a cron expression in a zone: the rule for clocks that jump, carried out.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::cron::Cron;
use super::zone;

/// Returns the first instant after `after` at which `cron` is due.
pub(super) fn next_after(cron: &Cron, rules: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    if cron.is_interval() { interval(cron, rules, after) } else { fixed(cron, rules, after) }
}

/// Walks from one stretch of constant offset to the next; inside a stretch local time is plain arithmetic.
fn interval(cron: &Cron, rules: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    // Due times are whole seconds, so the first candidate is the next whole second. Each round ends a stretch, and
    // the expression's next local time lies only so many stretches ahead.
    let mut from = next_second(after)?;
    loop {
        let offset = rules.to_offset(from);
        let due = instant(offset, cron.first_from(offset.to_datetime(from))?)?;
        match rules.following(from).next() {
            Some(jump) if jump.timestamp() <= due => from = jump.timestamp(),
            Some(_) | None => return Some(due),
        }
    }
}

/// Walks the local times that the expression names and resolves each; their order is that of their instants.
fn fixed(cron: &Cron, rules: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    // Local times up to this one lie at or before `after`, also where the clock jumps. Those behind it may do so too,
    // in the second pass of a repeated hour; the walk steps over them, which ends with the hour.
    let mut local = rules.to_datetime(after).with().subsec_nanosecond(0).build().ok()?;
    loop {
        local = cron.first_from(local.checked_add(1.second()).ok()?)?;
        let due = zone::first_instant(rules, local)?;
        if due > after {
            return Some(due);
        }
    }
}

/// Returns the first whole second after `after`.
fn next_second(after: Timestamp) -> Option<Timestamp> {
    // The seconds of an instant before 1970 are cut towards 1970, which is already the next whole one.
    let cut_forward = after.subsec_nanosecond() < 0;
    Timestamp::from_second(after.as_second() + i64::from(!cut_forward)).ok()
}

fn instant(offset: Offset, local: DateTime) -> Option<Timestamp> {
    offset.to_timestamp(local).ok()
}
