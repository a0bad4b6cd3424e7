use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// Far longer than a test takes; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(20);

/// A place that writes one batch per permit, and shows what it was given.
struct Gate {
    entered: Sender<String>,
    permits: Receiver<io::Result<()>>,
}

impl Sink for Gate {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        // A test that does not wait for the thread's end may be gone.
        let _ = self.entered.send(String::from_utf8(lines.to_vec()).unwrap());
        self.permits.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn gap(&self, dropped: u64) -> String {
        format!("({dropped} dropped)")
    }
}

fn gated(most_bytes: usize) -> (Pipe, Receiver<String>, Sender<io::Result<()>>) {
    let ((entered, batches), (permits, waits)) = (channel(), channel());
    (Pipe::start("test", most_bytes, Gate { entered, permits: waits }).unwrap(), batches, permits)
}

#[test]
fn what_overflows_is_counted_to_the_line_and_told_where_it_is_missing() {
    let (pipe, batches, permits) = gated(10);
    pipe.push("first");
    assert_eq!(batches.recv().unwrap(), "first\n");
    // The writer is busy: ten bytes fit, which are two lines of five with their ends.
    for line in ["1111", "2222", "3333", "4444", "5555"] {
        pipe.push(line);
    }
    assert_eq!(pipe.drops().lines, 3);
    permits.send(Ok(())).unwrap();
    assert_eq!(batches.recv().unwrap(), "1111\n2222\n(3 dropped)\n");
    permits.send(Ok(())).unwrap();
    assert!(pipe.flush(LONG));
    pipe.push("after");
    assert_eq!(batches.recv().unwrap(), "after\n", "a gap is told once");
    assert_eq!(pipe.drops(), Drops { lines: 3, trouble: None });
    permits.send(Ok(())).unwrap();
    assert!(pipe.close(LONG));
}

#[test]
fn a_full_disk_costs_lines_and_no_time_and_is_told_when_it_recovers() {
    let (pipe, batches, permits) = gated(1_000);
    for line in ["one", "two"] {
        pipe.push(line);
        assert_eq!(batches.recv().unwrap().lines().last(), Some(line));
        permits.send(Err(io::Error::from(io::ErrorKind::StorageFull))).unwrap();
        assert!(pipe.flush(LONG));
    }
    let drops = pipe.drops();
    assert_eq!((drops.lines, drops.trouble.is_some()), (2, true));
    pipe.push("three");
    assert_eq!(batches.recv().unwrap(), "(2 dropped)\nthree\n");
    permits.send(Ok(())).unwrap();
    assert!(pipe.flush(LONG));
    assert_eq!(pipe.drops(), Drops { lines: 2, trouble: None });
}

#[test]
fn a_place_that_hangs_holds_nobody_up_and_no_memory() {
    let (pipe, batches, permits) = gated(64 * 1024);
    pipe.push("stuck");
    batches.recv().unwrap();
    let line = "x".repeat(99);
    for _ in 0..100_000 {
        pipe.push(&line);
    }
    let held = pipe.0.lock().lines.capacity();
    assert!(held <= 2 * 64 * 1024, "{held} bytes are held");
    assert_eq!(pipe.drops().lines, 100_000 - 64 * 1024 / 100);
    assert!(!pipe.close(Duration::from_millis(1)), "closing gives up on a place that hangs");
    drop(permits);
}

#[test]
fn a_closed_pipe_writes_what_it_has_and_takes_no_more() {
    let (pipe, batches, permits) = gated(1_000);
    pipe.push("a");
    permits.send(Ok(())).unwrap();
    permits.send(Ok(())).unwrap();
    assert!(pipe.close(LONG));
    pipe.push("b");
    assert_eq!(pipe.drops().lines, 1);
    assert_eq!(batches.iter().collect::<String>(), "a\n", "the thread is gone");
}

/// A place that keeps everything, and gives others a chance to run.
struct Ledger(Sender<String>);

impl Sink for Ledger {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        std::thread::yield_now();
        self.0.send(String::from_utf8(lines.to_vec()).unwrap()).unwrap();
        Ok(())
    }

    fn gap(&self, dropped: u64) -> String {
        format!("dropped {dropped}")
    }
}

#[test]
fn whoever_pushes_at_the_same_time_every_line_is_either_written_or_counted() {
    let (to, written) = channel();
    let pipe = Pipe::start("test", 200, Ledger(to)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5_000).for_each(|_| pipe.push("a line")));
        }
    });
    assert!(pipe.close(LONG));
    let (mut lines, mut dropped) = (0, 0);
    for line in written.iter().collect::<String>().lines() {
        match line.strip_prefix("dropped ") {
            Some(count) => dropped += count.parse::<u64>().unwrap(),
            None => lines += 1,
        }
    }
    assert_eq!(lines + dropped, 20_000);
    assert_eq!(pipe.drops().lines, dropped);
}
