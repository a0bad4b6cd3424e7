//! One daemon that is connected to a shim.
//!
//! A link keeps no queue of records, only the place in the journal up to which it has sent: a daemon that is slow is
//! served from the file when it is ready, and costs no memory.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::journal::Journal;
use super::wire::{self, Frame, Hello, Inbox, Order};

const BATCH_BYTES: usize = 128 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    inbox: Inbox,
    outbox: Vec<u8>,
    /// Where in the journal the next record is that it wants; `None` before it asked.
    place: Option<u64>,
    /// Whether the poller waits for room.
    pub(crate) is_full: bool,
}

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// More may come.
    More,
    /// The other end is gone, or speaks nonsense.
    Gone,
}

impl Link {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, inbox: Inbox::default(), outbox: Vec::new(), place: None, is_full: false })
    }

    /// Reads what has come and gives out whole orders.
    pub(crate) fn read(&mut self, buffer: &mut [u8], orders: &mut Vec<Order>) -> Heard {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Heard::Gone,
                Ok(count) => {
                    self.inbox.push(&buffer[..count]);
                    if self.take(orders).is_err() {
                        return Heard::Gone;
                    }
                    if count < buffer.len() {
                        return Heard::More;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::More,
                Err(_) => return Heard::Gone,
            }
        }
    }

    fn take(&mut self, orders: &mut Vec<Order>) -> io::Result<()> {
        while let Some(frame) = self.inbox.take()? {
            match frame {
                // An order that this version does not know is passed over: the daemon has been told our version.
                Frame::Order(json) => orders.extend(serde_json::from_slice::<Order>(json).ok()),
                Frame::Hello(_) | Frame::Record(..) | Frame::Unknown => {}
            }
        }
        Ok(())
    }

    /// Greets, and sends every record from a place on.
    pub(crate) fn follow(&mut self, hello: &Hello, from: u64) -> io::Result<()> {
        wire::put_hello(&mut self.outbox, hello)?;
        self.place = Some(from.min(hello.end));
        Ok(())
    }

    /// Sends what is written in the journal, as far as there is room.
    pub(crate) fn pump(&mut self, journal: &Journal) -> io::Result<()> {
        loop {
            if let Some(place) = self.place
                && place < journal.written()
                && self.outbox.len() < BATCH_BYTES
            {
                let outbox = &mut self.outbox;
                let next = journal.read(place, BATCH_BYTES, |end, json| {
                    let _ = wire::put_record(outbox, end, json);
                })?;
                self.place = Some(next);
                if next == place {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the journal cannot be read back"));
                }
            }
            if self.outbox.is_empty() {
                self.is_full = false;
                return Ok(());
            }
            match self.stream.write(&self.outbox) {
                Ok(count) => drop(self.outbox.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_full = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
