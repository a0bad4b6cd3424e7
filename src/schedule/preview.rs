//! The due times to come, with a word where the zone's clock jumps.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};

use super::{Cron, Schedule, When, zone};

/// A due time to come.
#[derive(Clone, Debug, PartialEq)]
pub struct Upcoming {
    /// The due time, before jitter.
    pub due: Timestamp,
    /// The same in the schedule's zone; UTC for `every`.
    pub local: ZonedDateTime,
    /// What a jump of the zone's clock did to it.
    pub note: Option<Note>,
}

/// What a jump of the zone's clock does to a due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The time that was asked for does not exist on this day; this is the first instant after the jump.
    Moved {
        /// The first local time that the clock jumped over.
        from: DateTime,
        /// How many due times became this one, among them one that was due here anyway.
        merged: u32,
    },
    /// The local time comes twice, and the job is due the first time only.
    FirstOfTwo,
    /// The local time comes twice, and the job is due both times: this is the first.
    FirstPass,
    /// The local time comes twice, and the job is due both times: this is the second.
    SecondPass,
    /// Due times between the previous one and this one do not exist and are left out.
    LeftOut {
        /// The first local time that the clock jumped over.
        from: DateTime,
        /// How many due times are left out.
        count: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Moved { from, merged: 1 } => write!(f, "moved: {} does not exist", minutes(*from)),
            Note::Moved { from, merged } => {
                write!(f, "moved: {} does not exist; {merged} due times in one", minutes(*from))
            }
            Note::FirstOfTwo => f.write_str("comes twice, runs the first time"),
            Note::FirstPass => f.write_str("comes twice, runs both times: the first"),
            Note::SecondPass => f.write_str("comes twice, runs both times: the second"),
            Note::LeftOut { from, count: 1 } => write!(f, "{} does not exist and is left out", minutes(*from)),
            Note::LeftOut { from, count } => {
                write!(f, "{count} times from {} on do not exist and are left out", minutes(*from))
            }
        }
    }
}

fn minutes(local: DateTime) -> impl fmt::Display {
    local.strftime(if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" })
}

/// The number of merged or left-out times up to which a note counts.
const COUNTED: u32 = 10_000;

impl Schedule {
    /// Returns the next `count` due times after `from`, with notes where a clock jumps.
    ///
    /// For `every`, `from` must be a cursor, as in [`Schedule::next_after`].
    pub fn preview(&self, count: usize, from: Timestamp) -> Vec<Upcoming> {
        let dues = std::iter::successors(self.next_after(from), |due| self.next_after(*due));
        dues.take(count).map(|due| self.upcoming(due)).collect()
    }

    fn upcoming(&self, due: Timestamp) -> Upcoming {
        let (rules, note) = match &self.when {
            When::Cron { expr, zone } => (zone.rules().clone(), note(expr, zone.rules(), due)),
            When::Every(_) => (TimeZone::UTC, None),
            When::At { zone, moved_from, .. } => {
                let moved = moved_from.map(|from| Note::Moved { from, merged: 1 });
                (zone.rules().clone(), moved.or_else(|| pass(zone.rules(), due, false)))
            }
        };
        Upcoming { due, local: due.to_zoned_datetime(rules), note }
    }
}

fn note(expr: &Cron, rules: &TimeZone, due: Timestamp) -> Option<Note> {
    let interval = expr.is_interval();
    if let Some(note) = pass(rules, due, interval) {
        return Some(note);
    }
    let jump = if interval { jump_before(expr, rules, due)? } else { due };
    let (from, count) = jumped_over(expr, rules, jump)?;
    if interval {
        return Some(Note::LeftOut { from, count });
    }
    let local = rules.to_datetime(due);
    let own = expr.first_from(local) == Some(local);
    Some(Note::Moved { from, merged: count + u32::from(own) })
}

/// Says which pass of a local time that comes twice `due` is.
fn pass(rules: &TimeZone, due: Timestamp, runs_twice: bool) -> Option<Note> {
    let (first, _) = zone::repeated_at(rules, rules.to_datetime(due))?;
    Some(match (runs_twice, rules.to_offset(due) == first) {
        (true, true) => Note::FirstPass,
        (true, false) => Note::SecondPass,
        (false, true) => Note::FirstOfTwo,
        (false, false) => return None,
    })
}

/// Returns the last jump at or before `due`, if no due time lies between the two.
fn jump_before(expr: &Cron, rules: &TimeZone, due: Timestamp) -> Option<Timestamp> {
    let jump = rules.preceding(due.checked_add(1.nanosecond()).ok()?).next()?.timestamp();
    let before = jump.checked_sub(1.nanosecond()).ok()?;
    (super::walk::next_after(expr, rules, before) == Some(due)).then_some(jump)
}

/// Returns the first named local time that the zone's clock jumped over at `jump`, and the number of them.
fn jumped_over(expr: &Cron, rules: &TimeZone, jump: Timestamp) -> Option<(DateTime, u32)> {
    let before = rules.to_offset(jump.checked_sub(1.nanosecond()).ok()?);
    let end = rules.to_datetime(jump);
    let first = expr.first_from(before.to_datetime(jump)).filter(|local| *local < end)?;
    let next = |local: &DateTime| expr.first_from(local.checked_add(1.second()).ok()?).filter(|local| *local < end);
    let count = std::iter::successors(Some(first), next).zip(0..COUNTED).count();
    Some((first, u32::try_from(count).unwrap_or(COUNTED)))
}
