//! One field of a cron expression and the set of values it stands for.

use std::ops::RangeInclusive;

use super::Mistake;

/// A set of small numbers, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    /// The set of zero alone: the seconds of an expression that names none.
    pub(super) const ZERO: Set = Set(1);

    /// Whether the value is in the set.
    pub(super) fn has(self, value: i8) -> bool {
        self.first_from(value) == Some(value)
    }

    /// Returns the least value of the set that is not below `from`.
    pub(super) fn first_from(self, from: i8) -> Option<i8> {
        let from = u32::try_from(from).ok()?;
        let rest = self.0.checked_shr(from)?.checked_shl(from)?;
        if rest == 0 { None } else { i8::try_from(rest.trailing_zeros()).ok() }
    }

    /// Whether the set holds everything that the field can say.
    pub(super) fn is_full(self, field: Field) -> bool {
        let (low, high) = field.bounds().into_inner();
        (low..=high).all(|value| i8::try_from(value).is_ok_and(|value| self.has(value)))
    }

    fn insert(&mut self, value: u32) {
        self.0 |= 1 << value;
    }
}

/// The fields of a cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl Field {
    /// Reads the field's text, which stands at byte `at` of the expression; the first mistake is reported.
    pub(super) fn read(self, word: &str, at: usize) -> Result<Set, Mistake> {
        let mut set = Set::default();
        let mut start = at;
        for item in word.split(',') {
            let (values, step) = self.item(item).map_err(|(message, help)| Mistake {
                message,
                help,
                span: start..start + item.len(),
            })?;
            // Sunday may be called 7, so that `Fri-Sun` and `5-7` are ranges.
            values.step_by(step).for_each(|value| set.insert(if self == Field::Weekday { value % 7 } else { value }));
            start += item.len() + 1;
        }
        Ok(set)
    }

    fn item(self, item: &str) -> Result<(RangeInclusive<u32>, usize), (String, String)> {
        let (values, step) = match item.split_once('/') {
            Some((values, step)) => (values, Some(step)),
            None => (item, None),
        };
        let values = match values.split_once('-') {
            None if values == "*" => self.everything(),
            None => self.single(values, step)?,
            Some((low, high)) => self.range(low, high)?,
        };
        match step {
            None => Ok((values, 1)),
            Some(step) => {
                let step = self.step(step, &values)?;
                Ok((values, step))
            }
        }
    }

    fn single(self, text: &str, step: Option<&str>) -> Result<RangeInclusive<u32>, (String, String)> {
        let value = self.value(text)?;
        match step {
            None => Ok(value..=value),
            // Some crons take this for `5-59/15`, some for `5`; the reader cannot know.
            Some(step) => Err((
                format!("`{text}/{step}` has a step but no range"),
                format!("write `{text}-{}/{step}`", self.bounds().end()),
            )),
        }
    }

    fn range(self, low: &str, high: &str) -> Result<RangeInclusive<u32>, (String, String)> {
        let (from, mut to) = (self.value(low)?, self.value(high)?);
        if self == Field::Weekday && to == 0 && from > 0 {
            to = 7;
        }
        if from > to {
            let (least, most) = self.everything().into_inner();
            return Err((
                format!("the range `{low}-{high}` runs backwards"),
                format!("write `{}-{},{}-{}`", low, self.show(most), self.show(least), high),
            ));
        }
        Ok(from..=to)
    }

    fn step(self, text: &str, values: &RangeInclusive<u32>) -> Result<usize, (String, String)> {
        let span = values.end() - values.start();
        match number(text) {
            Some(step) if step > 0 && step <= span.max(1) => Ok(usize::try_from(step).unwrap_or(usize::MAX)),
            Some(step) if step > 0 => {
                let help = match self {
                    Field::Second => {
                        format!("cron starts anew every minute; for an even spacing write `every = \"{step}s\"`")
                    }
                    Field::Minute => {
                        format!("cron starts anew every hour; for an even spacing write `every = \"{step}m\"`")
                    }
                    Field::Hour => {
                        format!("cron starts anew every day; for an even spacing write `every = \"{step}h\"`")
                    }
                    Field::Day | Field::Month | Field::Weekday => format!("name the {} that you mean", self.plural()),
                };
                Err((format!("the step `{step}` is too long for its range of {}", self.plural()), help))
            }
            Some(_) | None => Err((
                format!("`{text}` is no step of {}", self.plural()),
                format!("a step is a number from 1 to {span}"),
            )),
        }
    }

    fn value(self, text: &str) -> Result<u32, (String, String)> {
        let (least, most) = self.bounds().into_inner();
        let named = self.names().iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = named.and_then(|place| u32::try_from(place).ok()) {
            return Ok(if self == Field::Month { place + 1 } else { place });
        }
        match number(text) {
            Some(value) if self.bounds().contains(&value) => Ok(value),
            Some(value) => Err((
                format!("{} {value} does not exist", self.noun()),
                format!("{} run from {least} to {most}", self.plural()),
            )),
            None => Err((format!("`{text}` is no {}", self.noun()), self.remedy(text))),
        }
    }

    fn remedy(self, text: &str) -> String {
        let (least, most) = self.bounds().into_inner();
        let begins = |name: &&&str| text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(name));
        if let Some(name) = self.names().iter().find(begins) {
            return format!("write `{name}`");
        }
        if text.contains(['?', 'L', 'W', '#']) {
            return "`?`, `L`, `W` and `#` are not known here; write `*`, or the days as numbers or names".to_owned();
        }
        match self.names() {
            [] => format!("write `*` or numbers from {least} to {most}, such as `{least}`, `{least}-{most}` or `*/5`"),
            [first, .., last] => {
                format!("write `*`, numbers from {least} to {most}, or the names `{first}` to `{last}`")
            }
            [only] => format!("write `{only}`"),
        }
    }

    fn bounds(self) -> RangeInclusive<u32> {
        match self {
            Field::Second | Field::Minute => 0..=59,
            Field::Hour => 0..=23,
            Field::Day => 1..=31,
            Field::Month => 1..=12,
            Field::Weekday => 0..=7,
        }
    }

    /// What `*` stands for: each value once.
    fn everything(self) -> RangeInclusive<u32> {
        match self {
            Field::Weekday => 0..=6,
            Field::Second | Field::Minute | Field::Hour | Field::Day | Field::Month => self.bounds(),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::Weekday => &WEEKDAYS,
            Field::Second | Field::Minute | Field::Hour | Field::Day => &[],
        }
    }

    fn show(self, value: u32) -> String {
        match self {
            Field::Weekday => WEEKDAYS[value as usize % 7].to_owned(),
            Field::Month => MONTHS[(value as usize + 11) % 12].to_owned(),
            Field::Second | Field::Minute | Field::Hour | Field::Day => value.to_string(),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::Day => "day of the month",
            Field::Month => "month",
            Field::Weekday => "day of the week",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Field::Second => "seconds",
            Field::Minute => "minutes",
            Field::Hour => "hours",
            Field::Day => "days of the month",
            Field::Month => "months",
            Field::Weekday => "days of the week",
        }
    }
}

/// Reads a number of one to three digits; signs are none, and more digits no field has.
fn number(text: &str) -> Option<u32> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
