//! Which events a writer is shown.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// A checked filter: a level, and levels for targets by the beginning of their names.
///
/// ```
/// use steadfast::trace::Filter;
///
/// assert!(Filter::new("info,steadfast::attempt=debug").is_ok());
/// assert!(Filter::new("debgu").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    pub(super) targets: Targets,
}

impl Filter {
    /// Reads a filter: levels (`off error warn info debug trace`), alone or as `target=level`, with commas between them.
    ///
    /// # Errors
    ///
    /// Returns [`BadFilter`] if a part is neither. A lone name is refused: it would silence everything else by a slip.
    pub fn new(text: &str) -> Result<Self, BadFilter> {
        let bad = |part: &str| BadFilter { part: part.to_owned() };
        let mut targets = Targets::new();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((target, level)) if is_target(target) => {
                    targets = targets.with_target(target, level_of(level).ok_or_else(|| bad(part))?);
                }
                Some(_) => return Err(bad(part)),
                None => targets = targets.with_default(level_of(part).ok_or_else(|| bad(part))?),
            }
        }
        Ok(Self { text: text.to_owned(), targets })
    }

    /// Returns the filter of a writer for people: what ends, and what went wrong.
    #[must_use]
    pub fn for_people() -> Self {
        Self::new("warn,steadfast=info").expect("a filter in our own source is right")
    }

    /// Returns the filter of a writer for machines: everything but the steps that programs count.
    #[must_use]
    pub fn for_machines() -> Self {
        Self::new("info,steadfast=debug").expect("a filter in our own source is right")
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_target(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'))
}

fn level_of(text: &str) -> Option<LevelFilter> {
    const LEVELS: [(&str, LevelFilter); 6] = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    LEVELS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, level)| *level)
}

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter {
    part: String,
}

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = super::clean::clean(&self.part);
        write!(
            f,
            "`{part}` is no level and no `target=level`\nhelp: write for example \"info,steadfast::attempt=debug\""
        )?;
        f.write_str("; levels are off, error, warn, info, debug and trace")
    }
}

impl std::error::Error for BadFilter {}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_longest_name_that_fits_decides() {
        let filter = Filter::new("warn, steadfast=INFO,steadfast::attempt=trace").unwrap().targets;
        for (target, level, shown) in [
            ("steadfast::run", Level::INFO, true),
            ("steadfast::run", Level::DEBUG, false),
            ("steadfast::attempt", Level::TRACE, true),
            ("hyper", Level::WARN, true),
            ("hyper", Level::INFO, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), shown, "{target} {level}");
        }
    }

    #[test]
    fn a_slip_is_an_error_and_not_silence() {
        for text in ["", "debgu", "steadfast", "steadfast=loud", "=info", "a b=info", "info,,warn", "x=info=warn"] {
            assert!(Filter::new(text).is_err(), "{text}");
        }
    }
}
