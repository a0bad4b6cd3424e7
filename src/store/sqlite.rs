//! The store on disk.
//!
//! # Theory of operation
//!
//! One file, one connection that writes, `journal_mode = WAL` and `synchronous = FULL`: when a commit returns, it is on the
//! disk. [`append`] turns entries into rows, [`tally`] adds up what a whole transaction changes and writes it once, [`recover`]
//! reads what a starting daemon needs, [`keep`] and [`verify`] are for the people who own the file. The schema is in
//! `migrations/`, one file per version; [`fault`] says what the engine's errors mean here.
//!
//! The invariants stand in the schema as well as in `standing`: unique attempt numbers, one running attempt per run, rows that
//! never change once they are over. A bug that gets past the words is stopped by the table.
//!
//! Deliberately not here: threads (the [`Writer`](super::Writer) has one) and any query that scans a table on the daemon's way.

mod append;
mod fault;
mod keep;
mod lock;
mod migrate;
mod recover;
mod tally;
mod value;
mod verify;

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use steadfast_retry::{Ending, Moment};

use crate::failpoint;
use crate::ids::{Digest, RunId};
use crate::journal::Opening;

use super::standing::ending_of;
use super::{Batch, Place, Queued, Recovered, Store, StoreError};
use crate::sys::memory;
use append::Pen;

pub(super) use fault::unreadable;
pub use keep::{Check, Info, Keep, Pruned};
pub(super) use keep::{back_up, info, read_only};
pub use lock::is_locked;
pub(super) use recover::entry_of_run;
pub(super) use value::{Whole, moment};
pub use verify::Verified;
pub(super) use verify::verify;

/// The name of the file in a state folder.
pub(super) const FILE: &str = "store.db";

/// What a new store is given at its birth; one that is there already keeps its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// 128 random bits that name this store for ever.
    pub store: u128,
    /// When it was made.
    pub at: Moment,
}

/// The store on disk, open for writing.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
    warnings: Vec<String>,
    unclean: bool,
    /// An `fsync` failed: nothing that this process writes from now on can be trusted to be durable.
    unsynced: Option<String>,
    _lock: lock::Lock,
}

impl Sqlite {
    /// Opens the store of a state folder for writing, and makes it if there is none.
    ///
    /// The folder must exist. After an unclean stop a small store is checked at once; for a large one
    /// [`Sqlite::owes_check`] says that somebody should, while work goes on.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Held`] if another process has it open for writing, [`StoreError::Newer`] if it was made by a
    /// newer program, [`StoreError::Corrupt`] if it is damaged or no store, and [`StoreError::Io`] on a network file system.
    pub fn open(folder: &Path, birth: Birth) -> Result<Self, StoreError> {
        let doubt = lock::check_disk(folder)?;
        let lock = lock::Lock::take(folder)?;
        let path = folder.join(FILE);
        keep::make_private(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        // Before anything is changed: a file of a newer program, or of another, is left as it is.
        migrate::version(&connection)?;
        set_up(&connection)?;
        migrate::migrate(&mut connection, birth)?;
        let mut store = Self {
            connection,
            path,
            warnings: doubt.into_iter().collect(),
            unclean: false,
            unsynced: None,
            _lock: lock,
        };
        store.unclean = store.recall("clean")?.as_deref() == Some("0");
        if store.unclean && store.bytes()? <= CHECKED_AT_ONCE {
            keep::quick_check(&store.connection)?;
            store.unclean = false;
        }
        Ok(store)
    }

    /// Returns what the owner of the folder should know.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Says whether the last daemon died and the store is too large to be checked at every such start: see [`Check`].
    #[must_use]
    pub const fn owes_check(&self) -> bool {
        self.unclean
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a word for the next start, such as how far the steadied clock is from the wall clock.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it was not written.
    pub fn remember(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.trust()?;
        append::remember(&self.connection, name, value)
    }

    /// Returns a word that was kept.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn recall(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut select = self.connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
        Ok(select.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Returns the number of the journal's newest line, zero where there is none.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn newest_line(&self) -> Result<u64, StoreError> {
        keep::whole(&self.connection, "SELECT coalesce(max(seq), 0) FROM journal")
    }

    /// Counts the journal's lines about a run.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn lines_of(&self, run: RunId) -> Result<u64, StoreError> {
        let mut count = self.connection.prepare_cached("SELECT count(*) FROM journal WHERE run = ?1")?;
        Ok(count.query_row([run], |row| row.get::<_, Whole>(0))?.0)
    }

    fn bytes(&self) -> Result<u64, StoreError> {
        keep::whole(&self.connection, BYTES)
    }

    fn trust(&self) -> Result<(), StoreError> {
        match &self.unsynced {
            None => Ok(()),
            Some(what) => Err(StoreError::Unsynced(what.clone())),
        }
    }

    fn write_group(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
        let rows = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut pen = Pen::new(&rows);
        for batch in group {
            for document in &batch.documents {
                pen.keep(document)?;
            }
            for entry in &batch.entries {
                pen.write(entry)?;
            }
        }
        pen.finish()?;
        failpoint!("store::commit::before", io).map_err(interfered)?;
        failpoint!("store::sync", io).map_err(|error| StoreError::Unsynced(error.to_string()))?;
        rows.commit()?;
        // No error may come from here on: what is committed must never be called unwritten.
        failpoint!("store::commit::after");
        Ok(())
    }

    /// Remembers an `fsync` that failed: the pages may be marked clean although they never reached the disk, so a later
    /// success would say nothing.
    fn note_unsynced<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Unsynced(what)) = &result {
            self.unsynced = Some(what.clone());
        }
        result
    }
}

/// Asks how large the file is.
const BYTES: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";

/// A store that is no larger is checked before it is used after an unclean stop; that takes some ten milliseconds.
const CHECKED_AT_ONCE: u64 = 8 << 20;

/// The write-ahead log is cut back to this many bytes when it is empty.
const LOG_BYTES: u32 = 16 << 20;

fn set_up(connection: &Connection) -> Result<(), StoreError> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Io(format!("the store cannot keep a write-ahead log here (it is in mode `{mode}`)")));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // The writer checkpoints while it rests; this is for the times when it never does.
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    // 4 MiB, which a rest gives back: the changed pages of a usual group stay in memory until the commit.
    connection.pragma_update(None, "cache_size", -4096)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    keep_statements(connection)
}

/// Has statements prepared once, not again whenever a bound value might let another partial index be used.
fn keep_statements(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

impl Store for Sqlite {
    fn append_group(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
        self.trust()?;
        let result = self.write_group(group);
        self.note_unsynced(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.trust()?;
        // What the log holds goes to its place first: its own room is then free again, which on a full disk may be all there is.
        if let Err(error @ StoreError::Unsynced(_)) = self.rest() {
            return Err(error);
        }
        // A page of padding: a row that fits into what is there already would prove nothing about a full disk.
        let padding = " ".repeat(16 << 10);
        let result = append::remember(&self.connection, "probe", &padding)
            .and_then(|()| append::remember(&self.connection, "probe", ""));
        self.note_unsynced(result)
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        self.trust()?;
        failpoint!("store::rest::before");
        let checkpoint = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
        failpoint!("store::rest::after");
        let result = checkpoint.map_err(StoreError::from);
        self.note_unsynced(result)?;
        self.connection.execute_batch("PRAGMA shrink_memory")?;
        // A burst of runs leaves free memory behind, here and where it came from.
        memory::give_back();
        Ok(())
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let rows = self.connection.transaction()?;
        recover::recover(&rows)
    }

    fn queued(&mut self, lane: &str, behind: Option<Place>, most: usize) -> Result<Vec<Queued>, StoreError> {
        recover::queued(&self.connection, lane, behind, most)
    }

    fn document(&mut self, digest: Digest) -> Result<String, StoreError> {
        document(&self.connection, digest)
    }

    fn begun_points(&mut self, job: &str, definition: Digest) -> Result<Vec<Option<u32>>, StoreError> {
        let select = "SELECT point FROM points WHERE job = ?1 AND definition = ?2 ORDER BY point";
        let mut select = self.connection.prepare_cached(select)?;
        let points = select.query_map(params![job, definition], |row| row.get::<_, i64>(0))?;
        points.map(|point| Ok(u32::try_from(point?).ok())).collect()
    }

    fn run_of_key(&mut self, key: &str) -> Result<Option<RunId>, StoreError> {
        let mut select = self.connection.prepare_cached("SELECT id FROM runs WHERE key = ?1")?;
        Ok(select.query_row([key], |row| row.get(0)).optional()?)
    }

    fn opening(&mut self, run: RunId) -> Result<Option<(Opening, Option<Ending>)>, StoreError> {
        let select = "SELECT journal.body, runs.ending FROM runs JOIN journal ON journal.seq = runs.opened_seq WHERE runs.id = ?1";
        let mut select = self.connection.prepare_cached(select)?;
        let row = select.query_row([run], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)));
        let Some((body, ending)) = row.optional()? else { return Ok(None) };
        let ending = ending.map(|word| ending_of(&word).ok_or_else(|| unreadable("an ending", word))).transpose()?;
        Ok(Some((recover::opening_of(&body)?, ending)))
    }
}

/// What a failpoint says, as the disk would have said it.
fn interfered(error: impl std::fmt::Display) -> StoreError {
    StoreError::Io(error.to_string())
}

/// Reads a document.
pub(super) fn document(rows: &Connection, digest: Digest) -> Result<String, StoreError> {
    let mut select = rows.prepare_cached("SELECT body FROM documents WHERE digest = ?1")?;
    let body = select.query_row([digest], |row| row.get(0)).optional()?;
    body.ok_or_else(|| StoreError::Missing(format!("document {digest}")))
}
