//! A time zone by its name, and the instant that a local time stands for.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

/// A time zone with the name it was asked for by.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// UTC, the zone of a schedule that names none.
    pub fn utc() -> Zone {
        Zone { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Looks a zone up by its IANA name, whatever the case of its letters.
    ///
    /// # Errors
    ///
    /// The name is not in `zones`; the error is the remedy: the nearest name, if one is near.
    pub fn named(name: &str, zones: &TimeZoneDatabase) -> Result<Zone, String> {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Zone::utc());
        }
        match zones.get(name) {
            Ok(rules) => Ok(Zone { name: rules.iana_name().unwrap_or(name).to_owned(), rules }),
            Err(_) => Err(remedy(name, zones)),
        }
    }

    /// The zone's IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone's offsets from UTC and the instants at which they change.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn remedy(name: &str, zones: &TimeZoneDatabase) -> String {
    let wanted = name.to_ascii_lowercase();
    let likeness = |known: &str| {
        let known = known.to_ascii_lowercase();
        // People often write the city alone.
        let city = known.rsplit('/').next().unwrap_or(&known);
        strsim::jaro_winkler(&wanted, &known).max(strsim::jaro_winkler(&wanted, city))
    };
    let known = zones.available().map(|known| known.as_str().to_owned());
    let near = known.map(|known| (likeness(&known), known)).filter(|(likeness, _)| *likeness >= 0.8);
    // On equal likeness the first in the alphabet, so that the message does not depend on the order of the data.
    match near.max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| right.cmp(left))) {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => "write an IANA name such as `Europe/Berlin`, or `UTC`".to_owned(),
    }
}

/// Returns the instant that `local` stands for: its first pass if it comes twice, and if the clock jumped over it, the
/// first instant after the jump. `None`: outside the calendar.
pub(super) fn first_instant(rules: &TimeZone, local: DateTime) -> Option<Timestamp> {
    match rules.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the later offset, a time inside the gap lies before the jump, by less than the gap is long.
            let short_before = after.to_timestamp(local).ok()?;
            let jump = rules.following(short_before).find(|jump| jump.offset() == after);
            match jump {
                Some(jump) => Some(jump.timestamp()),
                None => before.to_timestamp(local).ok(),
            }
        }
    }
}

/// Whether the zone's clock jumps over `local`; if so, the offsets before and after the jump.
pub(super) fn jumped_over(rules: &TimeZone, local: DateTime) -> Option<(Offset, Offset)> {
    match rules.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Gap { before, after } => Some((before, after)),
        AmbiguousOffset::Fold { .. } | AmbiguousOffset::Unambiguous { .. } => None,
    }
}

/// Whether `local` comes twice; if so, the offsets of its first and its second pass.
pub(super) fn repeated_at(rules: &TimeZone, local: DateTime) -> Option<(Offset, Offset)> {
    match rules.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { before, after } => Some((before, after)),
        AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => None,
    }
}
