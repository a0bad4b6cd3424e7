//! The serde form of a duration in stored and shown data: the text that people write.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use steadfast_retry::{Pretty, parse_duration};

pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Pretty(*span))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The same for a duration that may be missing.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Duration, Error, Pretty, Serializer, parse_duration};

    pub(in crate::job) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => to.collect_str(&Pretty(*span)),
            None => to.serialize_none(),
        }
    }

    pub(in crate::job) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| parse_duration(&text)).transpose().map_err(D::Error::custom)
    }
}
