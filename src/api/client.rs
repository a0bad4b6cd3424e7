use std::fmt;
use std::io;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::view::{AttemptView, EventPage, EventView, RunPage, RunRow, RunView};
use crate::sys::socket;

use super::problem::{Code, Problem};
use super::shapes::{
    EventsQuery, FilterView, FilterWanted, JobDetail, JobPage, LogForm, LogLine, LogQuery, ReloadView, RunsQuery,
    Start, Started, StatusView, StopQuery, TraceForm, TraceQuery, WaitQuery, WhyView,
};

mod address;
mod lines;

use address::{Address, at};
pub use lines::Lines;

/// One who asks a daemon: blocking, over one connection that is opened again when it has to be.
///
/// Every answer that is no success comes as the daemon's own [`Problem`]. Where the daemon goes away meanwhile, the problem is of
/// the kind [`Code::Unreachable`].
#[derive(Debug)]
pub struct Client {
    state: StateDir,
    runtime: Runtime,
    connection: Option<SendRequest<Full<Bytes>>>,
}

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

/// The most bytes of an answer that is read as a whole.
const MOST_BYTES: usize = 256 << 20;

/// How long an answer may take that has nothing to wait for: a reload reads files, a start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// Connects to the daemon of a state folder.
    ///
    /// # Errors
    ///
    /// Returns [`Unreachable`] if nobody answers there.
    pub fn connect(state: &StateDir) -> Result<Self, Unreachable> {
        let path = state.socket();
        let unreachable = |error| Unreachable { socket: path.display().to_string(), error };
        // The runtime costs more than the connection: whoever asks in vain shall not pay for it.
        let stream = socket::connect(&path).map_err(unreachable)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let mut client = Self { state: state.clone(), runtime: runtime.map_err(unreachable)?, connection: None };
        client.connection = Some(client.shake_hands(stream).map_err(unreachable)?);
        Ok(client)
    }

    fn shake_hands(&self, stream: std::os::unix::net::UnixStream) -> io::Result<SendRequest<Full<Bytes>>> {
        self.runtime.block_on(async {
            stream.set_nonblocking(true)?;
            let stream = TokioIo::new(UnixStream::from_std(stream)?);
            let (connection, driver) = http1::handshake(stream).await.map_err(io::Error::other)?;
            // Its end is noticed by whoever sends next.
            tokio::spawn(async { drop(driver.await) });
            Ok(connection)
        })
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
        self.lines(at("runs").then(run).then("log").query(&query))
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
        self.lines(events_at(run).query(&EventsQuery { after, limit: None, follow: true }))
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
        let bytes = self.bytes(Method::GET, at("runs").then(run).then("trace").query(&query), Vec::new(), PATIENCE)?;
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
        let bytes = self.bytes(Method::GET, address, Vec::new(), timeout.saturating_add(PATIENCE))?;
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
        let bytes = self.bytes(Method::GET, Address::plain("/metrics"), Vec::new(), PATIENCE)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn get<T: DeserializeOwned>(&mut self, address: Address) -> Result<T, Problem> {
        self.ask(Method::GET, address, Vec::new())
    }

    fn tell(&mut self, address: Address) -> Result<(), Problem> {
        self.bytes(Method::POST, address, Vec::new(), PATIENCE).map(drop)
    }

    fn ask<T: DeserializeOwned>(&mut self, method: Method, address: Address, body: Vec<u8>) -> Result<T, Problem> {
        understood(&self.bytes(method, address, body, PATIENCE)?)
    }

    /// Sends a request and reads the whole answer.
    fn bytes(&mut self, method: Method, address: Address, body: Vec<u8>, patience: Duration) -> Result<Bytes, Problem> {
        self.connect_again()?;
        let Self { runtime, connection, .. } = self;
        let connection = connection.as_mut().ok_or_else(broken_off)?;
        let answer = runtime.block_on(async {
            let asking = async {
                let response = send(connection, method, address, body).await?;
                whole(response).await
            };
            let late = |_| {
                Problem::new(
                    Code::Unreachable,
                    format_args!("the daemon did not answer within {} seconds", patience.as_secs()),
                )
            };
            tokio::time::timeout(patience, asking).await.map_err(late)?
        });
        if matches!(&answer, Err(problem) if problem.code == Code::Unreachable) {
            self.connection = None;
        }
        answer
    }

    /// Sends a request whose answer comes line by line.
    fn lines<T: DeserializeOwned>(&mut self, address: Address) -> Result<Lines<'_, T>, Problem> {
        self.connect_again()?;
        // A connection on which an answer is broken off is of no more use, so this one is given away.
        let mut connection = self.connection.take().ok_or_else(broken_off)?;
        let response = self.runtime.block_on(async {
            let response = send(&mut connection, Method::GET, address, Vec::new()).await?;
            if response.status().is_success() { Ok(response) } else { Err(problem_of(response).await) }
        })?;
        Ok(Lines::new(&self.runtime, connection, response.into_body()))
    }

    fn connect_again(&mut self) -> Result<(), Problem> {
        if self.connection.as_ref().is_none_or(|connection| connection.is_closed()) {
            let path = self.state.socket();
            let unreachable = |error| Unreachable { socket: path.display().to_string(), error };
            let stream = socket::connect(&path).map_err(unreachable)?;
            self.connection = Some(self.shake_hands(stream).map_err(unreachable)?);
        }
        Ok(())
    }
}

fn events_at(run: Option<RunId>) -> Address {
    match run {
        Some(run) => at("runs").then(run).then("events"),
        None => at("events"),
    }
}

fn broken_off() -> Problem {
    Problem::new(Code::Unreachable, "the daemon went away")
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    method: Method,
    address: Address,
    body: Vec<u8>,
) -> Result<Response<Incoming>, Problem> {
    let mut request = Request::builder().method(method).uri(address.to_string()).header(header::HOST, "steadfast");
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|error| Problem::new(Code::Usage, format_args!("this cannot be asked: {error}")))?;
    let gone = |_| broken_off();
    connection.ready().await.map_err(gone)?;
    connection.send_request(request).await.map_err(gone)
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Problem> {
    if !response.status().is_success() {
        return Err(problem_of(response).await);
    }
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    Ok(body.map_err(|_| broken_off())?.to_bytes())
}

/// Reads why something was not done.
async fn problem_of(response: Response<Incoming>) -> Problem {
    let status: StatusCode = response.status();
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Problem::new(Code::Internal, format_args!("the daemon answered {status} and not why")))
}

fn understood<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let strange = |error| {
        let help = "help: the daemon may be of another version; restart it with this one";
        Problem::new(Code::Internal, format_args!("the daemon's answer cannot be understood: {error}\n{help}"))
    };
    serde_json::from_slice(bytes).map_err(strange)
}
