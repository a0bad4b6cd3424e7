//! Tables in the words of job files, and the properties that no table can cover.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use super::{Declared, Missed, Schedule};

mod clocks;
mod errors;
mod missed;
mod nonsense;
mod splits;

/// A cron schedule in a zone.
fn cron(expr: &str, zone: &str) -> Schedule {
    declared(Declared { cron: Some(expr), zone: Some(zone), ..Declared::default() })
}

fn declared(declared: Declared<'_>) -> Schedule {
    declared.schedule(&TimeZoneDatabase::bundled()).expect("the test declares a right schedule")
}

/// An instant: an RFC 3339 time, or one of UTC without its `Z`.
fn at(text: &str) -> Timestamp {
    text.parse().or_else(|_| format!("{text}Z").parse()).expect("the test writes a right time")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Checks the due times after `from`, written as the zone's clock shows them.
fn check(expr: &str, zone: &str, from: &str, expected: &[&str]) {
    let upcoming = cron(expr, zone).preview(expected.len(), at(from));
    let shown: Vec<String> =
        upcoming.iter().map(|upcoming| upcoming.local.strftime("%a %F %R%:z").to_string()).collect();
    assert_eq!(shown, expected, "{expr} in {zone} after {from}");
}

#[test]
fn expressions_name_the_times_they_always_named() {
    let from = "2026-11-23T08:29:59.5Z";
    check("30 8 * * *", "UTC", from, &["Mon 2026-11-23 08:30+00:00", "Tue 2026-11-24 08:30+00:00"]);
    check("30 8 * * Mon-Fri", "UTC", "2026-11-27T09:00Z", &["Mon 2026-11-30 08:30+00:00"]);
    check("30 8 * * Mon-Fri", "Asia/Shanghai", from, &["Tue 2026-11-24 08:30+08:00"]);
    check("*/20 8,9 * * *", "UTC", from, &["Mon 2026-11-23 08:40+00:00", "Mon 2026-11-23 09:00+00:00"]);
    check("5-59/15 * * * *", "UTC", from, &["Mon 2026-11-23 08:35+00:00", "Mon 2026-11-23 08:50+00:00"]);
    check("0 0 29 feb *", "UTC", from, &["Tue 2028-02-29 00:00+00:00", "Sun 2032-02-29 00:00+00:00"]);
    check("0 0 29 2 */6", "UTC", from, &["Sun 2032-02-29 00:00+00:00", "Sat 2048-02-29 00:00+00:00"]);
    check(
        "0 0 31 * *",
        "UTC",
        from,
        &["Thu 2026-12-31 00:00+00:00", "Sun 2027-01-31 00:00+00:00", "Wed 2027-03-31 00:00+00:00"],
    );
    check("0 12 * * 7", "UTC", from, &["Sun 2026-11-29 12:00+00:00"]);
    check("0 12 * * Sat-Sun", "UTC", from, &["Sat 2026-11-28 12:00+00:00", "Sun 2026-11-29 12:00+00:00"]);
    check(" 0  12\t* * 5-7 ", "UTC", from, &["Fri 2026-11-27 12:00+00:00", "Sat 2026-11-28 12:00+00:00"]);
}

#[test]
fn the_rarest_day_is_found_across_a_century_without_a_leap_day() {
    let rarest = ["Fri 2188-02-29 00:00+00:00", "Sun 2224-02-29 00:00+00:00"];
    check("0 0 29 2 */5", "UTC", "2184-03-01T00:00Z", &rarest);
}

#[test]
fn two_restricted_day_fields_mean_either_and_a_star_means_both() {
    let from = "2026-11-01T00:00Z";
    check(
        "0 8 13 * Fri",
        "UTC",
        from,
        &["Fri 2026-11-06 08:00+00:00", "Fri 2026-11-13 08:00+00:00", "Fri 2026-11-20 08:00+00:00"],
    );
    check("0 8 10 * Fri", "UTC", from, &["Fri 2026-11-06 08:00+00:00", "Tue 2026-11-10 08:00+00:00"]);
    check("0 8 */2 * Mon", "UTC", from, &["Mon 2026-11-09 08:00+00:00", "Mon 2026-11-23 08:00+00:00"]);
    // February has no 31st, and its Mondays fit the other field.
    check("0 8 31 2 Mon", "UTC", from, &["Mon 2027-02-01 08:00+00:00"]);
}

#[test]
fn nicknames_and_seconds() {
    let from = "2026-11-23T08:29:59Z";
    check("@hourly", "UTC", from, &["Mon 2026-11-23 09:00+00:00"]);
    check("@Daily", "UTC", from, &["Tue 2026-11-24 00:00+00:00"]);
    check("@midnight", "UTC", from, &["Tue 2026-11-24 00:00+00:00"]);
    check("@weekly", "UTC", from, &["Sun 2026-11-29 00:00+00:00"]);
    check("@monthly", "UTC", from, &["Tue 2026-12-01 00:00+00:00"]);
    check("@yearly", "UTC", from, &["Fri 2027-01-01 00:00+00:00"]);
    check("@annually", "UTC", from, &["Fri 2027-01-01 00:00+00:00"]);
    let every_ten = cron("*/10 30 8 * * *", "UTC");
    let shown: Vec<String> = every_ten.preview(7, at(from)).iter().map(|due| due.due.to_string()).collect();
    assert_eq!(shown[0], "2026-11-23T08:30:00Z");
    assert_eq!(shown[5], "2026-11-23T08:30:50Z");
    assert_eq!(shown[6], "2026-11-24T08:30:00Z");
}

#[test]
fn parts_of_a_second_belong_to_the_second_they_follow_also_before_1970() {
    let schedule = cron("* * * * * *", "UTC");
    for (after, due) in
        [("1969-12-31T23:59:57.5Z", "1969-12-31T23:59:58Z"), ("2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:01Z")]
    {
        assert_eq!(schedule.next_after(at(after)), Some(at(due)), "after {after}");
    }
    assert_eq!(cron("59 23 * * *", "UTC").next_after(at("1969-12-31T23:58:59.9Z")), Some(at("1969-12-31T23:59:00Z")));
}

#[test]
fn the_calendar_ends_and_schedules_end_with_it() {
    assert_eq!(cron("0 0 1 1 *", "UTC").next_after(at("9999-06-01T00:00Z")), None);
    assert_eq!(cron("*/5 * * * *", "UTC").next_after(Timestamp::MAX), None);
    let every = declared(Declared { every: Some(seconds(60)), ..Declared::default() });
    assert_eq!(every.next_after(Timestamp::MAX), None);
}

#[test]
fn every_starts_at_load_and_at_is_due_once() {
    let every = declared(Declared { every: Some(seconds(5_400)), ..Declared::default() });
    let loaded = at("2026-11-23T08:00:00.123456Z");
    let shown: Vec<String> = every.preview(3, every.begin(loaded)).iter().map(|due| due.due.to_string()).collect();
    assert_eq!(shown, ["2026-11-23T08:00:00.123Z", "2026-11-23T09:30:00.123Z", "2026-11-23T11:00:00.123Z"]);

    let once = declared(Declared { at: Some("2026-11-24 08:30"), zone: Some("Europe/Berlin"), ..Declared::default() });
    assert_eq!(once.next_after(once.begin(loaded)), Some(at("2026-11-24T07:30Z")));
    assert_eq!(once.next_after(at("2026-11-24T07:30Z")), None);
    let offset = declared(Declared { at: Some("2026-11-24T08:30:00+08:00"), ..Declared::default() });
    assert_eq!(offset.next_after(loaded), Some(at("2026-11-24T00:30Z")));
}

#[test]
fn jitter_is_the_same_for_ever_and_stays_in_its_range() {
    let schedule =
        |jitter| declared(Declared { cron: Some("0 * * * *"), jitter: Some(seconds(jitter)), ..Declared::default() });
    let due = at("2026-11-23T08:00Z");
    // These values are seen by users and must survive every release.
    assert_eq!(schedule(120).jittered(due, "daily-papers"), at("2026-11-23T08:00:41.578Z"));
    assert_eq!(schedule(120).jittered(due, "sweep"), at("2026-11-23T08:01:26.869Z"));
    assert_eq!(schedule(120).jittered(at("2026-11-23T09:00Z"), "sweep"), at("2026-11-23T09:00:49.130Z"));
    assert_eq!(schedule(0).jittered(due, "sweep"), due);

    let spread: Vec<i64> = (0..1_000)
        .map(|number| schedule(120).jittered(due, &format!("job-{number}")).as_millisecond() - due.as_millisecond())
        .collect();
    assert!(spread.iter().all(|late| (0..=120_000).contains(late)));
    let tenths: Vec<usize> = (0..10)
        .map(|tenth| spread.iter().filter(|late| (tenth * 12_000..(tenth + 1) * 12_000).contains(*late)).count())
        .collect();
    assert!(tenths.iter().all(|jobs| (60..=140).contains(jobs)), "1,000 jobs over ten equal parts: {tenths:?}");
}

#[test]
fn missed_is_once_unless_something_is_said() {
    assert_eq!(cron("@daily", "UTC").missed(), Missed::Once);
}
