//! Mistakes in job files: what is said about them.

use std::time::Duration;

use jiff::tz::TimeZoneDatabase;

use super::super::{Declared, Missed};
use super::seconds;

/// Checks what is said, each as `key: message; help`.
fn refused(declared: Declared<'_>, expected: &[&str]) {
    let errors = declared.schedule(&TimeZoneDatabase::bundled()).expect_err("a mistake is refused");
    let shown: Vec<String> = errors.iter().map(|error| error.to_string().replace("\nhelp: ", "; ")).collect();
    assert_eq!(shown, expected);
}

/// Checks what is said about a cron expression and which part of it is meant.
fn cron(expr: &str, part: &str, message: &str, help: &str) {
    let declared = Declared { cron: Some(expr), ..Declared::default() };
    let errors = declared.schedule(&TimeZoneDatabase::bundled()).expect_err("a mistake is refused");
    let [error] = &errors[..] else { panic!("one mistake in `{expr}`, but {errors:?}") };
    assert_eq!((error.key, error.message.as_str(), error.help.as_str()), ("cron", message, help));
    assert_eq!(&expr[error.span.clone().expect("a mistake in an expression has a place")], part);
}

#[test]
fn a_wrong_expression_is_told_what_would_be_right() {
    cron("0 75 * * *", "75", "hour 75 does not exist", "hours run from 0 to 23");
    cron("60 * * * *", "60", "minute 60 does not exist", "minutes run from 0 to 59");
    cron("0 0 0 * *", "0", "day of the month 0 does not exist", "days of the month run from 1 to 31");
    cron("0 0 * 13 *", "13", "month 13 does not exist", "months run from 1 to 12");
    cron("0 0 * * 8", "8", "day of the week 8 does not exist", "days of the week run from 0 to 7");
    cron("0 0 * * Monday", "Monday", "`Monday` is no day of the week", "write `Mon`");
    cron("0 0 * June *", "June", "`June` is no month", "write `Jun`");
    cron(
        "0 0 * * Mon,Fry",
        "Fry",
        "`Fry` is no day of the week",
        "write `*`, numbers from 0 to 7, or the names `Sun` to `Sat`",
    );
    cron("0 x * * *", "x", "`x` is no hour", "write `*` or numbers from 0 to 23, such as `0`, `0-23` or `*/5`");
    cron("0 -1 * * *", "-1", "`` is no hour", "write `*` or numbers from 0 to 23, such as `0`, `0-23` or `*/5`");
    cron("0, * * * *", "", "`` is no minute", "write `*` or numbers from 0 to 59, such as `0`, `0-59` or `*/5`");
    let unknown = "`?`, `L`, `W` and `#` are not known here; write `*`, or the days as numbers or names";
    cron("0 0 L * *", "L", "`L` is no day of the month", unknown);
    cron("0 0 * * 5#2", "5#2", "`5#2` is no day of the week", unknown);
}

#[test]
fn ranges_and_steps_that_mislead_are_refused() {
    cron("0 22-2 * * *", "22-2", "the range `22-2` runs backwards", "write `22-23,0-2`");
    cron("0 0 * * Fri-Mon", "Fri-Mon", "the range `Fri-Mon` runs backwards", "write `Fri-Sat,Sun-Mon`");
    cron("0 0 * Nov-Feb *", "Nov-Feb", "the range `Nov-Feb` runs backwards", "write `Nov-Dec,Jan-Feb`");
    cron("5/15 * * * *", "5/15", "`5/15` has a step but no range", "write `5-59/15`");
    cron("*/0 * * * *", "*/0", "`0` is no step of minutes", "a step is a number from 1 to 59");
    let help = "cron starts anew every hour; for an even spacing write `every = \"90m\"`";
    cron("*/90 * * * *", "*/90", "the step `90` is too long for its range of minutes", help);
    let help = "cron starts anew every day; for an even spacing write `every = \"36h\"`";
    cron("0 */36 * * *", "*/36", "the step `36` is too long for its range of hours", help);
}

#[test]
fn an_expression_that_never_fires_is_refused() {
    let help = "name a day that one of the months has; 29 February comes in leap years";
    cron("0 0 30 2 *", "30 2 *", "`0 0 30 2 *` never fires: no month it names has such a day", help);
    cron(
        "0 0 31 4,6,9,11 *",
        "31 4,6,9,11 *",
        "`0 0 31 4,6,9,11 *` never fires: no month it names has such a day",
        help,
    );
}

#[test]
fn the_number_of_fields_and_the_nicknames() {
    let help = "write `minute hour day-of-month month day-of-week`, such as `30 8 * * Mon-Fri`";
    cron("30 8 * *", "30 8 * *", "`30 8 * *` has 4 fields, and cron has 5, or 6 with seconds", help);
    cron(" soon ", "soon", "`soon` has 1 field, and cron has 5, or 6 with seconds", help);
    cron("", "", "`` has 0 fields, and cron has 5, or 6 with seconds", help);
    let years = "there is no field of years: leave the last one out";
    cron(
        "0 0 0 1 1 * 2027",
        "0 0 0 1 1 * 2027",
        "`0 0 0 1 1 * 2027` has 7 fields, and cron has 5, or 6 with seconds",
        years,
    );
    cron("@every 5m", "@every 5m", "no schedule is called `@every 5m`", "write `every = \"5m\"` in place of `cron`");
    let known = "known are `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`";
    cron("@dayly", "@dayly", "no schedule is called `@dayly`", known);
    let reboot = "leave the schedule out: such a job starts by hand, by `after`, or with `serve --until-idle`";
    cron("@reboot", "@reboot", "no schedule is called `@reboot`", reboot);
}

#[test]
fn every_mistake_is_reported_at_once() {
    refused(
        Declared {
            cron: Some("60 24 * * *"),
            zone: Some("Asia/Shanghia"),
            missed: Some(Missed::All(0)),
            window: Some(Duration::ZERO),
            jitter: Some(Duration::from_nanos(1)),
            ..Declared::default()
        },
        &[
            "zone: no time zone is called `Asia/Shanghia`; did you mean `Asia/Shanghai`?",
            "cron: minute 60 does not exist; minutes run from 0 to 59",
            "cron: hour 24 does not exist; hours run from 0 to 23",
            "missed: 0 missed times cannot be made up for; write a number from 1 to 1000, or \"skip\"",
            "window: `window` is zero; write a time such as \"10m\"",
            "jitter: 1ns is finer than a millisecond; write whole milliseconds",
        ],
    );
}

#[test]
fn zones_are_found_by_the_nearest_name() {
    let zone = |name| Declared { cron: Some("@daily"), zone: Some(name), ..Declared::default() };
    refused(zone("berlin"), &["zone: no time zone is called `berlin`; did you mean `Europe/Berlin`?"]);
    refused(zone("Europe/Berln"), &["zone: no time zone is called `Europe/Berln`; did you mean `Europe/Berlin`?"]);
    refused(
        zone("xyzzy"),
        &["zone: no time zone is called `xyzzy`; write an IANA name such as `Europe/Berlin`, or `UTC`"],
    );
    let schedule = zone("europe/berlin").schedule(&TimeZoneDatabase::bundled()).expect("the case of letters is free");
    let super::super::When::Cron { zone, .. } = schedule.when() else { panic!("a cron schedule") };
    assert_eq!(zone.name(), "Europe/Berlin");
}

#[test]
fn one_of_cron_every_and_at_is_needed() {
    refused(
        Declared::default(),
        &["schedule: nothing says when; give one of `cron`, `every` and `at`, or leave the schedule out"],
    );
    let both = Declared { cron: Some("@daily"), every: Some(seconds(60)), ..Declared::default() };
    refused(
        both,
        &[
            "schedule: more than one of `cron`, `every` and `at` is given; keep one; a job that needs two schedules is two jobs",
        ],
    );
}

#[test]
fn times_that_mean_nothing_are_refused() {
    refused(
        Declared { every: Some(Duration::ZERO), ..Declared::default() },
        &["every: `every` is zero; write a time such as \"10m\""],
    );
    refused(
        Declared { every: Some(seconds(60)), zone: Some("UTC"), ..Declared::default() },
        &["zone: `every` counts elapsed time and has no zone; leave `zone` out, or use `cron`"],
    );
    refused(
        Declared { every: Some(seconds(60)), jitter: Some(seconds(60)), ..Declared::default() },
        &[
            "jitter: 1m is not shorter than the period of 1m; write less, so that starts keep the order of their due times",
        ],
    );
    refused(
        Declared { cron: Some("@daily"), missed: Some(Missed::Skip), window: Some(seconds(60)), ..Declared::default() },
        &["window: a window for missed times that are skipped anyway; leave `window` out, or write missed = \"once\""],
    );
    refused(
        Declared { cron: Some("@daily"), window: Some(seconds(4_000_000_000)), ..Declared::default() },
        &["window: 46296d7h6m40s is more than a century; write less"],
    );
}

#[test]
fn a_wrong_date_is_told_what_would_be_right() {
    let at = |text| Declared { at: Some(text), ..Declared::default() };
    refused(
        at("tomorrow"),
        &[
            "at: `tomorrow` is no date and time; write one as in `2026-11-23 08:30` for the zone's clock, or `2026-11-23T08:30:00+08:00`",
        ],
    );
    refused(
        at("2026-11-23T08:30[Europe/Berlin]"),
        &["at: `2026-11-23T08:30[Europe/Berlin]` names a zone in brackets; name it under `zone`"],
    );
    refused(
        at("2026-11-23T08:30:00.0001Z"),
        &["at: `2026-11-23T08:30:00.0001Z` is finer than a millisecond; write at most three digits after the seconds"],
    );
    assert_eq!(Missed::from_word("skip"), Ok(Missed::Skip));
    let wrong = Missed::from_word("all").expect_err("`all` needs a number");
    assert_eq!(
        wrong.to_string(),
        "missed: `all` says nothing about missed times\nhelp: write \"skip\", \"once\" or { all = 10 }"
    );
}
