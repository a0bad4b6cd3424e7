//! Processes: who they are, how they end, and signals that reach only those who were meant.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use super::proc;

/// The kernel's name of one run of the machine, from power-on to power-off.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);

impl BootId {
    /// Asks the kernel.
    ///
    /// # Errors
    ///
    /// `/proc` is not mounted.
    pub fn current() -> io::Result<Self> {
        Ok(Self(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned()))
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootId({})", self.0)
    }
}

/// One process of this boot. A pid alone may be given to a stranger; with the start time it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// The start time in clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub ticks: u64,
}

impl Identity {
    /// Identifies a process that lives, or is dead and not yet reaped.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        proc::stat(pid).map(|stat| Self { pid, ticks: stat.ticks })
    }

    /// Says whether this very process still runs. One that is dead and unreaped does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        proc::stat(self.pid).is_some_and(|stat| stat.ticks == self.ticks && !stat.is_dead())
    }

    /// Opens a handle that is verified after it was opened, so that it cannot be a stranger's.
    #[must_use]
    pub fn open(self) -> Option<std::os::fd::OwnedFd> {
        let handle = rustix::process::pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::NONBLOCK).ok()?;
        proc::stat(self.pid).is_some_and(|stat| stat.ticks == self.ticks).then_some(handle)
    }

    /// Sends a signal, to this process or to nobody. Returns whether it was sent.
    pub fn signal(self, signal: Signal) -> bool {
        self.open().is_some_and(|handle| send(handle, signal))
    }
}

/// Sends a signal by handle. Returns whether it was sent.
pub fn send(handle: impl AsFd, signal: Signal) -> bool {
    rustix::process::pidfd_send_signal(handle, signal).is_ok()
}

/// How a process ended, in the words of `wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It returned a code.
    Exited(u8),
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// Whether the kernel wrote a core file.
        core: bool,
    },
}

impl Wait {
    /// Reads the number that `wait4` and the exit information of a pidfd share.
    #[must_use]
    pub const fn from_raw(status: i32) -> Option<Self> {
        let signal = status & 0x7f;
        if signal == 0 {
            Some(Self::Exited(((status >> 8) & 0xff) as u8))
        } else if signal == 0x7f {
            None
        } else {
            Some(Self::Signalled { signal, core: status & 0x80 != 0 })
        }
    }
}

/// What a process and the children that it waited for have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Processor time in user mode, microseconds.
    pub user_micros: u64,
    /// Processor time in the kernel, microseconds.
    pub system_micros: u64,
    /// The greatest resident size, KiB.
    pub max_rss_kib: u64,
}

impl Usage {
    /// Returns the processor time in both modes.
    #[must_use]
    pub const fn processor(&self) -> Duration {
        Duration::from_micros(self.user_micros.saturating_add(self.system_micros))
    }
}

/// Takes one child that has ended, of any kind, without waiting.
#[must_use]
pub fn reap() -> Option<(i32, Wait, Usage)> {
    loop {
        let mut status = 0;
        // SAFETY: rusage is plain numbers, for which zeros are a value.
        let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
        // SAFETY: both pointers are to locals that outlive the call.
        let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) };
        if pid < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        if pid <= 0 {
            return None;
        }
        // Stops and continuations are not asked for, so every status is an end.
        let wait = Wait::from_raw(status).unwrap_or(Wait::Signalled { signal: status, core: false });
        return Some((pid, wait, numbers(&usage)));
    }
}

fn numbers(usage: &libc::rusage) -> Usage {
    let micros =
        |time: libc::timeval| (time.tv_sec as u64).saturating_mul(1_000_000).saturating_add(time.tv_usec as u64);
    Usage {
        user_micros: micros(usage.ru_utime),
        system_micros: micros(usage.ru_stime),
        max_rss_kib: usage.ru_maxrss as u64,
    }
}

/// Raises a process in the kernel's list of whom to kill when memory is short; needs no privilege.
pub fn raise_oom_score(pid: i32) {
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "500");
}

/// Makes this process the parent of its descendants' orphans, and gives it a name for `ps`.
pub fn become_keeper(name: &std::ffi::CStr) -> io::Result<()> {
    let _ = rustix::thread::set_name(name);
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Ends this process at once, with no chance to clean up.
pub fn kill_oneself() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    std::process::abort()
}

/// Returns the process id of this process.
#[must_use]
pub fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Sends a signal to a child that has not been reaped, whose pid can therefore be nobody else's.
pub fn signal_child(pid: i32, signal: Signal) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}

/// Makes sure that no descriptor from a number on reaches a program that this process starts.
pub fn close_rest_on_exec(from: i32) {
    // SAFETY: sets a flag on descriptors and closes none. A kernel before 5.11 refuses, and then std's and our own
    // habit of opening everything with the flag is what there is.
    unsafe {
        libc::syscall(libc::SYS_close_range, from, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}
