//! The client: one method for each route. It asks and hands back what was answered; what that means is for the face
//! that asked.

use std::fmt;
use std::io;
use std::time::Duration;

use axum::http::Method;
use serde::de::DeserializeOwned;

use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::view::{AttemptView, EventPage, EventView, RunPage, RunRow, RunView};

use super::problem::{Code, Problem};
use super::shapes::{
    EventsQuery, FilterView, FilterWanted, JobDetail, JobPage, LogForm, LogLine, LogQuery, ReloadView, RunsQuery,
    Start, Started, StatusView, StopQuery, TraceForm, TraceQuery, WaitQuery, WhyView,
};

mod address;
mod lines;
mod terminal;
mod wire;

use address::{Address, at};
pub use lines::{Heard, Lines};
use wire::Wire;

/// One who asks a daemon: blocking, over one connection that is opened again when it has to be.
///
/// Every answer that is no success comes as the daemon's own [`Problem`]. Where the daemon goes away meanwhile, the problem is of
/// the kind [`Code::Unreachable`].
#[derive(Debug)]
pub struct Client(Wire);

/// Nobody answers at a state folder's socket.
#[derive(Debug)]
pub struct Unreachable {
    socket: String,
    error: io::Error,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                write!(f, "no daemon listens at {}\nhelp: start one with `steadfast serve`", self.socket)
            }
            _ => write!(f, "the daemon at {} cannot be reached: {}", self.socket, self.error),
        }
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Unreachable> for Problem {
    fn from(unreachable: Unreachable) -> Self {
        let code = match unreachable.error.kind() {
            io::ErrorKind::PermissionDenied => Code::Denied,
            _ => Code::Unreachable,
        };
        Self::new(code, unreachable)
    }
}

/// How long an answer may take that has nothing to wait for: a reload reads files, a start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// Connects to the daemon of a state folder.
    ///
    /// # Errors
    ///
    /// Returns [`Unreachable`] if nobody answers there.
    pub fn connect(state: &StateDir) -> Result<Self, Unreachable> {
        Wire::connect(state).map(Self)
    }

    /// Opens runs: all of them, or none.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn start(&mut self, starts: &[Start]) -> Result<Started, Problem> {
        let body = match starts {
            [start] => serde_json::to_vec(start),
            starts => serde_json::to_vec(starts),
        };
        self.ask(Method::POST, at("runs"), body.expect("a start is made of texts and numbers"))
    }

    /// Lists runs.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn runs(&mut self, query: &RunsQuery) -> Result<RunPage, Problem> {
        self.get(at("runs").query(query))
    }

    /// Shows everything about a run.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn run(&mut self, run: RunId) -> Result<RunView, Problem> {
        self.get(at("runs").then(run))
    }

    /// Shows one attempt.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn attempt(&mut self, run: RunId, attempt: u32) -> Result<AttemptView, Problem> {
        self.get(at("runs").then(run).then("attempts").then(attempt))
    }

    /// Reads a log piece by piece, and follows it if the query says so.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn log(&mut self, run: RunId, query: &LogQuery) -> Result<Lines<'_, LogLine>, Problem> {
        let query = LogQuery { form: Some(LogForm::Lines), ..query.clone() };
        self.0.lines(at("runs").then(run).then("log").query(&query))
    }

    /// Reads a page of what the journal says, of one run or of all.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn events(&mut self, run: Option<RunId>, query: &EventsQuery) -> Result<EventPage, Problem> {
        self.get(events_at(run).query(&EventsQuery { follow: false, ..query.clone() }))
    }

    /// Follows what the journal says, of one run or of all.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn follow_events(&mut self, run: Option<RunId>, after: Option<u64>) -> Result<Lines<'_, EventView>, Problem> {
        self.0.lines(events_at(run).query(&EventsQuery { after, limit: None, follow: true }))
    }

    /// Draws the timeline of a run as a JSON tree.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn trace(&mut self, run: RunId) -> Result<serde_json::Value, Problem> {
        self.get(at("runs").then(run).then("trace"))
    }

    /// Draws the timeline of a run as lines.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn trace_text(&mut self, run: RunId, query: &TraceQuery) -> Result<String, Problem> {
        let query = TraceQuery { form: Some(TraceForm::Text), ..query.clone() };
        let bytes =
            self.0.bytes(Method::GET, at("runs").then(run).then("trace").query(&query), Vec::new(), PATIENCE)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Tells what a run waits for.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn why(&mut self, run: RunId) -> Result<WhyView, Problem> {
        self.get(at("runs").then(run).then("why"))
    }

    /// Waits until a run is over, but no longer than that; the row says how far it has come.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn wait(&mut self, run: RunId, timeout: Duration) -> Result<RunRow, Problem> {
        let query = WaitQuery { timeout: Some(steadfast_retry::Pretty(timeout).to_string()) };
        let address = at("runs").then(run).then("wait").query(&query);
        let bytes = self.0.bytes(Method::GET, address, Vec::new(), timeout.saturating_add(PATIENCE))?;
        understood(&bytes)
    }

    /// Ends a run.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn cancel(&mut self, run: RunId) -> Result<(), Problem> {
        self.tell(at("runs").then(run).then("cancel"))
    }

    /// Lets no attempt of a run begin.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn hold(&mut self, run: RunId) -> Result<(), Problem> {
        self.tell(at("runs").then(run).then("hold"))
    }

    /// Lets a held run go on, or a quarantined one in a new run; returns the run that goes on.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn release(&mut self, run: RunId) -> Result<Started, Problem> {
        self.ask(Method::POST, at("runs").then(run).then("release"), Vec::new())
    }

    /// Opens a new run in place of one that is over.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn retry(&mut self, run: RunId) -> Result<Started, Problem> {
        self.ask(Method::POST, at("runs").then(run).then("retry"), Vec::new())
    }

    /// Lists jobs.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn jobs(&mut self) -> Result<JobPage, Problem> {
        self.get(at("jobs"))
    }

    /// Shows everything about a job.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn job(&mut self, job: &str) -> Result<JobDetail, Problem> {
        self.get(at("jobs").then(job))
    }

    /// Lets nothing of a job begin, or again.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn hold_job(&mut self, job: &str, hold: bool) -> Result<(), Problem> {
        self.tell(at("jobs").then(job).then(if hold { "hold" } else { "release" }))
    }

    /// Tells how the daemon is.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn status(&mut self) -> Result<StatusView, Problem> {
        self.get(at("status"))
    }

    /// Lets the daemon read its files again.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`], with everything that is wrong with the files.
    pub fn reload(&mut self) -> Result<ReloadView, Problem> {
        self.ask(Method::POST, at("daemon").then("reload"), Vec::new())
    }

    /// Lets no new attempt begin, or again.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn drain(&mut self, drain: bool) -> Result<(), Problem> {
        self.tell(at("daemon").then(if drain { "drain" } else { "undrain" }))
    }

    /// Stops the daemon; running attempts run on unless they are taken along.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn stop(&mut self, take_jobs: bool) -> Result<(), Problem> {
        self.tell(at("daemon").then("stop").query(&StopQuery { jobs: take_jobs }))
    }

    /// Tells what the daemon's trace shows.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn log_filter(&mut self) -> Result<FilterView, Problem> {
        self.get(at("daemon").then("log-filter"))
    }

    /// Changes what the daemon's trace shows.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn set_log_filter(&mut self, wanted: &FilterWanted) -> Result<FilterView, Problem> {
        let body = serde_json::to_vec(wanted).expect("a filter is made of texts");
        self.ask(Method::PUT, at("daemon").then("log-filter"), body)
    }

    /// Returns the daemon's figures in the OpenMetrics text.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn metrics(&mut self) -> Result<String, Problem> {
        let bytes = self.0.bytes(Method::GET, Address::plain("/metrics"), Vec::new(), PATIENCE)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn get<T: DeserializeOwned>(&mut self, address: Address) -> Result<T, Problem> {
        self.ask(Method::GET, address, Vec::new())
    }

    fn tell(&mut self, address: Address) -> Result<(), Problem> {
        self.0.bytes(Method::POST, address, Vec::new(), PATIENCE).map(drop)
    }

    fn ask<T: DeserializeOwned>(&mut self, method: Method, address: Address, body: Vec<u8>) -> Result<T, Problem> {
        understood(&self.0.bytes(method, address, body, PATIENCE)?)
    }
}

fn events_at(run: Option<RunId>) -> Address {
    match run {
        Some(run) => at("runs").then(run).then("events"),
        None => at("events"),
    }
}

fn understood<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let strange = |error| {
        let help = "help: the daemon may be of another version; restart it with this one";
        Problem::new(Code::Internal, format_args!("the daemon's answer cannot be understood: {error}\n{help}"))
    };
    serde_json::from_slice(bytes).map_err(strange)
}
