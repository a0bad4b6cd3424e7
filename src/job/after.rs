use serde::{Deserialize, Serialize};

/// Which jobs a job comes after, and what must have become of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct After {
    /// The jobs, in file order, at least one, none twice.
    pub jobs: Vec<String>,
    /// What must have become of them.
    pub mode: Mode,
}

/// What must have become of the jobs that a job comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Each has a success newer than this job's last run.
    AllSucceeded,
    /// One of them has.
    AnySucceeded,
    /// Each has ended since, whatever the ending.
    Ended,
}
