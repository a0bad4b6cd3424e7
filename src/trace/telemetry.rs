use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_retry::{Moment, Policy};

use crate::ids::{Digest, RunId};
use crate::journal::{About, Entry, Happened, Opening};
use crate::observe::Observer;

use super::metrics::Metrics;
use super::roster::Roster;
use super::tell::tell;

/// The observer that makes events and figures of entries.
#[derive(Debug)]
pub struct Telemetry {
    roster: Mutex<Roster>,
    metrics: Arc<Metrics>,
}

impl Telemetry {
    /// Makes an observer that counts into these metrics.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { roster: Mutex::default(), metrics }
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Telemetry {
    fn seen(&self, seq: u64, entry: &Arc<Entry>) {
        let mut roster = self.roster();
        // An opening is told with what it says itself; everything else with what was known before.
        if matches!(entry.about, About::Run(_, Happened::Opened(_))) {
            roster.fold(entry);
        }
        let known = entry.run().and_then(|run| roster.get(run));
        tell(seq, entry, known);
        self.metrics.seen(entry, known);
        roster.fold(entry);
    }

    fn recall(&self, run: RunId, opening: &Opening, past: &[Entry]) {
        let mut roster = self.roster();
        let opened = past.iter().find(|entry| matches!(entry.about, About::Run(_, Happened::Opened(_))));
        roster.open(run, opened.map(|entry| entry.at), opening);
        past.iter().for_each(|entry| roster.fold(entry));
    }

    fn wrote(&self, took: Duration) {
        self.metrics.store_wrote(took);
    }

    fn loaded(&self, right: bool) {
        self.metrics.config_loaded(right);
    }

    fn succeeded(&self, job: &str, at: Moment) {
        self.metrics.recall_success(job, at);
    }

    fn define(&self, definition: Digest, policy: &Policy) {
        self.roster().define(definition, policy);
    }
}
