//! An attempt of a retry inside a program, as the program tells it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use steadfast_retry::{Pretty, parse_duration};

/// One attempt of a retry inside a program that an attempt of ours runs.
///
/// It is told in one line when it has ended: the policy's name, the attempt's number, its outcome, and what else is known as
/// `key=value`, in any order. Keys that are not known are passed over, so that they may be added.
///
/// ```
/// use steadfast::trace::InnerAttempt;
///
/// let inner: InnerAttempt = "fetch 3 failed class=http-busy took=2.1s delay=4s".parse()?;
/// assert_eq!((inner.policy.as_str(), inner.number), ("fetch", 3));
/// assert_eq!(inner.to_string(), "fetch 3 failed class=http-busy took=2.1s delay=4s");
/// # Ok::<(), steadfast::trace::NotAnInnerAttempt>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerAttempt {
    /// The policy that it is tried under.
    pub policy: String,
    /// Its number within that retry, from 1.
    pub number: u32,
    /// How it ended: `succeeded`, `failed`, `cancelled`.
    pub outcome: String,
    /// The class of the failure.
    pub class: Option<String>,
    /// How long it took.
    pub took: Option<Duration>,
    /// How long the program waits before the next one.
    pub delay: Option<Duration>,
}

impl FromStr for InnerAttempt {
    type Err = NotAnInnerAttempt;

    fn from_str(line: &str) -> Result<Self, NotAnInnerAttempt> {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(NotAnInnerAttempt);
        let (policy, number, outcome) = (next()?.to_owned(), next()?, next()?.to_owned());
        let number = number.parse().ok().filter(|number| *number > 0).ok_or(NotAnInnerAttempt)?;
        if !matches!(outcome.as_str(), "succeeded" | "failed" | "cancelled") {
            return Err(NotAnInnerAttempt);
        }
        let mut inner = Self { policy, number, outcome, class: None, took: None, delay: None };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            match key {
                "class" => inner.class = Some(value.to_owned()),
                "took" => inner.took = parse_duration(value).ok(),
                "delay" => inner.delay = parse_duration(value).ok(),
                _ => {}
            }
        }
        Ok(inner)
    }
}

impl fmt::Display for InnerAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.policy, self.number, self.outcome)?;
        if let Some(class) = &self.class {
            write!(f, " class={class}")?;
        }
        if let Some(took) = self.took {
            write!(f, " took={}", Pretty(took))?;
        }
        if let Some(delay) = self.delay {
            write!(f, " delay={}", Pretty(delay))?;
        }
        Ok(())
    }
}

/// A line that tells no inner attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnInnerAttempt;

impl fmt::Display for NotAnInnerAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no inner attempt: write for example \"fetch 3 failed class=http-busy took=2.1s\"")
    }
}

impl std::error::Error for NotAnInnerAttempt {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_is_written_and_what_is_new_is_passed_over() {
        for line in ["fetch 1 succeeded", "fetch 2 failed class=net-reset took=1.5s", "a 9 cancelled delay=2m"] {
            assert_eq!(line.parse::<InnerAttempt>().unwrap().to_string(), line);
        }
        let newer = "fetch 1 failed colour=red took=soon =".parse::<InnerAttempt>().unwrap();
        assert_eq!(newer.to_string(), "fetch 1 failed");
    }

    #[test]
    fn anything_else_is_a_sentence() {
        for line in ["", "fetch", "fetch 0 failed", "fetch one failed", "fetch 1 exploded", "fetch 1"] {
            assert_eq!(line.parse::<InnerAttempt>(), Err(NotAnInnerAttempt), "{line}");
        }
    }
}
