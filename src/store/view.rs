//! What people and programs read: pages of runs, one run with everything about it, events, counts.
//!
//! # Theory of operation
//!
//! A [`View`] is a connection of its own that can only read. The daemon's API uses one, and the command line uses one where no
//! daemon runs; neither ever waits for the writer. Every question is answered from an index or a counter: a page costs what is on
//! it, however many runs there are.
//!
//! The shapes are public: the API, `--json` and the schema are made of them. Keys are `snake_case`; values that are words are
//! the words of files and tables (`gave-up`, `net-reset`); times are RFC 3339 in UTC; durations are numbers whose key ends in
//! `_seconds`. A field is added, never changed.
//!
//! Deliberately not here: a sentence about *why now*, which needs slots and schedules that only the daemon knows.

mod attempt;
mod convert;
mod count;
mod event;
mod filter;
mod fold;
mod page;
mod plain;
mod run;
mod time;

use std::path::Path;

use rusqlite::Connection;
use steadfast_retry::Policy;

use crate::ids::{Digest, RunId};

use super::StoreError;
use super::sqlite::{self, Verified};

pub use attempt::{AccountView, AttemptView, BecauseView, DecisionView, FactView, ProgressView, RuleView, UsageView};
pub use count::{Counts, JobSummary, LaneCount};
pub use event::{EventPage, EventView, Events};
pub use filter::{BadFilter, Filter, Is, Since};
pub use page::{Cursor, Order, Page, RunPage, RunRow};
pub use plain::plain;
pub use run::{FinalizerView, LedgerView, NoteView, RuleCharge, RunView, SweepView, TriggerView};
pub use time::Time;

/// A store that is open for reading only.
#[derive(Debug)]
pub struct View {
    rows: Connection,
}

impl View {
    /// Opens the store of a state folder for reading, beside a daemon or without one.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Missing`] where there is no store, and whatever keeps it from being read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self { rows: sqlite::read_only(&folder.join(sqlite::FILE))? })
    }

    /// Returns everything about a run, or `None` if there is no such run.
    ///
    /// `policy` reads the policy out of the run's definition; where it cannot, the view has no ledger.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn run(&self, run: RunId, policy: impl FnOnce(&str) -> Option<Policy>) -> Result<Option<RunView>, StoreError> {
        let rows = self.rows.unchecked_transaction()?;
        run::read(&rows, run, policy)
    }

    /// Returns the body of a stored document.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Missing`] if it is not there.
    pub fn document(&self, digest: Digest) -> Result<String, StoreError> {
        sqlite::document(&self.rows, digest)
    }

    /// Writes a copy of the store as it is now, beside a daemon that is at work.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the copy was not made; a file that stands there already is left alone.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        sqlite::back_up(&self.rows, to)
    }

    /// Checks everything, as [`Sqlite::verify`](super::Sqlite::verify) does.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read at all.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let rows = self.rows.unchecked_transaction()?;
        sqlite::verify(&rows)
    }

    /// Returns figures of the store.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it cannot be read.
    pub fn info(&self, folder: &Path) -> Result<sqlite::Info, StoreError> {
        sqlite::info(&self.rows, &folder.join(sqlite::FILE))
    }
}

#[cfg(test)]
mod tests;
