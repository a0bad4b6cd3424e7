//! However a span of time is cut by kills, restarts and idle looks, its due times are the same.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::{Count, Declared, Evaluation, Missed, Schedule};
use super::{at, declared};

/// Expressions that meet both kinds of jumps in Berlin, and a period; each with a missed rule that keeps everything.
fn schedule(choice: usize, missed: Missed) -> Schedule {
    const EXPRESSIONS: [&str; 7] = [
        "30 2 * * *",
        "0 * * * *",
        "*/20 1-3 * * *",
        "15 2,3 * * Sun",
        "0 0 * * *",
        "17 */2 25-31 * *",
        "5 3 * * Mon-Fri",
    ];
    match EXPRESSIONS.get(choice) {
        Some(expr) => declared(Declared {
            cron: Some(expr),
            zone: Some("Europe/Berlin"),
            missed: Some(missed),
            ..Declared::default()
        }),
        None => declared(Declared {
            every: Some(Duration::from_millis(5_400_500)),
            missed: Some(missed),
            ..Declared::default()
        }),
    }
}

/// The weeks around the jumps of 2026, in seconds.
fn span(autumn: bool) -> (Timestamp, i64) {
    (if autumn { at("2026-10-21T00:00") } else { at("2026-03-25T00:00") }, 8 * 86_400)
}

fn later(from: Timestamp, millis: i64) -> Timestamp {
    from + Duration::from_millis(u64::try_from(millis).expect("a span runs forward"))
}

/// Evaluates at each of the given milliseconds after `from`, handing the cursor on.
fn lived(schedule: &Schedule, from: Timestamp, looks: &[i64]) -> Vec<Evaluation> {
    let mut cursor = from;
    let mut evaluations = Vec::new();
    for look in looks {
        let evaluation = schedule.evaluate(cursor, later(from, *look));
        cursor = evaluation.evaluated_until;
        evaluations.push(evaluation);
    }
    evaluations
}

fn dues(evaluations: &[Evaluation]) -> Vec<Timestamp> {
    evaluations.iter().flat_map(|evaluation| &evaluation.due).map(|due| due.at).collect()
}

fn dropped(evaluations: &[Evaluation]) -> u64 {
    let counts = evaluations.iter().filter_map(|evaluation| evaluation.dropped).map(|dropped| match dropped.count {
        Count::Exactly(count) => count,
        Count::AtLeast(_) => panic!("these spans are counted exactly"),
    });
    counts.sum()
}

fn looks() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(0..8 * 86_400_000_i64, 0..60).prop_map(|mut looks| {
        looks.sort_unstable();
        looks.push(8 * 86_400_000);
        looks
    })
}

proptest! {
    #[test]
    fn no_due_time_is_lost_or_doubled(choice in 0..8_usize, autumn: bool, looks in looks()) {
        let schedule = schedule(choice, Missed::All(1_000));
        let (from, length) = span(autumn);
        let at_once = lived(&schedule, from, &[length * 1_000]);
        let in_pieces = lived(&schedule, from, &looks);
        prop_assert_eq!(dues(&in_pieces), dues(&at_once));
        prop_assert_eq!(dropped(&in_pieces), 0);
        let end = |evaluations: &[Evaluation]| evaluations.last().map(|last| last.evaluated_until);
        prop_assert_eq!(end(&in_pieces), end(&at_once));
    }

    #[test]
    fn each_due_time_runs_or_is_counted_as_dropped(
        choice in 0..8_usize, autumn: bool, looks in looks(), rule in 0..3_usize,
    ) {
        let missed = [Missed::Skip, Missed::Once, Missed::All(2)][rule];
        let (from, length) = span(autumn);
        let all = dues(&lived(&schedule(choice, Missed::All(1_000)), from, &[length * 1_000]));
        let evaluations = lived(&schedule(choice, missed), from, &looks);
        let run = dues(&evaluations);
        prop_assert!(run.is_sorted_by(|earlier, later| earlier < later), "in order, none twice");
        prop_assert!(run.iter().all(|due| all.contains(due)), "none that is not due");
        prop_assert_eq!(run.len() as u64 + dropped(&evaluations), all.len() as u64);
    }

    #[test]
    fn a_crash_before_the_cursor_is_written_finds_the_same_again(choice in 0..8_usize, autumn: bool, looks in looks()) {
        // The first evaluation's cursor is lost; what it found is found again by the second, and the store knows it.
        let schedule = schedule(choice, Missed::All(1_000));
        let (from, length) = span(autumn);
        let lost = dues(&lived(&schedule, from, &looks[..1]));
        let again = dues(&lived(&schedule, from, &[length * 1_000]));
        prop_assert!(again.starts_with(&lost));
    }

    #[test]
    fn a_clock_that_jumps_back_and_forth_doubles_nothing(
        choice in 0..8_usize, autumn: bool, mut looks in looks(), back in 0..3_600_000_i64,
    ) {
        // Every other look reads a clock that is up to an hour behind.
        for look in looks.iter_mut().step_by(2) {
            *look = (*look - back).max(0);
        }
        let schedule = schedule(choice, Missed::All(1_000));
        let (from, length) = span(autumn);
        looks.push(length * 1_000);
        let found = dues(&lived(&schedule, from, &looks));
        prop_assert_eq!(found, dues(&lived(&schedule, from, &[length * 1_000])));
    }

    #[test]
    fn the_next_due_time_is_the_first_one(choice in 0..7_usize, autumn: bool, after in 0..8 * 86_400_000_i64) {
        let schedule = schedule(choice, Missed::All(1_000));
        let (from, length) = span(autumn);
        let all = dues(&lived(&schedule, from, &[length * 1_000]));
        let after = later(from, after);
        let expected = all.iter().copied().find(|due| *due > after);
        prop_assert!(expected.is_none() || schedule.next_after(after) == expected);
    }
}
