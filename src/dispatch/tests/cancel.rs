//! Cancel at each point of a run's life: it is final, and never retried.

use steadfast_retry::On;

use crate::dispatch::{Answer, Order};
use crate::evidence::Fact;
use crate::ids::{Piece, RunId, Token};

use super::house::{House, job};

/// A house in which a run of a job with finalizers was started, and what was said of that passed over.
fn house() -> House {
    let crawl = job("crawl").finally(On::AttemptFailed).finally(On::Cancelled);
    let mut house = House::with([crawl, job("other")]);
    house.start("crawl");
    house.skip();
    house
}

/// The end of every cancelled run: its finalizer, then the closing.
fn closes(house: &mut House) {
    house.skip();
    house.ends(1, 0);
    house.says(&["1 finalizer f1.1 done", "1 closed cancelled"]);
    house.pass(60);
    house.says(&[]);
}

#[test]
fn while_it_waits_for_a_slot() {
    let mut house = House::with([job("crawl").finally(On::Cancelled), job("a"), job("b")]);
    house.start("a");
    house.start("b");
    house.start("crawl");
    house.skip();
    house.cancel(3);
    house.says(&["3 ends cancelled", "3 finalizer f0.1"]);
    house.ends(3, 0);
    house.says(&["3 finalizer f0.1 done", "3 closed cancelled"]);
}

#[test]
fn while_it_is_held_before_its_first_attempt() {
    let mut house = House::with([job("crawl"), job("a"), job("b")]);
    house.start("a");
    house.start("b");
    house.start("crawl");
    house.hold(3, true);
    house.skip();
    house.cancel(3);
    house.says(&["3 ends cancelled", "3 closed cancelled"]);
}

#[test]
fn while_its_attempt_runs() {
    let mut house = house();
    house.cancel(1);
    house.says(&["1 is cut"]);
    assert_eq!(house.cut, ["1-1"]);
    // Whatever the program makes of it, the run is cancelled.
    house.ends(1, 0);
    house.says(&["1 ends cancelled", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn a_second_time_while_its_attempt_ends() {
    let mut house = house();
    house.cancel(1);
    house.cancel(1);
    assert_eq!(house.cut, ["1-1", "1-1"]);
    house.ends(1, 1);
    closes(&mut house);
}

#[test]
fn while_its_attempt_is_lost() {
    let mut house = house();
    house.cancel(1);
    house.skip();
    house.is_lost(1);
    house.says(&["1 ends cancelled", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn while_its_start_is_void() {
    let mut house = house();
    house.cancel(1);
    house.skip();
    house.voided(1);
    house.says(&["1 ends cancelled", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn while_the_finalizer_of_a_failed_attempt_runs() {
    let mut house = house();
    house.ends(1, 1);
    house.says(&["1 waits 10s", "1 finalizer a1.f0.1"]);
    house.cancel(1);
    // What follows the ending waits until nothing of the run is alive.
    house.says(&["1 ends cancelled"]);
    house.ends(1, 1);
    house.says(&["1 finalizer a1.f0.1 failed", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn while_its_delay_runs() {
    let mut house = house();
    house.ends(1, 1);
    house.ends(1, 0);
    house.skip();
    house.cancel(1);
    house.says(&["1 ends cancelled", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn while_it_waits_for_a_slot_again() {
    let mut house = house();
    house.ends(1, 1);
    house.ends(1, 0);
    house.start("other");
    house.start("other");
    house.pass(60);
    house.skip();
    house.cancel(1);
    house.says(&["1 ends cancelled", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn while_its_finalizers_run() {
    let mut house = house();
    house.cancel(1);
    house.ends(1, 1);
    house.skip();
    house.cancel(1);
    assert!(house.answers.last().is_some_and(Result::is_err), "{:?}", house.answers);
    closes(&mut house);
}

#[test]
fn before_the_daemon_dies() {
    let mut house = house();
    house.cancel(1);
    house.skip();
    house.cut.clear();
    house.restart_after(5);
    assert_eq!(house.cut, ["1-1"], "the next daemon ends what it was told to end");
    house.ends(1, 0);
    house.says(&["1 crossed 1", "1 ends cancelled", "1 finalizer f1.1"]);
    closes(&mut house);
}

#[test]
fn after_it_is_over() {
    let mut house = House::with([job("crawl")]);
    house.start("crawl");
    house.ends(1, 0);
    house.skip();
    house.cancel(1);
    house.says(&[]);
    assert!(house.answers.last().is_some_and(Result::is_err), "{:?}", house.answers);
}

#[test]
fn a_late_report_of_a_fenced_start_is_refused_and_seen() {
    let mut house = house();
    let first = Piece::Attempt(steadfast_retry::AttemptNo::FIRST);
    house.report(RunId(1), first, Token(1), Fact::Exit(0));
    house.says(&["1 late 1"]);
    assert_eq!(house.running(), ["1-1"]);
}

#[test]
fn a_key_names_one_run() {
    let mut house = House::with([job("crawl")]);
    let order = || Order { job: "crawl".to_owned(), key: Some(("k".to_owned(), None)), ..Order::default() };
    house.order(order());
    house.order(order());
    assert_eq!(house.answers, [Ok(Answer::Opened(vec![RunId(1)])), Ok(Answer::Opened(vec![RunId(1)]))]);
}
