//! What stands in paths and behind the question mark. What is answered has its own shapes.

use serde::{Deserialize, Serialize};

use crate::api::shapes::LogStream;
use crate::ids::RunId;
use crate::store::view::Order;

/// The run in a path.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OfRun {
    /// The run's number.
    pub run: RunId,
}

/// The attempt in a path.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OfAttempt {
    /// The run's number.
    pub run: RunId,
    /// The attempt's number.
    pub attempt: u32,
}

/// The job in a path.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OfJob {
    /// The job's name.
    pub job: String,
}

/// Which runs of the list are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsQuery {
    /// Words such as `state:waiting job:crawl* class:net-* ending:failed since:1d is:trouble`; all runs without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The order; `trouble` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What a page gave as `next`, to go on behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many, at most 1000; 100 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Which lines of the journal are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Behind which line; 0 begins with the first. Where nothing is said and `follow` is, only what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How many of them, at most 10000; 1000 where nothing is said. With `follow`, there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Whether to go on with lines as they are written.
    #[serde(default)]
    pub follow: bool,
}

/// How long to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// Such as `30s` or `5m`, at most an hour; `1m` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// Which part of a log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Whose output: an attempt (`3`) or a try of a finalizer (`f0.1`, `a3.f0.1`); the latest attempt where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<String>,
    /// From which byte on, dropped ones counted; a negative number counts from the end. 0 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Up to which byte, not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Only one of the streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<LogStream>,
    /// Whether to go on while the process writes; without a piece, also with the attempts that follow, until the run is over.
    #[serde(default)]
    pub follow: bool,
    /// Whether `follow` goes on with the attempts behind `piece` as well: so a reader that was cut off goes on where it was.
    #[serde(default)]
    pub onward: bool,
    /// The form of the answer; `lines` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<LogForm>,
}

/// The form in which a log is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogForm {
    /// One JSON document per line for each piece of the log, with its time, stream and place; what was dropped is said.
    #[default]
    Lines,
    /// The bytes as they were written, without those that were dropped.
    Bytes,
}

/// The form in which a timeline is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// The form of the answer; `json` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<TraceForm>,
    /// For text: how many columns there are; nothing is cut where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<usize>,
    /// For text: whether it has colours.
    #[serde(default)]
    pub colour: bool,
    /// For text: the time zone, such as `Asia/Shanghai`; UTC where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// The form in which a timeline is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TraceForm {
    /// The tree.
    #[default]
    Json,
    /// Lines for people.
    Text,
}

/// What becomes of running attempts when the daemon stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopQuery {
    /// Whether they are ended along with it; else they run on, and the next daemon finds them.
    #[serde(default)]
    pub jobs: bool,
}
