//! The shim: a small process that holds the processes of attempts and outlives the daemon.
//!
//! # Theory of operation
//!
//! One thread, no async runtime, one loop: wait for descriptors, serve them, write the journal, send. It holds one
//! program or many by the same code. It is the parent of what it starts and the subreaper of what that starts, so
//! nothing it started can get away unseen: what a program left behind is, or descends from, one of its own children.
//!
//! A start goes: claim ([`claim`]), open the output ([`capture`]) and the socket ([`mailbox`]), spawn, record
//! `Started`. An end goes: reap, read what the pipes hold, stop what was left behind ([`ladder`]), record `Ended`.
//! Records go to the journal first ([`journal`]) and from there to whoever is connected ([`link`]), so a daemon that
//! comes back later reads the same words. The shim enforces the time limit whether a daemon lives or not.
//!
//! It ends when it was closed to new programs, the last one has ended and the daemon has acknowledged everything; then
//! it removes its folder. Without a daemon it waits a few seconds and ends too, leaving the journal for the next one.
//! TERM to the shim itself means that the machine goes down: everything is stopped by its ladder, and recorded.
//!
//! Deliberately absent: threads, fsync, knowledge of retries, and any signal by a pid that might have become a stranger's.

mod attempt;
mod capture;
mod cgroup;
pub(crate) mod claim;
mod ending;
pub(crate) mod journal;
mod kin;
pub(crate) mod ladder;
mod link;
pub(crate) mod log;
pub(crate) mod mailbox;
mod orders;
pub(crate) mod program;
mod starting;

#[cfg(test)]
pub(crate) use log::LogWriter;
pub mod wire;

pub(crate) use cgroup::is_populated;
pub use cgroup::{delegated, handed_down};

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use attempt::Attempt;
use claim::Drafts;
use journal::Journal;
use kin::Owner;
use link::Link;
use mailbox::Mailbox;
use wire::{PROTOCOL, Record};

use crate::exec::{Act, Exit, Notice};
use crate::failpoint;
use crate::ids::ShimId;
use crate::ids::Token;
use crate::launch::{Rung, Start};
use crate::sys::poll::{self, Interest, Poller, Signals, Timer};
use crate::sys::process::{self, BootId, Identity};
use crate::sys::time::{Boottime, Wall};
use crate::sys::{files, socket};

/// What a shim's process is called.
pub(crate) const NAME: &CStr = c"steadfast-shim";

/// The descriptor under which a shim finds its first connection.
pub const LINK_FD: i32 = 3;
/// The descriptor under which a shim finds its lock, already held.
pub const LOCK_FD: i32 = 4;

/// How long a shim with nothing to hold waits for a daemon to come back.
const LONELY: Duration = Duration::from_secs(5);
/// How long it waits before it writes again to a journal that refused.
const JOURNAL_RETRY: Duration = Duration::from_secs(1);
/// The key of the timer that is no attempt's.
const OWN: u32 = u32::MAX;

/// Runs a shim in a folder that the daemon has made. The whole life of the process `steadfast __shim FOLDER`.
pub fn main(folder: &Path) -> ExitCode {
    match failpoint::arm_from_environment().map_err(io::Error::other).and_then(|()| Shim::open(folder)?.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("the shim of {} ends: {error}", folder.display()));
            ExitCode::from(70)
        }
    }
}

/// Writes to stderr, which is a file in the shim's folder that `doctor` shows.
fn complain(text: &str) {
    let _ = rustix::io::write(rustix::stdio::stderr(), format!("{text}\n").as_bytes());
}

/// Everything that the loop turns on.
struct Shim {
    folder: PathBuf,
    folder_fd: File,
    claims: PathBuf,
    id: ShimId,
    /// Held as long as this process lives.
    _lock: File,
    null: File,
    journal: Journal,
    journal_retry: Boottime,
    poller: Poller,
    timer: Timer,
    signals: Signals,
    listener: UnixListener,
    links: BTreeMap<u32, Link>,
    attempts: BTreeMap<u32, Attempt>,
    /// Attempts by the pid of the first process.
    leaders: HashMap<i32, u32>,
    /// Attempts by token.
    tokens: HashMap<Token, u32>,
    /// Children of ours that are not first processes.
    orphans: HashMap<i32, Owner>,
    timers: BTreeSet<(Boottime, u32)>,
    drafts: Drafts,
    /// Mailboxes whose programs have ended.
    mailboxes: Vec<Mailbox>,
    /// Ended and not acknowledged: where the record ends, and whose it is.
    unacknowledged: VecDeque<(u64, Start)>,
    next_key: u32,
    is_closed: bool,
    is_stopping: bool,
    /// Since when nobody is connected.
    lonely: Boottime,
    buffer: Vec<u8>,
}

/// What an event is about; with a key it makes the poller's number.
#[derive(Clone, Copy)]
enum Kind {
    Listener,
    Signals,
    Timer,
    Link,
    Out,
    Err,
    Mailbox,
    Foreign,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::Listener, Self::Signals, Self::Timer, Self::Link, Self::Out, Self::Err, Self::Mailbox, Self::Foreign];

    const fn token(self, key: u32) -> u64 {
        (self as u64) << 32 | key as u64
    }

    fn of(token: u64) -> (Self, u32) {
        let kind = Self::ALL.get((token >> 32) as usize).copied().unwrap_or(Self::Timer);
        (kind, token as u32)
    }
}

impl Shim {
    fn open(folder: &Path) -> io::Result<Self> {
        let inherited = (poll::inherited(LINK_FD), poll::inherited(LOCK_FD));
        poll::reset_signals();
        poll::ignore_broken_pipes();
        process::close_rest_on_exec(LOCK_FD + 1);
        process::become_keeper(NAME)?;
        let folder = folder.canonicalize()?;
        let id = folder.file_name().and_then(|name| name.to_str()?.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
        let claims = folder.parent().ok_or(io::ErrorKind::InvalidInput)?.join("claims");
        let lock = match inherited.1 {
            Some(lock) => File::from(lock),
            None => File::options().read(true).write(true).create(true).truncate(false).open(folder.join("lock"))?,
        };
        if !files::lock(&lock)? {
            return Err(io::Error::other("another shim holds this folder"));
        }
        let journal = begun_journal(&folder)?;
        failpoint!("shim::opened");
        rustix::process::chdir("/")?;
        let drafts = Drafts::of(&claims, id);
        let mut this = Self {
            folder_fd: File::open(&folder)?,
            claims,
            id,
            _lock: lock,
            null: File::options().read(true).write(true).open("/dev/null")?,
            journal,
            journal_retry: Boottime::NEVER,
            poller: Poller::new()?,
            timer: Timer::new()?,
            signals: Signals::receive(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP])?,
            listener: socket::listen(&folder.join("socket"))?,
            folder,
            links: BTreeMap::new(),
            attempts: BTreeMap::new(),
            leaders: HashMap::new(),
            tokens: HashMap::new(),
            orphans: HashMap::new(),
            timers: BTreeSet::new(),
            drafts,
            mailboxes: Vec::new(),
            unacknowledged: VecDeque::new(),
            next_key: 0,
            is_closed: false,
            is_stopping: false,
            lonely: Boottime::now(),
            buffer: vec![0; 256 * 1024],
        };
        this.listener.set_nonblocking(true)?;
        this.poller.add(&this.listener, Kind::Listener.token(0), Interest::Read)?;
        this.poller.add(&this.signals, Kind::Signals.token(0), Interest::Read)?;
        this.poller.add(&this.timer, Kind::Timer.token(0), Interest::Read)?;
        if let Some(stream) = inherited.0 {
            this.welcome(UnixStream::from(stream))?;
        }
        failpoint!("shim::ready");
        Ok(this)
    }

    fn run(mut self) -> io::Result<()> {
        loop {
            self.write_and_send();
            if self.attempts.is_empty() && self.is_over() {
                return Ok(());
            }
            self.arm()?;
            for token in self.poller.wait()? {
                self.serve(token);
            }
        }
    }

    fn serve(&mut self, token: u64) {
        let (kind, key) = Kind::of(token);
        match kind {
            Kind::Listener => self.accept(),
            Kind::Signals => self.take_signals(),
            Kind::Timer => self.take_timers(),
            Kind::Link => self.hear(key),
            Kind::Out => self.read_output(key, 0),
            Kind::Err => self.read_output(key, 1),
            Kind::Mailbox => self.read_mailbox(key),
            Kind::Foreign => self.foreign_ended(key),
        }
    }

    /// Says whether the process may end, and removes what nobody needs any more.
    fn is_over(&mut self) -> bool {
        if self.journal.written() < self.journal.end() {
            return false;
        }
        // Without a daemon nobody closes it, but a daemon that comes later would do nothing else.
        let is_of_no_use = self.is_closed || self.links.is_empty();
        if is_of_no_use && self.unacknowledged.is_empty() && !self.is_stopping {
            self.mailboxes.clear();
            self.drafts.clear();
            self.remove_folder();
            return true;
        }
        self.links.is_empty() && (self.is_stopping || Boottime::now() >= self.lonely.after(LONELY))
    }

    fn remove_folder(&self) {
        failpoint!("shim::remove::before");
        for name in ["socket", "journal", "complaints", "lock"] {
            let _ = std::fs::remove_file(self.folder.join(name));
        }
        let _ = std::fs::remove_dir(&self.folder);
        failpoint!("shim::remove::after");
    }

    /// Gives a record its place in the journal; it is sent when it is written.
    fn record(&mut self, record: &Record) -> u64 {
        self.journal.append(record)
    }

    fn record_end(&mut self, exit: Exit) {
        failpoint!("shim::exit::before");
        let start = exit.start;
        let end = self.journal.append(&Record::Ended(Box::new(exit)));
        self.unacknowledged.push_back((end, start));
        failpoint!("shim::exit::recorded");
    }

    fn write_and_send(&mut self) {
        if let Err(error) = self.journal.flush() {
            if self.journal_retry == Boottime::NEVER {
                complain(&format!("the journal cannot be written: {error}"));
            }
            self.journal_retry = Boottime::now().after(JOURNAL_RETRY);
        } else {
            self.journal_retry = Boottime::NEVER;
        }
        let mut gone = Vec::new();
        for (key, link) in &mut self.links {
            let was_full = link.is_full;
            if link.pump(&self.journal).is_err() {
                gone.push(*key);
            } else if was_full != link.is_full {
                let interest = if link.is_full { Interest::ReadWrite } else { Interest::Read };
                let _ = self.poller.change(&*link, Kind::Link.token(*key), interest);
            }
        }
        for key in gone {
            self.lose(key);
        }
    }

    fn arm(&mut self) -> io::Result<()> {
        let mut at = self.timers.first().map_or(Boottime::NEVER, |(at, _)| *at).min(self.journal_retry);
        // With something left to write it does not end however lonely it is: then only the next try is due.
        if self.links.is_empty() && self.attempts.is_empty() && self.journal.written() == self.journal.end() {
            at = at.min(self.lonely.after(LONELY));
        }
        self.timer.arm(at)
    }

    fn take_timers(&mut self) {
        self.timer.take();
        let now = Boottime::now();
        // Each once, whatever becomes due meanwhile: nobody's timer keeps the loop from serving the others.
        let later = self.timers.split_off(&(now, OWN));
        for (_, key) in std::mem::replace(&mut self.timers, later) {
            if let Some(attempt) = self.attempts.get_mut(&key) {
                attempt.armed = Boottime::NEVER;
                self.tick(key, now);
            }
        }
    }

    /// Sets the timer of an attempt for the next thing that is due.
    fn rearm(&mut self, key: u32) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let due = attempt.due();
        if due != attempt.armed {
            self.timers.remove(&(attempt.armed, key));
            attempt.armed = due;
            if due != Boottime::NEVER {
                self.timers.insert((due, key));
            }
        }
    }

    fn key(&mut self) -> u32 {
        self.next_key = (self.next_key + 1) % OWN;
        self.next_key
    }

    fn take_signals(&mut self) {
        let taken = self.signals.take();
        if taken.contains(&libc::SIGCHLD) {
            self.reap();
        }
        if taken.contains(&libc::SIGTERM) || taken.contains(&libc::SIGINT) {
            // SIGHUP is received and passed over: a session that ends is no reason.
            self.is_stopping = true;
            self.is_closed = true;
            for key in self.attempts.keys().copied().collect::<Vec<_>>() {
                self.stop(key, Act::SystemStop, Rung::Ask);
            }
        }
    }

    fn read_output(&mut self, key: u32, which: usize) {
        if let Some(attempt) = self.attempts.get_mut(&key) {
            let is_open = attempt.capture.read(which, &mut self.buffer, Wall::now());
            if !is_open && attempt.over.is_some() {
                self.settle(key);
            }
        }
    }

    fn read_mailbox(&mut self, key: u32) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let Some(mailbox) = &mut attempt.mailbox else { return };
        let now = Boottime::now();
        let notices = mailbox.read(&mut attempt.said, now);
        self.note(key, notices, now);
        self.rearm(key);
    }

    fn note(&mut self, key: u32, notices: Vec<Notice>, now: Boottime) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        for notice in notices {
            if let (Notice::Extend(span), Some(ladder)) = (&notice, &mut attempt.ladder) {
                ladder.extend(*span, now, &attempt.watch.stop);
            }
            let start = attempt.start;
            self.journal.append(&Record::Notified { start, at: Wall::now(), notice });
        }
    }
}

/// Begins the journal of a shim, whose first record says who writes it.
fn begun_journal(folder: &Path) -> io::Result<Journal> {
    let mut journal = Journal::create(&folder.join("journal"))?;
    journal.append(&Record::Opened {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot: BootId::current()?,
        who: Identity::of(process::own_pid()).ok_or(io::ErrorKind::NotFound)?,
        at: Wall::now(),
    });
    journal.flush()?;
    Ok(journal)
}
