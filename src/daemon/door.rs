//! The way in: what faces may ask of the daemon.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::dispatch::{Agenda, Answer, Census, Order, Outlook, Refusal, Waiting};
use crate::ids::RunId;
use crate::job::Config;
use crate::store::Batch;

/// A handle to the daemon's loop. Clones ask the same loop.
#[derive(Clone, Debug)]
pub struct Door {
    asks: mpsc::UnboundedSender<Ask>,
    /// Nothing is ever sent here: its end tells that the last door is let go of.
    _held: mpsc::Sender<Infallible>,
}

/// Knows whether anybody still holds a door.
pub(super) struct Held(mpsc::Receiver<Infallible>);

impl Held {
    /// Lets whoever holds a door finish what it says to others and let go, while the state folder is still this daemon's.
    pub(super) async fn see_off(mut self, asks: mpsc::UnboundedReceiver<Ask>) {
        // Whoever waits for an answer hears at once that there will be none.
        drop(asks);
        // Whoever holds on longer talks to nobody.
        let _ = tokio::time::timeout(FAREWELL, self.0.recv()).await;
    }
}

/// How long a daemon that ends waits for those who hold a door.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is asked, with the way back.
#[derive(Debug)]
pub(super) enum Ask {
    Start(Vec<Order>, Reply<Answer>),
    Retry { run: RunId, by: String, reply: Reply<Answer> },
    Cancel { run: RunId, by: String, reply: Reply<Answer> },
    Hold { target: Target, hold: bool, by: String, reply: Reply<Answer> },
    OpenTerminal(Reply<(RunId, String)>),
    WriteTerminal { run: RunId, after: u64, batch: Batch, reply: Reply<bool> },
    TerminalGone,
    Reload(oneshot::Sender<Result<String, String>>),
    Drain(bool, Reply<Answer>),
    Stop { take_jobs: bool, reply: Reply<Answer> },
    Status(oneshot::Sender<Status>),
    Outlook(Waiting, oneshot::Sender<Outlook>),
    Agendas(oneshot::Sender<Vec<(String, Agenda)>>),
}

/// The way back of an answer.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// A run or a job to be held or released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A run.
    Run(RunId),
    /// A job.
    Job(String),
}

/// How the daemon is.
#[derive(Clone, Debug)]
pub struct Status {
    /// What stands where.
    pub census: Census,
    /// Why it begins nothing new, if it does not: the store failed.
    pub degraded: Option<String>,
    /// What is wrong with its store, if a check found something.
    pub damage: Option<String>,
    /// Whether it drains.
    pub draining: bool,
    /// The configuration that new runs begin with.
    pub config: Arc<Config>,
    /// What is wrong with the files, if the last reload was refused.
    pub refused: Option<String>,
}

impl Door {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Ask>, Held) {
        let (asks, heard) = mpsc::unbounded_channel();
        let (held, holders) = mpsc::channel(1);
        (Self { asks, _held: held }, heard, Held(holders))
    }

    /// Opens runs: all orders, or none.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal; nothing was opened.
    pub async fn start(&self, orders: Vec<Order>) -> Result<Vec<RunId>, Refusal> {
        match self.ask(|reply| Ask::Start(orders, reply)).await? {
            Answer::Opened(runs) => Ok(runs),
            Answer::Done => Ok(Vec::new()),
        }
    }

    /// Opens a new run in place of one that is over.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal.
    pub async fn retry(&self, run: RunId, by: String) -> Result<Vec<RunId>, Refusal> {
        match self.ask(|reply| Ask::Retry { run, by, reply }).await? {
            Answer::Opened(runs) => Ok(runs),
            Answer::Done => Ok(Vec::new()),
        }
    }

    /// Ends a run that somebody no longer wants.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal.
    pub async fn cancel(&self, run: RunId, by: String) -> Result<(), Refusal> {
        self.ask(|reply| Ask::Cancel { run, by, reply }).await.map(drop)
    }

    /// Holds or releases a run or a job. A quarantined run is released by opening a new one.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal.
    pub async fn hold(&self, target: Target, hold: bool, by: String) -> Result<Answer, Refusal> {
        self.ask(|reply| Ask::Hold { target, hold, by, reply }).await
    }

    /// Gives out the number of a run that a process on a terminal is about to open, and the name of the store.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal.
    pub async fn open_terminal(&self) -> Result<(RunId, String), Refusal> {
        self.ask(Ask::OpenTerminal).await
    }

    /// Writes entries of a run that a process on a terminal holds, behind so many lines that it knows to be durable; says whether
    /// the run is new here.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal; nothing was written.
    pub async fn write_terminal(&self, run: RunId, after: u64, batch: Batch) -> Result<bool, Refusal> {
        self.ask(|reply| Ask::WriteTerminal { run, after, batch, reply }).await
    }

    /// Tells that the process of a run on a terminal is gone.
    pub fn terminal_gone(&self) {
        // A daemon that is going leaves it to the next.
        let _ = self.asks.send(Ask::TerminalGone);
    }

    /// Reads the files again; returns what changed, in lines.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the files; the configuration stays as it was.
    pub async fn reload(&self) -> Result<String, String> {
        let (reply, heard) = oneshot::channel();
        let gone = || "the daemon is stopping".to_owned();
        self.asks.send(Ask::Reload(reply)).map_err(|_| gone())?;
        heard.await.map_err(|_| gone())?
    }

    /// Lets no new attempt begin, or again.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal.
    pub async fn drain(&self, drain: bool) -> Result<(), Refusal> {
        self.ask(|reply| Ask::Drain(drain, reply)).await.map(drop)
    }

    /// Stops the daemon; running attempts run on, unless they are taken along.
    ///
    /// # Errors
    ///
    /// Returns the daemon's refusal.
    pub async fn stop(&self, take_jobs: bool) -> Result<(), Refusal> {
        self.ask(|reply| Ask::Stop { take_jobs, reply }).await.map(drop)
    }

    /// Asks how the daemon is; `None` if it is just going.
    pub async fn status(&self) -> Option<Status> {
        let (reply, heard) = oneshot::channel();
        self.asks.send(Ask::Status(reply)).ok()?;
        heard.await.ok()
    }

    /// Asks what stands between a run and its next attempt; `None` if the daemon is just going.
    pub async fn outlook(&self, waiting: Waiting) -> Option<Outlook> {
        let (reply, heard) = oneshot::channel();
        self.asks.send(Ask::Outlook(waiting, reply)).ok()?;
        heard.await.ok()
    }

    /// Asks what each job is going to do; `None` if the daemon is just going.
    pub async fn agendas(&self) -> Option<Vec<(String, Agenda)>> {
        let (reply, heard) = oneshot::channel();
        self.asks.send(Ask::Agendas(reply)).ok()?;
        heard.await.ok()
    }

    /// Returns when the daemon's loop has ended. Whoever holds a door lets go of it then, and the daemon waits a little for that.
    pub async fn gone(&self) {
        self.asks.closed().await;
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Refusal> {
        let (reply, heard) = oneshot::channel();
        let gone = || Refusal::Conflict("the daemon is stopping".to_owned());
        self.asks.send(make(reply)).map_err(|_| gone())?;
        heard.await.map_err(|_| gone())?
    }
}
