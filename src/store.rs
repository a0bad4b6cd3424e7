//! Where the journal lives.
//!
//! # Theory of operation
//!
//! A [`Store`] takes batches of entries and acknowledges each batch as a whole: after [`Store::append`] has returned, the
//! entries survive `kill -9` and a power cut, or none of them does. From the same entries it keeps what is asked for often
//! (runs by state, attempts, due times), in the same transaction, with the invariants in its schema.
//!
//! It never decides. A daemon that starts asks [`Store::recover`] for whatever is not over and folds it; runs that wait for
//! their first attempt stay in the store, of which the dispatcher asks for a window by [`Store::queued`].
//!
//! There are two: [`Sqlite`] for the daemon, [`Memory`] for the simulator. What an entry does to the run that it is about is told
//! once, in `standing`, and followed by both; the schema refuses on its own what must never be. One conformance suite runs
//! against both. The daemon hands its batches to the [`Writer`], whose thread puts whatever has arrived into one commit. Whoever
//! only reads opens a [`View`](view::View), beside the daemon or without one.
//!
//! Deliberately not here: a second try of a failed write. A failed append leaves nothing behind, and what follows is the
//! daemon's to decide.

mod memory;
mod sqlite;
mod standing;
mod table;
pub mod view;
mod writer;

use std::fmt;

use serde::{Deserialize, Serialize};
use steadfast_retry::{Ending, Moment};

use crate::ids::{Digest, RunId, ShimId};
use crate::journal::{Entry, Opening, Sweep};

pub use memory::Memory;
pub use sqlite::{Birth, Check, Info, Keep, Pruned, Sqlite, Verified, is_locked};
pub use standing::{How, State};
pub use writer::{Backlog, Epoch, Report, Writer};

/// A place that keeps entries.
pub trait Store {
    /// Writes a batch, all or nothing, and returns when it is durable.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if nothing of the batch was written: the disk is full or failing, or an invariant would break.
    fn append(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.append_group(&[batch])
    }

    /// Writes several batches in one go, all or nothing, and returns when they are durable.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if nothing of any of them was written.
    fn append_group(&mut self, group: &[&Batch]) -> Result<(), StoreError>;

    /// Finds out whether something could be written now, by writing something that means nothing.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it could not.
    fn probe(&mut self) -> Result<(), StoreError>;

    /// Tidies up while nothing is to be written, and gives memory back.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if that failed; nothing is lost by it.
    fn rest(&mut self) -> Result<(), StoreError>;

    /// Returns what a daemon must know to go on.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    fn recover(&mut self) -> Result<Recovered, StoreError>;

    /// Returns runs of a lane that wait for their first attempt and are not held, in the order in which they go, behind a place in that order.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    fn queued(&mut self, lane: &str, behind: Option<Place>, most: usize) -> Result<Vec<Queued>, StoreError>;

    /// Returns the body of a stored document.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it is not there or cannot be read.
    fn document(&mut self, digest: Digest) -> Result<String, StoreError>;

    /// Returns which of a job's matrix points have a run of this definition (`None` for a job without a matrix).
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    fn begun_points(&mut self, job: &str, definition: Digest) -> Result<Vec<Option<u32>>, StoreError>;

    /// Returns the run that was opened under a caller's key.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    fn run_of_key(&mut self, key: &str) -> Result<Option<RunId>, StoreError>;

    /// Returns how a run was opened, and how it ended if it is over.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    fn opening(&mut self, run: RunId) -> Result<Option<(Opening, Option<Ending>)>, StoreError>;
}

/// What is written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Texts that entries refer to by digest; one that is there already is left alone.
    pub documents: Vec<Document>,
    /// The entries, in order.
    pub entries: Vec<Entry>,
}

/// A text kept under its digest: a job's definition, a table of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The digest of the body.
    pub digest: Digest,
    /// The text, JSON.
    pub body: String,
}

/// A place in the order of waiting runs: higher priority first, then the older run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Higher goes first.
    pub priority: i32,
    /// Lower goes first.
    pub run: RunId,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.priority.cmp(&self.priority).then(self.run.cmp(&other.run))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A run that waits for its first attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its number.
    pub run: RunId,
    /// How it came to be.
    pub opening: Opening,
}

/// What a daemon must know to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The number of the journal's newest entry, zero if there is none.
    pub newest_seq: u64,
    /// The number of the newest run, zero if there is none.
    pub newest_run: u64,
    /// Runs that have begun and are not over, oldest first, with all their entries.
    pub begun: Vec<Begun>,
    /// How many runs wait for their first attempt and are not held, per lane.
    pub lanes: Vec<(String, u64)>,
    /// What is known of each job.
    pub jobs: Vec<JobRecord>,
    /// Runs that wait for their first attempt and are held.
    pub held: Vec<Queued>,
    /// Matrices of which some run is not over.
    pub sweeps: Vec<SweepRecord>,
    /// Up to where the records of each shim are settled.
    pub marks: Vec<(ShimId, u64)>,
    /// Whether the daemon before stopped cleanly; true for a new store.
    pub clean: bool,
    /// When the daemon before began, if there was one.
    pub woke: Option<Moment>,
}

/// A run that has begun and is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its number.
    pub run: RunId,
    /// Its entries, oldest first; the first one opens it.
    pub entries: Vec<Entry>,
}

/// What the store knows of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobRecord {
    /// Its name.
    pub name: String,
    /// How many of its runs wait for their first attempt, held ones included.
    pub queued: u64,
    /// Whether it is held.
    pub held: bool,
    /// Up to where its schedule was evaluated, in nanoseconds since the Unix epoch.
    pub evaluated: Option<i64>,
    /// The newest run, and how it ended if it is over. A matrix counts as one: it has ended with its last run, as succeeded
    /// if enough of its runs did, else as given up.
    pub newest: Option<(RunId, Option<Ending>)>,
    /// When a run of it was last opened that was not written only to say that it is skipped.
    pub opened: Option<Moment>,
    /// When it last ended well as a whole, as [`JobHappened::Ended`](crate::journal::JobHappened::Ended) says.
    pub succeeded: Option<Moment>,
    /// When it last ended as a whole, however.
    pub ended: Option<Moment>,
}

/// How far the runs of a matrix have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepRecord {
    /// The matrix.
    pub sweep: Sweep,
    /// How many of its runs succeeded.
    pub succeeded: u32,
    /// How many ended otherwise.
    pub failed: u32,
}

/// Why the store could not do its work. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full, or its quota.
    Full(String),
    /// The disk or the file system failed, or cannot be written.
    Io(String),
    /// The disk refused to make writes durable. What was acknowledged before stands; this process must not trust a later
    /// success on the same file, because the system may have dropped what it could not write.
    Unsynced(String),
    /// The file is damaged.
    Corrupt(String),
    /// An invariant of the schema would break: a bug in whoever asked.
    Conflict(String),
    /// What was asked for would overwrite something, or cannot be named.
    Refused(String),
    /// The store was made by a newer version.
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Another process holds it.
    Held(String),
    /// There is nothing under this name.
    Missing(String),
    /// Whoever asks may not read it, or not write it.
    Denied(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(what) => write!(f, "the store's disk is full: {what}"),
            Self::Io(what) => write!(f, "the store cannot be read or written: {what}"),
            Self::Unsynced(what) => {
                write!(
                    f,
                    "the store's disk could not make a write durable: {what}\nhelp: look at the disk, then start the daemon anew; everything acknowledged is kept"
                )
            }
            Self::Corrupt(what) => {
                write!(
                    f,
                    "the store is damaged: {what}\nhelp: `steadfast store verify` says what is wrong; with no daemon running, a backup can be put in its place"
                )
            }
            Self::Conflict(what) => write!(f, "an entry would break the store's rules: {what}"),
            Self::Refused(what) => f.write_str(what),
            Self::Newer { found, known } => {
                write!(
                    f,
                    "the store has version {found}, this program knows up to {known}\nhelp: use the newer program, or restore a backup"
                )
            }
            Self::Held(by) => write!(f, "the store is in use by {by}"),
            Self::Missing(what) => write!(f, "the store has no {what}"),
            Self::Denied(what) => {
                write!(
                    f,
                    "not permitted: {what}\nhelp: ask as the folder's owner, or name another folder with `--state DIR`"
                )
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// Says what the file system refused, by name.
    fn of_file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let what = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing(format!("file {}", path.display())),
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Self::Denied(what),
            _ => Self::Io(what),
        }
    }
}
