use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_retry::Moment;

use super::seconds;

/// What an attempt used and left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Usage {
    /// From spawn to exit, as the shim saw it.
    #[schemars(with = "f64")]
    #[serde(with = "seconds")]
    pub took: Duration,
    /// Processor time of the leader and the children it waited for.
    #[schemars(with = "f64")]
    #[serde(with = "seconds")]
    pub cpu: Duration,
    /// The largest resident set of one process, in bytes.
    pub peak_bytes: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// Bytes of output that the cap dropped.
    pub dropped_bytes: u64,
    /// Processes that were left behind and let go, or could not be attributed.
    pub survivors: Vec<String>,
    /// Processes that were left behind and stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Limits that this machine could not enforce, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unenforced: Vec<String>,
}

impl Usage {
    /// Returns how long an attempt ran that was announced at one moment and whose end was taken in at another: from spawn to exit as
    /// whoever watched it saw it; where nobody did, all of that time. Every face shows this figure and no other.
    #[must_use]
    pub fn ran(&self, announced: Moment, ended: Moment) -> Duration {
        if self.took.is_zero() { ended.since(announced) } else { self.took }
    }
}
