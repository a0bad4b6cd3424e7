//! The checker: side files against the store, by nothing that the program itself brings along.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OpenFlags};

use super::place::Place;

/// What may have happened besides what must.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    /// Attempts may be lost: a shim was killed.
    pub(super) lost: bool,
    /// Attempts may be cancelled: their job says so.
    pub(super) cancelled: bool,
    /// Attempts may fail to start: somebody put a stone in the shim's way.
    pub(super) stones: bool,
    /// How many may run at once. Nothing is known of that where programs end without a word.
    pub(super) slots: Option<i64>,
}

/// A job of which every due time must come to exactly one run, and the time between two, in nanoseconds.
pub(super) const METRONOME: (&str, i64) = ("metronome", 200_000_000);

/// A job whose group has one slot.
pub(super) const NARROW: &str = "narrow";

/// What a process wrote at the side.
#[derive(Debug, Default)]
struct Seen {
    /// The nonces of the processes that began.
    began: Vec<String>,
    /// What it said at its end: its code, or that it kills itself.
    end: Option<String>,
}

/// What was counted on the way, for the figures.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) runs: i64,
    pub(super) attempts: i64,
    pub(super) by_state: BTreeMap<String, i64>,
    pub(super) endings: BTreeMap<String, i64>,
    pub(super) finalizers: i64,
}

/// Opens the store as a reader who changes nothing.
pub(super) fn reader(place: &Place) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let rows = Connection::open_with_flags(place.state().join("store.db"), flags).unwrap();
    rows.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    rows
}

/// Compares, once everything is over; returns every violation.
pub(super) fn check(place: &Place, allowed: Allowed) -> (Vec<String>, Figures) {
    let mut wrong = Vec::new();
    let rows = reader(place);
    for line in texts(&rows, "PRAGMA integrity_check").into_iter().chain(texts(&rows, "PRAGMA foreign_key_check")) {
        if line != "ok" {
            wrong.push(format!("the store is damaged: {line}"));
        }
    }
    for open in texts(&rows, "SELECT id || ' ' || state FROM runs WHERE state <> 'closed'") {
        wrong.push(format!("run {open} is not closed"));
    }
    let mut figures = Figures::default();
    figures.runs = count(&rows, "SELECT count(*) FROM runs");
    figures.finalizers = count(&rows, "SELECT count(*) FROM finalizers");
    figures.endings = tally(&rows, "SELECT ending, count(*) FROM runs GROUP BY 1");
    figures.by_state = tally(&rows, "SELECT state, count(*) FROM attempts GROUP BY 1");
    figures.attempts = figures.by_state.values().sum();
    let side = Side::read(place, &mut wrong);
    check_attempts(&rows, &side, allowed, &mut wrong);
    check_records(&rows, allowed, &mut wrong);
    if let Some(slots) = allowed.slots {
        check_slots(&rows, place, slots, &mut wrong);
    }
    check_ticks(&rows, &mut wrong);
    check_finalizers(&rows, &side, allowed, &mut wrong);
    wrong.extend(place.is_swept());
    (wrong, figures)
}

/// The side file, sorted.
#[derive(Debug, Default)]
struct Side {
    attempts: BTreeMap<(i64, i64), HashMap<String, Seen>>,
    finalizers: HashMap<String, (i64, i64)>,
}

impl Side {
    fn read(place: &Place, wrong: &mut Vec<String>) -> Self {
        let mut side = Self::default();
        let text = std::fs::read_to_string(place.side().join("log")).unwrap();
        let mut running: HashMap<i64, i64> = HashMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<i64>().unwrap();
            match words[0] {
                "begin" => {
                    let (run, attempt) = (number(1), number(2));
                    if let Some(other) = running.insert(run, attempt) {
                        // Only one that had ended without a word of its own may be followed so.
                        let quiet = side.attempts[&(run, other)].values().all(|seen| seen.end.is_none());
                        if other >= attempt || !quiet {
                            wrong.push(format!("run {run} attempt {attempt} began while attempt {other} ran"));
                        }
                    }
                    let seen = side.attempts.entry((run, attempt)).or_default().entry(words[3].to_owned()).or_default();
                    seen.began.push(words[4].to_owned());
                }
                "end" => {
                    let (run, attempt) = (number(1), number(2));
                    running.remove(&run);
                    let seen = side.attempts.entry((run, attempt)).or_default().entry(words[3].to_owned()).or_default();
                    if seen.end.replace(words[4].to_owned()).is_some() {
                        wrong.push(format!("run {run} attempt {attempt} ended twice"));
                    }
                }
                "finalizer" => {
                    let seen = side.finalizers.entry(words[3].to_owned()).or_default();
                    *seen = (number(1), seen.1 + 1);
                }
                "overlap" => wrong.push(format!("two attempts alive together: {line}")),
                _ => wrong.push(format!("a line that nobody writes: {line}")),
            }
        }
        side
    }
}

fn check_attempts(rows: &Connection, side: &Side, allowed: Allowed, wrong: &mut Vec<String>) {
    let mut known = HashSet::new();
    each(rows, "SELECT run, number, lower(hex(token)), state, exit, signal FROM attempts", |row| {
        let (run, number): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (token, state): (String, String) = (row.get(2)?, row.get(3)?);
        let (exit, signal): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
        let is = format!("run {run} attempt {number} ({state})");
        known.insert((run, number));
        let starts = side.attempts.get(&(run, number));
        let all: usize = starts.map_or(0, |starts| starts.values().map(|seen| seen.began.len()).sum());
        if all > 1 {
            wrong.push(format!("{is} started {all} times: {starts:?}"));
        }
        let seen = starts.and_then(|starts| starts.get(&token));
        if all > 0 && seen.is_none() {
            wrong.push(format!("{is} ran under another token: {starts:?}"));
        }
        let end = seen.and_then(|seen| seen.end.as_deref());
        let fits = match state.as_str() {
            "succeeded" => end == Some("0") && exit == Some(0),
            "failed" if signal == Some(9) => end == Some("killed"),
            "failed" if all == 0 && exit.is_none() => allowed.stones,
            "failed" => end == Some("1") && exit == Some(1),
            "void" => all == 0,
            "interrupted" => allowed.lost,
            "cancelled" => allowed.cancelled,
            _ => false,
        };
        if !fits {
            wrong.push(format!("{is} exit {exit:?} signal {signal:?} does not fit what it wrote: {seen:?}"));
        }
        Ok(())
    });
    for (run, number) in side.attempts.keys().filter(|key| !known.contains(key)) {
        wrong.push(format!("run {run} attempt {number} ran and is not in the store"));
    }
}

/// Every announced attempt has one terminal record in the journal, not only in the table beside it.
fn check_records(rows: &Connection, allowed: Allowed, wrong: &mut Vec<String>) {
    // For each run: the attempt begun last, and whether it has ended.
    let mut records: HashMap<i64, (i64, bool)> = HashMap::new();
    each(rows, "SELECT run, body FROM journal WHERE kind = 'stepped' ORDER BY seq", |row| {
        let (run, body): (i64, String) = (row.get(0)?, row.get(1)?);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let step = &body["stepped"];
        let (number, is_over) = records.entry(run).or_insert((0, true));
        let event = step["event"].as_object().and_then(|event| event.keys().next()).cloned().unwrap_or_default();
        if event == "ended" || event == "voided" {
            if *is_over {
                wrong.push(format!("run {run} attempt {number} has a second terminal record, or one without a start"));
            }
            *is_over = true;
        }
        if !step["start"].is_null() {
            let next = step["decision"]["attempt"]["number"].as_i64().unwrap_or(-1);
            if !*is_over || next != *number + 1 {
                wrong.push(format!("run {run} attempt {next} is recorded after attempt {number}, over: {is_over}"));
            }
            (*number, *is_over) = (next, false);
        }
        Ok(())
    });
    for (run, (number, _)) in records.into_iter().filter(|(_, (_, is_over))| !is_over) {
        wrong.push(format!("run {run} attempt {number} has no terminal record"));
    }
    // Two shims may come to watch what a third left behind, where daemons die in between; the second word is refused.
    let late = if allowed.lost {
        Vec::new()
    } else {
        texts(rows, "SELECT run || ' at ' || seq FROM journal WHERE kind = 'late'")
    };
    for row in late {
        wrong.push(format!("a late report of run {row}"));
    }
}

/// Never more run at once than there are slots, nor of a group than it has. A line of an end is written while its process still
/// lives, so what this counts is at most what ran.
fn check_slots(rows: &Connection, place: &Place, slots: i64, wrong: &mut Vec<String>) {
    let mut narrow = HashSet::new();
    each(rows, &format!("SELECT id FROM runs WHERE job = '{NARROW}'"), |row| {
        narrow.insert(row.get::<_, i64>(0)?.to_string());
        Ok(())
    });
    let (mut all, mut grouped) = (0, 0);
    for line in std::fs::read_to_string(place.side().join("log")).unwrap().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let change = match words[0] {
            "begin" => 1,
            "end" => -1,
            _ => continue,
        };
        all += change;
        grouped += if narrow.contains(words[1]) { change } else { 0 };
        if all > slots {
            wrong.push(format!("{all} run at once, and there are {slots} slots: {line}"));
        }
        if grouped > 1 {
            wrong.push(format!("{grouped} of the group of one run at once: {line}"));
        }
    }
}

/// Every due time of the metronome stands in the store, and has a run of its own.
fn check_ticks(rows: &Connection, wrong: &mut Vec<String>) {
    let (job, every) = METRONOME;
    let (mut last, mut runs) = (None, HashSet::new());
    each(rows, &format!("SELECT due, run FROM ticks WHERE job = '{job}' ORDER BY due"), |row| {
        let (due, run): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        if let Some(last) = last.replace(due).filter(|last| due - last != every) {
            wrong.push(format!("between two ticks of {job} lie {} ms", (due - last) / 1_000_000));
        }
        if run.is_none_or(|run| !runs.insert(run)) {
            wrong.push(format!("the tick of {job} at {due} has no run of its own: {run:?}"));
        }
        Ok(())
    });
    let opened = count(rows, &format!("SELECT count(*) FROM runs WHERE job = '{job}'"));
    if opened != runs.len() as i64 {
        wrong.push(format!("{job} has {opened} runs and {} ticks", runs.len()));
    }
}

fn check_finalizers(rows: &Connection, side: &Side, allowed: Allowed, wrong: &mut Vec<String>) {
    let mut owed: HashMap<i64, i64> = HashMap::new();
    each(rows, "SELECT id FROM runs WHERE attempts > 0", |row| {
        owed.insert(row.get(0)?, 0);
        Ok(())
    });
    each(rows, "SELECT run, piece, lower(hex(token)), result FROM finalizers", |row| {
        let (run, piece, token): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let result: Option<String> = row.get(3)?;
        let ran = side.finalizers.get(&token).copied().unwrap_or_default();
        let fits = match result.as_deref() {
            Some("done") => ran == (run, 1),
            Some("lost") => ran.1 == 0 || allowed.lost,
            Some("failed") => ran.1 == 0 && allowed.stones,
            _ => false,
        };
        if !fits {
            wrong.push(format!("run {run} finalizer {piece} ({result:?}) wrote {} lines", ran.1));
        }
        if result.as_deref() == Some("done") && piece.starts_with("f0.") {
            *owed.entry(run).or_default() += 1;
        }
        Ok(())
    });
    for (run, done) in owed.into_iter().filter(|(_, done)| *done != 1) {
        wrong.push(format!("the finalizer of run {run}'s ending was done {done} times"));
    }
}

fn each(rows: &Connection, select: &str, mut with: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>) {
    let mut select = rows.prepare(select).unwrap();
    let mut lines = select.query(()).unwrap();
    while let Some(row) = lines.next().unwrap() {
        with(row).unwrap();
    }
}

fn texts(rows: &Connection, select: &str) -> Vec<String> {
    let mut found = Vec::new();
    each(rows, select, |row| {
        found.push(row.get(0)?);
        Ok(())
    });
    found
}

fn count(rows: &Connection, select: &str) -> i64 {
    rows.query_row(select, (), |row| row.get(0)).unwrap()
}

fn tally(rows: &Connection, select: &str) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    each(rows, select, |row| {
        found.insert(row.get::<_, Option<String>>(0)?.unwrap_or_default(), row.get(1)?);
        Ok(())
    });
    found
}
