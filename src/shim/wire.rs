//! What a shim and its daemon say to each other, and what a shim writes down.
//!
//! A frame is four bytes of length (little endian), one byte of kind, and the body. Orders and the greeting are JSON;
//! a record is the offset where it ends in the journal, eight bytes, and the JSON of the journal itself. Fields may
//! be added; what a reader does not know it passes over. [`PROTOCOL`] grows when that is not enough.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::exec::{Exit, Notice, Status, Survivor};
use crate::ids::ShimId;
use crate::launch::{Launch, Output, Rung, Start, Watch};
use crate::sys::process::{BootId, Identity};
use crate::sys::time::{Boottime, Wall};

/// The version of frames and records.
pub const PROTOCOL: u32 = 1;

/// The greatest frame: a command line and an environment can have 2 MiB, and more in JSON.
pub const FRAME_BYTES: usize = 16 * 1024 * 1024;

const HEAD: usize = 5;

/// What a daemon wants of a shim.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Greet me and send every record from an offset on, for as long as we are connected.
    Follow {
        /// The version that the daemon speaks.
        protocol: u32,
        /// The offset up to which it has read before.
        from: u64,
    },
    /// Start a program.
    Launch(Box<Launch>),
    /// Watch a program whose shim has died.
    Adopt(Box<Adopt>),
    /// End a program.
    Stop {
        /// Which start.
        start: Start,
        /// The step of its ladder to begin at.
        from: Rung,
    },
    /// Everything up to an offset is durable elsewhere.
    Acknowledge {
        /// The offset.
        upto: u64,
    },
    /// Nothing will be launched any more: end with the last program.
    Close,
}

/// What a shim must know of a program that it did not start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Adopt {
    /// Whose start it is.
    pub start: Start,
    /// Its first process, if that still lives.
    pub leader: Option<Identity>,
    /// The first process of the session, whether it still lives or not.
    pub session: Option<Identity>,
    /// Other processes that are known to be its own, by the lock that they hold.
    #[serde(default)]
    pub others: Vec<Identity>,
    /// When it started.
    pub began: Option<Wall>,
    /// The same on the boot clock, from which its time counts.
    pub up: Option<Boottime>,
    /// The cgroup of its own, if it has one.
    pub cgroup: Option<PathBuf>,
    /// Where its output goes.
    pub output: Output,
    /// How it is watched.
    pub watch: Watch,
}

/// A shim's first word to a daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The version that the shim speaks.
    pub protocol: u32,
    /// Its name.
    pub shim: ShimId,
    /// The program's version.
    pub version: String,
    /// What it holds.
    pub living: Vec<Start>,
    /// Where its journal ends at this moment.
    pub end: u64,
}

/// What a shim writes down and sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The shim is ready; always the first.
    Opened {
        /// The version of the records.
        protocol: u32,
        /// The program's version.
        version: String,
        /// The boot that every time and process below belongs to.
        boot: BootId,
        /// The shim itself.
        who: Identity,
        /// When.
        at: Wall,
    },
    /// A program runs.
    Started {
        /// Whose.
        start: Start,
        /// Its first process.
        who: Identity,
        /// When it started.
        at: Wall,
        /// The same on the boot clock.
        up: Boottime,
        /// The cgroup of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cgroup: Option<PathBuf>,
    },
    /// A program whose shim died is watched by this one.
    Adopted {
        /// Whose.
        start: Start,
        /// Its first process, if that lived.
        leader: Option<Identity>,
        /// When it had started, on the boot clock.
        #[serde(default)]
        up: Option<Boottime>,
        /// The cgroup of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cgroup: Option<PathBuf>,
    },
    /// A program said something.
    Notified {
        /// Whose.
        start: Start,
        /// When it was read.
        at: Wall,
        /// What.
        notice: Notice,
    },
    /// The first process ended, but something of it is still there.
    LeaderEnded {
        /// Whose.
        start: Start,
        /// When.
        at: Wall,
        /// How.
        status: Status,
    },
    /// Processes that do not die of KILL.
    Clinging {
        /// Whose.
        start: Start,
        /// Which.
        survivors: Vec<Survivor>,
    },
    /// The last word about a start.
    Ended(Box<Exit>),
    /// A start was void before this shim could claim it.
    Voided {
        /// Which.
        start: Start,
    },
}

impl Record {
    /// Returns the start that this is about.
    #[must_use]
    pub const fn start(&self) -> Option<&Start> {
        match self {
            Self::Opened { .. } => None,
            Self::Started { start, .. }
            | Self::Adopted { start, .. }
            | Self::Notified { start, .. }
            | Self::LeaderEnded { start, .. }
            | Self::Clinging { start, .. }
            | Self::Voided { start } => Some(start),
            Self::Ended(exit) => Some(&exit.start),
        }
    }
}

/// One message, in either direction.
#[derive(Debug)]
pub enum Frame<'a> {
    /// From the daemon.
    Order(&'a [u8]),
    /// From the shim: [`Hello`].
    Hello(&'a [u8]),
    /// From the shim: where the record ends, and the record.
    Record(u64, &'a [u8]),
    /// Of a kind that this version does not know.
    Unknown,
}

/// Appends an order to a buffer.
///
/// # Errors
///
/// The order is greater than a frame may be.
pub fn put_order(to: &mut Vec<u8>, order: &Order) -> io::Result<()> {
    put(to, 0, |body| Ok(serde_json::to_writer(body, order)?))
}

/// Appends the greeting to a buffer.
///
/// # Errors
///
/// The greeting is greater than a frame may be.
pub fn put_hello(to: &mut Vec<u8>, hello: &Hello) -> io::Result<()> {
    put(to, 1, |body| Ok(serde_json::to_writer(body, hello)?))
}

/// Appends a record, as it stands in the journal, to a buffer.
///
/// # Errors
///
/// The record is greater than a frame may be.
pub fn put_record(to: &mut Vec<u8>, end: u64, json: &[u8]) -> io::Result<()> {
    put(to, 2, |body| {
        body.extend_from_slice(&end.to_le_bytes());
        body.extend_from_slice(json);
        Ok(())
    })
}

fn put(to: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let begin = to.len();
    to.extend_from_slice(&[0, 0, 0, 0, kind]);
    let filled = fill(to);
    let length = to.len() - begin - HEAD;
    if filled.is_err() || length > FRAME_BYTES {
        to.truncate(begin);
        return Err(filled.err().unwrap_or_else(|| io::Error::from(rustix::io::Errno::TOOBIG)));
    }
    to[begin..begin + 4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(())
}

/// Bytes that have arrived and are not yet whole frames.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    /// Adds what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next whole frame. `None` until there is one.
    ///
    /// # Errors
    ///
    /// What arrived cannot be a frame: the stream is of no more use.
    pub fn take(&mut self) -> io::Result<Option<Frame<'_>>> {
        let rest = &self.bytes[self.taken..];
        let Some((head, rest)) = rest.split_at_checked(HEAD) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if length > FRAME_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken += HEAD + length;
        Ok(Some(match head[4] {
            0 => Frame::Order(body),
            1 => Frame::Hello(body),
            2 => match body.split_first_chunk::<8>() {
                Some((end, json)) => Frame::Record(u64::from_le_bytes(*end), json),
                None => Frame::Unknown,
            },
            _ => Frame::Unknown,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let mut stream = Vec::new();
        put_order(&mut stream, &Order::Acknowledge { upto: 7 }).unwrap();
        put_record(&mut stream, 99, b"{}").unwrap();
        for cut in 0..stream.len() {
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                inbox.push(part);
                while let Some(frame) = inbox.take().unwrap() {
                    seen.push(format!("{frame:?}"));
                }
            }
            assert_eq!(seen.len(), 2, "cut at {cut}");
            assert!(seen[1].starts_with("Record(99"), "{seen:?}");
        }
    }

    #[test]
    fn a_length_beyond_reason_ends_the_conversation() {
        let mut inbox = Inbox::default();
        inbox.push(&[0xff; 8]);
        assert!(inbox.take().is_err());
    }
}
