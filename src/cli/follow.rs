//! What follows a daemon may outlive it: an upgrade is a daemon that goes and another that comes, and the runs go on.

use std::io;
use std::time::Duration;

use steadfast_retry::Pretty;

use super::console::Console;
use super::failure::Failure;
use super::source;
use crate::api::{Client, Code, Problem};
use crate::state::StateDir;
use crate::sys::poll::{Interest, Poller, Timer};
use crate::sys::time::Boottime;

/// How long the next daemon is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is until somebody is looked for again.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection to whichever daemon a state folder has, for whoever can go on where it was.
///
/// Whoever asks keeps its own place (a line of the journal, an offset in a log) and asks from there; nothing is kept here.
pub(super) struct Line<'s> {
    state: &'s StateDir,
    client: Client,
    /// Since when nobody has answered.
    lost: Option<Boottime>,
}

impl<'s> Line<'s> {
    /// Connects. Where no daemon is to begin with, none is waited for.
    pub(super) fn open(state: &'s StateDir) -> Result<Self, Failure> {
        Ok(Self { state, client: source::daemon(state)?, lost: None })
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Takes note that the daemon answers.
    pub(super) fn answers(&mut self) {
        self.lost = None;
    }

    /// Connects to the next daemon after this one went away, and says once that it is waited for.
    ///
    /// Returns at the given time as well, connected or not. Fails with the problem where that is of another kind, and when nobody
    /// has come for too long.
    pub(super) fn again(&mut self, problem: Problem, until: Boottime, console: &mut Console) -> Result<(), Failure> {
        if problem.code != Code::Unreachable {
            return Err(problem.into());
        }
        let lost = *self.lost.get_or_insert_with(|| {
            console.say(format_args!("the daemon went away; the next one is waited for, at most {}", Pretty(PATIENCE)));
            Boottime::now()
        });
        let end = lost.after(PATIENCE);
        loop {
            let now = Boottime::now();
            if now >= until {
                return Ok(());
            }
            if now >= end {
                return Err(problem.into());
            }
            pause(now.after(PAUSE).min(until))?;
            if let Ok(client) = Client::connect(self.state) {
                self.client = client;
                return Ok(());
            }
        }
    }
}

/// The end of an answer that should have gone on: the daemon is stopping.
pub(super) fn ended() -> Problem {
    Problem::new(Code::Unreachable, "the daemon went away")
}

fn pause(until: Boottime) -> io::Result<()> {
    let (mut poller, mut timer) = (Poller::new()?, Timer::new()?);
    timer.arm(until)?;
    poller.add(&timer, 0, Interest::Read)?;
    // A signal may end it early, which only means to look earlier.
    poller.wait().map(drop)
}
