//! What a shim has seen, on disk: records with a length and a checksum, one after another.
//!
//! No fsync: the journal must survive the death of processes, not of the machine. After a power cut nothing of that
//! boot lives, and what is missing or torn here means interrupted, never success.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::wire::Record;
use crate::failpoint;
use crate::sys::files;

const HEAD: usize = 8;
const CHUNK: u64 = 64 * 1024;

/// A journal that is being written.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// Where the next byte goes; everything before is written.
    end: u64,
    /// Records that wait for [`Journal::flush`].
    pending: Vec<u8>,
    /// Up to where space is reserved, so that the last exits fit on a full disk.
    reserved: u64,
}

impl Journal {
    /// Creates a journal. There is one per shim, and a shim is never started twice.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = files::create_new(path)?;
        let mut journal = Self { file, end: 0, pending: Vec::new(), reserved: 0 };
        journal.reserve(2 * CHUNK);
        Ok(journal)
    }

    /// Returns where the journal ends once everything is written.
    pub(crate) fn end(&self) -> u64 {
        self.end + self.pending.len() as u64
    }

    /// Returns up to where it is written.
    pub(crate) const fn written(&self) -> u64 {
        self.end
    }

    /// Adds a record; returns where it ends.
    pub(crate) fn append(&mut self, record: &Record) -> u64 {
        let begin = self.pending.len();
        self.pending.extend_from_slice(&[0; HEAD]);
        serde_json::to_writer(&mut self.pending, record).expect("records are plain data");
        let (length, sum) = {
            let json = &self.pending[begin + HEAD..];
            (json.len() as u32, crc32fast::hash(json))
        };
        self.pending[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
        self.pending[begin + 4..begin + HEAD].copy_from_slice(&sum.to_le_bytes());
        self.end()
    }

    /// Writes what was added. On failure nothing is lost: the next call tries again, over whatever was torn.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        failpoint!("shim::journal::before", io)?;
        self.file.write_all_at(&self.pending, self.end)?;
        self.end += self.pending.len() as u64;
        self.pending.clear();
        failpoint!("shim::journal::after");
        if self.end + CHUNK > self.reserved {
            self.reserve(CHUNK);
        }
        Ok(())
    }

    /// Reserves more space. What the disk refuses is asked for again after the next write.
    fn reserve(&mut self, bytes: u64) {
        let from = self.reserved.max(self.end);
        if files::reserve(&self.file, from, bytes).is_ok() {
            self.reserved = from + bytes;
        }
    }

    /// Reads whole records from an offset on, about as many bytes as asked for. `each` gets the end and the JSON.
    pub(crate) fn read(&self, from: u64, bytes: usize, mut each: impl FnMut(u64, &[u8])) -> io::Result<u64> {
        let (mut from, mut wanted) = (from, bytes.max(HEAD));
        while from < self.end {
            let mut buffer = vec![0; usize::try_from(self.end - from).unwrap_or(usize::MAX).min(wanted)];
            self.file.read_exact_at(&mut buffer, from)?;
            let taken = whole(&buffer, from, |end, json| each(end, json));
            if taken > 0 || buffer.len() < wanted {
                from += taken as u64;
                break;
            }
            wanted *= 2;
        }
        Ok(from)
    }
}

/// Walks over the whole and sound records of a piece; returns the bytes that they take.
fn whole(piece: &[u8], at: u64, mut each: impl FnMut(u64, &[u8])) -> usize {
    let mut taken = 0;
    while let Some((head, rest)) = piece[taken..].split_first_chunk::<HEAD>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let Some(json) = rest.get(..length) else { break };
        if length == 0 || crc32fast::hash(json) != sum {
            break;
        }
        taken += HEAD + length;
        each(at + taken as u64, json);
    }
    taken
}

/// What a journal holds whose shim is gone.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// Every sound record with the offset where it ends.
    pub(crate) records: Vec<(u64, Record)>,
    /// Where the sound part ends. Behind it lies nothing, or a torn record.
    pub(crate) end: u64,
}

/// Reads a journal to its last sound record. One that is not there holds nothing.
pub(crate) fn remains(path: &Path) -> io::Result<Remains> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut found = Remains::default();
    let end = whole(&bytes, 0, |end, json| {
        // A record of a later version is passed over; its place counts.
        if let Ok(record) = serde_json::from_slice(json) {
            found.records.push((end, record));
        }
    });
    found.end = end as u64;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RunId, Token};
    use crate::launch::Start;

    fn voided(run: u64) -> Record {
        Record::Voided { start: Start { run: RunId(run), piece: "1".parse().unwrap(), token: Token(u128::from(run)) } }
    }

    #[test]
    fn a_torn_tail_is_dropped_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path).unwrap();
        let first = journal.append(&voided(1));
        let second = journal.append(&voided(2));
        journal.flush().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let found = remains(&path).unwrap();
            let expected = if length as u64 >= second { 2 } else { usize::from(length as u64 >= first) };
            assert_eq!(found.records.len(), expected, "cut at {length}");
        }
    }

    #[test]
    fn a_changed_byte_ends_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path).unwrap();
        let first = journal.append(&voided(1));
        journal.append(&voided(2));
        journal.flush().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[first as usize + 12] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(remains(&path).unwrap().end, first);
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(&folder.path().join("journal")).unwrap();
        for run in 1..=100 {
            journal.append(&voided(run));
        }
        journal.flush().unwrap();
        let (mut from, mut seen) = (0, 0);
        while from < journal.end() {
            from = journal.read(from, 100, |_, _| seen += 1).unwrap();
        }
        assert_eq!(seen, 100);
    }
}
