use std::sync::mpsc;
use std::time::Duration;

use steadfast_retry::{AttemptNo, Ending, Moment};

use super::{Backlog, Epoch, Report, Writer};
use crate::ids::{Digest, Piece, RunId};
use crate::journal::{DaemonHappened, Entry, Happened, Opening};
use crate::store::{Batch, Memory, Place, Queued, Recovered, Store, StoreError};

fn note(number: u64) -> Batch {
    let happened = DaemonHappened::Recovered { sentence: number.to_string() };
    Batch { documents: Vec::new(), entries: vec![Entry::of_daemon(Moment::from_nanos(number), happened)] }
}

/// What is reported of notes that were written with one commit.
fn durable(epoch: Epoch, numbers: std::ops::RangeInclusive<u64>) -> Report {
    let through = *numbers.end();
    Report::Durable { epoch, through, entries: numbers.flat_map(|number| note(number).entries).collect() }
}

fn numbers(store: &Memory) -> Vec<u64> {
    store.entries().map(|entry| entry.at.as_nanos()).collect()
}

#[test]
fn what_arrives_during_a_commit_goes_into_the_next() {
    let (reports, heard) = mpsc::channel();
    let writer = Writer::start(Memory::new(), Backlog::default(), move |report| reports.send(report).unwrap()).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    writer.ask(move |_| wait.recv().unwrap());
    for number in 1..=50 {
        writer.submit(writer.epoch(), [(number, note(number))]);
    }
    go.send(()).unwrap();
    let epoch = writer.epoch();
    assert_eq!(heard.recv().unwrap(), durable(epoch, 1..=50));
    let store = writer.close().unwrap();
    assert_eq!((store.appends(), numbers(&store)), (1, (1..=50).collect()));
}

#[test]
fn a_commit_takes_no_more_than_it_should() {
    let (reports, heard) = mpsc::channel();
    let backlog = Backlog { group_bytes: 1200, ..Backlog::default() };
    let writer = Writer::start(Memory::new(), backlog, move |report| reports.send(report).unwrap()).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    writer.ask(move |_| wait.recv().unwrap());
    (1..=5).for_each(|number| writer.submit(writer.epoch(), [(number, note(number))]));
    go.send(()).unwrap();
    let store = writer.close().unwrap();
    let through: Vec<u64> =
        heard.iter().map(|report| if let Report::Durable { through, .. } = report { through } else { 0 }).collect();
    assert_eq!((through, store.appends()), (vec![2, 4, 5], 3));
}

#[test]
fn behind_a_failure_nothing_is_written_until_the_reset() {
    let (reports, heard) = mpsc::channel();
    let mut store = Memory::new();
    store.fail_append(2);
    let writer = Writer::start(store, Backlog::default(), move |report| reports.send(report).unwrap()).unwrap();
    let old = writer.epoch();
    writer.submit(old, [(1, note(1))]);
    assert_eq!(heard.recv().unwrap(), durable(old, 1..=1));
    writer.submit(old, [(2, note(2))]);
    let error = StoreError::Io("append 2 was told to fail".to_owned());
    assert_eq!(heard.recv().unwrap(), Report::Failed { epoch: old, from: 2, error });
    writer.submit(old, [(3, note(3))]);
    writer.probe();
    assert_eq!(heard.recv().unwrap(), Report::Probed(Ok(())), "batch 3 was dropped without a word");
    let new = writer.reset();
    writer.submit(old, [(4, note(4))]);
    writer.submit(new, [(5, note(5))]);
    assert_eq!(heard.recv().unwrap(), durable(new, 5..=5));
    assert_eq!(numbers(&writer.close().unwrap()), [1, 5]);
}

#[test]
fn a_question_knows_what_was_handed_in_before_it() {
    let writer = Writer::start(Memory::new(), Backlog::default(), |_| {}).unwrap();
    let (answer, heard) = mpsc::channel();
    for number in 1..=20 {
        writer.submit(writer.epoch(), [(number, note(number))]);
        let answer = answer.clone();
        writer.ask(move |store| answer.send((number, numbers(store).len() as u64)).unwrap());
    }
    for _ in 1..=20 {
        let (asked, known) = heard.recv().unwrap();
        assert_eq!(asked, known);
    }
}

#[test]
fn whoever_hands_in_too_much_waits_and_nothing_is_lost() {
    let backlog = Backlog { waiting_bytes: 2000, group_bytes: 2000, ..Backlog::default() };
    let writer = Writer::start(Memory::new(), backlog, |_| {}).unwrap();
    (1..=200).for_each(|number| writer.submit(writer.epoch(), [(number, note(number))]));
    assert_eq!(numbers(&writer.close().unwrap()), (1..=200).collect::<Vec<_>>());
}

/// A store that takes everything, and tells how many batches went into each commit, and 0 when it rests.
struct Counting(mpsc::Sender<usize>, Memory);

impl Store for Counting {
    fn append_group(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
        self.0.send(group.len()).unwrap();
        Ok(())
    }
    fn probe(&mut self) -> Result<(), StoreError> {
        self.1.probe()
    }
    fn rest(&mut self) -> Result<(), StoreError> {
        self.0.send(0).unwrap();
        Ok(())
    }
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.1.recover()
    }
    fn queued(&mut self, lane: &str, behind: Option<Place>, most: usize) -> Result<Vec<Queued>, StoreError> {
        self.1.queued(lane, behind, most)
    }
    fn document(&mut self, digest: Digest) -> Result<String, StoreError> {
        self.1.document(digest)
    }
    fn begun_points(&mut self, job: &str, definition: Digest) -> Result<Vec<Option<u32>>, StoreError> {
        self.1.begun_points(job, definition)
    }
    fn run_of_key(&mut self, key: &str) -> Result<Option<RunId>, StoreError> {
        self.1.run_of_key(key)
    }
    fn opening(&mut self, run: RunId) -> Result<Option<(Opening, Option<Ending>)>, StoreError> {
        self.1.opening(run)
    }
}

fn counting(linger: Duration, rest_after: Duration) -> (Writer<Counting>, mpsc::Receiver<usize>) {
    let (told, heard) = mpsc::channel();
    let backlog = Backlog { linger, rest_after, ..Backlog::default() };
    (Writer::start(Counting(told, Memory::new()), backlog, |_| {}).unwrap(), heard)
}

const SOON: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn with_nothing_to_do_the_store_rests_once() {
    let (writer, heard) = counting(SOON, SOON);
    writer.submit(writer.epoch(), [(1, note(1))]);
    assert_eq!((heard.recv(), heard.recv()), (Ok(1), Ok(0)));
    drop(writer);
    assert!(heard.recv().is_err(), "it did not rest a second time");
}

/// What is told of a process's start.
fn started() -> Batch {
    let piece = Piece::Attempt(AttemptNo::FIRST);
    let entry = Entry::of_run(Moment::from_nanos(1), RunId(1), Happened::Started { piece, pid: 7 });
    Batch { documents: Vec::new(), entries: vec![entry] }
}

#[test]
fn what_nobody_waits_for_goes_with_what_somebody_does() {
    let (writer, heard) = counting(NEVER, NEVER);
    (1..=3).for_each(|number| writer.submit(writer.epoch(), [(number, started())]));
    writer.submit(writer.epoch(), [(4, note(4))]);
    assert_eq!(heard.recv(), Ok(4));
}

#[test]
fn what_nobody_waits_for_is_written_all_the_same() {
    for rest_after in [SOON, NEVER] {
        let (writer, heard) = counting(SOON, rest_after);
        for number in 1..=3 {
            writer.submit(writer.epoch(), [(number, started())]);
            assert_eq!(heard.iter().find(|told| *told > 0), Some(1));
        }
        writer.submit(writer.epoch(), [(4, started())]);
        drop(writer);
        assert_eq!(heard.iter().filter(|told| *told > 0).count(), 1, "even when it ends at once");
    }
}
