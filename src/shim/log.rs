//! The writing side of a log: appends, keeps the index, and drops the middle when the cap is reached.
//!
//! The first part is kept because root causes sit early, the last because tracebacks sit at the end. What lies between
//! is given back to the file system by punching a hole while the file grows. Where that is refused, writing stops at
//! the cap and the last part is held in memory until the end. A disk that refuses a write costs bytes, which are
//! counted, and never stops the program.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::time::Duration;

use crate::exec::OutputSummary;
use crate::exec::log::{Chunk, ENTRY_BYTES, Stream, bytes_path, index_path};
use crate::failpoint;
use crate::launch::Output;
use crate::sys::files;
use crate::sys::time::Wall;

const BLOCK: u64 = 4096;
/// The last part that is held in memory where holes cannot be punched.
const RING_BYTES: usize = 1024 * 1024;
/// Chunks of one stream that follow each other closer than this share an entry.
const WINDOW: Duration = Duration::from_millis(10);
/// The same, without regard to streams, once the index has grown large.
const COARSE: Duration = Duration::from_secs(1);
/// How much is written between two looks at the disk's free space.
const LOOK_BYTES: u64 = 16 * 1024 * 1024;
/// The cap's last part while the disk is below its reserve.
const SHRUNK: u64 = 1024 * 1024;

/// What a program that writes its log itself must find free: the first part, the last, and what it writes between two looks.
const LEAST_ROOM: u64 = 4 * SHRUNK;

/// A log that is being written. Its files appear with its first byte.
#[derive(Debug)]
pub(crate) struct LogWriter {
    output: Output,
    files: Option<Files>,
    /// Everything written so far, dropped bytes included.
    size: u64,
    stderr_bytes: u64,
    /// The end of the first part, and up to where the middle is dropped.
    hole: (u64, u64),
    /// Bytes that the disk refused.
    lost: u64,
    ring: Option<VecDeque<u8>>,
    /// The end of what was given to the file when the ring began.
    ring_from: u64,
    looked: u64,
    shrunk: bool,
}

#[derive(Debug)]
struct Files {
    bytes: File,
    index: Option<Index>,
}

impl LogWriter {
    pub(crate) fn new(output: Output) -> Self {
        let head = head_of(output.cap_bytes);
        Self {
            output,
            files: None,
            size: 0,
            stderr_bytes: 0,
            hole: (head, head),
            lost: 0,
            ring: None,
            ring_from: 0,
            looked: 0,
            shrunk: false,
        }
    }

    /// Creates the files at once, for a program that writes into them itself; returns what it gets. Fails where there is not even
    /// room for a log that has shrunk.
    pub(crate) fn hand_out(&mut self) -> io::Result<File> {
        let path = bytes_path(&self.output.base);
        if let Some(parent) = path.parent() {
            files::make_folder(parent)?;
        }
        let index = Index::open(&self.output, false);
        let theirs = File::options().append(true).create(true).mode(0o600).open(&path)?;
        let ours = File::options().read(true).write(true).open(&path)?;
        self.size = ours.metadata()?.len();
        if files::room(&ours).is_some_and(|room| room < LEAST_ROOM) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.files = Some(Files { bytes: ours, index });
        Ok(theirs)
    }

    /// Takes over a log that a program still writes into.
    pub(crate) fn take_over(output: Output) -> Self {
        let mut this = Self::new(output);
        if let Ok(bytes) = File::options().read(true).write(true).open(bytes_path(&this.output.base)) {
            this.files = Some(Files { bytes, index: Index::open(&this.output, false) });
            this.sample(Wall::now());
        }
        this
    }

    /// Writes what was read.
    pub(crate) fn append(&mut self, stream: Stream, bytes: &[u8], at: Wall) {
        let length = bytes.len() as u64;
        let offset = self.size;
        self.size += length;
        if stream == Stream::Err {
            self.stderr_bytes += length;
        }
        if let Some(ring) = &mut self.ring {
            ring.extend(bytes);
            let excess = ring.len().saturating_sub(RING_BYTES);
            ring.drain(..excess);
            return;
        }
        if self.write(bytes, offset).is_err() {
            self.lost += length;
            self.note(Chunk { at, offset, length, stream: Stream::Dropped });
            return;
        }
        self.note(Chunk { at, offset, length, stream });
        self.trim(at);
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        failpoint!("shim::output::write", io)?;
        if self.files.is_none() {
            self.files = Some(self.create()?);
        }
        match &self.files {
            Some(files) => files.bytes.write_all_at(bytes, offset),
            None => Ok(()),
        }
    }

    /// Creates the index first: whoever finds the log finds it too.
    fn create(&self) -> io::Result<Files> {
        let path = bytes_path(&self.output.base);
        let mut index = Index::open(&self.output, true);
        if index.is_none()
            && let Some(parent) = path.parent()
        {
            files::make_folder(parent)?;
            index = Index::open(&self.output, true);
        }
        let bytes = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        Ok(Files { bytes, index })
    }

    fn note(&mut self, chunk: Chunk) {
        if let Some(index) = self.files.as_mut().and_then(|files| files.index.as_mut()) {
            index.add(chunk);
        }
    }

    /// Looks how far a program has got that writes itself. Returns by how much the log has grown.
    pub(crate) fn sample(&mut self, at: Wall) -> u64 {
        let Some(files) = &self.files else { return 0 };
        let size = files.bytes.metadata().map_or(self.size, |data| data.len());
        let grown = size.saturating_sub(self.size);
        if grown > 0 {
            self.note(Chunk { at, offset: self.size, length: grown, stream: Stream::Mixed });
        }
        // A script that truncates its own log makes it shorter; what we know of the longer one is of no use.
        self.size = size;
        self.trim(at);
        grown
    }

    /// Gives back the middle, in steps that are worth a call.
    fn trim(&mut self, at: Wall) {
        self.look();
        let (head, dropped) = self.hole;
        let slack = slack_of(self.output.cap_bytes);
        let tail = if self.shrunk { SHRUNK.min(self.tail()) } else { self.tail() };
        let end = self.size.saturating_sub(tail) / BLOCK * BLOCK;
        if end < dropped + slack {
            return;
        }
        let Some(files) = &mut self.files else { return };
        if let Some(index) = &mut files.index {
            index.hole(Chunk { at, offset: head, length: end - head, stream: Stream::Dropped });
        }
        failpoint!("shim::output::punch::before");
        let punched = files::punch(&files.bytes, dropped, end);
        failpoint!("shim::output::punch::after");
        match punched {
            Ok(()) => self.hole.1 = end,
            Err(_) => {
                if let Some(index) = &mut files.index {
                    index.hole(Chunk { at, offset: head, length: dropped - head, stream: Stream::Dropped });
                }
                self.ring = Some(VecDeque::new());
                self.ring_from = self.size;
            }
        }
    }

    fn look(&mut self) {
        if self.output.reserve_bytes == 0 || self.size < self.looked {
            return;
        }
        self.looked = self.size + LOOK_BYTES;
        let room = self.files.as_ref().and_then(|files| files::room(&files.bytes));
        self.shrunk = room.is_some_and(|room| room < self.output.reserve_bytes);
    }

    fn tail(&self) -> u64 {
        let cap = self.output.cap_bytes;
        cap.saturating_sub(head_of(cap) + slack_of(cap))
    }

    /// Ends the log; removes it if it holds nothing.
    pub(crate) fn finish(&mut self, at: Wall) -> OutputSummary {
        let ring_dropped = self.write_ring(at);
        let (head, dropped) = self.hole;
        if self.size == 0 && self.files.take().is_some() {
            let _ = std::fs::remove_file(bytes_path(&self.output.base));
            let _ = std::fs::remove_file(index_path(&self.output.base));
        }
        OutputSummary {
            base: (self.size > 0).then(|| self.output.base.clone()),
            bytes: self.size,
            stderr_bytes: self.stderr_bytes,
            dropped_bytes: self.lost + (dropped - head) + ring_dropped,
        }
    }

    /// Writes the last part from memory to where it belongs; returns the bytes between, which nobody has.
    fn write_ring(&mut self, at: Wall) -> u64 {
        let Some(mut ring) = self.ring.take() else { return 0 };
        let bytes = ring.make_contiguous().to_vec();
        let offset = self.size - bytes.len() as u64;
        let dropped = offset - self.ring_from;
        self.note(Chunk { at, offset: self.ring_from, length: dropped, stream: Stream::Dropped });
        let written = self.write(&bytes, offset).is_ok();
        let stream = if written { Stream::Mixed } else { Stream::Dropped };
        self.note(Chunk { at, offset, length: bytes.len() as u64, stream });
        if written { dropped } else { dropped + bytes.len() as u64 }
    }
}

fn head_of(cap: u64) -> u64 {
    (cap / 8).min(1024 * 1024) / BLOCK * BLOCK
}

fn slack_of(cap: u64) -> u64 {
    (cap / 8).clamp(BLOCK, 8 * 1024 * 1024)
}

/// The index of a log that is being written.
#[derive(Debug)]
struct Index {
    file: File,
    /// Entries so far, the open one included.
    entries: u64,
    /// The entry that may still grow.
    open: Option<Chunk>,
    /// Where the entry of the hole stands.
    hole: Option<u64>,
    /// The entries beyond which times become coarse.
    many: u64,
}

impl Index {
    fn open(output: &Output, is_new: bool) -> Option<Self> {
        let path = index_path(&output.base);
        let file = File::options().read(true).write(true).create(true).truncate(is_new).mode(0o600).open(path).ok()?;
        let entries = file.metadata().ok()?.len() / ENTRY_BYTES as u64;
        let many = (output.cap_bytes / 8 / ENTRY_BYTES as u64).max(1024);
        Some(Self { file, entries, open: None, hole: None, many })
    }

    /// Adds a chunk, to the open entry if it belongs there.
    fn add(&mut self, chunk: Chunk) {
        let coarse = self.entries > self.many;
        let window = if coarse { COARSE } else { WINDOW };
        if let Some(open) = &mut self.open {
            let near = Duration::from_nanos(chunk.at.0.saturating_sub(open.at.0)) < window;
            let dropped = (open.stream == Stream::Dropped) == (chunk.stream == Stream::Dropped);
            let alike = open.stream == chunk.stream || (coarse && dropped);
            if open.end() == chunk.offset && alike && (near || chunk.stream == Stream::Dropped) {
                open.length += chunk.length;
                if open.stream != chunk.stream {
                    open.stream = Stream::Mixed;
                }
                let entry = open.encode();
                self.put(&entry, self.entries - 1);
                return;
            }
        }
        self.open = Some(chunk);
        self.entries += 1;
        self.put(&chunk.encode(), self.entries - 1);
    }

    /// Writes the one entry that says what the cap has dropped; it grows in place.
    fn hole(&mut self, chunk: Chunk) {
        let place = *self.hole.get_or_insert_with(|| {
            self.entries += 1;
            self.open = None;
            self.entries - 1
        });
        self.put(&chunk.encode(), place);
    }

    fn put(&self, entry: &[u8; ENTRY_BYTES], place: u64) {
        // A full disk may cost times; it costs no bytes.
        let _ = self.file.write_all_at(entry, place * ENTRY_BYTES as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::log::Log;
    use crate::launch::OutputMode;

    fn writer(folder: &std::path::Path, cap: u64) -> LogWriter {
        LogWriter::new(Output { mode: OutputMode::Pipe, base: folder.join("a/1"), cap_bytes: cap, reserve_bytes: 0 })
    }

    fn numbered(from: u64, bytes: u64) -> Vec<u8> {
        (from..from + bytes).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn no_output_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = writer(folder.path(), 1 << 20);
        assert_eq!(log.finish(Wall(1)), OutputSummary::default());
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn the_order_of_streams_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = writer(folder.path(), 1 << 20);
        for (stream, bytes) in [(Stream::Out, "a"), (Stream::Err, "bb"), (Stream::Out, "ccc")] {
            log.append(stream, bytes.as_bytes(), Wall(1));
        }
        let summary = log.finish(Wall(2));
        assert_eq!((summary.bytes, summary.stderr_bytes), (6, 2));
        let log = Log::open(&folder.path().join("a/1")).unwrap();
        let seen: Vec<_> = log.chunks().iter().map(|chunk| (chunk.stream, chunk.length)).collect();
        assert_eq!(seen, [(Stream::Out, 1), (Stream::Err, 2), (Stream::Out, 3)]);
        assert_eq!(log.read_all().unwrap(), b"abbccc");
    }

    #[test]
    fn the_first_and_the_last_part_are_kept_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let cap = 1 << 20;
        let mut log = writer(folder.path(), cap);
        let all = 10 << 20;
        for from in (0..all).step_by(10_240) {
            log.append(Stream::Out, &numbered(from, 10_240), Wall(from));
        }
        let summary = log.finish(Wall(2));
        let log = Log::open(&folder.path().join("a/1")).unwrap();
        let kept = log.kept();
        assert_eq!((summary.bytes, kept.len()), (all, 2));
        let sum: u64 = kept.iter().map(|range| range.end - range.start).sum();
        assert_eq!(summary.dropped_bytes, all - sum);
        assert!(sum <= cap && sum > cap / 2, "{sum} of {cap}");
        for range in kept {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            log.read_at(range.start, &mut bytes).unwrap();
            assert_eq!(bytes, numbered(range.start, range.end - range.start));
        }
        use std::os::unix::fs::MetadataExt as _;
        let blocks = std::fs::metadata(folder.path().join("a/1.log")).unwrap().blocks() * 512;
        assert!(blocks <= cap + 64 * 1024, "{blocks} bytes of disk for a cap of {cap}");
    }

    #[test]
    fn where_no_hole_can_be_punched_the_last_part_is_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = writer(folder.path(), 64 * 1024);
        log.append(Stream::Out, &numbered(0, 70_000), Wall(1));
        log.ring = Some(VecDeque::new());
        log.ring_from = 70_000;
        let dropped = log.hole.1 - log.hole.0;
        for from in (70_000..4_070_000).step_by(1000) {
            log.append(Stream::Out, &numbered(from, 1000), Wall(1));
        }
        let summary = log.finish(Wall(2));
        assert_eq!(summary.dropped_bytes, dropped + 4_000_000 - RING_BYTES as u64);
        let log = Log::open(&folder.path().join("a/1")).unwrap();
        let last = log.kept().pop().unwrap();
        assert_eq!(last, 4_070_000 - RING_BYTES as u64..4_070_000);
        let mut bytes = vec![0; RING_BYTES];
        log.read_at(last.start, &mut bytes).unwrap();
        assert_eq!(bytes, numbered(last.start, RING_BYTES as u64));
    }

    #[test]
    fn a_million_single_bytes_do_not_make_a_million_entries() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = writer(folder.path(), 64 * 1024);
        for at in 0..200_000_u64 {
            let stream = if at % 2 == 0 { Stream::Out } else { Stream::Err };
            log.append(stream, b"x", Wall(at * 1_000_000));
        }
        log.finish(Wall(2));
        let entries = Log::open(&folder.path().join("a/1")).unwrap().chunks().len();
        assert!(entries < 1500, "{entries}");
    }
}
