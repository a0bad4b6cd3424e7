//! A cron expression: which local times it names.

use std::fmt;
use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};

use self::field::{Field, Set};

mod field;

/// A cron expression of five fields (minute, hour, day of month, month, day of week) or six (a second before them).
///
/// A field is `*`, a value, a range `a-b`, either of the two forms with a step (`*/n`, `a-b/n`), or a list of these
/// with commas. Months and weekdays may be given by the first three letters of their English names; Sunday is 0 and
/// 7. `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight` and `@hourly` stand for the usual five
/// fields.
///
/// **Days.** If both the day of month and the day of week are restricted (neither field begins with `*`), a day that
/// fits *either* counts: `0 8 13 * Fri` is every 13th and every Friday. If one of the fields begins with `*`, a day
/// must fit *both*: `0 8 */2 * Mon` is every Monday with an odd date. This is what cron has done since 1987.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    seconds: Set,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    either_day: bool,
}

/// Something wrong with an expression: what, what would be right, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) help: String,
    pub(super) span: Range<usize>,
}

/// Years in which an expression that ever fires must fire. The rarest day, a given weekday on 29 February, is at most
/// 40 years away (a century year without a leap day lies between).
const HORIZON_YEARS: i16 = 41;

impl Cron {
    /// Reads an expression.
    pub(super) fn parse(text: &str) -> Result<Cron, Vec<Mistake>> {
        let expanded = nickname(text)?;
        let words = words(expanded.unwrap_or(text));
        let (seconds, words) = match words.len() {
            5 => (None, &words[..]),
            6 => (Some(words[0]), &words[1..]),
            count => return Err(vec![wrong_count(text, count)]),
        };
        let mut mistakes = Vec::new();
        let mut read = |field: Field, (at, word): (usize, &str)| {
            field.read(word, at).unwrap_or_else(|mistake| {
                mistakes.push(mistake);
                Set::default()
            })
        };
        let cron = Cron {
            text: text.trim().to_owned(),
            seconds: seconds.map_or(Set::ZERO, |word| read(Field::Second, word)),
            minutes: read(Field::Minute, words[0]),
            hours: read(Field::Hour, words[1]),
            days: read(Field::Day, words[2]),
            months: read(Field::Month, words[3]),
            weekdays: read(Field::Weekday, words[4]),
            either_day: !words[2].1.starts_with('*') && !words[4].1.starts_with('*'),
        };
        if mistakes.is_empty() && !cron.ever_fires() {
            let (start, _) = words[2];
            let (end, last) = words[4];
            mistakes.push(Mistake {
                message: format!("`{}` never fires: no month it names has such a day", cron.text),
                help: "name a day that one of the months has; 29 February comes in leap years".to_owned(),
                span: start..end + last.len(),
            });
        }
        if mistakes.is_empty() { Ok(cron) } else { Err(mistakes) }
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the expression admits every hour and so follows the clock as it runs, instead of naming times of day.
    pub fn is_interval(&self) -> bool {
        self.hours.is_full(Field::Hour)
    }

    /// Returns the first local time at or after `from` that the expression names, regardless of any zone.
    pub(super) fn first_from(&self, from: DateTime) -> Option<DateTime> {
        let day = self.first_day_from(from.date())?;
        if day > from.date() {
            return self.first_time_from(Time::midnight()).map(|time| day.to_datetime(time));
        }
        match self.first_time_from(from.time()) {
            Some(time) => Some(day.to_datetime(time)),
            None => {
                let day = self.first_day_from(day.tomorrow().ok()?)?;
                self.first_time_from(Time::midnight()).map(|time| day.to_datetime(time))
            }
        }
    }

    fn first_time_from(&self, from: Time) -> Option<Time> {
        let (hour, minute, second) = (from.hour(), from.minute(), from.second());
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.first_from(second)
            {
                return Time::new(hour, minute, second, 0).ok();
            }
            if let Some(minute) = self.minutes.first_from(minute + 1) {
                return Time::new(hour, minute, self.seconds.first_from(0)?, 0).ok();
            }
        }
        let hour = self.hours.first_from(hour + 1)?;
        Time::new(hour, self.minutes.first_from(0)?, self.seconds.first_from(0)?, 0).ok()
    }

    fn first_day_from(&self, from: Date) -> Option<Date> {
        let mut day = from;
        while day.year() <= from.year().saturating_add(HORIZON_YEARS) {
            if !self.months.has(day.month()) {
                day = day.last_of_month().tomorrow().ok()?;
            } else if self.admits(day) {
                return Some(day);
            } else {
                day = day.tomorrow().ok()?;
            }
        }
        None
    }

    /// Whether the day fits the two fields of days; the month is the caller's.
    fn admits(&self, day: Date) -> bool {
        let of_month = self.days.has(day.day());
        let of_week = self.weekdays.has(day.weekday().to_sunday_zero_offset());
        if self.either_day { of_month || of_week } else { of_month && of_week }
    }

    fn ever_fires(&self) -> bool {
        // The calendar repeats after 400 years, and from any year on the rarest day comes within the horizon.
        self.first_day_from(jiff::civil::date(2000, 1, 1)).is_some()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits at white space, with the place of each word.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        let at = text.len() - rest.len() + start;
        let end = rest[start..].find(char::is_whitespace).map_or(rest.len(), |length| start + length);
        words.push((at, &rest[start..end]));
        rest = &rest[end..];
    }
    words
}

/// The nicknames and the fields they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Returns the fields that a nickname stands for; `None` if the text is no nickname.
fn nickname(text: &str) -> Result<Option<&'static str>, Vec<Mistake>> {
    let name = text.trim();
    if !name.starts_with('@') {
        return Ok(None);
    }
    if let Some((_, fields)) = NICKNAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(Some(fields));
    }
    let help = if name.starts_with("@every") {
        "write `every = \"5m\"` in place of `cron`".to_owned()
    } else if name.eq_ignore_ascii_case("@reboot") {
        "leave the schedule out: such a job starts by hand, by `after`, or with `serve --until-idle`".to_owned()
    } else {
        let known: Vec<_> = NICKNAMES.iter().map(|(known, _)| format!("`{known}`")).collect();
        format!("known are {}", known.join(", "))
    };
    let start = text.len() - text.trim_start().len();
    Err(vec![Mistake { message: format!("no schedule is called `{name}`"), help, span: start..start + name.len() }])
}

fn wrong_count(text: &str, count: usize) -> Mistake {
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let noun = if count == 1 { "field" } else { "fields" };
    let help = match count {
        7 => "there is no field of years: leave the last one out",
        _ => "write `minute hour day-of-month month day-of-week`, such as `30 8 * * Mon-Fri`",
    };
    Mistake {
        message: format!("`{trimmed}` has {count} {noun}, and cron has 5, or 6 with seconds"),
        help: help.to_owned(),
        span: start..start + trimmed.len(),
    }
}
