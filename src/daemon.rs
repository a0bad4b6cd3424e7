//! The daemon: one loop that hears, lets decide, and does.
//!
//! # Theory of operation
//!
//! [`serve`] opens the state folder, folds what the store holds into a [`Dispatcher`](crate::dispatch::Dispatcher), and turns:
//! whatever happens (an ask at the [`Door`], a report of the hands, a timer, a batch that is durable) becomes an `Input`, and every
//! `Effect` that comes back is carried out in order by [`perform`]. Nothing is decided here. Where an effect
//! seems to need a choice, the decision belongs into the dispatcher.
//!
//! - The store writes on a thread of its own and groups what waits; its acknowledgement is an input like any other.
//! - Entries are shown to the observers (trace, metrics, feed) when they are durable, not before.
//! - If the store fails, the loop is *degraded*: nothing begins, shims run on, asks are refused with the reason. When a probe write
//!   succeeds, a new dispatcher is folded from what is durable, and the hands are asked again what became of every start.
//! - A clean stop leaves processes running: the next daemon finds them by their shims.
//!
//! Deliberately absent: worker threads, locks around state, polling.

mod alarm;
mod awake;
mod degraded;
mod door;
mod gather;
mod loading;
mod lookup;
mod manager;
mod perform;
mod terminal;
mod turn;

use std::path::PathBuf;

pub use awake::{ServeError, serve};
pub use door::{Door, Status, Target};

/// How a daemon is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Files and folders of jobs.
    pub paths: Vec<PathBuf>,
    /// The state folder.
    pub state: PathBuf,
    /// How many attempts may run at once.
    pub slots: usize,
    /// Whether to end when nothing is left to do.
    pub until_idle: bool,
    /// Whether attempts are taken along when the daemon is stopped by a signal.
    pub stop_jobs: bool,
    /// Whether files are read again when they change.
    pub watch: bool,
}

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It was asked to stop.
    Stopped,
    /// Nothing is left to do; so many jobs failed, so many runs are held.
    Idle(crate::dispatch::Tally),
}
