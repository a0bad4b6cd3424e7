use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// One of our own streams, to which a child's output is handed on, never waiting for a reader who is slow.
#[derive(Debug)]
pub(super) struct Outlet {
    fd: BorrowedFd<'static>,
    waiting: Vec<u8>,
    /// Whether the reader has gone away.
    is_gone: bool,
    /// Whether what was written last is a whole line.
    is_at_line_start: bool,
}

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// As much as a pipe that has room takes without blocking.
const PIECE: usize = 4096;

impl Outlet {
    pub(super) fn of(fd: BorrowedFd<'static>) -> Self {
        Self { fd, waiting: Vec::new(), is_gone: false, is_at_line_start: true }
    }

    pub(super) const fn fd(&self) -> BorrowedFd<'static> {
        self.fd
    }

    pub(super) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) const fn is_at_line_start(&self) -> bool {
        self.is_at_line_start
    }

    /// Asks the stream itself whether its reader has gone away, for output that did not come through us.
    pub(super) fn has_hung_up(&self) -> bool {
        let mut asked = [PollFd::from_borrowed_fd(self.fd, PollFlags::OUT)];
        let answered = poll(&mut asked, Some(&AT_ONCE)).is_ok();
        answered && asked[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL)
    }

    /// Hands bytes on, as far as there is room; the rest waits.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.is_gone {
            return;
        }
        if let Some(last) = bytes.last() {
            self.is_at_line_start = *last == b'\n';
        }
        self.waiting.extend_from_slice(bytes);
        self.flush();
    }

    /// Writes what waits, as far as there is room.
    pub(super) fn flush(&mut self) {
        let mut written = 0;
        while written < self.waiting.len() && has_room(self.fd) {
            let end = self.waiting.len().min(written + PIECE);
            match rustix::io::write(self.fd, &self.waiting[written..end]) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.is_gone = true;
                    self.waiting.clear();
                    return;
                }
            }
        }
        self.waiting.drain(..written);
    }
}

fn has_room(fd: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    // An error or a hang-up counts as room: the write says which.
    poll(&mut asked, Some(&AT_ONCE)).is_ok_and(|ready| ready > 0)
}
