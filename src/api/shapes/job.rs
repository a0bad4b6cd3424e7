//! Jobs as they are answered: what the files say of each, and beside it what the loop and the store know.

use std::collections::BTreeMap;

use jiff::tz::TimeZoneDatabase;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::ids::RunId;
use crate::job::{After, Job, Mode, Parameter, ScheduleText};
use crate::store::view::{JobSummary, Time, plain};

/// How many due times are foretold.
const UPCOMING: usize = 5;

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

impl JobRow {
    /// Makes the row of a job of which only the files are known.
    pub(crate) fn declared(job: &Job) -> Self {
        Self {
            job: job.name.clone(),
            loaded: true,
            about: job.about.clone(),
            policy: Some(job.definition.policy.name().to_owned()),
            group: job.group.clone(),
            points: job.definition.matrix.len(),
            schedule: job.schedule.clone(),
            after: job.after.clone(),
            ..Self::default()
        }
    }

    /// Says what lets a job begin next.
    pub(crate) fn sentence(&self) -> String {
        if !self.loaded {
            return "no file declares it any more, so nothing of it begins".to_owned();
        }
        if self.held {
            return "it is held: nothing of it begins until it is released".to_owned();
        }
        match (&self.due_at, &self.after) {
            (Some(due), _) => format!("its schedule starts it next at {due}"),
            (None, Some(after)) => {
                let what = match after.mode {
                    Mode::AllSucceeded => "each of these has a new success",
                    Mode::AnySucceeded => "one of these has a new success",
                    Mode::Ended => "each of these has ended anew",
                };
                let waits_for = if self.waits_for.is_empty() { &after.jobs } else { &self.waits_for };
                format!("it begins when {what}: {}", waits_for.join(", "))
            }
            (None, None) if self.schedule.is_some() => "its schedule has no due time left".to_owned(),
            (None, None) => "it begins when somebody starts it".to_owned(),
        }
    }
}

impl JobDetail {
    /// Makes what is known of a job from its files alone.
    pub(crate) fn declared(job: &Job) -> Self {
        let upcoming = upcoming(job);
        let row = JobRow { due_at: upcoming.first().copied(), ..JobRow::declared(job) };
        Self {
            sentence: row.sentence(),
            job: row,
            upcoming,
            parameters: job.definition.parameters.clone(),
            definition: serde_json::to_value(&job.definition).ok(),
            digest: Some(job.digest.to_string()),
            declared_at: Some(job.origin.to_string()),
        }
    }

    /// Shows the definition with the keys and durations of every other answer.
    pub(crate) fn plain(self) -> Self {
        Self { definition: self.definition.map(plain), ..self }
    }
}

fn upcoming(job: &Job) -> Vec<Time> {
    let declared = job.schedule.as_ref().map(|text| text.declared().schedule(&TimeZoneDatabase::bundled()));
    let Some(Ok(schedule)) = declared else { return Vec::new() };
    let due = std::iter::successors(schedule.next_after(Clock::wall()), |due| schedule.next_after(*due));
    due.take(UPCOMING).map(|due| Time::of_nanos(due.as_nanosecond())).collect()
}
