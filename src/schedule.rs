//! When a job is due, and what becomes of the times that passed while nobody looked.
//!
//! # Theory of operation
//!
//! A [`Schedule`] is data, made from decoded text by [`Declared`], and everything it answers is a pure function of its
//! arguments. The caller keeps one timestamp per schedule, the *cursor*:
//!
//! 1. When a schedule is first seen (or its definition changed), the cursor begins at [`Schedule::begin`].
//! 2. [`Schedule::next_after`] of the cursor says when to look next.
//! 3. [`Schedule::evaluate`] from the cursor to now says which due times become runs, which were dropped and why, and
//!    where the cursor stands afterwards. The new cursor is written in the same transaction as the runs.
//! 4. [`Schedule::jittered`] spreads the starts. It never moves a due time: a run is named by (schedule, due time),
//!    and that pair is unique in the store, so a tick evaluated twice is still one run.
//!
//! Every due time lies in exactly one of the half-open spans `(cursor, now]` that a life of kills and restarts makes
//! of time; so none is lost and none is counted twice. An evaluation without due times need not be written down: from
//! the older cursor the next one finds the same.
//!
//! ## The rule for clocks that jump
//!
//! A cron expression is read in its zone. Whether it names hours decides what happens when the zone's clock jumps:
//!
//! - **Fixed times**, the expressions whose hour field leaves out at least one hour (`30 2 * * *`, `* 2 * * *`,
//!   `0 */2 * * *`). Each local time they name is due once. One that does not exist, because the clock jumped over
//!   it, is due at the first instant after the jump; several that were jumped over together, or that meet a time due
//!   at that very instant, are one. One that comes twice, because the clock was set back, is due the first time.
//! - **Intervals**, the expressions whose hour field admits all 24 hours (`*/30 * * * *`, `* * * * *`, and `0-23` is
//!   the same as `*`). They follow the clock as it runs: a local time that does not exist is left out, and one that
//!   comes twice is due both times, so that elapsed time between two due times stays what the minute field says.
//!
//! A jump may be a whole day: Samoa had no 30 December 2011, so a daily 08:30 of that day was due at midnight of the
//! 31st, and the 31st's own at 08:30.
//!
//! `every` counts elapsed time and knows no zone. `at` is a fixed time.
//!
//! Deliberately not here: the wall clock, the store, overlap of runs, and the file or network that time zone data
//! comes from (a [`TimeZoneDatabase`](jiff::tz::TimeZoneDatabase) is handed in where names are looked up).

use std::time::Duration;

use jiff::Timestamp;

pub use self::cron::Cron;
pub use self::declared::{Declared, ScheduleError};
pub use self::evaluate::{Because, Count, Dropped, Due, Evaluation, GRACE};
pub use self::preview::{Note, Upcoming};
pub use self::zone::Zone;

mod cron;
mod declared;
mod evaluate;
mod jitter;
mod preview;
mod ticks;
mod walk;
mod zone;

/// The times at which a job is due, with what to do about those that were missed.
///
/// ```
/// use jiff::{Timestamp, tz::TimeZoneDatabase};
/// use steadfast::schedule::Declared;
///
/// let declared = Declared { cron: Some("30 8 * * Mon-Fri"), zone: Some("Asia/Shanghai"), ..Declared::default() };
/// let schedule = declared.schedule(&TimeZoneDatabase::bundled()).unwrap();
/// let friday_evening: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
/// assert_eq!(schedule.next_after(friday_evening), "2026-11-23T00:30:00Z".parse().ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    when: When,
    missed: Missed,
    window: Option<Duration>,
    jitter: Duration,
}

/// The source of a schedule's due times.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// The local times that a cron expression names, in a zone.
    Cron {
        /// The expression.
        expr: Cron,
        /// The zone whose clock the expression speaks of.
        zone: Zone,
    },
    /// One due time a period after the other; whole milliseconds, never zero. The first is the time of loading.
    Every(Duration),
    /// One due time.
    At {
        /// The instant.
        instant: Timestamp,
        /// The zone it was written in, for showing it.
        zone: Zone,
        /// The local time that was written, where the clock had jumped over it.
        moved_from: Option<jiff::civil::DateTime>,
    },
}

/// What becomes of due times that passed without anybody looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are dropped.
    Skip,
    /// They become one run, under the newest of their due times.
    #[default]
    Once,
    /// The newest of them become one run each, up to this many (1 to 1,000).
    All(u32),
}

impl Schedule {
    /// The source of the due times.
    pub fn when(&self) -> &When {
        &self.when
    }

    /// What becomes of missed due times.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// How old a missed due time may be and still be made up for; `None`: any age.
    pub fn window(&self) -> Option<Duration> {
        self.window
    }

    /// The most by which a start is put off to spread the load.
    pub fn jitter(&self) -> Duration {
        self.jitter
    }

    /// Returns the cursor with which a schedule begins that is seen for the first time at `loaded`.
    ///
    /// Cron: due times after `loaded` count. `every`: the first due time is `loaded` itself, in whole milliseconds.
    /// `at`: its time counts even when it has passed, as missed.
    pub fn begin(&self, loaded: Timestamp) -> Timestamp {
        match &self.when {
            When::Cron { .. } => loaded,
            When::Every(period) => {
                let whole = Timestamp::from_millisecond(loaded.as_millisecond()).unwrap_or(loaded);
                whole.saturating_sub(*period).unwrap_or(Timestamp::MIN)
            }
            When::At { instant, .. } => {
                let before = instant.saturating_sub(Duration::from_secs(1)).unwrap_or(Timestamp::MIN);
                loaded.min(before)
            }
        }
    }

    /// Returns the first due time after `after`, before jitter.
    ///
    /// For `every`, `after` must be a cursor ([`Schedule::begin`], [`Evaluation::evaluated_until`]), which stands on
    /// a due time. `None`: there is none before the end of the calendar (the year 9999).
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Cron { expr, zone } => walk::next_after(expr, zone.rules(), after),
            When::Every(period) => after.checked_add(*period).ok(),
            When::At { instant, .. } => (*instant > after).then_some(*instant),
        }
    }

    /// Returns when a run due at `due` may start: `due` plus a share of the jitter that depends on nothing but the
    /// job's name and the due time, so that a restart computes the same. At most [`Schedule::jitter`] later.
    pub fn jittered(&self, due: Timestamp, job: &str) -> Timestamp {
        jitter::spread(due, job, self.jitter)
    }
}

#[cfg(test)]
mod tests;
