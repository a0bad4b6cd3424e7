//! For the people who own the file: figures, backups, checks, pruning.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use rustix::fs::{Access, access};
use steadfast_retry::Moment;

use crate::failpoint;
use crate::ids::{RunId, ShimId};
use crate::store::{Store, StoreError};

use super::value::{Whole, nanos};
use super::verify::{Verified, verify};
use super::{FILE, Sqlite, migrate};

/// Figures of a store.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Info {
    /// The name that the store was given at its birth, 32 hexadecimal digits.
    pub store: String,
    /// The version of its schema.
    pub version: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the file that are free for new rows.
    pub free_bytes: u64,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// Lines of the journal.
    pub entries: u64,
    /// Runs, by state, and by ending where they are closed.
    pub runs: Vec<(String, u64)>,
    /// The version of the database engine.
    pub engine: String,
}

/// What is not to be pruned, besides what is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Runs closed at or after this moment are kept.
    pub since: Moment,
    /// So many of the newest closed runs are kept in any case.
    pub newest: u32,
}

/// What was pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Pruned {
    /// Runs.
    pub runs: u64,
    /// Lines of the journal.
    pub entries: u64,
    /// Definitions that no run refers to any more.
    pub documents: u64,
}

/// A check of the file's structure, beside a daemon that is at work.
#[derive(Debug)]
pub struct Check;

impl Check {
    /// Reads the whole file and says whether its structure is sound.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Corrupt`] with what was found first.
    pub fn quickly(folder: &Path) -> Result<(), StoreError> {
        quick_check(&read_only(&folder.join(FILE))?)
    }
}

/// Opens a file for reading.
pub(in crate::store) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    // The engine calls whatever it cannot open by one name: a store that is not there, and one that is somebody else's. Only
    // asked for, never opened: to close it again would let go of the locks of every connection in this process.
    access(path, Access::READ_OK).map_err(|error| StoreError::of_file(path, &error.into()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    match migrate::version(&connection)? {
        migrate::NEWEST => {}
        found => {
            return Err(StoreError::Io(format!(
                "the store has version {found}, and only a program that writes can bring it to {}\nhelp: start the daemon once",
                migrate::NEWEST
            )));
        }
    }
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    super::keep_statements(&connection)?;
    Ok(connection)
}

/// Makes a file for its owner alone if there is none. The engine takes an empty file for a new one, and gives the files that it
/// puts beside it the same mode.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = std::fs::File::options().append(true).create(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))
}

pub(super) fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(found)) }
}

impl Sqlite {
    /// Returns figures of the store.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it cannot be read.
    pub fn info(&self) -> Result<Info, StoreError> {
        info(&self.connection, &self.path)
    }

    /// Writes a copy of the store as it is now, while work goes on.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the copy was not made; a file that stands there already is left alone.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        back_up(&self.connection, to)
    }

    /// Checks everything: the file's structure, then each run against its own journal, then the counters.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read at all; what is wrong inside is an answer, not an error.
    pub fn verify(&mut self) -> Result<Verified, StoreError> {
        let rows = self.connection.transaction()?;
        verify(&rows)
    }

    /// Deletes runs that are over and old, with their lines of the journal, in small transactions. `forget` is called for each before
    /// it is gone: what lies elsewhere under its number is found by nobody afterwards.
    ///
    /// The newest run of each job, its newest success and whatever a matrix still needs are kept, and so is the last line of the
    /// journal, because the numbers of runs and lines are never used again.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it had to stop; what was pruned until then is gone.
    pub fn prune(&mut self, keep: Keep, mut forget: impl FnMut(RunId)) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        let floor: Option<i64> = {
            let newest = "SELECT id FROM runs WHERE state = 'closed' ORDER BY id DESC LIMIT 1 OFFSET ?1";
            let floor = self.connection.query_row(newest, [keep.newest], |row| row.get(0));
            rusqlite::OptionalExtension::optional(floor)?
        };
        if let Some(floor) = floor {
            while self.prune_some(keep.since, floor, &mut pruned, &mut forget)? {}
        }
        self.prune_rest(keep.since, &mut pruned)?;
        self.rest()?;
        Ok(pruned)
    }

    /// Deletes some hundred runs; says whether there may be more.
    fn prune_some(
        &mut self,
        since: Moment,
        floor: i64,
        pruned: &mut Pruned,
        forget: &mut impl FnMut(RunId),
    ) -> Result<bool, StoreError> {
        self.trust()?;
        let rows = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        rows.execute_batch("CREATE TEMP TABLE IF NOT EXISTS doomed (run INTEGER PRIMARY KEY); DELETE FROM doomed;")?;
        let choose = "INSERT INTO doomed SELECT id FROM runs WHERE state = 'closed' AND closed_at < ?1 AND id <= ?2 \
                      AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.name = runs.job \
                                      AND runs.id IN (jobs.newest, jobs.newest_success, jobs.newest_ended)) \
                      AND NOT EXISTS (SELECT 1 FROM sweeps WHERE sweeps.first = runs.sweep AND sweeps.open > 0) LIMIT 256";
        let chosen = rows.execute(choose, params![nanos(since), floor])?;
        rows.prepare("SELECT run FROM doomed")?
            .query_map((), |row| Ok(RunId(row.get::<_, Whole>(0)?.0)))?
            .try_for_each(|run| run.map(&mut *forget))?;
        let lines =
            "DELETE FROM journal WHERE run IN (SELECT run FROM doomed) AND seq < (SELECT max(seq) FROM journal)";
        pruned.entries += rows.execute(lines, ())? as u64;
        let uncount = "UPDATE counts SET n = n - (SELECT count(*) FROM runs JOIN doomed ON doomed.run = runs.id \
                       WHERE runs.job = counts.job AND runs.ending = counts.word) \
                       WHERE job IN (SELECT runs.job FROM runs JOIN doomed ON doomed.run = runs.id)";
        rows.execute(uncount, ())?;
        pruned.runs += rows.execute("DELETE FROM runs WHERE id IN (SELECT run FROM doomed)", ())? as u64;
        rows.commit()?;
        Ok(chosen == 256)
    }

    /// Deletes the marks of shims that have left nothing to read: nobody asks any more how far it was read.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if it could not be written.
    pub fn forget_shims(&mut self, gone: &[ShimId]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.trust()?;
        let rows = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for shim in gone {
            rows.prepare_cached("DELETE FROM shims WHERE id = ?1")?.execute([shim])?;
        }
        Ok(rows.commit()?)
    }

    /// Deletes what hangs on nothing any more.
    fn prune_rest(&mut self, since: Moment, pruned: &mut Pruned) -> Result<(), StoreError> {
        self.trust()?;
        // The test for references would look through all runs once per document; the condition below has looked already.
        self.connection.pragma_update(None, "foreign_keys", false)?;
        let result = self.prune_loose(since, pruned);
        self.connection.pragma_update(None, "foreign_keys", true)?;
        result
    }

    fn prune_loose(&mut self, since: Moment, pruned: &mut Pruned) -> Result<(), StoreError> {
        let rows = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let at = nanos(since);
        let unused =
            "DELETE FROM documents WHERE digest NOT IN (SELECT definition FROM runs UNION SELECT classes FROM runs)";
        pruned.documents += rows.execute(unused, ())? as u64;
        rows.execute("DELETE FROM points WHERE definition NOT IN (SELECT digest FROM documents)", ())?;
        rows.execute(
            "DELETE FROM ticks WHERE due < ?1 AND due < (SELECT evaluated FROM jobs WHERE name = ticks.job)",
            [at],
        )?;
        rows.execute("DELETE FROM shims WHERE at < ?1", [at])?;
        rows.execute("DELETE FROM counts WHERE n = 0", ())?;
        rows.execute("DELETE FROM sweeps WHERE open = 0 AND first NOT IN (SELECT newest_sweep FROM jobs WHERE newest_sweep NOT NULL)", ())?;
        // Lines without a run (ticks, starts of the daemon) and late reports about runs that are gone.
        let lines = "DELETE FROM journal WHERE at < ?1 AND seq < (SELECT max(seq) FROM journal) \
                     AND (run IS NULL OR run NOT IN (SELECT id FROM runs))";
        pruned.entries += rows.execute(lines, [at])? as u64;
        Ok(rows.commit()?)
    }
}

/// Gathers the figures of the store that a connection reads.
pub(in crate::store) fn info(rows: &Connection, path: &Path) -> Result<Info, StoreError> {
    let free = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
    let mut counts =
        rows.prepare_cached("SELECT word, sum(n) FROM counts GROUP BY word HAVING sum(n) > 0 ORDER BY word")?;
    let runs = counts.query_map((), |row| Ok((row.get(0)?, row.get::<_, Whole>(1)?.0)))?.collect::<Result<_, _>>()?;
    Ok(Info {
        store: rows.query_row("SELECT value FROM meta WHERE name = 'store'", (), |row| row.get(0))?,
        version: migrate::version(rows)?,
        bytes: whole(rows, super::BYTES)?,
        free_bytes: whole(rows, free)?,
        log_bytes: std::fs::metadata(path.with_extension("db-wal")).map_or(0, |file| file.len()),
        entries: whole(rows, "SELECT count(*) FROM journal")?,
        runs,
        engine: rusqlite::version().to_owned(),
    })
}

pub(super) fn whole(rows: &Connection, question: &str) -> Result<u64, StoreError> {
    Ok(rows.query_row(question, (), |row| row.get::<_, Whole>(0))?.0)
}

/// Writes a copy of the store that a connection reads.
pub(in crate::store) fn back_up(rows: &Connection, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::Refused(format!(
            "{} is there already\nhelp: give the name of a new file",
            to.display()
        )));
    }
    let Some(name) = to.to_str() else {
        return Err(StoreError::Refused(format!("{} is no name in UTF-8", to.display())));
    };
    // A half-written copy must never look like a whole one.
    let partial = format!("{name}.partial");
    let _ = std::fs::remove_file(&partial);
    let io = |error: std::io::Error| StoreError::Io(format!("{name}: {error}"));
    // An empty file is taken as it is: so the copy is as private as the store from its first byte on.
    std::fs::File::options().write(true).create_new(true).mode(0o600).open(&partial).map_err(io)?;
    let written = writing(rows, || Ok(rows.execute("VACUUM INTO ?1", [&partial])?));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    failpoint!("store::backup::sync", io).map_err(io)?;
    std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(io)?;
    failpoint!("store::backup::rename::before");
    std::fs::rename(&partial, to).map_err(io)?;
    failpoint!("store::backup::rename::after");
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Lets a connection write for one statement: one that only reads is told so by a switch, which a copy into another file
/// would trip over as well.
fn writing<T>(rows: &Connection, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let only: bool = rows.pragma_query_value(None, "query_only", |row| row.get(0))?;
    rows.pragma_update(None, "query_only", false)?;
    let done = work();
    rows.pragma_update(None, "query_only", only)?;
    done
}
