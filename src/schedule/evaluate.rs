//! What became of the due times since the last look.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use steadfast_retry::Pretty;

use super::{Missed, Schedule, When, ticks};

/// How late a due time may be noticed and still be on time.
///
/// Only the newest due time of an evaluation can be on time; the ones before it have been overtaken and are missed,
/// however young they are. So a schedule of every second, looked at after five seconds, has one due time on time and
/// four missed.
pub const GRACE: Duration = Duration::from_secs(60);

/// The step back of the clock from which on the cursor begins anew at the clock's time.
///
/// After a small correction the cursor simply waits until the time has come again. After a large one it could wait for
/// years: a clock that once said 2036 would silence every schedule until then. Due times that come twice this way are
/// the same runs in the store.
const REWIND: Duration = Duration::from_secs(3_600);

/// The answer to "what is due?": which due times become runs now, which do not, and where the cursor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The due times that become runs, oldest first. At most one is on time, the last.
    pub due: Vec<Due>,
    /// The due times that become none.
    pub dropped: Option<Dropped>,
    /// The new cursor: hand it to the next evaluation. It stands at the time of the evaluation, for `every` at the last
    /// due time.
    pub evaluated_until: Timestamp,
    /// Whether the clock was set back so far that the cursor was moved back with it.
    pub rewound: bool,
}

/// A due time that becomes a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The due time, before jitter. With the schedule it names the run.
    pub at: Timestamp,
    /// Whether it was missed and is made up for.
    pub late: bool,
}

/// Due times that become no runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many there are.
    pub count: Count,
    /// The first of the span that was evaluated, whether or not it is among the dropped.
    pub since: Timestamp,
    /// Why the newest of them was dropped.
    pub because: Because,
}

/// The rule that drops a missed due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// `missed = "skip"`.
    Skip,
    /// `missed = "once"`: a newer due time runs for all of them.
    Merged,
    /// `missed = { all = N }`: N newer ones run.
    Cap(u32),
    /// `window`: they are older than that.
    Window(Duration),
}

/// A number of due times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// As many.
    Exactly(u64),
    /// As many or more: nobody counts the seconds of a year one by one.
    AtLeast(u64),
}

impl Count {
    fn without(self, taken: usize) -> Option<Count> {
        let taken = taken as u64;
        match self {
            Count::Exactly(count) => (count > taken).then(|| Count::Exactly(count - taken)),
            Count::AtLeast(count) => Some(Count::AtLeast(count.saturating_sub(taken))),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::Exactly(count) => count.fmt(f),
            Count::AtLeast(count) => write!(f, "{count} or more"),
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::Skip => f.write_str("missed = \"skip\""),
            Because::Merged => f.write_str("missed = \"once\""),
            Because::Cap(cap) => write!(f, "missed = {{ all = {cap} }}"),
            Because::Window(window) => write!(f, "window = \"{}\"", Pretty(*window)),
        }
    }
}

impl Schedule {
    /// Says what became of the due times in `(last_evaluated, now]`, where `last_evaluated` is the cursor.
    ///
    /// - The newest due time is *on time* if it is at most [`GRACE`] old, and becomes a run. All others are missed.
    /// - `skip` drops the missed ones. `once` runs the newest due time, on time or missed, for all of them. `all = N`
    ///   runs the newest N missed ones and the one on time.
    /// - `window` drops missed ones that are older, before `once` and `all` look at them.
    ///
    /// Time and memory are bounded however long ago the last look was; beyond two thousand, due times are no longer
    /// counted exactly. If `now` lies before the cursor nothing is due and the cursor stays; if by more than an hour,
    /// the clock was wrong before, and the cursor goes back with it ([`Evaluation::rewound`]).
    pub fn evaluate(&self, last_evaluated: Timestamp, now: Timestamp) -> Evaluation {
        if now < last_evaluated {
            return self.before_cursor(last_evaluated, now);
        }
        let keep = match self.missed {
            Missed::Skip | Missed::Once => 1,
            Missed::All(cap) => cap as usize + 1,
        };
        let Some(found) = ticks::between(self, last_evaluated, now, keep) else {
            let evaluated_until = if self.counts_from_cursor() { last_evaluated } else { now };
            return Evaluation { due: Vec::new(), dropped: None, evaluated_until, rewound: false };
        };
        let newest = found.newest.last().copied().unwrap_or(found.oldest);
        let due = self.select(&found.newest, now);
        let dropped = found.count.without(due.len()).map(|count| Dropped {
            count,
            since: found.oldest,
            because: self.because(&found.newest, due.first(), now),
        });
        let evaluated_until = if self.counts_from_cursor() { newest } else { now };
        Evaluation { due, dropped, evaluated_until, rewound: false }
    }

    /// Chooses among the newest due times, of which there is one more than missed ones can be made up for.
    fn select(&self, newest: &[Timestamp], now: Timestamp) -> Vec<Due> {
        let Some((&last, before)) = newest.split_last() else {
            return Vec::new();
        };
        let on_time = age(last, now) <= GRACE;
        let (missed, cap) = match self.missed {
            Missed::Skip => (&[][..], 0),
            Missed::Once if on_time => (&[][..], 0),
            Missed::Once => (newest, 1),
            Missed::All(cap) if on_time => (before, cap as usize),
            Missed::All(cap) => (newest, cap as usize),
        };
        let missed = &missed[missed.len().saturating_sub(cap)..];
        let made_up = missed.iter().filter(|at| self.in_window(**at, now)).map(|at| Due { at: *at, late: true });
        made_up.chain(on_time.then_some(Due { at: last, late: false })).collect()
    }

    /// The rule that dropped the newest of the dropped, which lies right before the first one that runs.
    fn because(&self, newest: &[Timestamp], first_due: Option<&Due>, now: Timestamp) -> Because {
        let dropped = match first_due {
            None => newest.last().copied(),
            Some(due) => newest.iter().rev().copied().find(|at| *at < due.at),
        };
        match (self.missed, self.window, dropped) {
            (Missed::Skip, ..) => Because::Skip,
            (Missed::Once | Missed::All(_), Some(window), Some(at)) if age(at, now) > window => Because::Window(window),
            (Missed::Once, ..) => Because::Merged,
            (Missed::All(cap), ..) => Because::Cap(cap),
        }
    }

    fn in_window(&self, due: Timestamp, now: Timestamp) -> bool {
        self.window.is_none_or(|window| age(due, now) <= window)
    }

    /// Whether due times are counted from the cursor, which therefore must stand on one.
    fn counts_from_cursor(&self) -> bool {
        match self.when {
            When::Every(_) => true,
            When::Cron { .. } | When::At { .. } => false,
        }
    }

    fn before_cursor(&self, last_evaluated: Timestamp, now: Timestamp) -> Evaluation {
        let rewound = age(now, last_evaluated) > REWIND;
        let evaluated_until = match self.when {
            _ if !rewound => last_evaluated,
            When::Cron { .. } | When::At { .. } => now,
            When::Every(period) => last_on_beat(period, last_evaluated, now),
        };
        Evaluation { due: Vec::new(), dropped: None, evaluated_until, rewound }
    }
}

/// Returns the last instant at or before `now` that lies whole periods before `cursor`.
fn last_on_beat(period: Duration, cursor: Timestamp, now: Timestamp) -> Timestamp {
    let period = i128::try_from(period.as_nanos()).unwrap_or(i128::MAX);
    let back = cursor.as_nanosecond() - now.as_nanosecond();
    let periods = back / period + i128::from(back % period != 0);
    Timestamp::from_nanosecond(cursor.as_nanosecond() - periods * period).unwrap_or(now)
}

/// How long before `now` an instant was; zero for one that is yet to come.
fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or(Duration::ZERO)
}
