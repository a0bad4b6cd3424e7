//! The thread that writes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Batch, Store, StoreError};
use crate::journal::Entry;

/// A life of the writer between two failures. A batch of an earlier life is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

/// What the writer reports, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The batch of this number is durable, and all before it.
    Durable {
        /// The epoch that it was handed in under.
        epoch: Epoch,
        /// The number that it was handed in with.
        through: u64,
        /// What was written with it, in order: back to whoever decided it, so that nobody keeps a copy meanwhile.
        entries: Vec<Entry>,
    },
    /// Nothing of this batch and of any behind it was written, nor will be: [`Writer::reset`] begins anew.
    Failed {
        /// The epoch that it was handed in under.
        epoch: Epoch,
        /// The number of the first batch that was not written.
        from: u64,
        /// Why.
        error: StoreError,
    },
    /// A probe was asked for, and this came of it.
    Probed(Result<(), StoreError>),
}

/// How much may wait for the thread, and how much goes into one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes, estimated, that may wait; whoever hands in more waits itself.
    pub waiting_bytes: usize,
    /// Bytes, estimated, that go into one commit if there are so many.
    pub group_bytes: usize,
    /// How long entries that [nobody waits for](Entry::may_wait) are kept back, so that they share the next commit.
    pub linger: Duration,
    /// How long nothing must have been asked for before the store may rest.
    pub rest_after: Duration,
}

impl Default for Backlog {
    /// A commit of 2 MiB takes some 50 ms.
    fn default() -> Self {
        let (linger, rest_after) = (Duration::from_millis(20), Duration::from_secs(1));
        Self { waiting_bytes: 32 << 20, group_bytes: 2 << 20, linger, rest_after }
    }
}

/// The one who writes: a thread of its own with the store in its hands.
///
/// # Theory of operation
///
/// Batches are taken in the order in which they were handed in. Whatever has arrived while one commit ran goes into the next,
/// so a slow disk makes larger commits, not longer queues. Entries that nobody waits for do not begin a commit: they go with the
/// next one, or alone after a moment. When a commit fails, nothing of its group was written, and every
/// batch behind it is dropped, because an entry must not become durable before one that was decided earlier. The daemon then
/// [probes](Writer::probe) until the disk takes writes again, [resets](Writer::reset) the writer, and folds from what is
/// durable. The writer itself never tries again.
///
/// Questions go the same way ([`Writer::ask`]), so an answer knows all batches that were handed in before it. When nothing
/// was asked for during a while, the thread lets the store [rest](Store::rest) once and then sleeps without a timer; it does
/// not rest between two commits of a busy time, because a checkpoint costs more than a commit.
pub struct Writer<S> {
    desk: Arc<Desk<S>>,
    thread: Option<JoinHandle<S>>,
}

/// Where the thread and its customers meet.
struct Desk<S> {
    tray: Mutex<Tray<S>>,
    arrived: Condvar,
    taken: Condvar,
    backlog: Backlog,
}

struct Tray<S> {
    work: VecDeque<Work<S>>,
    waiting_bytes: usize,
    epoch: Epoch,
    /// Whether a batch of this epoch has failed.
    failed: bool,
    closing: bool,
    /// Whether the thread sleeps so deeply that even what may wait must wake it.
    asleep: bool,
}

impl<S> Tray<S> {
    /// Says whether something is there and all of it may wait.
    fn may_wait(&self) -> bool {
        !self.closing && !self.work.is_empty() && self.work.iter().all(Work::may_wait)
    }
}

enum Work<S> {
    Write(Epoch, u64, Batch),
    Ask(Question<S>),
    Probe,
}

impl<S> Work<S> {
    fn may_wait(&self) -> bool {
        match self {
            Self::Write(.., batch) => batch.documents.is_empty() && batch.entries.iter().all(Entry::may_wait),
            Self::Ask(_) | Self::Probe => false,
        }
    }
}

type Question<S> = Box<dyn FnOnce(&mut S) + Send>;

/// What the thread does next.
enum Next<S> {
    Write(Epoch, Vec<(u64, Batch)>),
    Ask(Question<S>),
    Probe,
    Rest,
    End,
}

impl<S> Desk<S> {
    /// The tray is never left half-changed, so a panic of somebody who held it does no harm.
    fn lock(&self) -> MutexGuard<'_, Tray<S>> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something arrives or the time is up; says whether it is.
    fn wait<'d>(&'d self, tray: MutexGuard<'d, Tray<S>>, sleep: Sleep) -> (MutexGuard<'d, Tray<S>>, bool) {
        let most = match sleep {
            Sleep::Light => self.backlog.linger,
            Sleep::Sound => self.backlog.rest_after,
            Sleep::Deep => return (self.arrived.wait(tray).unwrap_or_else(PoisonError::into_inner), false),
        };
        let (tray, timeout) = self.arrived.wait_timeout(tray, most).unwrap_or_else(PoisonError::into_inner);
        (tray, timeout.timed_out())
    }
}

impl<S: Store + Send + 'static> Writer<S> {
    /// Starts the thread; `report` is called on it.
    ///
    /// # Errors
    ///
    /// Returns an error if the system gives no thread.
    pub fn start(store: S, backlog: Backlog, report: impl FnMut(Report) + Send + 'static) -> std::io::Result<Self> {
        let tray = Tray {
            work: VecDeque::new(),
            waiting_bytes: 0,
            epoch: Epoch(0),
            failed: false,
            closing: false,
            asleep: false,
        };
        let desk = Arc::new(Desk { tray: Mutex::new(tray), arrived: Condvar::new(), taken: Condvar::new(), backlog });
        let theirs = Arc::clone(&desk);
        let work = move || work(&theirs, store, report);
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(work)?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Hands in batches under numbers that grow from batch to batch. Waits while too much is waiting.
    pub fn submit(&self, epoch: Epoch, batches: impl IntoIterator<Item = (u64, Batch)>) {
        let mut tray = self.desk.lock();
        for (number, batch) in batches {
            let bytes = weight(&batch);
            // A single batch may be larger than what may wait.
            while tray.waiting_bytes > 0 && tray.waiting_bytes + bytes > self.desk.backlog.waiting_bytes {
                self.desk.arrived.notify_one();
                tray = self.desk.taken.wait(tray).unwrap_or_else(PoisonError::into_inner);
            }
            tray.waiting_bytes += bytes;
            tray.work.push_back(Work::Write(epoch, number, batch));
        }
        if tray.asleep || !tray.may_wait() {
            self.desk.arrived.notify_one();
        }
    }

    /// Has something asked on the thread, behind all batches that were handed in before.
    pub fn ask(&self, question: impl FnOnce(&mut S) + Send + 'static) {
        self.desk.lock().work.push_back(Work::Ask(Box::new(question)));
        self.desk.arrived.notify_one();
    }

    /// Asks for a probe; [`Report::Probed`] follows.
    pub fn probe(&self) {
        self.desk.lock().work.push_back(Work::Probe);
        self.desk.arrived.notify_one();
    }

    /// Begins a new epoch: what is handed in under it is written again; what is left of earlier ones is dropped.
    #[must_use]
    pub fn reset(&self) -> Epoch {
        let mut tray = self.desk.lock();
        tray.epoch = Epoch(tray.epoch.0 + 1);
        tray.failed = false;
        tray.epoch
    }

    /// Returns the present epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.desk.lock().epoch
    }

    /// Finishes what was handed in, ends the thread and gives the store back; `None` if the thread had panicked.
    #[must_use]
    pub fn close(mut self) -> Option<S> {
        self.end()
    }
}

impl<S> Writer<S> {
    fn end(&mut self) -> Option<S> {
        let thread = self.thread.take()?;
        self.desk.lock().closing = true;
        self.desk.arrived.notify_one();
        thread.join().ok()
    }
}

impl<S> Drop for Writer<S> {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl<S> std::fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("epoch", &self.desk.lock().epoch).finish_non_exhaustive()
    }
}

/// The thread's life.
fn work<S: Store>(desk: &Desk<S>, mut store: S, mut report: impl FnMut(Report)) -> S {
    let mut rested = true;
    loop {
        match next(desk, rested) {
            Next::Write(epoch, group) => {
                rested = false;
                report(write(desk, &mut store, epoch, group));
            }
            Next::Ask(question) => question(&mut store),
            Next::Probe => report(Report::Probed(store.probe())),
            Next::Rest => {
                // A rest that fails has lost nothing, and the next commit will show what is wrong.
                let _ = store.rest();
                rested = true;
            }
            Next::End => return store,
        }
    }
}

fn write<S: Store>(desk: &Desk<S>, store: &mut S, epoch: Epoch, group: Vec<(u64, Batch)>) -> Report {
    let batches: Vec<&Batch> = group.iter().map(|(_, batch)| batch).collect();
    match store.append_group(&batches) {
        Ok(()) => {
            let through = group.last().map_or(0, |(number, _)| *number);
            Report::Durable {
                epoch,
                through,
                entries: group.into_iter().flat_map(|(_, batch)| batch.entries).collect(),
            }
        }
        Err(error) => {
            let mut tray = desk.lock();
            tray.failed |= tray.epoch == epoch;
            Report::Failed { epoch, from: group.first().map_or(0, |(number, _)| *number), error }
        }
    }
}

/// How the thread waits while there is nothing that it must do at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// For a moment, from which what may wait does not wake it.
    Light,
    /// Until it is time to rest.
    Sound,
    /// Until something comes.
    Deep,
}

/// Takes the next thing to do from the tray; waits for one, and says once when there is time to rest.
fn next<S>(desk: &Desk<S>, rested: bool) -> Next<S> {
    let mut tray = desk.lock();
    let mut sleep = Sleep::Light;
    loop {
        let lingered = sleep != Sleep::Light;
        while lingered || !tray.may_wait() {
            match tray.work.pop_front() {
                Some(Work::Ask(question)) => return Next::Ask(question),
                Some(Work::Probe) => return Next::Probe,
                Some(Work::Write(epoch, number, batch)) => {
                    let group = gather(&mut tray, desk.backlog.group_bytes, epoch, number, batch);
                    desk.taken.notify_all();
                    if epoch == tray.epoch && !tray.failed {
                        return Next::Write(epoch, group);
                    }
                }
                None if tray.closing => return Next::End,
                None => break,
            }
        }
        let timed_out;
        tray.asleep = lingered;
        (tray, timed_out) = desk.wait(tray, sleep);
        tray.asleep = false;
        sleep = match sleep {
            Sleep::Light if !timed_out => Sleep::Light,
            Sleep::Light if rested => Sleep::Deep,
            Sleep::Light => Sleep::Sound,
            Sleep::Sound if timed_out && tray.work.is_empty() && !tray.closing => return Next::Rest,
            // What woke it may wait for company.
            Sleep::Sound | Sleep::Deep if tray.may_wait() => Sleep::Light,
            Sleep::Sound | Sleep::Deep => sleep,
        };
    }
}

/// Takes the batches that go into one commit with the first.
fn gather<S>(tray: &mut Tray<S>, most_bytes: usize, epoch: Epoch, number: u64, first: Batch) -> Vec<(u64, Batch)> {
    let mut bytes = weight(&first);
    let mut group = vec![(number, first)];
    while let Some(Work::Write(of, _, batch)) = tray.work.front() {
        let more = weight(batch);
        if *of != epoch || bytes + more > most_bytes {
            break;
        }
        let Some(Work::Write(_, number, batch)) = tray.work.pop_front() else { break };
        bytes += more;
        group.push((number, batch));
    }
    tray.waiting_bytes = tray.waiting_bytes.saturating_sub(bytes);
    group
}

/// Estimates what a batch takes; an exact figure would cost what the writing costs.
fn weight(batch: &Batch) -> usize {
    let documents: usize = batch.documents.iter().map(|document| document.body.len()).sum();
    64 + documents + batch.entries.len() * 512
}

#[cfg(test)]
mod tests;
