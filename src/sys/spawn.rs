//! Starting a program: posix_spawn, and fork for a small process that must set more than that can.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

/// Where one of a program's three standard descriptors leads.
#[derive(Clone, Copy, Debug)]
pub enum Stdio<'a> {
    /// To a descriptor that is open here.
    To(BorrowedFd<'a>),
    /// To a path that the new session's first process opens itself: a terminal becomes its controlling one by this.
    Open(&'a CStr),
}

/// Everything that is known of a program before it starts.
///
/// It starts with no signal blocked, and with no descriptor but the ones named here.
#[derive(Debug)]
pub struct Program<'a> {
    /// The file; resolved, since no path is searched.
    pub file: &'a CStr,
    /// The arguments, the program's own name first.
    pub argv: &'a [CString],
    /// The whole environment, as `NAME=value`.
    pub env: &'a [CString],
    /// The folder to start in, `None` for our own.
    pub workdir: Option<&'a CStr>,
    /// stdin, stdout, stderr.
    pub stdio: [Stdio<'a>; 3],
    /// Whether it begins a session of its own.
    pub session: Session,
    /// Descriptors that the program inherits, each with the number that it has there. No two may get in each other's
    /// way: a number is either the descriptor's own or above every number named here.
    pub inherit: &'a [(BorrowedFd<'a>, i32)],
}

/// Whose terminal and whose signals a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Its own: no terminal, and every signal at its default.
    Own,
    /// Ours, as a program has that a shell starts: keys typed on the terminal reach it, and what `nohup` ignores stays ignored.
    Ours,
}

/// Starts a program as a child. Costs the same however large this process is.
///
/// # Errors
///
/// The error of the step that failed: entering the folder, opening, or the exec itself.
pub fn spawn(program: &Program<'_>) -> io::Result<i32> {
    let argv = pointers(program.argv);
    let env = pointers(program.env);
    let mut steps = Steps::new()?;
    for (number, stdio) in (0..).zip(program.stdio) {
        match stdio {
            Stdio::To(fd) => steps.copy(fd, number)?,
            Stdio::Open(path) => steps.open(path, number)?,
        }
    }
    for (fd, number) in program.inherit {
        steps.copy(*fd, *number)?;
    }
    if let Some(folder) = program.workdir {
        steps.enter(folder)?;
    }
    let attributes = Attributes::new(program.session)?;
    let mut pid = 0;
    // SAFETY: every pointer is to a value of this frame; both lists end with a null pointer.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.file.as_ptr(),
            &raw const steps.0,
            &raw const attributes.0,
            argv.as_ptr(),
            env.as_ptr(),
        )
    })?;
    Ok(pid)
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
}

fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

struct Steps(libc::posix_spawn_file_actions_t);

impl Steps {
    fn new() -> io::Result<Self> {
        // SAFETY: the value is initialised by the call before anything else reads it.
        let mut actions = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        check(unsafe { libc::posix_spawn_file_actions_init(&raw mut actions) })?;
        Ok(Self(actions))
    }

    fn copy(&mut self, fd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
        // SAFETY: the actions are initialised. A copy onto its own number keeps it open across the exec.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, fd.as_raw_fd(), number) })
    }

    fn open(&mut self, path: &CStr, number: i32) -> io::Result<()> {
        // SAFETY: the actions are initialised; the C library copies the path.
        check(unsafe {
            libc::posix_spawn_file_actions_addopen(&raw mut self.0, number, path.as_ptr(), libc::O_RDWR, 0)
        })
    }

    fn enter(&mut self, folder: &CStr) -> io::Result<()> {
        // SAFETY: the actions are initialised; the C library copies the path.
        check(unsafe { libc::posix_spawn_file_actions_addchdir_np(&raw mut self.0, folder.as_ptr()) })
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new(session: Session) -> io::Result<Self> {
        // SAFETY: the value is initialised by the call before anything else reads it.
        let mut attributes = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        check(unsafe { libc::posix_spawnattr_init(&raw mut attributes) })?;
        let mut this = Self(attributes);
        let mut flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        if session == Session::Own {
            flags |= libc::POSIX_SPAWN_SETSID as i32;
        }
        // SAFETY: a set is bits, so every pattern is one; the attributes are initialised above.
        unsafe {
            let mut none = std::mem::zeroed::<libc::sigset_t>();
            // Not sigfillset: that leaves out the C library's own two signals, which then start out ignored.
            let mut defaults = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut none);
            libc::sigemptyset(&raw mut defaults);
            match session {
                // Not sigfillset: that leaves out the C library's own two signals, which then start out ignored.
                Session::Own => std::ptr::from_mut(&mut defaults).write_bytes(0xff, 1),
                // What Rust ignores at the start of every program, nobody asked for.
                Session::Ours => _ = libc::sigaddset(&raw mut defaults, libc::SIGPIPE),
            }
            check(libc::posix_spawnattr_setsigmask(&raw mut this.0, &raw const none))?;
            check(libc::posix_spawnattr_setsigdefault(&raw mut this.0, &raw const defaults))?;
            check(libc::posix_spawnattr_setflags(&raw mut this.0, flags as libc::c_short))?;
        }
        Ok(this)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// Starts a program like [`spawn`], after `prepare` has run in the child: limits, cgroup, another user.
///
/// Forks, so the caller must be single-threaded (the child of a process with threads may not even allocate) and should be small.
///
/// # Errors
///
/// The error of the step that failed in the child, `prepare` included.
pub fn fork(program: &Program<'_>, prepare: impl FnOnce() -> io::Result<()>) -> io::Result<i32> {
    let argv = pointers(program.argv);
    let env = pointers(program.env);
    let (told, tells) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // SAFETY: this process has one thread, so the child starts with a consistent heap; it ends in exec or _exit.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid == 0 {
        let error = match become_program(program, &argv, &env, prepare) {
            Ok(never) => match never {},
            Err(error) => error.raw_os_error().unwrap_or(libc::EINVAL),
        };
        let _ = rustix::io::write(&tells, &error.to_ne_bytes());
        // SAFETY: ends the child at once; nothing of the parent's is flushed twice.
        unsafe { libc::_exit(127) }
    }
    drop(tells);
    let mut code = [0; 4];
    match rustix::io::retry_on_intr(|| rustix::io::read(&told, &mut code)) {
        Ok(4) => {
            let mut status = 0;
            // SAFETY: the child is ours, has just failed and is on its way to _exit.
            unsafe { libc::waitpid(pid, &raw mut status, 0) };
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(code)))
        }
        Ok(_) | Err(_) => Ok(pid),
    }
}

enum Never {}

/// Runs in the child: gives up everything that is the parent's and turns into the program.
fn become_program(
    program: &Program<'_>,
    argv: &[*mut libc::c_char],
    env: &[*mut libc::c_char],
    prepare: impl FnOnce() -> io::Result<()>,
) -> io::Result<Never> {
    let succeed = |code: libc::c_int| {
        if code < 0 { Err(io::Error::last_os_error()) } else { Ok(code) }
    };
    // SAFETY: plain system calls on descriptors of this frame; copies keep the source open.
    unsafe {
        if program.session == Session::Own {
            succeed(libc::setsid())?;
        }
        for (number, stdio) in (0..).zip(program.stdio) {
            match stdio {
                Stdio::To(fd) => succeed(libc::dup2(fd.as_raw_fd(), number))?,
                Stdio::Open(path) => {
                    let opened = succeed(libc::open(path.as_ptr(), libc::O_RDWR))?;
                    succeed(libc::dup2(opened, number))?;
                    succeed(libc::close(opened))?
                }
            };
        }
        for (fd, number) in program.inherit {
            if fd.as_raw_fd() == *number {
                succeed(libc::fcntl(*number, libc::F_SETFD, 0))?;
            } else {
                succeed(libc::dup2(fd.as_raw_fd(), *number))?;
            }
        }
        if let Some(folder) = program.workdir {
            succeed(libc::chdir(folder.as_ptr()))?;
        }
    }
    prepare()?;
    super::poll::reset_signals();
    // SAFETY: both lists end with a null pointer and live in the parent's frame, of which this process is a copy.
    unsafe { libc::execve(program.file.as_ptr(), argv.as_ptr().cast(), env.as_ptr().cast()) };
    Err(io::Error::last_os_error())
}

/// Makes a pseudo terminal of a size; returns our end and the path of the program's end.
///
/// # Errors
///
/// The machine has no terminals left.
pub fn open_terminal(rows: u16, columns: u16) -> io::Result<(OwnedFd, CString)> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let path = ptsname(&master, Vec::new())?;
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size)?;
    Ok((master, path))
}
