use std::sync::mpsc;

use super::{Backlog, Report, Writer};
use crate::journal::{DaemonHappened, Entry};
use crate::store::{Batch, Memory, Store, StoreError};
use steadfast_retry::Moment;

fn note(number: u64) -> Batch {
    let happened = DaemonHappened::Recovered { sentence: number.to_string() };
    Batch { documents: Vec::new(), entries: vec![Entry::of_daemon(Moment::from_nanos(number), happened)] }
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
        writer.submit(writer.epoch(), number, note(number));
    }
    go.send(()).unwrap();
    let epoch = writer.epoch();
    assert_eq!(heard.recv().unwrap(), Report::Durable { epoch, through: 50 });
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
    (1..=5).for_each(|number| writer.submit(writer.epoch(), number, note(number)));
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
    writer.submit(old, 1, note(1));
    assert_eq!(heard.recv().unwrap(), Report::Durable { epoch: old, through: 1 });
    writer.submit(old, 2, note(2));
    let error = StoreError::Io("append 2 was told to fail".to_owned());
    assert_eq!(heard.recv().unwrap(), Report::Failed { epoch: old, from: 2, error });
    writer.submit(old, 3, note(3));
    writer.probe();
    assert_eq!(heard.recv().unwrap(), Report::Probed(Ok(())), "batch 3 was dropped without a word");
    let new = writer.reset();
    writer.submit(old, 4, note(4));
    writer.submit(new, 5, note(5));
    assert_eq!(heard.recv().unwrap(), Report::Durable { epoch: new, through: 5 });
    assert_eq!(numbers(&writer.close().unwrap()), [1, 5]);
}

#[test]
fn a_question_knows_what_was_handed_in_before_it() {
    let writer = Writer::start(Memory::new(), Backlog::default(), |_| {}).unwrap();
    let (answer, heard) = mpsc::channel();
    for number in 1..=20 {
        writer.submit(writer.epoch(), number, note(number));
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
    (1..=200).for_each(|number| writer.submit(writer.epoch(), number, note(number)));
    assert_eq!(numbers(&writer.close().unwrap()), (1..=200).collect::<Vec<_>>());
}

#[test]
fn with_nothing_to_do_the_store_rests_once() {
    struct Counting {
        memory: Memory,
        rests: mpsc::Sender<u64>,
        appends: u64,
    }
    let (rests, heard) = mpsc::channel();
    let backlog = Backlog { rest_after: std::time::Duration::from_millis(1), ..Backlog::default() };
    impl Store for Counting {
        fn append_group(&mut self, group: &[&Batch]) -> Result<(), StoreError> {
            self.appends += 1;
            self.memory.append_group(group)
        }
        fn probe(&mut self) -> Result<(), StoreError> {
            self.memory.probe()
        }
        fn rest(&mut self) -> Result<(), StoreError> {
            self.rests.send(self.appends).unwrap();
            Ok(())
        }
        fn recover(&mut self) -> Result<crate::store::Recovered, StoreError> {
            self.memory.recover()
        }
        fn queued(
            &mut self,
            lane: &str,
            behind: Option<crate::store::Place>,
            most: usize,
        ) -> Result<Vec<crate::store::Queued>, StoreError> {
            self.memory.queued(lane, behind, most)
        }
        fn document(&mut self, digest: crate::ids::Digest) -> Result<String, StoreError> {
            self.memory.document(digest)
        }
        fn begun_points(&mut self, job: &str, definition: crate::ids::Digest) -> Result<Vec<Option<u32>>, StoreError> {
            self.memory.begun_points(job, definition)
        }
        fn run_of_key(&mut self, key: &str) -> Result<Option<crate::ids::RunId>, StoreError> {
            self.memory.run_of_key(key)
        }
        fn opening(
            &mut self,
            run: crate::ids::RunId,
        ) -> Result<Option<(crate::journal::Opening, Option<steadfast_retry::Ending>)>, StoreError> {
            self.memory.opening(run)
        }
    }
    let writer = Writer::start(Counting { memory: Memory::new(), rests, appends: 0 }, backlog, |_| {}).unwrap();
    writer.submit(writer.epoch(), 1, note(1));
    assert_eq!(heard.recv().unwrap(), 1);
    drop(writer);
    assert!(heard.recv().is_err(), "it did not rest a second time");
}
