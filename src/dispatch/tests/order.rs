//! Slots, groups, priorities and holds.

use crate::dispatch::{Exit, Order, Tally};
use crate::job::Overlap;

use super::house::{House, job};

#[test]
fn a_group_has_its_own_slots() {
    let jobs = [job("a").group("gpu"), job("b").group("gpu"), job("c")];
    let mut house = House::opened(jobs, &[("gpu", 1)], false);
    house.start("a");
    house.start("b");
    house.start("c");
    assert_eq!(house.running(), ["1-1", "3-1"]);
    house.skip();
    house.ends(1, 1);
    // It waits for its next attempt, and gives its slot to whoever waits for one.
    house.says(&["1 waits 10s", "2 attempt 1"]);
}

#[test]
fn higher_priority_goes_first_then_the_older_run() {
    let mut house = House::with([job("crawl").overlap(Overlap::Allow)]);
    for priority in [0, 0, 0, 5, 0] {
        house.order(Order { job: "crawl".to_owned(), priority: Some(priority), ..Order::default() });
    }
    house.skip();
    house.ends(1, 0);
    house.ends(2, 0);
    house.says(&[
        "1 ends succeeded",
        "1 closed succeeded",
        "4 attempt 1",
        "2 ends succeeded",
        "2 closed succeeded",
        "3 attempt 1",
    ]);
}

#[test]
fn a_held_job_begins_nothing_and_stands_in_nobodys_way() {
    let mut house = House::with([job("a"), job("b")]);
    house.hold_job("a", true);
    house.start("a");
    house.start("b");
    house.says(&["a held", "1 a opened", "2 b opened", "2 attempt 1"]);
    house.hold_job("a", false);
    house.says(&["a released", "1 attempt 1"]);
}

#[test]
fn a_held_run_goes_on_with_what_runs_and_begins_nothing_new() {
    let mut house = House::with([job("a")]);
    house.start("a");
    house.hold(1, true);
    house.ends(1, 1);
    house.pass(60);
    house.says(&["1 a opened", "1 attempt 1", "1 held", "1 waits 10s"]);
    house.hold(1, false);
    house.says(&["1 released", "1 attempt 2"]);
}

#[test]
fn a_hold_outlives_the_daemon() {
    let mut house = House::with([job("a")]);
    house.start("a");
    house.ends(1, 1);
    house.hold(1, true);
    house.skip();
    house.restart_after(60);
    house.pass(5);
    house.says(&[]);
    house.hold(1, false);
    house.says(&["1 released", "1 attempt 2"]);
}

#[test]
fn until_idle_ends_when_nothing_is_left() {
    let mut house = House::until_idle([job("a"), job("b").attempts(1)]);
    house.ends(1, 0);
    assert_eq!(house.exit, None);
    house.ends(2, 1);
    assert_eq!(house.exit, Some(Exit::Idle(Tally { failed: 1, held: 0 })));
}

#[test]
fn until_idle_does_not_wait_for_what_is_held() {
    let mut house = House::until_idle([job("a"), job("b"), job("c")]);
    // The first two run, the third waits.
    house.hold(1, true);
    house.hold_job("b", true);
    house.hold(3, true);
    house.ends(1, 1);
    assert_eq!(house.exit, None);
    house.ends(2, 1);
    assert_eq!(house.exit, Some(Exit::Idle(Tally { failed: 0, held: 3 })));
}

#[test]
fn until_idle_waits_for_a_run_beside_one_that_is_held_twice_over() {
    let mut house = House::until_idle([job("a"), job("b"), job("c"), job("d")]);
    // The third is held by itself and with its job; that must not count for the fourth.
    house.hold(3, true);
    house.hold_job("c", true);
    house.ends(1, 0);
    house.ends(2, 0);
    assert_eq!((house.running(), house.exit), (vec!["4-1".to_owned()], None));
}

#[test]
fn until_idle_does_not_wait_in_line_behind_a_held_run() {
    let mut house = House::until_idle([job("a").every(60).overlap(Overlap::Queue(1))]);
    house.pass(60);
    house.hold(1, true);
    house.ends(1, 1);
    house.says(&["1 a opened", "1 attempt 1", "2 a opened", "1 held", "1 waits 10s"]);
    assert_eq!(house.exit, Some(Exit::Idle(Tally { failed: 0, held: 2 })));
}
