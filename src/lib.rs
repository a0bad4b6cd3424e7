//! The runner: reads jobs, runs them under declarative retry policies, writes down every attempt.

pub mod api;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod demo;
pub mod dispatch;
pub mod evidence;
pub mod exec;
pub mod failpoint;
pub mod ids;
pub mod job;
pub mod journal;
pub mod launch;
pub mod observe;
pub mod schedule;
pub mod shim;
pub mod state;
pub mod store;
pub mod sys;
pub mod terminal;
pub mod trace;

#[cfg(feature = "backoff")]
pub use steadfast_backoff as backoff;
