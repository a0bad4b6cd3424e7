//! Stopping on purpose, and a second daemon.

use std::time::{Duration, Instant};

use super::check::{Allowed, check, reader};
use super::place::{Place, eventually, lives, signal};

/// How many lines of the side file begin with a word.
fn said(place: &Place, word: &str) -> usize {
    let log = std::fs::read_to_string(place.side().join("log")).unwrap();
    log.lines().filter(|line| line.starts_with(word)).count()
}

#[track_caller]
fn is_right(place: &Place, allowed: Allowed) {
    let (wrong, figures) = check(place, allowed);
    assert!(wrong.is_empty(), "{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
}

#[test]
fn a_daemon_that_is_stopped_leaves_its_jobs_to_the_next() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("long", 3, 1_500, "tidy", "");
    let daemon = place.start(&["--until-idle", "--slots", "3"]);
    eventually("three attempts run", || said(&place, "begin") == 3);
    let asked = Instant::now();
    signal(daemon.pid(), "TERM");
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    assert!(asked.elapsed() < Duration::from_secs(1), "it waited for its jobs: {:?}", asked.elapsed());
    assert!(!place.shims().is_empty() && said(&place, "end") == 0);
    assert!(matches!(place.calm(), Some(0 | 1)));
    is_right(&place, Allowed::default());
    let rows = reader(&place);
    let clean: i64 =
        rows.query_row("SELECT count(*) FROM journal WHERE kind = 'daemon-slept'", (), |row| row.get(0)).unwrap();
    assert_eq!(clean, 2, "both daemons ended cleanly");
    let crossed: i64 =
        rows.query_row("SELECT count(*) FROM journal WHERE kind = 'crossed'", (), |row| row.get(0)).unwrap();
    assert_eq!(crossed, 0, "a clean stop is no death");
}

#[test]
fn with_stop_jobs_a_stop_takes_the_attempts_along_and_they_go_on_later() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("long", 3, 3_000, "tidy", "stop = { leader = \"200ms\", all = \"200ms\" }");
    let daemon = place.start(&["--until-idle", "--slots", "3", "--stop-jobs"]);
    eventually("three attempts run", || said(&place, "begin") == 3);
    let asked = Instant::now();
    signal(daemon.pid(), "TERM");
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    assert!(asked.elapsed() < Duration::from_millis(2_500), "the ladder has short steps: {:?}", asked.elapsed());
    assert_eq!(said(&place, "end"), 0, "none came to its end");
    let lost: i64 = reader(&place)
        .query_row("SELECT count(*) FROM attempts WHERE state = 'interrupted'", (), |row| row.get(0))
        .unwrap();
    assert_eq!(lost, 3, "{}", place.said());
    eventually("no shim is left", || place.shims().is_empty());
    assert!(matches!(place.calm(), Some(0 | 1)));
    is_right(&place, Allowed { lost: true, ..Allowed::default() });
}

#[test]
fn a_second_daemon_is_refused_even_if_the_first_is_asleep() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("long", 2, 1_000, "tidy", "");
    let daemon = place.start(&["--until-idle"]);
    eventually("an attempt runs", || said(&place, "begin") > 0);
    for word in ["CONT", "STOP"] {
        signal(daemon.pid(), word);
        let refused = place.start(&["--until-idle"]).ends();
        assert_eq!(refused.code(), Some(5), "{}", place.said());
        assert!(place.said().contains(&format!("in use by process {}", daemon.pid())), "{}", place.said());
    }
    signal(daemon.pid(), "CONT");
    assert!(lives(daemon.pid()));
    assert!(matches!(daemon.ends().code(), Some(0 | 1)), "{}", place.said());
    is_right(&place, Allowed::default());
}

/// Found by the campaign: a shim that is being started when its daemon is killed holds a copy of the store's lock until it has
/// become another program, and the daemon that came at once was turned away.
#[test]
fn a_daemon_that_comes_at_once_is_not_turned_away_by_a_half_born_shim() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("alone", 40, 5, "tidy", "limits = { open-files = 64 }");
    for _ in 0..25 {
        // Every attempt has a shim of its own, so that a kill often falls into the birth of one.
        let mut daemon = place.start(&["--until-idle"]);
        std::thread::sleep(Duration::from_millis(70));
        if let Some(ended) = daemon.has_ended() {
            assert!(matches!(ended.code(), Some(0 | 1)), "{}", place.said());
            break;
        }
        daemon.kill();
    }
    assert!(!place.said().contains("in use by"), "{}", place.said());
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    is_right(&place, Allowed::default());
}

/// Found by the checker: the pool waited five seconds for a daemon that had nothing left to do, and left its folder for ever.
#[test]
fn a_daemon_that_ends_takes_its_idle_shims_along() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 5, 5, "tidy", "");
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    assert_eq!(place.shims(), Vec::<i32>::new());
    let folder = place.state().join("shims");
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["claims"]);
    is_right(&place, Allowed::default());
}

/// Found by reading: attempts that were lost together have the same place in their shim's journal, and of several only the last
/// was acknowledged, so that the others' claims and the shim's folder stayed until the next start.
#[test]
fn what_was_lost_together_leaves_nothing_while_the_daemon_lives() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("together", 3, 400, "tidy", "");
    let daemon = place.start(&["--until-idle", "--slots", "3"]);
    eventually("three attempts run", || said(&place, "begin") == 3);
    let pools = place.shims();
    let families = steadfast::sys::proc::by_parent();
    pools.iter().for_each(|pool| signal(*pool, "STOP"));
    let held = pools.iter().flat_map(|pool| steadfast::sys::proc::family(&families[pool]));
    held.for_each(|program| signal(program.pid, "KILL"));
    pools.iter().for_each(|pool| signal(*pool, "KILL"));
    eventually("all are known to be lost", || {
        let rows = reader(&place);
        rows.query_row("SELECT count(*) FROM attempts WHERE state = 'interrupted'", (), |row| row.get::<_, i64>(0))
            .unwrap()
            == 3
    });
    let folder = place.state().join("shims");
    eventually("nothing is left of them", || {
        let entries = [folder.clone(), folder.join("claims")].map(|folder| std::fs::read_dir(folder).unwrap().count());
        // The claims and the pool of those that go on, until they are over too.
        entries[0] <= 2 && entries[1] <= 3
    });
    assert!(matches!(daemon.ends().code(), Some(0 | 1)), "{}", place.said());
    is_right(&place, Allowed { lost: true, ..Allowed::default() });
}
