//! The socket: who may come in, and answering them. What is answered, the routes say; there is no TCP.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::daemon::Door;
use crate::failpoint;
use crate::state::StateDir;
use crate::store::view::Time;
use crate::sys::socket;
use crate::trace::{Feed, Metrics, TraceHandle};

use super::desk::{Desk, Views};
use super::problem::{Code, Problem};
use super::route::Caller;
use super::{ROOM_UNIT, routes};

/// What is needed to answer.
#[derive(Clone, Debug)]
pub struct Hosting {
    /// The daemon's state folder.
    pub state: StateDir,
    /// The way to its loop.
    pub door: Door,
    /// Its entries as they are written: the same feed must be among the daemon's observers.
    pub feed: Feed,
    /// Its figures, if somebody counts.
    pub metrics: Option<Arc<Metrics>>,
    /// Its trace, if it has one.
    pub trace: Option<TraceHandle>,
}

/// How many connections are open at a time.
const MOST_CONNECTIONS: usize = 256;

/// How many bytes of bodies are in memory at a time.
const ROOM_BYTES: usize = 192 << 20;

/// How long the head of a request may take to come.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How long answers may take that are under way when the daemon goes.
const FAREWELL: Duration = Duration::from_secs(1);

/// Opens the socket and answers on the current runtime until the daemon ends.
///
/// To be called inside [`serve`](crate::daemon::serve)'s `open`, when the store is locked: only then may the socket that an
/// earlier daemon left behind be removed.
///
/// # Errors
///
/// Returns the error of the file system if the folder is not the caller's own or the socket cannot be opened.
///
/// # Panics
///
/// Panics outside a runtime.
pub fn host(hosting: Hosting) -> io::Result<()> {
    let Hosting { state, door, feed, metrics, trace } = hosting;
    let clock = Clock::open(state.root())?;
    let listener = open(&state)?;
    let (close, closing) = watch::channel(false);
    let desk = Desk {
        door: door.clone(),
        began_at: Time::of(clock.moment()),
        state: state.clone(),
        feed,
        metrics,
        trace,
        clock,
        views: Views::new(),
        room: Semaphore::new(ROOM_BYTES / ROOM_UNIT),
        closing: closing.clone(),
    };
    let router = routes::router(Arc::new(desk));
    tokio::spawn(async move {
        let mut guests = JoinSet::new();
        tokio::select! {
            () = answer(&listener, &router, &closing, &mut guests) => {}
            () = door.gone() => {}
        }
        // The store is still locked while somebody holds the door, so this is our own socket.
        failpoint!("api::socket::remove::before");
        let _ = std::fs::remove_file(state.socket());
        failpoint!("api::socket::remove::after");
        drop((listener, router));
        let _ = close.send(true);
        let all_gone = async { while guests.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, all_gone).await;
        guests.shutdown().await;
        drop(door);
    });
    Ok(())
}

/// Opens the socket, for its owner alone from the first moment on.
fn open(state: &StateDir) -> io::Result<UnixListener> {
    let folder = std::fs::metadata(state.root())?;
    if folder.uid() != socket::own_user() {
        return Err(refused(state.root(), "belongs to somebody else", "name a folder of your own with `--state`"));
    }
    if folder.mode() & 0o022 != 0 {
        return Err(refused(state.root(), "can be written by others", "take that away with `chmod go-w`"));
    }
    let path = state.socket();
    failpoint!("api::socket::forget");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    failpoint!("api::socket::bind");
    let listener = socket::listen(&path)?;
    failpoint!("api::socket::open");
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn refused(folder: &Path, what: &str, help: &str) -> io::Error {
    let message = format!("the state folder {} {what}\nhelp: {help}", folder.display());
    io::Error::new(io::ErrorKind::PermissionDenied, message)
}

/// Lets guests in and answers them, each in a task of its own.
async fn answer(listener: &UnixListener, router: &Router, closing: &watch::Receiver<bool>, guests: &mut JoinSet<()>) {
    let service = TowerToHyperService::new(router.clone());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(caller) = admit(&stream, guests.len()) {
                        guests.spawn(serve(stream, caller, service.clone(), closing.clone()));
                    }
                }
                // Too many open files, most likely: nothing is lost, for whoever waits stays in the queue.
                Err(error) => {
                    tracing::warn!(target: "steadfast::daemon", %error, "nobody can be let in");
                    guests.join_next().await;
                }
            },
            Some(_) = guests.join_next(), if !guests.is_empty() => {}
        }
    }
}

/// Lets somebody in, or says why not.
fn admit(stream: &UnixStream, guests: usize) -> Option<Caller> {
    let room = if guests < MOST_CONNECTIONS {
        Ok(())
    } else {
        let help = "help: close some of them, or try again";
        Err(Problem::new(Code::Unreachable, format_args!("{MOST_CONNECTIONS} connections are open already\n{help}")))
    };
    match caller_of(stream).and_then(|caller| room.map(|()| caller)) {
        Ok(caller) => Some(caller),
        Err(problem) => {
            turn_away(stream, &problem);
            None
        }
    }
}

/// Asks the kernel who is at the other end. The daemon's own user and root may come in.
fn caller_of(stream: &UnixStream) -> Result<Caller, Problem> {
    let denied = |why: &str| Problem::new(Code::Denied, why);
    let credentials = stream.peer_cred().map_err(|_| denied("the kernel does not say who asks"))?;
    let caller = Caller { user: credentials.uid(), process: credentials.pid() };
    if caller.user == socket::own_user() || caller.user == 0 {
        return Ok(caller);
    }
    tracing::warn!(target: "steadfast::daemon", %caller, "somebody else was turned away");
    let why = format!("this daemon belongs to user {}, and user {} may not ask it", socket::own_user(), caller.user);
    Err(Problem::new(Code::Denied, why))
}

/// Says why in one short answer that fits into the socket's buffer; whoever does not read it learns nothing.
fn turn_away(stream: &UnixStream, problem: &Problem) {
    let body = serde_json::to_string(problem).expect("a problem is made of texts");
    let status = problem.code.status();
    let head = "content-type: application/json\r\nconnection: close";
    let _ = stream.try_write(
        format!("HTTP/1.1 {status} Refused\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
    );
}

/// Answers one guest until it has gone, or the daemon goes.
async fn serve(
    stream: UnixStream,
    caller: Caller,
    service: TowerToHyperService<Router>,
    closing: watch::Receiver<bool>,
) {
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let (caller, service) = (caller.clone(), service.clone());
        async move {
            if let Some(problem) = suspicious(&request) {
                return Ok(problem.into_response());
            }
            request.extensions_mut().insert(caller);
            service.call(request.map(Body::new)).await
        }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(64 * 1024);
    let mut connection = std::pin::pin!(connection.serve_connection(TokioIo::new(stream), answer));
    // A guest that breaks off is no trouble of ours.
    tokio::select! {
        _ = &mut connection => {}
        () = told(closing) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// A browser says where a page comes from, and no page has any business here.
fn suspicious(request: &Request<Incoming>) -> Option<Problem> {
    let foreign = request.headers().contains_key(header::ORIGIN) || request.headers().contains_key("sec-fetch-site");
    foreign.then(|| Problem::new(Code::Denied, "requests of web pages are refused"))
}

/// Returns when the daemon goes.
pub(super) async fn told(mut closing: watch::Receiver<bool>) {
    // An error says that the one who would tell is gone, which means the same.
    let _ = closing.wait_for(|closing| *closing).await;
}
