//! Stops, deaths, and what they cost a run.

use steadfast_retry::On;

use crate::dispatch::{Exit, Order};

use super::house::{House, job};

#[test]
fn a_stop_leaves_attempts_alone_and_the_next_daemon_finds_them() {
    let mut house = House::with([job("train").attempts(1)]);
    house.start("train");
    house.stop(false);
    assert_eq!((house.exit, house.cut.len()), (Some(Exit::Stopped), 0));
    house.restart_after(60);
    house.skip();
    house.ends(1, 0);
    house.says(&["1 ends succeeded", "1 closed succeeded"]);
}

#[test]
fn an_attempt_that_is_taken_along_is_lost_and_not_charged() {
    let mut house = House::with([job("train").attempts(1)]);
    house.start("train");
    house.stop(true);
    assert_eq!((house.exit, house.cut.as_slice()), (None, ["1-1".to_owned()].as_slice()));
    house.skip();
    house.ends(1, 143);
    house.says(&["1 waits 0s"]);
    assert_eq!(house.exit, Some(Exit::Stopped));
    house.restart_after(5);
    house.says(&["1 attempt 2"]);
}

#[test]
fn what_follows_a_failed_attempt_does_not_follow_one_that_was_taken_along() {
    let mut house = House::with([job("train").finally(On::AttemptFailed)]);
    house.start("train");
    house.stop(true);
    house.ends(1, 143);
    house.skip();
    house.restart_after(5);
    house.says(&["1 attempt 2"]);
}

#[test]
fn no_finalizer_begins_while_the_daemon_stops_and_one_taken_along_is_tried_again() {
    let mut house = House::with([job("train").finally(On::Always).finally(On::Always)]);
    house.start("train");
    house.ends(1, 0);
    house.stop(true);
    house.skip();
    house.ends(1, 143);
    house.says(&["1 finalizer f0.1 lost"]);
    assert_eq!(house.exit, Some(Exit::Stopped));
    house.restart_after(5);
    house.says(&["1 finalizer f0.2"]);
    house.ends(1, 0);
    house.ends(1, 0);
    house.says(&["1 finalizer f0.2 done", "1 finalizer f1.1", "1 finalizer f1.1 done", "1 closed succeeded"]);
}

#[test]
fn nothing_is_decided_after_the_last_word() {
    let mut house = House::with([job("train").every(60)]);
    house.stop(false);
    house.skip();
    house.pass(120);
    house.start("train");
    house.says(&[]);
    assert!(house.answers.last().is_some_and(Result::is_err));
}

#[test]
fn a_run_in_flight_at_three_deaths_in_a_row_is_quarantined() {
    let mut house = House::with([job("poison").finally(On::Quarantined)]);
    house.start("poison");
    house.skip();
    house.restart_after(5);
    house.restart_after(5);
    house.restart_after(5);
    house.says(&["1 crossed 1", "1 crossed 2", "1 crossed 3"]);
    // It may still end well; it is only not started again.
    house.ends(1, 1);
    house.pass(10);
    house.says(&["1 waits 10s", "1 ends quarantined", "1 finalizer f0.1"]);
}

#[test]
fn a_clean_stop_between_deaths_forgives_them() {
    let mut house = House::with([job("train")]);
    house.start("train");
    house.skip();
    house.restart_after(5);
    house.restart_after(5);
    house.stop(false);
    house.restart_after(5);
    house.restart_after(5);
    house.says(&["1 crossed 1", "1 crossed 2", "1 crossed 0", "1 crossed 1"]);
}

#[test]
fn a_daemon_that_lived_for_an_hour_was_not_killed_by_what_was_in_flight() {
    let mut house = House::with([job("train")]);
    house.start("train");
    house.skip();
    for _ in 0..4 {
        house.pass(3_601);
        house.restart_after(1);
    }
    house.says(&[]);
}

#[test]
fn a_lost_attempt_takes_a_number_and_charges_no_account() {
    let mut house = House::with([job("train").attempts(1)]);
    house.start("train");
    house.is_lost(1);
    house.ends(1, 0);
    house.says(&[
        "1 train opened",
        "1 attempt 1",
        "1 waits 0s",
        "1 attempt 2",
        "1 ends succeeded",
        "1 closed succeeded",
    ]);
}

#[test]
fn what_the_store_said_before_a_run_was_over_revives_nothing() {
    let mut house = House::with([job("a"), job("b"), job("c")]);
    house.start("a");
    house.start("b");
    house.start("c");
    house.store_is_slow();
    house.cancel(3);
    house.skip();
    house.cancel_found(3);
    house.says(&[]);
    house.store_catches_up();
    assert!(house.answers.last().is_some_and(Result::is_err), "{:?}", house.answers);
}

#[test]
fn a_key_is_known_until_the_store_knows_it() {
    let mut house = House::with([job("a"), job("b"), job("c")]);
    let order = || Order { job: "c".to_owned(), key: Some(("k".to_owned(), None)), ..Order::default() };
    house.start("a");
    house.start("b");
    house.store_is_slow();
    house.order(order());
    house.cancel(3);
    house.order(order());
    house.store_catches_up();
    let answers = &house.answers[house.answers.len() - 3..];
    assert_eq!(answers[0], answers[2], "a key names one run, even if that is over before it is durable");
}

#[test]
fn nothing_is_started_or_answered_before_it_is_durable() {
    let mut house = House::with([job("a")]);
    house.store_is_slow();
    house.start("a");
    assert_eq!((house.running().len(), house.answers.len()), (0, 0));
    house.store_catches_up();
    assert_eq!((house.running().len(), house.answers.len()), (1, 1));
}
