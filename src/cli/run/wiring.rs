//! Where the output of a child goes, and what is seen of it on the way.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use super::excerpt::Excerpt;
use super::lookout::Lookout;
use super::outlet::Outlet;
use crate::evidence::{Part, Stream};
use crate::exec::log;
use crate::launch::Output;
use crate::shim::log::LogWriter;
use crate::sys::spawn::open_terminal;
use crate::sys::time::Wall;

/// How a child's stdout and stderr are led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// They are our own: nothing is seen of them.
    Ours,
    /// Through us: by a terminal where ours is one, else by a pipe.
    Through,
    /// Both to our stderr, through us: for what is not the command's own.
    ToTalk,
}

/// What a child gets as its stdout and stderr.
pub(super) struct Given {
    pub(super) out: OwnedFd,
    pub(super) err: OwnedFd,
}

/// One end of a pipe or terminal that is read here.
#[derive(Debug)]
struct End {
    fd: OwnedFd,
    stream: Stream,
    is_terminal: bool,
    outlet: usize,
    is_watched: bool,
}

/// The ends that are read, and the outlets that they lead to.
pub(super) struct Wiring {
    ends: [Option<End>; 2],
    outlets: [Outlet; 2],
    /// Whether an outlet is being waited for.
    is_awaited: [bool; 2],
    excerpts: [Excerpt; 2],
    log: Option<LogWriter>,
}

impl Wiring {
    /// Lays the wires of one child.
    pub(super) fn lay(lead: Lead, log: Option<Output>, lookout: &Lookout) -> io::Result<(Self, Given)> {
        let (out, err) = (rustix::stdio::stdout(), rustix::stdio::stderr());
        let mut ends = [None, None];
        let mut end = |which: usize, fd: OwnedFd, stream, is_terminal, outlet| -> io::Result<()> {
            rustix::io::ioctl_fionbio(&fd, true)?;
            lookout.watch_end(which, &fd)?;
            ends[which] = Some(End { fd, stream, is_terminal, outlet, is_watched: true });
            Ok(())
        };
        let copy = |fd| rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(io::Error::from);
        let given = match lead {
            Lead::Ours => Given { out: copy(out)?, err: copy(err)? },
            Lead::ToTalk => {
                let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
                end(1, ours, Stream::Stderr, false, 1)?;
                Given { out: theirs.try_clone()?, err: theirs }
            }
            Lead::Through => {
                let is_terminal = [out, err].map(rustix::termios::isatty);
                let terminal = if is_terminal == [false, false] { None } else { Some(terminal()?) };
                let pipe = || pipe_with(PipeFlags::CLOEXEC);
                match (is_terminal, terminal) {
                    ([true, true], Some((ours, theirs))) => {
                        end(0, ours, Stream::Stdout, true, 0)?;
                        Given { out: theirs.try_clone()?, err: theirs }
                    }
                    ([true, false], Some((ours, theirs))) => {
                        let (err, err_theirs) = pipe()?;
                        end(0, ours, Stream::Stdout, true, 0)?;
                        end(1, err, Stream::Stderr, false, 1)?;
                        Given { out: theirs, err: err_theirs }
                    }
                    ([false, _], Some((ours, theirs))) => {
                        let (out, out_theirs) = pipe()?;
                        end(0, out, Stream::Stdout, false, 0)?;
                        end(1, ours, Stream::Stderr, true, 1)?;
                        Given { out: out_theirs, err: theirs }
                    }
                    (_, None) => {
                        let ((out, out_theirs), (err, err_theirs)) = (pipe()?, pipe()?);
                        end(0, out, Stream::Stdout, false, 0)?;
                        end(1, err, Stream::Stderr, false, 1)?;
                        Given { out: out_theirs, err: err_theirs }
                    }
                }
            }
        };
        let wiring = Self {
            ends,
            outlets: [Outlet::of(out), Outlet::of(err)],
            is_awaited: [false, false],
            excerpts: [Excerpt::default(), Excerpt::default()],
            log: log.map(LogWriter::new),
        };
        Ok((wiring, given))
    }

    /// Reads what has come at an end, and hands it on.
    pub(super) fn read(&mut self, which: usize, lookout: &Lookout) {
        let mut buffer = [0; 32 * 1024];
        let Some(end) = &self.ends[which] else { return };
        let (stream, outlet, is_terminal) = (end.stream, end.outlet, end.is_terminal);
        match rustix::io::read(&end.fd, &mut buffer) {
            Ok(count) if count > 0 => {
                let bytes = &buffer[..count];
                self.excerpts[which].push(bytes);
                if let Some(log) = &mut self.log {
                    log.append(log_stream(stream, is_terminal), bytes, Wall::now());
                }
                self.outlets[outlet].push(bytes);
                self.balance(lookout);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A terminal whose last process is gone reads as an input error.
            Ok(_) | Err(_) => self.close(which, lookout),
        }
    }

    /// Writes to an outlet that has room again.
    pub(super) fn flush(&mut self, outlet: usize, lookout: &Lookout) {
        self.outlets[outlet].flush();
        self.balance(lookout);
    }

    /// Reads from an end only while its outlet takes what comes. An end whose reader has gone away is closed, so that the
    /// program notices as it would without us; talk that nobody listens to is dropped instead.
    fn balance(&mut self, lookout: &Lookout) {
        for (which, outlet) in self.outlets.iter().enumerate() {
            let wanted = outlet.is_waiting();
            if wanted != self.is_awaited[which] {
                self.is_awaited[which] = wanted && lookout.watch_outlet(which, outlet.fd()).is_ok();
                if !wanted {
                    lookout.forget(outlet.fd());
                }
            }
        }
        for which in 0..self.ends.len() {
            let Some(end) = &mut self.ends[which] else { continue };
            let outlet = &self.outlets[end.outlet];
            if outlet.is_gone() && end.outlet == 0 {
                self.close(which, lookout);
                continue;
            }
            let wanted = !outlet.is_waiting();
            if wanted && !end.is_watched {
                end.is_watched = lookout.watch_end(which, &end.fd).is_ok();
            } else if !wanted && end.is_watched {
                lookout.forget(&end.fd);
                end.is_watched = false;
            }
        }
    }

    fn close(&mut self, which: usize, lookout: &Lookout) {
        if let Some(end) = self.ends[which].take() {
            lookout.forget(&end.fd);
        }
    }

    /// Says whether all has been read and handed on.
    pub(super) fn is_done(&self) -> bool {
        self.ends.iter().all(Option::is_none) && !self.outlets.iter().any(Outlet::is_waiting)
    }

    /// Closes the ends, whatever may still come.
    pub(super) fn cut(&mut self, lookout: &Lookout) {
        (0..self.ends.len()).for_each(|which| self.close(which, lookout));
    }

    /// Says whether the reader of our stdout has gone away.
    pub(super) fn is_unread(&self) -> bool {
        self.outlets[0].is_gone() || self.outlets[0].has_hung_up()
    }

    /// Says whether the last line on the terminal has no end yet.
    pub(super) fn is_mid_line(&self) -> bool {
        !self.outlets.iter().all(Outlet::is_at_line_start)
    }

    /// Gives the child's terminal the size of ours.
    pub(super) fn resize(&self) {
        for end in self.ends.iter().flatten().filter(|end| end.is_terminal) {
            if let Some(size) = own_size() {
                let _ = tcsetwinsize(&end.fd, size);
            }
        }
    }

    /// Returns what is searched for evidence: heads before tails, stderr before stdout.
    pub(super) fn parts(&self) -> [Part<'_>; 4] {
        let [out, err] = &self.excerpts;
        let (first, second) = (Stream::Stderr, Stream::Stdout);
        [err.head(first), out.head(second), err.tail(first), out.tail(second)]
    }

    /// Returns how many bytes have come, and how many of them the log has dropped.
    pub(super) fn finish(&mut self) -> (u64, u64) {
        let bytes = self.excerpts.iter().map(Excerpt::bytes).sum();
        let dropped = self.log.as_mut().map_or(0, |log| log.finish(Wall::now()).dropped_bytes);
        (bytes, dropped)
    }
}

fn log_stream(stream: Stream, is_terminal: bool) -> log::Stream {
    match stream {
        Stream::Stdout if is_terminal => log::Stream::Mixed,
        Stream::Stderr => log::Stream::Err,
        Stream::Stdout | Stream::Report | Stream::Kernel => log::Stream::Out,
    }
}

fn own_size() -> Option<rustix::termios::Winsize> {
    [rustix::stdio::stdout(), rustix::stdio::stderr()].into_iter().find_map(|fd| tcgetwinsize(fd).ok())
}

/// Makes a terminal as large as ours; returns our end and the child's.
///
/// The child's end changes no bytes: our own terminal adds the carriage returns.
fn terminal() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::fs::{Mode, OFlags, open};
    let size = own_size().map_or((24, 80), |size| (size.ws_row, size.ws_col));
    let (ours, path): (OwnedFd, CString) = open_terminal(size.0, size.1)?;
    let theirs = open(path.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut modes = tcgetattr(theirs.as_fd())?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(theirs.as_fd(), OptionalActions::Now, &modes)?;
    Ok((ours, theirs))
}
