//! A log on disk: the bytes in `.log`, and in `.index` when they came, from which stream, and what is not kept.
//!
//! An offset is true: the number of bytes that were written before, dropped ones included. What was dropped is a hole
//! in the file and reads as zeros, so a reader asks the index first. The index is entries of 32 bytes, little endian,
//! each with a checksum; one that is torn, or of zeros, is passed over. Entries are in the order of arrival.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::OutputSummary;
use crate::sys::time::Wall;

mod reading;

pub use reading::Reading;

/// The size of an index entry.
pub const ENTRY_BYTES: usize = 32;

/// Where a piece of a log came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// Both, not told apart.
    Mixed,
    /// Not kept.
    Dropped,
}

/// A piece of a log that arrived at once, or was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// When its first byte was read.
    pub at: Wall,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// Where it came from.
    pub stream: Stream,
}

impl Chunk {
    /// Returns where it ends.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// Writes the entry.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        entry[..8].copy_from_slice(&self.at.0.to_le_bytes());
        entry[8..16].copy_from_slice(&self.offset.to_le_bytes());
        entry[16..24].copy_from_slice(&self.length.to_le_bytes());
        entry[24] = match self.stream {
            Stream::Out => 1,
            Stream::Err => 2,
            Stream::Mixed => 3,
            Stream::Dropped => 4,
        };
        let sum = crc32fast::hash(&entry[..28]);
        entry[28..].copy_from_slice(&sum.to_le_bytes());
        entry
    }

    /// Reads an entry. `None` for one that is torn.
    #[must_use]
    pub fn decode(entry: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let number = |from: usize| entry[from..from + 8].try_into().map(u64::from_le_bytes).unwrap_or(0);
        let stream = match entry[24] {
            1 => Stream::Out,
            2 => Stream::Err,
            3 => Stream::Mixed,
            4 => Stream::Dropped,
            _ => return None,
        };
        let sum = u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]);
        let chunk = Self { at: Wall(number(0)), offset: number(8), length: number(16), stream };
        (crc32fast::hash(&entry[..28]) == sum).then_some(chunk)
    }
}

/// Returns the file of a log's bytes.
#[must_use]
pub fn bytes_path(base: &Path) -> PathBuf {
    with_ending(base, ".log")
}

/// Returns the file of a log's index.
#[must_use]
pub fn index_path(base: &Path) -> PathBuf {
    with_ending(base, ".index")
}

fn with_ending(base: &Path, ending: &str) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// A log that is read, perhaps while it grows.
#[derive(Debug)]
pub struct Log {
    bytes: File,
    chunks: Vec<Chunk>,
}

impl Log {
    /// Opens a log and reads its index. `NotFound` where nothing was ever written.
    ///
    /// # Errors
    ///
    /// The log cannot be opened.
    pub fn open(base: &Path) -> io::Result<Self> {
        let bytes = File::open(bytes_path(base))?;
        let index = std::fs::read(index_path(base)).unwrap_or_default();
        let entries = index.as_chunks::<ENTRY_BYTES>().0;
        Ok(Self { bytes, chunks: entries.iter().filter_map(Chunk::decode).collect() })
    }

    /// Returns the pieces in the order in which they arrived; where a dropped one overlaps others, it is right.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Returns where the log ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        let size = self.bytes.metadata().map_or(0, |data| data.len());
        self.chunks.iter().map(Chunk::end).max().unwrap_or(0).max(size)
    }

    /// Returns the ranges that are not kept, in order, joined where they touch.
    #[must_use]
    pub fn dropped(&self) -> Vec<std::ops::Range<u64>> {
        let dropped = self.chunks.iter().filter(|chunk| chunk.stream == Stream::Dropped);
        let mut ranges: Vec<_> = dropped.map(|chunk| chunk.offset..chunk.end()).collect();
        ranges.sort_by_key(|range| range.start);
        let mut joined: Vec<std::ops::Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                Some(_) | None => joined.push(range),
            }
        }
        joined
    }

    /// Returns the ranges that are kept, in order.
    #[must_use]
    pub fn kept(&self) -> Vec<std::ops::Range<u64>> {
        let (mut kept, mut from, end) = (Vec::new(), 0, self.end());
        for dropped in self.dropped() {
            if dropped.start > from {
                kept.push(from..dropped.start);
            }
            from = from.max(dropped.end);
        }
        if end > from {
            kept.push(from..end);
        }
        kept
    }

    /// Reads kept bytes into a buffer. A range that reaches into a dropped one reads zeros there.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read_at(buffer, offset)
    }

    /// Reads every kept byte. For logs that are known to be small.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for range in self.kept() {
            let begin = all.len();
            all.resize(begin + (range.end - range.start) as usize, 0);
            self.bytes.read_exact_at(&mut all[begin..], range.start)?;
        }
        Ok(all)
    }
}

/// Says what a log holds that nobody has ended: its writer is dead.
#[must_use]
pub fn summary(base: &Path) -> OutputSummary {
    let Ok(log) = Log::open(base) else { return OutputSummary::default() };
    let stderr = log.chunks().iter().filter(|chunk| chunk.stream == Stream::Err);
    OutputSummary {
        base: Some(base.to_owned()),
        bytes: log.end(),
        stderr_bytes: stderr.map(|chunk| chunk.length).sum(),
        dropped_bytes: log.dropped().iter().map(|range| range.end - range.start).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_and_a_changed_one_is_not() {
        let chunk = Chunk { at: Wall(5), offset: 1 << 40, length: 9, stream: Stream::Err };
        let mut entry = chunk.encode();
        assert_eq!(Chunk::decode(&entry), Some(chunk));
        entry[9] ^= 1;
        assert_eq!(Chunk::decode(&entry), None);
        assert_eq!(Chunk::decode(&[0; ENTRY_BYTES]), None);
    }
}
