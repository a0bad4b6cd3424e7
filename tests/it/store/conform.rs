//! What every store keeps, refuses and finds again.

use steadfast::ids::{Digest, RunId, ShimId};
use steadfast::journal::{FinalizerResult, Opening, Sweep, TickFate};
use steadfast::store::{Batch, Memory, Place, Recovered, Store, StoreError, SweepRecord};
use steadfast_retry::Ending;

use super::words::{
    CLASSES, DEFINITION, Run, at, bad_life, batch, good_life, mark, opening, point_of, slept, ticked, woke, write,
};
use super::{each, open};

/// Asserts that entries are refused, in these words, and that nothing of them is left.
fn refused(store: &mut dyn Store, entries: Vec<steadfast::journal::Entry>, says: &str) {
    let before = store.recover().unwrap();
    match write(store, entries) {
        Err(StoreError::Conflict(what)) => assert!(what.contains(says), "`{what}` does not say `{says}`"),
        other => panic!("expected a refusal that says `{says}`, got {other:?}"),
    }
    assert_eq!(store.recover().unwrap(), before, "a refused batch leaves nothing");
}

#[test]
fn a_new_store_is_empty_and_clean() {
    each(|store| {
        assert_eq!(store.recover().unwrap(), Recovered { clean: true, ..Recovered::default() });
        assert_eq!(store.queued("/crawl", None, 10).unwrap(), []);
        assert_eq!(store.opening(RunId(1)).unwrap(), None);
        assert!(matches!(store.document(Digest::of("nothing")), Err(StoreError::Missing(_))));
    });
}

#[test]
fn what_was_appended_is_recovered() {
    each(|store| {
        let mut run = Run::new(3);
        let life = vec![run.opened("crawl"), run.begins(), run.starts(4711), run.fails("net-reset")];
        write(store, life.clone()).unwrap();
        write(store, [Run::new(4).opened("crawl"), Run::new(5).opened("index"), woke()]).unwrap();
        let found = store.recover().unwrap();
        assert_eq!(found.newest_run, 5);
        assert_eq!(found.begun.len(), 1);
        assert_eq!((found.begun[0].run, &found.begun[0].entries), (RunId(3), &life));
        assert_eq!(found.lanes, [("/crawl".to_owned(), 1), ("/index".to_owned(), 1)]);
        assert_eq!((found.clean, found.woke), (false, Some(at(0))));
        assert_eq!(store.document(Digest::of(DEFINITION)).unwrap(), DEFINITION);
        assert_eq!(store.opening(RunId(4)).unwrap(), Some((opening(4, "crawl"), None)));
    });
}

#[test]
fn a_run_that_is_closed_is_recovered_no_more() {
    each(|store| {
        write(store, good_life(1, "crawl")).unwrap();
        write(store, bad_life(2, "crawl")).unwrap();
        let found = store.recover().unwrap();
        assert_eq!((found.begun.len(), found.lanes.len()), (0, 0));
        let job = &found.jobs[0];
        assert_eq!(job.newest, Some((RunId(2), Some(Ending::GaveUp))));
        assert_eq!(store.opening(RunId(2)).unwrap().unwrap().1, Some(Ending::GaveUp));
    });
}

#[test]
fn an_attempt_begins_once() {
    each(|store| {
        let mut run = Run::new(1);
        let life = vec![run.opened("crawl"), run.begins()];
        write(store, life.clone()).unwrap();
        refused(store, vec![life[1].clone()], "begins attempt 1 while it is running");
        let ends = run.fails("net-reset");
        write(store, [ends]).unwrap();
        refused(store, vec![life[1].clone()], "begins attempt 1 after attempt 1");
    });
}

#[test]
fn two_attempts_of_one_run_never_run_at_once() {
    each(|store| {
        let mut run = Run::new(1);
        write(store, [run.opened("crawl"), run.begins()]).unwrap();
        let _lost = run.is_lost();
        refused(store, vec![run.begins()], "begins attempt 2 while it is running");
    });
}

#[test]
fn a_number_is_never_left_out() {
    each(|store| {
        let mut run = Run::new(1);
        let first = [run.opened("crawl"), run.begins(), run.is_lost()];
        write(store, first).unwrap();
        let _second = [run.begins(), run.is_lost()];
        refused(store, vec![run.begins()], "begins attempt 3 after attempt 1");
    });
}

#[test]
fn an_attempt_ends_once() {
    each(|store| {
        let mut run = Run::new(1);
        let life = vec![run.opened("crawl"), run.begins(), run.fails("net-reset")];
        write(store, life.clone()).unwrap();
        refused(store, vec![life[2].clone()], "waits for another attempt while it is waiting");
    });
}

#[test]
fn nothing_follows_the_closing() {
    each(|store| {
        let life = good_life(1, "crawl");
        write(store, life.clone()).unwrap();
        for entry in life.into_iter().skip(1) {
            refused(store, vec![entry], "while it is closed");
        }
        refused(store, vec![Run::new(1).is_held()], "while it is closed");
    });
}

#[test]
fn a_late_report_is_kept_even_about_a_closed_run_or_none_at_all() {
    each(|store| {
        write(store, good_life(1, "crawl")).unwrap();
        write(store, [Run::new(1).is_reported_late(mark(8, 100)), Run::new(77).is_reported_late(mark(8, 200))])
            .unwrap();
        assert_eq!(store.recover().unwrap().marks, [(ShimId(8), 200)]);
    });
}

#[test]
fn a_run_is_closed_as_it_was_decided() {
    each(|store| {
        let mut run = Run::new(1);
        write(store, [run.opened("crawl"), run.begins()]).unwrap();
        refused(store, vec![run.closes_as(Ending::Succeeded)], "is closed as succeeded while it is running");
        let ends = run.fails("net-reset");
        write(store, [ends, run.is_cancelled()]).unwrap();
        refused(store, vec![run.closes_as(Ending::Succeeded)], "is closed as succeeded while it is finishing");
        write(store, [run.closes()]).unwrap();
    });
}

#[test]
fn only_a_run_that_never_began_is_skipped() {
    each(|store| {
        write(store, [Run::new(1).opened("crawl"), Run::new(1).closes_as(Ending::Skipped)]).unwrap();
        write(store, [Run::new(2).opened("crawl")]).unwrap();
        refused(store, vec![Run::new(2).closes_as(Ending::GaveUp)], "is closed as gave-up while it is queued");
    });
}

#[test]
fn a_run_number_and_a_key_are_taken_once() {
    each(|store| {
        let keyed = |run: u64| Opening { key: Some("daily-7".to_owned()), ..opening(run, "crawl") };
        write(store, [Run::new(1).opened_as(keyed(1))]).unwrap();
        refused(store, vec![Run::new(1).opened("crawl")], "");
        refused(store, vec![Run::new(2).opened_as(keyed(2))], "key");
        assert_eq!(store.run_of_key("daily-7").unwrap(), Some(RunId(1)));
        assert_eq!(store.run_of_key("daily-8").unwrap(), None);
    });
}

#[test]
fn a_run_needs_the_documents_that_it_refers_to() {
    each(|store| {
        let bare = Batch { documents: Vec::new(), entries: vec![Run::new(1).opened("crawl")] };
        assert!(matches!(store.append(&bare), Err(StoreError::Conflict(_))));
        assert_eq!(store.recover().unwrap().newest_run, 0);
    });
}

#[test]
fn a_due_time_that_comes_twice_because_a_clock_was_set_back_is_kept_once() {
    each(|store| {
        write(store, [Run::new(1).opened("crawl"), ticked("crawl", 500, TickFate::Opened(RunId(1)))]).unwrap();
        write(store, [Run::new(2).opened("crawl"), ticked("crawl", 500, TickFate::Opened(RunId(2)))]).unwrap();
        write(store, [ticked("crawl", 600, TickFate::Overlapped), ticked("index", 500, TickFate::Overlapped)]).unwrap();
        assert_eq!(
            store.recover().unwrap().jobs[0].evaluated,
            Some(600),
            "a tick says up to where the schedule was evaluated"
        );
    });
}

#[test]
fn a_finalizer_begins_and_ends_once() {
    each(|store| {
        let mut run = Run::new(1);
        write(store, [run.opened("crawl"), run.begins()]).unwrap();
        refused(store, vec![run.finalizer_begins("f0.1")], "begins a finalizer while it is running");
        write(store, [run.succeeds(), run.finalizer_begins("f0.1")]).unwrap();
        refused(store, vec![run.finalizer_begins("f0.1")], "");
        refused(store, vec![run.finalizer_ends("f1.1", FinalizerResult::Done)], "finalizer f1.1");
        write(store, [run.finalizer_ends("f0.1", FinalizerResult::Failed)]).unwrap();
        refused(store, vec![run.finalizer_ends("f0.1", FinalizerResult::Done)], "");
        write(store, [run.closes()]).unwrap();
    });
}

#[test]
fn waiting_runs_come_by_priority_and_age_in_windows() {
    each(|store| {
        let priorities = [0, 5, -3, 5, 0, 0, 9, -3];
        let runs = (1..).zip(priorities).map(|(id, priority)| {
            Run::new(id).opened_as(Opening { priority, lane: "gpu/train".to_owned(), ..opening(id, "train") })
        });
        write(store, runs.collect::<Vec<_>>()).unwrap();
        write(store, [Run::new(90).opened("crawl")]).unwrap();
        let mut order = Vec::new();
        let mut behind = None;
        loop {
            let window = store.queued("gpu/train", behind, 3).unwrap();
            let Some(last) = window.last() else { break };
            behind = Some(Place { priority: last.opening.priority, run: last.run });
            order.extend(window.iter().map(|row| row.run.0));
        }
        assert_eq!(order, [7, 2, 4, 1, 5, 6, 3, 8]);
    });
}

#[test]
fn a_held_run_leaves_its_lane_until_it_is_released() {
    each(|store| {
        write(store, [Run::new(1).opened("crawl"), Run::new(2).opened("crawl"), Run::new(1).is_held()]).unwrap();
        let found = store.recover().unwrap();
        assert_eq!(found.lanes, [("/crawl".to_owned(), 1)]);
        assert_eq!(found.held.iter().map(|row| row.run.0).collect::<Vec<_>>(), [1]);
        assert_eq!((found.jobs[0].queued, store.queued("/crawl", None, 9).unwrap().len()), (2, 1));
        write(store, [Run::new(1).is_released()]).unwrap();
        let found = store.recover().unwrap();
        assert_eq!((found.lanes, found.held.len(), found.jobs[0].queued), (vec![("/crawl".to_owned(), 2)], 0, 2));
    });
}

#[test]
fn a_matrix_counts_when_all_of_it_is_closed() {
    each(|store| {
        let sweep = Sweep { first: RunId(1), size: 2, needed: 2 };
        let mut runs = [Run::new(1), Run::new(2)];
        let opened =
            (0..2).map(|point| runs[point].opened_as(point_of(point as u64 + 1, "train", point as u32, sweep)));
        write(store, opened.collect::<Vec<_>>()).unwrap();
        write(store, [runs[0].begins(), runs[0].succeeds(), runs[0].closes(), runs[1].begins()]).unwrap();
        let found = store.recover().unwrap();
        assert_eq!(found.sweeps, [SweepRecord { sweep, succeeded: 1, failed: 0 }]);
        assert_eq!(found.jobs[0].newest, Some((RunId(2), None)));
        write(
            store,
            [runs[1].is_cancelled(), runs[1].ends(steadfast_retry::Outcome::Cancelled, &[], None), runs[1].closes()],
        )
        .unwrap();
        let found = store.recover().unwrap();
        assert_eq!(found.sweeps, []);
        assert_eq!(found.jobs[0].newest, Some((RunId(2), Some(Ending::GaveUp))), "one of two, and both must succeed");
        let points = store.begun_points("train", Digest::of(DEFINITION)).unwrap();
        assert_eq!(points, [Some(0), Some(1)]);
        assert_eq!(store.begun_points("train", Digest::of(CLASSES)).unwrap(), []);
    });
}

#[test]
fn a_job_is_held_and_released_and_a_clean_stop_is_remembered() {
    each(|store| {
        use steadfast::journal::{Entry, JobHappened};
        write(store, [woke(), Entry::of_job(at(1), "crawl".to_owned(), JobHappened::Held { by: "ann".to_owned() })])
            .unwrap();
        assert!(store.recover().unwrap().jobs[0].held);
        write(
            store,
            [Entry::of_job(at(2), "crawl".to_owned(), JobHappened::Released { by: "ann".to_owned() }), slept()],
        )
        .unwrap();
        let found = store.recover().unwrap();
        assert!(!found.jobs[0].held && found.clean);
    });
}

#[test]
fn a_mark_never_goes_back_and_is_written_with_its_entry() {
    each(|store| {
        let mut run = Run::new(1);
        write(store, [run.opened("crawl"), run.begins()]).unwrap();
        let ends = run.ends(steadfast_retry::Outcome::Succeeded, &[], mark(5, 64));
        refused(store, vec![ends.clone(), Run::new(1).opened("crawl")], "");
        assert_eq!(store.recover().unwrap().marks, []);
        write(store, [ends, run.is_reported_late(mark(5, 32))]).unwrap();
        assert_eq!(store.recover().unwrap().marks, [(ShimId(5), 64)]);
    });
}

#[test]
fn a_batch_with_a_mistake_anywhere_leaves_nothing() {
    each(|store| {
        write(store, good_life(1, "crawl")).unwrap();
        let good =
            [good_life(2, "crawl"), bad_life(3, "index"), vec![woke(), ticked("crawl", 7, TickFate::Overlapped)]]
                .concat();
        for place in 0..=good.len() {
            let mut entries = good.clone();
            entries.insert(place, Run::new(1).opened("crawl"));
            refused(store, entries, "");
        }
        write(store, good).unwrap();
    });
}

#[test]
fn a_group_is_written_as_a_whole_or_not_at_all() {
    each(|store| {
        let (good, bad) = (batch(good_life(1, "crawl")), batch(vec![Run::new(1).opened("crawl")]));
        assert!(store.append_group(&[&good, &bad]).is_err());
        assert_eq!(store.recover().unwrap().newest_run, 0);
        store.append_group(&[&good, &batch(good_life(2, "crawl"))]).unwrap();
        assert_eq!(store.recover().unwrap().newest_run, 2);
    });
}

#[test]
fn the_failure_of_any_append_leaves_what_was_acknowledged() {
    let batches = || [good_life(1, "crawl"), bad_life(2, "index"), good_life(3, "crawl"), good_life(4, "train")];
    for fails in 1..=4 {
        let mut store = Memory::new();
        store.fail_append(fails);
        let mut expected = Vec::new();
        for life in batches() {
            if write(&mut store, life.clone()).is_ok() {
                expected.extend(life);
            }
        }
        assert_eq!(expected.len(), 12);
        assert!(store.entries().eq(expected.iter()), "after failure {fails}");
        assert!(store.clone().entries().eq(expected.iter()), "a clone is what is durable");
    }
}

#[test]
fn what_is_on_the_disk_is_there_after_closing_and_opening() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    write(&mut store, [good_life(1, "crawl"), vec![Run::new(2).opened("crawl"), woke(), slept()]].concat()).unwrap();
    store.remember("clock", "17").unwrap();
    let before = store.recover().unwrap();
    drop(store);
    let mut store = open(folder.path());
    assert_eq!(store.recover().unwrap(), before);
    assert_eq!(store.recall("clock").unwrap().as_deref(), Some("17"));
}
