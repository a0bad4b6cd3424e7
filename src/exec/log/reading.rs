//! Reading a log while it is written: the kept parts, what was dropped between them, and when each piece came. The
//! writer is never held up.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{Chunk, ENTRY_BYTES, Stream, bytes_path, index_path};
use crate::sys::time::Wall;

/// A log that is read from some place on, in order, while it may grow and lose its middle.
///
/// Each look reads only what is new in the index. What lies in a range that was dropped meanwhile is told as dropped and never as
/// the zeros that the file has there.
#[derive(Debug)]
pub struct Reading {
    bytes: File,
    base: PathBuf,
    /// The index; one that is not there yet is looked for again.
    index: Option<File>,
    position: u64,
    /// The first entry of the index that may still change.
    place: u64,
    /// Pieces that are not read yet.
    ahead: VecDeque<Chunk>,
    /// Whether the last of them is the index's last entry.
    grows: bool,
    /// Ranges that are not kept, each with the place of its entry.
    dropped: Vec<(u64, Range<u64>)>,
    /// Where the index has got to.
    known: u64,
    /// Whether the program writes into the log itself.
    mixed: bool,
}

impl Reading {
    /// Opens a log at a place; a negative one counts from the end. `NotFound` where nothing was ever written.
    ///
    /// # Errors
    ///
    /// The log cannot be opened or read.
    pub fn open(base: &Path, from: i64) -> io::Result<Self> {
        let bytes = File::open(bytes_path(base))?;
        let mut reading = Self {
            bytes,
            base: base.to_owned(),
            index: None,
            position: 0,
            place: 0,
            ahead: VecDeque::new(),
            grows: false,
            dropped: Vec::new(),
            known: 0,
            mixed: false,
        };
        reading.look()?;
        reading.position = match u64::try_from(from) {
            Ok(from) => from,
            Err(_) => reading.end().saturating_sub(from.unsigned_abs()),
        };
        Ok(reading)
    }

    /// Returns how far it has read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    fn end(&self) -> u64 {
        let size = self.bytes.metadata().map_or(0, |data| data.len());
        let dropped = self.dropped.iter().map(|(_, range)| range.end).max().unwrap_or(0);
        size.max(self.known).max(dropped)
    }

    /// Reads the next pieces, up to a place and not many more than so many bytes. Nothing means that nothing is there yet.
    ///
    /// `settled` says that nobody writes any more; until then, bytes that the index does not know yet are left for later.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn next(&mut self, until: u64, most_bytes: u64, settled: bool) -> io::Result<Vec<(Chunk, Vec<u8>)>> {
        self.look()?;
        let end = self.end().min(until);
        let (mut pieces, mut read) = (Vec::new(), 0);
        while self.position < end && read < most_bytes {
            if let Some(until) = self.dropped_until() {
                let length = until.min(end) - self.position;
                pieces.push((self.piece(Wall(0), length, Stream::Dropped), Vec::new()));
                self.position += length;
                continue;
            }
            let Some((at, stream, until)) = self.known_until(end, settled) else { break };
            let until = until.min(end).min(self.position + (most_bytes - read)).min(self.next_dropped());
            let mut content = vec![0; (until - self.position) as usize];
            let got = self.bytes.read_at(&mut content, self.position)?;
            content.truncate(got);
            self.look_at_hole()?;
            if got == 0 || self.next_dropped() < self.position + got as u64 || self.dropped_until().is_some() {
                // It was dropped while it was read, or the file is shorter than its index says: look again.
                if got == 0 && self.dropped_until().is_none() {
                    break;
                }
                continue;
            }
            pieces.push((self.piece(at, got as u64, stream), content));
            self.position += got as u64;
            read += got as u64;
        }
        Ok(pieces)
    }

    const fn piece(&self, at: Wall, length: u64, stream: Stream) -> Chunk {
        Chunk { at, offset: self.position, length, stream }
    }

    /// Returns where the dropped range ends in which the position is.
    fn dropped_until(&self) -> Option<u64> {
        self.dropped.iter().find(|(_, range)| range.contains(&self.position)).map(|(_, range)| range.end)
    }

    fn next_dropped(&self) -> u64 {
        let starts = self.dropped.iter().map(|(_, range)| range.start).filter(|start| *start > self.position);
        starts.min().unwrap_or(u64::MAX)
    }

    /// Returns what the index says of the position, and up to where that holds.
    fn known_until(&mut self, end: u64, settled: bool) -> Option<(Wall, Stream, u64)> {
        while self.ahead.len() > usize::from(self.grows)
            && self.ahead.front().is_some_and(|chunk| chunk.end() <= self.position)
        {
            self.ahead.pop_front();
        }
        match self.ahead.iter().find(|chunk| chunk.end() > self.position) {
            Some(chunk) if chunk.offset <= self.position => Some((chunk.at, chunk.stream, chunk.end())),
            Some(chunk) => Some((Wall(0), Stream::Mixed, chunk.offset)),
            None if settled || self.mixed => Some((Wall(0), Stream::Mixed, end)),
            None => None,
        }
    }

    /// Reads what is new in the index.
    fn look(&mut self) -> io::Result<()> {
        self.look_at_hole()?;
        if self.index.is_none() {
            self.index = File::open(index_path(&self.base)).ok();
        }
        let Some(index) = &self.index else { return Ok(()) };
        if self.grows {
            self.ahead.pop_back();
            self.grows = false;
        }
        let mut buffer = vec![0; 4096 * ENTRY_BYTES];
        let begin = self.place;
        loop {
            let got = index.read_at(&mut buffer, self.place * ENTRY_BYTES as u64)?;
            let entries = buffer[..got].as_chunks::<ENTRY_BYTES>().0;
            let last = entries.len() < 4096;
            for (number, entry) in entries.iter().enumerate() {
                let place = self.place + number as u64;
                self.grows = false;
                let Some(chunk) = Chunk::decode(entry) else { continue };
                self.known = self.known.max(chunk.end());
                match chunk.stream {
                    Stream::Dropped => {
                        self.dropped.retain(|(other, _)| *other != place);
                        self.dropped.push((place, chunk.offset..chunk.end()));
                    }
                    Stream::Out | Stream::Err | Stream::Mixed => {
                        self.mixed = chunk.stream == Stream::Mixed;
                        self.ahead.push_back(chunk);
                        self.grows = true;
                    }
                }
            }
            self.place += entries.len() as u64;
            if last {
                // The last entry is read again the next time, for it may have grown.
                self.place -= u64::from(self.place > begin);
                return Ok(());
            }
        }
    }

    /// Reads again how far the middle was dropped: its one entry grows in place.
    fn look_at_hole(&mut self) -> io::Result<()> {
        let Some(index) = &self.index else { return Ok(()) };
        for (place, range) in &mut self.dropped {
            let mut entry = [0; ENTRY_BYTES];
            if index.read_at(&mut entry, *place * ENTRY_BYTES as u64)? == ENTRY_BYTES
                && let Some(chunk) = Chunk::decode(&entry)
            {
                *range = chunk.offset..chunk.end();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
