//! The name of one start of one program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use steadfast_retry::AttemptNo;

use crate::ids::{RunId, Token};

/// One start of one program: which run, which part of it, and the secret of this very start.
///
/// Its text, `12-3-00ff…`, is the name of its claim file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Start {
    /// The run.
    pub run: RunId,
    /// The part of the run.
    pub part: Part,
    /// What no other start has.
    pub token: Token,
}

impl Start {
    /// Names the start of an attempt.
    #[must_use]
    pub fn of_attempt(run: RunId, number: AttemptNo, token: Token) -> Self {
        Self {
            run,
            part: Part::from(number),
            token,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.part, self.token)
    }
}

impl FromStr for Start {
    type Err = BadPart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadPart(text.to_owned());
        let (rest, token) = text.rsplit_once('-').ok_or_else(bad)?;
        let (run, part) = rest.split_once('-').ok_or_else(bad)?;
        let (run, token) = (run.parse().map_err(|_| bad())?, token.parse().map_err(|_| bad())?);
        Ok(Self {
            run,
            part: part.parse()?,
            token,
        })
    }
}

/// A part of a run that is a program of its own: `3` is the third attempt, any other word a finalizer's try.
///
/// ```
/// use steadfast::exec::Part;
/// use steadfast_retry::AttemptNo;
///
/// assert_eq!(Part::from(AttemptNo::FIRST).to_string(), "1");
/// assert_eq!("finally-0.2".parse::<Part>().unwrap().as_attempt(), None);
/// assert!("../x".parse::<Part>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Part(Box<str>);

impl Part {
    /// Returns the number, if this part is an attempt.
    #[must_use]
    pub fn as_attempt(&self) -> Option<AttemptNo> {
        self.0.parse().ok().and_then(AttemptNo::new)
    }

    /// Returns the word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<AttemptNo> for Part {
    fn from(number: AttemptNo) -> Self {
        Self(number.to_string().into())
    }
}

impl FromStr for Part {
    type Err = BadPart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.as_bytes()[0].is_ascii_alphanumeric();
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(BadPart(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Part {
    type Error = BadPart;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.0.into()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that names no start and no part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPart(String);

impl fmt::Display for BadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` names no part of a run: lower-case letters, digits, `-` and `.`, at most 64",
            self.0
        )
    }
}

impl std::error::Error for BadPart {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_start_is_read_back() {
        for part in ["1", "finally-0.1", "after-3-0.2"] {
            let start = Start {
                run: RunId(12),
                part: part.parse().unwrap(),
                token: Token(255),
            };
            assert_eq!(start.to_string().parse::<Start>().unwrap(), start);
        }
        assert!("12-1".parse::<Start>().is_err());
        assert!(".probe".parse::<Start>().is_err());
    }
}
