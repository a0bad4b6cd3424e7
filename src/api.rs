//! What can be asked of a daemon from outside, and the asking: HTTP with JSON over a Unix socket.
//!
//! # Theory of operation
//!
//! [`host`] opens `api.sock` in the state folder and answers there for as long as the daemon lives. Whoever connects is known by
//! the kernel's word: the daemon's own user and root are heard, nobody else. What can be asked stands in one table of routes; the
//! router and the [`document`] (OpenAPI 3.1) are both made of it, and a handler's own types are the shapes in the document.
//!
//! - What changes something goes through the [`Door`](crate::daemon::Door) to the daemon's loop, which answers when it is durable.
//! - What only reads goes to a [`View`](crate::store::view::View) of the store, off the loop's thread; logs are read from their files.
//!   Only what a run waits *for* is asked of the loop, which alone knows slots and turns.
//! - What goes on (events, logs) reads the store or the file, and takes the feed as a bell. So a slow reader misses nothing and
//!   holds up nobody, and one that comes again goes on where it was.
//!
//! Everything has an end: bodies, headers, connections, waits. Whatever is refused is refused as a [`Problem`], which has its HTTP
//! status and its exit code.
//!
//! [`Client`] is the asking side, for the command line: blocking, one connection, no daemon of its own.
//!
//! Deliberately absent: TCP, cookies, tokens, cross-origin answers (a request with an `Origin` is refused), and any decision.

mod client;
mod desk;
mod host;
mod openapi;
mod problem;
mod route;
mod routes;
mod shapes;
mod stream;

pub use client::{Client, Heard, Lines, Unreachable};
pub use host::{Hosting, host};
pub use openapi::document;
pub use problem::{Code, Problem};
pub use shapes::{
    ConfigView, EventsQuery, FilterView, FilterWanted, JobDetail, JobPage, JobRow, LogForm, LogLine, LogQuery,
    LogStream, OfAttempt, OfJob, OfRun, Reason, ReloadView, RunsQuery, SlotsView, Start, Started, StatusView,
    StopQuery, TerminalBatch, TerminalRun, TerminalText, TraceForm, TraceQuery, WaitQuery, WhyView, WriterView,
};

/// The unit in which room for bodies is counted.
const ROOM_UNIT: usize = 64 * 1024;
