//! Forms that are a word or a number, one or many: each read by a visitor that says what it expected.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Located;
use crate::{AttemptLimit, ClassPattern, Factor, Jitter, parse_duration};

/// The value of `class`: one pattern or a list, each with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes(pub Vec<Located<ClassPattern>>);

/// A form that can be read from a text, a number, or both; what it does not take is an error that says what it expects.
trait Form: Sized {
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        let _ = text;
        None
    }

    fn from_count(count: u64) -> Option<Result<Self, String>> {
        let _ = count;
        None
    }

    fn from_decimal(decimal: f64) -> Option<Result<Self, String>> {
        let _ = decimal;
        None
    }
}

struct FormVisitor<F>(PhantomData<F>);

impl<F: Form> Visitor<'_> for FormVisitor<F> {
    type Value = F;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<F, E> {
        let read = F::from_text(text).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Str(text), &self))?;
        read.map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<F, E> {
        let read =
            F::from_count(count).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Unsigned(count), &self))?;
        read.map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<F, E> {
        match u64::try_from(count) {
            Ok(count) => self.visit_u64(count),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(count), &self)),
        }
    }

    fn visit_f64<E: Error>(self, decimal: f64) -> Result<F, E> {
        let read =
            F::from_decimal(decimal).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Float(decimal), &self))?;
        read.map_err(E::custom)
    }
}

/// Reads a form with its place.
struct Read<F>(F);

impl<'de, F: Form> Deserialize<'de> for Read<F> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FormVisitor(PhantomData)).map(Self)
    }
}

fn located<'de, F: Form, D: Deserializer<'de>>(from: D) -> Result<Option<Located<F>>, D::Error> {
    Ok(Some(Located::<Read<F>>::deserialize(from)?.map(|read| read.0)))
}

impl Form for Duration {
    const EXPECTED: &'static str = "a duration such as \"250ms\", \"30s\" or \"1h30m\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(parse_duration(text).map_err(|bad| alloc::format!("{bad}")))
    }
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Located<Duration>>, D::Error> {
    located(from)
}

impl Form for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn from_count(count: u64) -> Option<Result<Self, String>> {
        Some(Self::try_from(count).map_err(|_| alloc::format!("{count} is too large, expected {}", Self::EXPECTED)))
    }
}

pub(super) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Located<u32>>, D::Error> {
    located(from)
}

impl Form for AttemptLimit {
    const EXPECTED: &'static str = "a whole number of calls, the first included, or \"unlimited\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        (text == "unlimited").then_some(Ok(Self::Unlimited))
    }

    fn from_count(count: u64) -> Option<Result<Self, String>> {
        u32::from_count(count).map(|count| count.map(Self::AtMost))
    }
}

pub(super) fn attempts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Located<AttemptLimit>>, D::Error> {
    located(from)
}

/// Thousandths of a decimal, exactly: `None` where it has more than three digits behind the point.
fn thousandths(decimal: f64, most: u32) -> Option<u32> {
    let thousandths = (decimal * 1_000.0).round();
    let fits = (0.0..=f64::from(most)).contains(&thousandths);
    // The nearest double of n/1000 is what the parser made of a text with three digits, so equality means exact.
    #[expect(clippy::float_cmp, reason = "the question is whether the text had at most three digits")]
    let exact = fits && thousandths / 1_000.0 == decimal;
    exact.then_some(thousandths as u32)
}

impl Form for Factor {
    const EXPECTED: &'static str = "a factor such as 2 or 1.5, at least 1, with at most three digits behind the point";

    fn from_count(count: u64) -> Option<Result<Self, String>> {
        let factor = u32::try_from(count).ok().and_then(|count| count.checked_mul(1_000)).and_then(Self::thousandths);
        Some(factor.ok_or_else(|| alloc::format!("{count} is no {}", &Self::EXPECTED[2..])))
    }

    fn from_decimal(decimal: f64) -> Option<Result<Self, String>> {
        let factor = thousandths(decimal, 4_000_000_000).and_then(Self::thousandths);
        Some(factor.ok_or_else(|| alloc::format!("{decimal} is no {}", &Self::EXPECTED[2..])))
    }
}

pub(super) fn factor<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Located<Factor>>, D::Error> {
    located(from)
}

impl Form for Jitter {
    const EXPECTED: &'static str = "\"none\", \"full\", \"equal\" or a share from 0 to 1 such as 0.25";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        match text {
            "none" => Some(Ok(Self::None)),
            "full" => Some(Ok(Self::Full)),
            "equal" => Some(Ok(Self::Equal)),
            other => Some(Err(alloc::format!("unknown jitter `{other}`, expected {}", Self::EXPECTED))),
        }
    }

    fn from_count(count: u64) -> Option<Result<Self, String>> {
        match count {
            0 => Some(Ok(Self::None)),
            1 => Some(Ok(Self::Fraction(1_000))),
            _ => Some(Err(alloc::format!("{count} is no jitter, expected {}", Self::EXPECTED))),
        }
    }

    fn from_decimal(decimal: f64) -> Option<Result<Self, String>> {
        let share = thousandths(decimal, 1_000).and_then(|share| u16::try_from(share).ok());
        Some(match share {
            Some(0) => Ok(Self::None),
            Some(share) => Ok(Self::Fraction(share)),
            None => Err(alloc::format!(
                "{decimal} is no jitter, expected {}, with at most three digits behind the point",
                Self::EXPECTED
            )),
        })
    }
}

pub(super) fn jitter<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Located<Jitter>>, D::Error> {
    located(from)
}

/// A list of durations; a mistake in one of them is placed at that one.
pub(super) fn durations<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Located<Vec<Duration>>>, D::Error> {
    let read = Located::<Vec<Read<Duration>>>::deserialize(from)?;
    Ok(Some(read.map(|spans| spans.into_iter().map(|read| read.0).collect())))
}

impl Form for ClassPattern {
    const EXPECTED: &'static str = "a class such as \"net-reset\" or a pattern such as \"net-*\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(Self::new(String::from(text)).map_err(|bad| alloc::format!("{bad}")))
    }
}

/// One pattern without a place, or many with theirs.
enum OneOrMany {
    One(ClassPattern),
    Many(Vec<Located<ClassPattern>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PatternVisitor;

        impl<'de> Visitor<'de> for PatternVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a class such as \"net-reset\", a pattern such as \"net-*\", or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                ClassPattern::new(String::from(text)).map(OneOrMany::One).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(pattern) = items.next_element::<Located<Read<ClassPattern>>>()? {
                    many.push(pattern.map(|read| read.0));
                }
                Ok(OneOrMany::Many(many))
            }
        }

        from.deserialize_any(PatternVisitor)
    }
}

impl<'de> Deserialize<'de> for Classes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Located { value, span } = Located::<OneOrMany>::deserialize(from)?;
        Ok(match value {
            OneOrMany::One(pattern) => Self(alloc::vec![Located::new(pattern, span)]),
            OneOrMany::Many(patterns) => Self(patterns),
        })
    }
}
