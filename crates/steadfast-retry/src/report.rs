//! What comes back when a run gives up: the last error, and the whole history of attempts.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt::{self, Write};
use core::time::Duration;

use crate::attempts::Session;
use crate::{AttemptNo, Because, Class, Classify, DelaySource, Ending, Failure, Pretty};

/// A run that is over without success: its last error, and why there was no other attempt.
///
/// It is small (a pointer beside the error) and made only on failure. [`Error::source`] is the last error.
///
/// ```
/// use steadfast_retry::{Delay, Policy, retry};
///
/// let fetch = Policy::simple("fetch", 2, Delay::ZERO);
/// let gave_up = retry!(fetch, Err::<(), _>("no route to host")).unwrap_err();
/// assert_eq!(gave_up.last(), Some(&"no route to host"));
/// assert_eq!(gave_up.report().attempts(), 2);
/// let text = gave_up.to_string();
/// assert!(text.starts_with("gave up on `fetch` after 2 attempts"), "{text}");
/// assert!(text.ends_with("#1-#2 error: no route to host"), "{text}");
/// ```
pub struct GaveUp<E> {
    last: Option<E>,
    report: Report,
}

impl<E> GaveUp<E> {
    pub(crate) const fn new(last: Option<E>, report: Report) -> Self {
        Self { last, report }
    }

    /// Returns the error of the last attempt.
    ///
    /// There is none where the last attempt was cut at its time limit, or where the deadline passed during the last delay; the
    /// report tells of these as well.
    #[must_use]
    pub const fn last(&self) -> Option<&E> {
        self.last.as_ref()
    }

    /// Takes the error of the last attempt out; see [`GaveUp::last`].
    #[must_use]
    pub fn into_last(self) -> Option<E> {
        self.last
    }

    /// Returns the history.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Takes both apart.
    #[must_use]
    pub fn into_parts(self) -> (Option<E>, Report) {
        (self.last, self.report)
    }

    /// Turns the last error into another one and keeps the history.
    pub fn map<F>(self, turn: impl FnOnce(E) -> F) -> GaveUp<F> {
        GaveUp { last: self.last.map(turn), report: self.report }
    }
}

impl<E> fmt::Display for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

impl<E: fmt::Debug> fmt::Debug for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaveUp").field("last", &self.last).field("report", &self.report).finish()
    }
}

impl<E: Error + 'static> Error for GaveUp<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last.as_ref().map(|last| last as &(dyn Error + 'static))
    }
}

/// The class of the last attempt, so that a retry around a retry can speak of it.
impl<E> Classify for GaveUp<E> {
    fn classify(&self) -> Failure {
        Failure::of(self.report.tries().last().map_or(Class::ERROR, |last| last.class.clone()))
    }
}

/// The history of a run: every failed attempt, and why it is over.
pub struct Report(Box<Session>);

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Its number.
    pub number: AttemptNo,
    /// When it began, counted from the beginning of the run; see [`Report::elapsed`].
    pub started: Duration,
    /// How long it took; `None` where no clock was read before it: for a first attempt without a deadline, and for those that a
    /// blocking call without rules, delays and deadline makes at once.
    pub took: Option<Duration>,
    /// The exception class.
    pub class: Class,
    /// The delay that followed, `None` if no attempt was to follow.
    pub wait: Option<Duration>,
    /// Where that delay came from.
    pub wait_source: Option<DelaySource>,
    /// The error's text, cut after 300 bytes.
    pub text: String,
}

/// The failed attempts of a run. Of a long run the first and the last ones are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    tries: Vec<Try>,
    left_out: u32,
}

const KEPT_FIRST: usize = 8;
const KEPT: usize = 32;
const TEXT_BYTES: usize = 300;

impl History {
    pub(crate) fn tries(&self) -> &[Try] {
        &self.tries
    }

    pub(crate) fn push(&mut self, next: Try) {
        if self.tries.len() == KEPT {
            self.tries.remove(KEPT_FIRST);
            self.left_out = self.left_out.saturating_add(1);
        }
        self.tries.push(next);
    }
}

/// An error's text, as far as it is kept.
#[cold]
pub(crate) fn kept_text(error: &impl fmt::Display) -> String {
    struct Cut(String);

    impl Write for Cut {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = TEXT_BYTES - self.0.len();
            if part.len() <= room {
                self.0.push_str(part);
                return Ok(());
            }
            let end = (0..=room).rev().find(|at| part.is_char_boundary(*at)).unwrap_or(0);
            self.0.push_str(&part[..end]);
            self.0.push('…');
            // An error ends the formatting: a text of a gigabyte is not written to its end.
            Err(fmt::Error)
        }
    }

    let mut cut = Cut(String::new());
    let _ended_early = write!(cut, "{error}");
    cut.0
}

impl Report {
    pub(crate) const fn new(session: Box<Session>) -> Self {
        Self(session)
    }

    /// Returns the policy's name.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.0.policy
    }

    /// Returns how the run ended: gave up, stopped by a rule, or cancelled.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.0.ending
    }

    /// Returns why there was no other attempt.
    #[must_use]
    pub fn why(&self) -> &Because {
        &self.0.because
    }

    /// Returns how many attempts there were.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.number().get()
    }

    /// Returns the failed attempts in order; see [`Report::left_out`].
    #[must_use]
    pub fn tries(&self) -> &[Try] {
        self.0.history.tries()
    }

    /// Returns how many attempts of a long run are missing between the first eight and the rest.
    #[must_use]
    pub fn left_out(&self) -> u32 {
        self.0.history.left_out
    }

    /// Returns how long the run took.
    ///
    /// It counts from the start of the first attempt where the policy has a deadline, and from its end where it has none: then no
    /// clock is read before the first failure.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.last_ended.since(self.0.began)
    }

    /// Returns how much of that was spent in delays.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.0.waited
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("policy", &self.policy())
            .field("ending", &self.ending())
            .field("why", &self.why())
            .field("tries", &self.tries())
            .field("elapsed", &self.elapsed())
            .field("waited", &self.waited())
            .finish()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opening = match self.ending() {
            Ending::Stopped => "stopped",
            Ending::Succeeded | Ending::GaveUp | Ending::Cancelled | Ending::Skipped | Ending::Quarantined => {
                "gave up on"
            }
        };
        write!(f, "{opening} `{}` after {} attempt", self.policy(), self.attempts())?;
        if self.attempts() > 1 {
            write!(f, "s in {}", Pretty(self.elapsed()).rounded())?;
        }
        write!(f, " ({})", self.why())?;
        let mut opened = false;
        for group in self.tries().chunk_by(|one, other| one.class == other.class && one.text == other.text) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            f.write_str(if opened { ", " } else { ": " })?;
            opened = true;
            match group.len() {
                1 => write!(f, "#{}", first.number)?,
                _ => write!(f, "#{}-#{}", first.number, last.number)?,
            }
            write!(f, " {}: {}", first.class, first.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::{KEPT, KEPT_FIRST, TEXT_BYTES, kept_text};

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(kept_text(&"short"), "short");
        let cut = kept_text(&"ü".repeat(TEXT_BYTES));
        assert_eq!((cut.len(), cut.chars().last()), (TEXT_BYTES + '…'.len_utf8(), Some('…')));
    }

    #[test]
    fn of_a_long_run_both_ends_are_kept() {
        use crate::{AttemptNo, Class};
        let mut history = super::History::default();
        for number in 1..=100 {
            history.push(super::Try {
                number: AttemptNo::new(number).expect("not zero"),
                started: core::time::Duration::ZERO,
                took: None,
                class: Class::ERROR,
                wait: None,
                wait_source: None,
                text: String::new(),
            });
        }
        let numbers: Vec<u32> = history.tries.iter().map(|kept| kept.number.get()).collect();
        assert_eq!((numbers.len(), history.left_out as usize), (KEPT, 100 - KEPT));
        assert_eq!(numbers[KEPT_FIRST - 1..=KEPT_FIRST], [8, 77]);
        assert_eq!(numbers.last(), Some(&100));
    }
}
