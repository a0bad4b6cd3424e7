//! Where `run` is written down: by the daemon that lives, else in the store itself. What is written, the recorder says.

use std::time::Duration;

use steadfast_retry::Moment;

use crate::api::{Client, TerminalBatch};
use crate::clock::{self, Clock};
use crate::ids::RunId;
use crate::state::StateDir;
use crate::store::{Batch, Birth, Sqlite, Store as _, StoreError};
use crate::terminal::{self, Owner};

/// The place where one run is written down: the daemon of the state folder where one lives, else its store.
pub(super) struct Journal {
    pub(super) state: StateDir,
    pub(super) run: RunId,
    /// The name of the store, which makes the run's number unique in the world.
    pub(super) store: String,
    clock: Clock,
    pen: Pen,
    /// How many lines of the run are known to be durable.
    written: u64,
    _owner: Owner,
}

/// Who writes.
enum Pen {
    /// Held from the look at the newest number to the first batch, so that the number is nobody else's.
    Store(Box<Sqlite>),
    Daemon(Box<Client>),
    /// Whoever answers.
    Any,
}

/// How often somebody is looked for who can write, and how long between: another command on a terminal lets go of the store
/// soon, and a daemon that starts opens its socket.
pub(super) const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

/// The most lines of one request: a body has a limit, and a line with its evidence some kilobytes.
const AT_A_TIME: usize = 64;

impl Journal {
    /// Gives a run its number, and makes this process its owner.
    pub(super) fn open(state: StateDir) -> Result<Self, String> {
        state.make().map_err(|error| format!("the state folder {} cannot be made: {error}", state.root().display()))?;
        let clock = Clock::open(state.root()).map_err(|error| format!("the clock cannot be kept: {error}"))?;
        let mut tries = 1;
        let (run, store, pen) = loop {
            match begin(&state, &clock) {
                Ok(begun) => break begun,
                Err(Trouble::Busy(_)) if tries < TRIES => tries += 1,
                Err(Trouble::Busy(why) | Trouble::Other(why)) => return Err(why),
            }
            pause();
        };
        let owner = Owner::take(&state, run).map_err(|error| format!("the run cannot be owned: {error}"))?;
        Ok(Self { state, run, store, clock, pen, written: 0, _owner: owner })
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.moment()
    }

    /// Writes a batch, by whoever can. After a failure the same lines may be handed in again, and more behind them.
    pub(super) fn append(&mut self, batch: &Batch, most_tries: u32) -> Result<(), String> {
        let mut tries = 1;
        loop {
            match self.append_once(batch) {
                Ok(()) => break,
                Err(Trouble::Busy(_)) if tries < most_tries => tries += 1,
                Err(Trouble::Busy(why) | Trouble::Other(why)) => return Err(why),
            }
            pause();
        }
        self.written += batch.entries.len() as u64;
        Ok(())
    }

    fn append_once(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let pen = match std::mem::replace(&mut self.pen, Pen::Any) {
            Pen::Any => connect(&self.state, &self.clock)?,
            pen => pen,
        };
        match pen {
            Pen::Store(mut store) => {
                terminal::write(&mut store, self.run, self.written, batch.clone())?;
            }
            Pen::Daemon(mut client) => {
                let mut documents = batch.documents.clone();
                for (place, entries) in batch.entries.chunks(AT_A_TIME).enumerate() {
                    let part = Batch { documents: std::mem::take(&mut documents), entries: entries.to_vec() };
                    let after = self.written + (place * AT_A_TIME) as u64;
                    client.write_terminal(self.run, &TerminalBatch::of(after, part)).map_err(Trouble::of_daemon)?;
                }
                self.pen = Pen::Daemon(client);
            }
            Pen::Any => unreachable!("a pen that was found is one or the other"),
        }
        Ok(())
    }
}

/// Why nothing was written.
enum Trouble {
    /// Nobody can write just now.
    Busy(String),
    /// Whatever else.
    Other(String),
}

impl Trouble {
    fn of_daemon(problem: crate::api::Problem) -> Self {
        // The next one, or the store, is asked in its place.
        Self::Busy(problem.message)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        let line = error.to_string().lines().next().unwrap_or_default().to_owned();
        if matches!(error, StoreError::Held(_)) { Self::Busy(line) } else { Self::Other(line) }
    }
}

/// Finds a number that nobody else has.
fn begin(state: &StateDir, clock: &Clock) -> Result<(RunId, String, Pen), Trouble> {
    match connect(state, clock)? {
        Pen::Daemon(mut client) => {
            let given = client.open_terminal().map_err(Trouble::of_daemon)?;
            Ok((given.run, given.store, Pen::Daemon(client)))
        }
        Pen::Store(mut store) => {
            let newest = store.recover()?.newest_run;
            let name = store.recall("store")?.unwrap_or_default().chars().take(12).collect();
            Ok((RunId(newest + 1), name, Pen::Store(store)))
        }
        Pen::Any => unreachable!("a pen that was found is one or the other"),
    }
}

/// Connects to the daemon, or opens the store where none answers.
fn connect(state: &StateDir, clock: &Clock) -> Result<Pen, Trouble> {
    if let Ok(client) = Client::connect(state) {
        return Ok(Pen::Daemon(Box::new(client)));
    }
    let wide = (u128::from(clock::random_bits()) << 64) | u128::from(clock::random_bits());
    let birth = Birth { store: wide, at: clock.moment() };
    Ok(Pen::Store(Box::new(Sqlite::open(state.root(), birth)?)))
}

/// Waits a little for somebody else to let go of the store: no decision of the run, and nothing to be woken by.
fn pause() {
    let _ = rustix::event::poll(
        &mut [],
        Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: BETWEEN.subsec_nanos().into() }),
    );
}
