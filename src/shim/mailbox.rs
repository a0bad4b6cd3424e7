//! The socket on which a program reports.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use crate::exec::{Notice, Said};
use crate::journal::Told;
use crate::sys::process::{self, Identity};
use crate::sys::socket;
use crate::sys::time::Boottime;

/// Words of which only the last counts are written down no more often than this.
const GAUGE: Duration = Duration::from_secs(1);
/// The words of one attempt that are written down; more are counted.
const MANY: u64 = 10_000;

/// The senders that are told when their program is to end.
const PEERS: usize = 16;

/// One program's socket. Its file goes when it goes.
///
/// A program that left nobody behind leaves a good mailbox for the next one: to make the file of a socket costs as much as all
/// else that a short program needs.
#[derive(Debug)]
pub(crate) struct Mailbox {
    socket: UnixDatagram,
    path: PathBuf,
    /// In a mailbox that was another's: when its program began, in clock ticks since boot. Who is older writes to the other one.
    began: Option<u64>,
    /// Gauges that wait: the last of each kind.
    held: Vec<Notice>,
    due: Boottime,
    last: Boottime,
    written: u64,
    /// Who has written from an address of its own.
    peers: Vec<socket::Address>,
}

impl Mailbox {
    /// Listens in a folder.
    pub(crate) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        let (socket, held, peers) = (socket::receive_at(&path)?, Vec::new(), Vec::new());
        Ok(Self { socket, path, began: None, held, due: Boottime::NEVER, last: Boottime(0), written: 0, peers })
    }

    /// Returns the address for the program: the path, or, where that is too long for an address, one through a descriptor of
    /// this process.
    pub(crate) fn address(&self, folder: BorrowedFd<'_>) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        if self.path.as_os_str().len() <= socket::PATH_BYTES {
            self.path.to_string_lossy().into_owned()
        } else {
            format!("/proc/{}/fd/{}/{name}", process::own_pid(), folder.as_raw_fd())
        }
    }

    /// Makes it fit for another program; says whether it is.
    pub(crate) fn empty(&mut self) -> bool {
        let mut buffer = [0; 1];
        // Somebody who goes on talking is somebody who was left behind.
        let is_quiet = (0..64).any(|_| socket::receive(&self.socket, &mut buffer).is_none());
        (self.held, self.peers, self.written) = (Vec::new(), Vec::new(), 0);
        (self.due, self.last, self.began) = (Boottime::NEVER, Boottime(0), Some(u64::MAX));
        is_quiet
    }

    /// Says when its program began; senders older than that have another in mind.
    pub(crate) const fn belongs_to(&mut self, who: Identity) {
        if self.began.is_some() {
            self.began = Some(who.ticks);
        }
    }

    /// Says whether somebody may write here. A sender that is gone already cannot be asked for its age.
    fn admits(&self, sender: socket::Sender) -> bool {
        let own = socket::own_user();
        let is_young = || self.began.is_none_or(|began| Identity::of(sender.pid).is_none_or(|who| who.ticks >= began));
        (sender.user == own || sender.user == 0) && is_young()
    }

    /// Takes what has come; returns the words to write down now.
    pub(crate) fn read(&mut self, said: &mut Said, now: Boottime) -> Vec<Notice> {
        let mut buffer = [0; 8192];
        let mut out = Vec::new();
        // Bounded, so that a program that never stops talking does not keep the shim from everything else.
        for _ in 0..256 {
            let Some(received) = socket::receive(&self.socket, &mut buffer) else {
                break;
            };
            if !received.sender.is_some_and(|sender| self.admits(sender)) {
                said.dropped += 1;
                continue;
            }
            if let Some(from) = received.from
                && self.peers.len() < PEERS
                && !self.peers.contains(&from)
            {
                self.peers.push(from);
            }
            for notice in Notice::read(&buffer[..received.bytes]) {
                said.hear(&notice);
                self.sort(notice, said, now, &mut out);
            }
        }
        out.extend(self.take_due(now));
        out
    }

    fn sort(&mut self, notice: Notice, said: &mut Said, now: Boottime, out: &mut Vec<Notice>) {
        if matches!(notice, Notice::Total(_)) {
            // It travels with every step from now on.
            return;
        }
        if notice.is_a_gauge() {
            self.held.retain(|held| !held.is_like(&notice));
            self.held.push(match notice {
                Notice::Told(Told::Step { at, of }) => Notice::Told(Told::Step { at, of: of.or(said.total) }),
                other => other,
            });
            if self.due == Boottime::NEVER {
                self.due = self.last.after(GAUGE).max(now);
            }
        } else if self.written < MANY {
            self.written += 1;
            out.push(notice);
        } else {
            said.dropped += 1;
        }
    }

    /// Tells everyone who has an address that the program is to end.
    pub(crate) fn tell_stopping(&self) {
        self.peers.iter().for_each(|peer| socket::answer(&self.socket, peer, b"STOPPING=1"));
    }

    /// Returns when [`Mailbox::take_due`] is due.
    pub(crate) const fn due(&self) -> Boottime {
        self.due
    }

    /// Takes the gauges whose time has come.
    pub(crate) fn take_due(&mut self, now: Boottime) -> Vec<Notice> {
        if now < self.due {
            return Vec::new();
        }
        self.due = Boottime::NEVER;
        self.last = now;
        std::mem::take(&mut self.held)
    }

    /// Takes the gauges that wait, whatever the time.
    pub(crate) fn take_rest(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.held)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
