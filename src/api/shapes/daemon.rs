use serde::{Deserialize, Serialize};

use crate::store::view::{Counts, Time};

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatusView {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its state folder.
    pub state: String,
    /// When it began.
    pub began_at: Time,
    /// What time it has.
    pub now: Time,
    /// Places for attempts.
    pub slots: SlotsView,
    /// Runs by where they stand.
    pub counts: Counts,
    /// When something is due next: a schedule or a delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// Why nothing new begins, while the journal cannot be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// What is damaged in the store, if the check after an unclean stop found something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Whether no new attempt begins because somebody wants it so.
    pub draining: bool,
    /// What it was told to run.
    pub config: ConfigView,
    /// The writers of its trace.
    pub trace: Vec<WriterView>,
    /// How many follow its events.
    pub followers: usize,
}

/// Places for attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SlotsView {
    /// Those that are taken.
    pub taken: u64,
    /// All of them; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// What a daemon was told to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConfigView {
    /// How many jobs are loaded.
    pub jobs: u64,
    /// The files that they were read from.
    pub files: Vec<String>,
    /// What is wrong with the files, if the last reload was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// One writer of the daemon's trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WriterView {
    /// Which: console or files.
    pub writer: String,
    /// What it is shown.
    pub filter: String,
    /// How many lines it has dropped since the start.
    pub dropped_lines: u64,
    /// What is wrong with its place at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReloadView {
    /// The difference, in lines; empty where nothing changed.
    pub difference: String,
}

/// What the writers of the trace are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FilterView {
    /// The writers.
    pub writers: Vec<WriterView>,
}

/// What a writer of the trace is to be shown from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterWanted {
    /// Which writer, console or files; both where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// The filter, such as `info,steadfast::attempt=debug`.
    pub filter: String,
}
