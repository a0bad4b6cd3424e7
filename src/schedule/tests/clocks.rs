//! Clocks that jump: the written rule, case by case. The oracle in the integration tests has them all.

use jiff::Timestamp;

use super::super::Declared;
use super::{at, check, cron, declared};

#[test]
fn a_time_that_does_not_exist_is_due_after_the_jump() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00Z",
        &["Sun 2026-03-29 03:00+02:00", "Mon 2026-03-30 02:30+02:00"],
    );
    check(
        "30 0 * * *",
        "America/Sao_Paulo",
        "2018-11-03T12:00Z",
        &["Sun 2018-11-04 01:00-02:00", "Mon 2018-11-05 00:30-02:00"],
    );
}

#[test]
fn times_jumped_over_together_are_one() {
    check(
        "0,30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00Z",
        &["Sun 2026-03-29 03:00+02:00", "Mon 2026-03-30 02:00+02:00"],
    );
    check(
        "* 2 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00Z",
        &["Sun 2026-03-29 03:00+02:00", "Mon 2026-03-30 02:00+02:00"],
    );
    check(
        "30 2,3 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00Z",
        &["Sun 2026-03-29 03:00+02:00", "Sun 2026-03-29 03:30+02:00"],
    );
    check(
        "0 2,3 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00Z",
        &["Sun 2026-03-29 03:00+02:00", "Mon 2026-03-30 02:00+02:00"],
    );
}

#[test]
fn a_time_that_comes_twice_is_due_the_first_time() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00Z",
        &["Sun 2026-10-25 02:30+02:00", "Mon 2026-10-26 02:30+01:00"],
    );
    let hours = ["Sun 2026-10-25 02:00+02:00", "Sun 2026-10-25 04:00+01:00"];
    check("0 */2 * * *", "Europe/Berlin", "2026-10-24T23:00Z", &hours);
    // Looked at from the second pass, the repeated hour is over.
    check("*/20 1-3 * * *", "Europe/Berlin", "2026-10-25T01:05Z", &["Sun 2026-10-25 03:00+01:00"]);
    check("*/20 1-3 * * *", "Europe/Berlin", "2026-10-25T01:00Z", &["Sun 2026-10-25 03:00+01:00"]);
    check("*/20 1-3 * * *", "Europe/Berlin", "2026-10-25T00:59:59.9Z", &["Sun 2026-10-25 03:00+01:00"]);
}

#[test]
fn intervals_follow_the_clock_as_it_runs() {
    let spring = ["Sun 2026-03-29 01:30+01:00", "Sun 2026-03-29 03:00+02:00", "Sun 2026-03-29 03:30+02:00"];
    check("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", &spring);
    let autumn = [
        "Sun 2026-10-25 02:30+02:00",
        "Sun 2026-10-25 02:00+01:00",
        "Sun 2026-10-25 02:30+01:00",
        "Sun 2026-10-25 03:00+01:00",
    ];
    check("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00Z", &autumn);
    check("*/30 0-23 * * *", "Europe/Berlin", "2026-10-25T00:00Z", &autumn);
    // Lord Howe Island sets its clocks by half an hour.
    check(
        "45 * * * *",
        "Australia/Lord_Howe",
        "2026-04-04T14:40Z",
        &["Sun 2026-04-05 01:45+11:00", "Sun 2026-04-05 01:45+10:30"],
    );
    check(
        "45 0-22 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T14:40Z",
        &["Sun 2026-04-05 01:45+11:00", "Sun 2026-04-05 02:45+10:30"],
    );
}

#[test]
fn a_day_that_does_not_exist_is_due_at_the_next_midnight() {
    let samoa = ["Thu 2011-12-29 08:30-10:00", "Sat 2011-12-31 00:00+14:00", "Sat 2011-12-31 08:30+14:00"];
    check("30 8 * * *", "Pacific/Apia", "2011-12-29T12:00Z", &samoa);
    check(
        "30 8 30 12 *",
        "Pacific/Apia",
        "2011-12-29T12:00Z",
        &["Sat 2011-12-31 00:00+14:00", "Sun 2012-12-30 08:30+14:00"],
    );
    check("0 * 30 12 *", "Pacific/Apia", "2011-12-29T12:00Z", &["Sun 2012-12-30 00:00+14:00"]);
}

#[test]
fn offsets_that_are_no_whole_minutes() {
    // Liberia was 44 minutes and 30 seconds behind until 7 January 1972.
    let liberia = cron("30 0 * * *", "Africa/Monrovia");
    let dues: Vec<Timestamp> = liberia.preview(3, at("1972-01-06T00:00Z")).iter().map(|due| due.due).collect();
    assert_eq!(dues, [at("1972-01-06T01:14:30Z"), at("1972-01-07T00:44:30Z"), at("1972-01-08T00:30Z")]);
}

#[test]
fn an_at_that_does_not_exist_is_moved_and_one_that_comes_twice_is_the_first() {
    let berlin = |text| declared(Declared { at: Some(text), zone: Some("Europe/Berlin"), ..Declared::default() });
    assert_eq!(berlin("2026-03-29T02:30").next_after(Timestamp::UNIX_EPOCH), Some(at("2026-03-29T01:00Z")));
    assert_eq!(berlin("2026-10-25T02:30").next_after(Timestamp::UNIX_EPOCH), Some(at("2026-10-25T00:30Z")));
}

/// Checks the notes of the due times after `from`; no note is an empty string.
fn notes(expr: &str, from: &str, expected: &[&str]) {
    let upcoming = cron(expr, "Europe/Berlin").preview(expected.len(), at(from));
    let notes: Vec<String> =
        upcoming.iter().map(|due| due.note.map(|note| note.to_string()).unwrap_or_default()).collect();
    assert_eq!(notes, expected, "{expr} after {from}");
}

#[test]
fn the_preview_says_what_a_jump_did() {
    notes("30 2 * * *", "2026-03-27T12:00Z", &["", "moved: 2026-03-29 02:30 does not exist", ""]);
    notes("0,30 2,3 * * *", "2026-03-28T12:00Z", &["moved: 2026-03-29 02:00 does not exist; 3 due times in one", ""]);
    notes("30 2 * * *", "2026-10-24T12:00Z", &["comes twice, runs the first time", ""]);
    let twice = ["", "comes twice, runs both times: the first", "comes twice, runs both times: the second", ""];
    notes("30 * * * *", "2026-10-24T23:00Z", &twice);
    notes(
        "*/30 * * * *",
        "2026-03-29T00:20Z",
        &["", "2 times from 2026-03-29 02:00 on do not exist and are left out", ""],
    );
    notes("15 * * * *", "2026-03-29T00:20Z", &["2026-03-29 02:15 does not exist and is left out", ""]);
    // The clock jumped, but over none of the times that the expression names.
    notes("0 12 * * *", "2026-03-28T12:00Z", &["", ""]);
    notes("0 3 * * *", "2026-03-28T12:00Z", &["", ""]);

    let moved = declared(Declared { at: Some("2026-03-29 02:30"), zone: Some("Europe/Berlin"), ..Declared::default() });
    let note = moved.preview(5, Timestamp::UNIX_EPOCH)[0].note.map(|note| note.to_string());
    assert_eq!(note.as_deref(), Some("moved: 2026-03-29 02:30 does not exist"));
}
