//! Files of lines in one folder, rotated by size and number.
//!
//! They are named `00000001.jsonl` and so on; the highest number is the newest. A file is never renamed, so whoever follows
//! it by name does not lose it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pipe::Sink;
use super::{Hour, json};

/// Where the files lie, and how much of them there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The folder; it is made if it is not there.
    pub folder: PathBuf,
    /// How large one file grows.
    pub most_bytes: u64,
    /// How many files are kept.
    pub most_files: usize,
}

impl FileSettings {
    /// Takes the folder of a state folder, with eight files of eight megabytes.
    #[must_use]
    pub fn of(state: &crate::state::StateDir) -> Self {
        Self { folder: state.trace(), most_bytes: 8 << 20, most_files: 8 }
    }
}

/// A sink into rotated files.
pub(super) struct Files {
    settings: FileSettings,
    now: Arc<Hour>,
    open: Option<Open>,
}

struct Open {
    file: File,
    number: u64,
    /// How many bytes of whole lines it holds.
    length: u64,
}

impl Files {
    /// Names the files; nothing is opened before there is a line to write.
    pub(super) fn new(settings: FileSettings, now: Arc<Hour>) -> Self {
        Self { settings, now, open: None }
    }

    /// Opens the newest file, or the next one if that is full.
    fn ready(&mut self, more: u64) -> io::Result<&mut Open> {
        // Somebody may have removed the file while it was open; what is written into it then, nobody can read.
        let open = match self.open.take().filter(|open| open.file.metadata().is_ok_and(|file| file.nlink() > 0)) {
            Some(open) => open,
            None => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.settings.folder)?;
                let newest = numbers(&self.settings.folder)?.last().copied().unwrap_or(1);
                Open::at(&self.settings.folder, newest)?
            }
        };
        let full = open.length > 0 && open.length + more > self.settings.most_bytes;
        let open = if full { self.next(open.number + 1)? } else { open };
        Ok(self.open.insert(open))
    }

    /// Begins a file, and removes the oldest ones that are too many.
    fn next(&self, number: u64) -> io::Result<Open> {
        let open = Open::at(&self.settings.folder, number)?;
        let all = numbers(&self.settings.folder)?;
        let too_many = all.len().saturating_sub(self.settings.most_files.max(1));
        for old in &all[..too_many] {
            fs::remove_file(path(&self.settings.folder, *old))?;
        }
        Ok(open)
    }
}

impl Sink for Files {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let open = self.ready(lines.len() as u64)?;
        match open.file.write_all(lines) {
            Ok(()) => {
                open.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A disk that fills up takes a part of what it was given. Cutting it off needs no space.
                let _ = open.file.set_len(open.length);
                self.open = None;
                Err(error)
            }
        }
    }

    fn gap(&self, dropped: u64) -> String {
        json::gap((self.now)(), dropped)
    }
}

impl Open {
    fn at(folder: &Path, number: u64) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path(folder, number))?;
        let length = whole_lines(&mut file)?;
        file.set_len(length)?;
        Ok(Self { file, number, length })
    }
}

/// Returns how many bytes of a file are whole lines: the last one may be torn, after a power cut.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let begin = length.saturating_sub(64 * 1024);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.take(length - begin).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(begin + end as u64)
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.jsonl"))
}

/// Returns the numbers of the files in a folder, the oldest first.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use steadfast_retry::Moment;

    use super::*;

    fn files(folder: &Path, most_bytes: u64, most_files: usize) -> Files {
        let settings = FileSettings { folder: folder.join("trace"), most_bytes, most_files };
        Files::new(settings, Arc::new(|| Moment::ORIGIN))
    }

    fn contents(folder: &Path) -> Vec<String> {
        let folder = folder.join("trace");
        let numbers = numbers(&folder).unwrap();
        numbers
            .iter()
            .map(|number| format!("{number}: {}", fs::read_to_string(path(&folder, *number)).unwrap()))
            .collect()
    }

    #[test]
    fn files_are_rotated_by_size_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path(), 8, 2);
        for line in ["aaa\n", "bbb\n", "ccc\n", "dddddddddddd\n", "eee\n"] {
            files.write(line.as_bytes()).unwrap();
        }
        assert_eq!(
            contents(folder.path()),
            ["3: dddddddddddd\n", "4: eee\n"],
            "a line longer than a file gets its own"
        );
    }

    #[test]
    fn the_next_daemon_goes_on_in_the_newest_file_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), 100, 3).write(b"one\n").unwrap();
        fs::write(path(&folder.path().join("trace"), 2), "two\n{\"torn\":").unwrap();
        files(folder.path(), 100, 3).write(b"three\n").unwrap();
        assert_eq!(contents(folder.path()), ["1: one\n", "2: two\nthree\n"]);
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("trace")).unwrap();
        fs::write(folder.path().join("trace/mine.jsonl"), "x").unwrap();
        let mut files = files(folder.path(), 1, 1);
        for _ in 0..3 {
            files.write(b"line\n").unwrap();
        }
        assert_eq!(contents(folder.path()), ["3: line\n"]);
        assert!(folder.path().join("trace/mine.jsonl").exists());
    }

    #[test]
    fn a_file_that_was_removed_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path(), 100, 2);
        files.write(b"one\n").unwrap();
        fs::remove_file(path(&folder.path().join("trace"), 1)).unwrap();
        files.write(b"two\n").unwrap();
        assert_eq!(contents(folder.path()), ["1: two\n"]);
    }

    #[test]
    fn a_full_disk_is_an_error_and_the_next_lines_are_written_where_they_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path(), 100, 2);
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        files.open = Some(Open { file: full, number: 1, length: 0 });
        let error = files.write(b"lost\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        files.write(b"kept\n").unwrap();
        assert_eq!(contents(folder.path()), ["1: kept\n"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_tried_again_each_time() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("trace"), "in the way").unwrap();
        let mut files = files(folder.path(), 100, 1);
        assert!(files.write(b"lost\n").is_err());
        fs::remove_file(folder.path().join("trace")).unwrap();
        files.write(b"kept\n").unwrap();
        assert_eq!(contents(folder.path()), ["1: kept\n"]);
    }
}
