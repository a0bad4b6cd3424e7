//! Runs of terminals that are written down through this daemon.
//!
//! The process that runs the command decides and hands its entries over; this daemon is its pen. The entries are written by
//! the writer's thread in their turn, in a commit of their own: a batch that breaks a rule fails alone, and nothing of the daemon's is
//! lost with it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::dispatch::Refusal;
use crate::ids::RunId;
use crate::job::Definition;
use crate::journal::{About, Entry, Happened, Opening, Trigger};
use crate::state::StateDir;
use crate::store::{self, Batch, Sqlite, Store, StoreError};
use crate::terminal;

use super::turn::Loop;

/// A word of the writer's thread, in the order of the journal.
pub(super) enum Penned {
    /// About the daemon's own batches.
    Store(store::Report),
    /// About a run of a terminal.
    Terminal(Box<Written>),
}

/// What came of entries about runs of terminals.
pub(super) struct Written {
    result: Result<Done, StoreError>,
    /// The way back; nobody asked for the end of a run whose process is gone.
    reply: Option<(RunId, oneshot::Sender<Result<bool, Refusal>>)>,
}

/// Entries that are durable.
struct Done {
    /// The journal's number of the first.
    first: u64,
    entries: Vec<Entry>,
    /// How the run was opened and under which definition, where this daemon does not know the run yet.
    past: Option<(Opening, String)>,
}

impl Loop {
    /// Gives out the number of a run that is about to be opened on a terminal, and the name of the store.
    pub(super) fn open_terminal(&mut self) -> Result<(RunId, String), Refusal> {
        match &self.degraded {
            Some(degraded) => Err(Refusal::Conflict(format!("the daemon cannot write its journal: {}", degraded.why))),
            None => Ok((self.dispatcher.give_number(), self.awakening.settings.surroundings.store.clone())),
        }
    }

    /// Hands entries of a run to the writer. `after` is how many lines of the run its process knows to be durable.
    pub(super) fn write_terminal(
        &mut self,
        run: RunId,
        after: u64,
        batch: Batch,
        reply: oneshot::Sender<Result<bool, Refusal>>,
    ) {
        if let Err(refusal) = self.is_of_a_terminal(run, &batch.entries) {
            return drop(reply.send(Err(refusal)));
        }
        if !self.dispatcher.keep_off(run) {
            return drop(reply.send(Err(Refusal::Wrong(format!("nobody was given the number {run}")))));
        }
        let is_known = self.terminals.contains(&run);
        let words = self.words.clone();
        self.writer.ask(move |store| {
            let result = write(store, run, after, batch, is_known);
            // Where nobody hears any more, the process asks the next daemon, which finds what is written.
            drop(words.send(Penned::Terminal(Box::new(Written { result, reply: Some((run, reply)) }))));
        });
    }

    /// Checks that entries are of a terminal's run, and of nothing that this daemon runs.
    fn is_of_a_terminal(&self, run: RunId, entries: &[Entry]) -> Result<(), Refusal> {
        let wrong = |why: &str| Err(Refusal::Wrong(format!("these are no entries of a run on a terminal: {why}")));
        if self.dispatcher.knows(run) {
            return Err(Refusal::Conflict(format!("run {run} is this daemon's own")));
        }
        for (place, entry) in entries.iter().enumerate() {
            match &entry.about {
                About::Run(of, _) if *of != run => return wrong("they are about several runs"),
                About::Run(_, Happened::Opened(opening)) => {
                    let is_terminal = opening.trigger == Trigger::Terminal && opening.job.starts_with('@');
                    if place != 0 || !is_terminal || opening.lane != format!("/{}", opening.job) {
                        return wrong("they open another run");
                    }
                    // A run that is open and nothing more would wait for its first attempt in the daemon's queue.
                    if !matches!(entries.get(1).map(|entry| &entry.about), Some(About::Run(_, Happened::Stepped(_)))) {
                        return wrong("a run begins with its first attempt");
                    }
                }
                About::Run(
                    _,
                    Happened::Stepped(_)
                    | Happened::Started { .. }
                    | Happened::Told { .. }
                    | Happened::FinalizerBegan { .. }
                    | Happened::FinalizerEnded { .. }
                    | Happened::Closed { .. },
                ) if entry.mark().is_none() => {}
                About::Run(..) | About::Job(..) | About::Daemon(_) => {
                    return wrong("only a daemon writes some of them");
                }
            }
        }
        Ok(())
    }

    /// Ends the runs of terminals whose process is gone.
    pub(super) fn terminal_gone(&mut self) {
        let (state, now, words) = (StateDir::at(&self.settings.state), self.clock.moment(), self.words.clone());
        self.writer.ask(move |store| {
            let ended = store.recover().and_then(|mut recovered| {
                let first = recovered.newest_seq + 1;
                let entries = terminal::settle(store, &state, &mut recovered, now)?;
                Ok(Done { first, entries, past: None })
            });
            drop(words.send(Penned::Terminal(Box::new(Written { result: ended, reply: None }))));
        });
    }

    /// Takes the writer's word about runs of terminals.
    pub(super) fn terminal_written(&mut self, written: Written) {
        let Written { result, reply } = written;
        match result {
            Ok(done) => {
                let run = reply.as_ref().map(|(run, _)| *run);
                let is_new = run.is_some_and(|run| self.terminals.insert(run));
                self.show_terminal(run.filter(|_| is_new), done);
                if let Some((_, reply)) = reply {
                    drop(reply.send(Ok(is_new)));
                }
            }
            Err(error) => {
                if let Some((_, reply)) = reply {
                    drop(reply.send(Err(Refusal::Conflict(error.to_string()))));
                } else {
                    tracing::warn!(target: "steadfast::daemon", "a command whose process is gone is not ended yet: {error}");
                }
                if matches!(error, StoreError::Unsynced(_)) {
                    self.distrust = Some(error);
                }
            }
        }
    }

    fn show_terminal(&mut self, new: Option<RunId>, done: Done) {
        let Done { first, entries, past } = done;
        if let (Some(run), Some((opening, definition))) = (new, past) {
            if let Ok(definition) = serde_json::from_str::<Definition>(&definition) {
                self.show.define(opening.definition, &definition.policy);
            }
            if !entries.iter().any(opens) {
                self.show.recall(run, &opening, &[]);
            }
        }
        for (seq, entry) in (first..).zip(entries) {
            if let About::Run(run, Happened::Closed { .. }) = &entry.about {
                self.terminals.remove(run);
            }
            self.show.one(seq, &Arc::new(entry));
            self.next_seq = self.next_seq.max(seq + 1);
        }
    }
}

/// Writes, on the writer's thread.
fn write(store: &mut Sqlite, run: RunId, after: u64, batch: Batch, is_known: bool) -> Result<Done, StoreError> {
    let entries = terminal::write(store, run, after, batch)?;
    let past = match (is_known, store.opening(run)?) {
        (false, Some((opening, _))) => {
            let definition = store.document(opening.definition)?;
            Some((opening, definition))
        }
        (true, _) | (false, None) => None,
    };
    let first = store.newest_line()? + 1 - entries.len() as u64;
    Ok(Done { first, entries, past })
}

fn opens(entry: &Entry) -> bool {
    matches!(entry.about, About::Run(_, Happened::Opened(_)))
}
