//! The way of a line to a slow place: a bounded buffer and one thread that empties it.
//!
//! Whoever pushes a line never waits. What does not fit is dropped and counted to the line; the count stands in the output
//! where the lines are missing, as soon as something can be written again.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// Where lines end up.
pub(super) trait Sink: Send + 'static {
    /// Writes whole lines, all or none of them.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Returns the line that stands for so many missing ones, without its end.
    fn gap(&self, dropped: u64) -> String;
}

/// The end of a pipe into which lines are put.
#[derive(Clone)]
pub(super) struct Pipe(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    most_bytes: usize,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    count: u64,
    /// Lines refused since the writer last took some: they belong behind what lies here.
    refused: u64,
    dropped: u64,
    busy: bool,
    closed: bool,
    trouble: Option<String>,
}

/// How a pipe is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Lines that were dropped since the start, because the buffer was full or the place could not be written.
    pub lines: u64,
    /// What is wrong with the place at present.
    pub trouble: Option<String>,
}

impl Pipe {
    /// Starts the thread that writes, named for whoever looks at the process.
    pub(super) fn start(name: &str, most_bytes: usize, sink: impl Sink) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), most_bytes });
        let own = Arc::clone(&shared);
        Builder::new().name(name.to_owned()).stack_size(256 * 1024).spawn(move || own.write_to(sink))?;
        Ok(Self(shared))
    }

    /// Puts a line in, or counts it as dropped.
    pub(super) fn push(&self, line: &str) {
        let mut state = self.0.lock();
        if state.closed || state.lines.len() + line.len() + 1 > self.0.most_bytes {
            state.refused += 1;
            state.dropped += 1;
            return;
        }
        state.lines.extend_from_slice(line.as_bytes());
        state.lines.push(b'\n');
        state.count += 1;
        drop(state);
        self.0.changed.notify_all();
    }

    /// Returns what was dropped so far, and what is wrong.
    pub(super) fn drops(&self) -> Drops {
        let state = self.0.lock();
        Drops { lines: state.dropped, trouble: state.trouble.clone() }
    }

    /// Waits until everything put in so far is written or dropped, though no longer than `patience`; says whether it is.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let waiting = |state: &mut State| state.busy || state.count > 0;
        let state = self.0.lock();
        let (state, _) =
            self.0.changed.wait_timeout_while(state, patience, waiting).unwrap_or_else(PoisonError::into_inner);
        !state.busy && state.count == 0
    }

    /// Takes no more lines, and waits for the rest as [`Pipe::flush`] does.
    pub(super) fn close(&self, patience: Duration) -> bool {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
        self.flush(patience)
    }
}

impl Shared {
    /// Nothing in here panics while it holds the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the pipe is closed and empty.
    fn write_to(&self, mut sink: impl Sink) {
        let mut lines = Vec::new();
        let mut missing = 0;
        while let Some((count, refused)) = self.take(&mut lines) {
            if missing > 0 {
                let gap = format!("{}\n", sink.gap(missing));
                lines.splice(0..0, gap.into_bytes());
            }
            if refused > 0 {
                lines.extend_from_slice(sink.gap(refused).as_bytes());
                lines.push(b'\n');
            }
            let written = sink.write(&lines);
            let mut state = self.lock();
            state.busy = false;
            match written {
                Ok(()) => {
                    missing = 0;
                    state.trouble = None;
                }
                Err(error) => {
                    missing += count + refused;
                    state.dropped += count;
                    state.trouble = Some(error.to_string());
                }
            }
            drop(state);
            self.changed.notify_all();
            lines.clear();
        }
    }

    /// Waits for lines and takes all of them, with their number and how many were refused behind them.
    fn take(&self, lines: &mut Vec<u8>) -> Option<(u64, u64)> {
        let idle = |state: &mut State| state.count == 0 && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.count == 0 {
            return None;
        }
        std::mem::swap(lines, &mut state.lines);
        state.busy = true;
        Some((std::mem::take(&mut state.count), std::mem::take(&mut state.refused)))
    }
}

#[cfg(test)]
mod tests;
