use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::RunId;
use crate::job::{After, Parameter, ScheduleText};
use crate::store::view::{JobSummary, Time};

/// All jobs that are loaded or have a past, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobRow>,
}

/// One job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobRow {
    /// Its name.
    pub job: String,
    /// Whether a file declares it at present.
    pub loaded: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Whether it is held.
    pub held: bool,
    /// Its policy's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The group whose slots it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How many points its matrix has, 0 without one.
    pub points: u32,
    /// Its schedule, as declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleText>,
    /// When its schedule is due next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// The jobs that it comes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// Of those, the ones that it still waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// How many of its runs wait for their first attempt.
    pub waiting: u64,
    /// Its runs that have begun and are not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under_way: Vec<RunId>,
    /// What is known from its runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<JobSummary>,
}

/// Everything about one job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobDetail {
    /// The job.
    pub job: JobRow,
    /// What keeps it from beginning, or lets it begin when.
    pub sentence: String,
    /// The next due times of its schedule, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upcoming: Vec<Time>,
    /// The values that whoever starts it may give.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// Its definition as new runs begin with it, policy included; its shape may gain keys with any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<serde_json::Value>,
    /// The definition's digest: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<String>,
}
