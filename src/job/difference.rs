//! What changed from one configuration to another, for whoever reloads. Runs that are there already are not touched
//! by it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Config;

/// What changed from one configuration to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// One line for each thing that was added, changed or removed, sorted by kind and name.
    pub changes: Vec<Change>,
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// What became of it.
    pub verb: Verb,
    /// Job, group, policy or class.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The keys whose values differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is gone.
    Removed,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        })
    }
}

impl Config {
    /// Tells what changed from one configuration to another. Places in files do not count: a job that moved is the same.
    #[must_use]
    pub fn difference(old: &Self, new: &Self) -> Difference {
        let mut changes = Vec::new();
        let jobs = |config: &Self| config.jobs.iter().map(|(name, job)| (name.clone(), shown(job.as_ref()))).collect();
        let groups = |config: &Self| config.groups.iter().map(|(name, group)| (name.clone(), shown(group))).collect();
        let policies = |config: &Self| {
            config.policies.iter().map(|(name, policy)| (name.clone(), shown(&policy.policy))).collect()
        };
        let classes =
            |config: &Self| config.classes.iter().map(|class| (class.name.to_string(), shown(class))).collect();
        compare("job", &jobs(old), &jobs(new), &mut changes);
        compare("group", &groups(old), &groups(new), &mut changes);
        compare("policy", &policies(old), &policies(new), &mut changes);
        compare("class", &classes(old), &classes(new), &mut changes);
        Difference { changes }
    }
}

/// A thing as people compare it: its keys and values, without places and digests.
fn shown(thing: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(thing).unwrap_or_default();
    without_places(&mut value);
    // A definition's parts are the job's own keys to whoever wrote the file.
    if let Some(job) = value.as_object_mut() {
        job.remove("digest");
        if let Some(Value::Object(definition)) = job.remove("definition") {
            job.extend(definition);
        }
    }
    value
}

fn without_places(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|key, value| key != "origin" || !value.is_object());
            entries.iter_mut().for_each(|(_, value)| without_places(value));
        }
        Value::Array(items) => items.iter_mut().for_each(without_places),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn compare(kind: &str, old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>, changes: &mut Vec<Change>) {
    let change = |verb, name: &String, keys| Change { verb, kind: kind.to_owned(), name: name.clone(), keys };
    for (name, value) in new {
        match old.get(name) {
            None => changes.push(change(Verb::Added, name, Vec::new())),
            Some(before) if before != value => changes.push(change(Verb::Changed, name, differing(before, value))),
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changes.extend(gone.map(|name| change(Verb::Removed, name, Vec::new())));
}

/// The outermost keys whose values differ.
fn differing(old: &Value, new: &Value) -> Vec<String> {
    let keys = |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let mut all: Vec<String> =
        keys(old).into_iter().chain(keys(new)).filter(|key| old.get(key) != new.get(key)).collect();
    all.sort();
    all.dedup();
    all
}

impl Difference {
    /// Says whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// All changes in one line.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return f.write_str("nothing changed");
        }
        for (at, change) in self.changes.iter().enumerate() {
            let gap = if at > 0 { ", " } else { "" };
            write!(f, "{gap}{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.kind, self.name)?;
        if self.keys.is_empty() { Ok(()) } else { write!(f, " ({})", self.keys.join(", ")) }
    }
}
