//! Times as people read them: in the zone of whoever asks, which is named beside the first. Programs get RFC 3339 in UTC.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use regex::{Captures, Regex};

use crate::store::view::Time;

/// The clock on the wall of whoever asks.
pub(super) struct Local(TimeZone);

impl Local {
    /// That of this machine, or of the variable `TZ`.
    pub(super) fn here() -> Self {
        Self(TimeZone::system())
    }

    fn of(&self, at: Time) -> ZonedDateTime {
        at.timestamp().to_zoned_datetime(self.0.clone())
    }

    /// Writes date, time and zone.
    pub(super) fn full(&self, at: Time) -> String {
        self.of(at).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// Writes date and time, where the zone is named already.
    pub(super) fn plain(&self, at: Time) -> String {
        self.of(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Writes the time of day, and the date with it if that is not the one of another time.
    pub(super) fn clock(&self, at: Time, beside: Time) -> String {
        let (at, beside) = (self.of(at), self.of(beside));
        let form = if at.date() == beside.date() { "%H:%M:%S" } else { "%m-%d %H:%M:%S" };
        at.strftime(form).to_string()
    }

    /// Rewrites the times of a sentence, which are in UTC because programs read it as well; the zone stands behind them where it is
    /// not named already.
    pub(super) fn sentence(&self, sentence: &str, is_named: bool) -> String {
        let times = Regex::new(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("the pattern is one");
        let told = |found: &Captures<'_>| match found[0].parse::<Timestamp>() {
            Ok(at) if is_named => self.plain(Time::of_nanos(at.as_nanosecond())),
            Ok(at) => self.full(Time::of_nanos(at.as_nanosecond())),
            Err(_) => found[0].to_owned(),
        };
        times.replace_all(sentence, told).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Local, Time};
    use jiff::tz::TimeZone;

    #[test]
    fn a_time_is_that_of_the_wall_and_the_zone_is_named() {
        let local = Local(TimeZone::get("Asia/Shanghai").unwrap());
        let at = |text: &str| Time::of_nanos(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond());
        let evening = at("2026-11-23T15:59:59.250Z");
        assert_eq!(local.full(evening), "2026-11-23 23:59:59 CST");
        assert_eq!(local.clock(at("2026-11-23T16:00:00Z"), evening), "11-24 00:00:00");
        assert_eq!(local.clock(evening, evening), "23:59:59");
        let said = "waits until 2026-11-23T15:59:59.250Z: net-reset";
        assert_eq!(local.sentence(said, false), "waits until 2026-11-23 23:59:59 CST: net-reset");
        assert_eq!(local.sentence(said, true), "waits until 2026-11-23 23:59:59: net-reset");
    }
}
