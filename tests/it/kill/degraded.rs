//! What is asked of a daemon that cannot write its journal.
//!
//! A failed commit makes it degraded for a second at least: so long it waits before it tries to write again.

use std::time::Duration;

use steadfast::api::{Client, Start};
use steadfast::state::StateDir;

use super::check::{Allowed, check, reader};
use super::place::{Daemon, Place, eventually, signal};

fn began(place: &Place) -> usize {
    std::fs::read_to_string(place.side().join("log")).unwrap().lines().filter(|line| line.starts_with("begin")).count()
}

fn has_said(place: &Place, words: &str) -> bool {
    place.said().contains(words)
}

/// A daemon whose journal has just refused to be written.
fn degraded(place: &Place, flags: &[&str]) -> (Daemon, Client) {
    let daemon = place.start_armed(flags, "store::commit::before=error@8");
    eventually("it feels the disk", || has_said(place, "nothing new begins"));
    (daemon, Client::connect(&StateDir::at(place.state())).unwrap())
}

const DUE: &str = "overlap = \"allow\"\nschedule = { every = \"60ms\", missed = \"skip\" }";

#[test]
fn what_was_asked_of_a_degraded_daemon_holds_when_it_goes_on() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("due", 1, 5, "tidy", DUE);
    let (daemon, mut client) = degraded(&place, &["--no-watch"]);
    client.drain(true).unwrap();
    place.declare_workers("new", 1, 5, "tidy", "");
    assert!(client.reload().unwrap().difference.contains("added job new"));
    assert_eq!(client.status().unwrap().config.jobs, 2, "what was read is what it says that it has");
    eventually("it goes on", || client.status().unwrap().degraded.is_none());
    let before = began(&place);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(began(&place), before, "it was told to drain, and something began");
    assert!(client.status().unwrap().draining);
    let start = Start { job: "new".to_owned(), ..Start::default() };
    client.start(&[start]).expect("a job of the configuration that was read while it could not write");
    client.drain(false).unwrap();
    eventually("it begins again", || began(&place) > before);
    client.stop(false).unwrap();
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    place.declare_nothing();
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    let (wrong, figures) = check(&place, Allowed::default());
    assert!(wrong.is_empty(), "{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
}

#[test]
fn a_degraded_daemon_that_stops_takes_its_jobs_along_if_it_is_told_to() {
    let mut place = Place::new();
    place.declare_policy();
    place.declare_workers("long", 3, 20_000, "tidy", "stop = { leader = \"100ms\", all = \"100ms\" }");
    place.declare_workers("due", 1, 5, "tidy", DUE);
    let (daemon, mut client) = degraded(&place, &["--until-idle", "--slots", "6"]);
    eventually("the long ones run", || began(&place) > 3);
    client.stop(true).unwrap();
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    // Nobody is there to hear it: the shims write it down, and end without a daemon.
    eventually("their programs are gone and so are they", || place.shims().is_empty());
    place.declare_nothing();
    let next = place.start(&["--slots", "6"]);
    let count = |state: &str| -> i64 {
        let select = "SELECT count(*) FROM attempts JOIN runs ON runs.id = attempts.run WHERE job = 'long' AND attempts.state = ?1";
        reader(&place).query_row(select, [state], |row| row.get(0)).unwrap()
    };
    eventually("they are known to have been taken along", || count("interrupted") == 3);
    assert_eq!(count("failed"), 0, "nobody is charged for it");
    signal(next.pid(), "KILL");
}
