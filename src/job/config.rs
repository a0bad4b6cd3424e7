use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use steadfast_retry::Origin;
use steadfast_retry::table::Resolved;

use super::Job;
use crate::evidence::Classes;
use crate::ids::Digest;

/// A whole configuration: every job, with what the jobs refer to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The jobs by name.
    pub jobs: BTreeMap<String, Arc<Job>>,
    /// The groups by name.
    pub groups: BTreeMap<String, Group>,
    /// The policies by name, shipped and own, each with the place of every value.
    pub policies: BTreeMap<String, Arc<Resolved>>,
    /// The exception classes, the users' in front of the shipped ones.
    pub classes: Classes,
    /// The files that it was read from.
    pub files: Vec<File>,
}

/// What comes with steadfast: its policies and classes, and no job.
impl Default for Config {
    fn default() -> Self {
        Self {
            jobs: BTreeMap::new(),
            groups: BTreeMap::new(),
            policies: super::shipped::resolved()
                .iter()
                .map(|(name, (ready, _))| (name.clone(), Arc::clone(ready)))
                .collect(),
            classes: Classes::shipped().clone(),
            files: Vec::new(),
        }
    }
}

/// Jobs that share slots: `[group.x]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    /// The name.
    pub name: String,
    /// How many attempts of its jobs may run at a time.
    pub slots: u32,
    /// Where it was declared.
    #[schemars(with = "String")]
    pub origin: Origin,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct File {
    /// Its path, as the user named it.
    pub path: String,
    /// The digest of its text.
    #[schemars(with = "String")]
    pub digest: Digest,
}
