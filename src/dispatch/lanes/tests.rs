use std::collections::BTreeMap;

use super::{Lanes, Next, WINDOW, lane_of};
use crate::ids::{Digest, RunId, SpanId, TraceId};
use crate::journal::{Opening, Trigger};
use crate::store::{Place, Queued};

fn opening(lane: &str, priority: i32) -> Opening {
    Opening {
        job: lane.split_once('/').unwrap().1.to_owned(),
        definition: Digest(1),
        classes: Digest(2),
        point: None,
        parameters: BTreeMap::new(),
        trigger: Trigger::Asked,
        by: "test".to_owned(),
        priority,
        lane: lane.to_owned(),
        key: None,
        origin: RunId(1),
        sweep: None,
        serial: false,
        trace: TraceId(1),
        span: SpanId(1),
        parent_span: None,
    }
}

fn place(priority: i32, run: u64) -> Place {
    Place { priority, run: RunId(run) }
}

/// Takes whoever goes next, as the dispatcher does.
fn take(lanes: &mut Lanes) -> Option<u64> {
    match lanes.next(|_| true, |_| true)? {
        Next::Again(run) => Some(run.0),
        Next::First(run, opening) => {
            lanes.left(&opening.lane, Place { priority: opening.priority, run });
            Some(run.0)
        }
    }
}

#[test]
fn higher_priority_goes_first_then_the_older_run() {
    let mut lanes = Lanes::with_window(WINDOW);
    for (run, lane, priority) in [(1, "/a", 0), (2, "/b", 5), (3, "/a", 5), (4, "/b", 0)] {
        lanes.opened(RunId(run), &opening(lane, priority));
    }
    let order: Vec<_> = std::iter::from_fn(|| take(&mut lanes)).collect();
    assert_eq!(order, [2, 3, 1, 4]);
    assert_eq!(lanes.waiting(), 0);
}

#[test]
fn a_group_without_a_free_slot_stands_in_nobodys_way() {
    let mut lanes = Lanes::with_window(WINDOW);
    lanes.set_slots([("gpu", 1)].into_iter());
    let (train, sweep, other) = (lane_of(Some("gpu"), "train"), lane_of(Some("gpu"), "sweep"), lane_of(None, "other"));
    lanes.take_slot(&train, RunId(1));
    lanes.opened(RunId(2), &opening(&sweep, 9));
    lanes.opened(RunId(3), &opening(&other, 0));
    assert_eq!(take(&mut lanes), Some(3));
    assert_eq!(take(&mut lanes), None);
    lanes.give_slot(&train, RunId(1));
    assert_eq!(take(&mut lanes), Some(2));
}

#[test]
fn a_window_over_many_waiting_runs_loses_none_and_doubles_none() {
    let all = 3 * WINDOW as u64 + 7;
    let row = |run| Queued { run: RunId(run), opening: opening("/a", 0) };
    let mut lanes = Lanes::with_window(WINDOW);
    lanes.begin_with("/a", all);
    let mut taken = Vec::new();
    let mut opened = all;
    loop {
        for refill in lanes.refills() {
            // The store answers later; meanwhile two runs are opened, and the store has seen the first of them.
            lanes.opened(RunId(opened + 1), &opening("/a", 0));
            lanes.opened(RunId(opened + 2), &opening("/a", 0));
            opened += if opened < all + 40 { 2 } else { 0 };
            let from = refill.behind.map_or(1, |place| place.run.0 + 1);
            let rows = (from..=opened).filter(|run| !taken.contains(run)).take(WINDOW).map(row).collect();
            lanes.refilled(&refill.lane, rows);
        }
        match take(&mut lanes) {
            Some(run) => taken.push(run),
            None => break,
        }
    }
    assert_eq!(taken, (1..=opened).collect::<Vec<_>>());
}

#[test]
fn a_newer_run_of_higher_priority_enters_a_full_window() {
    let mut lanes = Lanes::with_window(WINDOW);
    for run in 1..=WINDOW as u64 + 10 {
        lanes.opened(RunId(run), &opening("/a", 0));
    }
    lanes.opened(RunId(9_999), &opening("/a", 1));
    assert_eq!(take(&mut lanes), Some(9_999));
    lanes.left("/a", place(0, 1));
    assert_eq!(take(&mut lanes), Some(2));
}

fn queued(run: u64, priority: i32) -> Queued {
    Queued { run: RunId(run), opening: opening("/a", priority) }
}

/// Lanes with a window of six, of which the store holds twelve runs; four were taken, and it is asked for more behind run 6.
fn asked() -> Lanes {
    let mut lanes = Lanes::with_window(6);
    lanes.begin_with("/a", 12);
    assert_eq!(lanes.refills().len(), 1);
    lanes.refilled("/a", (1..=6).map(|run| queued(run, 0)).collect());
    for run in 1..=4 {
        assert_eq!(take(&mut lanes), Some(run));
    }
    assert_eq!(lanes.refills()[0].behind, Some(place(0, 6)));
    lanes
}

#[test]
fn what_overflows_a_window_while_the_store_is_asked_is_not_lost() {
    let mut lanes = asked();
    // The answer begins behind run 6, which these push out.
    for run in 21..=25 {
        lanes.opened(RunId(run), &opening("/a", 5));
    }
    lanes.refilled("/a", (7..=12).map(|run| queued(run, 0)).collect());
    let mut taken = Vec::new();
    loop {
        for refill in lanes.refills() {
            let behind = refill.behind.expect("something is in the window");
            let left = (5..=12).filter(|run| !taken.contains(run) && place(0, *run) > behind);
            lanes.refilled("/a", left.take(refill.most).map(|run| queued(run, 0)).collect());
        }
        match take(&mut lanes) {
            Some(run) => taken.push(run),
            None => break,
        }
    }
    assert_eq!(taken, (21..=25).chain(5..=12).collect::<Vec<_>>());
}

#[test]
fn what_leaves_while_the_store_is_asked_does_not_come_back_with_its_answer() {
    let mut lanes = asked();
    lanes.left("/a", place(0, 7));
    lanes.refilled("/a", [7, 8].map(|run| queued(run, 0)).to_vec());
    let rest: Vec<_> = std::iter::from_fn(|| take(&mut lanes)).collect();
    assert_eq!(rest, [5, 6, 8]);
}
