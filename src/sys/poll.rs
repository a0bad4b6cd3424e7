//! Waiting for descriptors, signals and one timer.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::time::Boottime;

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or the other end gone.
    Read,
    /// The same, and room to write.
    ReadWrite,
    /// Room to write, or the other end gone.
    Write,
}

/// An epoll instance whose events carry a number that the caller chose.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    /// Makes an empty one.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, events: Vec::with_capacity(256) })
    }

    /// Waits for a descriptor from now on, level-triggered.
    ///
    /// # Errors
    ///
    /// What the kernel says, for example for a regular file.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), flags(interest))?)
    }

    /// Changes what a descriptor is waited for.
    ///
    /// # Errors
    ///
    /// The descriptor was never added.
    pub fn change(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), flags(interest))?)
    }

    /// Forgets a descriptor. A closed one that no other process shares is forgotten by itself.
    pub fn remove(&self, fd: impl AsFd) {
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Waits without end and returns the numbers of the descriptors that are ready.
    ///
    /// # Errors
    ///
    /// Never an interruption by a signal, which gives an empty list.
    pub fn wait(&mut self) -> io::Result<Vec<u64>> {
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), None) {
            Ok(_) => Ok(self.events.iter().map(|event| event.data.u64()).collect()),
            Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    match interest {
        Interest::Read => epoll::EventFlags::IN,
        Interest::ReadWrite => epoll::EventFlags::IN | epoll::EventFlags::OUT,
        Interest::Write => epoll::EventFlags::OUT,
    }
}

/// A timer on the boot clock that wakes a [`Poller`].
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    armed: Boottime,
}

impl Timer {
    /// Makes a timer that is not armed.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(Self { fd, armed: Boottime::NEVER })
    }

    /// Arms the timer for a moment, [`Boottime::NEVER`] to disarm. Costs a call only where that changes something.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn arm(&mut self, at: Boottime) -> io::Result<()> {
        if at == self.armed {
            return Ok(());
        }
        let value = if at == Boottime::NEVER { 0 } else { at.0.max(1) };
        let value = Timespec { tv_sec: (value / 1_000_000_000) as i64, tv_nsec: (value % 1_000_000_000) as i64 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
        self.armed = at;
        Ok(())
    }

    /// Takes the expiry, so that the timer can be armed for the same moment again.
    pub fn take(&mut self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.fd, &mut count);
        self.armed = Boottime::NEVER;
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Signals that arrive as readable bytes.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks the given signals in this thread and receives them here instead.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn receive(signals: &[i32]) -> io::Result<Self> {
        // SAFETY: `set` is initialised by sigemptyset before it is used, and outlives the calls.
        let fd = unsafe {
            let mut set = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            for signal in signals {
                libc::sigaddset(&raw mut set, *signal);
            }
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: signalfd returned a new descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes every signal that is pending. Several of one kind may have become one.
    #[must_use]
    pub fn take(&self) -> Vec<i32> {
        self.take_all().into_iter().map(|taken| taken.signal).collect()
    }

    /// Takes every signal that is pending, and says which of them nobody has sent by hand.
    #[must_use]
    pub fn take_all(&self) -> Vec<Taken> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut taken = Vec::new();
        let mut buffer = [0_u8; SIZE * 8];
        while let Ok(count) = rustix::io::read(&self.0, &mut buffer) {
            for info in buffer[..count].chunks_exact(SIZE) {
                // Four bytes each: `ssi_signo`, `ssi_errno`, `ssi_code`.
                let field = |at: usize| i32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
                taken.push(Taken { signal: field(0), is_the_kernels: field(8) == SI_KERNEL });
            }
            if count < buffer.len() {
                break;
            }
        }
        taken
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The code of a signal that the kernel sent on its own, such as for a key of the terminal.
const SI_KERNEL: i32 = 0x80;

/// A signal that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its number.
    pub signal: i32,
    /// Whether the kernel sent it, as it does for Ctrl-C: then every process in the terminal's foreground has it.
    pub is_the_kernels: bool,
}

/// Says whether this process was started with a signal ignored, as `nohup` does.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: with a null pointer nothing is set; `old` is plain data that the call fills in.
    unsafe {
        let mut old = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(signal, std::ptr::null(), &raw mut old) == 0 && old.sa_sigaction == libc::SIG_IGN
    }
}

/// Puts every signal's handling back to the default, as a new program expects it, and clears the mask.
pub fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: setting a default disposition runs no code of ours; numbers that cannot be set give an error.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    // SAFETY: `set` is initialised by sigemptyset before it is used, and outlives the calls.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Ignores SIGPIPE in this process, so that a write to a closed pipe is an error and no death.
pub fn ignore_broken_pipes() {
    // SAFETY: ignoring a signal installs no handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// Takes a descriptor that the parent left open under a known number, and closes it to further children.
#[must_use]
pub fn inherited(number: i32) -> Option<OwnedFd> {
    // SAFETY: fcntl on a number that is not open fails and does nothing else.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: the descriptor is open, and its number is by agreement ours alone since the start of the process.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    debug_assert_eq!(fd.as_raw_fd(), number);
    Some(fd)
}
