//! The connection to a daemon, opened again when it has to be.

use std::io;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::api::problem::{Code, Problem};
use crate::state::StateDir;
use crate::sys::socket;

use super::Unreachable;
use super::address::Address;
use super::lines::Lines;

/// The most bytes of an answer that is read as a whole.
const MOST_BYTES: usize = 256 << 20;

/// A blocking connection.
#[derive(Debug)]
pub(super) struct Wire {
    state: StateDir,
    runtime: Runtime,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Wire {
    pub(super) fn connect(state: &StateDir) -> Result<Self, Unreachable> {
        let path = state.socket();
        let unreachable = |error| Unreachable { socket: path.display().to_string(), error };
        // The runtime costs more than the connection: whoever asks in vain shall not pay for it.
        let stream = socket::connect(&path).map_err(unreachable)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let mut wire = Self { state: state.clone(), runtime: runtime.map_err(unreachable)?, connection: None };
        wire.connection = Some(wire.shake_hands(stream).map_err(unreachable)?);
        Ok(wire)
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

    /// Sends a request and reads the whole answer.
    ///
    /// A connection that has been idle may be closed at the very moment at which it is used. What was certainly not heard, or only
    /// reads, is asked once more over a new one.
    pub(super) fn bytes(
        &mut self,
        method: Method,
        address: Address,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Bytes, Problem> {
        let body = Bytes::from(body);
        let first = self.bytes_once(&method, &address, &body, patience);
        match first {
            Err(Unanswered { unheard, settled: false, .. }) if unheard || method == Method::GET => {
                self.bytes_once(&method, &address, &body, patience).map_err(|unanswered| unanswered.problem)
            }
            first => first.map_err(|unanswered| unanswered.problem),
        }
    }

    fn bytes_once(
        &mut self,
        method: &Method,
        address: &Address,
        body: &Bytes,
        patience: Duration,
    ) -> Result<Bytes, Unanswered> {
        self.connect_again().map_err(Unanswered::told)?;
        let Self { runtime, connection, .. } = self;
        let used = connection.as_mut().ok_or_else(|| Unanswered::told(broken_off()))?;
        let answer = runtime.block_on(async {
            let asking = async { whole(send(used, method.clone(), address, body.clone()).await?).await };
            tokio::time::timeout(patience, asking).await.unwrap_or_else(|_| Err(Unanswered::late(patience)))
        });
        match answer {
            Ok(answer) => answer.map_err(Unanswered::told),
            Err(unanswered) => {
                *connection = None;
                Err(unanswered)
            }
        }
    }

    /// Sends a request whose answer comes line by line.
    pub(super) fn lines<T>(&mut self, address: Address) -> Result<Lines<'_, T>, Problem> {
        self.connect_again()?;
        // A connection on which an answer is broken off is of no more use, so this one is given away.
        let mut connection = self.connection.take().ok_or_else(broken_off)?;
        let response = self.runtime.block_on(async {
            let response = send(&mut connection, Method::GET, &address, Bytes::new()).await;
            let response = response.map_err(|unanswered| unanswered.problem)?;
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

pub(super) fn broken_off() -> Problem {
    Problem::new(Code::Unreachable, "the daemon went away")
}

/// Why there is no good answer.
struct Unanswered {
    problem: Problem,
    /// Whether the daemon has certainly not heard the request.
    unheard: bool,
    /// Whether asking once more is of no use: the answer is known, or nobody waits any longer.
    settled: bool,
}

impl Unanswered {
    /// There is an answer, and it is a problem.
    const fn told(problem: Problem) -> Self {
        Self { problem, unheard: false, settled: true }
    }

    fn late(patience: Duration) -> Self {
        let problem = format!("the daemon did not answer within {} seconds", patience.as_secs());
        Self { problem: Problem::new(Code::Unreachable, problem), unheard: false, settled: true }
    }

    fn broken_off(unheard: bool) -> Self {
        Self { problem: broken_off(), unheard, settled: false }
    }
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    method: Method,
    address: &Address,
    body: Bytes,
) -> Result<Response<Incoming>, Unanswered> {
    let mut request = Request::builder().method(method).uri(address.to_string()).header(header::HOST, "steadfast");
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let strange = |error| Unanswered::told(Problem::new(Code::Usage, format_args!("this cannot be asked: {error}")));
    let request = request.body(Full::new(body)).map_err(strange)?;
    connection.ready().await.map_err(|_| Unanswered::broken_off(true))?;
    connection.send_request(request).await.map_err(|error| Unanswered::broken_off(error.is_canceled()))
}

/// Reads an answer; the outer error says that there is none.
async fn whole(response: Response<Incoming>) -> Result<Result<Bytes, Problem>, Unanswered> {
    if !response.status().is_success() {
        return Ok(Err(problem_of(response).await));
    }
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    body.map(|body| Ok(body.to_bytes())).map_err(|_| Unanswered::broken_off(false))
}

/// Reads why something was not done.
async fn problem_of(response: Response<Incoming>) -> Problem {
    let status: StatusCode = response.status();
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Problem::new(Code::Internal, format_args!("the daemon answered {status} and not why")))
}
