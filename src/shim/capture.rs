//! Where a program's output goes while it runs.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::log::LogWriter;
use crate::exec::OutputSummary;
use crate::exec::log::Stream;
use crate::launch::{Output, OutputMode};
use crate::sys::spawn::open_terminal;
use crate::sys::time::{Boottime, Wall};

/// The most that is read from one pipe before others get their turn.
const TURN_BYTES: usize = 1024 * 1024;
/// The size that a busy pipe is given.
const PIPE_BYTES: usize = 1024 * 1024;
/// How often the log of a program that writes itself is looked at.
const SAMPLE: Duration = Duration::from_secs(1);
const BUSY_SAMPLE: Duration = Duration::from_millis(100);

/// The reading ends, and the log.
#[derive(Debug)]
pub(crate) struct Capture {
    log: LogWriter,
    /// stdout (or the terminal) and stderr, while they are open.
    ends: [Option<End>; 2],
    /// When to look at a log next that the program writes itself.
    sample: Boottime,
}

#[derive(Debug)]
struct End {
    fd: OwnedFd,
    stream: Stream,
    enlarged: bool,
}

/// What a program gets as its descriptors.
#[derive(Debug)]
pub(crate) enum Given {
    /// Two pipes.
    Pipes(OwnedFd, OwnedFd),
    /// The log itself, for both.
    File(File),
    /// A terminal, by its path.
    Terminal(std::ffi::CString),
}

/// Opens what a launch asks for.
///
/// A program that is to write its log itself gets pipes where the disk has no room for it: it would be told of a full disk, and
/// few programs survive that. What the shim cannot write is counted.
pub(crate) fn open(output: &Output) -> io::Result<(Capture, Given)> {
    if output.mode == OutputMode::File {
        let mut log = LogWriter::new(output.clone());
        if let Ok(theirs) = log.hand_out() {
            let sample = Boottime::now().after(SAMPLE);
            return Ok((Capture { log, ends: [None, None], sample }, Given::File(theirs)));
        }
    }
    let log = LogWriter::new(output.clone());
    let end = |fd: OwnedFd, stream| -> io::Result<End> {
        // Only our end: the flag belongs to the open file, and the program's end is another one.
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(End { fd, stream, enlarged: false })
    };
    Ok(match output.mode {
        OutputMode::Pipe | OutputMode::File => {
            let (out, out_theirs) = pipe_with(PipeFlags::CLOEXEC)?;
            let (err, err_theirs) = pipe_with(PipeFlags::CLOEXEC)?;
            let ends = [Some(end(out, Stream::Out)?), Some(end(err, Stream::Err)?)];
            (Capture { log, ends, sample: Boottime::NEVER }, Given::Pipes(out_theirs, err_theirs))
        }
        OutputMode::Pty => {
            let (master, path) = open_terminal(24, 80)?;
            let ends = [Some(end(master, Stream::Mixed)?), None];
            (Capture { log, ends, sample: Boottime::NEVER }, Given::Terminal(path))
        }
    })
}

impl Capture {
    /// Watches the log of a program that another shim started. What it writes into pipes nobody can read any more.
    pub(crate) fn adopt(output: &Output) -> Self {
        let writes_itself = output.mode == OutputMode::File;
        let log = if writes_itself { LogWriter::take_over(output.clone()) } else { LogWriter::new(output.clone()) };
        let sample = if writes_itself { Boottime::now().after(SAMPLE) } else { Boottime::NEVER };
        Self { log, ends: [None, None], sample }
    }

    /// Returns the descriptors to wait for.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.ends.iter().enumerate().filter_map(|(which, end)| Some((which, end.as_ref()?.fd.as_fd())))
    }

    /// Says whether nothing more can come.
    pub(crate) fn is_drained(&self) -> bool {
        self.ends.iter().all(Option::is_none)
    }

    /// Reads what one end holds, at most a turn. Returns whether the end is still open.
    pub(crate) fn read(&mut self, which: usize, buffer: &mut [u8], at: Wall) -> bool {
        let Some(end) = self.ends.get_mut(which).and_then(Option::as_mut) else {
            return false;
        };
        let mut turn = 0;
        while turn < TURN_BYTES {
            match rustix::io::read(&end.fd, &mut *buffer) {
                Ok(count) if count > 0 => {
                    self.log.append(end.stream, &buffer[..count], at);
                    turn += count;
                    if count >= 64 * 1024 && !end.enlarged {
                        end.enlarged = true;
                        let _ = rustix::pipe::fcntl_setpipe_size(&end.fd, PIPE_BYTES);
                    }
                    if count < buffer.len().min(4096) {
                        // Most likely empty now; if not, the poller says so.
                        return true;
                    }
                }
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                // A terminal whose last process is gone reads as an input error.
                Ok(_) | Err(_) => {
                    self.ends[which] = None;
                    return false;
                }
            }
        }
        true
    }

    /// Reads what is left after the first process has ended.
    pub(crate) fn read_rest(&mut self, buffer: &mut [u8], at: Wall) {
        for which in 0..self.ends.len() {
            // Twice: the first read may stop short of the end of the stream.
            let _ = self.read(which, buffer, at) && self.read(which, buffer, at);
        }
    }

    /// Returns when [`Capture::sample`] is due.
    pub(crate) const fn due(&self) -> Boottime {
        self.sample
    }

    /// Looks at a log that the program writes itself, if that is due.
    pub(crate) fn sample(&mut self, now: Boottime, at: Wall) {
        if now >= self.sample {
            let grown = self.log.sample(at);
            self.sample = now.after(if grown > 8 * 1024 * 1024 { BUSY_SAMPLE } else { SAMPLE });
        }
    }

    /// Closes everything.
    pub(crate) fn finish(&mut self, at: Wall) -> OutputSummary {
        if self.sample != Boottime::NEVER {
            self.log.sample(at);
        }
        self.ends = [None, None];
        self.log.finish(at)
    }
}
