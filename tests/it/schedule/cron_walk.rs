//! The comparison: what the schedules say against what the oracle saw.
//!
//! In the suite: every transition of every zone, two days to either side, and three whole zones. Two transitions with
//! the same instant and the same offsets around it are one case, which is walked for the first zone that has it; the
//! other zones are held to what the oracle saw there, for the expressions that are due a few times a day.
//!
//! With `STEADFAST_CRON_WALK` in the environment (`cargo xtask cron-walk` sets it) no zone is spared any expression,
//! and the three zones are walked with all of them, every minute included. Better in a release build.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use steadfast::schedule::{Declared, Schedule};

use super::oracle::{DAY, Oracle};

/// Fixed times of each kind and intervals of each kind.
const EXPRESSIONS: [&str; 12] = [
    "30 2 * * *",
    "0 0 * * *",
    "59 23 * * *",
    "*/20 1-3 * * *",
    "* 2 * * *",
    "0 */2 * * *",
    "15 0,1,2,3 * * Sun",
    "30 8 * * Mon-Fri",
    "0 3 1-7 3,4,10,11 Sat",
    "*/30 * * * *",
    "7 * * * *",
    "*/20 0-23 */2 * Sun-Sat",
];

/// The expression that is due so often that only the full walk can afford it everywhere.
const EVERY_MINUTE: &str = "* * * * *";

/// The zones that are walked whole: the usual jumps, half an hour, and a day that never was.
const WHOLE: [&str; 3] = ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"];

/// The expressions for whole zones in the suite: one fixed in most gaps, several times together, one interval.
const IN_WHOLE_ZONES: [&str; 3] = ["30 2 * * *", "*/20 0-3 13 * Fri", "15 * * * Sun"];

/// 1970 to 2050.
const SPAN: std::ops::Range<i64> = 0..2_524_608_000;

/// Days to either side of a transition.
const AROUND: i64 = 2 * DAY;

/// A case: a transition with the offset that holds before, and all the jumps around it.
type Case = Vec<(i64, i64)>;

/// Whether the full walk is asked for.
fn walk_everything() -> bool {
    std::env::var_os("STEADFAST_CRON_WALK").is_some()
}

fn schedule(expr: &str, zone: &str, zones: &TimeZoneDatabase) -> Schedule {
    let declared = Declared { cron: Some(expr), zone: Some(zone), ..Declared::default() };
    declared.schedule(zones).expect("the walk's expressions are right")
}

/// The due times in `from..=to`, each found from the one before.
fn dues(schedule: &Schedule, from: i64, to: i64) -> Vec<i64> {
    let before = Timestamp::from_second(from - 1).expect("the walk stays in the calendar");
    std::iter::successors(schedule.next_after(before), |due| schedule.next_after(*due))
        .map(Timestamp::as_second)
        .take_while(|due| *due <= to)
        .collect()
}

/// The offsets of a zone from 1960 on, without changes of name alone.
fn offsets(rules: &TimeZone) -> Vec<(i64, i64)> {
    let start = Timestamp::from_second(SPAN.start - 3_653 * DAY).expect("1960 is in the calendar");
    let mut offsets = vec![(i64::MIN, i64::from(rules.to_offset(start).seconds()))];
    for jump in rules.following(start).take_while(|jump| jump.timestamp().as_second() < SPAN.end + 10 * DAY) {
        let offset = i64::from(jump.offset().seconds());
        if offsets.last().is_some_and(|(_, last)| *last != offset) {
            offsets.push((jump.timestamp().as_second(), offset));
        }
    }
    offsets
}

/// The jumps around a transition that the walk can see, the warming up of the oracle included.
fn case(offsets: &[(i64, i64)], transition: i64) -> Case {
    let seen = |at: i64| at > transition - AROUND - 2 * DAY && at <= transition + AROUND + DAY;
    let before = offsets.iter().rfind(|(at, _)| *at < transition && !seen(*at)).map_or(0, |(_, offset)| *offset);
    let jumps = offsets.iter().copied().filter(|(at, _)| seen(*at));
    [(transition, before)].into_iter().chain(jumps).collect()
}

/// What is compared for one zone around one transition.
struct Around<'a> {
    zone: &'a str,
    transition: i64,
    schedules: &'a [Schedule],
    seen: &'a [Vec<i64>],
}

impl Around<'_> {
    /// Compares each schedule that is due at most `often` times.
    fn compare(&self, expressions: &[&str], often: usize, differences: &mut Vec<String>) {
        for ((expr, schedule), seen) in expressions.iter().zip(self.schedules).zip(self.seen) {
            if seen.len() > often {
                continue;
            }
            let found = dues(schedule, self.transition - AROUND, self.transition + AROUND);
            if found != *seen {
                differences.push(difference(self.zone, expr, &found, seen));
            }
        }
    }
}

fn difference(zone: &str, expr: &str, found: &[i64], seen: &[i64]) -> String {
    let place = found.iter().zip(seen).position(|(found, seen)| found != seen).unwrap_or(found.len().min(seen.len()));
    let show = |due: Option<&i64>| due.and_then(|due| Timestamp::from_second(*due).ok()).map(|due| due.to_string());
    format!("{zone}, {expr}: found {:?}, the clock says {:?}", show(found.get(place)), show(seen.get(place)))
}

#[test]
fn every_transition_of_every_zone() {
    let everything = walk_everything();
    let expressions: Vec<&str> = EXPRESSIONS.into_iter().chain(everything.then_some(EVERY_MINUTE)).collect();
    let oracle = Oracle::new(&expressions);
    let zones = TimeZoneDatabase::bundled();
    let names: Vec<String> = zones.available().map(|name| name.as_str().to_owned()).collect();
    let (mut seen, mut transitions, mut differences) = (HashMap::<Case, Vec<Vec<i64>>>::new(), 0, Vec::new());
    for zone in &names {
        let offsets = offsets(&zones.get(zone).expect("a listed zone is there"));
        let schedules: Vec<Schedule> = expressions.iter().map(|expr| schedule(expr, zone, &zones)).collect();
        for (transition, _) in offsets.iter().copied().filter(|(at, _)| SPAN.contains(at)) {
            transitions += 1;
            let case = case(&offsets, transition);
            let known = seen.contains_key(&case);
            let watch = || oracle.watch(&offsets, transition - AROUND, transition + AROUND);
            let seen = seen.entry(case).or_insert_with(watch);
            let often = if known && !everything { 12 } else { usize::MAX };
            Around { zone, transition, schedules: &schedules, seen }.compare(&expressions, often, &mut differences);
        }
    }
    assert!(
        names.len() > 400 && transitions > 10_000,
        "{} zones with {transitions} transitions are too few",
        names.len()
    );
    let first: Vec<_> = differences.iter().take(20).collect();
    assert!(differences.is_empty(), "{} differences in {transitions} transitions: {first:#?}", differences.len());
}

#[test]
fn three_whole_zones() {
    let expressions: Vec<&str> = match walk_everything() {
        true => EXPRESSIONS.into_iter().chain([EVERY_MINUTE]).collect(),
        false => IN_WHOLE_ZONES.to_vec(),
    };
    let oracle = Oracle::new(&expressions);
    let zones = TimeZoneDatabase::bundled();
    for zone in WHOLE {
        let rules = zones.get(zone).expect("the zone is there");
        let seen = oracle.watch(&offsets(&rules), SPAN.start, SPAN.end);
        for (expr, seen) in expressions.iter().zip(&seen) {
            assert!(seen.len() > 500, "{zone}, {expr}: the clock must say something");
            let found = dues(&schedule(expr, zone, &zones), SPAN.start, SPAN.end);
            assert!(found == *seen, "{}", difference(zone, expr, &found, seen));
        }
    }
}

/// The offsets that the oracle goes by are those that the zone has at every quarter of an hour.
#[test]
fn the_oracle_knows_the_offsets() {
    let zones = TimeZoneDatabase::bundled();
    for zone in WHOLE {
        let rules = zones.get(zone).expect("the zone is there");
        let offsets = offsets(&rules);
        for (place, (since, offset)) in offsets.iter().enumerate() {
            let until = offsets.get(place + 1).map_or(SPAN.end, |(until, _)| *until);
            for at in ((*since).max(SPAN.start)..until).step_by(900) {
                let at = Timestamp::from_second(at).expect("the walk stays in the calendar");
                assert_eq!(i64::from(rules.to_offset(at).seconds()), *offset, "{zone} at {at}");
            }
        }
    }
}

/// A field of values from `first` to `last`: everything, some values, ranges and steps.
fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let range = (first..last).prop_flat_map(move |low| (Just(low), low + 1..=last));
    let stepped = range.clone().prop_flat_map(|(low, high)| (Just(low), Just(high), 1..=high - low));
    prop_oneof![
        2 => Just("*".to_owned()),
        1 => (1..=last - first).prop_map(|step| format!("*/{step}")),
        2 => proptest::collection::vec(first..=last, 1..4)
            .prop_map(|values| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
        1 => range.prop_map(|(low, high)| format!("{low}-{high}")),
        1 => stepped.prop_map(|(low, high, step)| format!("{low}-{high}/{step}")),
    ]
}

/// Expressions; the day of the month is mostly free, so that most of them are due on the few days that are walked.
fn expression() -> impl Strategy<Value = String> {
    let day = prop_oneof![2 => Just("*".to_owned()), 1 => field(1, 31)];
    let month = prop_oneof![3 => Just("*".to_owned()), 1 => field(1, 12)];
    (field(0, 59), field(0, 23), day, month, field(0, 6))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// Some jumps: forward, back, by half an hour, at midnight, over a whole day, and by seconds.
const JUMPS: [(&str, &str); 6] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Africa/Monrovia", "1972-01-07T00:44:30Z"),
];

proptest! {
    #[test]
    fn any_expression_around_any_kind_of_jump(expr in expression(), jump in 0..JUMPS.len()) {
        let (zone, jump) = JUMPS[jump];
        let zones = TimeZoneDatabase::bundled();
        let declared = Declared { cron: Some(&expr), zone: Some(zone), ..Declared::default() };
        // The fields are right one by one; together they may name 30 February.
        let Ok(schedule) = declared.schedule(&zones) else { return Ok(()) };
        let offsets = offsets(&zones.get(zone).expect("the zone is there"));
        let jump: Timestamp = jump.parse().expect("the jump is a time");
        prop_assert!(offsets.iter().any(|(at, _)| *at == jump.as_second()), "there is a jump");
        let (from, to) = (jump.as_second() - AROUND, jump.as_second() + AROUND);
        prop_assert_eq!(vec![dues(&schedule, from, to)], Oracle::new(&[&expr]).watch(&offsets, from, to));
    }
}
