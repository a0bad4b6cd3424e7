//! The names of single things: a run, one start of an attempt.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use steadfast_retry::AttemptNo;

/// The number of a run, counted from 1 in one state folder and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Declares a number that is written in hexadecimal.
macro_rules! hexadecimal {
    ($(#[$about:meta])* $name:ident($bits:ty), $digits:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $bits);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$bits>::from_str_radix(text, 16).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hexadecimal! {
    /// The secret of one start: 128 random bits that the claim, the process and its exit record share.
    ///
    /// A number may be decided, voided after a crash and seen again in a late report; a token is never thrown twice.
    Token(u128), "32"
}

hexadecimal! {
    /// The id of a trace, as in W3C Trace Context: one trace holds a run and its retries.
    TraceId(u128), "32"
}

hexadecimal! {
    /// The id of a span within a trace.
    SpanId(u64), "16"
}

hexadecimal! {
    /// The id of a shim: random, and the name of its folder.
    ShimId(u64), "16"
}

hexadecimal! {
    /// The first 128 bits of a text's SHA-256: what a run calls its definition by.
    Digest(u128), "32"
}

impl Digest {
    /// Computes the digest of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(text.as_bytes());
        Self(hash.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte)))
    }
}

/// One process of a run: an attempt, or a try of a finalizer.
///
/// Written `3` for attempt 3, `f0.2` for the second try of the first finalizer after the ending, and `a3.f0.2` for one that
/// follows attempt 3. So a folder, a claim or a line in a table names it without a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// An attempt.
    Attempt(AttemptNo),
    /// A try of a finalizer.
    Finalizer {
        /// The failed attempt that it follows, `None` for the run's ending.
        after: Option<AttemptNo>,
        /// Its index in the policy's list, from 0.
        index: u16,
        /// The try, from 1.
        tried: u16,
    },
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(number) => number.fmt(f),
            Self::Finalizer { after: Some(number), index, tried } => write!(f, "a{number}.f{index}.{tried}"),
            Self::Finalizer { after: None, index, tried } => write!(f, "f{index}.{tried}"),
        }
    }
}

/// A text that names no piece of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPiece(String);

impl fmt::Display for BadPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names no attempt (`3`) or finalizer (`f0.1`, `a3.f0.1`)", self.0)
    }
}

impl std::error::Error for BadPiece {}

impl FromStr for Piece {
    type Err = BadPiece;

    fn from_str(text: &str) -> Result<Self, BadPiece> {
        let attempt = |text: &str| text.parse().ok().and_then(AttemptNo::new);
        let read = || {
            let (after, rest) = match text.strip_prefix('a') {
                Some(rest) => {
                    let (number, rest) = rest.split_once('.')?;
                    (Some(attempt(number)?), rest)
                }
                None => (None, text),
            };
            match rest.strip_prefix('f') {
                Some(rest) => {
                    let (index, tried) = rest.split_once('.')?;
                    Some(Self::Finalizer { after, index: index.parse().ok()?, tried: tried.parse().ok()? })
                }
                None if after.is_none() => attempt(rest).map(Self::Attempt),
                None => None,
            }
        };
        read().ok_or_else(|| BadPiece(text.to_owned()))
    }
}

impl Serialize for Piece {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Piece;

    #[test]
    fn a_piece_reads_as_it_is_written() {
        for text in ["1", "4000000000", "f0.1", "f12.3", "a3.f0.2"] {
            assert_eq!(text.parse::<Piece>().unwrap().to_string(), text);
        }
        for text in ["", "0", "a3", "f0", "a0.f1.1", "3.f1.1", "f1.x", "../1", "-1"] {
            assert!(text.parse::<Piece>().is_err(), "{text}");
        }
    }
}
