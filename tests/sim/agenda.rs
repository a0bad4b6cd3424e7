//! What happens when, in simulated time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use steadfast::dispatch::BatchId;
use steadfast::ids::{ShimId, Token};
use steadfast::store::Queued;

use crate::client::Request;
use crate::hands::Report;

/// Something that will happen. What is meant for a daemon names the life that it is meant for, and dies with it.
#[derive(Debug)]
pub(crate) enum Event {
    /// A daemon is started, or one whose store had failed tries again.
    Wake,
    /// A daemon finds something in its inbox.
    Letter { life: u64, letter: Letter },
    /// The disk goes well again.
    Mend,
    /// The store's writer has done with what it had begun to write.
    Written { life: u64 },
    /// The one timer of a daemon.
    Timer { life: u64, setting: u64 },
    /// A daemon is killed, wherever it is.
    Kill { life: u64 },
    /// A shim takes a request out of its socket.
    Claim(Token),
    /// A shim starts the program.
    Spawn(Token),
    /// A program says something.
    Speak(Token),
    /// A program ends on its own.
    End { token: Token, plan: u32 },
    /// A shim dies.
    ShimDies(ShimId),
    /// A daemon sees that a shim is gone.
    ShimMissed { life: u64, shim: ShimId },
    /// Somebody, or something, does the next thing.
    Chaos,
    /// The world calms down.
    Calm,
}

/// What a daemon finds in its inbox.
#[derive(Debug)]
pub(crate) enum Letter {
    Durable(BatchId),
    Report(Report),
    Refilled { lane: String, rows: Vec<Queued> },
    Request(Request),
}

/// The events to come, the earliest first; of two at the same time, the one that was planned first.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// The time, in nanoseconds since the Unix epoch.
    pub(crate) now: u64,
    planned: u64,
    queue: BinaryHeap<Planned>,
}

#[derive(Debug)]
struct Planned {
    at: u64,
    number: u64,
    event: Event,
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Planned {}

impl Agenda {
    pub(crate) fn from(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.queue.push(Planned { at: at.max(self.now), number: self.planned, event });
    }

    pub(crate) fn after(&mut self, delay: Duration, event: Event) {
        self.at(self.now.saturating_add(delay.as_nanos() as u64), event);
    }

    /// Moves time on to the next event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let planned = self.queue.pop()?;
        self.now = planned.at;
        Some(planned.event)
    }
}
