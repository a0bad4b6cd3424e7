use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::schedule::{Declared, Missed};

/// A schedule as a file declares it. It has been checked, and [`ScheduleText::declared`] makes the schedule of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ScheduleText {
    /// A cron expression of five fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time from one due time to the next.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::text::optional")]
    #[schemars(with = "Option<String>")]
    pub every: Option<Duration>,
    /// One date and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The zone whose clock is meant; UTC without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What becomes of due times that nobody saw.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "missed")]
    #[schemars(with = "Option<String>")]
    pub missed: Option<Missed>,
    /// How old a missed due time may be.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::text::optional")]
    #[schemars(with = "Option<String>")]
    pub window: Option<Duration>,
    /// The most by which a start is put off.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::text::optional")]
    #[schemars(with = "Option<String>")]
    pub jitter: Option<Duration>,
}

impl ScheduleText {
    /// Returns the values in the form that schedules are made from.
    #[must_use]
    pub fn declared(&self) -> Declared<'_> {
        Declared {
            cron: self.cron.as_deref(),
            every: self.every,
            at: self.at.as_deref(),
            zone: self.zone.as_deref(),
            missed: self.missed,
            window: self.window,
            jitter: self.jitter,
        }
    }
}

/// The serde form of [`Missed`]: `skip`, `once`, or `all 10`.
mod missed {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Missed;

    pub(super) fn serialize<S: Serializer>(missed: &Option<Missed>, to: S) -> Result<S::Ok, S::Error> {
        match missed {
            None => to.serialize_none(),
            Some(Missed::Skip) => to.serialize_str("skip"),
            Some(Missed::Once) => to.serialize_str("once"),
            Some(Missed::All(most)) => to.collect_str(&format_args!("all {most}")),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Missed>, D::Error> {
        let read = |text: String| match text.strip_prefix("all ").map(str::parse) {
            Some(Ok(most)) => Ok(Missed::All(most)),
            Some(Err(_)) | None => Missed::from_word(&text).map_err(D::Error::custom),
        };
        Option::<String>::deserialize(from)?.map(read).transpose()
    }
}
