//! What the dispatcher wants done. How it is done is for the daemon, which has nothing left to choose.

use steadfast_retry::Moment;

use crate::ids::{Piece, RunId, Token};
use crate::launch::{Expected, Launch};
use crate::store::{Batch, Place};

use super::input::RequestId;
use super::outbox::BatchId;

/// Something to be done. An effect leaves nothing to choose.
#[derive(Debug)]
pub enum Effect {
    /// Make a batch durable; [`Input::Durable`](super::Input::Durable) follows.
    Append {
        /// Its number.
        id: BatchId,
        /// What is written.
        batch: Batch,
    },
    /// Start a process.
    Launch(Box<Launch>),
    /// End a process by its stop ladder.
    Cut {
        /// Of which run.
        run: RunId,
        /// Which process.
        piece: Piece,
        /// Its secret.
        token: Token,
    },
    /// Say what became of starts that were announced before the daemon died.
    Adopt(Vec<Expected>),
    /// Give an [`Input::Tick`](super::Input::Tick) at this time, in place of the time asked for before.
    Wake(Option<Moment>),
    /// Ask the store for the next waiting runs of a lane.
    Refill {
        /// The lane.
        lane: String,
        /// Behind which place.
        behind: Option<Place>,
        /// How many at most; fewer in the answer mean that there are no more.
        most: usize,
    },
    /// Answer a request.
    Answer {
        /// Which.
        request: RequestId,
        /// How.
        answer: Result<Answer, Refusal>,
    },
    /// End the daemon's process.
    Exit(Exit),
}

/// Why the daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to.
    Stopped,
    /// Nothing is left to do.
    Idle(Tally),
}

/// How the newest run of each job ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Jobs whose newest run did not succeed, and that may not fail.
    pub failed: u32,
    /// Runs that are held.
    pub held: u32,
}

/// A good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These runs were opened, or had been under the same keys.
    Opened(Vec<RunId>),
    /// It is done, or under way.
    Done,
}

/// A refusal, and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such job or run.
    Missing(String),
    /// It is in a state in which this cannot be done.
    Conflict(String),
    /// The order itself is wrong.
    Wrong(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(what) | Self::Conflict(what) | Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Refusal {}
