use std::io;
use std::os::fd::AsFd;

use crate::sys::poll::{self, Interest, Poller, Signals, Taken, Timer};
use crate::sys::time::Boottime;

/// Where a run waits for whatever comes next: a signal, its child, output, a time.
pub(super) struct Lookout {
    poller: Poller,
    timer: Timer,
    signals: Signals,
}

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Somebody, or the terminal, wants the run to end.
    Asked(Taken),
    /// A child has ended.
    Child,
    /// The terminal has another size.
    Resized,
    /// The time has come.
    Time,
    /// There is something to read at an end.
    End(usize),
    /// There is room to write at an outlet.
    Outlet(usize),
    /// The program reports.
    Mail,
}

const SIGNALS: u64 = 0;
const TIMER: u64 = 1;
const MAIL: u64 = 2;
const ENDS: u64 = 16;
const OUTLETS: u64 = 32;

/// The signals by which a run is asked to end.
const ASKING: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

impl Lookout {
    /// Receives signals here from now on. One that was ignored when this process started, as under `nohup`, stays so.
    pub(super) fn open() -> io::Result<Self> {
        let asking = ASKING.into_iter().filter(|signal| !poll::is_ignored(*signal));
        let all: Vec<i32> = asking.chain([libc::SIGCHLD, libc::SIGWINCH]).collect();
        let this = Self { poller: Poller::new()?, timer: Timer::new()?, signals: Signals::receive(&all)? };
        this.poller.add(&this.signals, SIGNALS, Interest::Read)?;
        this.poller.add(&this.timer, TIMER, Interest::Read)?;
        Ok(this)
    }

    /// Waits for something to come, at most until a moment.
    pub(super) fn wait(&mut self, until: Boottime) -> io::Result<Vec<Sight>> {
        self.timer.arm(until)?;
        let mut sights = Vec::new();
        for token in self.poller.wait()? {
            match token {
                SIGNALS => sights.extend(self.signals.take_all().into_iter().map(|taken| match taken.signal {
                    libc::SIGCHLD => Sight::Child,
                    libc::SIGWINCH => Sight::Resized,
                    _ => Sight::Asked(taken),
                })),
                TIMER => {
                    self.timer.take();
                    sights.push(Sight::Time);
                }
                MAIL => sights.push(Sight::Mail),
                OUTLETS.. => sights.push(Sight::Outlet((token - OUTLETS) as usize)),
                ENDS.. => sights.push(Sight::End((token - ENDS) as usize)),
                _ => {}
            }
        }
        Ok(sights)
    }

    pub(super) fn watch_end(&self, which: usize, end: impl AsFd) -> io::Result<()> {
        self.poller.add(end, ENDS + which as u64, Interest::Read)
    }

    pub(super) fn watch_outlet(&self, which: usize, outlet: impl AsFd) -> io::Result<()> {
        self.poller.add(outlet, OUTLETS + which as u64, Interest::Write)
    }

    pub(super) fn watch_mail(&self, mailbox: impl AsFd) -> io::Result<()> {
        self.poller.add(mailbox, MAIL, Interest::Read)
    }

    pub(super) fn forget(&self, fd: impl AsFd) {
        self.poller.remove(fd);
    }
}
