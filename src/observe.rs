//! Whoever looks on while entries are written.
//!
//! An [`Observer`] is shown every entry once, after it is durable and in the order of the journal. It decides nothing, must not
//! wait for anything and cannot fail: what it cannot take in, it drops and counts. So a full disk or a slow reader of the
//! trace never holds up a run.
//!
//! An entry names its run by number only. What else an observer wants to know of a run stands in the run's opening, which
//! was shown when it was opened; whoever brings a run back from the store says so by [`Observer::recall`].

use std::sync::Arc;
use std::time::Duration;

use steadfast_retry::{Moment, Policy};

use crate::ids::{Digest, RunId};
use crate::journal::{Entry, Opening};

/// One who is shown what was written down.
pub trait Observer: Send + Sync {
    /// Is shown an entry that is durable, with its place in the journal.
    fn seen(&self, seq: u64, entry: &Arc<Entry>);

    /// Is reminded of a run that the store brought back: after a start, for the next window of a lane, or because
    /// somebody asked for it. `past` holds the run's entries as far as they are at hand, oldest first, perhaps none.
    /// Nothing of it happens anew.
    fn recall(&self, run: RunId, opening: &Opening, past: &[Entry]) {
        let _ = (run, opening, past);
    }

    /// Is told under which policy runs of a definition go on, before the first of them is shown.
    fn define(&self, definition: Digest, policy: &Policy) {
        let _ = (definition, policy);
    }

    /// Is told how long a batch took to become durable.
    fn wrote(&self, took: Duration) {
        let _ = took;
    }

    /// Is told whether the files could be taken up that were read last.
    fn loaded(&self, right: bool) {
        let _ = right;
    }

    /// Is reminded of when a job last succeeded.
    fn succeeded(&self, job: &str, at: Moment) {
        let _ = (job, at);
    }
}

/// Several observers, shown everything one after another.
#[derive(Default)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Gathers observers.
    #[must_use]
    pub fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self(observers)
    }
}

impl Observer for Observers {
    fn seen(&self, seq: u64, entry: &Arc<Entry>) {
        self.0.iter().for_each(|observer| observer.seen(seq, entry));
    }

    fn recall(&self, run: RunId, opening: &Opening, past: &[Entry]) {
        self.0.iter().for_each(|observer| observer.recall(run, opening, past));
    }

    fn define(&self, definition: Digest, policy: &Policy) {
        self.0.iter().for_each(|observer| observer.define(definition, policy));
    }

    fn wrote(&self, took: Duration) {
        self.0.iter().for_each(|observer| observer.wrote(took));
    }

    fn loaded(&self, right: bool) {
        self.0.iter().for_each(|observer| observer.loaded(right));
    }

    fn succeeded(&self, job: &str, at: Moment) {
        self.0.iter().for_each(|observer| observer.succeeded(job, at));
    }
}

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observers({})", self.0.len())
    }
}
