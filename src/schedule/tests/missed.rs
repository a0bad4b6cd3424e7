//! Due times that passed while nobody looked.

use std::fmt::Write as _;

use jiff::{Timestamp, ToSpan};

use super::super::{Count, Declared, Due, Evaluation, Missed, Schedule};
use super::{at, declared, seconds};

fn hourly(missed: Missed) -> Schedule {
    declared(Declared { cron: Some("@hourly"), missed: Some(missed), ..Declared::default() })
}

fn hourly_within(missed: Missed, window: u64) -> Schedule {
    declared(Declared {
        cron: Some("@hourly"),
        missed: Some(missed),
        window: Some(seconds(window)),
        ..Declared::default()
    })
}

/// Checks an evaluation from 08:00 on: due times as hours and minutes (`late` ones say so), then what was dropped.
fn check(schedule: &Schedule, now: &str, expected: &str) {
    let now = at(&format!("2026-11-23T{now}"));
    let evaluation = schedule.evaluate(at("2026-11-23T08:00"), now);
    assert_eq!(shown(&evaluation), expected, "at {now}");
    assert_eq!(evaluation.evaluated_until, now);
}

fn shown(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for Due { at, late } in &evaluation.due {
        let _ = write!(text, "{}{} ", if *late { "late " } else { "" }, at.strftime("%R"));
    }
    if let Some(dropped) = evaluation.dropped {
        let _ = write!(text, "dropped {} ({})", dropped.count, dropped.because);
    }
    text.trim_end().to_owned()
}

#[test]
fn nothing_is_due_before_its_time() {
    check(&hourly(Missed::Once), "08:59:59.999", "");
    check(&hourly(Missed::Once), "08:00:00", "");
}

#[test]
fn a_little_late_is_on_time() {
    for missed in [Missed::Skip, Missed::Once, Missed::All(3)] {
        check(&hourly(missed), "09:00:00", "09:00");
        check(&hourly(missed), "09:00:00.008", "09:00");
        check(&hourly(missed), "09:01:00", "09:00");
    }
    check(&hourly(Missed::Skip), "09:01:00.001", "dropped 1 (missed = \"skip\")");
}

#[test]
fn skip_runs_nothing_that_was_missed() {
    check(&hourly(Missed::Skip), "12:30:00", "dropped 4 (missed = \"skip\")");
    check(&hourly(Missed::Skip), "12:00:01", "12:00 dropped 3 (missed = \"skip\")");
}

#[test]
fn once_runs_the_newest_for_all() {
    check(&hourly(Missed::Once), "12:30:00", "late 12:00 dropped 3 (missed = \"once\")");
    check(&hourly(Missed::Once), "12:00:01", "12:00 dropped 3 (missed = \"once\")");
    check(&hourly(Missed::Once), "09:30:00", "late 09:00");
}

#[test]
fn all_runs_the_newest_up_to_its_number_and_the_one_on_time() {
    check(&hourly(Missed::All(10)), "11:30:00", "late 09:00 late 10:00 late 11:00");
    check(&hourly(Missed::All(2)), "12:30:00", "late 11:00 late 12:00 dropped 2 (missed = { all = 2 })");
    check(&hourly(Missed::All(2)), "12:00:01", "late 10:00 late 11:00 12:00 dropped 1 (missed = { all = 2 })");
}

#[test]
fn the_window_drops_what_is_older() {
    check(&hourly_within(Missed::Once, 1_800), "12:30:00", "late 12:00 dropped 3 (missed = \"once\")");
    check(&hourly_within(Missed::Once, 1_799), "12:30:00", "dropped 4 (window = \"29m59s\")");
    check(&hourly_within(Missed::All(10), 7_200), "12:30:00", "late 11:00 late 12:00 dropped 2 (window = \"2h\")");
    check(&hourly_within(Missed::All(1), 7_200), "12:30:00", "late 12:00 dropped 3 (missed = { all = 1 })");
    // What is on time needs no window.
    check(&hourly_within(Missed::All(1), 1), "09:00:30", "09:00");
}

#[test]
fn of_many_due_times_in_a_row_only_the_newest_is_on_time() {
    let seconds =
        |missed| declared(Declared { cron: Some("* * * * * *"), missed: Some(missed), ..Declared::default() });
    let (from, now) = (at("2026-11-23T08:00"), at("2026-11-23T08:00:05.2"));
    assert_eq!(shown(&seconds(Missed::Once).evaluate(from, now)), "08:00 dropped 4 (missed = \"once\")");
    let all = seconds(Missed::All(100)).evaluate(from, now);
    assert_eq!(all.due.iter().filter(|due| due.late).count(), 4);
    assert_eq!(all.due.len(), 5);
}

#[test]
fn a_year_of_minutes_makes_no_backlog() {
    let (from, now) = (at("2025-11-23T08:00:30"), at("2026-11-23T08:00:30"));
    for (missed, runs) in [(Missed::Skip, 1), (Missed::Once, 1), (Missed::All(10), 11), (Missed::All(1_000), 1_001)] {
        for expr in ["* * * * *", "* * * * * *"] {
            let schedule = declared(Declared { cron: Some(expr), missed: Some(missed), ..Declared::default() });
            let evaluation = schedule.evaluate(from, now);
            let step = if expr == "* * * * *" { 60 } else { 1 };
            let newest = if step == 60 { at("2026-11-23T08:00") } else { now };
            let expected: Vec<Timestamp> = (0..runs).rev().map(|back| newest - (back * step).seconds()).collect();
            let due: Vec<Timestamp> = evaluation.due.iter().map(|due| due.at).collect();
            assert_eq!(due, expected, "{expr} {missed:?}");
            assert!(matches!(evaluation.dropped.map(|dropped| dropped.count), Some(Count::AtLeast(_))));
            assert_eq!(evaluation.evaluated_until, now);
        }
    }
}

#[test]
fn two_thousand_are_counted_and_more_are_more() {
    let minutes =
        declared(Declared { cron: Some("* * * * *"), missed: Some(Missed::All(1_000)), ..Declared::default() });
    let from = at("2026-11-23T08:00");
    for (passed, runs, dropped) in [
        (1_001, 1_001, None),
        (1_002, 1_001, Some(Count::Exactly(1))),
        (2_000, 1_001, Some(Count::Exactly(999))),
        (2_001, 1_001, Some(Count::AtLeast(999))),
        (9_999, 1_001, Some(Count::AtLeast(999))),
    ] {
        let evaluation = minutes.evaluate(from, from + passed.minutes());
        assert_eq!(evaluation.due.len(), runs, "after {passed} minutes");
        assert_eq!(evaluation.dropped.map(|dropped| dropped.count), dropped, "after {passed} minutes");
    }
}

#[test]
fn every_goes_on_from_the_last_due_time() {
    let every = declared(Declared { every: Some(seconds(3_600)), missed: Some(Missed::Once), ..Declared::default() });
    let first = every.evaluate(every.begin(at("2026-11-23T08:10")), at("2026-11-23T08:10:00.002"));
    assert_eq!((shown(&first).as_str(), first.evaluated_until), ("08:10", at("2026-11-23T08:10")));
    let none = every.evaluate(first.evaluated_until, at("2026-11-23T09:09"));
    assert_eq!((shown(&none).as_str(), none.evaluated_until), ("", at("2026-11-23T08:10")));
    let gap = every.evaluate(none.evaluated_until, at("2026-11-23T12:20"));
    assert_eq!(shown(&gap), "late 12:10 dropped 3 (missed = \"once\")");
    assert_eq!(gap.evaluated_until, at("2026-11-23T12:10"));
    // A century of milliseconds is counted by division.
    let fast = declared(Declared { every: Some(std::time::Duration::from_millis(1)), ..Declared::default() });
    let century = fast.evaluate(at("1926-01-01T00:00"), at("2026-01-01T00:00"));
    assert_eq!(century.dropped.map(|dropped| dropped.count), Some(Count::Exactly(3_155_760_000_000 - 1)));
}

#[test]
fn an_at_in_the_past_is_missed() {
    let past = |missed, window| {
        declared(Declared { at: Some("2026-11-23 08:30"), missed: Some(missed), window, ..Declared::default() })
    };
    let loaded = at("2026-11-23T12:00");
    let evaluate = |schedule: Schedule| schedule.evaluate(schedule.begin(loaded), loaded);
    assert_eq!(shown(&evaluate(past(Missed::Once, None))), "late 08:30");
    assert_eq!(shown(&evaluate(past(Missed::Once, Some(seconds(3_600))))), "dropped 1 (window = \"1h\")");
    assert_eq!(shown(&evaluate(past(Missed::Skip, None))), "dropped 1 (missed = \"skip\")");
    let again = past(Missed::Once, None).evaluate(loaded, at("2026-11-24T12:00"));
    assert_eq!(shown(&again), "");
}

#[test]
fn a_clock_that_is_set_back_a_little_doubles_nothing() {
    let hourly = hourly(Missed::Once);
    let first = hourly.evaluate(at("2026-11-23T08:00"), at("2026-11-23T09:00:01"));
    let back = hourly.evaluate(first.evaluated_until, at("2026-11-23T08:59:58"));
    assert_eq!((shown(&back).as_str(), back.evaluated_until, back.rewound), ("", first.evaluated_until, false));
    assert_eq!(shown(&hourly.evaluate(back.evaluated_until, at("2026-11-23T09:00:02"))), "");
}

#[test]
fn a_clock_that_was_years_ahead_does_not_silence_a_schedule() {
    let ahead = at("2036-11-23T08:20");
    let hourly = hourly(Missed::Once);
    let back = hourly.evaluate(ahead, at("2026-11-23T08:30"));
    assert_eq!((back.due.len(), back.evaluated_until, back.rewound), (0, at("2026-11-23T08:30"), true));
    assert_eq!(shown(&hourly.evaluate(back.evaluated_until, at("2026-11-23T09:00"))), "09:00");

    let every = declared(Declared { every: Some(seconds(3_600)), ..Declared::default() });
    let back = every.evaluate(ahead, at("2026-11-23T08:30"));
    assert_eq!((back.evaluated_until, back.rewound), (at("2026-11-23T08:20"), true));
}
