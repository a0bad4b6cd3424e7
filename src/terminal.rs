//! Runs that a process of their own holds: commands under `steadfast run`.
//!
//! # Theory of operation
//!
//! Such a run is opened, driven and closed by the process that somebody started on a terminal, and a daemon has no part
//! in it. [`Owner`] is the lock that this process holds for as long as it lives; the kernel gives it back however it ends. A daemon that
//! wakes asks [`settle`] first: runs whose owner lives are taken out of what it goes on with, and runs whose owner is gone are closed as
//! lost. So no daemon ever starts an attempt of such a run. A daemon that lives holds the store, so it is the pen then: the process hands
//! it the entries, and [`write()`] sees to it that each is written once, whoever was asked how often.
//!
//! Deliberately not here: how such a run is driven (that is a face's), and any second journal.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use steadfast_retry::{Because, Cause, Decision, Dice, Ending, Event, Moment};

use crate::evidence::{Classes, Evidence, ExitCodes, Fact, HostEvent, classify};
use crate::ids::RunId;
use crate::journal::{About, End, Entry, FinalizerResult, Happened, Step, Trigger, Usage};
use crate::state::StateDir;
use crate::store::{Batch, Begun, Recovered, Sqlite, Store, StoreError};
use crate::sys::files;

/// The sign that the process of a run lives.
#[derive(Debug)]
pub struct Owner {
    _lock: File,
    path: PathBuf,
}

impl Owner {
    /// Takes the ownership of a run that is about to be opened.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system, or that somebody owns the run already.
    pub fn take(state: &StateDir, run: RunId) -> io::Result<Self> {
        let path = place(state, run);
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let lock = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        if !files::lock(&lock)? {
            return Err(io::Error::other("another process owns this run"));
        }
        Ok(Self { _lock: lock, path })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Says whether the process of a run lives.
#[must_use]
pub fn is_owned(state: &StateDir, run: RunId) -> bool {
    // Where the lock cannot be looked at, the run is rather left alone than called lost.
    files::is_locked(&place(state, run)).unwrap_or(true)
}

fn place(state: &StateDir, run: RunId) -> PathBuf {
    state.root().join("terminal").join(run.to_string())
}

/// Writes entries of a run that a process on a terminal holds, and returns those that were not written before.
///
/// `after` is how many lines of the run the process knows to be durable. Whoever asked and heard no answer may ask again: what is
/// there already is not written twice.
///
/// # Errors
///
/// Returns [`StoreError`] if nothing was written: the store cannot be written, the run is none of a terminal, or somebody else has
/// written about it.
pub fn write(store: &mut Sqlite, run: RunId, after: u64, mut batch: Batch) -> Result<Vec<Entry>, StoreError> {
    if store.opening(run)?.is_some_and(|(opening, _)| opening.trigger != Trigger::Terminal) {
        return Err(StoreError::Conflict(format!("run {run} is none of a terminal")));
    }
    let there = store.lines_of(run)?;
    let known = there.checked_sub(after).and_then(|known| usize::try_from(known).ok());
    let Some(known) = known.filter(|known| *known <= batch.entries.len()) else {
        return Err(StoreError::Conflict(format!(
            "the journal has {there} lines of run {run}, and {after} were expected"
        )));
    };
    batch.entries.drain(..known);
    if !batch.entries.is_empty() {
        store.append(&batch)?;
    }
    Ok(batch.entries)
}

/// Takes the runs of terminals out of what a daemon goes on with, and closes those whose process is gone; returns what was
/// written of them.
///
/// # Errors
///
/// Returns [`StoreError`] if an ending could not be written.
pub fn settle(
    store: &mut impl Store,
    state: &StateDir,
    recovered: &mut Recovered,
    now: Moment,
) -> Result<Vec<Entry>, StoreError> {
    let (ours, others): (Vec<Begun>, Vec<Begun>) =
        std::mem::take(&mut recovered.begun).into_iter().partition(|begun| !is_of_a_terminal(begun));
    recovered.begun = ours;
    let lost = others.iter().filter(|begun| !is_owned(state, begun.run));
    let entries: Vec<Entry> = lost.flat_map(|begun| ending(begun, now)).collect();
    if entries.is_empty() {
        return Ok(entries);
    }
    recovered.newest_seq += entries.len() as u64;
    let batch = Batch { documents: Vec::new(), entries };
    store.append(&batch)?;
    Ok(batch.entries)
}

fn is_of_a_terminal(begun: &Begun) -> bool {
    begun.entries.iter().any(|entry| match &entry.about {
        About::Run(_, Happened::Opened(opening)) => opening.trigger == Trigger::Terminal,
        About::Run(..) | About::Job(..) | About::Daemon(_) => false,
    })
}

/// What is written down of a run whose process is gone: what ran was lost, and nobody is there to try again.
fn ending(begun: &Begun, now: Moment) -> Vec<Entry> {
    let happened = begun.entries.iter().filter_map(|entry| match &entry.about {
        About::Run(_, happened) => Some(happened),
        About::Job(..) | About::Daemon(_) => None,
    });
    let mut finalizer = None;
    let mut last = None;
    for happened in happened {
        match happened {
            Happened::Stepped(step) => last = Some(&step.decision),
            Happened::FinalizerBegan { piece, .. } => finalizer = Some(*piece),
            Happened::FinalizerEnded { .. } => finalizer = None,
            Happened::Opened(_)
            | Happened::Started { .. }
            | Happened::Told { .. }
            | Happened::Held { .. }
            | Happened::Released { .. }
            | Happened::Crossed { .. }
            | Happened::Late { .. }
            | Happened::Diverged { .. }
            | Happened::Closed { .. } => {}
        }
    }
    let mut entries = Vec::new();
    if let Some(piece) = finalizer {
        let sentence = GONE.to_owned();
        entries.push(Happened::FinalizerEnded { piece, result: FinalizerResult::Lost, sentence, mark: None });
    }
    let ending = match last {
        Some(Decision::Finish { ending, .. }) => *ending,
        last => {
            entries.push(Happened::Stepped(Box::new(finish(last, now))));
            Ending::GaveUp
        }
    };
    entries.push(Happened::Closed { ending, because: None });
    entries.into_iter().map(|happened| Entry::of_run(now, begun.run, happened)).collect()
}

/// The step that ends a run: its attempt was lost, or its wait is over without anybody to go on.
fn finish(last: Option<&Decision>, now: Moment) -> Step {
    let because = Because { cause: Cause::Lost, class: None, rule: None, account: None, delay: None };
    let decision = Decision::Finish { ending: Ending::GaveUp, because };
    let by = Some(GONE.to_owned());
    match last {
        Some(Decision::Attempt { .. } | Decision::Cut { .. }) => {
            let mut evidence = Evidence::default();
            evidence.push(Fact::Host(HostEvent::Lost));
            let verdict = classify(Classes::shipped(), &evidence, &ExitCodes::one(0));
            let event = Event::Ended { at: now, outcome: verdict.outcome(), progress: None, dice: Dice::NONE };
            let end = Some(Box::new(End { evidence, verdict, usage: Usage::default(), mark: None }));
            Step { event, decision, start: None, end, by }
        }
        Some(Decision::Wait { .. } | Decision::Finish { .. }) | None => {
            Step { event: Event::CancelAsked { at: now }, decision, start: None, end: None, by }
        }
    }
}

const GONE: &str = "the process on the terminal is gone";

#[cfg(test)]
mod tests;
