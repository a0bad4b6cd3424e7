//! Durations as people write them: `250ms`, `1.5s`, `1h30m`, `2d`.

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a duration: one or more numbers with a unit (`ns us ms s m h d`), the larger unit first.
///
/// A day is 24 hours. Months and years are refused: they have no fixed length. A decimal point is allowed in the last number.
///
/// ```
/// use steadfast_retry::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("1h30m")?, Duration::from_secs(5400));
/// assert_eq!(parse_duration("1.5s")?, Duration::from_millis(1500));
/// assert!(parse_duration("90").is_err(), "a bare number could be anything");
/// # Ok::<(), steadfast_retry::BadDuration>(())
/// ```
///
/// # Errors
///
/// Returns [`BadDuration`] if the text is empty, lacks a unit, has one twice or in rising order, or exceeds 584 years.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let bad = |why: &'static str| BadDuration { text: shown(text), why };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad("it is empty"));
    }
    let (mut total, mut smallest) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(bad("a number is missing"));
        }
        let whole: u64 = rest[..digits].parse().map_err(|_| bad("the number is too large"))?;
        rest = &rest[digits..];
        let fraction = match rest.strip_prefix('.') {
            Some(after) => {
                let places = after.bytes().take_while(u8::is_ascii_digit).count();
                rest = &after[places..];
                Some(&after[..places])
            }
            None => None,
        };
        let letters = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(rest.len());
        let unit = UNITS.iter().find(|(name, _)| *name == &rest[..letters]);
        let Some((_, nanos)) = unit else {
            return Err(bad(if letters == 0 { "a unit is missing" } else { "the unit is unknown" }));
        };
        rest = rest[letters..].trim_start();
        if *nanos >= smallest {
            return Err(bad("units go from large to small, each once"));
        }
        smallest = *nanos;
        let below = match fraction {
            Some("") => return Err(bad("digits after the point are missing")),
            Some(places) => fraction_nanos(places, *nanos),
            None => 0,
        };
        total = whole
            .checked_mul(*nanos)
            .and_then(|part| part.checked_add(below))
            .and_then(|part| part.checked_add(total))
            .ok_or_else(|| bad("it is longer than 584 years"))?;
        if fraction.is_some() && !rest.is_empty() {
            return Err(bad("only the last number may have a decimal point"));
        }
    }
    Ok(Duration::from_nanos(total))
}

/// The nanoseconds of a decimal fraction of a unit, cut below one nanosecond.
fn fraction_nanos(places: &str, unit: u64) -> u64 {
    let mut nanos = 0;
    let mut digit_worth = u128::from(unit) * 1_000_000_000_000_000_000;
    for digit in places.bytes().take(18) {
        digit_worth /= 10;
        nanos += digit_worth * u128::from(digit - b'0');
    }
    (nanos / 1_000_000_000_000_000_000) as u64
}

/// The text of an error, cut so that a hostile file cannot fill a terminal.
fn shown(text: &str) -> String {
    if text.chars().count() <= 40 {
        text.to_string()
    } else {
        text.chars().take(40).chain(core::iter::once('…')).collect()
    }
}

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDuration {
    text: String,
    why: &'static str,
}

impl fmt::Display for BadDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no duration: {}; write for example \"250ms\", \"30s\", \"1h30m\" or \"2d\"",
            self.text, self.why
        )
    }
}

impl core::error::Error for BadDuration {}

/// A duration shown as people write it, exact, in the form that [`parse_duration`] reads.
///
/// ```
/// use steadfast_retry::Pretty;
/// use std::time::Duration;
///
/// assert_eq!(Pretty(Duration::from_secs(5400)).to_string(), "1h30m");
/// assert_eq!(Pretty(Duration::from_millis(1500)).to_string(), "1.5s");
/// assert_eq!(Pretty(Duration::from_nanos(1_250_000)).rounded().to_string(), "1.25ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pretty(pub Duration);

impl Pretty {
    /// Keeps what a person reads at a glance: milliseconds below a minute, seconds above, minutes above a day.
    #[must_use]
    pub const fn rounded(self) -> Self {
        let nanos = crate::moment::nanos(self.0);
        let grain = match nanos {
            0..1_000 => 1,
            1_000..1_000_000 => 10,
            1_000_000..1_000_000_000 => 10_000,
            1_000_000_000..60_000_000_000 => 1_000_000,
            60_000_000_000..86_400_000_000_000 => 1_000_000_000,
            _ => 60_000_000_000,
        };
        Self(Duration::from_nanos(nanos / grain * grain))
    }
}

impl fmt::Display for Pretty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = crate::moment::nanos(self.0);
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < 1_000_000_000 {
            return match nanos {
                0..1_000 => decimal(f, nanos, 1, "ns"),
                1_000..1_000_000 => decimal(f, nanos, 1_000, "us"),
                _ => decimal(f, nanos, 1_000_000, "ms"),
            };
        }
        let mut rest = nanos;
        for (unit, size) in [("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000)] {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        if rest > 0 { decimal(f, rest, 1_000_000_000, "s") } else { Ok(()) }
    }
}

fn decimal(f: &mut fmt::Formatter<'_>, nanos: u64, size: u64, unit: &str) -> fmt::Result {
    write!(f, "{}", nanos / size)?;
    let mut places = nanos % size;
    if places > 0 {
        f.write_str(".")?;
        let mut size = size;
        while places > 0 {
            size /= 10;
            write!(f, "{}", places / size)?;
            places %= size;
        }
    }
    f.write_str(unit)
}

/// Serde forms of a duration: the text that people write.
#[cfg(feature = "serde")]
pub(crate) mod text {
    use super::{Pretty, parse_duration};
    use alloc::string::String;
    use core::time::Duration;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Pretty(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Serde forms of a duration that may be missing.
#[cfg(feature = "serde")]
pub(crate) mod optional {
    use alloc::string::String;
    use core::time::Duration;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::text::serialize(span, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| super::parse_duration(&text))
            .transpose()
            .map_err(D::Error::custom)
    }
}

/// Serde forms of a list of durations.
#[cfg(feature = "serde")]
pub(crate) mod list {
    use alloc::borrow::Cow;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::time::Duration;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(spans: &[Duration], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(spans.iter().map(|span| alloc::format!("{}", super::Pretty(*span))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'static, [Duration]>, D::Error> {
        let read = |text: &String| super::parse_duration(text).map_err(D::Error::custom);
        Vec::<String>::deserialize(from)?.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests;
