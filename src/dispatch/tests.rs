mod cancel;
mod house;
mod launch;
mod order;
mod stops;

use steadfast_retry::{Class, On, Rule};

use crate::job::{Mode, Overlap};

use super::{Exit, Tally};
use house::{House, job};

#[test]
fn a_run_is_opened_attempted_and_closed() {
    let mut house = House::with([job("crawl").finally(On::Always)]);
    house.start("crawl");
    house.says(&["1 crawl opened", "1 attempt 1"]);
    house.ends(1, 1);
    house.says(&["1 waits 10s"]);
    house.pass(10);
    house.says(&["1 attempt 2"]);
    house.ends(1, 0);
    house.says(&["1 ends succeeded", "1 finalizer f0.1"]);
    house.ends(1, 0);
    house.says(&["1 finalizer f0.1 done", "1 closed succeeded"]);
    assert!(house.running().is_empty());
}

#[test]
fn no_delay_follows_the_last_failure() {
    let mut house = House::with([job("crawl").attempts(1)]);
    house.start("crawl");
    house.ends(1, 1);
    house.says(&["1 crawl opened", "1 attempt 1", "1 ends gave-up", "1 closed gave-up"]);
}

#[test]
fn a_rule_that_stops_ends_the_run_at_once() {
    let mut house = House::with([job("crawl").catch(Rule::on(Class::known("exit-nonzero")).stop())]);
    house.start("crawl");
    house.ends(1, 1);
    house.says(&["1 crawl opened", "1 attempt 1", "1 ends stopped", "1 closed stopped"]);
}

#[test]
fn the_next_attempt_waits_for_what_follows_a_failed_one() {
    let mut house = House::with([job("crawl").finally(On::AttemptFailed)]);
    house.start("crawl");
    house.ends(1, 1);
    house.skip();
    house.pass(30);
    house.says(&[]);
    house.ends(1, 0);
    house.says(&["1 finalizer a1.f0.1 done", "1 attempt 2"]);
}

#[test]
fn a_finalizer_has_three_tries_and_never_alters_the_ending() {
    let mut house = House::with([job("crawl").finally(On::Succeeded)]);
    house.start("crawl");
    house.ends(1, 0);
    house.skip();
    house.ends(1, 1);
    house.pass(4);
    house.says(&["1 finalizer f0.1 failed"]);
    house.pass(1);
    house.ends(1, 1);
    house.pass(5);
    house.ends(1, 1);
    house.says(&[
        "1 finalizer f0.2",
        "1 finalizer f0.2 failed",
        "1 finalizer f0.3",
        "1 finalizer f0.3 failed",
        "1 closed succeeded",
    ]);
}

#[test]
fn overlap_skip_drops_what_is_due_while_a_run_is_under_way() {
    let mut house = House::with([job("crawl").every(60)]);
    house.says(&["1 crawl opened", "1 attempt 1"]);
    house.pass(60);
    house.says(&["crawl overlapped"]);
    house.ends(1, 0);
    house.pass(60);
    house.says(&["1 ends succeeded", "1 closed succeeded", "2 crawl opened", "2 attempt 1"]);
}

#[test]
fn overlap_queue_waits_for_the_run_before() {
    let mut house = House::with([job("crawl").every(60).overlap(Overlap::Queue(1))]);
    house.skip();
    house.pass(120);
    house.says(&["2 crawl opened", "crawl overlapped"]);
    house.ends(1, 0);
    house.says(&["1 ends succeeded", "1 closed succeeded", "2 attempt 1"]);
}

#[test]
fn overlap_replace_cancels_and_begins_when_the_old_tree_is_dead() {
    let mut house = House::with([job("crawl").every(60).overlap(Overlap::Replace)]);
    house.skip();
    house.pass(60);
    house.says(&["1 is cut", "2 crawl opened"]);
    assert_eq!(house.cut, ["1-1"]);
    house.ends(1, 0);
    house.says(&["1 ends cancelled", "1 closed cancelled", "2 attempt 1"]);
}

#[test]
fn overlap_allow_runs_them_side_by_side() {
    let mut house = House::with([job("crawl").every(60).overlap(Overlap::Allow)]);
    house.skip();
    house.pass(60);
    house.says(&["2 crawl opened", "2 attempt 1"]);
    assert_eq!(house.running(), ["1-1", "2-1"]);
}

#[test]
fn a_schedule_that_never_fired_is_not_begun_anew_by_the_next_daemon() {
    // The morning is Wednesday, 07:00. A daemon that dies before 08:30 and comes back after it still finds it due.
    let mut house = House::with([job("crawl").cron("30 8 * * *")]);
    house.restart_after(2 * 3_600);
    house.says(&["1 crawl opened", "1 attempt 1"]);
}

#[test]
fn a_schedule_that_was_edited_begins_now() {
    let mut house = House::with([job("crawl").cron("30 8 * * *")]);
    house.pass(600);
    house.edit(job("crawl").cron("5 7 * * *"));
    house.pass(600);
    house.says(&[]);
}

#[test]
fn after_uses_one_success_once() {
    let mut house = House::with([job("fetch"), job("index").after(Mode::AllSucceeded, &["fetch"])]);
    house.start("fetch");
    house.ends(1, 0);
    house.skip();
    house.ends(2, 0);
    house.says(&["2 ends succeeded", "2 closed succeeded"]);
    house.start("fetch");
    house.ends(3, 0);
    house.says(&[
        "3 fetch opened",
        "3 attempt 1",
        "3 ends succeeded",
        "3 closed succeeded",
        "4 index opened",
        "4 attempt 1",
    ]);
}

#[test]
fn after_all_waits_for_each_and_after_any_for_the_first() {
    let all = job("all").after(Mode::AllSucceeded, &["a", "b"]);
    let any = job("any").after(Mode::AnySucceeded, &["a", "b"]);
    let mut house = House::with([job("a"), job("b"), all, any]);
    house.start("a");
    house.ends(1, 0);
    house.says(&["1 a opened", "1 attempt 1", "1 ends succeeded", "1 closed succeeded", "2 any opened", "2 attempt 1"]);
    house.start("b");
    house.ends(3, 0);
    house.says(&["3 b opened", "3 attempt 1", "3 ends succeeded", "3 closed succeeded", "4 all opened", "4 attempt 1"]);
}

#[test]
fn what_can_no_longer_begin_is_skipped_and_that_is_an_ending() {
    let index = job("index").after(Mode::AllSucceeded, &["fetch"]);
    let tidy = job("tidy").after(Mode::Ended, &["index"]);
    let mut house = House::with([job("fetch").attempts(1), index, tidy]);
    house.start("fetch");
    house.skip();
    house.ends(1, 1);
    house.says(&[
        "1 ends gave-up",
        "1 closed gave-up",
        "2 index opened",
        "2 closed skipped",
        "3 tidy opened",
        "3 attempt 1",
    ]);
}

#[test]
fn a_matrix_counts_as_one() {
    let sweep = job("sweep").points(3).attempts(1);
    let mut house = House::until_idle([sweep, job("plot").after(Mode::AllSucceeded, &["sweep"])]);
    house.ends(1, 1);
    house.ends(2, 0);
    house.skip();
    house.ends(3, 0);
    // The last point succeeded, and the matrix did not.
    house.says(&["3 ends succeeded", "3 closed succeeded", "4 plot opened", "4 closed skipped"]);
    assert_eq!(house.exit, Some(Exit::Idle(Tally { failed: 2, held: 0 })));
}

#[test]
fn a_matrix_that_is_pending_is_opened_as_one() {
    let mut house = House::until_idle([job("sweep").points(2), job("plot").after(Mode::AllSucceeded, &["sweep"])]);
    house.ends(1, 0);
    house.skip();
    house.ends(2, 0);
    house.says(&["2 ends succeeded", "2 closed succeeded", "3 plot opened", "3 attempt 1"]);
}

#[test]
fn a_clock_that_was_set_back_brings_no_due_time_twice() {
    let mut house = House::with([job("crawl").cron("0 8 * * *")]);
    house.pass(3_600);
    house.ends(1, 0);
    house.skip();
    // The schedule is edited while the clock stands before a due time that was dealt with.
    house.set_clock(-1_800);
    house.edit(job("crawl").cron("0 8,9 * * *"));
    house.pass(3_600);
    house.says(&[]);
    house.pass(1_800);
    house.says(&["2 crawl opened", "2 attempt 1"]);
}

#[test]
fn a_success_is_used_once_even_where_a_replacement_sets_it_off_too() {
    let fetch = job("fetch").after(Mode::AllSucceeded, &["crawl"]).overlap(Overlap::Replace);
    let index = job("index").after(Mode::Ended, &["crawl", "fetch"]).overlap(Overlap::Allow);
    let mut house = House::with([job("crawl"), fetch, index, job("other")]);
    house.start("fetch");
    house.ends(1, 0);
    house.start("crawl");
    house.start("other");
    house.start("fetch");
    house.skip();
    house.ends(2, 0);
    house.says(&[
        "2 ends succeeded",
        "2 closed succeeded",
        "4 ends cancelled",
        "4 closed cancelled",
        "5 index opened",
        "6 fetch opened",
        "5 attempt 1",
    ]);
}
