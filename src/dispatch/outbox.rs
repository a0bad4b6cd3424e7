use std::collections::VecDeque;

use crate::journal::Entry;
use crate::store::{Batch, Document};

use super::effect::Effect;

/// The number of a batch of entries, counted from 1 in one life of a daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// What was decided and is not yet durable, and the effects that wait behind it.
///
/// One call of the dispatcher makes at most one batch. An effect that follows from an entry is *parked* behind the batch and released
/// when the store says `Durable`. Batches become durable in order, so whatever is parked leaves in the order of its decision.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    newest: BatchId,
    open: Batch,
    behind: Vec<Effect>,
    parked: VecDeque<(BatchId, Vec<Effect>)>,
}

impl Outbox {
    /// Writes an entry down with the present batch.
    pub(super) fn write(&mut self, entry: Entry) {
        self.open.entries.push(entry);
    }

    /// Keeps a document with the present batch.
    pub(super) fn keep(&mut self, document: Document) {
        self.open.documents.push(document);
    }

    /// Says what is to be done once everything decided so far is durable.
    pub(super) fn afterwards(&mut self, effect: Effect) {
        self.behind.push(effect);
    }

    /// Returns the number of the batch that is being written at present.
    pub(super) const fn present(&self) -> BatchId {
        BatchId(self.newest.0 + 1)
    }

    /// Closes the present batch and hands out what may be done now.
    pub(super) fn close(&mut self) -> Vec<Effect> {
        let behind = std::mem::take(&mut self.behind);
        if self.open.entries.is_empty() && self.open.documents.is_empty() {
            return match self.parked.back_mut() {
                Some((_, parked)) => {
                    parked.extend(behind);
                    Vec::new()
                }
                None => behind,
            };
        }
        self.newest.0 += 1;
        let batch = std::mem::take(&mut self.open);
        self.parked.push_back((self.newest, behind));
        vec![Effect::Append { id: self.newest, batch }]
    }

    /// Releases what waited behind a batch and those before it.
    pub(super) fn durable(&mut self, batch: BatchId) -> Vec<Effect> {
        let mut released = Vec::new();
        while self.parked.front().is_some_and(|(id, _)| *id <= batch) {
            released.extend(self.parked.pop_front().expect("the front was just seen").1);
        }
        released
    }

    /// Says whether everything decided is durable and done.
    pub(super) fn is_settled(&self) -> bool {
        self.parked.is_empty() && self.open.entries.is_empty()
    }
}
