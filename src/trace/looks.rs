//! How words, times and durations look to people.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use steadfast_retry::{Moment, Pretty};

use super::clean::{clean, columns, cut_to_columns};

/// What a part of a line means, from which its colour follows. A colour never says what no word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Dim,
    Name,
    Good,
    Care,
    Bad,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Name => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Care => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

/// Returns the sign that stands before the word of an outcome, an ending or a finalizer's result.
pub(super) fn sign_of(word: &str) -> (&'static str, Tone) {
    match word {
        "succeeded" | "done" => ("✓", Tone::Good),
        "failed" | "gave-up" | "stopped" | "quarantined" => ("✗", Tone::Bad),
        "interrupted" | "lost" => ("!", Tone::Care),
        "cancelled" | "skipped" => ("–", Tone::Dim),
        _ => ("·", Tone::Plain),
    }
}

/// Writes a duration as a person reads it at a glance: milliseconds, tenths of a second, seconds, minutes.
pub(super) fn short(span: Duration) -> String {
    let millis = span.as_millis();
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => match (millis / 1_000, millis / 100 % 10) {
            (seconds, 0) => format!("{seconds}s"),
            (seconds, tenths) => format!("{seconds}.{tenths}s"),
        },
        _ => Pretty(Duration::from_secs(span.as_secs())).rounded().to_string(),
    }
}

/// Writes a time of day in a zone, with the date where that is not the day of `beside`.
pub(super) fn clock(at: Moment, beside: Moment, zone: &TimeZone) -> String {
    let [at, beside] = [at, beside].map(|moment| in_zone(moment, zone));
    let format = if at.date() == beside.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S %Z" };
    at.strftime(format).to_string()
}

/// Writes a date and a time of day in a zone, and the zone.
pub(super) fn date_and_clock(at: Moment, zone: &TimeZone) -> String {
    in_zone(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn in_zone(at: Moment, zone: &TimeZone) -> jiff::ZonedDateTime {
    Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or_default().to_zoned_datetime(zone.clone())
}

/// A line in the making: parts that may be left out where there is no room.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts(Vec<Part>);

#[derive(Clone, Debug)]
struct Part {
    text: String,
    tone: Tone,
    /// Who goes first where there is no room: the highest. Zero stays.
    rank: u8,
    least_columns: usize,
}

impl Parts {
    /// Adds a part that stays. Empty parts are left out.
    pub(super) fn add(&mut self, tone: Tone, text: impl AsRef<str>) -> &mut Self {
        self.put(tone, text.as_ref(), 0, 0)
    }

    /// Adds a part that takes at least so many columns, so that lines stand under one another.
    pub(super) fn column(&mut self, tone: Tone, text: impl AsRef<str>, least_columns: usize) -> &mut Self {
        self.put(tone, text.as_ref(), 0, least_columns)
    }

    /// Adds a part that may be left out; a higher rank goes first.
    pub(super) fn extra(&mut self, tone: Tone, text: impl AsRef<str>, rank: u8) -> &mut Self {
        self.put(tone, text.as_ref(), rank, 0)
    }

    fn put(&mut self, tone: Tone, text: &str, rank: u8, least_columns: usize) -> &mut Self {
        if !text.is_empty() || least_columns > 0 {
            self.0.push(Part { text: clean(text).into_owned(), tone, rank, least_columns });
        }
        self
    }

    /// Writes the line, in so many columns if there is a limit.
    pub(super) fn line(mut self, colour: bool, most_columns: Option<usize>) -> String {
        while most_columns.is_some_and(|most| self.columns() > most) {
            let ranks = self.0.iter().enumerate().filter(|(_, part)| part.rank > 0);
            let Some((at, _)) = ranks.max_by_key(|(_, part)| part.rank) else { break };
            self.0.remove(at);
        }
        let mut out = String::new();
        let mut left = most_columns.unwrap_or(usize::MAX);
        let count = self.0.len();
        for (at, part) in self.0.iter().enumerate() {
            let text = cut_to_columns(&part.text, left);
            let style = if colour { part.tone.style() } else { Style::new() };
            let _ = write!(out, "{style}{text}{style:#}");
            left -= columns(&text).min(left);
            if at + 1 < count && left > 0 {
                let gap = (part.least_columns.saturating_sub(columns(&text)) + 1).min(left);
                out.extend(std::iter::repeat_n(' ', gap));
                left -= gap;
            }
        }
        out.truncate(out.trim_end().len());
        out
    }

    fn columns(&self) -> usize {
        let widths = self.0.iter().map(|part| columns(&part.text).max(part.least_columns) + 1);
        widths.sum::<usize>().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_at_a_glance() {
        for (millis, shown) in [
            (0, "0ms"),
            (350, "350ms"),
            (2_104, "2.1s"),
            (10_015, "10s"),
            (59_999, "59.9s"),
            (72_180, "1m12s"),
            (90_061_000, "1d1h1m"),
        ] {
            assert_eq!(short(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn a_part_is_left_out_before_anything_is_cut() {
        let mut parts = Parts::default();
        parts.column(Tone::Name, "job", 5).add(Tone::Bad, "failed").extra(Tone::Dim, "rule", 2).extra(
            Tone::Dim,
            "why",
            1,
        );
        assert_eq!(parts.clone().line(false, None), "job   failed rule why");
        assert_eq!(parts.clone().line(false, Some(16)), "job   failed why");
        assert_eq!(parts.clone().line(false, Some(15)), "job   failed");
        assert_eq!(parts.line(false, Some(9)), "job   fa…");
    }
}
