//! Effects, carried out to the letter.

use std::path::PathBuf;
use std::sync::Arc;

use steadfast_retry::{Moment, Policy};
use tokio::sync::mpsc;

use crate::dispatch::{BatchId, Effect, Input};
use crate::exec::{Fate, Hands, Notice, Report};
use crate::failpoint;
use crate::ids::{Digest, RunId};
use crate::journal::{Entry, Mark, Opening};
use crate::launch::{Expected, Rung, Start};
use crate::observe::Observer;
use crate::store::view::View;
use crate::store::{self, StoreError};

use super::degraded::Degraded;
use super::gather::gather;
use super::manager;
use super::turn::Loop;

/// Whoever is shown the entries that are on the disk.
pub(super) struct Show {
    observers: Vec<Arc<dyn Observer>>,
}

impl Show {
    pub(super) fn to(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self { observers }
    }

    /// Shows entries that are durable now, counting the journal's numbers on, and returns the marks that they settle, with their runs.
    fn now(&self, entries: Vec<Entry>, now: Moment, seq: &mut u64) -> Vec<(Mark, RunId)> {
        if let Some(newest) = entries.last() {
            self.observers.iter().for_each(|observer| observer.wrote(now.since(newest.at)));
        }
        let mut settled = Vec::new();
        for entry in entries.into_iter().map(Arc::new) {
            self.observers.iter().for_each(|observer| observer.seen(*seq, &entry));
            *seq += 1;
            settled.extend(entry.mark().zip(entry.run()));
        }
        settled
    }

    /// Shows one entry that is durable.
    pub(super) fn one(&self, seq: u64, entry: &Arc<Entry>) {
        self.observers.iter().for_each(|observer| observer.seen(seq, entry));
    }

    /// Reminds the observers of a run that the store brought back.
    pub(super) fn recall(&self, run: RunId, opening: &Opening, past: &[Entry]) {
        self.observers.iter().for_each(|observer| observer.recall(run, opening, past));
    }

    /// Tells the observers under which policy runs of a definition go on.
    pub(super) fn define(&self, definition: Digest, policy: &Policy) {
        self.observers.iter().for_each(|observer| observer.define(definition, policy));
    }

    /// Tells the observers whether the files could be taken up that were read last.
    pub(super) fn loaded(&self, right: bool) {
        self.observers.iter().for_each(|observer| observer.loaded(right));
    }

    /// Tells the observers when each job last succeeded, as the store says, beside the daemon's work. Where no thread can be had
    /// the daemon does it itself: there is one question about each job, and nothing else has begun yet.
    pub(super) fn recall_successes(&self, folder: PathBuf) {
        let observers = self.observers.clone();
        let recall = Arc::new(move || {
            let jobs = View::open(&folder).and_then(|view| view.jobs()).unwrap_or_default();
            for past in jobs {
                let Some(at) = past.newest_success_at else { continue };
                observers.iter().for_each(|observer| observer.succeeded(&past.job, at.moment()));
            }
        });
        let theirs = Arc::clone(&recall);
        let begun = failpoint!("daemon::recall::thread", io)
            .and_then(|()| std::thread::Builder::new().name("recall".to_owned()).spawn(move || theirs()));
        if let Err(error) = begun {
            tracing::warn!(target: "steadfast::daemon", %error, "no thread can be had; the daemon does the work itself");
            recall();
        }
    }
}

impl Loop {
    /// Does one thing. There is nothing to choose.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append { id, batch } => {
                self.outgoing.push((id.0, batch));
            }
            Effect::Launch(launch) => {
                failpoint!("daemon::launch::before");
                let name = launch.argv.first().cloned().unwrap_or_default();
                self.watched.insert(launch.start.token, (name, launch.watch.clone()));
                if let Some(hands) = &self.hands {
                    hands.launch(*launch);
                }
                failpoint!("daemon::launch::after");
            }
            Effect::Cut { run, piece, token } => {
                failpoint!("daemon::cut::before");
                if let Some(hands) = &self.hands {
                    hands.stop(&Start { run, piece, token }, Rung::Ask);
                }
                failpoint!("daemon::cut::after");
            }
            Effect::Adopt(expected) => self.adopt(expected),
            Effect::Wake(at) => self.alarm.set(&self.clock, at),
            Effect::Refill { lane, behind, most } => match self.lookup.window(&lane, behind, most) {
                Ok((rows, terms)) => {
                    terms.iter().for_each(|((digest, _), terms)| self.show.define(*digest, &terms.definition.policy));
                    rows.iter().for_each(|row| self.show.recall(row.run, &row.opening, &[]));
                    self.hear(Input::Refilled { lane, rows, terms });
                }
                Err(error) => self.degrade(format!("waiting runs cannot be read: {error}")),
            },
            Effect::Answer { request, answer } => {
                if let Some(reply) = self.answers.remove(&request) {
                    // Whoever asked may have gone; the answer is written down all the same.
                    drop(reply.send(answer));
                }
            }
            Effect::Exit(why) => self.ended = Some(why),
        }
    }

    /// Opens the hands, and hears from them what became of every start that was announced.
    fn adopt(&mut self, expected: Vec<Expected>) {
        failpoint!("daemon::adopt::before");
        // Whatever is in flight is expected; what was known of other starts is of an earlier life.
        self.watched.clear();
        self.ends.clear();
        for expected in &expected {
            self.watched.insert(expected.start.token, (String::new(), expected.watch.clone()));
        }
        self.hands = None;
        self.ends.clear();
        let (tell, reports) = mpsc::unbounded_channel();
        self.reports = reports;
        match Hands::open(self.site.clone(), expected, tell) {
            Ok((hands, fates)) => {
                self.hands = Some(hands);
                for (start, fate) in fates {
                    self.fate(start, fate);
                }
                failpoint!("daemon::adopt::after");
            }
            Err(error) => self.degrade(format!("the shims' folder cannot be read: {error}")),
        }
    }

    fn fate(&mut self, start: Start, fate: Fate) {
        match fate {
            Fate::Running { .. } => {}
            Fate::Ended { exit, mark } => self.report(Report::Ended { exit, mark }),
            Fate::NeverStarted => self.report(Report::NeverStarted { start, why: "nobody had claimed it".to_owned() }),
            Fate::Unclear { testimony } => self.report(Report::Unclear { start, testimony }),
        }
    }

    /// Makes inputs of what the hands tell.
    pub(super) fn report(&mut self, report: Report) {
        match report {
            Report::Started { start, who, .. } => {
                let Start { run, piece, token } = start;
                self.hear(Input::Started { run, piece, token, pid: who.pid.cast_unsigned() });
            }
            Report::Notified { start, notice, .. } => {
                // Evidence and counters come again with the last word.
                if let Notice::Told(word) = notice {
                    let Start { run, piece, token } = start;
                    self.hear(Input::Told { run, piece, token, word });
                }
            }
            Report::Ended { exit, mark } => {
                failpoint!("daemon::ended::before");
                self.ends.insert((mark, exit.start.run), exit.start);
                let (name, watch) = self.watched.remove(&exit.start.token).unwrap_or_default();
                let terms = self.dispatcher.terms_of(exit.start.run, exit.start.piece);
                let ended = gather(&exit, mark, &name, &watch, terms);
                self.hear(Input::Ended(Box::new(ended)));
                failpoint!("daemon::ended::after");
            }
            Report::NeverStarted { start, .. } => {
                self.watched.remove(&start.token);
                let Start { run, piece, token } = start;
                self.hear(Input::Voided { run, piece, token });
            }
            Report::LeaderEnded { .. } => {}
            Report::Clinging { start, survivors, .. } => {
                tracing::warn!(target: "steadfast::daemon", run = start.run.0, piece = %start.piece, count = survivors.len(),
                    "processes do not die, even of KILL; the next attempt waits for them");
            }
            Report::Unclear { start, testimony } => {
                tracing::warn!(target: "steadfast::daemon", run = start.run.0, piece = %start.piece, ?testimony,
                    "its shim died and somebody holds its lock; the next attempt waits");
            }
            Report::ShimLost { shim, starts, complaints } => {
                tracing::warn!(target: "steadfast::daemon", %shim, starts, complaints, "a shim died");
            }
        }
    }

    /// Takes the writer's word.
    pub(super) fn written(&mut self, word: store::Report) {
        match word {
            store::Report::Durable { epoch, .. } if epoch != self.epoch => {}
            store::Report::Durable { through, entries, .. } => {
                failpoint!("daemon::durable::before");
                let id = BatchId(through);
                for (mark, run) in self.show.now(entries, self.clock.moment(), &mut self.next_seq) {
                    if let (Some(hands), Some(start)) = (&self.hands, self.ends.remove(&(mark, run))) {
                        hands.acknowledge(&start, mark);
                    }
                }
                self.hear(Input::Durable(id));
                failpoint!("daemon::durable::after");
            }
            store::Report::Failed { epoch, .. } if epoch != self.epoch => {}
            // No second try: the system may have dropped what it could not write, and would call the next one a success.
            store::Report::Failed { error: error @ StoreError::Unsynced(_), .. } => self.distrust = Some(error),
            store::Report::Failed { error, .. } => self.degrade(error.to_string()),
            store::Report::Probed(Err(error @ StoreError::Unsynced(_))) => self.distrust = Some(error),
            store::Report::Probed(result) => self.probed(result),
        }
    }

    /// Begins to be degraded: nothing is decided until the store can be written again.
    pub(super) fn degrade(&mut self, why: String) {
        if self.degraded.is_none() {
            tracing::error!(target: "steadfast::daemon", "nothing new begins: {why}");
            self.outgoing.clear();
            manager::status(&format!("degraded, nothing new begins: {}", why.lines().next().unwrap_or_default()));
            self.degraded = Some(Degraded::because(why));
            self.alarm.set(&self.clock, Some(self.clock.moment() + Degraded::PAUSE));
            if self.stopping.is_some() {
                self.stop_degraded();
            }
        }
    }
}
