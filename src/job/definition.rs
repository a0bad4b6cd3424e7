//! What a run of a job does, and under which policy: stored beside each run, which keeps it to its end, and named
//! by a digest of its content.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_retry::Policy;

use super::{Action, Matrix};
use crate::evidence::ExitCodes;
use crate::ids::Digest;

/// Everything that shapes a run: what is done, under which policy, with which values and in which surroundings.
///
/// It is stored as JSON ([`Definition::document`]) beside each run, which keeps it to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Definition {
    /// What is done.
    pub action: Action,
    /// How to go on after a failure, the job's own overrides included.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub policy: Arc<Policy>,
    /// The values that it is run with.
    #[serde(default, skip_serializing_if = "Matrix::is_empty")]
    pub matrix: Matrix,
    /// The values that whoever starts it may give.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// Variables that are added to the environment; `{name}` is replaced in the values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The folder that it runs in, absolute; `{name}` is replaced.
    pub workdir: PathBuf,
    /// What the kernel holds it to.
    #[serde(default, skip_serializing_if = "ResourceLimits::is_empty")]
    pub limits: ResourceLimits,
    /// How it is stopped.
    pub stop: StopLadder,
    /// What happens to processes that it leaves behind.
    pub leftovers: Leftovers,
}

impl Definition {
    /// Returns the text that is stored with a run and read back by serde, the places in files included.
    ///
    /// # Panics
    ///
    /// Never: the types hold nothing that JSON cannot.
    #[must_use]
    pub fn document(&self) -> String {
        serde_json::to_string(self).expect("a definition is made of texts, numbers, lists and tables")
    }

    /// Returns the exit codes that mean success.
    #[must_use]
    pub const fn success(&self) -> &ExitCodes {
        let Action::Command(command) = &self.action;
        &command.success
    }

    /// Computes the digest of what shapes a run: the document without the places in files and without help texts, its
    /// keys sorted.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of(serde_json::to_value(self).expect("a definition is made of texts, numbers, lists and tables"))
    }

    /// Computes the same digest from a stored [`document`](Self::document), of this program or of an earlier one; `None` if the
    /// text is no definition.
    #[must_use]
    pub fn digest_of_document(document: &str) -> Option<Digest> {
        let value: serde_json::Value = serde_json::from_str(document).ok()?;
        let is_definition = ["action", "policy"].iter().all(|part| value.get(part).is_some());
        is_definition.then(|| digest_of(value))
    }
}

/// Drops from a document what shapes no run, and computes the digest of the rest.
fn digest_of(mut value: serde_json::Value) -> Digest {
    for part in ["catch", "finally"] {
        let entries = value.pointer_mut(&format!("/policy/{part}")).and_then(serde_json::Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(serde_json::Value::as_object_mut) {
            entry.remove("origin");
        }
    }
    let parameters = value.get_mut("parameters").and_then(serde_json::Value::as_object_mut);
    for (_, parameter) in parameters.into_iter().flatten() {
        parameter.as_object_mut().map(|parameter| parameter.remove("help"));
    }
    Digest::of(&canonical(&value))
}

/// JSON with sorted keys, whatever map the JSON library keeps objects in.
fn canonical(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(entries) => {
            let sorted: BTreeMap<&String, String> =
                entries.iter().map(|(key, value)| (key, canonical(value))).collect();
            let entries: Vec<String> = sorted
                .iter()
                .map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key.as_str())))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}

/// A value that whoever starts a job may give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Parameter {
    /// The value where none is given, as written in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether a start without it is refused.
    pub required: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What the kernel holds a program to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct ResourceLimits {
    /// Memory of all its processes together, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The number of its processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Address space of each process, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space_bytes: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Size of a core file, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_bytes: Option<u64>,
    /// Size of any file that it writes, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// Processor time of each process, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<u64>,
}

impl ResourceLimits {
    /// Says whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The steps of stopping, each with the time that it gives: ask, TERM to the leader, TERM to all, KILL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StopLadder {
    /// The time after the stop file has appeared and before TERM goes to the leader.
    #[serde(with = "super::text")]
    #[schemars(with = "String")]
    pub ask: Duration,
    /// The time between TERM to the leader and TERM to all.
    #[serde(with = "super::text")]
    #[schemars(with = "String")]
    pub leader: Duration,
    /// The time between TERM to all and KILL.
    #[serde(with = "super::text")]
    #[schemars(with = "String")]
    pub all: Duration,
    /// How much longer all steps together may last because the program asks for it.
    #[serde(with = "super::text")]
    #[schemars(with = "String")]
    pub extend: Duration,
}

impl Default for StopLadder {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { ask: seconds(0), leader: seconds(10), all: seconds(5), extend: seconds(0) }
    }
}

/// What happens to processes that outlive the program that started them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leftovers {
    /// They are stopped by the ladder before the attempt counts as over.
    #[default]
    Stop,
    /// They are written down and let go.
    Leave,
}
