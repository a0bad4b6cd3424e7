//! The socket on which a program reports.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use crate::exec::{Notice, Said};
use crate::journal::Told;
use crate::sys::socket;
use crate::sys::time::Boottime;

/// Words of which only the last counts are written down no more often than this.
const GAUGE: Duration = Duration::from_secs(1);
/// The words of one attempt that are written down; more are counted.
const MANY: u64 = 10_000;

/// The senders that are told when their program is to end.
const PEERS: usize = 16;

/// One program's socket. Its file goes when it goes.
#[derive(Debug)]
pub(crate) struct Mailbox {
    socket: UnixDatagram,
    path: PathBuf,
    /// Gauges that wait: the last of each kind.
    held: Vec<Notice>,
    due: Boottime,
    last: Boottime,
    written: u64,
    /// Who has written from an address of its own.
    peers: Vec<socket::Address>,
}

impl Mailbox {
    /// Listens in a folder. Returns also the address for the program: the path, or, where that is too long for an
    /// address, one through a descriptor of this process.
    pub(crate) fn open(folder: &Path, folder_fd: i32, name: &str) -> io::Result<(Self, String)> {
        let path = folder.join(name);
        let socket = socket::receive_at(&path)?;
        let address = if path.as_os_str().len() <= socket::PATH_BYTES {
            path.to_string_lossy().into_owned()
        } else {
            format!("/proc/{}/fd/{folder_fd}/{name}", crate::sys::process::own_pid())
        };
        let this = Self {
            socket,
            path,
            held: Vec::new(),
            due: Boottime::NEVER,
            last: Boottime(0),
            written: 0,
            peers: Vec::new(),
        };
        Ok((this, address))
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
            let own = socket::own_user();
            if !received.sender.is_some_and(|sender| sender.user == own || sender.user == 0) {
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
