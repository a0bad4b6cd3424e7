//! From decoded text to a schedule, or to everything that is wrong with it.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZoneDatabase;
use steadfast_retry::Pretty;

use super::{Cron, Missed, Schedule, When, Zone, zone};

/// A schedule as a file declares it: one value per key, decoded but not yet understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared<'a> {
    /// `cron`: an expression as in [`Cron`].
    pub cron: Option<&'a str>,
    /// `every`: the time from one due time to the next.
    pub every: Option<Duration>,
    /// `at`: a date and time with an offset from UTC, or a local one in `zone`.
    pub at: Option<&'a str>,
    /// `zone`: an IANA name; UTC if there is none.
    pub zone: Option<&'a str>,
    /// `missed`: what becomes of missed due times; [`Missed::Once`] if nothing is said.
    pub missed: Option<Missed>,
    /// `window`: how old a missed due time may be.
    pub window: Option<Duration>,
    /// `jitter`: the most by which a start is put off; none if nothing is said.
    pub jitter: Option<Duration>,
}

/// One thing that is wrong with a declared schedule, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// The key whose value is wrong; `schedule` if a key is missing or one too many is there.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// The bytes of the key's text that are wrong; `None`: all of them.
    pub span: Option<Range<usize>>,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nhelp: {}", self.key, self.message, self.help)
    }
}

impl std::error::Error for ScheduleError {}

/// The most missed due times that can be made up for one by one.
const MOST_MADE_UP: u32 = 1_000;

/// The longest time that a period, a window or a jitter may be: nobody means more, and arithmetic stays in range.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

impl Missed {
    /// Reads the words `skip` and `once`; `all` needs a number and is no word.
    ///
    /// # Errors
    ///
    /// Any other word.
    pub fn from_word(word: &str) -> Result<Missed, ScheduleError> {
        match word {
            "skip" => Ok(Missed::Skip),
            "once" => Ok(Missed::Once),
            _ => Err(error(
                "missed",
                format!("`{word}` says nothing about missed times"),
                "write \"skip\", \"once\" or { all = 10 }",
            )),
        }
    }
}

impl Declared<'_> {
    /// Makes the schedule, looking the zone up in `zones`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the keys.
    pub fn schedule(&self, zones: &TimeZoneDatabase) -> Result<Schedule, Vec<ScheduleError>> {
        let mut errors = Vec::new();
        let zone = self.read_zone(zones, &mut errors);
        let when = self.when(zone, &mut errors);
        let missed = self.missed.unwrap_or_default();
        self.check_missed(missed, &mut errors);
        self.check_jitter(&mut errors);
        match when {
            Some(when) if errors.is_empty() => {
                Ok(Schedule { when, missed, window: self.window, jitter: self.jitter.unwrap_or_default() })
            }
            Some(_) | None => Err(errors),
        }
    }

    /// The zone; with a wrong name UTC, so that the other values can still be checked.
    fn read_zone(&self, zones: &TimeZoneDatabase, errors: &mut Vec<ScheduleError>) -> Zone {
        let Some(name) = self.zone else { return Zone::utc() };
        if self.every.is_some() && self.cron.is_none() && self.at.is_none() {
            errors.push(error(
                "zone",
                "`every` counts elapsed time and has no zone".to_owned(),
                "leave `zone` out, or use `cron`",
            ));
        }
        Zone::named(name, zones).unwrap_or_else(|help| {
            errors.push(error("zone", format!("no time zone is called `{name}`"), &help));
            Zone::utc()
        })
    }

    fn when(&self, zone: Zone, errors: &mut Vec<ScheduleError>) -> Option<When> {
        match (self.cron, self.every, self.at) {
            (Some(text), None, None) => match Cron::parse(text) {
                Ok(expr) => Some(When::Cron { expr, zone }),
                Err(mistakes) => {
                    errors.extend(mistakes.into_iter().map(|mistake| ScheduleError {
                        key: "cron",
                        message: mistake.message,
                        help: mistake.help,
                        span: Some(mistake.span),
                    }));
                    None
                }
            },
            (None, Some(period), None) => checked("every", period, errors).then_some(When::Every(period)),
            (None, None, Some(text)) => match read_at(text, zone) {
                Ok(at) => Some(at),
                Err(wrong) => {
                    errors.push(wrong);
                    None
                }
            },
            (None, None, None) => {
                let message = "nothing says when".to_owned();
                errors.push(error(
                    "schedule",
                    message,
                    "give one of `cron`, `every` and `at`, or leave the schedule out",
                ));
                None
            }
            (Some(_), _, _) | (None, Some(_), Some(_)) => {
                let message = "more than one of `cron`, `every` and `at` is given".to_owned();
                errors.push(error("schedule", message, "keep one; a job that needs two schedules is two jobs"));
                None
            }
        }
    }

    fn check_missed(&self, missed: Missed, errors: &mut Vec<ScheduleError>) {
        if let Missed::All(cap) = missed
            && !(1..=MOST_MADE_UP).contains(&cap)
        {
            let message = format!("{cap} missed times cannot be made up for");
            errors.push(error("missed", message, &format!("write a number from 1 to {MOST_MADE_UP}, or \"skip\"")));
        }
        match (self.window, missed) {
            (Some(window), Missed::Once | Missed::All(_)) => {
                checked("window", window, errors);
            }
            (Some(_), Missed::Skip) => {
                let message = "a window for missed times that are skipped anyway".to_owned();
                errors.push(error("window", message, "leave `window` out, or write missed = \"once\""));
            }
            (None, _) => {}
        }
    }

    fn check_jitter(&self, errors: &mut Vec<ScheduleError>) {
        let Some(jitter) = self.jitter.filter(|jitter| !jitter.is_zero()) else {
            return;
        };
        if checked("jitter", jitter, errors)
            && let Some(period) = self.every
            && jitter >= period
        {
            let message = format!("{} is not shorter than the period of {}", Pretty(jitter), Pretty(period));
            errors.push(error("jitter", message, "write less, so that starts keep the order of their due times"));
        }
    }
}

fn read_at(text: &str, zone: Zone) -> Result<When, ScheduleError> {
    let wrong = |message: String, help: &str| error("at", message, help);
    if text.contains('[') {
        return Err(wrong(format!("`{text}` names a zone in brackets"), "name it under `zone`"));
    }
    let (instant, moved_from) = if let Ok(instant) = text.parse::<Timestamp>() {
        (instant, None)
    } else {
        let local: DateTime = text.parse().map_err(|_| {
            wrong(
                format!("`{text}` is no date and time"),
                "write one as in `2026-11-23 08:30` for the zone's clock, or `2026-11-23T08:30:00+08:00`",
            )
        })?;
        let instant = zone::first_instant(zone.rules(), local)
            .ok_or_else(|| wrong(format!("`{text}` is outside the calendar"), "write a year up to 9998"))?;
        (instant, zone::jumped_over(zone.rules(), local).map(|_| local))
    };
    if instant.subsec_nanosecond() % 1_000_000 != 0 {
        return Err(wrong(
            format!("`{text}` is finer than a millisecond"),
            "write at most three digits after the seconds",
        ));
    }
    Ok(When::At { instant, zone, moved_from })
}

/// Whether a time is one that can be kept and stored: whole milliseconds, more than none, not more than a century.
fn checked(key: &'static str, time: Duration, errors: &mut Vec<ScheduleError>) -> bool {
    let wrong = if time.is_zero() {
        Some((format!("`{key}` is zero"), "write a time such as \"10m\""))
    } else if time > LONGEST {
        Some((format!("{} is more than a century", Pretty(time)), "write less"))
    } else if !time.as_nanos().is_multiple_of(1_000_000) {
        Some((format!("{} is finer than a millisecond", Pretty(time)), "write whole milliseconds"))
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        errors.push(error(key, message, help));
        return false;
    }
    true
}

fn error(key: &'static str, message: String, help: &str) -> ScheduleError {
    ScheduleError { key, message, help: help.to_owned(), span: None }
}
