//! The check of everything: the structure of the file, each run against its own journal, the counters.

use rusqlite::{Connection, OptionalExtension};

use crate::ids::{Digest, RunId};
use crate::job::Definition;
use crate::journal::{About, Entry, Happened};
use crate::store::StoreError;
use crate::store::standing::{Standing, State, ending_of};

use super::fault::unreadable;
use super::recover;

/// What a check of everything found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Verified {
    /// How many runs were folded again.
    pub runs: u64,
    /// What is wrong, one line each; empty if nothing is.
    pub wrong: Vec<String>,
}

/// Checks everything that a connection reads.
pub(in crate::store) fn verify(rows: &Connection) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    let mut check = rows.prepare("PRAGMA integrity_check(50)")?;
    let found = check.query_map((), |row| row.get::<_, String>(0))?;
    verified.wrong.extend(found.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|line| line != "ok"));
    let mut references = rows.prepare("PRAGMA foreign_key_check")?;
    let loose = references.query_map((), |row| {
        Ok(format!(
            "a row of {} refers to a row of {} that is not there",
            row.get::<_, String>(0)?,
            row.get::<_, String>(2)?
        ))
    })?;
    verified.wrong.extend(loose.collect::<Result<Vec<_>, _>>()?);
    for (query, meaning) in QUERIES {
        let mut statement = rows.prepare(query)?;
        let lines = statement.query_map((), |row| Ok(format!("{meaning}: {}", row.get::<_, String>(0)?)))?;
        verified.wrong.extend(lines.take(50).collect::<Result<Vec<_>, _>>()?);
    }
    verify_documents(rows, &mut verified.wrong)?;
    verify_runs(rows, &mut verified)?;
    Ok(verified)
}

/// Questions whose every answer is a mistake, and what it means.
const QUERIES: [(&str, &str); 9] = [
    (
        "SELECT 'run ' || run FROM journal WHERE run IS NOT NULL AND kind <> 'late' AND run NOT IN (SELECT id FROM runs) GROUP BY run",
        "A1, a run of the journal is lost",
    ),
    (
        "SELECT 'run ' || id FROM runs WHERE attempts <> (SELECT count(*) FROM attempts WHERE run = id) \
         OR attempts <> (SELECT coalesce(max(number), 0) FROM attempts WHERE run = id)",
        "A2, the attempts are not numbered 1, 2, 3",
    ),
    (
        "SELECT 'run ' || run FROM attempts WHERE state = 'running' GROUP BY run HAVING count(*) > 1",
        "A3, two attempts run at once",
    ),
    (
        "SELECT 'run ' || id FROM runs WHERE (state = 'running') <> EXISTS (SELECT 1 FROM attempts WHERE run = id AND state = 'running')",
        "A4, a running attempt and its run do not agree",
    ),
    (
        "SELECT 'run ' || run || ' attempt ' || number FROM attempts WHERE state <> 'running' AND number < (SELECT attempts FROM runs WHERE id = run) \
         AND state IN ('succeeded', 'cancelled')",
        "A5, an attempt follows one that had ended the run",
    ),
    (
        "SELECT job || ' ' || word FROM (SELECT job, CASE state WHEN 'closed' THEN ending ELSE state END AS word, count(*) AS n FROM runs GROUP BY 1, 2) \
         AS real WHERE n <> coalesce((SELECT counts.n FROM counts WHERE counts.job = real.job AND counts.word = real.word), 0)",
        "a counter is wrong",
    ),
    (
        "SELECT job || ' ' || word FROM counts WHERE n > 0 AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.job = counts.job \
         AND CASE state WHEN 'closed' THEN ending ELSE state END = counts.word)",
        "a counter counts what is not there",
    ),
    (
        "SELECT lane FROM (SELECT lane, count(*) AS n FROM runs WHERE state = 'queued' AND held = 0 GROUP BY lane) AS real \
         WHERE n <> coalesce((SELECT queued FROM lanes WHERE lanes.name = real.lane), 0)",
        "the counter of a lane is wrong",
    ),
    (
        "SELECT name FROM jobs WHERE queued <> (SELECT count(*) FROM runs WHERE runs.job = jobs.name AND state = 'queued')",
        "the counter of a job is wrong",
    ),
];

fn verify_documents(rows: &Connection, wrong: &mut Vec<String>) -> Result<(), StoreError> {
    let mut select = rows.prepare("SELECT digest, body FROM documents")?;
    let mut documents = select.query(())?;
    while let Some(row) = documents.next()? {
        let (digest, body): (Digest, String) = (row.get(0)?, row.get(1)?);
        // A definition is known by what shapes a run; its text also holds places in files.
        if Digest::of(&body) != digest && Definition::digest_of_document(&body) != Some(digest) {
            wrong.push(format!("document {digest} is not what it was"));
        }
    }
    Ok(())
}

/// Follows each run's journal from its first line and compares where that leads with its row.
fn verify_runs(rows: &Connection, verified: &mut Verified) -> Result<(), StoreError> {
    let mut select = rows.prepare("SELECT run, at, body FROM journal WHERE run IS NOT NULL ORDER BY run, seq")?;
    let mut lines = select.query(())?;
    let mut current: Option<(RunId, Result<Standing, String>)> = None;
    while let Some(line) = lines.next()? {
        let run: RunId = line.get(0)?;
        if current.as_ref().is_some_and(|(last, _)| *last != run) {
            settle(rows, current.take(), verified)?;
        }
        let body = line.get_ref(2)?.as_str().map_err(|error| unreadable("the journal", error))?;
        let entry = recover::entry_of_run(run, line.get(1)?, body);
        let standing = match (current.take(), entry) {
            (_, Err(error)) => Some(Err(error.to_string())),
            (None, Ok(Entry { about: About::Run(_, Happened::Opened(opening)), .. })) => {
                Some(Ok(Standing::opened(&opening)))
            }
            (None, Ok(Entry { about: About::Run(_, Happened::Late { .. }), .. })) => None,
            (None, Ok(_)) => Some(Err("the first line does not open it".to_owned())),
            (Some((_, Ok(standing))), Ok(Entry { about: About::Run(_, happened), .. })) => {
                Some(standing.follow(run, &happened).map(|(next, _)| next))
            }
            (Some((_, standing)), Ok(_)) => Some(standing),
        };
        current = standing.map(|standing| (run, standing));
    }
    settle(rows, current, verified)
}

fn settle(
    rows: &Connection,
    run: Option<(RunId, Result<Standing, String>)>,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let Some((run, standing)) = run else { return Ok(()) };
    verified.runs += 1;
    if verified.wrong.len() >= 1000 {
        return Ok(());
    }
    match standing {
        Err(why) => verified.wrong.push(format!("the journal of run {run} does not follow: {why}")),
        Ok(standing) => {
            let select = "SELECT state, held, attempts, ending, class FROM runs WHERE id = ?1";
            let mut select = rows.prepare_cached(select)?;
            let row = select.query_row([run], |row| {
                let (state, ending): (String, Option<String>) = (row.get(0)?, row.get(3)?);
                Ok((State::of(&state), row.get(1)?, row.get(2)?, ending.as_deref().and_then(ending_of), row.get(4)?))
            });
            let expected = (Some(standing.state), standing.held, standing.attempts, standing.ending, standing.class);
            if row.optional()?.is_some_and(|row| row != expected) {
                verified.wrong.push(format!(
                    "run {run} is not where its journal leads: it should be {}",
                    standing.state.as_str()
                ));
            }
        }
    }
    Ok(())
}
