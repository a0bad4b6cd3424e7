//! What is sent and answered, as far as the store's views do not have it already.

mod daemon;
mod job;
mod log;
mod query;
mod start;
mod terminal;
mod why;

pub use daemon::{ConfigView, FilterView, FilterWanted, ReloadView, SlotsView, StatusView, WriterView};
pub use job::{JobDetail, JobPage, JobRow};
pub use log::{LogLine, LogStream};
pub use query::{
    EventsQuery, LogForm, LogQuery, OfAttempt, OfJob, OfRun, RunsQuery, StopQuery, TraceForm, TraceQuery, WaitQuery,
};
pub use start::{Start, Started};
pub use terminal::{TerminalBatch, TerminalRun, TerminalText};
pub use why::{Reason, WhyView};

pub(super) use start::Starts;
