//! The checker itself: faults that are planted must be named, each.

use rusqlite::Connection;

use super::check::{Allowed, METRONOME, check};
use super::client::Acknowledged;
use super::place::{Place, eventually, signal};

/// A place where everything went well, with a few ticks.
fn sound() -> Place {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 4, 5, "tidy", "");
    place.declare_workers(
        METRONOME.0,
        1,
        5,
        "tidy",
        "overlap = \"allow\"\nschedule = { every = \"200ms\", missed = { all = 9 } }",
    );
    let daemon = place.start(&["--slots", "1"]);
    eventually("there are ticks", || place.side_log().matches("end ").count() > 8);
    signal(daemon.pid(), "TERM");
    assert_eq!(daemon.ends().code(), Some(0));
    place.declare_nothing();
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    place
}

#[test]
fn every_planted_fault_is_named() {
    let place = sound();
    let allowed = Allowed { slots: Some(2), ..Allowed::default() };
    let found = || check(&place, allowed).0;
    assert_eq!(found(), Vec::<String>::new(), "before anything is planted");
    let log = place.side_log();
    let good = log.lines().find(|line| line.starts_with("end ") && line.ends_with(" 0")).expect("one succeeded");
    let words: Vec<&str> = good.split(' ').collect();
    let begin = log.lines().find(|line| line.starts_with(&format!("begin {} {} ", words[1], words[2]))).unwrap();
    let again = begin.replace(words[3], "0123");
    let plant = |text: String, words: &str| {
        std::fs::write(place.side().join("log"), text).unwrap();
        let found = found();
        std::fs::write(place.side().join("log"), &log).unwrap();
        assert!(found.iter().any(|line| line.contains(words)), "no word of `{words}`: {found:?}");
    };
    plant(format!("{log}{begin}1\n"), "started 2 times");
    plant(format!("{log}{again}\n"), "started 2 times");
    plant(log.replace(begin, &again).replace(good, &good.replace(words[3], "0123")), "under another token");
    plant(format!("{log}overlap 1 2 x y\n"), "two attempts alive together");
    plant(log.replace(&format!("{good}\n"), ""), "does not fit what it wrote");
    plant(log.replace(good, &good.replace(" 0", " 1")), "does not fit what it wrote");
    plant(format!("{log}{good}\n"), "ended twice");
    plant(format!("{log}begin 9999 1 aa b\nend 9999 1 aa 0\n"), "is not in the store");
    plant(format!("begin 9997 1 aa b\nbegin 9998 1 aa b\n{log}"), "run at once");
    let finalizer = log.lines().find(|line| line.starts_with("finalizer")).unwrap();
    plant(format!("{log}{finalizer}\n"), "wrote 2 lines");
}

#[test]
fn a_hole_in_the_store_is_named() {
    let place = sound();
    let rows = Connection::open(place.state().join("store.db")).unwrap();
    let found = || check(&place, Allowed::default()).0;
    assert_eq!(found(), Vec::<String>::new(), "before anything is planted");
    let ticks = "(SELECT due FROM ticks WHERE job = 'metronome' ORDER BY due LIMIT 1 OFFSET 1)";
    rows.execute(&format!("DELETE FROM ticks WHERE job = 'metronome' AND due = {ticks}"), ()).unwrap();
    let seen = found();
    assert!(seen.iter().any(|line| line.contains("between two ticks of metronome lie 400 ms")), "{seen:?}");
    let ended = "(SELECT seq FROM journal WHERE kind = 'stepped' AND body LIKE '%\"ended\"%' LIMIT 1)";
    rows.execute(&format!("DELETE FROM journal WHERE seq = {ended}"), ()).unwrap();
    let seen = found();
    assert!(
        seen.iter().any(|line| line.contains("has no terminal record") || line.contains("is recorded after")),
        "{seen:?}"
    );
    let lost = Acknowledged { starts: vec![("never-stored".to_owned(), 1)], again: 0 }.lost(&place);
    assert!(lost[0].contains("never-stored was acknowledged as run 1 and is None"), "{lost:?}");
}
