//! How many runs stand where, read from counters that are kept along with the rows; no run is counted by looking at
//! it.

use serde::{Deserialize, Serialize};
use steadfast_retry::Ending;

use crate::ids::RunId;
use crate::store::StoreError;
use crate::store::sqlite::Whole;
use crate::store::standing::{State, ending_of};

use super::View;
use super::time::Time;

/// How many runs stand where, from counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Counts {
    /// They wait for their first attempt.
    pub queued: u64,
    /// An attempt is running.
    pub running: u64,
    /// They wait for another attempt.
    pub waiting: u64,
    /// Their finalizers run.
    pub finishing: u64,
    /// They succeeded.
    pub succeeded: u64,
    /// A limit was reached.
    pub gave_up: u64,
    /// A rule ended them.
    pub stopped: u64,
    /// Somebody ended them.
    pub cancelled: u64,
    /// They never began, and never will.
    pub skipped: u64,
    /// They were in flight at too many crashes of the daemon.
    pub quarantined: u64,
}

impl Counts {
    fn add(&mut self, word: &str, n: u64) {
        let place = match (State::of(word), ending_of(word)) {
            (Some(State::Queued), _) => &mut self.queued,
            (Some(State::Running), _) => &mut self.running,
            (Some(State::Waiting), _) => &mut self.waiting,
            (Some(State::Finishing), _) => &mut self.finishing,
            (_, Some(Ending::Succeeded)) => &mut self.succeeded,
            (_, Some(Ending::GaveUp)) => &mut self.gave_up,
            (_, Some(Ending::Stopped)) => &mut self.stopped,
            (_, Some(Ending::Cancelled)) => &mut self.cancelled,
            (_, Some(Ending::Skipped)) => &mut self.skipped,
            (_, Some(Ending::Quarantined)) => &mut self.quarantined,
            // Closed runs are counted under their ending.
            (Some(State::Closed) | None, None) => return,
        };
        *place += n;
    }

    /// Counts the runs that are not over.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.queued + self.running + self.waiting + self.finishing
    }

    /// Counts the runs that ended as failures.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.gave_up + self.stopped + self.quarantined
    }
}

/// How many runs of one lane wait for their first attempt and are not held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LaneCount {
    /// The lane, `group/job`.
    pub lane: String,
    /// How many.
    pub queued: u64,
}

/// What is known of a job from its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobSummary {
    /// Its name.
    pub job: String,
    /// Whether it is held.
    pub held: bool,
    /// Its runs.
    pub counts: Counts,
    /// Its newest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<RunId>,
    /// Where that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_state: Option<State>,
    /// How that ended, once it is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_ending: Option<Ending>,
    /// When that was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_opened_at: Option<Time>,
    /// Its newest run that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_success: Option<RunId>,
    /// When that was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_success_at: Option<Time>,
    /// Up to where its schedule was evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluated_at: Option<Time>,
}

impl View {
    /// Counts all runs.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        let mut select = self.rows.prepare_cached("SELECT word, sum(n) FROM counts GROUP BY word")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            counts.add(row.get_ref(0)?.as_str().unwrap_or_default(), row.get::<_, Whole>(1)?.0);
        }
        Ok(counts)
    }

    /// Counts what waits for its first attempt, by lane.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn lanes(&self) -> Result<Vec<LaneCount>, StoreError> {
        let mut select = self.rows.prepare_cached("SELECT name, queued FROM lanes WHERE queued > 0 ORDER BY name")?;
        let lanes =
            select.query_map((), |row| Ok(LaneCount { lane: row.get(0)?, queued: row.get::<_, Whole>(1)?.0 }))?;
        Ok(lanes.collect::<Result<_, _>>()?)
    }

    /// Returns the runs of which a decision was found that would be made otherwise today, the newest first. Every line of the
    /// journal is looked at for it.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn diverged(&self) -> Result<Vec<RunId>, StoreError> {
        let select = "SELECT DISTINCT run FROM journal WHERE kind = 'diverged' AND run IS NOT NULL ORDER BY run DESC";
        let mut select = self.rows.prepare_cached(select)?;
        Ok(select.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Returns what is known of each job that ever had a run or a due time, by name.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the store cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobSummary>, StoreError> {
        let rows = self.rows.unchecked_transaction()?;
        let select = "SELECT jobs.name, jobs.held, newest.id, newest.state, newest.ending, newest.opened_at, jobs.newest_success, \
                      success.closed_at, jobs.evaluated FROM jobs LEFT JOIN runs AS newest ON newest.id = jobs.newest \
                      LEFT JOIN runs AS success ON success.id = jobs.newest_success ORDER BY jobs.name";
        let mut select = rows.prepare_cached(select)?;
        let mut lines = select.query(())?;
        let mut jobs: Vec<JobSummary> = Vec::new();
        while let Some(row) = lines.next()? {
            let (state, ending): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            let time = |nanos: Option<i64>| nanos.map(|nanos| Time::of_nanos(nanos.into()));
            jobs.push(JobSummary {
                job: row.get(0)?,
                held: row.get(1)?,
                counts: Counts::default(),
                newest: row.get(2)?,
                newest_state: state.as_deref().and_then(State::of),
                newest_ending: ending.as_deref().and_then(ending_of),
                newest_opened_at: time(row.get(5)?),
                newest_success: row.get(6)?,
                newest_success_at: time(row.get(7)?),
                evaluated_at: time(row.get(8)?),
            });
        }
        let mut select = rows.prepare_cached("SELECT job, word, n FROM counts ORDER BY job")?;
        let mut lines = select.query(())?;
        while let Some(row) = lines.next()? {
            let (job, word): (String, String) = (row.get(0)?, row.get(1)?);
            if let Ok(place) = jobs.binary_search_by(|other| other.job.as_str().cmp(&job)) {
                jobs[place].counts.add(&word, row.get::<_, Whole>(2)?.0);
            }
        }
        Ok(jobs)
    }
}
