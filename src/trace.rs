//! The trace: what was written down, shown to people and machines.
//!
//! # Theory of operation
//!
//! Every entry of the journal is shown once, after it is durable, to the [`Observer`](crate::observe::Observer)s. Two of them
//! live here.
//!
//! - [`Telemetry`] makes one `tracing` event of an entry (`tell`) and counts it ([`Metrics`]). An entry names its run by
//!   number only, so a `roster` remembers the runs that are not over.
//! - [`Feed`] hands the entries themselves to whoever watches live.
//!
//! [`init`] installs the two writers of events: a console for people and files of JSON lines for machines. Each has its
//! filter, which [`TraceHandle::set_filter`] swaps while everything runs (the filter alone: a reloaded layer loses its filters),
//! and a `pipe`: a bounded buffer emptied by a thread of its own. So whoever tells something never waits: not for a terminal that
//! somebody stopped, not for a full disk. What does not fit is dropped; the number stands in the output where the lines
//! are missing, in the metrics and in the daemon's status ([`TraceHandle::drops`]).
//!
//! A run outlives the processes that watch it, so its timeline is never kept in memory: [`tree()`] builds it from the journal's
//! rows, for `steadfast trace RUN` and, as [`SpanRecord`]s, for exporters. Spans of `tracing` itself are for the daemon's own work.
//!
//! Deliberately not here: any decision, any reading of the journal, exporters. Whoever loses the trace loses no run.

mod clean;
mod console;
mod feed;
mod files;
mod filter;
mod inner;
mod json;
mod looks;
mod metrics;
mod pipe;
mod record;
mod roster;
mod telemetry;
pub mod tell;
pub mod tree;

#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use steadfast_retry::Moment;
use tracing::Dispatch;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

pub use console::Looks;
pub use feed::{Feed, News, Reader};
pub use files::FileSettings;
pub use filter::{BadFilter, Filter};
pub use inner::{InnerAttempt, NotAnInnerAttempt};
pub use json::VERSION as JSON_VERSION;
pub use metrics::{Build, JobFigures, MOST_JOBS, Metrics, RunState, Snapshot};
pub use pipe::Drops;
pub use telemetry::Telemetry;
pub use tree::{SpanRecord, Tree, tree};

/// What tells the time of events that are no entries.
pub type Hour = dyn Fn() -> Moment + Send + Sync;

/// How much each writer holds back for a place that is slow, in bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// What the trace is told once.
pub struct TraceSettings {
    /// The writer for people, if there is one.
    pub console: Option<ConsoleSettings>,
    /// The files for machines, if there are any, and their filter.
    pub files: Option<(FileSettings, Filter)>,
    /// The clock for events that are no entries.
    pub now: Arc<Hour>,
}

/// Where lines for people go.
pub struct ConsoleSettings {
    /// The place, usually standard error.
    pub to: Box<dyn Write + Send>,
    /// How the lines look.
    pub looks: Looks,
    /// Which events are shown.
    pub filter: Filter,
}

/// One of the writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The one for people.
    Console,
    /// The one for machines.
    Files,
}

impl Writer {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Console, Self::Files];

    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Files => "files",
        }
    }
}

/// The writers, as far as they can be asked and changed while they run.
#[derive(Clone)]
pub struct TraceHandle(Arc<[(Writer, Ways)]>);

struct Ways {
    pipe: pipe::Pipe,
    filter: reload::Handle<Targets, Registry>,
    text: std::sync::Mutex<String>,
}

/// Installs the writers for the whole process.
///
/// # Errors
///
/// Returns [`TraceError`] if the process has its writers already, or a thread cannot be started. A folder or a terminal that
/// cannot be written is no error here: lines are dropped and counted.
pub fn init(settings: TraceSettings) -> Result<TraceHandle, TraceError> {
    let (dispatch, handle) = build(settings)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| TraceError::Twice)?;
    Ok(handle)
}

/// Makes the writers without installing them: for tests, and for whoever has a `tracing` subscriber of their own to compose.
///
/// # Errors
///
/// Returns [`TraceError`] if a thread cannot be started.
pub fn build(settings: TraceSettings) -> Result<(Dispatch, TraceHandle), TraceError> {
    let TraceSettings { console, files, now } = settings;
    let mut ways = Vec::new();
    let mut layers: Vec<Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>> = Vec::new();
    if let Some(ConsoleSettings { to, looks, filter }) = console {
        let screen = console::Screen { to, looks: looks.clone(), now: Arc::clone(&now) };
        let pipe = pipe::Pipe::start("trace-console", BUFFER_BYTES, screen).map_err(TraceError::Thread)?;
        let (pipe_too, now, widest) = (pipe.clone(), Arc::clone(&now), AtomicUsize::new(0));
        let (targets, reload) = reload::Layer::new(filter.targets.clone());
        layers.push(console::ConsoleLayer { pipe: pipe_too, looks, now, widest }.with_filter(targets).boxed());
        ways.push((Writer::Console, Ways { pipe, filter: reload, text: filter.to_string().into() }));
    }
    if let Some((files, filter)) = files {
        let files = files::Files::new(files, Arc::clone(&now));
        let pipe = pipe::Pipe::start("trace-files", BUFFER_BYTES, files).map_err(TraceError::Thread)?;
        let (targets, reload) = reload::Layer::new(filter.targets.clone());
        layers.push(json::JsonLayer { pipe: pipe.clone(), now }.with_filter(targets).boxed());
        ways.push((Writer::Files, Ways { pipe, filter: reload, text: filter.to_string().into() }));
    }
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layers));
    Ok((dispatch, TraceHandle(ways.into())))
}

impl TraceHandle {
    /// Swaps the filter of a writer. Says whether there is such a writer.
    pub fn set_filter(&self, writer: Writer, filter: &Filter) -> bool {
        let Some(ways) = self.ways(writer) else { return false };
        let set = ways.filter.reload(filter.targets.clone()).is_ok();
        if set {
            *ways.text.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = filter.to_string();
        }
        set
    }

    /// Returns the filter of a writer as it was given.
    #[must_use]
    pub fn filter(&self, writer: Writer) -> Option<String> {
        let text = self.ways(writer)?.text.lock();
        Some(text.unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }

    /// Returns what each writer has dropped since the start, and what is wrong with it at present.
    #[must_use]
    pub fn drops(&self) -> Vec<(Writer, Drops)> {
        self.0.iter().map(|(writer, ways)| (*writer, ways.pipe.drops())).collect()
    }

    /// Waits until everything told so far is written or dropped, no longer than `patience` for each writer.
    pub fn flush(&self, patience: Duration) -> bool {
        self.0.iter().fold(true, |all, (_, ways)| ways.pipe.flush(patience) && all)
    }

    /// Writes the rest and takes no more, no longer than `patience` for each writer: the last act of a process.
    pub fn close(&self, patience: Duration) -> bool {
        self.0.iter().fold(true, |all, (_, ways)| ways.pipe.close(patience) && all)
    }

    fn ways(&self, writer: Writer) -> Option<&Ways> {
        self.0.iter().find(|(own, _)| *own == writer).map(|(_, ways)| ways)
    }
}

impl fmt::Debug for TraceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceHandle").field(&self.drops()).finish()
    }
}

/// Why there are no writers.
#[derive(Debug)]
pub enum TraceError {
    /// The process has its writers already.
    Twice,
    /// A thread could not be started.
    Thread(io::Error),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str("the trace of this process is set up already"),
            Self::Thread(error) => write!(f, "no thread for the trace: {error}"),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Twice => None,
            Self::Thread(error) => Some(error),
        }
    }
}
