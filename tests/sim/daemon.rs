//! The daemon's perform layer in miniature: one loop, one inbox, a writer that commits in groups.

use std::collections::VecDeque;

use steadfast::dispatch::{BatchId, Dispatcher};
use steadfast::store::Batch;

/// One life of a dispatcher, in one process or after a failed store.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// Counts every dispatcher that ever was.
    pub(crate) life: u64,
    /// `None` while the store does not take writes.
    pub(crate) dispatcher: Option<Dispatcher>,
    pub(crate) writer: Writer,
    /// Which setting of the one timer counts.
    pub(crate) setting: u64,
    /// Whether nothing may begin: it drains or stops.
    pub(crate) draining: bool,
    pub(crate) stopping: bool,
    pub(crate) until_idle: bool,
}

/// What waits to be written, in order, and how much of it is being written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    queue: VecDeque<(BatchId, Batch)>,
    writing: usize,
}

impl Writer {
    /// Takes a batch; says whether the writer was at rest and begins now.
    pub(crate) fn push(&mut self, id: BatchId, batch: Batch) -> bool {
        if let Some((last, _)) = self.queue.back() {
            assert!(*last < id, "batches are handed over in order");
        }
        self.queue.push_back((id, batch));
        self.begin()
    }

    /// Begins to write all that has arrived, unless it is writing or has nothing to write.
    pub(crate) fn begin(&mut self) -> bool {
        if self.writing > 0 || self.queue.is_empty() {
            return false;
        }
        self.writing = self.queue.len();
        true
    }

    /// Takes out what was being written.
    pub(crate) fn written(&mut self) -> Vec<(BatchId, Batch)> {
        self.queue.drain(..std::mem::take(&mut self.writing)).collect()
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writing > 0
    }
}
