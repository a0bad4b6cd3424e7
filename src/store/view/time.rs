use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use steadfast_retry::Moment;

/// A time for people and programs: RFC 3339 in UTC with milliseconds, such as `2026-11-23T12:04:31.207Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(Timestamp);

impl Time {
    /// Makes the time of a moment on the steadied wall clock.
    #[must_use]
    pub fn of(moment: Moment) -> Self {
        Self::of_nanos(i128::from(moment.as_nanos()))
    }

    /// Makes a time from nanoseconds since the Unix epoch; what lies beyond the calendar becomes its last day.
    #[must_use]
    pub fn of_nanos(nanos: i128) -> Self {
        Self(Timestamp::from_nanosecond(nanos).unwrap_or(if nanos < 0 { Timestamp::MIN } else { Timestamp::MAX }))
    }

    /// Returns the time as the calendar's type.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Returns the moment on the steadied wall clock; what lies before the Unix epoch becomes its beginning.
    #[must_use]
    pub fn moment(self) -> Moment {
        Moment::from_nanos(u64::try_from(self.0.as_nanosecond()).unwrap_or_default())
    }

    /// Returns how long after `earlier` it is, zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0.duration_since(earlier.0)).unwrap_or_default()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 in UTC with milliseconds, such as 2026-11-23T12:04:31.207Z"
        })
    }
}
