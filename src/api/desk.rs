use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::daemon::Door;
use crate::state::StateDir;
use crate::store::view::{Time, View};
use crate::store::{State, StoreError};
use crate::trace::{Feed, Metrics, TraceHandle};

use super::host::told;
use super::problem::{Code, Problem};

/// What everybody who answers has at hand.
pub(super) struct Desk {
    pub(super) door: Door,
    pub(super) state: StateDir,
    pub(super) feed: Feed,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) trace: Option<TraceHandle>,
    pub(super) clock: Clock,
    pub(super) began_at: Time,
    pub(super) views: Views,
    /// Room for bodies that are being read, in units of 64 KiB.
    pub(super) room: Semaphore,
    /// Turns true when the daemon goes; whoever streams or waits ends then.
    pub(super) closing: watch::Receiver<bool>,
}

impl Desk {
    /// Asks the store off the loop's thread: a question may wait for the disk, the daemon must not.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let _turn = self.views.turns.acquire().await.map_err(|_| Problem::stopping())?;
        let desk = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let view = desk.views.take(&desk.state)?;
            let answer = question(&view);
            desk.views.give_back(view);
            answer
        });
        match asked.await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(Problem::new(Code::Internal, format_args!("the question was not answered: {error}"))),
        }
    }

    /// Returns when the daemon goes.
    pub(super) async fn closed(&self) {
        told(self.closing.clone()).await;
    }
}

/// Connections to the store that can only read.
pub(super) struct Views {
    idle: Mutex<Vec<View>>,
    turns: Semaphore,
}

/// How many questions are answered at a time; a disk does not get faster by more.
const AT_ONCE: usize = 4;

impl Views {
    pub(super) fn new() -> Self {
        Self { idle: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }

    fn take(&self, state: &StateDir) -> Result<View, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| View::open(state.root()), Ok)
    }

    fn give_back(&self, view: View) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(view);
    }
}

/// Says whether a run in this state is over.
pub(super) fn is_over(state: State) -> bool {
    match state {
        State::Closed => true,
        State::Queued | State::Running | State::Waiting | State::Finishing => false,
    }
}
