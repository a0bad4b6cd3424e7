//! Effects, carried out to the letter.

use std::collections::VecDeque;
use std::sync::Arc;

use steadfast_retry::Policy;
use tokio::sync::mpsc;

use crate::dispatch::{BatchId, Effect, Input};
use crate::exec::{Fate, Hands, Notice, Report};
use crate::failpoint;
use crate::ids::{Digest, RunId};
use crate::journal::{Entry, Mark, Opening};
use crate::launch::{Expected, Rung, Start};
use crate::observe::Observer;
use crate::store::{self, StoreError};

use super::degraded::Degraded;
use super::gather::gather;
use super::turn::Loop;

/// Entries that are on their way to the disk, and who is shown them when they are there.
pub(super) struct Show {
    waiting: VecDeque<(BatchId, Vec<Arc<Entry>>)>,
    observers: Vec<Arc<dyn Observer>>,
}

impl Show {
    pub(super) fn to(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self { waiting: VecDeque::new(), observers }
    }

    fn when_durable(&mut self, id: BatchId, entries: Vec<Arc<Entry>>) {
        self.waiting.push_back((id, entries));
    }

    /// Shows everything up to a batch, counting the journal's numbers on, and returns the marks that it settles, with their runs.
    fn now(&mut self, id: BatchId, seq: &mut u64) -> Vec<(Mark, RunId)> {
        let mut settled = Vec::new();
        while self.waiting.front().is_some_and(|(waiting, _)| *waiting <= id) {
            let (_, entries) = self.waiting.pop_front().expect("the front was just seen");
            for entry in &entries {
                self.observers.iter().for_each(|observer| observer.seen(*seq, entry));
                *seq += 1;
                settled.extend(entry.mark().zip(entry.run()));
            }
        }
        settled
    }

    /// Reminds the observers of a run that the store brought back.
    pub(super) fn recall(&self, run: RunId, opening: &Opening, past: &[Entry]) {
        self.observers.iter().for_each(|observer| observer.recall(run, opening, past));
    }

    /// Tells the observers under which policy runs of a definition go on.
    pub(super) fn define(&self, definition: Digest, policy: &Policy) {
        self.observers.iter().for_each(|observer| observer.define(definition, policy));
    }

    /// Forgets what never became durable.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }
}

impl Loop {
    /// Does one thing. There is nothing to choose.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append { id, batch } => {
                failpoint!("daemon::append::before");
                self.show.when_durable(id, batch.entries.iter().cloned().map(Arc::new).collect());
                self.writer.submit(self.epoch, id.0, batch);
                failpoint!("daemon::append::after");
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
        self.watched.clear();
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
                let classes = self.dispatcher.classes_of(exit.start.run, exit.start.piece);
                let ended = gather(&exit, mark, &name, &watch, classes);
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
            store::Report::Durable { through, .. } => {
                failpoint!("daemon::durable::before");
                let id = BatchId(through);
                for (mark, run) in self.show.now(id, &mut self.next_seq) {
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
            self.show.forget();
            self.degraded = Some(Degraded::because(why));
            self.alarm.set(&self.clock, Some(self.clock.moment() + Degraded::PAUSE));
            if self.stopping.is_some() {
                self.stop_degraded();
            }
        }
    }
}
