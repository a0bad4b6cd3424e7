//! What a starting daemon asks for.

use rusqlite::{Connection, OptionalExtension, Row, params};
use steadfast_retry::{Ending, Moment};

use crate::ids::{RunId, ShimId};
use crate::journal::{About, Entry, Happened, Opening, Sweep};
use crate::store::standing::ending_of;
use crate::store::{Begun, JobRecord, Place, Queued, Recovered, StoreError, SweepRecord};

use super::fault::unreadable;
use super::value::{Whole, moment};

/// Reads what is not over. Nothing in here grows with the runs that are over or have not begun.
pub(super) fn recover(rows: &Connection) -> Result<Recovered, StoreError> {
    let newest_run: Option<RunId> = rows.query_row("SELECT max(id) FROM runs", (), |row| row.get(0))?;
    let newest_seq: Option<Whole> = rows.query_row("SELECT max(seq) FROM journal", (), |row| row.get(0))?;
    Ok(Recovered {
        newest_seq: newest_seq.map_or(0, |seq| seq.0),
        newest_run: newest_run.map_or(0, |run| run.0),
        begun: begun(rows)?,
        held: held(rows)?,
        lanes: all(rows, "SELECT name, queued FROM lanes WHERE queued > 0 ORDER BY name", |row| {
            Ok((row.get(0)?, row.get::<_, Whole>(1)?.0))
        })?,
        jobs: jobs(rows)?,
        sweeps: all(
            rows,
            "SELECT first, size, succeeded, failed, needed FROM sweeps WHERE open > 0 ORDER BY first",
            sweep_of,
        )?,
        marks: all(rows, "SELECT id, offset FROM shims ORDER BY id", mark_of)?,
        clean: word(rows, "clean")?.as_deref() != Some("0"),
        woke: match word(rows, "woke")? {
            Some(text) => Some(Moment::from_nanos(text.parse().map_err(|error| unreadable("the last start", error))?)),
            None => None,
        },
    })
}

fn begun(rows: &Connection) -> Result<Vec<Begun>, StoreError> {
    let select = "SELECT runs.id, journal.at, journal.body FROM runs INDEXED BY runs_begun JOIN journal ON journal.run = runs.id \
                  WHERE runs.state <> 'queued' AND runs.state <> 'closed' ORDER BY runs.id, journal.seq";
    let mut select = rows.prepare_cached(select)?;
    let mut lines = select.query(())?;
    let mut begun: Vec<Begun> = Vec::new();
    while let Some(line) = lines.next()? {
        let run = line.get(0)?;
        let entry = entry_of_run(
            run,
            line.get(1)?,
            line.get_ref(2)?.as_str().map_err(|error| unreadable("the journal", error))?,
        )?;
        match begun.last_mut() {
            Some(last) if last.run == run => last.entries.push(entry),
            Some(_) | None => begun.push(Begun { run, entries: vec![entry] }),
        }
    }
    Ok(begun)
}

fn held(rows: &Connection) -> Result<Vec<Queued>, StoreError> {
    let select = "SELECT runs.id, journal.body FROM runs JOIN journal ON journal.seq = runs.opened_seq \
                  WHERE runs.state = 'queued' AND runs.held = 1 ORDER BY runs.id";
    let mut select = rows.prepare_cached(select)?;
    let held = select.query_map((), queued_row)?;
    held.map(|row| queued_of(row?)).collect()
}

/// Reads the next waiting runs of a lane behind a place.
pub(super) fn queued(
    rows: &Connection,
    lane: &str,
    behind: Option<Place>,
    most: usize,
) -> Result<Vec<Queued>, StoreError> {
    // Two walks along one index, because one condition over both columns would not use it.
    let select = |condition: &str| {
        format!(
            "SELECT runs.id, journal.body FROM runs INDEXED BY runs_ready JOIN journal ON journal.seq = runs.opened_seq \
             WHERE runs.state = 'queued' AND runs.held = 0 AND runs.lane = ?1 AND {condition} \
             ORDER BY runs.priority DESC, runs.id LIMIT ?2"
        )
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found: Vec<Queued> = Vec::new();
    let walk = |condition: &str, values: &[&dyn rusqlite::ToSql], found: &mut Vec<Queued>| -> Result<(), StoreError> {
        let mut statement = rows.prepare_cached(&select(condition))?;
        for row in statement.query_map(values, queued_row)? {
            found.push(queued_of(row?)?);
        }
        Ok(())
    };
    match behind {
        None => walk("true", params![lane, most], &mut found)?,
        Some(place) => {
            walk("runs.priority = ?3 AND runs.id > ?4", params![lane, most, place.priority, place.run], &mut found)?;
            let rest = most - found.len() as i64;
            walk("runs.priority < ?3", params![lane, rest, place.priority], &mut found)?;
        }
    }
    Ok(found)
}

fn jobs(rows: &Connection) -> Result<Vec<JobRecord>, StoreError> {
    let select = "SELECT jobs.name, jobs.queued, jobs.held, jobs.evaluated, jobs.newest, runs.state, runs.ending, \
                  jobs.opened_at, jobs.succeeded_at, jobs.ended_at, sweeps.open, sweeps.succeeded, sweeps.needed \
                  FROM jobs LEFT JOIN runs ON runs.id = jobs.newest LEFT JOIN sweeps ON sweeps.first = runs.sweep \
                  ORDER BY jobs.name";
    let mut select = rows.prepare_cached(select)?;
    let mut lines = select.query(())?;
    let mut jobs = Vec::new();
    while let Some(row) = lines.next()? {
        let newest: Option<RunId> = row.get(4)?;
        let (state, ending): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        let ending = ending.filter(|_| state.as_deref() == Some("closed"));
        // What a run of a matrix came to, the matrix says.
        let whole = match row.get::<_, Option<i64>>(10)? {
            Some(0) => Some(Some(match row.get::<_, i64>(11)? >= row.get::<_, i64>(12)? {
                true => Ending::Succeeded,
                false => Ending::GaveUp,
            })),
            Some(_) => Some(None),
            None => None,
        };
        jobs.push(JobRecord {
            name: row.get(0)?,
            queued: row.get::<_, Whole>(1)?.0,
            held: row.get(2)?,
            evaluated: row.get(3)?,
            newest: newest.map(|run| (run, whole.unwrap_or_else(|| ending.as_deref().and_then(ending_of)))),
            opened: row.get::<_, Option<i64>>(7)?.map(moment),
            succeeded: row.get::<_, Option<i64>>(8)?.map(moment),
            ended: row.get::<_, Option<i64>>(9)?.map(moment),
        });
    }
    Ok(jobs)
}

fn sweep_of(row: &Row<'_>) -> rusqlite::Result<SweepRecord> {
    let sweep = Sweep { first: row.get(0)?, size: row.get(1)?, needed: row.get(4)? };
    Ok(SweepRecord { sweep, succeeded: row.get(2)?, failed: row.get(3)? })
}

fn mark_of(row: &Row<'_>) -> rusqlite::Result<(ShimId, u64)> {
    Ok((row.get(0)?, row.get::<_, Whole>(1)?.0))
}

fn word(rows: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(rows.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

fn all<T>(
    rows: &Connection,
    select: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut select = rows.prepare_cached(select)?;
    let found = select.query_map((), |row| read(row))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn queued_row(row: &Row<'_>) -> rusqlite::Result<(RunId, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn queued_of((run, body): (RunId, String)) -> Result<Queued, StoreError> {
    Ok(Queued { run, opening: opening_of(&body)? })
}

/// Reads the opening from the body of a run's first line.
pub(super) fn opening_of(body: &str) -> Result<Opening, StoreError> {
    match serde_json::from_str(body) {
        Ok(Happened::Opened(opening)) => Ok(*opening),
        Ok(_) => Err(unreadable("the journal", "a run's first line does not open it")),
        Err(error) => Err(unreadable("the journal", error)),
    }
}

/// Reads a line about a run.
pub(in crate::store) fn entry_of_run(run: RunId, at: i64, body: &str) -> Result<Entry, StoreError> {
    let happened = serde_json::from_str(body).map_err(|error| unreadable("the journal", error))?;
    Ok(Entry { at: Moment::from_nanos(at.cast_unsigned()), about: About::Run(run, happened) })
}
