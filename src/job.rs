//! Configuration: what files declare, checked and resolved into plain data.
//!
//! # Theory of operation
//!
//! The [`Reader`] turns files and folders of TOML into one [`Config`], or into everything that is wrong with them. A file
//! is measured and its nesting counted before the parser sees it; each `[job.x]`, `[policy.x]`, `[class.x]` and
//! `[group.x]` is decoded on its own, and where a table has a mistake, the mistaken key is noted, taken out and the rest
//! decoded again, so that three bad keys give three [`Diagnostic`]s. What can only be seen in the whole (a policy's
//! parents, a job's predecessors, a schedule's zone) is checked afterwards. A configuration is swapped as a whole or
//! not at all.
//!
//! What comes out is right by type and leaves nothing to look up: a [`Job`] carries its resolved policy, its matrix and
//! everything that shapes a run in one [`Definition`], which is stored by digest beside each run. So a run keeps what it
//! began with, whatever the files say later.
//!
//! Deliberately not here: when a job is due (the dispatcher's), what becomes of a file that changed while the daemon
//! runs (the daemon asks the reader again and compares), and anything that starts a process.

pub use self::action::{Action, Command, OutputMode, Program};
pub use self::after::{After, Mode};
pub use self::config::{Config, File, Group};
pub use self::definition::{Definition, Leftovers, Parameter, ResourceLimits, StopLadder};
pub use self::diagnostic::{Code, Diagnostic, Entry, Related, Rendering, Severity};
pub use self::difference::{Change, Difference, Verb};
pub use self::expand::{Builtins, Expanded, Missing, Values};

pub use self::explain::{explain, schema};
pub use self::matrix::{Matrix, Point, Succeeds};
pub(crate) use self::read::files_of;
pub use self::read::{Reader, Reading, Text};
pub use self::schedule::ScheduleText;

mod action;
mod after;
mod command_line;
mod config;
mod definition;
mod diagnostic;
mod difference;
mod enforce;
mod expand;
mod explain;
mod matrix;
mod read;
mod schedule;
mod shipped;
mod table;
mod text;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use steadfast_retry::Origin;

use crate::ids::Digest;

/// A commented file with one job, for `steadfast init`.
pub const INIT: &str = include_str!("job/init.toml");

/// What a file declares to be run: one `[job.x]`, resolved.
///
/// What shapes a run is the [`Definition`]; the rest says when runs begin and what their endings count for, and may change
/// without making a different run of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Job {
    /// The name: kebab-case, unique among all files.
    pub name: String,
    /// What it is for, in the words of its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Everything that shapes a run.
    pub definition: Arc<Definition>,
    /// The digest of the definition without the places in files: moving a job a line down does not change it.
    #[schemars(with = "String")]
    pub digest: Digest,
    /// When it is due; without one it starts by hand, by `after` or by the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleText>,
    /// What becomes of a start while an earlier run is under way.
    pub overlap: Overlap,
    /// The group whose slots its attempts need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Higher goes first; from -1000 to 1000.
    pub priority: i32,
    /// Which jobs it comes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// How many of its matrix points must succeed for the job to have succeeded.
    pub succeeds: Succeeds,
    /// Whether its failure counts against nothing.
    pub may_fail: bool,
    /// Where it was declared.
    #[schemars(with = "String")]
    pub origin: Origin,
}

/// What becomes of a start while an earlier run of the job is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// It is dropped, and said so.
    #[default]
    Skip,
    /// It waits; beyond so many waiting it is dropped.
    Queue(u32),
    /// The earlier run is cancelled by the stop ladder; the new one starts when the old tree is dead.
    Replace,
    /// Both run side by side.
    Allow,
}
