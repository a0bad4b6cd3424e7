use super::*;
use crate::launch::Output;
use crate::shim::LogWriter;

fn writer(folder: &Path, cap_bytes: u64) -> LogWriter {
    LogWriter::new(Output { cap_bytes, ..Output::piped(folder.join("1")) })
}

fn told(reading: &mut Reading, settled: bool) -> Vec<String> {
    let pieces = reading.next(u64::MAX, 1 << 20, settled).unwrap();
    let told = |(chunk, content): (Chunk, Vec<u8>)| match chunk.stream {
        Stream::Dropped => format!("{}+{} dropped", chunk.offset, chunk.length),
        stream => format!("{} {stream:?} {}", chunk.offset, String::from_utf8(content).unwrap()),
    };
    pieces.into_iter().map(told).collect()
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_growing_log_is_read_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 20);
    log.append(Stream::Out, b"one", Wall(SECOND));
    let mut reading = Reading::open(&folder.path().join("1"), 0).unwrap();
    assert_eq!(told(&mut reading, false), ["0 Out one"]);
    assert_eq!(told(&mut reading, false), [""; 0]);
    // The same entry of the index grows, then others follow.
    log.append(Stream::Out, b"two", Wall(SECOND + 1));
    log.append(Stream::Err, b"bad", Wall(SECOND + 2));
    assert_eq!(told(&mut reading, false), ["3 Out two", "6 Err bad"]);
    log.append(Stream::Err, b"!", Wall(SECOND + 3));
    assert_eq!(told(&mut reading, false), ["9 Err !"]);
    assert_eq!(told(&mut reading, true), [""; 0]);
}

#[test]
fn reading_begins_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 20);
    log.append(Stream::Out, b"abcdef", Wall(SECOND));
    log.append(Stream::Err, b"ghi", Wall(2 * SECOND));
    let base = folder.path().join("1");
    assert_eq!(told(&mut Reading::open(&base, 4).unwrap(), true), ["4 Out ef", "6 Err ghi"]);
    assert_eq!(told(&mut Reading::open(&base, -4).unwrap(), true), ["5 Out f", "6 Err ghi"]);
    assert_eq!(told(&mut Reading::open(&base, -99).unwrap(), true), ["0 Out abcdef", "6 Err ghi"]);
    assert_eq!(told(&mut Reading::open(&base, 99).unwrap(), true), [""; 0]);
    let pieces = Reading::open(&base, 2).unwrap().next(5, 1 << 20, true).unwrap();
    assert_eq!(pieces.into_iter().map(|(_, content)| content).collect::<Vec<_>>(), [b"cde"]);
}

#[test]
fn what_was_dropped_is_said_and_never_read_as_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path(), 64 * 1024);
    let line = |number: u64| format!("{number:>1023}\n");
    let mut reading = None;
    let mut seen = String::new();
    let mut dropped = 0;
    for number in 0..400 {
        log.append(Stream::Out, line(number).as_bytes(), Wall(number * SECOND));
        // A reader that looks only now and then is overtaken by the hole.
        if number % 150 == 149 {
            let reading = reading.get_or_insert_with(|| Reading::open(&folder.path().join("1"), 0).unwrap());
            for (chunk, content) in reading.next(u64::MAX, 1 << 20, false).unwrap() {
                dropped += if chunk.stream == Stream::Dropped { chunk.length } else { 0 };
                seen.push_str(std::str::from_utf8(&content).unwrap());
            }
        }
    }
    let mut reading = reading.unwrap();
    for (chunk, content) in reading.next(u64::MAX, 1 << 20, true).unwrap() {
        dropped += if chunk.stream == Stream::Dropped { chunk.length } else { 0 };
        seen.push_str(std::str::from_utf8(&content).unwrap());
    }
    assert_eq!(reading.position(), 400 * 1024);
    assert_eq!(seen.len() as u64 + dropped, 400 * 1024);
    assert!(!seen.contains('\0'), "a hole was read as if it were text");
    assert!(seen.ends_with(&line(399)) && seen.starts_with(&line(0)));
    assert!(dropped > 0);
}

#[test]
fn bytes_without_an_index_are_both_streams() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("1");
    std::fs::write(bytes_path(&base), "loss 0.1\n").unwrap();
    let mut reading = Reading::open(&base, 0).unwrap();
    assert_eq!(told(&mut reading, false), [""; 0], "the index may come in a moment");
    assert_eq!(told(&mut reading, true), ["0 Mixed loss 0.1\n"]);
}

#[test]
fn an_index_that_comes_after_the_log_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("1");
    let mut log = writer(folder.path(), 1 << 20);
    log.append(Stream::Out, b"one", Wall(SECOND));
    // As a reader finds it that comes between the creation of the two files.
    let aside = folder.path().join("aside");
    std::fs::rename(index_path(&base), &aside).unwrap();
    let mut reading = Reading::open(&base, 0).unwrap();
    assert_eq!(told(&mut reading, false), [""; 0]);
    std::fs::rename(&aside, index_path(&base)).unwrap();
    log.append(Stream::Err, b"two", Wall(2 * SECOND));
    assert_eq!(told(&mut reading, false), ["0 Out one", "3 Err two"]);
}

#[test]
fn the_last_entry_may_grow_where_the_index_fills_whole_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 26);
    for number in 0..4096 {
        log.append(Stream::Out, b"x", Wall(number * SECOND));
    }
    let mut reading = Reading::open(&folder.path().join("1"), 4095).unwrap();
    assert_eq!(told(&mut reading, false), ["4095 Out x"]);
    log.append(Stream::Out, b"y", Wall(4095 * SECOND + 1));
    assert_eq!(told(&mut reading, false), ["4096 Out y"]);
    log.append(Stream::Err, b"z", Wall(4096 * SECOND));
    assert_eq!(told(&mut reading, false), ["4097 Err z"]);
}
