//! What came of one job of the demo, as its run's journal and log say, and what it was written to come to.

use steadfast_retry::Ending;

use crate::cli::failure::Failure;
use crate::cli::source::of_store;
use crate::cli::text::{self, Cell};
use crate::cli::words;
use crate::exec::log::Reading;
use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::view::{AttemptView, Filter, FinalizerView, Order, Page, RunView, View};
use crate::store::{How, StoreError};
use crate::{clock::Clock, journal::FinalizerResult};

/// What a job was written to come to.
struct Meant {
    job: &'static str,
    /// The classes of the attempts that fail, in their order.
    failures: &'static [&'static str],
    ending: Ending,
    /// How the output of the last attempt begins.
    said: &'static str,
    /// How many finalizers are done.
    finalizers: usize,
}

const fn meant(
    job: &'static str,
    failures: &'static [&'static str],
    ending: Ending,
    said: &'static str,
    finalizers: usize,
) -> Meant {
    Meant { job, failures, ending, said, finalizers }
}

/// The jobs in the order in which they begin, with what each was written to come to.
const MEANT: [Meant; 7] = [
    meant("flaky", &["net-reset", "net-reset"], Ending::Succeeded, "got it at attempt 3", 0),
    meant("hopeless", &["not-found"], Ending::Stopped, "HTTP Error 404: Not Found", 0),
    meant("killed", &["signal-kill"], Ending::Succeeded, "page 4", 0),
    meant("slow", &["timeout", "timeout"], Ending::GaveUp, "", 0),
    meant("training", &["signal-other", "signal-other"], Ending::Succeeded, "begins at step 900 of 1200", 0),
    meant("undisturbed", &[], Ending::Succeeded, "begins at step 0 of 1200", 0),
    meant("report", &[], Ending::Succeeded, "the same weights, to the bit", 1),
];

/// What came of one job.
pub(super) struct Outcome {
    pub(super) job: &'static str,
    meant: &'static Meant,
    run: Option<RunView>,
    /// How the output of the last attempt begins.
    said: String,
}

impl Outcome {
    /// Reads what came of all jobs. Where the daemon was stopped before anything was written, there is nothing of any.
    pub(super) fn all(state: &StateDir) -> Result<Vec<Self>, Failure> {
        let view = match View::open(state.root()) {
            Ok(view) => Some(view),
            Err(StoreError::Missing(_)) => None,
            Err(error) => return Err(of_store(&error)),
        };
        MEANT.iter().map(|meant| Self::of(meant, view.as_ref(), state)).collect()
    }

    fn of(meant: &'static Meant, view: Option<&View>, state: &StateDir) -> Result<Self, Failure> {
        let wanted = Filter { jobs: vec![meant.job.to_owned()], ..Filter::default() };
        let page = Page { order: Order::Newest, after: None, limit: 1, now: Clock::unkept().moment() };
        let read = |view: &View| match view.runs(&wanted, &page)?.runs.first() {
            Some(row) => view.run(row.run, |_| None),
            None => Ok(None),
        };
        let run = view.map(read).transpose().map_err(|error| of_store(&error))?.flatten();
        let said = run.as_ref().and_then(|run| first_line(run, state)).unwrap_or_default();
        Ok(Self { job: meant.job, meant, run, said })
    }

    /// Returns the number of the run, if the job has one.
    pub(super) fn number(&self) -> Option<RunId> {
        self.run.as_ref().map(|run| run.run)
    }

    /// Says whether the run is over, and all that follows it.
    pub(super) fn is_over(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.closed_at.is_some())
    }

    /// The job's line of the table.
    pub(super) fn row(&self) -> Vec<Cell> {
        let Some(run) = &self.run else {
            let empty = || Cell::new("");
            return vec![empty(), Cell::styled(self.job, text::HEADING), empty(), empty(), Cell::new("never began")];
        };
        let standing = words::standing(run.state, run.ending, run.held);
        vec![
            Cell::new(run.run),
            Cell::styled(self.job, text::HEADING),
            Cell::new(run.attempts.len()),
            Cell::styled(standing, words::style(run.state, run.ending, false)),
            Cell::new(self.sentence(run)),
        ]
    }

    /// Tells the run in a line: what befell its attempts, what followed, what the last one said first.
    fn sentence(&self, run: &RunView) -> String {
        let mut told = befell(&run.attempts);
        told.push(match (run.ending, &run.finish) {
            (None, _) => "not finished".to_owned(),
            (Some(Ending::Stopped), Some(finish)) => match &finish.because.rule {
                Some(rule) => format!("stopped by rule {}", rule.number),
                None => "stopped".to_owned(),
            },
            (Some(Ending::GaveUp), Some(finish)) => match finish.because.account.as_ref() {
                Some(account) if account.of.is_some() => {
                    format!("gave up with {} of {} charged", account.charged, account.of.unwrap_or_default())
                }
                Some(_) | None => "gave up".to_owned(),
            },
            (Some(Ending::Succeeded), _) => match run.attempts.len() {
                1 => "succeeded at once".to_owned(),
                number => format!("succeeded at attempt {number}"),
            },
            (Some(ending), _) => ending.as_str().to_owned(),
        });
        let mut told = told.join(", then ");
        if !self.said.is_empty() {
            told.push_str(&format!(": \"{}\"", self.said));
        }
        for (finalizer, how) in run.finalizers.iter().filter_map(|one| Some((one, one.sentence.as_ref()?))) {
            told.push_str(&format!("; finalizer {}: {how}", finalizer.piece));
        }
        told
    }

    /// Says what is not as it was meant to be.
    pub(super) fn wrong(&self) -> Option<String> {
        let Some(run) = &self.run else { return Some(format!("{}: never began", self.job)) };
        let meant = self.meant;
        if !self.is_over() {
            return Some(format!("{}: not finished", self.job));
        }
        let failures = || run.attempts.iter().filter(|one| one.outcome != Some(How::Succeeded)).map(class_of);
        let done = |one: &&FinalizerView| one.result == Some(FinalizerResult::Done);
        let is_as_meant = failures().eq(meant.failures.iter().copied())
            && run.ending == Some(meant.ending)
            && self.said == meant.said
            && run.finalizers.iter().filter(done).count() == meant.finalizers;
        (!is_as_meant).then(|| {
            let list = |names: Vec<&str>| if names.is_empty() { "no failure".to_owned() } else { names.join(", ") };
            let ending = |ending: Ending| ending.as_str();
            format!(
                "{}: meant were {}, {}, {:?}, {} done; there were {}, {}, {:?}, {} done",
                self.job,
                list(meant.failures.to_vec()),
                ending(meant.ending),
                meant.said,
                text::count(meant.finalizers, "finalizer"),
                list(failures().collect()),
                run.ending.map_or("no ending", ending),
                self.said,
                text::count(run.finalizers.iter().filter(done).count(), "finalizer"),
            )
        })
    }
}

/// What an attempt that did not succeed came to, in a word.
fn class_of(attempt: &AttemptView) -> &str {
    attempt.class.as_deref().unwrap_or_else(|| attempt.outcome.map_or("running", How::as_str))
}

/// What befell the attempts that did not succeed: equal ones in a row are counted.
fn befell(attempts: &[AttemptView]) -> Vec<String> {
    let unhappy: Vec<&str> = attempts.iter().filter(|one| one.outcome != Some(How::Succeeded)).map(class_of).collect();
    let told = |equal: &[&str]| match equal.len() {
        1 => equal[0].to_owned(),
        2 => format!("{} twice", equal[0]),
        many => format!("{} {many} times", equal[0]),
    };
    unhappy.chunk_by(|a, b| a == b).map(told).collect()
}

/// Reads the first line that the last attempt wrote.
fn first_line(run: &RunView, state: &StateDir) -> Option<String> {
    let number = run.attempts.last()?.number;
    let mut reading = Reading::open(&state.logs().join(format!("{}-{number}", run.run)), 0).ok()?;
    let read = reading.next(u64::MAX, 4_096, true).ok()?;
    let bytes: Vec<u8> = read.into_iter().flat_map(|(_, bytes)| bytes).collect();
    Some(String::from_utf8_lossy(&bytes).lines().next()?.to_owned())
}
