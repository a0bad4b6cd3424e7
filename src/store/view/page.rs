//! Lists of runs, page by page, along an index and from a cursor: no page costs more because others stand before
//! it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::str::FromStr;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use steadfast_retry::{Ending, Moment, glob};

use crate::ids::{Digest, RunId};
use crate::job::Matrix;
use crate::journal::Happened;
use crate::store::StoreError;
use crate::store::sqlite::{self, unreadable};
use crate::store::standing::{State, ending_of};

use super::filter::{Filter, Is};
use super::time::Time;
use super::{View, fold};

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The order of the whole list.
    pub order: Order,
    /// Behind which place, `None` for the first page.
    pub after: Option<Cursor>,
    /// How many rows, at most 1,000.
    pub limit: usize,
    /// Against which time `since:1d` is measured.
    pub now: Moment,
}

/// The order of a list of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Trouble, then what is under way, then what waits for its turn, then what is over; of each the newest first.
    #[default]
    Trouble,
    /// The newest first.
    Newest,
}

/// A place in a list, to go on behind. It stays good while runs come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    rank: u8,
    run: RunId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.rank, self.run)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').and_then(|(rank, run)| Some((rank.parse().ok()?, run.parse().ok()?)));
        let (rank, run) = parts.filter(|(rank, _)| *rank < RANKS).ok_or("a cursor is what a page gave as `next`")?;
        Ok(Self { rank, run })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A page of a list of runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunRow>,
    /// What to ask for as `after` to go on; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub next: Option<Cursor>,
}

/// One run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunRow {
    /// Its number.
    pub run: RunId,
    /// Its job.
    pub job: String,
    /// Which point of the job's matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u32>,
    /// The values of that point, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, String>,
    /// Where it stands.
    pub state: State,
    /// Whether it is held.
    pub held: bool,
    /// Whether its job is held, so that no attempt of it begins; false once it is over.
    #[serde(default)]
    pub job_held: bool,
    /// Whether a person should look: it has failed or is held, and neither a retry nor a later success has settled that.
    pub trouble: bool,
    /// Why it is over, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// How many attempts have begun.
    pub attempts: u32,
    /// The class of the last attempt that did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The reason of the latest decision, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What opened it: asked, pending, schedule, after, skipped, retry or terminal.
    pub trigger: String,
    /// Of which run it is a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// The first run of the matrix that it was opened with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<RunId>,
    /// When it was opened.
    pub opened_at: Time,
    /// When its first attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Time>,
    /// Until when it waits for its next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
}

/// How many ranks there are: see the column of that name.
const RANKS: u8 = 4;

/// More names than this are looked for by walking through all runs, because they are likely to be found soon.
const NAMES_WALKED: usize = 8;

impl View {
    /// Returns a page of the runs that a filter wants.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn runs(&self, filter: &Filter, page: &Page) -> Result<RunPage, StoreError> {
        let rows = self.rows.unchecked_transaction()?;
        let Some(walk) = Walk::plan(&rows, filter, page.now)? else { return Ok(RunPage::default()) };
        let limit = page.limit.clamp(1, 1000);
        // One more than is shown tells whether there is a next page.
        let mut found = walk.places(&rows, page.order, page.after, limit + 1)?;
        let next = (found.len() > limit).then(|| found[limit - 1]);
        found.truncate(limit);
        let mut matrices = BTreeMap::new();
        let read = |place: &Cursor| {
            let (mut row, definition) = read_row(&rows, place.run)?;
            row.matrix = values(&rows, row.point, definition, &mut matrices)?;
            Ok(row)
        };
        let runs = found.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok(RunPage { runs, next })
    }

    /// Returns a run's row, or `None` if there is no such run.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn row(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut select = self.rows.prepare_cached(ROW)?;
        let found = select.query_row([run], |row| Ok(row_of(row))).optional()?.transpose()?;
        let Some((mut row, definition)) = found else { return Ok(None) };
        row.matrix = values(&self.rows, row.point, definition, &mut BTreeMap::new())?;
        Ok(Some(row))
    }
}

/// How the wanted runs are found: which index is walked, for which values, and what else must hold.
struct Walk {
    index: &'static str,
    /// The index's first column, empty for the one that begins with the rank.
    column: &'static str,
    values: Vec<Value>,
    conditions: String,
    bound: Vec<Value>,
    ranks: Vec<u8>,
    /// Runs that are over are looked for down to this one.
    floor: i64,
}

impl Walk {
    /// Plans the walk; `None` if no run can be wanted.
    fn plan(rows: &Connection, filter: &Filter, now: Moment) -> Result<Option<Self>, StoreError> {
        let mut walk = Self {
            index: "runs_rank",
            column: "",
            values: vec![Value::Null],
            conditions: String::new(),
            bound: Vec::new(),
            ranks: ranks(filter),
            floor: 0,
        };
        let jobs = names(rows, &filter.jobs, "SELECT name FROM jobs")?;
        let classes = names(rows, &filter.classes, CLASSES)?;
        for (column, index, wanted) in [("class", "runs_class", classes), ("job", "runs_job", jobs)] {
            let Some(wanted) = wanted else { continue };
            if wanted.is_empty() {
                return Ok(None);
            }
            walk.take(column, index, wanted.into_iter().map(Value::Text).collect());
        }
        if !filter.endings.is_empty() {
            let endings: Vec<Value> =
                filter.endings.iter().map(|ending| Value::Text(ending.as_str().to_owned())).collect();
            match filter.endings.contains(&Ending::Succeeded) {
                true => walk.must_be("ending", endings),
                false => walk.take("ending", "runs_ending", endings),
            }
        }
        if let Some(sweep) = filter.sweep {
            walk.take("sweep", "runs_sweep", vec![Value::Integer(sweep.0.cast_signed())]);
        }
        if !filter.states.is_empty() {
            let states = filter.states.iter().map(|state| Value::Text(state.as_str().to_owned()));
            walk.must_be("state", states.collect());
        }
        if filter.is.contains(&Is::Held) {
            walk.conditions.push_str(" AND held = 1");
        }
        if let Some(since) = filter.since {
            walk.since(rows, since.nanos(now))?;
        }
        Ok(Some(walk))
    }

    /// Walks an index if none was chosen yet and the values are few; else they are looked at row by row.
    fn take(&mut self, column: &'static str, index: &'static str, values: Vec<Value>) {
        if self.column.is_empty() && values.len() <= NAMES_WALKED {
            (self.column, self.index, self.values) = (column, index, values);
        } else {
            self.must_be(column, values);
        }
    }

    fn must_be(&mut self, column: &str, values: Vec<Value>) {
        let marks = vec!["?"; values.len()].join(", ");
        self.conditions.push_str(&format!(" AND {column} IN ({marks})"));
        self.bound.extend(values);
    }

    fn since(&mut self, rows: &Connection, since: i64) -> Result<(), StoreError> {
        self.conditions.push_str(" AND (state <> 'closed' OR closed_at >= ?)");
        self.bound.push(Value::Integer(since));
        let floor =
            "SELECT coalesce(min(id), ?2) FROM runs INDEXED BY runs_closed WHERE state = 'closed' AND closed_at >= ?1";
        self.floor = rows.prepare_cached(floor)?.query_row([since, i64::MAX], |row| row.get(0))?;
        Ok(())
    }

    /// Finds the first places behind a cursor.
    fn places(
        &self,
        rows: &Connection,
        order: Order,
        after: Option<Cursor>,
        most: usize,
    ) -> Result<Vec<Cursor>, StoreError> {
        let mut found = Vec::new();
        for rank in self.ranks.iter().copied() {
            let below = match (order, after) {
                (_, None) => i64::MAX,
                (Order::Newest, Some(cursor)) => cursor.run.0.cast_signed(),
                (Order::Trouble, Some(cursor)) if rank < cursor.rank => continue,
                (Order::Trouble, Some(cursor)) if rank == cursor.rank => cursor.run.0.cast_signed(),
                (Order::Trouble, Some(_)) => i64::MAX,
            };
            let mut own = self.places_of_rank(rows, rank, below, most)?;
            newest_first(&mut own);
            found.extend(own);
            if order == Order::Trouble && found.len() >= most {
                break;
            }
        }
        if order == Order::Newest {
            newest_first(&mut found);
        }
        found.truncate(most);
        Ok(found)
    }

    fn places_of_rank(&self, rows: &Connection, rank: u8, below: i64, most: usize) -> Result<Vec<Cursor>, StoreError> {
        let driver = if self.column.is_empty() { String::new() } else { format!(" AND {} = ?", self.column) };
        // The partial indexes want to hear again what they leave out.
        let partial = match self.column {
            "ending" => " AND ending <> 'succeeded'",
            _ => "",
        };
        let select = format!(
            "SELECT id FROM runs INDEXED BY {} WHERE rank = ? AND id < ? AND id >= ?{driver}{partial}{} ORDER BY id DESC LIMIT ?",
            self.index, self.conditions
        );
        let mut statement = rows.prepare_cached(&select)?;
        let mut found = Vec::new();
        for value in &self.values {
            let floor = if rank == RANKS - 1 { self.floor } else { 0 };
            let mut bound = vec![Value::Integer(rank.into()), Value::Integer(below), Value::Integer(floor)];
            if !self.column.is_empty() {
                bound.push(value.clone());
            }
            bound.extend(self.bound.iter().cloned());
            bound.push(Value::Integer(most as i64));
            let runs = statement.query_map(rusqlite::params_from_iter(bound), |row| row.get::<_, RunId>(0))?;
            for run in runs {
                found.push(Cursor { rank, run: run? });
            }
        }
        Ok(found)
    }
}

fn newest_first(places: &mut [Cursor]) {
    places.sort_unstable_by_key(|place| std::cmp::Reverse(place.run));
}

/// Returns the ranks in which a wanted run can stand.
fn ranks(filter: &Filter) -> Vec<u8> {
    // What is held and not over is trouble, and what is over is held no longer.
    if !filter.is.is_empty() {
        return vec![0];
    }
    let possible = |state: &State| match state {
        State::Queued => [0, 2].as_slice(),
        State::Running | State::Waiting | State::Finishing => &[0, 1],
        State::Closed => &[0, 3],
    };
    // A run that waits for its first attempt has no ending and no failure.
    let begun = !filter.endings.is_empty() || !filter.classes.is_empty();
    let wanted =
        |rank: &u8| filter.states.is_empty() || filter.states.iter().any(|state| possible(state).contains(rank));
    (0..RANKS).filter(|rank| wanted(rank) && !(begun && *rank == 2)).collect()
}

/// Every class that some run's last failure has, found by one step per class, however many runs there are.
const CLASSES: &str = "WITH RECURSIVE next (name) AS (SELECT min(class) FROM runs WHERE class IS NOT NULL UNION ALL \
                       SELECT (SELECT min(class) FROM runs WHERE class IS NOT NULL AND class > name) FROM next WHERE name IS NOT NULL) \
                       SELECT name FROM next WHERE name IS NOT NULL";

/// Finds the names that patterns stand for; `None` if there are no patterns.
fn names(rows: &Connection, patterns: &[String], known: &str) -> Result<Option<Vec<String>>, StoreError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut select = rows.prepare_cached(known)?;
    let known = select.query_map((), |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(known.into_iter().filter(|name| patterns.iter().any(|pattern| glob(pattern, name))).collect()))
}

const ROW: &str = "SELECT runs.id, runs.job, runs.point, runs.state, runs.held, runs.rank = 0, runs.ending, runs.attempts, runs.class, \
                   journal.body, runs.cause, runs.retry_of, runs.sweep, runs.opened_at, runs.began_at, runs.due_at, runs.closed_at, \
                   runs.definition, runs.state <> 'closed' AND coalesce((SELECT held FROM jobs WHERE name = runs.job), 0) \
                   FROM runs LEFT JOIN journal ON journal.seq = runs.step_seq WHERE runs.id = ?1";

/// Reads one run's row of a list.
pub(super) fn read_row(rows: &Connection, run: RunId) -> Result<(RunRow, Digest), StoreError> {
    let read = rows.prepare_cached(ROW)?.query_row([run], |row| Ok(row_of(row)));
    read?
}

fn row_of(row: &Row<'_>) -> Result<(RunRow, Digest), StoreError> {
    let (state, ending): (String, Option<String>) = (row.get(3)?, row.get(6)?);
    let body: Option<String> = row.get(9)?;
    let because = match body.as_deref().map(serde_json::from_str) {
        Some(Ok(Happened::Stepped(step))) => Some(fold::sentence_of(&step)),
        Some(Ok(_)) | None => None,
        Some(Err(error)) => return Err(unreadable("the journal", error)),
    };
    let time = |nanos: Option<i64>| nanos.map(|nanos| Time::of_nanos(nanos.into()));
    let row_read = RunRow {
        run: row.get(0)?,
        job: row.get(1)?,
        point: row.get(2)?,
        matrix: BTreeMap::new(),
        state: State::of(&state).ok_or_else(|| unreadable("a run's state", &state))?,
        held: row.get(4)?,
        job_held: row.get(18)?,
        trouble: row.get(5)?,
        ending: ending.as_deref().and_then(ending_of),
        attempts: row.get(7)?,
        class: row.get(8)?,
        because,
        trigger: row.get(10)?,
        retry_of: row.get(11)?,
        sweep: row.get(12)?,
        opened_at: Time::of_nanos(row.get::<_, i64>(13)?.into()),
        began_at: time(row.get(14)?),
        due_at: time(row.get(15)?),
        closed_at: time(row.get(16)?),
    };
    Ok((row_read, row.get(17)?))
}

/// The part of a definition that tells the runs of a sweep apart.
#[derive(Deserialize)]
struct Swept {
    #[serde(default)]
    matrix: Matrix,
}

/// Returns the values of a point; the runs of a sweep have one definition, which is read once for a page.
fn values(
    rows: &Connection,
    point: Option<u32>,
    definition: Digest,
    matrices: &mut BTreeMap<Digest, Matrix>,
) -> Result<BTreeMap<String, String>, StoreError> {
    let Some(point) = point else { return Ok(BTreeMap::new()) };
    let matrix = match matrices.entry(definition) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => {
            let document = sqlite::document(rows, definition)?;
            unknown.insert(serde_json::from_str::<Swept>(&document).map(|swept| swept.matrix).unwrap_or_default())
        }
    };
    Ok(matrix.point(point).map(|point| point.values.into_iter().collect()).unwrap_or_default())
}
