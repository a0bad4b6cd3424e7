//! Durations and sizes.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use steadfast_retry::parse_duration;

/// A duration as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::job) struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct SpanVisitor;

        impl Visitor<'_> for SpanVisitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"250ms\", \"30s\" or \"1h30m\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                parse_duration(text).map(Span).map_err(E::custom)
            }
        }

        from.deserialize_any(SpanVisitor)
    }
}

/// A number of bytes: `"64MiB"`, or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::job) struct Size(pub u64);

/// Units of bytes. Only powers of 1024 and 1000 with their own names: `MB` would mean one thing to some and another to others.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Size {
    fn read(text: &str) -> Option<u64> {
        let letters = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(letters);
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
        number.parse::<u64>().ok()?.checked_mul(*bytes)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct SizeVisitor;

        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"64MiB\", \"8GiB\" or a number of bytes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                let shown: String = text.chars().take(40).collect();
                Size::read(text).map(Size).ok_or_else(|| {
                    E::custom(format_args!(
                        "`{shown}` is no size\nhelp: write a whole number and a unit, such as \"64MiB\", \"8GiB\" or \"500kB\""
                    ))
                })
            }

            fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Signed(bytes), &self);
                u64::try_from(bytes).map(Size).map_err(|_| wrong())
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
        }

        from.deserialize_any(SizeVisitor)
    }
}
